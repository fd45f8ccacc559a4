"""The tensors in a file of the pickle family, found without loading it.

The symbolic machine gives the object that a load would build; where that object holds plain tensors, each is a stretch
of bytes of the file with a type, a shape and strides. What cannot be said so is refused by name, never guessed:
quantised, sparse and complex tensors, objects, classes that give their arrays a meaning of their own.

    torch zip       data.pkl; storages are members             legacy torch     five pickles, then the storages
    npy, npz        a header, raw numbers                      pickle, joblib   numpy arrays inside or between opcodes

Rules: names are the keys on the way to a tensor, joined by dots; two tensors of one name are refused; a leaf that is no
tensor (a number, a text, an empty object) is left out, and said to be. Nothing here holds a tensor whole.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, compressed, media, npy
from bascule.plugins.readers.pickles.machine import Budget, Machine
from bascule.plugins.readers.pickles.stream import Span, Stream, span_of
from bascule.plugins.readers.pickles.values import CONSTANTS, Blob, Built, Global, Items, Unknown, Value, show
from bascule.plugins.readers.safetensors import BITS
from bascule.plugins.readers.zip import STORED, ZipEntry, open_member, read_directory

_UNPACKED_BYTES = 256 << 20
_PROGRAM_BYTES = 64 << 20
_GATHERED_BYTES = 256 << 20
_STEP = 1 << 20
_MAX_DEPTH = 64
_MAX_STEPS = 4_000_000
_MAX_LEFT_OUT = 200
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def _table(pairs: str) -> dict[str, str]:
    return {name: kind for name, _, kind in (pair.partition(":") for pair in pairs.split())}


_TORCH_TYPES = _table(
    "Double:F64 Float:F32 Half:F16 BFloat16:BF16 Long:I64 Int:I32 Short:I16 Char:I8 Byte:U8 Bool:BOOL"
)
_TORCH_DTYPES = _table(
    "float64:F64 float32:F32 float16:F16 bfloat16:BF16 float8_e4m3fn:F8_E4M3 float8_e5m2:F8_E5M2 bool:BOOL "
    "int64:I64 int32:I32 int16:I16 int8:I8 uint64:U64 uint32:U32 uint16:U16 uint8:U8"
)
_NUMPY_TYPES = _table(
    "f8:F64 f4:F32 f2:F16 i8:I64 i4:I32 i2:I16 i1:I8 u8:U64 u4:U32 u2:U16 u1:U8 b1:BOOL ?:BOOL b:I8 B:U8"
)
_REBUILDERS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v3")
_WRAPPERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_DICTS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "collections.Counter")
_LISTS = ("builtins.list", "builtins.tuple", "torch.Size", "collections.deque")
_RECONSTRUCT = "numpy.core.multiarray._reconstruct"
_FROM_BUFFER = "numpy.core.numeric._frombuffer"
_INLINE = "joblib.numpy_pickle.NumpyArrayWrapper"


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


def plan(span: Span, media_type: str) -> Plan:
    """What a conversion of this file would write. Raises NotConvertible, and Malformed or Truncated."""
    if media_type == media.TORCH_ZIP:
        found = _torch_zip(span)
    elif media_type in (media.NPZ, media.ZIP):
        found = _npz(span)
    elif media_type == media.NPY:
        found = Plan([_npy(span, "array")])
    elif media_type == media.PICKLE:
        found = _pickled(span)
    elif media_type in compressed.CODECS:
        found = _compressed(span, media_type)
    else:
        raise NotConvertible(f"this is {media_type}, and no file of the pickle family")
    if not found.tensors:
        raise NotConvertible("there is no tensor in it")
    names = [tensor.name for tensor in found.tensors]
    if len(set(names)) < len(names) or "__metadata__" in names:
        twin = next(name for name in names if names.count(name) > 1 or name == "__metadata__")
        raise NotConvertible(f"two tensors would be called `{visible(twin)}`")
    for tensor in found.tensors:
        _check(tensor)
    return found


# -- containers --------------------------------------------------------------------------------------------------------


def _torch_zip(span: Span) -> Plan:
    directory = read_directory(span.bytes_at, span.size_bytes)
    if "duplicate-name" in directory.codes:
        raise NotConvertible("two members have one name: PyTorch takes the first, others the last")
    members = {entry.name: entry for entry in directory.entries}
    pickles = [name for name in members if re.search(r"(^|/)data\.pkl$", name)]
    if len(pickles) != 1:
        raise NotConvertible(f"it holds {len(pickles)} members called data.pkl")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in members:
        raise NotConvertible("it is a TorchScript program: its tensors mean nothing without its code")
    told = members.get(f"{root}byteorder")
    order = b"".join(_member(span, told)(0, min(told.size_bytes, 16))) if told is not None else b"little"

    def storage(key: str) -> Source:
        entry = members.get(f"{root}data/{key}")
        if entry is None:
            raise Malformed(f"the storage `{visible(key)}` is not in the archive")
        return Source(_member(span, entry), entry.size_bytes, key, order == b"big")

    entry = members[pickles[0]]
    pickle = _stretch(span, entry) or span_of(b"".join(_member(span, entry)(0, entry.size_bytes)))
    machine = _run(Stream(pickle))
    return _Collector(_torch_storages(storage), pickle).collect(machine.result)


def _torch_storages(storage: Callable[[str], Source]) -> Callable[[Value], tuple[Source, str | None]]:
    """What a persistent id of PyTorch's stands for: (source, type of its numbers where the id tells it)."""

    def resolve(identity: Value) -> tuple[Source, str | None]:
        if type(identity) is not tuple or len(identity) < 5 or identity[0] != "storage":
            raise NotConvertible(f"a persistent id of no known kind: {show(identity, 80)}")
        kind, key = identity[1], identity[2]
        if len(identity) > 5 and identity[5] is not None:
            raise NotConvertible("a storage that is a view of another storage")
        if type(kind) is not Global or not isinstance(key, str):
            raise NotConvertible(f"a storage of no known kind: {show(identity, 80)}")
        name = kind.name.rpartition(".")[2].removesuffix("Storage")
        if name in ("Untyped", "_Untyped"):
            return storage(key), None
        if name not in _TORCH_TYPES:
            raise NotConvertible(f"a storage of `{kind.path}`, for which safetensors has no type")
        return storage(key), _TORCH_TYPES[name]

    return resolve


def _npz(span: Span) -> Plan:
    found = Plan()
    directory = read_directory(span.bytes_at, span.size_bytes)
    if "duplicate-name" in directory.codes:
        raise NotConvertible("two members have one name: loaders differ in which they take")
    for entry in directory.entries:
        if entry.is_folder:
            continue
        if not entry.name.endswith(".npy"):
            raise NotConvertible(f"`{visible(entry.name)}` is no array: this is no .npz")
        head = span_of(b"".join(_member(span, entry)(0, min(entry.size_bytes, npy.MAX_HEADER_BYTES + 16))))
        found.tensors.append(
            _npy(head, entry.name.removesuffix(".npy"), _member(span, entry), entry.size_bytes, entry.name)
        )
    return found


def _npy(
    head: Span,
    name: str,
    chunks: Callable[[int, int], Iterator[bytes]] | None = None,
    size_bytes: int | None = None,
    key: str = "",
) -> Found:
    chunks = chunks or _windows(head)
    size = head.size_bytes if size_bytes is None else size_bytes
    header = npy.read_header(head.bytes_at, size)
    if header.holds_objects:
        raise NotConvertible(f"`{visible(name)}` is an array of objects")
    dtype, is_big = _numpy_type(header.descr, name)
    begin = header.data_offset
    source = Source(lambda at, count: chunks(begin + at, count), size - begin, key, is_big)
    return Found(name, dtype, header.shape, source, 0, _fortran(header.shape) if header.fortran_order else None)


def _compressed(span: Span, media_type: str) -> Plan:
    chunks = compressed.unpacked(span.bytes_at, span.size_bytes, media_type, max_bytes=_UNPACKED_BYTES)
    inner = span_of(b"".join(chunks))
    kind = media.media_type_of(inner.head(1 << 16), inner.size_bytes)
    if kind in compressed.CODECS:
        raise NotConvertible("it is packed twice")
    return plan(inner, kind)


def _pickled(span: Span) -> Plan:
    stream = Stream(span)
    machine, at = _stopped(stream, 0)
    if type(machine.result) is int and machine.result == _TORCH_MAGIC:
        return _torch_legacy(span, stream, at)

    def refuse(identity: Value) -> tuple[Source, str | None]:
        raise NotConvertible(f"a persistent id, which only its loader can resolve: {show(identity, 80)}")

    return _Collector(refuse, span).collect(machine.result)


def _torch_legacy(span: Span, stream: Stream, at: int) -> Plan:
    results = []
    for _ in range(4):
        machine, at = _stopped(stream, at)
        results.append(machine.result)
    system, model, keys = results[1:]
    little = dict(system.pairs()).get("little_endian", True) if type(system) is Items else True
    if type(keys) is not Items or not all(isinstance(key, str) for key in keys.items):
        raise Malformed("the list of storages is none")
    sizes: dict[str, int] = {}
    _Collector(_sizes_of_storages(sizes), span).collect(model, dry=True)
    begins: dict[str, int] = {}
    offset = stream.base + at
    for key in keys.items:
        count = int.from_bytes(span.bytes_at(offset, 8), "little" if little else "big")
        if key not in sizes:
            raise NotConvertible(f"the storage `{visible(key)}` belongs to no tensor, so that its type is not known")
        begins[key], sizes[key] = offset + 8, count * sizes[key]
        offset += 8 + sizes[key]
        if offset > span.size_bytes:
            raise Malformed(f"the storage `{visible(key)}` reaches beyond the end of the file")

    def storage(key: str) -> Source:
        if key not in begins:
            raise Malformed(f"the storage `{visible(key)}` is not in the file")
        return Source(_windows(span.part(begins[key], sizes[key])), sizes[key], key, not little)

    found = _Collector(_torch_storages(storage), span).collect(model)
    found.is_torch = True
    return found


def _sizes_of_storages(sizes: dict[str, int]) -> Callable[[Value], tuple[Source, str | None]]:
    """A resolver that only learns how wide the numbers of each storage are."""

    def storage(key: str) -> Source:
        return Source(lambda _at, _count: iter(()), 1 << 62, key)

    inner = _torch_storages(storage)

    def resolve(identity: Value) -> tuple[Source, str | None]:
        source, dtype = inner(identity)
        sizes[source.key] = BITS[dtype or "U8"] // 8
        return source, dtype

    return resolve


# -- from the object to its tensors ------------------------------------------------------------------------------------


class _Collector:
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
                _check(tensor)
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
            dtype = _TORCH_DTYPES.get(kind.name) if type(kind) is Global and kind.module == "torch" else None
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
        dtype, _ = _numpy_type(code, name)
        sides = _sides(shape, name)
        size = math.prod(sides) * (BITS[dtype] // 8)
        if data is None:
            assert value.inline is not None
            source = Source(_windows(self._span.part(value.inline, size)), size, f"at {value.inline:#x}", order == ">")
        else:
            source = self._buffer(data, name, is_big=order == ">")
        return Found(name, dtype, sides, source, 0, _fortran(sides) if is_fortran else None)

    def _buffer(self, data: Value, name: str, *, is_big: bool) -> Source:
        if type(data) is Built and data.arguments and type(data.maker) is Global:
            data = data.arguments[0] if data.maker.path in ("builtins.bytearray", "builtins.bytes") else data
        if isinstance(data, bytes):
            held = data
            return Source(_windows(span_of(held)), len(held), "", is_big)
        if type(data) is Blob and not data.is_text:
            part = self._span.part(data.offset, data.size_bytes)
            return Source(_windows(part), data.size_bytes, f"at {data.offset:#x}", is_big)
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


# -- helpers -----------------------------------------------------------------------------------------------------------


class _Deaf:
    """An observer that is not interested: nothing runs here, and only the result is wanted."""

    def named(self, *_: Value) -> None: ...
    def called(self, *_: Value) -> None: ...
    def wrote(self, *_: Value) -> None: ...
    def given(self, *_: Value) -> None: ...
    def payload(self, *_: Value, promised: bool = False) -> None: ...


def _run(stream: Stream) -> Machine:
    return _stopped(stream, 0)[0]


def _stopped(stream: Stream, at: int) -> tuple[Machine, int]:
    # All that the opcodes build is held here, and only their share of a file may be so large.
    machine = Machine(stream, _Deaf(), Budget(program_bytes=_PROGRAM_BYTES), keeps_all=True)
    after = machine.run(at)
    return machine, after


def _check(tensor: Found) -> None:
    """Every element lies within its source."""
    if math.prod(tensor.shape) == 0:
        return
    if tensor.strides is not None and any(stride < 0 for stride in tensor.strides):
        raise Malformed(f"`{visible(tensor.name)}` has a negative stride")
    strides = tensor.strides if tensor.strides is not None else _contiguous(tensor.shape)
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, strides, strict=True))
    if (last + 1) * tensor.item_bytes > tensor.source.size_bytes:
        raise Malformed(f"`{visible(tensor.name)}` reaches beyond its {tensor.source.size_bytes} bytes")


def _sides(value: Value, name: str) -> tuple[int, ...]:
    if type(value) is Built and type(value.maker) is Global and value.maker.path == "torch.Size" and value.arguments:
        value = value.arguments[0]
    value = tuple(value.items) if type(value) is Items else value
    if type(value) is not tuple or len(value) > 64 or not all(type(side) is int and side >= 0 for side in value):
        raise Malformed(f"`{visible(name)}` has no shape")
    return value


def _sets_bits(metadata: Value) -> bool:
    return type(metadata) is Items and any(value is True for _, value in metadata.pairs())


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for side in reversed(shape):
        strides.append(step)
        step *= side
    return tuple(reversed(strides))


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    expected = _contiguous(shape)
    return all(side == 1 or have == want for side, have, want in zip(shape, strides, expected, strict=True))


def _fortran(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(reversed(_contiguous(tuple(reversed(shape)))))


def _numpy_type(descr: object, name: str) -> tuple[str, bool]:
    """(safetensors' type, whether it is big-endian)."""
    found = re.fullmatch(r"([<>=|]?)([a-zA-Z?]\d*)", descr) if isinstance(descr, str) else None
    if found is None or found[2] not in _NUMPY_TYPES:
        raise NotConvertible(
            f"`{visible(name)}` is an array of {visible(str(descr), 60)}, for which safetensors has no type"
        )
    return _NUMPY_TYPES[found[2]], found[1] == ">"


def _stretch(span: Span, entry: ZipEntry) -> Span | None:
    if entry.method != STORED or entry.data_offset is None or entry.compressed_bytes != entry.size_bytes:
        return None
    return span.part(entry.data_offset, entry.size_bytes)


def _member(span: Span, entry: ZipEntry) -> Callable[[int, int], Iterator[bytes]]:
    stretch = _stretch(span, entry)
    if stretch is not None:
        return _windows(stretch)

    def chunks(offset: int, size: int) -> Iterator[bytes]:
        for chunk in open_member(span.bytes_at, entry, max_bytes=1 << 62, check_crc=False):
            skipped = min(offset, len(chunk))
            offset -= skipped
            taken = chunk[skipped : skipped + size]
            size -= len(taken)
            if taken:
                yield taken
            if not size:
                return

    return chunks


def _windows(span: Span) -> Callable[[int, int], Iterator[bytes]]:
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
