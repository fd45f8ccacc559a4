"""What a stretch of numbers looks like, told from its bytes without converting one of them.

The bits of a float, read as a whole number, are its logarithm, near enough: so a median of integers is a scale. Text
has few kinds of bytes, numbers have all of them. Low bits of trained weights are noise; where they spell text or begin
a program, somebody wrote there.

Rules: bytes in, plain values out; linear time; no numpy, whose import alone would cost as much as the whole look.
Source: for hiding places, Wang et al. 2021, EvilModel (the low three or two bytes of each float32), and Liu et al.
2020, StegoNet (least significant bits).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from bascule.plugins.readers import programs
from bascule.plugins.readers.programs import Found

FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
"""bytes of an element, little-endian, whose bits these looks understand"""

_PRINTABLE = bytes([9, 10, 13, *range(32, 127)])
_TEXT_BLOCK = 256
_HIDDEN_TEXT = 128
_LOW_ELEMENTS = 1088
_LOW_STRETCH_BYTES = 4096
_LOW_STRETCHES = 64
_DIGITS = {1: b"01" * 128, 2: b"0123" * 64, 4: b"0123456789abcdef" * 16}
_WITHOUT_SIGN = bytes(value & 0x7F for value in range(256))


def is_text(data: bytes, most_others: float = 0.03) -> bool:
    """Is all but a few of it printable ASCII, of at least a dozen kinds? Needs 64 bytes."""
    if len(data) < 64 or len(data.translate(None, _PRINTABLE)) > most_others * len(data):
        return False
    return len(set(data)) >= 12


def text_block(data: bytes) -> int | None:
    """Offset of the first block of 256 bytes that is text."""
    for at in range(0, len(data) - _TEXT_BLOCK + 1, _TEXT_BLOCK):
        # Eight bytes decide for nearly every block of numbers.
        if not data[at : at + 8].translate(None, _PRINTABLE) and is_text(data[at : at + _TEXT_BLOCK]):
            return at
    return None


@dataclass(frozen=True, slots=True)
class Hidden:
    """What low parts of elements spell: `found`, or text where that is None. `plane`: which parts, in the plural."""

    plane: str
    whole_bytes: bool
    found: Found | None


def hidden(data: bytes, dtype: str) -> Iterator[Hidden]:
    """What the low bytes and low bits of the first elements spell."""
    width = FLOAT_BYTES[dtype]
    data = data[: len(data) // width * width]
    for plane, whole_bytes, spelt in _planes(data, width):
        found = next((item for at in (0, 4, 8) if (item := programs.found_at(spelt, at)) is not None), None)
        if found is not None or (len(spelt) >= _HIDDEN_TEXT and is_text(spelt[:_HIDDEN_TEXT], 0.05)):
            yield Hidden(plane, whole_bytes, found)


def _planes(data: bytes, width: int) -> Iterator[tuple[str, bool, bytes]]:
    head = data[: _LOW_ELEMENTS * width]
    low = head[::width]
    if len(set(low[:256])) < 2:
        return
    if width == 4:
        for order in ((0, 1, 2), (2, 1, 0), (0, 1), (1, 0)):
            spelt = bytearray(len(order) * len(low))
            for to, plane in enumerate(order):
                spelt[to :: len(order)] = head[plane::width]
            yield f"the low {len(order)} bytes", True, bytes(spelt)
    yield "the low bytes", True, low
    for bits in (4, 2, 1):
        plane_name = f"the low {bits} bits" if bits > 1 else "the lowest bits"
        yield plane_name, False, _packed(low, bits)
        yield plane_name, False, _packed(low[: len(low) // 8 * 8], bits, backwards=True)


def _packed(low: bytes, bits: int, backwards: bool = False) -> bytes:
    """The low bits of each byte, the first uppermost; backwards: the first lowermost."""
    count = len(low) * bits // 8
    low = low[: count * 8 // bits]
    if not low:
        return b""
    number = int(low.translate(_DIGITS[bits])[:: -1 if backwards else 1], 1 << bits)
    packed = number.to_bytes(count, "big")
    return packed[::-1] if backwards else packed


class LowBytes(Enum):
    """What the lowest bytes of a stretch of elements are. Neither of both is not told."""

    ZERO = "zero"
    NOISE = "noise"


def low_bytes(data: bytes, dtype: str) -> Iterator[tuple[int, LowBytes]]:
    """(offset, what) for the stretches of the first ones of 4 KiB each, of types that others are converted to."""
    if dtype not in ("F32", "F64"):
        return
    width = FLOAT_BYTES[dtype]
    for at in range(0, min(len(data), _LOW_STRETCHES * _LOW_STRETCH_BYTES), _LOW_STRETCH_BYTES):
        low = data[at : at + _LOW_STRETCH_BYTES : width]
        zeros = low.count(0)
        if len(low) < 256:
            return
        if zeros * 50 < len(low):
            yield at, LowBytes.NOISE
        elif zeros == len(low) and any(data[at + width - 1 : at + _LOW_STRETCH_BYTES : width]):
            yield at, LowBytes.ZERO


def scale(data: bytes, dtype: str, elements: int = 512) -> float | None:
    """log2 of the median magnitude, to an eighth or so; None where most are zero or the type is not known."""
    upper = _upper(data, dtype, elements)
    if not upper:
        return None
    middle = sorted(upper)[len(upper) // 2]
    return _logarithm(middle, dtype) if middle else None


def mean_scale(data: bytes, dtype: str) -> float | None:
    """Mean of log2 of the magnitudes; None where one is zero or the type is not known."""
    upper = _upper(data, dtype, len(data))
    return _logarithm(sum(upper) / len(upper), dtype) if upper and 0 not in upper else None


def _upper(data: bytes, dtype: str, elements: int) -> array[int]:
    """The upper 16 bits of each element without its sign."""
    width = FLOAT_BYTES.get(dtype)
    if width is None:
        return array("H")
    count = min(elements, len(data) // width)
    data = data[: count * width]
    upper = bytearray(2 * count)
    upper[::2], upper[1::2] = data[width - 2 :: width], data[width - 1 :: width].translate(_WITHOUT_SIGN)
    return array("H", bytes(upper)) if _LITTLE else array("H", bytes(upper[at ^ 1] for at in range(len(upper))))


_LITTLE = array("H", b"\1\0")[0] == 1
# upper 16 bits -> log2: mantissa bits among them, and the exponent's bias
_SHAPES = {"F32": (7, 127), "BF16": (7, 127), "F16": (10, 15), "F64": (4, 1023)}


def _logarithm(upper: float, dtype: str) -> float:
    mantissa, bias = _SHAPES[dtype]
    return upper / (1 << mantissa) - bias


def not_finite(data: bytes, dtype: str) -> int:
    """How many elements are NaN or infinite."""
    width = FLOAT_BYTES.get(dtype)
    if width is None:
        return 0
    data = data[: len(data) // width * width]
    top = data[width - 1 :: width].translate(_WITHOUT_SIGN)
    mantissa, _bias = _SHAPES[dtype]
    least = (0x7FFF >> mantissa << mantissa) >> 8
    if all(top.find(bytes([value])) < 0 for value in range(least, 0x80)):
        return 0
    limit = 0x7FFF >> mantissa << mantissa
    return sum(1 for value in _upper(data, dtype, len(data)) if value >= limit)


def is_constant(data: bytes, dtype: str) -> bool:
    """Are all elements the same, and not zero? Needs a thousand."""
    width = FLOAT_BYTES.get(dtype, 0)
    count = len(data) // width if width else 0
    first = data[:width]
    return count >= 1000 and any(first) and data[: count * width] == first * count
