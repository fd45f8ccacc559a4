"""MessagePack, walked value by value without building anything: what it holds besides data.

Rules: the walk is a loop that counts what is still to come, so that no depth exhausts it; bytes and strings are stepped
over, save that the beginning of each is shown to the caller; a value that leaves the file is `Truncated`, a byte that
begins no value is `Malformed`, and so are bytes behind the last value.

Source: the MessagePack specification.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]

MAX_VALUES = 1 << 22
MAX_DEPTH = 1024
HEAD_BYTES = 512
_WINDOW_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Value:
    """kind: `text`, `bytes` or `extension`. code: of an extension. head: its first bytes."""

    kind: str
    start: int
    size_bytes: int
    code: int
    head: bytes


# First byte to (bytes of its number, what the number counts).
_SIZED = {
    **{0xC4 + power: (1 << power, "bytes") for power in range(3)},
    **{0xC7 + power: (1 << power, "extension") for power in range(3)},
    **{0xD9 + power: (1 << power, "text") for power in range(3)},
    **{0xDC + power: (2 << power, "array") for power in range(2)},
    **{0xDE + power: (2 << power, "map") for power in range(2)},
}
_SCALARS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_SCALARS |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}


def values(read: Read, size_bytes: int) -> Iterator[Value]:
    """Every string, byte string and extension of one document, in order."""
    window, base = b"", 0

    def take(at: int, size: int) -> bytes:
        nonlocal window, base
        if at + size > size_bytes:
            raise Truncated(f"{size} bytes promised at offset {at:#x}, the file ends at {size_bytes:#x}")
        if not (base <= at and at + size <= base + len(window)):
            base, window = at, read(at, min(max(size, _WINDOW_BYTES), size_bytes - at))
        return window[at - base : at - base + size]

    at = count = 0
    open_ends = [1]
    while open_ends:
        if open_ends[-1] == 0:
            open_ends.pop()
            continue
        open_ends[-1] -= 1
        count += 1
        if count > MAX_VALUES or len(open_ends) > MAX_DEPTH:
            raise Malformed(f"more than {MAX_VALUES} values, or {MAX_DEPTH} in one another")
        first = take(at, 1)[0]
        at += 1
        kind, size = "", 0
        if first in _SCALARS:
            at += _SCALARS[first]
        elif first in _SIZED:
            width, kind = _SIZED[first]
            size = int.from_bytes(take(at, width), "big")
            at += width
        elif 0x80 <= first < 0xA0:
            kind, size = ("map", first & 15) if first < 0x90 else ("array", first & 15)
        elif 0xA0 <= first < 0xC0:
            kind, size = "text", first & 31
        elif 0xD4 <= first <= 0xD8:
            kind, size = "extension", 1 << first - 0xD4
        elif first == 0xC1:
            raise Malformed(f"no value begins with the byte at offset {at - 1:#x}")
        if kind in ("array", "map"):
            open_ends.append(size * (2 if kind == "map" else 1))
        elif kind:
            code = 0
            if kind == "extension":
                code = int.from_bytes(take(at, 1), "big", signed=True)
                at += 1
            if at + size > size_bytes:
                raise Truncated(f"{size} bytes promised at offset {at:#x}, the file ends at {size_bytes:#x}")
            yield Value(kind, at, size, code, take(at, min(size, HEAD_BYTES)))
            at += size
    if at > size_bytes:
        raise Truncated(f"a value ends at {at:#x}, the file at {size_bytes:#x}")
    if at < size_bytes:
        raise Malformed(f"{size_bytes - at} bytes behind the last value")
