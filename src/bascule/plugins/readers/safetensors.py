"""The header of a safetensors file, read strictly.

Eight bytes of length, a JSON object, then the tensors' bytes. Rules: a key stands once; metadata is text; the bytes of
a tensor are what its type and shape need, begin where the one before ends, and all together fill the file to its last
byte. So nothing can hide between tensors or behind them. Only the header is read. Source: the format description in the
README of huggingface/safetensors, and the checks of its loader.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated

MAX_HEADER_BYTES = 100_000_000
MAX_TENSORS = 1_000_000
MAX_DIMENSIONS = 64

BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}
"""bits of one element by type name"""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place; `begin` and `end` count from the end of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says of itself. Tensors are in the order of their bytes."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    header_bytes: int
    data_bytes: int

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def dtype(self) -> str | None:
        """The type that most elements have; None for a file without elements."""
        counted: Counter[str] = Counter()
        for tensor in self.tensors:
            counted[tensor.dtype] += tensor.elements
        return min(counted, key=lambda name: (-counted[name], name)) if counted.total() else None


def read_header(
    read: Callable[[int, int], bytes], size_bytes: int, *, max_header_bytes: int = MAX_HEADER_BYTES
) -> Header:
    """The header, checked against the file's size.

    read: exactly so many bytes from an offset. Raises Truncated when the file ends before what the header promises,
    Malformed when the header breaks a rule; the message names the tensor or key.
    """
    if size_bytes < 8:
        raise Truncated(f"a safetensors file begins with 8 bytes of length, this one has {size_bytes}")
    header_bytes = int.from_bytes(read(0, 8), "little")
    if header_bytes > max_header_bytes:
        raise Malformed(f"the header claims {header_bytes} bytes, more than the format's {max_header_bytes}")
    if header_bytes > size_bytes - 8:
        raise Truncated(f"the header claims {header_bytes} bytes, the file has {size_bytes - 8} after the length")
    raw = read(8, header_bytes)
    if raw[:1] != b"{":
        raise Malformed("the header does not begin with `{`")
    document = _parse(raw)
    metadata = _metadata(document.pop("__metadata__", {}))
    if len(document) > MAX_TENSORS:
        raise Malformed(f"the header names {len(document)} tensors, more than {MAX_TENSORS}")
    tensors = sorted((_tensor(name, info) for name, info in document.items()), key=lambda t: (t.begin, t.end, t.name))
    data_bytes = size_bytes - 8 - header_bytes
    _check_places(tensors, data_bytes)
    return Header(tuple(tensors), metadata, header_bytes, data_bytes)


def _parse(raw: bytes) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise Malformed(f"the key `{visible(key)}` stands twice in the header")
            seen[key] = value
        return seen

    def refuse(token: str) -> Any:
        raise Malformed(f"`{token}` in the header is not JSON")

    try:
        # The loader allows spaces behind the object, as padding, and nothing else.
        document = json.loads(raw.decode("utf-8").rstrip(" "), object_pairs_hook=unique, parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise Malformed(f"the header is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the header is not JSON: {visible(str(error))}") from error
    if not isinstance(document, dict):
        raise Malformed("the header is not a JSON object")
    return document


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Malformed("`__metadata__` is not an object")
    for key, text in value.items():
        if not isinstance(text, str):
            raise Malformed(f"metadata `{visible(key)}` is not text")
    return value


def _tensor(name: str, info: Any) -> Tensor:
    shown = visible(name, 100)
    if not isinstance(info, dict) or set(info) != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"tensor `{shown}` must have dtype, shape and data_offsets, and nothing else")
    dtype, shape, offsets = info["dtype"], info["shape"], info["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise Malformed(f"tensor `{shown}` has the unknown type `{visible(str(dtype), 40)}`")
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        raise Malformed(f"tensor `{shown}` has a shape that is not a short list of whole numbers")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise Malformed(f"tensor `{shown}` has offsets that are not two whole numbers")
    tensor = Tensor(name, dtype, tuple(shape), offsets[0], offsets[1])
    bits = tensor.elements * BITS[dtype]
    if bits % 8 or tensor.end - tensor.begin != bits // 8:
        raise Malformed(
            f"tensor `{shown}` takes {tensor.end - tensor.begin} bytes, its type and shape need {bits / 8:g}"
        )
    return tensor


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)


def _check_places(tensors: list[Tensor], data_bytes: int) -> None:
    at = 0
    for tensor in tensors:
        if tensor.begin != at:
            what = "overlaps the tensor before it" if tensor.begin < at else "leaves a hole before it"
            raise Malformed(f"tensor `{visible(tensor.name, 100)}` begins at {tensor.begin}, not {at}: it {what}")
        at = tensor.end
    if at > data_bytes:
        raise Truncated(f"the tensors need {at} bytes, the file holds {data_bytes}")
    if at < data_bytes:
        raise Malformed(f"{data_bytes - at} bytes follow the last tensor")
