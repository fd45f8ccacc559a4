"""Digests: sha256 everywhere an identity is meant.

A `Sha256` is 64 lower-case hex digits that have been checked; a `Digest` is the same with its prefix,
`sha256:…`, as it stands in documents.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, NewType

from bascule.kernel.canonical import canonical_json
from bascule.kernel.errors import InputError

Sha256 = NewType("Sha256", str)
Digest = NewType("Digest", str)

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
_HEX = re.compile(r"[0-9a-f]{64}")


def sha256_of(data: bytes | memoryview) -> Sha256:
    """sha256 of bytes, as 64 hex digits."""
    return Sha256(hashlib.sha256(data).hexdigest())


def digest_of(data: bytes | memoryview) -> Digest:
    """sha256 of bytes, as `sha256:…`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of_json(value: Any) -> Digest:
    """sha256 of the canonical JSON of a value, as `sha256:…`."""
    return digest_of(canonical_json(value))


def as_digest(sha256: str) -> Digest:
    """A `Digest` from 64 hex digits. Law: as_sha256(as_digest(s)) == s."""
    return Digest("sha256:" + as_sha256(sha256))


def as_sha256(text: str) -> Sha256:
    """64 checked hex digits from `sha256:…` or bare hex.

    Raises InputError `kernel.not-a-digest`.
    """
    bare = text.removeprefix("sha256:")
    if not _HEX.fullmatch(bare):
        raise InputError(
            "kernel.not-a-digest",
            f"`{text[:80]}` is not a sha256 digest",
            "give 64 hex digits, or `sha256:` and 64 hex digits",
        )
    return Sha256(bare)
