"""Bounded, total readers of untrusted bytes.

Rules: every reader ends; what it allocates is bounded by an argument, not by a number in the file; a file that ends
early is `Truncated`, one that breaks its format is `Malformed`, and neither is ever clean. No `pickle`, `pickletools`,
`zipfile` or `tarfile`: parsers that differ from the loader's are how most scanners are beaten.
"""

from __future__ import annotations


class Malformed(Exception):
    """The bytes break their format; the message says where."""


class Truncated(Malformed):
    """The file ends before what it promises."""
