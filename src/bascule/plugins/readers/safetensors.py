"""The header of a safetensors file, read strictly.

Eight bytes of length, a JSON object, then the tensors' bytes. Rules: a key stands once; metadata is text; the bytes of
a tensor are what its type and shape need, begin where the one before ends, and all together fill the file to its last
byte. So nothing can hide between tensors or behind them. Only the header is read. Source: the format description in the
README of huggingface/safetensors, and the checks of its loader.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated

MAX_HEADER_BYTES = 100_000_000
"""the format's own bound"""
MAX_READ_BYTES = 12 << 20
"""of a header that is parsed, some 100,000 tensors: parsed, it takes six times as much"""
MAX_TENSORS = 1_000_000
MAX_FAULTS = 20
MAX_DIMENSIONS = 64

REFUSED = "safetensors 0.8 refuses the file"
_TAKES_LAST = "safetensors 0.8 and Python's json take the last"
_IGNORED = "safetensors 0.8 loads the file and ignores this"
_LOADED = "safetensors 0.8 loads the file; readers that want an object refuse it"

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


class TooLarge(Malformed):
    """Perhaps well formed, but larger than this reader follows."""


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
class Fault:
    """A rule that the header breaks. `loader`: what the reference loader makes of it."""

    message: str
    loader: str = REFUSED


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says of itself. Tensors are in the order of their bytes; a header with faults may name
    bytes that the file does not have."""

    tensors: tuple[Tensor, ...]
    metadata: Mapping[str, str]
    header_bytes: int
    data_bytes: int
    faults: tuple[Fault, ...] = ()

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
    header = survey(read, size_bytes, max_header_bytes=max_header_bytes)
    if header.faults:
        raise Malformed(header.faults[0].message)
    return header


def survey(read: Callable[[int, int], bytes], size_bytes: int, *, max_header_bytes: int = MAX_HEADER_BYTES) -> Header:
    """The header with its faults, at most `MAX_FAULTS`.

    Raises Truncated when the file ends before what a faultless header promises, Malformed when there is no JSON object.
    """
    if size_bytes < 8:
        raise Truncated(f"a safetensors file begins with 8 bytes of length, this one has {size_bytes}")
    header_bytes = int.from_bytes(read(0, 8), "little")
    if header_bytes > max_header_bytes:
        raise Malformed(f"the header claims {header_bytes} bytes, more than the format's {max_header_bytes}")
    if header_bytes > size_bytes - 8:
        raise Truncated(f"the header claims {header_bytes} bytes, the file has {size_bytes - 8} after the length")
    if header_bytes > MAX_READ_BYTES:
        raise TooLarge(f"the header has {header_bytes} bytes, more than the {MAX_READ_BYTES} that are parsed")
    raw = read(8, header_bytes)
    if raw[:1] != b"{":
        raise Malformed("the header does not begin with `{`")
    faults: list[Fault] = []
    document = _parse(raw, faults)
    del raw
    metadata = _metadata(document.pop("__metadata__", None), faults)
    if len(document) > MAX_TENSORS:
        raise TooLarge(f"the header names {len(document)} tensors, more than {MAX_TENSORS}")
    rows = (_tensor(name, info, faults) for name, info in document.items())
    tensors = sorted((row for row in rows if row is not None), key=lambda t: (t.begin, t.end, t.name))
    data_bytes = size_bytes - 8 - header_bytes
    if len(tensors) == len(document):
        _check_places(tensors, data_bytes, faults)
    return Header(tuple(tensors), metadata, header_bytes, data_bytes, tuple(faults[:MAX_FAULTS]))


class _Info(NamedTuple):
    """A tensor's three fields, whatever they hold: a fifth of what a dictionary of lists takes."""

    dtype: Any
    shape: Any
    data_offsets: Any


def _parse(raw: bytes, faults: list[Fault]) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> Any:
        if len(pairs) == 3 and {key for key, _value in pairs} == _INFO_FIELDS:
            return _Info(**{key: tuple(value) if isinstance(value, list) else value for key, value in pairs})
        seen = dict(pairs)
        if len(seen) < len(pairs) and len(faults) < MAX_FAULTS:
            key, _count = Counter(key for key, _value in pairs).most_common(1)[0]
            # Fields of its own structures may stand once; the names of tensors and of metadata are a map's keys.
            loader = REFUSED if key in _FIELDS else _TAKES_LAST
            faults.append(Fault(f"the key `{visible(key)}` stands twice in the header", loader))
        return seen

    def refuse(token: str) -> Any:
        raise Malformed(f"`{token}` in the header is not JSON")

    try:
        # The loader allows white space behind the object, as padding, and nothing else.
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except UnicodeDecodeError as error:
        raise Malformed(f"the header is not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the header is not JSON: {visible(str(error))}") from error
    if isinstance(document, _Info):
        document = document._asdict()
    if not isinstance(document, dict):
        raise Malformed("the header is not a JSON object")
    return document


_INFO_FIELDS = frozenset(_Info._fields)
_FIELDS = {"__metadata__", *_INFO_FIELDS}


def _metadata(value: Any, faults: list[Fault]) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, _Info):
        value = value._asdict()
    if not isinstance(value, dict):
        faults.append(Fault("`__metadata__` is not an object"))
        return {"": _as_text(value)}
    for key, item in value.items():
        if not isinstance(item, str) and len(faults) < MAX_FAULTS:
            faults.append(Fault(f"metadata `{visible(key)}` is not text"))
    return {key: item if isinstance(item, str) else _as_text(item) for key, item in value.items()}


def _as_text(value: Any) -> str:
    """What should have been text, so that it can be looked at all the same."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _tensor(name: str, info: Any, faults: list[Fault]) -> Tensor | None:
    """A tensor's place as the header has it; None where it has none."""
    shown = visible(name, 100)

    def fault(message: str, loader: str = REFUSED) -> None:
        if len(faults) < MAX_FAULTS:
            faults.append(Fault(f"tensor `{shown}` {message}", loader))

    if not name.isascii() and any("\ud800" <= char <= "\udfff" for char in name):
        fault("has half a character in its name")
    if isinstance(info, list) and len(info) == 3:
        fault("is written as a list, not as an object", _LOADED)
        info = dict(zip(_Info._fields, info, strict=True))
    if isinstance(info, dict) and info.keys() > _INFO_FIELDS:
        extra = next(key for key in info if key not in _INFO_FIELDS)
        fault(f"must have dtype, shape and data_offsets, and nothing else: it has `{visible(extra, 60)}`", _IGNORED)
    if isinstance(info, dict) and info.keys() >= _INFO_FIELDS:
        info = _Info(*(tuple(value) if isinstance(value, list) else value for value in map(info.get, _Info._fields)))
    if not isinstance(info, _Info):
        fault("must have dtype, shape and data_offsets, and nothing else")
        return None
    dtype, shape, offsets = info
    if not isinstance(dtype, str) or dtype not in BITS:
        fault(f"has the unknown type `{visible(str(dtype), 40)}`")
        return None
    if not _are_sizes(shape) or len(shape) > MAX_DIMENSIONS:
        fault("has a shape that is not a short list of whole numbers")
        return None
    if not _are_sizes(offsets) or len(offsets) != 2:
        fault("has offsets that are not two whole numbers")
        return None
    tensor = Tensor(name, sys.intern(dtype), shape, offsets[0], offsets[1])
    bits = tensor.elements * BITS[dtype]
    if _product_overflows(shape):
        fault("has a shape whose product passes 64 bits")
    elif bits % 8 or tensor.end - tensor.begin != bits // 8:
        fault(f"takes {tensor.end - tensor.begin} bytes, its type and shape need {bits / 8:g}")
    return tensor


def _product_overflows(shape: tuple[int, ...]) -> bool:
    product = 1
    for length in shape:
        product *= length
        if product >= 1 << 64:
            return True
    return False


def _are_sizes(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(item) is int and 0 <= item < 1 << 63 for item in value)


def _check_places(tensors: list[Tensor], data_bytes: int, faults: list[Fault]) -> None:
    at = 0
    for tensor in tensors:
        if tensor.begin != at and len(faults) < MAX_FAULTS:
            what = "overlaps the tensor before it" if tensor.begin < at else "leaves a hole before it"
            faults.append(Fault(f"tensor `{visible(tensor.name, 100)}` begins at {tensor.begin}, not {at}: it {what}"))
        at = max(at, tensor.end)
    if faults:
        return
    if at > data_bytes:
        raise Truncated(f"the tensors need {at} bytes, the file holds {data_bytes}")
    if at < data_bytes:
        faults.append(Fault(f"{data_bytes - at} bytes follow the last tensor"))
