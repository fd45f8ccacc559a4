"""From the object that a load would build to the tensors in it.

Rules: names are the keys on the way to a tensor, joined by dots; plain containers are gone through, and any other class
that holds tensors is refused, because what they mean only its code says; a leaf that is no tensor is left out, and said
to be. The walk is bounded: one object may stand in many places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.found import (
    TORCH_DTYPES,
    Found,
    NotConvertible,
    Plan,
    Source,
    check,
    fortran,
    numpy_type,
    windows,
)
from bascule.plugins.readers.pickles.stream import Span, span_of
from bascule.plugins.readers.pickles.values import CONSTANTS, Blob, Built, Global, Items, Unknown, Value, show
from bascule.plugins.readers.safetensors import BITS

_MAX_DEPTH = 64
_MAX_STEPS = 4_000_000
_REBUILDERS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v3")
_WRAPPERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "collections.Counter")
_LISTS = ("builtins.list", "builtins.tuple", "torch.Size", "collections.deque")
_RECONSTRUCT = "numpy.core.multiarray._reconstruct"
_FROM_BUFFER = "numpy.core.numeric._frombuffer"
_INLINE = "joblib.numpy_pickle.NumpyArrayWrapper"


class Collector:
    """Walks the object that a load would build."""

    def __init__(self, resolve: Callable[[Value], tuple[Source, str | None]], span: Span) -> None:
        self._resolve = resolve
        self._span = span
        self._plan = Plan()
        self._above: set[int] = set()
        self._steps = 0

    def collect(self, value: Value, *, dry: bool = False) -> Plan:
        self._walk(value, "", 0)
        if not dry:
            for tensor in self._plan.tensors:
                check(tensor)
        return self._plan

    def _walk(self, value: Value, name: str, depth: int) -> None:
        self._step()
        if type(value) in CONSTANTS or type(value) in (Global, Blob, Unknown) or isinstance(value, str):
            self._plan.leave_out(name, show(value, 60))
            return
        if depth > _MAX_DEPTH or id(value) in self._above:
            raise NotConvertible(f"`{visible(name)}` holds itself, or nests too deeply")
        self._above.add(id(value))
        try:
            if type(value) is tuple:
                self._members(enumerate(value), name, depth)
            elif type(value) is Items:
                self._items(value, name, depth)
            elif type(value) is Built:
                self._built(value, name, depth)
            else:
                self._plan.leave_out(name, show(value, 60))
        finally:
            self._above.discard(id(value))

    def _step(self) -> None:
        # One object may stand in many places, so that a small file holds a great many names.
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise NotConvertible(f"it takes more than {_MAX_STEPS} steps to go through what it holds")

    def _members(self, pairs: Iterator[tuple[Value, Value]] | enumerate[Value], name: str, depth: int) -> None:
        for key, value in pairs:
            if type(key) not in (str, int):
                if self._holds_tensors(value):
                    raise NotConvertible(f"`{visible(name)}` names a tensor by {show(key, 40)}, which is no text")
                self._plan.leave_out(f"{name}.{show(key, 40)}".lstrip("."), show(value, 60))
                continue
            self._walk(value, f"{name}.{key}" if name else str(key), depth + 1)

    def _items(self, value: Items, name: str, depth: int) -> None:
        if len(value.items) < value.count:
            raise NotConvertible(f"`{visible(name)}` holds more than {len(value.items)} values")
        if value.kind == "dict":
            self._members(iter(dict(_last_of_each(value)).items()), name, depth)
        elif value.kind == "list":
            self._members(enumerate(value.items), name, depth)
        elif self._holds_tensors(value):
            raise NotConvertible(f"`{visible(name)}` is a set of tensors, which have no names there")

    def _built(self, value: Built, name: str, depth: int) -> None:
        path = value.maker.path if type(value.maker) is Global else ""
        if path in _REBUILDERS:
            self._plan.tensors.append(self._torch_tensor(value, path, name))
        elif path in _WRAPPERS and value.arguments:
            self._walk(value.arguments[0], name, depth + 1)
        elif path in (_RECONSTRUCT, _FROM_BUFFER) or path.endswith(_INLINE):
            self._plan.tensors.append(self._array(value, path, name))
        elif path in _DICTS or path in _LISTS:
            for argument in value.arguments:
                self._walk(_as_dict(argument) if path in _DICTS else argument, name, depth + 1)
            if value.items is not None:
                self._items(value.items, name, depth)
            if self._holds_tensors(value.state):
                raise NotConvertible(f"`{visible(name)}` keeps tensors as attributes of a `{path}`")
        elif self._holds_tensors(value):
            raise NotConvertible(
                f"`{visible(name or 'the file')}` is a `{visible(path or show(value.maker, 60))}`: what its tensors "
                "mean, only that code says"
            )
        else:
            self._plan.leave_out(name, show(value, 60))

    def _holds_tensors(self, value: Value) -> bool:
        """Is there a tensor or an array anywhere in it?"""
        seen: set[int] = set()
        queue = [value]
        while queue:
            item = queue.pop()
            self._step()
            if id(item) in seen or type(item) in CONSTANTS:
                continue
            seen.add(id(item))
            if type(item) is Built:
                path = item.maker.path if type(item.maker) is Global else ""
                if path in (*_REBUILDERS, *_WRAPPERS, _RECONSTRUCT, _FROM_BUFFER) or path.endswith(_INLINE):
                    return True
                queue += [item.state, item.items, *spread(item.arguments), *(item.attributes or {}).values()]
            elif type(item) is Items:
                queue += item.items
            elif type(item) is tuple:
                queue += item
        return False

    def _torch_tensor(self, value: Built, path: str, name: str) -> Found:
        arguments = value.arguments
        if len(arguments) < 4 or type(arguments[0]) is not Built or not arguments[0].arguments:
            raise NotConvertible(f"`{visible(name)}` is a tensor without a storage")
        source, dtype = self._resolve(arguments[0].arguments[0])
        if path.endswith("_v3"):
            kind = arguments[6] if len(arguments) > 6 else None
            dtype = TORCH_DTYPES.get(kind.name) if type(kind) is Global and kind.module == "torch" else None
        if dtype is None:
            raise NotConvertible(f"`{visible(name)}` has a type for which safetensors has none")
        offset, shape, strides = arguments[1], _sides(arguments[2], name), _sides(arguments[3], name)
        if type(offset) is not int or offset < 0 or len(shape) != len(strides):
            raise Malformed(f"`{visible(name)}` lies nowhere in its storage")
        if path.endswith("_v2") and len(arguments) > 6 and _sets_bits(arguments[6]):
            raise NotConvertible(f"`{visible(name)}` is marked as conjugate or negative")
        return Found(name, dtype, shape, source, offset, strides)

    def _array(self, value: Built, path: str, name: str) -> Found:
        if path == _FROM_BUFFER and len(value.arguments) >= 4:
            data, kind, shape, order = value.arguments[:4]
            is_fortran = order == "F"
        elif path == _RECONSTRUCT and type(value.state) is tuple and len(value.state) == 5:
            _, shape, kind, is_fortran, data = value.state
            maker = value.arguments[0] if value.arguments else None
            if type(maker) is not Global or maker.path != "numpy.ndarray":
                raise NotConvertible(f"`{visible(name)}` is no plain array: {show(maker, 60)}")
        elif path.endswith(_INLINE) and type(value.state) is Items and value.inline is not None:
            fields = {key: item for key, item in value.state.pairs() if isinstance(key, str)}
            shape, kind, is_fortran = fields.get("shape"), fields.get("dtype"), fields.get("order") == "F"
            data = None
        else:
            raise NotConvertible(f"`{visible(name)}` is an array of no known form: {show(value, 60)}")
        code = kind.arguments[0] if type(kind) is Built and kind.arguments else None
        order = kind.state[1] if type(kind) is Built and type(kind.state) is tuple and len(kind.state) > 1 else "<"
        dtype, _ = numpy_type(code, name)
        sides = _sides(shape, name)
        size = math.prod(sides) * (BITS[dtype] // 8)
        if data is None:
            assert value.inline is not None
            source = Source(windows(self._span.part(value.inline, size)), size, f"at {value.inline:#x}", order == ">")
        else:
            source = self._buffer(data, name, is_big=order == ">")
        return Found(name, dtype, sides, source, 0, fortran(sides) if is_fortran else None)

    def _buffer(self, data: Value, name: str, *, is_big: bool) -> Source:
        if type(data) is Built and data.arguments and type(data.maker) is Global:
            data = data.arguments[0] if data.maker.path in ("builtins.bytearray", "builtins.bytes") else data
        if isinstance(data, bytes):
            held = data
            return Source(windows(span_of(held)), len(held), "", is_big)
        if type(data) is Blob and not data.is_text:
            part = self._span.part(data.offset, data.size_bytes)
            return Source(windows(part), data.size_bytes, f"at {data.offset:#x}", is_big)
        raise NotConvertible(f"the bytes of `{visible(name)}` are written as text or by a call: {show(data, 60)}")


def _as_dict(argument: Value) -> Value:
    """OrderedDict([[key, value], …]), as old pickles write it."""
    if type(argument) is not Items or argument.kind != "list":
        return argument
    made = Items("dict", argument.room)
    for pair in argument.items:
        parts = pair.items if type(pair) is Items else pair
        if type(parts) not in (list, tuple) or len(parts) != 2:
            return argument
        made.add(list(parts))
    return made


def _last_of_each(items: Items) -> Iterator[tuple[Value, Value]]:
    for key, value in items.pairs():
        # What cannot be a key of a dict is kept apart; nobody calls its hash here but constants'.
        yield (key, value) if type(key) in CONSTANTS else (id(key), value)


def spread(arguments: Value) -> tuple[Value, ...]:
    """Arguments as a tuple, whatever stands in their place."""
    return arguments if type(arguments) is tuple else (arguments,)


def _sides(value: Value, name: str) -> tuple[int, ...]:
    if type(value) is Built and type(value.maker) is Global and value.maker.path == "torch.Size" and value.arguments:
        value = value.arguments[0]
    value = tuple(value.items) if type(value) is Items else value
    if type(value) is not tuple or len(value) > 64 or not all(type(side) is int and side >= 0 for side in value):
        raise Malformed(f"`{visible(name)}` has no shape")
    return value


def _sets_bits(metadata: Value) -> bool:
    return type(metadata) is Items and any(value is True for _, value in metadata.pairs())
