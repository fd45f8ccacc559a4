"""The protobuf wire format: fields walked where they stand, in bounded windows, by whoever knows their numbers.

Rules: a length that leaves its message is `Malformed`, one that leaves the file is `Truncated`; a field of a wrong wire
type is `Malformed`, because parsers differ about it; what passes a limit is `Unsupported`, neither vouched for nor
blamed. A field that the caller does not name is stepped over, as every protobuf parser does.

Source: the protobuf encoding guide; groups, which proto3 never writes, are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]

MAX_FIELDS = 1 << 21
MAX_NAME_BYTES = 4096
MAX_TEXT_BYTES = 64 << 20
"""Names and values of one file together."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Unsupported(Malformed):
    """Well formed as far as can be told, but larger or newer than this reader follows."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `start` and `end` bound its bytes; `value` is the number of a varint."""

    number: int
    wire: int
    start: int
    end: int
    value: int


class Wire:
    """A file of `size_bytes`, with the limits that all its messages share."""

    WINDOW_BYTES = 1 << 16

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read = read
        self._size = size_bytes
        self._window = b""
        self._window_start = 0
        self._fields = 0
        self._text_bytes = 0

    def whole(self) -> Iterator[Field]:
        """The fields of the outermost message."""
        return self.walk(0, self._size)

    def inside(self, message: Field) -> Iterator[Field]:
        """The fields of a message within."""
        return self.walk(sized(message).start, message.end)

    def walk(self, at: int, end: int) -> Iterator[Field]:
        """The fields between two offsets."""
        while at < end:
            self._fields += 1
            if self._fields > MAX_FIELDS:
                raise Unsupported(f"more than {MAX_FIELDS} fields by offset {at:#x}")
            begin = at
            tag, at = self._varint(at, end)
            kind, wire = tag >> 3, tag & 7
            if not 0 < kind < 1 << 29:
                raise Malformed(f"field number {kind} at offset {begin:#x} does not exist")
            value, size = 0, 0
            if wire == VARINT:
                value, at = self._varint(at, end)
            elif wire == BYTES:
                size, at = self._varint(at, end)
            elif wire in (FIXED64, FIXED32):
                size = 8 if wire == FIXED64 else 4
            else:
                raise Malformed(f"wire type {wire} at offset {begin:#x} is not of this format")
            if size > end - at:
                raise self._short(f"{size} bytes promised at offset {at:#x}, {end - at} left", end)
            yield Field(kind, wire, at, at + size, value)
            at += size

    def numbers(self, part: Field, most: int) -> list[int]:
        """A repeated number, packed or by itself; one more than `most` where there are more."""
        if part.wire == VARINT:
            return [part.value]
        found: list[int] = []
        at = sized(part).start
        while at < part.end and len(found) <= most:
            value, at = self._varint(at, part.end)
            found.append(value)
        return found

    def text(self, part: Field, most: int = MAX_NAME_BYTES) -> str:
        """A string field. Raises `Unsupported` beyond `most` bytes."""
        return self.data(part, most).decode("utf-8", "replace")

    def data(self, part: Field, most: int = MAX_NAME_BYTES) -> bytes:
        """The bytes of a field. Raises `Unsupported` beyond `most`."""
        size = sized(part).end - part.start
        self._text_bytes += size
        if size > most or self._text_bytes > MAX_TEXT_BYTES:
            raise Unsupported(f"text of {size} bytes at offset {part.start:#x}, more than this reader keeps")
        place = part.start - self._window_start
        if place >= 0 and place + size <= len(self._window):
            return self._window[place : place + size]
        return self._read(part.start, size)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise self._short(f"a number is cut off at offset {at:#x}", end)
            byte = self._byte(at)
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:
                return value & (1 << 64) - 1, at
        raise Malformed(f"a number of more than ten bytes before offset {at:#x}")

    def _byte(self, at: int) -> int:
        place = at - self._window_start
        if not 0 <= place < len(self._window):
            self._window_start, place = at, 0
            self._window = self._read(at, min(self.WINDOW_BYTES, self._size - at))
        return self._window[place]

    def _short(self, message: str, end: int) -> Malformed:
        # Only the outermost message ends where the file does because somebody stopped writing.
        return Truncated(message) if end == self._size else Malformed(message)


def number(part: Field) -> int:
    """The number of a varint field. Raises Malformed for a field of another wire type."""
    if part.wire != VARINT:
        raise Malformed(f"field {part.number} at offset {part.start:#x} is no number")
    return part.value


def sized(part: Field) -> Field:
    """The field, which has a length. Raises Malformed for one of another wire type."""
    if part.wire != BYTES:
        raise Malformed(f"field {part.number} at offset {part.start:#x} has no length")
    return part


def write(number: int, value: int | str | bytes) -> bytes:
    """One field, for built examples: a number, or bytes with their length."""
    if isinstance(value, int):
        return _written(number << 3) + _written(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else value
    return _written(number << 3 | BYTES) + _written(len(data)) + data


def _written(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
