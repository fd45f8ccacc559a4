"""The header of a numpy array file.

Rules: the header is a Python literal of bounded length, parsed and never evaluated; an array of objects is a pickle
behind the header; a type that is not understood counts as objects, because then it may be one.
Source: numpy/lib/format.py, versions 1.0, 2.0 and 3.0.
"""

from __future__ import annotations

import ast
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, Truncated

MAGIC = b"\x93NUMPY"
# numpy itself refuses to parse more than 10,000 bytes unless it is told otherwise.
MAX_HEADER_BYTES = 1 << 17
_PLAIN = re.compile(r"[<>=|]?([?bBhHiIlLqQefdgFDGSaUVmMct])(\d*)(\[[^\]]{1,20}\])?")
_CHARACTER_BYTES = 4


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What the file says it holds. item_bytes: None when the type is not understood or holds objects."""

    version: tuple[int, int]
    shape: tuple[int, ...]
    fortran_order: bool
    descr: object
    data_offset: int
    item_bytes: int | None

    @property
    def holds_objects(self) -> bool:
        """The data is a pickle, or may be one."""
        return self.item_bytes is None

    @property
    def data_bytes(self) -> int | None:
        """Bytes of raw data after the header; None for objects."""
        return None if self.item_bytes is None else math.prod(self.shape) * self.item_bytes


def read_header(read: Callable[[int, int], bytes], size_bytes: int) -> NpyHeader:
    """The header, by `read(offset, size)`. Raises Truncated, Malformed."""
    if size_bytes < 10:
        raise Truncated("the array file ends before its header")
    opening = read(0, min(12, size_bytes))
    if not opening.startswith(MAGIC):
        raise Malformed("this is no array file")
    version = (opening[6], opening[7])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Malformed(f"array file version {version[0]}.{version[1]} is not known")
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(opening[8 : 8 + width], "little")
    if length > MAX_HEADER_BYTES:
        raise Malformed(f"the array's header of {length} bytes is longer than {MAX_HEADER_BYTES}")
    if 8 + width + length > size_bytes:
        raise Truncated("the array file ends within its header")
    text = read(8 + width, length).decode("utf-8" if version == (3, 0) else "latin-1", "replace")
    return _header(text, version, 8 + width + length)


def _header(text: str, version: tuple[int, int], data_offset: int) -> NpyHeader:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Python 2 wrote `3L`.
            value = ast.literal_eval(re.sub(r"(\d)L\b", r"\1", text).strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise Malformed("the array's header is no Python literal") from error
    if not isinstance(value, dict) or set(value) != {"descr", "fortran_order", "shape"}:
        raise Malformed("the array's header must have `descr`, `fortran_order` and `shape`")
    shape = value["shape"]
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise Malformed("the array's shape is not a tuple of counts")
    if not isinstance(value["fortran_order"], bool):
        raise Malformed("`fortran_order` is not true or false")
    return NpyHeader(
        version, shape, value["fortran_order"], value["descr"], data_offset, _item_bytes(value["descr"], 0)
    )


def _item_bytes(descr: object, depth: int) -> int | None:
    if depth > 16:
        return None
    if isinstance(descr, str):
        found = _PLAIN.fullmatch(descr)
        if found is None or (not found[2] and found[1] != "?"):
            return None
        size = int(found[2][:18] or 1)
        return size * _CHARACTER_BYTES if found[1] == "U" else size
    if isinstance(descr, tuple) and len(descr) == 2:
        # (type, shape): a sub-array in each item.
        inner, shape = descr
        sides = shape if isinstance(shape, tuple) else (shape,)
        item = _item_bytes(inner, depth + 1)
        if item is None or not all(type(side) is int and side >= 0 for side in sides):
            return None
        return item * math.prod(sides)
    if isinstance(descr, list):
        total = 0
        for field in descr:
            if not isinstance(field, tuple) or len(field) not in (2, 3):
                return None
            item = _item_bytes(field[1] if len(field) == 2 else (field[1], field[2]), depth + 1)
            if item is None:
                return None
            total += item
        return total
    return None
