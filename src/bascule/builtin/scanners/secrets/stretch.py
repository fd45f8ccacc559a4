"""A piece of a file to sweep, and how a place in it is named for people."""

from __future__ import annotations

from dataclasses import dataclass

_NEWLINE = b"\n"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes to sweep. `first_line`: the line they begin on, 0 where lines mean nothing; `place`: a key or region."""

    data: bytes
    start: int
    first_line: int = 0
    place: str = ""
    hand_written: bool = True
    settings: bool = False

    def at(self, offset: int) -> str:
        """A location for people: `line 12`, `general.description`, `offset 0x40`."""
        if self.first_line:
            return f"line {self.first_line + self.data.count(_NEWLINE, 0, offset)}"
        return self.place or f"offset {self.start + offset:#x}"
