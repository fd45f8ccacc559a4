"""The header of a GGUF file, versions 1 to 3, of either byte order: keys, tensors and where their bytes lie.

Rules: every count and length is checked against the bytes that are left before anything is kept; arrays keep their
first items and count the rest; what a loader would refuse or read out of bounds is `Malformed`, and a `Lie` where it is
of a kind that loaders have fallen for; tensors lie one behind the other, each aligned; a header or tensor that runs
past the end otherwise is `Truncated`; a version or tensor type that we do not know is `Unsupported`, because it can be
neither vouched for nor blamed. Tensor bytes are never read.

Source: the GGUF specification in ggml's docs, and the checks of its reference loader.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]

MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 17
MAX_ITEMS = 1 << 22
"""Array items stepped over in one file; the largest vocabularies stay below a quarter of this."""
MAX_KEPT_ITEMS = 4096
MAX_KEPT_ITEMS_IN_ALL = 1 << 18
"""of all arrays together; of those after it the items are only counted"""
MAX_KEY_BYTES = (1 << 16) - 1
MAX_STRING_BYTES = 32 << 20
MAX_KEPT_BYTES = 40 << 20
ABSURD_COUNT = 1 << 32
"""A length or count that no file holds: an attack on the loader's arithmetic, where a smaller one may be a cut file."""
ABSURD_BYTES = 1 << 48
MAX_DIMENSIONS = 4
MAX_TYPE = 1000
"""A type number up to here may be a newer one; loaders look their tables up by it."""
MAX_DEPTH = 4
DEFAULT_ALIGNMENT = 32


class KeepingFile(Protocol):
    """A file that keeps what was read from it once, as `ScanFile` does."""

    @property
    def size_bytes(self) -> int: ...
    def read(self, offset: int, size: int) -> bytes: ...
    def kept(self, what: str, make: Callable[[], Header]) -> Header: ...


class Unsupported(Malformed):
    """Well formed as far as can be told, but of a version or type that this reader does not know."""


class Lie(Malformed):
    """A number that loaders have fallen for. `references`: their CVEs, or the CWE; `loader`: which one does what."""

    def __init__(self, message: str, *references: str, loader: str = "") -> None:
        super().__init__(message)
        self.references = references
        self.loader = loader


@dataclass(frozen=True, slots=True)
class Array:
    """An array value: how long it is, its first items (`MAX_KEPT_ITEMS` at most), and the number of their type."""

    count: int
    items: tuple[Value, ...]
    kind: int = field(default=-1, compare=False)

    @property
    def complete(self) -> bool:
        return self.count == len(self.items)


Value = str | int | float | bool | Array


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: its shape in file order (fastest first), ggml type and byte range within the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    start: int
    size_bytes: int

    @property
    def elements(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says before its data. `header_end`, `data_start` (after padding) and `data_end` are file
    offsets."""

    version: int
    byte_order: str
    keys: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_start: int
    data_end: int
    header_end: int = 0

    @property
    def parameters(self) -> int:
        """Elements of all tensors of this file."""
        return sum(tensor.elements for tensor in self.tensors)

    def text(self, key: str) -> str:
        """A key's value where it is a string, else the empty string."""
        value = self.keys.get(key)
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A key's strings, whether it holds one or an array of them."""
        value = self.keys.get(key)
        if isinstance(value, str):
            return (value,)
        if isinstance(value, Array):
            return tuple(item for item in value.items if isinstance(item, str))
        return ()


# ggml type number: (name, elements per block, bytes per block). Numbers 4, 5 and 31-33, 36-38 were withdrawn.
_TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 36),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    31: ("Q4_0_4_4", 32, 18),
    32: ("Q4_0_4_8", 32, 18),
    33: ("Q4_0_8_8", 32, 18),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    36: ("IQ4_NL_4_4", 32, 18),
    37: ("IQ4_NL_4_8", 32, 18),
    38: ("IQ4_NL_8_8", 32, 18),
    39: ("MXFP4", 32, 17),
}

# Value type number: struct code. 8 is a string and 9 an array.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_SCALAR_BYTES = {number: struct.calcsize("<" + code) for number, code in _SCALARS.items()}
STRING, ARRAY = 8, 9
_BOOL = 7


def header_of(file: KeepingFile) -> Header:
    """The header of a file under scan, read once however many ask. Raises as `read_header` does."""
    return file.kept("gguf header", lambda: read_header(file.read, file.size_bytes))


def read_header(read: Read, size_bytes: int) -> Header:
    """The header of a GGUF file of `size_bytes`.

    Raises `Malformed` naming the place, `Truncated` when the file ends before what it promises, and `Unsupported` for
    an unknown version or tensor type.
    """
    cursor = _Cursor(read, size_bytes)
    magic = cursor.take(4)
    if magic not in (b"GGUF", b"FUGG"):
        raise Malformed("no GGUF magic at offset 0")
    version_bytes = cursor.take(4)
    version = int.from_bytes(version_bytes, "little")
    if magic == b"FUGG" or version & 0xFFFF == 0:
        # Only the version tells the order: big-endian writers keep the magic as it is.
        cursor.order, version = ">", int.from_bytes(version_bytes, "big")
    if not 1 <= version <= 3:
        raise Unsupported(f"GGUF version {version} is not known to this reader")
    cursor.wide = version > 1

    tensor_count = cursor.count("tensors", MAX_TENSORS, 24 if cursor.wide else 20, "CVE-2024-25666", "CVE-2024-21836")
    key_count = cursor.count("keys", MAX_KEYS, 13 if cursor.wide else 9, "CVE-2024-25664", "CVE-2024-23605")
    keys = _read_keys(cursor, key_count)
    rows = [_read_tensor(cursor) for _ in range(tensor_count)]
    return _place(cursor, version, keys, rows)


def _read_keys(cursor: _Cursor, count: int) -> dict[str, Value]:
    keys: dict[str, Value] = {}
    for _ in range(count):
        at = cursor.offset
        key = cursor.name("key", MAX_KEY_BYTES)
        if key in keys:
            raise Lie(
                f"key `{key[:80]}` appears twice, again at offset {at:#x}",
                "CWE-436",
                loader="llama.cpp before 2025 takes the first, since then it refuses the file",
            )
        keys[key] = _read_value(cursor, cursor.number("I"), depth=0, keep=True)
    return keys


def _read_value(cursor: _Cursor, kind: int, depth: int, keep: bool) -> Value:
    at = cursor.offset
    if kind == STRING:
        return cursor.string(MAX_STRING_BYTES, keep)
    if kind == ARRAY:
        return _read_array(cursor, depth, keep)
    if kind not in _SCALARS:
        raise Lie(f"value type {kind} at offset {at - 4:#x} does not exist", "CVE-2024-21825", "CWE-129")
    return _scalar(cursor.take(_SCALAR_BYTES[kind]), kind, cursor.order, at)


def _read_array(cursor: _Cursor, depth: int, keep: bool) -> Array:
    at = cursor.offset
    if depth == MAX_DEPTH:
        raise Lie(f"arrays nest deeper than {MAX_DEPTH} at offset {at:#x}", "CWE-674")
    kind = cursor.number("I")
    if kind not in _SCALARS and kind not in (STRING, ARRAY):
        raise Lie(f"array item type {kind} at offset {at:#x} does not exist", "CVE-2024-21825", "CWE-129")
    smallest = _SCALAR_BYTES.get(kind, 8 if cursor.wide else 4)
    most = None if kind in _SCALARS else MAX_ITEMS
    count = cursor.count("array items", most, smallest, "CVE-2024-25667", "CVE-2024-21825")
    kept = cursor.keep_items(count) if keep else 0
    if kind in _SCALARS:
        items = tuple(_scalar(cursor.take(smallest), kind, cursor.order, cursor.offset) for _ in range(kept))
        cursor.skip((count - kept) * smallest)
        return Array(count, items, kind)
    cursor.spend_items(count)
    values: list[Value] = [_read_value(cursor, kind, depth + 1, keep) for _ in range(kept)]
    if kind == STRING:
        cursor.skip_strings(count - kept)
    else:
        for _ in range(count - kept):
            _read_array(cursor, depth + 1, keep=False)
    return Array(count, tuple(values), kind)


def _scalar(data: bytes, kind: int, order: str, at: int) -> int | float | bool:
    if kind == _BOOL:
        if data[0] > 1:
            raise Malformed(f"boolean {data[0]} at offset {at:#x} is neither 0 nor 1")
        return data[0] == 1
    value: int | float = struct.unpack(order + _SCALARS[kind], data)[0]
    return value


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size_bytes: int


def _read_tensor(cursor: _Cursor) -> _Row:
    at = cursor.offset
    name = cursor.name("tensor name", MAX_KEY_BYTES)
    dimensions = cursor.number("I")
    if dimensions > MAX_DIMENSIONS:
        raise Lie(
            f"tensor `{name[:80]}` at offset {at:#x} has {dimensions} dimensions, more than {MAX_DIMENSIONS}",
            "CVE-2024-21802",
        )
    shape = tuple(cursor.length_number() for _ in range(dimensions))
    kind = cursor.number("I")
    offset = cursor.number("Q")
    if kind > MAX_TYPE:
        raise Lie(f"tensor `{name[:80]}` at offset {at:#x} is of type {kind}, which cannot exist", "CWE-129")
    if kind not in _TENSOR_TYPES:
        raise Unsupported(f"tensor `{name[:80]}` at offset {at:#x} is of type {kind}, not known to this reader")
    type_name, block, block_bytes = _TENSOR_TYPES[kind]
    elements = 1
    for length in shape:
        elements *= length
    if elements >= 1 << 63:
        raise Lie(
            f"tensor `{name[:80]}` at offset {at:#x} has more elements than 63 bits count",
            "CVE-2025-53630",
            "CVE-2024-21802",
            "CWE-190",
        )
    if shape and shape[0] % block:
        raise Malformed(
            f"tensor `{name[:80]}` at offset {at:#x}: rows of {shape[0]} are no whole blocks of {type_name}"
        )
    return _Row(name, shape, type_name, offset, elements // block * block_bytes)


def _place(cursor: _Cursor, version: int, keys: dict[str, Value], rows: list[_Row]) -> Header:
    alignment = keys.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or not 0 < alignment <= 1 << 30:
        raise Lie("`general.alignment` is not a positive number", "CWE-369")
    if alignment & (alignment - 1):
        raise Lie(f"`general.alignment` is {alignment}, no power of two", "CWE-682")
    data_start = -(-cursor.offset // alignment) * alignment
    tensors = []
    seen: set[str] = set()
    for row in rows:
        if row.name in seen:
            raise Lie(
                f"tensor `{row.name[:80]}` appears twice",
                "CWE-436",
                loader="llama.cpp refuses it; older ones take the first",
            )
        seen.add(row.name)
        if row.offset % alignment:
            raise Malformed(f"tensor `{row.name[:80]}` starts at {row.offset:#x}, off the alignment of {alignment}")
        # The sum is exact here; a loader that adds in 64 bits would wrap round to a small number.
        if row.offset + row.size_bytes >= ABSURD_BYTES:
            raise Lie(
                f"tensor `{row.name[:80]}` ends at {row.offset + row.size_bytes:#x}, where no file reaches",
                "CVE-2025-53630",
                "CWE-190",
            )
        tensors.append(Tensor(row.name, row.shape, row.type, data_start + row.offset, row.size_bytes))
    by_place = sorted((tensor for tensor in tensors if tensor.size_bytes), key=lambda tensor: tensor.start)
    _check_places(by_place, data_start, alignment)
    last = by_place[-1] if by_place else None
    if last and last.start + last.size_bytes > cursor.size_bytes:
        raise Truncated(
            f"tensor `{last.name[:80]}` ends at {last.start + last.size_bytes}, the file at {cursor.size_bytes}"
        )
    data_end = last.start + last.size_bytes if last else min(data_start, cursor.size_bytes)
    order = "little" if cursor.order == "<" else "big"
    return Header(version, order, keys, tuple(tensors), min(data_start, cursor.size_bytes), data_end, cursor.offset)


def _check_places(by_place: list[Tensor], data_start: int, alignment: int) -> None:
    expected = data_start
    name = "the header"
    for tensor in by_place:
        if tensor.start < expected:
            raise Lie(f"tensors `{name[:80]}` and `{tensor.name[:80]}` overlap at {tensor.start:#x}", "CWE-436")
        if tensor.start > expected:
            raise Lie(
                f"tensor `{tensor.name[:80]}` starts at {tensor.start:#x}, where {expected:#x} is its place",
                "CWE-125",
                loader="llama.cpp since 2025 refuses the file, older ones read from there",
            )
        expected = tensor.start + -(-tensor.size_bytes // alignment) * alignment
        name = tensor.name


class _Cursor:
    """A position in the file over one reused window, so that a million small fields cost few reads."""

    WINDOW_BYTES = 1 << 20

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read = read
        self._window = b""
        self._window_start = 0
        self._items = 0
        self._kept_items = 0
        self._kept_bytes = 0
        self.size_bytes = size_bytes
        self.offset = 0
        self.order = "<"
        self.wide = True

    @property
    def left(self) -> int:
        return self.size_bytes - self.offset

    def take(self, size: int) -> bytes:
        start = self.offset - self._window_start
        if start >= 0 and start + size <= len(self._window):
            self.offset += size
            return self._window[start : start + size]
        if size > self.left:
            raise Truncated(f"{size} bytes promised at offset {self.offset:#x}, {self.left} left")
        if size > self.WINDOW_BYTES:
            data = self._read(self.offset, size)
        else:
            self._window_start = self.offset
            self._window = self._read(self.offset, min(self.WINDOW_BYTES, self.left))
            data = self._window[:size]
        self.offset += size
        return data

    def skip(self, size: int) -> None:
        if size > self.left:
            raise Truncated(f"{size} bytes promised at offset {self.offset:#x}, {self.left} left")
        self.offset += size

    def skip_strings(self, count: int) -> None:
        """Step over so many strings: in one loop for what lies in the window, as vocabularies have 10⁵ of them."""
        unpack = struct.Struct(self.order + ("Q" if self.wide else "I")).unpack_from
        width = 8 if self.wide else 4
        while count:
            window, place = self._window, self.offset - self._window_start
            last = len(window) - width
            if place >= 0:
                while count and place <= last:
                    after = place + width + unpack(window, place)[0]
                    if after > len(window):
                        break
                    place = after
                    count -= 1
                self.offset = self._window_start + place
            if count:
                self.skip(self.length())
                count -= 1

    def number(self, code: str) -> int:
        value: int = struct.unpack(self.order + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def length_number(self) -> int:
        """A count or length: 64 bits since version 2, 32 before."""
        return self.number("Q" if self.wide else "I")

    def length(self, most: int = MAX_STRING_BYTES) -> int:
        at = self.offset
        length = self.length_number()
        # What fits may be a long string; what neither fits nor could be one was written to be believed.
        if length > self.left:
            if length > most:
                raise Lie(f"string of {length} bytes at offset {at:#x}", "CVE-2024-23496", "CVE-2024-25665")
            raise Truncated(f"string of {length} bytes at offset {at:#x}, {self.left} left")
        return length

    def count(self, what: str, most: int | None, smallest: int, *references: str) -> int:
        """A count whose items need at least `smallest` bytes each. `references`: who fell for it."""
        at = self.offset
        count = self.length_number()
        if most is not None and count > most:
            raise Lie(f"{count} {what} at offset {at:#x}, more than {most}", *references)
        if count >= ABSURD_COUNT:
            raise Lie(f"{count} {what} at offset {at:#x}", *references)
        if count * smallest > self.left:
            raise Truncated(f"{count} {what} at offset {at:#x} do not fit into the {self.left} bytes left")
        return count

    def spend_items(self, count: int) -> None:
        self._items += count
        if self._items > MAX_ITEMS:
            raise Malformed(f"more than {MAX_ITEMS} array items by offset {self.offset:#x}")

    def keep_items(self, count: int) -> int:
        """How many of so many items there is room for."""
        kept = min(count, MAX_KEPT_ITEMS, MAX_KEPT_ITEMS_IN_ALL - self._kept_items)
        self._kept_items += kept
        return kept

    def string(self, most: int, keep: bool = True) -> str:
        at = self.offset
        length = self.length()
        if length > most:
            raise Malformed(f"string of {length} bytes at offset {at:#x}, more than {most}")
        if not keep:
            self.skip(length)
            return ""
        self._kept_bytes += length
        if self._kept_bytes > MAX_KEPT_BYTES:
            raise Malformed(f"more than {MAX_KEPT_BYTES} bytes of strings by offset {at:#x}")
        # Tokens may hold half a character: kept readable rather than refused.
        return self.take(length).decode("utf-8", "backslashreplace")

    def name(self, what: str, most: int) -> str:
        at = self.offset
        length = self.length(most)
        if not 0 < length <= most:
            raise Malformed(f"{what} of {length} bytes at offset {at:#x}")
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed(f"{what} at offset {at:#x} is not UTF-8") from error
