"""One thing that loading would fetch or import, and whether it is the same thing tomorrow.

An entry is pinned by a commit (40 hex digits) or a digest; a branch or a tag moves. What lies in the subject itself is
pinned by the subject's own digests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bascule.records import Severity


class Kind(StrEnum):
    """What is fetched, in the words of the reading."""

    CODE = "code"
    KERNEL = "kernel"
    BASE_MODEL = "base-model"
    WEIGHTS = "weights"
    MERGE_INPUT = "merge-input"
    LOCAL_CODE = "local-code"
    LOCAL_PATH = "local-path"
    IMPORT = "import"
    SOURCE = "source"
    """named as where the file came from, not fetched"""


_FETCHED = {
    Kind.CODE: Severity.MEDIUM,
    Kind.KERNEL: Severity.MEDIUM,
    Kind.BASE_MODEL: Severity.LOW,
    Kind.WEIGHTS: Severity.LOW,
    Kind.MERGE_INPUT: Severity.LOW,
    Kind.LOCAL_PATH: Severity.LOW,
}
_FIXED = re.compile(r"[0-9a-f]{40}|sha256[:-][0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """`name` and `revision` as the file states them, the latter empty where it states none; `place`: a key or line."""

    kind: Kind
    name: str
    place: str
    revision: str = ""
    what: str = ""

    @property
    def is_pinned(self) -> bool:
        return _FIXED.fullmatch(self.revision) is not None

    @property
    def unpinned_severity(self) -> Severity | None:
        """How much it weighs that this is not pinned; None where it is, or where nothing is fetched."""
        return None if self.is_pinned else _FETCHED.get(self.kind)

    def told(self) -> str:
        """`code org/repo@main: modeling.Model`, the form of the reading."""
        at = f"@{self.revision or 'unpinned'}" if self.kind in _FETCHED and self.kind is not Kind.LOCAL_PATH else ""
        return f"{self.kind} {self.name}{at}" + (f": {self.what}" if self.what else "")
