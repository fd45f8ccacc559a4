"""FlatBuffers: tables, vectors and strings, by offsets that are checked before they are followed.

Rules: an offset or length that leaves the file is `Malformed`, or `Truncated` where it points behind the end; the
number of tables that are opened is bounded, because offsets may be shared and made to fan out; a field that a table
does not have is absent, and has the default that its caller gives.

Source: "FlatBuffer Internals" of the FlatBuffers documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]

MAX_TABLES = 1 << 19
MAX_VECTOR = 1 << 20
"""Elements of one vector that is walked; vectors of bytes are only measured."""
MAX_ELEMENTS = 1 << 25
"""Elements of all vectors together."""
_WINDOW_BYTES = 1 << 16


class Buffer:
    """A file of `size_bytes`."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read = read
        self.size_bytes = size_bytes
        self._window = b""
        self._start = 0
        self._tables = 0
        self._elements = 0

    def root(self) -> Table:
        """The table that everything else hangs from."""
        at = self.number(0, 4)
        if not 4 <= at <= self.size_bytes - 4:
            raise Malformed(f"the root lies at {at:#x}, outside the file of {self.size_bytes:#x} bytes")
        return self.table(at)

    def bytes_at(self, at: int, size: int) -> bytes:
        """Exactly that many bytes, from a window."""
        if at < 0 or at + size > self.size_bytes:
            raise Truncated(f"{size} bytes at offset {at:#x}, the file ends at {self.size_bytes:#x}")
        if size > _WINDOW_BYTES:
            return self._read(at, size)
        if not (self._start <= at and at + size <= self._start + len(self._window)):
            # Writers fill from the end, so that what is referred to lies on both sides.
            self._start = max(0, min(at - _WINDOW_BYTES // 4, self.size_bytes - _WINDOW_BYTES))
            self._window = self._read(self._start, min(_WINDOW_BYTES, self.size_bytes - self._start))
            if at + size > self._start + len(self._window):
                self._start, self._window = at, self._read(at, min(_WINDOW_BYTES, self.size_bytes - at))
        return self._window[at - self._start : at - self._start + size]

    def number(self, at: int, size: int, signed: bool = False) -> int:
        """A little-endian number."""
        return int.from_bytes(self.bytes_at(at, size), "little", signed=signed)

    def spend(self, count: int) -> None:
        """Count elements that are copied: many tables may share one long vector."""
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise Malformed(f"more than {MAX_ELEMENTS} numbers and letters in vectors")

    def table(self, at: int) -> Table:
        """The table at an offset. Raises `Malformed` where its table of fields cannot be one."""
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise Malformed(f"more than {MAX_TABLES} tables")
        fields_at = at - self.number(at, 4, signed=True)
        if not 0 <= fields_at <= self.size_bytes - 4:
            raise Malformed(f"the table at {at:#x} has its fields at {fields_at:#x}, outside the file")
        size = self.number(fields_at, 2)
        inline = self.number(fields_at + 2, 2)
        if size < 4 or size % 2 or inline < 4 or at + inline > self.size_bytes:
            raise Malformed(f"the table at {at:#x} has {size} bytes of fields and {inline} of its own")
        return Table(self, at, fields_at, size, inline)


@dataclass(frozen=True, slots=True)
class Vector:
    """`count` elements from `start`."""

    start: int
    count: int


@dataclass(frozen=True, slots=True)
class Table:
    """One table. Fields go by their index in the schema."""

    buffer: Buffer
    at: int
    fields_at: int
    fields_bytes: int
    inline_bytes: int

    def place(self, index: int, size: int) -> int | None:
        """Where a field of `size` bytes lies; None where the table has none."""
        at = 4 + 2 * index
        if at + 2 > self.fields_bytes:
            return None
        offset = self.buffer.number(self.fields_at + at, 2)
        if offset == 0:
            return None
        if offset < 4 or offset + size > self.inline_bytes:
            raise Malformed(f"field {index} of the table at {self.at:#x} lies outside the table")
        return self.at + offset

    def number(self, index: int, size: int, default: int = 0, signed: bool = False) -> int:
        """A scalar field."""
        place = self.place(index, size)
        return default if place is None else self.buffer.number(place, size, signed)

    def vector(self, index: int, element_bytes: int) -> Vector | None:
        """A vector whose elements all lie in the file."""
        place = self.place(index, 4)
        if place is None:
            return None
        start = place + self.buffer.number(place, 4)
        count = self.buffer.number(start, 4)
        if start + 4 + count * element_bytes > self.buffer.size_bytes:
            raise Truncated(f"a vector of {count} elements at {start:#x} leaves the file")
        return Vector(start + 4, count)

    def text(self, index: int, most: int = 4096) -> str:
        """A string, cut at `most` bytes; empty where there is none."""
        found = self.vector(index, 1)
        if found is None:
            return ""
        size = min(found.count, most)
        self.buffer.spend(size)
        return self.buffer.bytes_at(found.start, size).decode("utf-8", "replace")

    def child(self, index: int) -> Table | None:
        """A table that a field refers to."""
        place = self.place(index, 4)
        return None if place is None else self.buffer.table(place + self.buffer.number(place, 4))

    def tables(self, index: int) -> Iterator[Table]:
        """A vector of tables."""
        found = self.vector(index, 4)
        if found is None:
            return
        if found.count > MAX_VECTOR:
            raise Malformed(f"a vector of {found.count} tables at {found.start:#x}")
        for number in range(found.count):
            at = found.start + 4 * number
            yield self.buffer.table(at + self.buffer.number(at, 4))

    def numbers(self, index: int, size: int, signed: bool = False) -> tuple[int, ...]:
        """A vector of numbers."""
        found = self.vector(index, size)
        if found is None:
            return ()
        if found.count > MAX_VECTOR:
            raise Malformed(f"a vector of {found.count} numbers at {found.start:#x}")
        self.buffer.spend(found.count)
        data = self.buffer.bytes_at(found.start, found.count * size)
        return tuple(int.from_bytes(data[at : at + size], "little", signed=signed) for at in range(0, len(data), size))
