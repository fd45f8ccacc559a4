"""A tensor as a stretch of bytes with a type, a shape and strides, and the bytes that safetensors has of it.

Rules: the last axis is the fastest, numbers are little-endian; what lies so already is streamed, anything else is
gathered, up to a bound; no element lies outside its source.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.stream import Span
from bascule.plugins.readers.safetensors import BITS

_GATHERED_BYTES = 256 << 20
_STEP = 1 << 20
_MAX_LEFT_OUT = 200


def _table(pairs: str) -> dict[str, str]:
    return {name: kind for name, _, kind in (pair.partition(":") for pair in pairs.split())}


TORCH_TYPES = _table("Double:F64 Float:F32 Half:F16 BFloat16:BF16 Long:I64 Int:I32 Short:I16 Char:I8 Byte:U8 Bool:BOOL")
TORCH_DTYPES = _table(
    "float64:F64 float32:F32 float16:F16 bfloat16:BF16 float8_e4m3fn:F8_E4M3 float8_e5m2:F8_E5M2 bool:BOOL "
    "int64:I64 int32:I32 int16:I16 int8:I8 uint64:U64 uint32:U32 uint16:U16 uint8:U8"
)
_NUMPY_TYPES = _table(
    "f8:F64 f4:F32 f2:F16 i8:I64 i4:I32 i2:I16 i1:I8 u8:U64 u4:U32 u2:U16 u1:U8 b1:BOOL ?:BOOL b:I8 B:U8"
)


class NotConvertible(Malformed):
    """This file holds something that safetensors cannot say; the message names it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Numbers of one type in a row, little-endian unless `is_big`; `shared`: what other tensors may lie in too."""

    chunks: Callable[[int, int], Iterator[bytes]]
    """chunks(offset, size): that range, in order"""
    size_bytes: int
    key: str
    is_big: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One tensor. `strides` and `offset` count elements of the source."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    source: Source
    offset: int = 0
    strides: tuple[int, ...] | None = None

    @property
    def item_bytes(self) -> int:
        return BITS[self.dtype] // 8

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * self.item_bytes

    def data(self) -> Iterator[bytes]:
        """The tensor's bytes as safetensors has them: little-endian, the last axis fastest."""
        if not self.size_bytes:
            return
        if self.strides is None or _is_contiguous(self.shape, self.strides):
            chunks = self.source.chunks(self.offset * self.item_bytes, self.size_bytes)
            yield from _swapped(chunks, self.item_bytes) if self.source.is_big else chunks
        else:
            yield from self._gathered(self.strides)

    def _gathered(self, strides: tuple[int, ...]) -> Iterator[bytes]:
        import numpy as np

        reach = 1 + sum((side - 1) * stride for side, stride in zip(self.shape, strides, strict=True))
        if reach * self.item_bytes > _GATHERED_BYTES or self.size_bytes > _GATHERED_BYTES:
            raise NotConvertible(f"`{self.name}` is not contiguous, and larger than {_GATHERED_BYTES} bytes")
        held = b"".join(self.source.chunks(self.offset * self.item_bytes, reach * self.item_bytes))
        item = np.dtype(f"{'>' if self.source.is_big else '<'}u{self.item_bytes}")
        flat = np.frombuffer(held, item)
        view = np.lib.stride_tricks.as_strided(flat, self.shape, [stride * self.item_bytes for stride in strides])
        yield np.ascontiguousarray(view, item.newbyteorder("<")).tobytes()


@dataclass(slots=True)
class Plan:
    """The tensors of a file, and what is in it besides: (name, what it is)."""

    tensors: list[Found] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    left_out_count: int = 0
    is_torch: bool = False

    def leave_out(self, name: str, what: str) -> None:
        self.left_out_count += 1
        if len(self.left_out) < _MAX_LEFT_OUT:
            self.left_out.append((name, what))


def check(tensor: Found) -> None:
    """Every element lies within its source."""
    if math.prod(tensor.shape) == 0:
        return
    if tensor.strides is not None and any(stride < 0 for stride in tensor.strides):
        raise Malformed(f"`{visible(tensor.name)}` has a negative stride")
    strides = tensor.strides if tensor.strides is not None else _contiguous(tensor.shape)
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, strides, strict=True))
    if (last + 1) * tensor.item_bytes > tensor.source.size_bytes:
        raise Malformed(f"`{visible(tensor.name)}` reaches beyond its {tensor.source.size_bytes} bytes")


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for side in reversed(shape):
        strides.append(step)
        step *= side
    return tuple(reversed(strides))


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    expected = _contiguous(shape)
    return all(side == 1 or have == want for side, have, want in zip(shape, strides, expected, strict=True))


def fortran(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(_contiguous(tuple(reversed(shape)))))


def numpy_type(descr: object, name: str) -> tuple[str, bool]:
    """(safetensors' type, whether it is big-endian)."""
    found = re.fullmatch(r"([<>=|]?)([a-zA-Z?]\d*)", descr) if isinstance(descr, str) else None
    if found is None or found[2] not in _NUMPY_TYPES:
        raise NotConvertible(
            f"`{visible(name)}` is an array of {visible(str(descr), 60)}, for which safetensors has no type"
        )
    return _NUMPY_TYPES[found[2]], found[1] == ">"


def windows(span: Span) -> Callable[[int, int], Iterator[bytes]]:
    def chunks(offset: int, size: int) -> Iterator[bytes]:
        for at in range(offset, offset + size, _STEP):
            yield span.bytes_at(at, min(_STEP, offset + size - at))

    return chunks


def _swapped(chunks: Iterator[bytes], item_bytes: int) -> Iterator[bytes]:
    import numpy as np

    rest = b""
    for chunk in chunks:
        data = rest + chunk
        whole = len(data) - len(data) % item_bytes
        yield np.frombuffer(data[:whole], f">u{item_bytes}").astype(f"<u{item_bytes}").tobytes()
        rest = data[whole:]
