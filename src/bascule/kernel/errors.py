"""Errors carry a code, a sentence and a hint; the tree says whose fault it was.

    BasculeError
    ├── InputError      the caller's file, flag or document: exit code 2
    ├── EvidenceError   evidence that cannot be read, verified or found
    ├── PluginError     a plug-in that broke its promise
    ├── UpstreamError   a registry, hub, endpoint or engine outside this process
    └── StoreError      the ledger, the blobs or the database

Rules: a sentence is lower case, without a stop, with input in backticks; the hint says what to do next; all
faults of one input are reported at once. A refusal is a `Decision`, never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence


class BasculeError(Exception):
    """A failure that a person can act on.

    code: `room.what-happened`, stable, documented under docs/reference/errors.md.
    hint: one sentence, what to do next; empty only when nothing can be done.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[BasculeError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)


class InputError(BasculeError):
    """What the caller gave cannot be used as it is."""

    @classmethod
    def from_faults(cls, code: str, what: str, faults: Sequence[str], hint: str = "") -> InputError:
        """All faults of one input, in one error: the first line names the input, the others the places."""
        lines = "".join(f"\n  {fault}" for fault in faults)
        return cls(code, f"{what}{lines}", hint)


class EvidenceError(BasculeError):
    """Evidence cannot be read, verified or found."""


class PluginError(BasculeError):
    """A plug-in broke its promise."""


class UpstreamError(BasculeError):
    """Something outside this process did not answer as needed."""


class StoreError(BasculeError):
    """The ledger, the blobs or the database cannot do what was asked; nothing was half-written."""
