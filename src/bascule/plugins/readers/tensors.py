"""Where the tensors of a file lie, whichever format it is in: one list of names, types, shapes and byte ranges.

Rules: places are the file's own claims, kept only where they lie inside the file; what the format leaves between and
behind them is a *gap*, because that is where something else can hide; the list is complete or the reader raises.
A torch archive's storages have no type here: that stands in a pickle, which this reader does not follow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, gguf, media, npy, onnx, safetensors
from bascule.plugins.readers import zip as zips

Read = Callable[[int, int], bytes]

READABLE = (media.SAFETENSORS, media.GGUF, media.NPY, media.ONNX, media.TORCH_ZIP)
_STORAGE = re.compile(r"(?:^|/)data/\d+$")
_NPY_TYPES = {"f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "u1": "U8", "i2": "I16", "i4": "I32", "i8": "I64"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """`dtype` in the words of safetensors where it has one, else the format's own; empty when unknown. `shape` slowest
    dimension first. `start` is an offset in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    size_bytes: int

    @property
    def end(self) -> int:
        return self.start + self.size_bytes

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """Tensors by place, and the (start, end) ranges of the data area that belong to none."""

    tensors: tuple[Tensor, ...]
    gaps: tuple[tuple[int, int], ...]


def read_layout(read: Read, size_bytes: int, media_type: str, header: gguf.Header | None = None) -> Layout:
    """The layout of a file of a `READABLE` type. Raises `Malformed` and `Truncated` as the format's own reader does.

    header: a GGUF's, where it has been read already.
    A safetensors file whose tensors leave holes or overlap is still listed: the holes are the point.
    """
    if media_type == media.SAFETENSORS:
        return _safetensors(read, size_bytes)
    if media_type == media.GGUF:
        return _gguf(header or gguf.read_header(read, size_bytes), size_bytes)
    if media_type == media.NPY:
        return _npy(read, size_bytes)
    if media_type == media.ONNX:
        return _onnx(read, size_bytes)
    if media_type == media.TORCH_ZIP:
        return _torch(read, size_bytes)
    raise Malformed(f"`{media_type}` is no format whose tensors can be listed")


def _safetensors(read: Read, size_bytes: int) -> Layout:
    found = safetensors.survey(read, size_bytes)
    begin = 8 + found.header_bytes
    rows = (Tensor(row.name, row.dtype, row.shape, begin + row.begin, row.end - row.begin) for row in found.tensors)
    return _laid_out(rows, begin, size_bytes)


def _gguf(header: gguf.Header, size_bytes: int) -> Layout:
    rows = (Tensor(row.name, row.type, row.shape[::-1], row.start, row.size_bytes) for row in header.tensors)
    return _laid_out(rows, header.header_end, size_bytes)


def _npy(read: Read, size_bytes: int) -> Layout:
    header = npy.read_header(read, size_bytes)
    if header.data_bytes is None:
        return Layout((), ())
    kind = header.descr[1:] if isinstance(header.descr, str) else ""
    dtype = _NPY_TYPES.get(kind, "") if str(header.descr)[:1] != ">" else ""
    whole = Tensor("array", dtype, header.shape, header.data_offset, header.data_bytes)
    return _laid_out([whole], header.data_offset, size_bytes)


def _onnx(read: Read, size_bytes: int) -> Layout:
    placed = onnx.read_model(read, size_bytes).placed
    rows = [Tensor(row.name, onnx.TYPE_NAMES.get(row.kind, ""), row.shape, row.start, row.size_bytes) for row in placed]
    # Between tensors stands the protobuf that the format's own reader follows to its last byte.
    return Layout(tuple(sorted(rows, key=lambda row: (row.start, row.end, row.name))), ())


def _torch(read: Read, size_bytes: int) -> Layout:
    rows = [
        Tensor(entry.name, "", (entry.size_bytes,), entry.data_offset, entry.size_bytes)
        for entry in zips.read_directory(read, size_bytes).entries
        if entry.method == zips.STORED
        and entry.data_offset is not None
        and _STORAGE.search(entry.name)
        and entry.data_offset + entry.size_bytes <= size_bytes
    ]
    return Layout(tuple(sorted(rows, key=lambda row: (row.start, row.end, row.name))), ())


def _laid_out(rows: Iterable[Tensor], begin: int, size_bytes: int) -> Layout:
    tensors = sorted(
        (row for row in rows if 0 <= row.start <= row.end <= size_bytes), key=lambda row: (row.start, row.end, row.name)
    )
    gaps = []
    at = begin
    for row in tensors:
        if row.start > at:
            gaps.append((at, row.start))
        at = max(at, row.end)
    if at < size_bytes:
        gaps.append((at, size_bytes))
    return Layout(tuple(tensors), tuple(gaps))
