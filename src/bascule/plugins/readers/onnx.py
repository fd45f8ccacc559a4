"""What an ONNX file would make a runtime do: its operators, where its tensors lie, and its metadata; never the tensors.

Rules: fields are walked where they stand and only names, shapes and places are kept; every graph is walked, those of
`If`, `Loop` and `Scan`, of functions and of training included; an element type that is not known is `Unsupported`;
everything else is as `protobuf` has it.

Source: `onnx.proto` of the ONNX project, and the protobuf wire format.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.protobuf import Field, Read, Unsupported, Wire, number, sized

__all__ = ["External", "Model", "Placed", "Unsupported", "read_model"]

MAX_GRAPH_DEPTH = 32
"""Graphs in graphs: each costs three messages, and protobuf's own parsers give up at a hundred."""
MAX_VALUE_BYTES = 4 << 20
MAX_DIMENSIONS = 64
MAX_KEPT = 1 << 17
"""Metadata entries and external tensors of one file; exporters leave several entries at every node."""

# TensorProto.DataType: bits of an element; 8 is a string, which has no fixed size.
_STRING = 8
_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, _STRING: 0, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64}
_BITS |= {15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}

TYPE_NAMES = {1: "F32", 2: "U8", 3: "I8", 6: "I32", 7: "I64", 10: "F16", 11: "F64", 16: "BF16"}
"""TensorProto.DataType by the names of safetensors, where both have it."""


@dataclass(frozen=True, slots=True)
class External:
    """A tensor whose bytes lie in another file. `length` is None where the entry gives none."""

    tensor: str
    location: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A tensor whose raw bytes stand in this file, from offset `start`. `kind` is a TensorProto.DataType."""

    name: str
    kind: int
    shape: tuple[int, ...]
    start: int
    size_bytes: int


@dataclass(slots=True)
class Model:
    """What a ModelProto says before its tensors. `operators` and `functions` are (domain, name) pairs, `metadata` the
    different (key, value) pairs of all messages in file order; `placed` the first `MAX_KEPT` tensors with raw bytes;
    `parameters` counts the elements of initialisers and of
    `Constant` nodes, of every graph."""

    ir_version: int = 0
    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: set[tuple[str, str]] = field(default_factory=set)
    externals: list[External] = field(default_factory=list)
    metadata: dict[tuple[str, str], None] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    tensors: int = 0
    parameters: int = 0
    graphs: int = 0


def read_model(read: Read, size_bytes: int) -> Model:
    """The model of a file of `size_bytes`. Raises `Malformed` naming the place, `Truncated` and `Unsupported`."""
    walk = _Walk(read, size_bytes)
    walk.model_proto()
    if not walk.model.graphs:
        raise Malformed("there is no graph in it")
    return walk.model


class _Walk(Wire):
    """One pass over the file."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        super().__init__(read, size_bytes)
        self.model = Model()

    def model_proto(self) -> None:
        for part in self.whole():
            if part.number == 1:
                self.model.ir_version = number(part)
            elif part.number == 2:
                self.model.producer = self.text(part)
            elif part.number == 7:
                self._graph(part, 0)
            elif part.number == 8:
                self._opset(part)
            elif part.number == 14:
                self._metadata(part)
            elif part.number == 20:
                for graph in self.inside(part):
                    if graph.number in (1, 2):
                        self._graph(graph, 0)
            elif part.number == 25:
                self._function(part)

    def _opset(self, message: Field) -> None:
        domain, version = "", 0
        for part in self.inside(message):
            if part.number == 1:
                domain = self.text(part)
            elif part.number == 2:
                version = number(part)
        if len(self.model.opsets) < MAX_KEPT:
            self.model.opsets[domain] = version

    def _graph(self, message: Field, depth: int) -> None:
        if depth == MAX_GRAPH_DEPTH:
            raise Unsupported(f"graphs nest deeper than {MAX_GRAPH_DEPTH} at offset {message.start:#x}")
        self.model.graphs += 1
        for part in self.inside(message):
            if part.number == 1:
                self._node(part, depth)
            elif part.number == 5:
                self._tensor(part, counts=True)
            elif part.number == 15:
                self._sparse(part, counts=True)
            elif part.number == 16:
                self._metadata(part)

    def _function(self, message: Field) -> None:
        name = domain = ""
        for part in self.inside(message):
            if part.number == 1:
                name = self.text(part)
            elif part.number == 7:
                self._node(part, 0)
            elif part.number == 10:
                domain = self.text(part)
            elif part.number == 11:
                self._attribute(part, 0, counts=False)
            elif part.number == 14:
                self._metadata(part)
        self.model.functions.add((domain, name))

    def _node(self, message: Field, depth: int) -> None:
        kind = domain = ""
        attributes = []
        for part in self.inside(message):
            if part.number == 4:
                kind = self.text(part)
            elif part.number == 5:
                attributes.append(part)
            elif part.number == 7:
                domain = self.text(part)
            elif part.number == 9:
                self._metadata(part)
        self.model.operators.add((domain, kind))
        for part in attributes:
            self._attribute(part, depth, counts=kind == "Constant")

    def _attribute(self, message: Field, depth: int, counts: bool) -> None:
        for part in self.inside(message):
            if part.number in (5, 10):
                self._tensor(part, counts)
            elif part.number in (6, 11):
                self._graph(part, depth + 1)
            elif part.number in (22, 23):
                self._sparse(part, counts)

    def _sparse(self, message: Field, counts: bool) -> None:
        for part in self.inside(message):
            if part.number in (1, 2):
                self._tensor(part, counts and part.number == 1)

    def _tensor(self, message: Field, counts: bool) -> None:
        dims: list[int] = []
        kind = raw = raw_start = stored = 0
        has_raw = outside = False
        name = ""
        entries: dict[str, str] = {}
        for part in self.inside(message):
            if part.number == 1:
                dims.extend(self.numbers(part, MAX_DIMENSIONS))
                if len(dims) > MAX_DIMENSIONS:
                    raise Malformed(f"a tensor at offset {message.start:#x} has more than {MAX_DIMENSIONS} dimensions")
            elif part.number == 2:
                kind = number(part)
            elif part.number in (4, 5, 6, 7, 10, 11):
                stored += 1
            elif part.number == 8:
                name = self.text(part)
            elif part.number == 9:
                has_raw, raw, raw_start = True, sized(part).end - part.start, part.start
            elif part.number == 13:
                key, value = self._entry(part)
                entries[key] = value
            elif part.number == 14:
                outside = number(part) == 1
        elements = _elements(dims, message.start)
        if kind not in _BITS:
            raise Unsupported(
                f"tensor at offset {message.start:#x} is of element type {kind}, not known to this reader"
            )
        if outside or "location" in entries:
            self._external(name, entries, message.start)
        elif has_raw and raw * 8 - elements * _BITS[kind] not in range(8):
            raise Malformed(
                f"tensor `{name[:80]}` at offset {message.start:#x} has {raw} bytes for {elements} elements"
            )
        elif not has_raw and elements and not stored:
            raise Malformed(f"tensor `{name[:80]}` at offset {message.start:#x} has {elements} elements and no data")
        if raw and len(self.model.placed) < MAX_KEPT:
            self.model.placed.append(Placed(name, kind, tuple(dims), raw_start, raw))
        if counts:
            self.model.tensors += 1
            self.model.parameters += elements

    def _external(self, name: str, entries: dict[str, str], at: int) -> None:
        if len(self.model.externals) >= MAX_KEPT:
            raise Unsupported(f"more than {MAX_KEPT} tensors lie in other files")
        numbers: list[int | None] = []
        for key in ("offset", "length"):
            text = entries.get(key, "")
            if text and not (text.isascii() and text.isdigit() and len(text) < 20):
                raise Malformed(f"tensor `{name[:80]}` at offset {at:#x}: its `{key}` outside is no number")
            numbers.append(int(text) if text else None)
        self.model.externals.append(External(name, entries.get("location", ""), numbers[0] or 0, numbers[1]))

    def _metadata(self, message: Field) -> None:
        if len(self.model.metadata) >= MAX_KEPT:
            raise Unsupported(f"more than {MAX_KEPT} metadata entries")
        self.model.metadata[self._entry(message)] = None

    def _entry(self, message: Field) -> tuple[str, str]:
        key = value = ""
        for part in self.inside(message):
            if part.number == 1:
                key = self.text(part)
            elif part.number == 2:
                value = self.text(part, MAX_VALUE_BYTES)
        return key, value


def _elements(dims: list[int], at: int) -> int:
    count = 1
    for length in dims:
        if length >= 1 << 63:
            raise Malformed(f"a tensor at offset {at:#x} has a negative dimension")
        count *= length
        if count >= 1 << 63:
            raise Malformed(f"a tensor at offset {at:#x} has more elements than 63 bits count")
    return count
