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

import re
from collections.abc import Callable, Iterator

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, compressed, media, npy
from bascule.plugins.readers.pickles.collect import Collector
from bascule.plugins.readers.pickles.found import (
    TORCH_TYPES,
    Found,
    NotConvertible,
    Plan,
    Source,
    check,
    fortran,
    numpy_type,
    windows,
)
from bascule.plugins.readers.pickles.machine import Budget, Machine
from bascule.plugins.readers.pickles.stream import Span, Stream, span_of
from bascule.plugins.readers.pickles.values import Global, Items, Value, show
from bascule.plugins.readers.safetensors import BITS
from bascule.plugins.readers.zip import STORED, ZipEntry, open_member, read_directory

_UNPACKED_BYTES = 256 << 20
_PROGRAM_BYTES = 64 << 20
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C


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
        check(tensor)
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
    return Collector(_torch_storages(storage), pickle).collect(machine.result)


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
        if name not in TORCH_TYPES:
            raise NotConvertible(f"a storage of `{kind.path}`, for which safetensors has no type")
        return storage(key), TORCH_TYPES[name]

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
    chunks = chunks or windows(head)
    size = head.size_bytes if size_bytes is None else size_bytes
    header = npy.read_header(head.bytes_at, size)
    if header.holds_objects:
        raise NotConvertible(f"`{visible(name)}` is an array of objects")
    dtype, is_big = numpy_type(header.descr, name)
    begin = header.data_offset
    source = Source(lambda at, count: chunks(begin + at, count), size - begin, key, is_big)
    return Found(name, dtype, header.shape, source, 0, fortran(header.shape) if header.fortran_order else None)


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

    return Collector(refuse, span).collect(machine.result)


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
    Collector(_sizes_of_storages(sizes), span).collect(model, dry=True)
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
        return Source(windows(span.part(begins[key], sizes[key])), sizes[key], key, not little)

    found = Collector(_torch_storages(storage), span).collect(model)
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


def _stretch(span: Span, entry: ZipEntry) -> Span | None:
    if entry.method != STORED or entry.data_offset is None or entry.compressed_bytes != entry.size_bytes:
        return None
    return span.part(entry.data_offset, entry.size_bytes)


def _member(span: Span, entry: ZipEntry) -> Callable[[int, int], Iterator[bytes]]:
    stretch = _stretch(span, entry)
    if stretch is not None:
        return windows(stretch)

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
