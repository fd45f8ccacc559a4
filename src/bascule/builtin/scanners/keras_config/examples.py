"""Built cases: a small writer of HDF5 (superblock 0, object header 1) and of stored zips, and models made with them.

Nothing here is a real model, and no function carried is one: the marshalled code is a word.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from bascule.plugins.meta import Example
from bascule.plugins.readers.protobuf import write
from bascule.records import Outcome

_UNDEFINED = b"\xff" * 8
_ROOT = 96


def hdf5_file(attributes: Mapping[str, bytes], messages: Sequence[tuple[int, bytes]] = ()) -> bytes:
    """A file whose root group bears string attributes, in a global heap each, and further messages (type, body)."""
    heaps = _heaps(list(attributes.values()))
    # Addresses of heaps follow the header, whose length does not depend on them.
    length = len(_root([(name, len(value), 0) for name, value in attributes.items()], messages))
    rows, at = [], _ROOT + length
    for (name, value), heap in zip(attributes.items(), heaps, strict=True):
        rows.append((name, len(value), at))
        at += len(heap)
    return _superblock(at) + _root(rows, messages) + b"".join(heaps)


def _superblock(end: int) -> bytes:
    head = b"\x89HDF\r\n\x1a\n" + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0)
    entry = struct.pack("<QQ", 0, _ROOT) + bytes(24)
    return head + struct.pack("<Q", 0) + _UNDEFINED + struct.pack("<Q", end) + _UNDEFINED + entry


def _root(rows: Sequence[tuple[str, int, int]], messages: Sequence[tuple[int, bytes]]) -> bytes:
    # Without a message of its kind (link info: version 1, nothing dense) a library takes the object for no group.
    link_info = (0x02, bytes(2) + _UNDEFINED * 2)
    bodies = [link_info, *((0x0C, _attribute(*row)) for row in rows), *messages]
    body = b"".join(
        struct.pack("<HHB3x", kind, -(-len(data) // 8) * 8, 0) + data + bytes(-len(data) % 8) for kind, data in bodies
    )
    return struct.pack("<BxHII4x", 1, len(bodies), 1, len(body)) + body


def _attribute(name: str, size: int, heap: int) -> bytes:
    label = name.encode() + b"\0"
    kind = b"\x19\x01\x00\x00" + struct.pack("<I", 16) + b"\x13\x00\x00\x00" + struct.pack("<I", 1)
    space = bytes([1, 0, 0, 0, 0, 0, 0, 0])
    head = struct.pack("<BxHHH", 1, len(label), len(kind), len(space)) + label + bytes(-len(label) % 8)
    return head + kind + space + struct.pack("<IQI", size, heap, 1)


def _heaps(values: Sequence[bytes]) -> list[bytes]:
    heaps = []
    for value in values:
        item = struct.pack("<HH4xQ", 1, 1, len(value)) + value + bytes(-len(value) % 8)
        size = max(4096, 16 + len(item) + 16)
        free = struct.pack("<HH4xQ", 0, 0, size - 16 - len(item))
        heaps.append((b"GCOL\x01\0\0\0" + struct.pack("<Q", size) + item + free).ljust(size, b"\0"))
    return heaps


def external_link(name: str, file: str, target: str) -> tuple[int, bytes]:
    """A message: a link to an object of another file."""
    value = b"\0" + file.encode() + b"\0" + target.encode() + b"\0"
    return 0x06, bytes([1, 8, 64, len(name)]) + name.encode() + struct.pack("<H", len(value)) + value


def stored_zip(members: Mapping[str, bytes]) -> bytes:
    """A zip of members that are not packed, as Keras writes its archives."""
    out, index = b"", b""
    for name, data in members.items():
        label = name.encode()
        common = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(label), 0)
        index += b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, len(out)) + label
        out += b"PK\x03\x04" + common + label + data
    count = len(members)
    return out + index + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(index), len(out), 0)


def layer(name: str, module: str | None = None, **config: Any) -> dict[str, Any]:
    """A serialised object, of Keras 3 where a module is given."""
    row: dict[str, Any] = {"class_name": name, "config": config}
    return row if module is None else {"module": module, **row, "registered_name": None}


def model(*layers: Any) -> dict[str, Any]:
    """A Sequential of the layers."""
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}


def in_hdf5(config: Any, *messages: tuple[int, bytes]) -> dict[str, bytes]:
    """The configuration where Keras 2 keeps it."""
    return {"model.h5": hdf5_file({"keras_version": b"2.15.0", "model_config": json.dumps(config).encode()}, messages)}


def in_archive(config: Any, weights: bytes = b"") -> dict[str, bytes]:
    """The configuration where Keras 3 keeps it."""
    members = {
        "metadata.json": json.dumps({"keras_version": "3.11.0", "date_saved": "2026-01-01@00:00:00"}).encode(),
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": weights or hdf5_file({}),
    }
    return {"model.keras": stored_zip(members)}


def saved_metadata(config: Any) -> bytes:
    """What Keras leaves beside a SavedModel: the configuration of one node."""
    return write(1, write(2, 0) + write(3, "root.layer-0") + write(4, "_tf_keras_layer") + write(5, json.dumps(config)))


_DENSE = layer("Dense", "keras.layers", units=2, activation="relu")
_MARSHALLED = layer("Lambda", function=["bm90IGNvZGU=\n", None, None], function_type="lambda")
_WRAPPED = layer("TimeDistributed", layer=layer("Bidirectional", layer=_MARSHALLED))
_LAMBDA = layer("Lambda", "keras.layers", function={"class_name": "__lambda__", "config": {"code": "bm90IGNvZGU="}})
_GADGET = layer("Lambda", "keras.layers", function={"module": "os", "class_name": "function", "config": "system"})
_FETCH = layer(
    "Lambda", "keras.layers", function={"module": "keras.utils", "class_name": "function", "config": "get_file"}
)
_UNGUARDED = layer(
    "Lambda",
    "keras.layers",
    function={"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"},
)
_PICKLED = {**layer("TorchModuleWrapper", "keras.layers"), "config": {"module": "gASVBAAAAAAAAABLAS4="}}
_SAVED_MODEL = layer("TFSMLayer", "keras.layers", filepath="../other")
_VOCABULARY = layer("StringLookup", "keras.layers", vocabulary="https://example.org/words")
_OWN = {**layer("Gate", "acme.layers"), "registered_name": "acme>Gate"}

_RUNS, _CUSTOM, _EXTERNAL, _MALFORMED = "keras-runs-code", "keras-custom-object", "hdf5-external", "hdf5-malformed"
_CLEAN = dict.fromkeys((_RUNS, _CUSTOM, _EXTERNAL, _MALFORMED), Outcome.FALSE)
_TRUE, _ERROR, _UNREAD = Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE
_FAR = external_link("kernel", "/etc/passwd", "/x")
_DENSE_LINKS = (0x02, bytes(2) + struct.pack("<QQ", 4096, 8192))

EXAMPLES = (
    Example("plain layers in HDF5", lambda: in_hdf5(model(layer("Dense"), layer("LSTM"))), _CLEAN),
    Example("plain layers in an archive", lambda: in_archive(model(_DENSE)), _CLEAN),
    Example("weights alone", lambda: {"w.h5": hdf5_file({"backend": b"jax"})}, _CLEAN),
    Example("a marshalled Lambda", lambda: in_hdf5(model(_MARSHALLED)), {**_CLEAN, _RUNS: _TRUE}),
    Example("a Lambda within wrappers", lambda: in_hdf5(model(_WRAPPED)), {**_CLEAN, _RUNS: _TRUE}),
    Example("a Lambda of Keras 3", lambda: in_archive(model(_LAMBDA)), {**_CLEAN, _RUNS: _TRUE}),
    Example("a function of the system's", lambda: in_archive(model(_GADGET)), {**_CLEAN, _RUNS: _TRUE}),
    Example("Keras's own download", lambda: in_archive(model(_FETCH)), {**_CLEAN, _RUNS: _TRUE}),
    Example("another model by its path", lambda: in_archive(model(_SAVED_MODEL)), {**_CLEAN, _RUNS: _TRUE}),
    Example("a vocabulary by its address", lambda: in_archive(model(_VOCABULARY)), {**_CLEAN, _RUNS: _TRUE}),
    Example("a layer of its own, by module", lambda: in_archive(model(_OWN)), {**_CLEAN, _CUSTOM: _TRUE}),
    Example("a layer of its own, by name", lambda: in_hdf5(model(layer("AcmeGate"))), {**_CLEAN, _CUSTOM: _TRUE}),
    Example("a layer that lowers the guard (CVE-2025-9906)", lambda: in_archive(model(_UNGUARDED)), {_RUNS: _TRUE}),
    Example("a pickled layer (CVE-2025-49655)", lambda: in_archive(model(_PICKLED)), {_RUNS: _TRUE}),
    Example(
        "a Lambda in source text",
        lambda: in_hdf5(model(layer("Lambda", function="lambda x: eval('x')"))),
        {_RUNS: _TRUE},
    ),
    Example("a Lambda in a SavedModel", lambda: {"keras_metadata.pb": saved_metadata(_MARSHALLED)}, {_RUNS: _TRUE}),
    Example("layers in a SavedModel", lambda: {"keras_metadata.pb": saved_metadata(layer("Dense"))}, _CLEAN),
    Example("a link to another file", lambda: in_hdf5(model(), _FAR), {**_CLEAN, _EXTERNAL: _TRUE}),
    Example(
        "weights in an archive that lead out of it",
        lambda: in_archive(model(_DENSE), hdf5_file({}, [_FAR])),
        {**_CLEAN, _EXTERNAL: _TRUE},
    ),
    Example(
        "links in a storage not read here",
        lambda: in_hdf5(model(), _DENSE_LINKS),
        {_RUNS: _UNREAD, _CUSTOM: _UNREAD, _EXTERNAL: _UNREAD, _MALFORMED: _UNREAD},
    ),
    Example(
        "a header of no version",
        lambda: {"m.h5": hdf5_file({}).replace(b"\x01\0\x01\0\x01\0\0\0", b"\x07\0\x01\0\x01\0\0\0")},
        {_MALFORMED: _TRUE, _RUNS: _ERROR, _CUSTOM: _ERROR, _EXTERNAL: _ERROR},
    ),
    Example(
        "a file cut short", lambda: {"m.h5": in_hdf5(model())["model.h5"][:-100]}, {_MALFORMED: _ERROR, _RUNS: _ERROR}
    ),
    Example("a configuration that is no JSON", lambda: {"m.h5": hdf5_file({"model_config": b"{,"})}, {_RUNS: _ERROR}),
)
