"""The question that the licence solver answers: what was made from what, what is to be done with it, by whom and where.

    artefacts: {base: {licence: Llama-3.1}, data: {licence: CC-BY-NC-4.0}, model: {}}
    edges: [{from: base, to: model, act: finetune}, {from: data, to: model, act: train_on}]
    use: {act: host, commercial: true, hosted: true}
    context: {mau: 2000000, revenue_usd: null, domicile: DE, modality: text, name: "Llama-Support-8B"}

Rules: a fact that is null or left out is undeclared, and no default stands in for it; a key, an act or a value that is
not known is refused with the nearest known one; a licence id that is not known is kept, and makes the answer unknown;
lineage goes one way, so a cycle is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, TypeAlias

from bascule.judge.licensing.terms import EDGE_ACTS, USE_ACTS
from bascule.judge.licensing.when import country
from bascule.judge.policy.yaml_text import Document, load_document
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible

Contested: TypeAlias = Literal["strict", "lenient", "unset"]

MAX_ARTEFACTS = 2_000
MAX_EDGES = 10_000
USE_NAMES: Mapping[str, str] = {"internal": "use", **{act: act for act in USE_ACTS}}
"""What a case calls the final act, and what a clause calls it."""
MODALITIES = ("text", "code", "audio", "image", "video", "multimodal")
_MODALITY_NAMES: Mapping[str, str] = {
    **{name: name for name in MODALITIES},
    **dict.fromkeys(("vision", "visual", "vision-language", "image-text", "text-image", "omni"), "multimodal"),
    **dict.fromkeys(("image-text-to-text", "text+image", "image+text", "any-to-any"), "multimodal"),
    **dict.fromkeys(("language", "embedding", "text-generation"), "text"),
    "speech": "audio",
}
PURPOSES = ("research", "personal", "evaluation", "production")


@dataclass(frozen=True, slots=True)
class Node:
    """A thing with a licence, or one that is being made. licence: an id or expression; None where nobody says."""

    id: str
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """`child` was made from `parent` by `act`, one of `EDGE_ACTS`."""

    parent: str
    child: str
    act: str


@dataclass(frozen=True, slots=True)
class Case:
    """A checked question. use: one of `USE_ACTS`; targets: what it is about; facts: by the names of `when.FIELDS`, and
    `mau_as_of`, a date.

    relicense_as: the id it would be given to others under, where it is given.
    """

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    use: str
    targets: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    relicense_as: str | None = None
    contested: Contested = "unset"


def same(name: str) -> str:
    """A name as its own id."""
    return name


def build_case(
    nodes: Iterable[Node],
    edges: Iterable[Edge],
    *,
    use: str,
    facts: Mapping[str, Any],
    targets: Iterable[str] = (),
    relicense_as: str | None = None,
    contested: Contested = "unset",
) -> Case:
    """A case from its parts. Raises InputError `licence.not-a-case`: an edge that leads nowhere, a cycle, no target."""
    by_id = {node.id: node for node in nodes}
    found = tuple(dict.fromkeys(edges))
    faults = list(_edge_faults(by_id, found))
    if not faults and (loop := _cycle(by_id, found)):
        faults.append("the lineage goes in a circle: " + " → ".join(f"`{visible(name, 40)}`" for name in loop))
    wanted = tuple(dict.fromkeys(targets)) or _sinks(by_id, found, use)
    faults += [
        f"`use.artefact`: there is no artefact `{visible(name, 40)}`; {suggestion(name, by_id)}".rstrip("; ")
        for name in wanted
        if name not in by_id
    ]
    if not faults and not wanted:
        faults.append("`artefacts` is empty: name at least what is to be used")
    if faults:
        raise _refused(faults)
    return Case(by_id, found, use, wanted, dict(facts), relicense_as, contested)


def _edge_faults(nodes: Mapping[str, Node], edges: tuple[Edge, ...]) -> Iterator[str]:
    if len(nodes) > MAX_ARTEFACTS or len(edges) > MAX_EDGES:
        yield f"{len(nodes)} artefacts and {len(edges)} edges, more than {MAX_ARTEFACTS} and {MAX_EDGES}"
        return
    for edge in edges:
        for name in (edge.parent, edge.child):
            if name not in nodes:
                near = suggestion(name, nodes)
                yield f"`edges`: there is no artefact `{visible(name, 40)}`" + (f"; {near}" if near else "")
        if edge.parent == edge.child:
            yield f"`edges`: `{visible(edge.parent, 40)}` cannot be made from itself"


def _cycle(nodes: Mapping[str, Node], edges: tuple[Edge, ...]) -> list[str]:
    """The names along a circle, or nothing."""
    waiting = dict.fromkeys(nodes, 0)
    children: dict[str, list[str]] = {name: [] for name in nodes}
    for edge in edges:
        waiting[edge.child] += 1
        children[edge.parent].append(edge.child)
    ready = [name for name, count in waiting.items() if count == 0]
    while ready:
        name = ready.pop()
        del waiting[name]
        for child in children[name]:
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if not waiting:
        return []
    parents = {edge.child: edge.parent for edge in edges if edge.child in waiting and edge.parent in waiting}
    path = [min(waiting)]
    while parents[path[-1]] not in path:
        path.append(parents[path[-1]])
    loop = [*path[path.index(parents[path[-1]]) :], parents[path[-1]]]
    return loop[::-1]


def _sinks(nodes: Mapping[str, Node], edges: tuple[Edge, ...], use: str) -> tuple[str, ...]:
    """What nothing else is made of; for data that is given away, the data itself."""
    if use == "distribute_data":
        data = {edge.parent for edge in edges if edge.act == "train_on"}
        data |= {edge.child for edge in edges if edge.act == "generate"}
        alone = set(nodes) - {name for edge in edges for name in (edge.parent, edge.child)}
        if data:
            return tuple(sorted(data | alone))
    parents = {edge.parent for edge in edges}
    return tuple(sorted(name for name in nodes if name not in parents))


def parse_case(data: bytes, what: str, id_of: Callable[[str], str] = same) -> tuple[Case, date | None]:
    """A case from YAML, and the day it asks about where it names one.

    id_of: our id for a licence as people write it. Raises InputError `licence.not-a-case` with every fault as
    `file:line: what is wrong`, `policy.not-yaml` for what is no YAML.
    """
    return _Reader(load_document(data, what), id_of).read()


class _Reader:
    """Reads one document, gathering faults."""

    def __init__(self, document: Document, id_of: Callable[[str], str]) -> None:
        self._document = document
        self._id_of = id_of
        self._faults: list[str] = []

    def read(self) -> tuple[Case, date | None]:
        value = self._document.value
        if not isinstance(value, dict):
            raise _refused([f"{self._document.name}: a case is a mapping with `artefacts`, `edges` and `use`"])
        self._known(value, (), ("schema", "title", "artefacts", "edges", "use", "context", "policy", "as_of"))
        nodes = list(self._nodes(value.get("artefacts")))
        edges = list(self._edges(value.get("edges") or []))
        use = self._mapping(value.get("use"), ("use",))
        context = self._mapping(value.get("context") or {}, ("context",))
        self._known(use, ("use",), ("act", "artefact", "as", "commercial", "hosted", "monetised"))
        self._known(
            context,
            ("context",),
            (
                *("mau", "mau_as_of", "revenue_usd", "domicile", "modality", "sector", "purpose", "name", "safeguards"),
                *("commercial", "hosted", "monetised", "user_of_product", "policy", "as_of"),
            ),
        )
        act = use.get("act")
        if not isinstance(act, str) or act not in USE_NAMES:
            near = suggestion(str(act), USE_NAMES) if act else ""
            self._fault(("use", "act"), f"`use.act` is one of {', '.join(USE_NAMES)}; {near}".rstrip("; "))
        relicense_as = self._licence(use.get("as"), ("use", "as"))
        if act == "relicense" and relicense_as is None:
            self._fault(("use",), "relicensing needs the licence to give: `as: Apache-2.0`")
        facts = self._facts(use, context)
        policy = self._one_of(("policy",), value.get("policy"), ("context", "policy"), context.get("policy"))
        if policy not in (None, "strict", "lenient"):
            self._fault(("policy",), "`policy` is `strict` or `lenient`")
            policy = None
        as_of = self._date(self._one_of(("as_of",), value.get("as_of"), ("context", "as_of"), context.get("as_of")))
        if self._faults:
            raise _refused(self._faults)
        facts["use"] = USE_NAMES[str(act)]
        named = use.get("artefact")
        case = build_case(
            nodes,
            edges,
            use=facts["use"],
            facts=facts,
            targets=(str(named),) if named is not None else (),
            relicense_as=relicense_as,
            contested=policy or "unset",
        )
        return case, as_of

    def _nodes(self, value: Any) -> Iterator[Node]:
        for name, item in self._mapping(value, ("artefacts",)).items():
            place = ("artefacts", name)
            body = self._mapping({} if item is None else item, place)
            self._known(body, place, ("licence", "license", "kind", "title"))
            both = self._one_of((*place, "licence"), body.get("licence"), (*place, "license"), body.get("license"))
            yield Node(str(name), self._licence(both, place))

    def _edges(self, value: Any) -> Iterator[Edge]:
        if not isinstance(value, list):
            self._fault(("edges",), "`edges` is a list of `{from: …, to: …, act: …}`")
            return
        for index, item in enumerate(value):
            place = ("edges", index)
            body = self._mapping(item, place)
            self._known(body, place, ("from", "to", "act"))
            absent = [key for key in ("from", "to", "act") if body.get(key) is None]
            if absent:
                self._fault(place, f"this edge needs {', '.join(f'`{key}`' for key in absent)}")
                continue
            if body["act"] not in EDGE_ACTS:
                near = suggestion(str(body["act"]), EDGE_ACTS)
                self._fault(
                    place, f"`{visible(str(body['act']), 40)}` is no act of making; {near or ', '.join(EDGE_ACTS)}"
                )
                continue
            yield Edge(str(body["from"]), str(body["to"]), str(body["act"]))

    def _facts(self, use: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for key in ("commercial", "hosted", "monetised"):
            given = self._one_of(("use", key), use.get(key), ("context", key), context.get(key))
            facts[key] = self._checked(given, ("use", key), bool, "true or false")
        facts["user_of_product"] = self._checked(
            context.get("user_of_product"), ("context", "user_of_product"), bool, "true or false"
        )
        for key in ("mau", "revenue_usd"):
            facts[key] = self._number(context.get(key), ("context", key))
        facts["mau_as_of"] = self._date(context.get("mau_as_of"))
        for key in ("sector", "name"):
            facts[key] = self._checked(context.get(key), ("context", key), str, "text")
        facts["purpose"] = self._word(context.get("purpose"), ("context", "purpose"), {name: name for name in PURPOSES})
        facts["modality"] = self._word(context.get("modality"), ("context", "modality"), _MODALITY_NAMES)
        facts["domicile"] = self._country(context.get("domicile"))
        safeguards = context.get("safeguards")
        if safeguards is not None:
            listed = isinstance(safeguards, list) and all(isinstance(item, str) for item in safeguards)
            if listed:
                facts["safeguards"] = tuple(safeguards)
            else:
                self._fault(("context", "safeguards"), "`safeguards` is a list of words")
        return {key: given for key, given in facts.items() if given is not None}

    def _country(self, value: Any) -> str | None:
        if value is None:
            return None
        code = country(str(value))
        if code is None:
            self._fault(("context", "domicile"), f"`{visible(str(value), 40)}` is no ISO 3166 country, such as `DE`")
        return code

    def _word(self, value: Any, place: tuple[str, ...], known: Mapping[str, str]) -> str | None:
        if value is None:
            return None
        found = known.get(str(value).strip().casefold())
        if found is None:
            near = suggestion(str(value), known)
            words = ", ".join(dict.fromkeys(known.values()))
            self._fault(place, f"`{visible(str(value), 40)}` is not one of {words}" + (f"; {near}" if near else ""))
        return found

    def _number(self, value: Any, place: tuple[str, ...]) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            self._fault(place, f"`{place[-1]}` is a number of at least 0, or null where it is not known")
            return None
        return float(value)

    def _date(self, value: Any) -> date | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self._fault(("context",), f"`{visible(str(value), 40)}` is no day, such as `2026-11-25`")
            return None

    def _licence(self, value: Any, place: tuple[Any, ...]) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self._fault(place, "a licence is named by text, such as `Apache-2.0`")
            return None
        return self._id_of(value)

    def _one_of(self, first: tuple[Any, ...], one: Any, second: tuple[Any, ...], other: Any) -> Any:
        if one is not None and other is not None and one != other:
            names = " and ".join(f"`{'.'.join(map(str, place))}`" for place in (first, second))
            self._fault(second, f"{names} contradict each other")
        return other if one is None else one

    def _checked(self, value: Any, place: tuple[str, ...], kind: type, words: str) -> Any:
        if value is not None and not isinstance(value, kind):
            self._fault(place, f"`{place[-1]}` is {words}, or null where it is not known")
            return None
        return value

    def _mapping(self, value: Any, place: tuple[Any, ...]) -> Mapping[Any, Any]:
        if isinstance(value, dict):
            return value
        self._fault(place, f"`{'.'.join(map(str, place))}` is missing, or not a mapping")
        return {}

    def _known(self, value: Mapping[Any, Any], place: tuple[Any, ...], keys: tuple[str, ...]) -> None:
        for key in value:
            if key not in keys:
                near = suggestion(str(key), keys)
                self._fault((*place, key), f"unknown key `{visible(str(key), 40)}`" + (f", {near}" if near else ""))

    def _fault(self, place: tuple[Any, ...], what: str) -> None:
        self._faults.append(f"{self._document.at(place)}: {what}")


def _refused(faults: list[str]) -> InputError:
    return InputError.from_faults(
        "licence.not-a-case",
        "this licence case cannot be answered",
        faults,
        "mend the places named; nothing was assumed",
    )
