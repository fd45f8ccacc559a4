"""What is told about the pickles of a file."""

from __future__ import annotations

from dataclasses import dataclass

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.verdict import Remark
from bascule.records import Severity


@dataclass(frozen=True, slots=True)
class Pickle:
    """One run of pickles, judged. `fault`: why it could not be read to its end."""

    place: str
    remarks: tuple[Remark, ...]
    fault: Malformed | None = None
    shift: int = 0
    """added to the remarks' offsets, so that they count from the beginning of the place"""

    @property
    def has_run(self) -> bool:
        """Something was called that is not known to be harmless."""
        return any(remark.severity.rank >= Severity.MEDIUM.rank for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A container that breaks."""

    place: str
    fault: Malformed


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An archive that two loaders would read differently: `code: detail`."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Bytes that were not looked into, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Carried:
    """A whole pickle within the bytes or the text of another, which a load does not unpack by itself.

    how: as what it is written. callable: what unpacking it would call that is not known to be harmless; empty for none.
    """

    place: str
    how: str
    size_bytes: int
    callable: str = ""


Note = Carried | Pickle | Unreadable | Anomaly | NotCovered
