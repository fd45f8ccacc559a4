"""Arrays that joblib writes as raw bytes between two opcodes of a pickle.

joblib's unpickler, having built a `NumpyArrayWrapper`, reads shape × item size bytes from the file and then goes on
with the opcodes; an array of objects is a whole pickle instead. Source: joblib numpy_pickle.py, 0.10-1.5.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.values import Built, Global, Items, Value

_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_WIDTH_OF_A_CHARACTER = 4
_HAS_OBJECT = 0x01
_DTYPE = re.compile(r"[<>=|]?([a-zA-Z?])(\d*)")


@dataclass(frozen=True, slots=True)
class InlineArray:
    """What follows the wrapper's BUILD."""

    size_bytes: int
    is_pickle: bool
    is_aligned: bool
    """a byte stands first that says how many bytes of padding follow it"""


def inline_array(target: Built, state: Value) -> InlineArray | None:
    """The array behind a wrapper that was just built; None for anything else. Raises Malformed."""
    maker = target.maker
    if type(maker) is not Global or not maker.path.endswith(_WRAPPER) or type(state) is not Items:
        return None
    fields = {key: value for key, value in state.pairs() if isinstance(key, str)}
    item_bytes, is_object = item_size(fields.get("dtype"))
    if is_object:
        return InlineArray(0, True, False)
    shape = fields.get("shape")
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise Malformed("an inline array's shape is not a tuple of counts")
    aligned = fields.get("numpy_array_alignment_bytes") is not None
    return InlineArray(math.prod(shape) * item_bytes, False, aligned)


def item_size(dtype: Value) -> tuple[int, bool]:
    """(bytes of one item, whether items are objects) of a pickled numpy.dtype. Raises Malformed."""
    if type(dtype) is not Built or type(dtype.arguments) is not tuple or not dtype.arguments:
        raise Malformed("an inline array's type is not a numpy.dtype")
    code = dtype.arguments[0]
    found = _DTYPE.fullmatch(code) if isinstance(code, str) else None
    if found is None:
        raise Malformed("an inline array's type is not known")
    letter, digits = found[1], found[2]
    state = dtype.state if type(dtype.state) is tuple else ()
    flags = state[7] if len(state) > 7 and type(state[7]) is int else 0
    if letter == "O" or flags & _HAS_OBJECT:
        return 8, True
    if letter in "?":
        return 1, False
    if not digits:
        raise Malformed("an inline array's type names no size")
    size = int(digits[:18])
    return (size * _WIDTH_OF_A_CHARACTER if letter == "U" else size), False
