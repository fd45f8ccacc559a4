"""The licence answers of a review: each kind of artefact under its own licence and those of what it was made from.

    declarations → the licence over each kind;  lineage → parents, by works.yaml or as the context states
    → one case for each kind and act → solver → answers, and the facts `may.*` that rules read

Rules: what lineage the files name is all that is known of it, and a tool that looked must have spoken; a parent whose
licence nobody states is unknown; what the licences of data say stands beside the rest, since whether they reach a model
is contested. Acts: use (in one's own house), host (for others), distribute (a copy leaves).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from bascule.judge.facts.fact import Fact, unknown
from bascule.judge.licensing.answer import answer_fields
from bascule.judge.licensing.case import Case, Edge, Node, build_case
from bascule.judge.licensing.consensus import Declaration
from bascule.judge.licensing.coverage import DATA_KINDS, Coverage, covered
from bascule.judge.licensing.solver import Fired, Solution, sentence, solve
from bascule.judge.licensing.terms import Terms
from bascule.judge.licensing.when import country
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.records import ArtefactKind, Context, Relation, Subject
from bascule.records.licence_answers import KindLicence

ACTS = ("use", "host", "distribute")
KEYS = (*ACTS, *(f"{act}_by_data" for act in ACTS))
"""The facts of `may`: what licences let one do with a kind, and what those of its training data do."""
LINEAGE_READINGS = ("lineage.base_models", "lineage.relation", "lineage.datasets")

_WAYS: Mapping[str, str] = {
    Relation.FINETUNE_OF.value: "finetune",
    Relation.ADAPTER_OF.value: "adapter",
    Relation.MERGE_OF.value: "merge",
    Relation.QUANTISED_FROM.value: "quantise",
    Relation.DISTILLED_FROM.value: "distil",
    Relation.GENERATED_BY.value: "generate",
}
_MODALITIES = ("text", "code", "audio", "image", "video", "multimodal")
TARGET = "(this)"
MAX_PARENTS = 500
_NAMES_SHOWN = 4
_TRAINED = frozenset(
    [ArtefactKind.WEIGHTS, ArtefactKind.INTERMEDIATE_WEIGHTS, ArtefactKind.ADAPTER, ArtefactKind.ENDPOINT]
)
"""Kinds that training data bear on; what is changed from a parent model is the tokenizer too."""
_CHANGED = _TRAINED | {ArtefactKind.TOKENIZER}


@dataclass(frozen=True, slots=True)
class Named:
    """A parent as files name it. way: one of the edge acts."""

    name: str
    way: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Every parent that is named; silent: why it cannot be known, where a voice that looks for it is missing."""

    parents: tuple[Named, ...] = ()
    silent: str = ""
    evidence: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class LicenceAnswers:
    """facts: by kind, the keys of `KEYS`; views: by kind and act."""

    facts: Mapping[ArtefactKind, Mapping[str, Fact]]
    views: tuple[KindLicence, ...]


def relation_way(relation: str) -> str:
    """The edge act of a relation as lineage names it; a parent of no stated relation was changed."""
    return _WAYS.get(relation, "finetune")


def answer_kinds(
    subject: Subject,
    said: Sequence[Declaration],
    lineage: Lineage,
    context: Context,
    modality: str | None,
    terms: Terms,
    contested: Literal["strict", "lenient", "unset"],
    as_of: date,
    unheard: str = "",
) -> LicenceAnswers:
    """Answers for every kind of a subject. unheard: why licences cannot be known at all, or empty."""
    coverage = Coverage(said)
    facts: dict[ArtefactKind, dict[str, Fact]] = {}
    views: list[KindLicence] = []
    solved: dict[Any, Solution] = {}
    for kind in subject.kinds:
        over = coverage.of_kind(kind, subject.artefacts)
        own = covered(over)
        parents = tuple(one for one in lineage.parents if kind in (_TRAINED if one.way == "train_on" else _CHANGED))
        silent = unheard or (lineage.silent if kind in _CHANGED else "")
        if len(parents) > MAX_PARENTS:
            silent = silent or f"{len(parents)} parents are named, and only {MAX_PARENTS} were asked"
            parents = parents[:MAX_PARENTS]
        evidence = tuple(dict.fromkeys((*own.evidence, *(lineage.evidence if kind in _CHANGED else ()))))
        facts[kind] = {}
        for act in ACTS:
            use = _use_of(kind, act)
            key = (own.id, own.why, parents, use)
            solution = solved.get(key)
            if solution is None:
                solution = solved[key] = _solved(
                    _case(own.id, parents, use, context, modality, terms, contested), terms, as_of
                )
            data = _data_of(parents, terms)
            why = silent or ("" if own.id is not None else own.why) or ("" if solution.clauses else solution.because)
            # What it was changed from binds as such, whatever else is said of it.
            changed = {_apart(parent.name) for parent in parents if parent.way != "train_on"}
            by_model = [one for one in solution.clauses if one.artefact not in data or one.artefact in changed]
            by_data = [one for one in solution.clauses if one.artefact in data]
            facts[kind][act] = _fact(by_model, evidence, why)
            unasked = silent or ("" if solution.clauses else solution.because)
            facts[kind][f"{act}_by_data"] = _fact(by_data, evidence, unasked, nothing=True)
            views.append(_view(kind, act, own.id, _known(parents, context, terms), solution, why))
    return LicenceAnswers(facts, tuple(views))


def _solved(case: Case, terms: Terms, as_of: date) -> Solution:
    """The answer; unknown where files name more choices than can be weighed, since they may name what they like."""
    try:
        return solve(case, terms, as_of)
    except InputError as error:
        if error.code != "licence.too-many-choices":
            raise
        return Solution("unknown", (), (), (), error.message)


def _use_of(kind: ArtefactKind, act: str) -> str:
    if act != "distribute":
        return act
    return "distribute_data" if kind in DATA_KINDS else "distribute_weights"


def _case(
    own: str | None,
    parents: Sequence[Named],
    use: str,
    context: Context,
    modality: str | None,
    terms: Terms,
    contested: Literal["strict", "lenient", "unset"],
) -> Case:
    nodes: dict[str, Node] = {TARGET: Node(TARGET, own)}
    edges: list[Edge] = []
    for parent in parents:
        licence, _, generated_by = _licence_of(parent.name, context, terms)
        name = _apart(parent.name)
        nodes[name] = Node(name, licence)
        edges.append(Edge(name, TARGET, parent.way))
        if generated_by:
            nodes.setdefault(generated_by, Node(generated_by, _licence_of(generated_by, context, terms)[0]))
            edges.append(Edge(generated_by, name, "generate"))
    return build_case(
        nodes.values(),
        [edge for edge in edges if edge.parent in nodes and edge.parent != edge.child],
        use=use,
        facts=facts_of(context, modality) | {"hosted": use == "host"},
        targets=(TARGET,),
        contested=contested,
    )


def _apart(name: str) -> str:
    """A name that files make up must not stand in the place of what is asked about."""
    return f"{name} as a file names it" if name == TARGET else name


def _licence_of(name: str, context: Context, terms: Terms) -> tuple[str | None, str, str]:
    """(id, how it is known, the model that made it); what the context states comes before the table."""
    said = sorted({value for key, value in context.licences.items() if key.casefold() == name.casefold()})
    stated = " AND ".join(f"({one})" if len(said) > 1 else one for one in said)  # a name stated twice stands under both
    work = terms.work(name)
    generated_by = work.generated_by if work else ""
    if stated:
        return stated, "stated in the context", generated_by
    if work is None or work.licence == "unknown":
        return None, "not known", generated_by
    return work.licence, "by its name, from works.yaml", generated_by


def facts_of(context: Context, modality: str | None) -> dict[str, Any]:
    """What a context declares, by the names that clauses use; blanks are left out."""
    commercial = context.commercial or context.monetised
    if not commercial and None in (context.commercial, context.monetised):
        commercial = None  # one of the two may still be true
    given = {
        "commercial": commercial,
        "monetised": context.monetised,
        "mau": context.monthly_active_users,
        "mau_as_of": context.users_counted_on,
        "revenue_usd": context.revenue_usd,
        "domicile": country(context.domicile) if context.domicile else None,
        "sector": context.sector,
        "purpose": context.purpose,
        "name": context.model_name,
        "safeguards": context.safeguards or None,
        "modality": context.modality or (modality if modality in _MODALITIES else None),
    }
    return {key: value for key, value in given.items() if value is not None}


def _data_of(parents: Sequence[Named], terms: Terms) -> frozenset[str]:
    """The data that it was trained on, and the models that made that data."""
    data = {_apart(parent.name) for parent in parents if parent.way == "train_on"}
    makers = {work.generated_by for name in data if (work := terms.work(name)) and work.generated_by}
    return frozenset(data | makers)


def _fact(clauses: Sequence[Fired], evidence: tuple[Digest, ...], why: str, *, nothing: bool = False) -> Fact:
    """True, false or unknown with the clause that decides. nothing: may there be none that speaks?"""
    if not clauses and not why:
        return Fact(True, evidence) if nothing else unknown("no licence bears on it", evidence)
    first = clauses[0] if clauses else None
    if first is not None and first.effect == "deny":
        return Fact(False, evidence, sentence(first))
    if why or first is None or first.effect != "allow":
        return unknown(why or _undeclared(clauses) or (sentence(first) if first else ""), evidence)
    return Fact(True, evidence)


def _undeclared(clauses: Sequence[Fired]) -> str:
    """Whose licence nobody states, all at once, where that comes first."""
    names = list(dict.fromkeys(one.artefact for one in clauses if not one.licence))
    if not names or clauses[0].licence:
        return ""
    shown = ", ".join(f"`{visible(name, 60)}`" for name in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"nobody states the licence of {shown}{more}"


def _known(parents: Iterable[Named], context: Context, terms: Terms) -> dict[str, str]:
    """`name (how it was made)` to `licence, how that is known`, sorted."""
    known = {}
    for parent in parents:
        licence, known_by, _ = _licence_of(parent.name, context, terms)
        known[f"{parent.name} ({parent.way})"] = f"{licence}, {known_by}" if licence else known_by
    return dict(sorted(known.items()))


def _view(
    kind: ArtefactKind, act: str, own: str | None, parents: Mapping[str, str], solution: Solution, why: str
) -> KindLicence:
    fields = answer_fields(solution)
    if why and solution.verdict != "deny":
        fields |= {"verdict": "unknown", "because": why}
    elif solution.verdict == "unknown" and (undeclared := _undeclared(solution.clauses)):
        fields |= {"because": undeclared}
    return KindLicence(
        kind=kind.value,
        act=act,
        licence=own or "",
        parents=tuple(parents),
        known_by=dict(parents),
        **fields,
    )
