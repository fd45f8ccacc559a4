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
    """What licences come to for some kinds that share the answer. clauses: those that decide, first."""

    kinds: tuple[str, ...]
    act: str
    verdict: str
    licence: str
    parents: tuple[str, ...]
    because: str
    clauses: tuple[ClauseView, ...]


def act_at(tier: Tier) -> str:
    """What a tier does in the words of licences: distribute a copy, host it for others, use it in one's own house."""
    return "distribute" if tier.distributes else "host" if tier.external else "use"


def licence_rows(document: ReviewDocument, act: str | None = None) -> tuple[LicenceRow, ...]:
    """The licence answers, kinds with the same answer together: what is denied first. act: that one alone."""
    shared: dict[tuple[object, ...], list[str]] = {}
    for one in document.licensing:
        if act in (None, one.act):
            key = (one.act, one.verdict, one.licence, one.parents, one.because, one.clauses)
            shared.setdefault(key, []).append(one.kind)
    rows = [LicenceRow(tuple(sorted(kinds)), *key) for key, kinds in shared.items()]  # type: ignore[arg-type]
    acts, verdicts = ("use", "host", "distribute"), ("deny", "unknown", "allow")
    return tuple(sorted(rows, key=lambda row: (verdicts.index(row.verdict), acts.index(row.act), row.kinds)))
