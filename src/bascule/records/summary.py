"""What to say first about a review. Every form of the report takes its headline and its next steps from here."""

from __future__ import annotations

from dataclasses import dataclass

from bascule.records.artefact import ArtefactKind
from bascule.records.decision import Dimension, DimensionResult, Reason
from bascule.records.ladder import Tier
from bascule.records.licence_answers import ClauseView
from bascule.records.review import ReviewDocument

# The artefact that a release is about, when it is there.
_PRINCIPAL = (ArtefactKind.WEIGHTS, ArtefactKind.ADAPTER, ArtefactKind.ENDPOINT, ArtefactKind.DATASET)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, how, and roughly at what price."""

    what: str
    command: str
    cost: str
    dimension: str


def principal_kind(document: ReviewDocument) -> str:
    """The kind whose tier is the picture of the release: weights, else adapter, endpoint, dataset, else the lowest."""
    for kind in _PRINCIPAL:
        if kind in document.granted:
            return kind.value
    ranked = sorted(document.granted.items(), key=lambda item: (document.ladder.tier(item[1]).rank, item[0]))
    return ranked[0][0] if ranked else ""


def granted_rank(document: ReviewDocument) -> int:
    """Rank of the principal kind's tier; 0 when nothing is granted."""
    kind = principal_kind(document)
    return document.ladder.tier(document.granted[kind]).rank if kind else 0


def headline(document: ReviewDocument) -> str:
    """The answer in one sentence."""
    kind = principal_kind(document)
    tier = document.ladder.tiers[granted_rank(document)]
    asked = document.ladder.tier(document.requested_tier)
    answer = {
        "granted": f"Granted at {asked.id}",
        "refused": f"Refused at {asked.id}",
        "unknown": f"Cannot be granted at {asked.id}: not enough is known",
    }[document.verdict]
    if not kind:
        return f"{answer}: there is nothing here to decide about"
    name = kind.replace("_", " ")
    if tier.rank == 0:
        return f"{answer}: {name} must stay at {tier.id}, {tier.name}"
    verb = "opened to" if any(each.distributes for each in document.ladder.tiers) else "used at"
    return f"{answer}: {name} may be {verb} {tier.id}, {tier.name}"


def next_tier(document: ReviewDocument) -> str | None:
    """The tier just above what the principal kind was granted."""
    rank = granted_rank(document)
    return document.ladder.tiers[rank + 1].id if rank + 1 < len(document.ladder.tiers) else None


def blockers(document: ReviewDocument, tier: str | None = None) -> tuple[Reason, ...]:
    """Why the principal kind is not granted that tier (by default the next one), denials first."""
    wanted = tier or next_tier(document)
    kind = principal_kind(document)
    found = [
        reason
        for reason in document.reasons
        if reason.effect != "oblige"
        and (not reason.kinds or kind in reason.kinds)
        and (wanted is None or not reason.tiers or wanted in reason.tiers)
    ]
    return tuple(sorted(found, key=lambda reason: reason.effect != "deny"))


def next_steps(document: ReviewDocument, limit: int = 3) -> tuple[Step, ...]:
    """What to do first: causes of refusal that stand in the way of everything, then the evidence that buys most."""
    steps: list[Step] = []
    for reason in blockers(document, document.requested_tier):
        if reason.effect == "deny" and reason.remedy:
            steps.append(Step(reason.remedy, "", "", reason.dimension.value))
    for missing in document.missing:
        steps.append(Step(f"provide {missing.evidence}", missing.command, missing.cost, missing.dimension.value))
    unique: dict[str, Step] = {}
    for step in steps:
        unique.setdefault(step.what, step)
    return tuple(unique.values())[:limit]


def cells(document: ReviewDocument, kind: str) -> dict[tuple[Dimension, str], DimensionResult]:
    """(dimension, tier) → cell, for one kind."""
    return {(cell.dimension, cell.tier): cell for cell in document.matrix if cell.kind.value == kind}


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """What licences come to for some kinds and acts that share the answer.

    parents: each with its licence and how that is known. clauses: those of licences that decide; what nobody states the
    licence of is in `because`.
    """

    kinds: tuple[str, ...]
    acts: tuple[str, ...]
    verdict: str
    licence: str
    parents: tuple[str, ...]
    because: str
    clauses: tuple[ClauseView, ...]


def _decides(clause: ClauseView, verdict: str) -> bool:
    return clause.licence != "" and (verdict == "allow" or clause.effect != "allow")


def _shown(clause: ClauseView) -> ClauseView:
    """The row says which final act was asked, and of what: a clause that says the same of each is one clause."""
    return clause.model_copy(update={"artefact": "", **({"act": ""} if clause.act in _FINAL else {})})


_FINAL = ("use", "host", "distribute_weights", "distribute_data")


def act_at(tier: Tier) -> str:
    """What a tier does in the words of licences: distribute a copy, host it for others, use it in one's own house."""
    return "distribute" if tier.distributes else "host" if tier.external else "use"


def licence_rows(document: ReviewDocument, act: str | None = None) -> tuple[LicenceRow, ...]:
    """The licence answers, what is denied first; kinds and acts with the same answer together. act: that one alone."""
    acts, verdicts = ("use", "host", "distribute"), ("deny", "unknown", "allow")
    shared: dict[tuple[str, str, tuple[str, ...], str, tuple[ClauseView, ...]], dict[str, list[str]]] = {}
    for one in document.licensing:
        if act in (None, one.act):
            clauses = tuple(dict.fromkeys(_shown(each) for each in one.clauses if _decides(each, one.verdict)))
            parents = tuple(f"{name}: {known}" for name, known in one.known_by.items())
            key = (one.verdict, one.licence, parents, one.because, clauses)
            shared.setdefault(key, {}).setdefault(one.kind, []).append(one.act)
    rows = []
    for (verdict, licence, parents, because, clauses), asked in shared.items():
        by_acts: dict[tuple[str, ...], list[str]] = {}
        for kind, of_kind in asked.items():
            by_acts.setdefault(tuple(sorted(of_kind, key=acts.index)), []).append(kind)
        rows += [
            LicenceRow(tuple(sorted(kinds)), together, verdict, licence, parents, because, clauses)
            for together, kinds in by_acts.items()
        ]
    return tuple(sorted(rows, key=lambda row: (verdicts.index(row.verdict), acts.index(row.acts[0]), row.kinds)))
