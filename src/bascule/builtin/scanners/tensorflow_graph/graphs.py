"""TensorFlow's three containers of graphs, walked in place: SavedModel, MetaGraphDef and GraphDef.

Rules: a file is taken for each of the three that its bytes can be, since no magic tells them apart and a loader
believes its caller; functions of the library count as graphs; a graph packed in a string of another (as datasets and
accelerators pack them) is walked as well. Of a node the operation, its attributes that name files or addresses, and the
strings of constants are kept; tensors are stepped over.

Source: `saved_model.proto`, `meta_graph.proto`, `graph.proto`, `function.proto`, `node_def.proto`, `attr_value.proto`
and `tensor.proto` of TensorFlow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import SAVED_MODEL, TF_GRAPH, media_type_of
from bascule.plugins.readers.protobuf import Field, Read, Unsupported, Wire, sized

MAX_DEPTH = 4
MAX_NODES = 1 << 20
MAX_TEXT = 1 << 12
MAX_STRINGS = 64
"""Strings of one constant that are kept."""
_KIND = re.compile(r"[A-Za-z_.>][\w.>/\\-]{0,199}")
_NAME = re.compile(r"[\w.>/\\: ^*+()\[\]<,$@=-]*")
_TEXT_ATTRIBUTES = frozenset(
    ["output_stream", "debug_urls", "descriptor_source", "address", "server_address", "token", "shared_name", "path"]
)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `inputs` are names of nodes in the same graph; `texts` the strings that it holds or is set to."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    texts: tuple[str, ...]
    settings: tuple[tuple[str, str], ...]
    start: int


@dataclass(slots=True)
class Graphs:
    """What a file holds. `places` are graphs as (name, nodes by name); `assets` are file names."""

    containers: list[str] = field(default_factory=list)
    places: list[tuple[str, dict[str, Node]]] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    assets: list[str] = field(default_factory=list)
    nodes: int = 0


def read_graphs(read: Read, size_bytes: int) -> Graphs:
    """Every graph of a file. Raises `Malformed` where the bytes are none of the three, `Truncated`, `Unsupported`."""
    found, fault = Graphs(), None
    for container in ("saved-model", "meta-graph", "graph"):
        walk = _Walk(read, size_bytes)
        try:
            walk.container(container)
        except Malformed as error:
            if walk.graphs.nodes or fault is None:
                fault = error
            # What broke only after it had told of operations is what it seemed to be.
            if walk.graphs.nodes and isinstance(error, (Truncated, Unsupported)):
                raise
            continue
        if walk.graphs.nodes or walk.graphs.assets:
            found.containers.append(container)
            found.places += walk.graphs.places
            found.functions |= walk.graphs.functions
            found.assets += walk.graphs.assets
            found.nodes += walk.graphs.nodes
    if not found.containers:
        raise fault or Malformed("there is no graph in it")
    return found


class _Walk(Wire):
    def __init__(self, read: Read, size_bytes: int) -> None:
        super().__init__(read, size_bytes)
        self.graphs = Graphs()

    def container(self, kind: str) -> None:
        whole = Field(0, 2, 0, self._size, 0)
        if kind == "saved-model":
            for part in self.whole():
                if part.number == 2:
                    self._meta_graph(part, 0)
        elif kind == "meta-graph":
            self._meta_graph(whole, 0)
        else:
            self._graph(whole, "", 0)

    def _meta_graph(self, message: Field, depth: int) -> None:
        for part in self.inside(message):
            if part.number == 2:
                self._graph(part, "", depth)
            elif part.number == 6:
                self.graphs.assets += [self.text(inner) for inner in self.inside(part) if inner.number == 2]

    def _graph(self, message: Field, place: str, depth: int) -> None:
        nodes: dict[str, Node] = {}
        self.graphs.places.append((place, nodes))
        for part in self.inside(message):
            if part.number == 1:
                self._node(part, nodes, place, depth)
            elif part.number == 2:
                for function in self.inside(part):
                    if function.number == 1:
                        self._function(function, place, depth)

    def _function(self, message: Field, place: str, depth: int) -> None:
        name = ""
        nodes: dict[str, Node] = {}
        for part in self.inside(message):
            if part.number == 1:
                name = next((self._word(inner, _NAME) for inner in self.inside(part) if inner.number == 1), "")
        where = f"{place}{name}!"
        for part in self.inside(message):
            if part.number == 3:
                self._node(part, nodes, where, depth)
        self.graphs.functions.add(name)
        self.graphs.places.append((where, nodes))

    def _node(self, message: Field, nodes: dict[str, Node], place: str, depth: int) -> None:
        if self.graphs.nodes == MAX_NODES:
            raise Unsupported(f"more than {MAX_NODES} operations")
        name = kind = ""
        inputs: list[str] = []
        attributes: list[Field] = []
        for part in self.inside(message):
            if part.number == 1:
                name = self._word(part, _NAME)
            elif part.number == 2:
                kind = self._word(part, _KIND)
            elif part.number == 3 and len(inputs) < MAX_STRINGS:
                inputs.append(self.text(part).lstrip("^").split(":")[0])
            elif part.number == 5:
                attributes.append(part)
        if not kind:
            raise Malformed(f"a node without an operation at offset {message.start:#x}")
        texts: list[str] = []
        settings: list[tuple[str, str]] = []
        for part in attributes:
            self._attribute(part, texts, settings, f"{place}{name}!", depth)
        self.graphs.nodes += 1
        # The first of two nodes of one name would hide the other; a name is only needed to follow inputs.
        key = name if name not in nodes else f"{name}#{self.graphs.nodes}"
        nodes[key] = Node(name, kind, tuple(inputs), tuple(texts), tuple(settings), message.start)

    def _attribute(
        self, entry: Field, texts: list[str], settings: list[tuple[str, str]], place: str, depth: int
    ) -> None:
        key = ""
        for part in self.inside(entry):
            if part.number == 1:
                key = self.text(part)
            elif part.number == 2:
                for value in self.inside(part):
                    self._value(key, value, texts, settings, place, depth)

    def _value(
        self, key: str, value: Field, texts: list[str], settings: list[tuple[str, str]], place: str, depth: int
    ) -> None:
        if value.number == 2:
            text = self._string(value, place, depth)
            if key in _TEXT_ATTRIBUTES:
                settings.append((key, text))
        elif value.number == 1 and key in _TEXT_ATTRIBUTES:
            for item in self.inside(value):
                if item.number == 2 and len(settings) < MAX_STRINGS:
                    settings.append((key, self._string(item, place, depth)))
        elif value.number == 8:
            for part in self.inside(value):
                if part.number == 8 and len(texts) < MAX_STRINGS:
                    texts.append(self._string(part, place, depth))

    def _string(self, part: Field, place: str, depth: int) -> str:
        """The beginning of a string; a graph in it is walked."""
        size = sized(part).end - part.start
        head = self._read(part.start, min(size, MAX_TEXT))
        if size > 16 and head[:1] in b"\x08\x0a" and media_type_of(head, size) in (TF_GRAPH, SAVED_MODEL):
            if depth == MAX_DEPTH:
                raise Unsupported(f"graphs lie deeper in one another than {MAX_DEPTH} at offset {part.start:#x}")
            self._packed(part, place, depth + 1)
        return head.decode("utf-8", "replace")

    def _packed(self, part: Field, place: str, depth: int) -> None:
        """A graph in a string: what does not read as one is only a string."""
        before = self.graphs
        self.graphs = Graphs(nodes=before.nodes)
        try:
            self._graph(part, place, depth)
        except Unsupported:
            raise
        except Malformed:
            self.graphs = before
            return
        inner, self.graphs = self.graphs, before
        before.places += inner.places
        before.functions |= inner.functions
        before.nodes = inner.nodes

    def _word(self, part: Field, shape: re.Pattern[str]) -> str:
        """A name as TensorFlow writes them; anything else shows that the bytes are no graph."""
        if sized(part).end - part.start > MAX_TEXT or not shape.fullmatch(text := self.text(part)):
            raise Malformed(f"no name at offset {part.start:#x}")
        return text
