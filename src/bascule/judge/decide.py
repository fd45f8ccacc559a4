"""The judge: evidence in, decision out.

    question → facts → every cell → the climb of each kind → verdict, reasons, ways forward, obligations

Rules: a kind is granted the last tier before the first one with anything in its way; the request is granted when
every kind asked for reaches it, or its own ceiling where that is lower, and at least one kind reaches the tier
itself; it is refused where something fails on the way, or where there is nothing to publish at that tier; otherwise
it is unknown, and unknown is not granted. Same question, same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from bascule.judge.assess import Assessor, Docket, docket
from bascule.judge.beside import benefits, economics
from bascule.judge.conditions import cited, reads_of
from bascule.judge.facts.book import FactBook, build_book
from bascule.judge.licensing.owed import licence_obligations
from bascule.judge.matrix import STRICTEST, Cell, Matrix, Result, evidence_of, name_of, written
from bascule.judge.openness import openness_of
from bascule.judge.people import Waivers, approvals_needed, usable_waivers
from bascule.judge.policy.tiers import tier_matches
from bascule.judge.question import METHOD_VERSION, Judgement, Question
from bascule.judge.unlock import WaysForward, ways_forward
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records import (
    ArtefactKind,
    Assessment,
    Decision,
    Dimension,
    Obligation,
    Reason,
    RuleResult,
    ScenarioResult,
    Tier,
    Verdict,
)
from bascule.records.review import DimensionView

NOTHING_TO_PUBLISH = "nothing-to-publish"
NOTHING_TO_JUDGE = "nothing-to-judge"

_Answer = Literal["granted", "refused", "unknown"]


def judge(question: Question) -> Judgement:
    """Decide. Raises InputError for a tier that the ladder does not have, a kind that the subject does not have, and a
    policy that asks nothing on this ladder. A refusal is an answer, not an error.

    Laws: withholding or expiring evidence, or taking a waiver away, never raises a tier; an alarm never does either;
    the order of the evidence never matters.
    """
    requested, kinds = _check(question)
    waivers = _waivers(question)
    assessor = _assessor(question, kinds, waivers)
    asked, book = assessor.docket, assessor.conditions.book
    cells = tuple(Matrix(assessor).cells(kinds))
    assessment = Assessment(
        method_version=METHOD_VERSION, policy=question.pack.digest, as_of=question.as_of, cells=written(cells)
    )
    granted = {kind: _climb(asked, cells, kind) for kind in kinds}
    targets = {kind: min(requested, asked.ceilings[kind], key=lambda tier: tier.rank) for kind in kinds}
    verdict = _verdict(requested, targets, granted, cells)
    ahead = ways_forward(assessor, targets, granted) if verdict != "granted" else WaysForward((), ())
    reached = [requested, *(tier for tier in granted.values() if tier.rank <= requested.rank)]
    obliged, oblige_reasons = _obligations(assessor, kinds, requested, granted)
    licensing = book.licensing
    obliged += licence_obligations(licensing, asked, {kind: {requested, granted[kind]} for kind in kinds})
    reasons = (
        *_nothing(requested, targets, question),
        *_reasons(question, cells, requested, assessor),
        *oblige_reasons,
    )
    decision = Decision(
        subject=question.subject.digest,
        ladder=question.ladder.name,
        requested_tier=requested.id,
        verdict=verdict,
        granted={kind: tier.id for kind, tier in granted.items()},
        policy=question.pack.digest,
        policy_id=question.pack.id,
        context=question.context.content_digest(),
        as_of=question.as_of,
        evidence=tuple(sorted({record.digest for record in question.evidence})),
        reasons=reasons,
        missing=ahead.missing,
        unlocks=ahead.unlocks,
        obligations=obliged,
        approvals_needed=approvals_needed(question.pack, question.ladder, reached),
        waivers=waivers.digests,
        assessment=assessment.content_digest(),
        review_by=_review_by(question, cells, waivers),
    )
    facts = book.pages[False].sections
    sections = facts["reading"].get("card_sections")
    return Judgement(
        decision=decision,
        assessment=assessment,
        openness=openness_of(
            question.subject,
            book.covering,
            sections.value if sections and isinstance(sections.value, list) else (),
            question.pack.licence_classes,
            book.unreadable,
        ),
        benefits=benefits(question.pack, question.ladder),
        economics=economics(question.pack, question.ladder, assessor.conditions, kinds[0]) if kinds else (),
        licences=book.licences,
        licensing=licensing,
        facts=book.flat(),
        dimensions=_views(cells, targets),
        limits=_limits(question, book, waivers, requested, targets),
    )


def permitted(question: Question) -> dict[ArtefactKind, Tier]:
    """The tiers alone: what `judge` grants, without reasons or records. For comparing many questions."""
    _, kinds = _check(question)
    assessor = _assessor(question, kinds, _waivers(question))
    return {kind: assessor.permitted(kind) for kind in kinds}


def _waivers(question: Question) -> Waivers:
    return usable_waivers(
        question.waivers,
        subject=question.subject.digest,
        rules=question.pack.rules,
        ladder=question.ladder,
        as_of=question.as_of,
        approvals=question.waiver_approvals,
    )


def _assessor(question: Question, kinds: tuple[ArtefactKind, ...], waivers: Waivers) -> Assessor:
    black_box = question.subject.kinds == (ArtefactKind.ENDPOINT,)
    asked = docket(question.pack, question.ladder, kinds, question.as_of.date(), black_box)
    return Assessor.of(asked, build_book(question), waivers.usable)


def _check(question: Question) -> tuple[Tier, tuple[ArtefactKind, ...]]:
    ladder, present = question.ladder, question.subject.kinds
    known = [tier.id for tier in ladder.tiers]
    if question.requested_tier not in known:
        raise InputError(
            "judge.no-such-tier",
            f"the ladder `{ladder.name}` has no tier `{visible(question.requested_tier, 40)}`",
            suggestion(question.requested_tier, known) or f"choose one of {', '.join(known)}",
        )
    absent = sorted(set(question.kinds or ()) - set(present))
    if absent:
        raise InputError.from_faults(
            "judge.kind-not-present",
            "the question is about kinds that the subject does not have",
            [f"`{kind}`" for kind in absent],
            f"it has {', '.join(present) or 'nothing'}",
        )
    kinds = present if question.kinds is None else tuple(sorted(set(question.kinds)))
    return ladder.tier(question.requested_tier), kinds


def _climb(asked: Docket, cells: Sequence[Cell], kind: ArtefactKind) -> Tier:
    held = {cell.tier.id for cell in cells if cell.kind is kind and cell.blocks}
    reached = asked.ladder.lowest
    for tier in asked.tiers(kind):
        if tier.id in held:
            break
        reached = tier
    return reached


def _verdict(
    requested: Tier,
    targets: Mapping[ArtefactKind, Tier],
    granted: Mapping[ArtefactKind, Tier],
    cells: Sequence[Cell],
) -> _Answer:
    if not targets:
        return "unknown"
    if max(tier.rank for tier in targets.values()) < requested.rank:
        return "refused"
    if all(granted[kind].rank >= targets[kind].rank for kind in targets):
        return "granted"
    fails = any(cell.verdict is Verdict.FAIL and cell.tier.rank <= targets[cell.kind].rank for cell in cells)
    return "refused" if fails else "unknown"


def _nothing(requested: Tier, targets: Mapping[ArtefactKind, Tier], question: Question) -> Iterable[Reason]:
    if not targets:
        yield Reason(
            rule=NOTHING_TO_JUDGE,
            effect="unknown",
            because="the subject has no artefact that could be judged",
            dimension=Dimension.GOVERNANCE,
            remedy="point at a folder, file, package or endpoint that holds a model",
            waivable=False,
        )
    elif (highest := max(tier.rank for tier in targets.values())) < requested.rank:
        top = question.ladder.tiers[highest]
        outside = question.subject.kinds == (ArtefactKind.ENDPOINT,)
        why = "what is seen of a closed model from outside supports no more" if outside else "no kind goes further"
        yield Reason(
            rule=NOTHING_TO_PUBLISH,
            effect="deny",
            because=f"there is nothing to publish at {requested.id}: {why} than {top.id} ({top.name})",
            dimension=Dimension.GOVERNANCE,
            kinds=tuple(sorted(targets)),
            tiers=tuple(tier.id for tier in question.ladder.tiers[highest + 1 : requested.rank + 1]),
            remedy=f"ask for {top.id} or below",
            waivable=False,
        )


@dataclass(slots=True)
class _Gathered:
    """One rule's blocking results over kinds and tiers."""

    result: Result
    results: dict[int, Result] = field(default_factory=dict)
    kinds: set[ArtefactKind] = field(default_factory=set)
    tiers: set[str] = field(default_factory=set)


def _reasons(question: Question, cells: Sequence[Cell], requested: Tier, assessor: Assessor) -> tuple[Reason, ...]:
    """One per rule, those that bite at or below the request first; within that failures before unknowns."""
    gathered: dict[str, _Gathered] = {}
    for cell in cells:
        for result in cell.results:
            if result.verdict not in (Verdict.FAIL, Verdict.UNKNOWN):
                continue
            one = gathered.setdefault(name_of(result), _Gathered(result))
            if result.verdict is Verdict.FAIL and one.result.verdict is Verdict.UNKNOWN:
                one.result = result
            one.results[id(result)] = result
            one.kinds.add(cell.kind)
            one.tiers.add(cell.tier.id)
    commands = {scenario.id: scenario.produces.command for scenario in assessor.docket.pack.scenarios}
    order = [tier.id for tier in question.ladder.tiers]
    reasons = [
        Reason(
            rule=name,
            effect="deny" if one.result.verdict is Verdict.FAIL else "unknown",
            because=one.result.because,
            dimension=one.result.dimension,
            kinds=tuple(sorted(one.kinds)),
            tiers=tuple(sorted(one.tiers, key=order.index)),
            facts=_facts(one),
            evidence=evidence_of(one.results.values()),
            remedy=one.result.remedy if isinstance(one.result, RuleResult) else f"measure it: `{commands[name]}`",
            waivable=one.result.waivable if isinstance(one.result, RuleResult) else False,
        )
        for name, one in gathered.items()
    ]
    dimensions = list(Dimension)

    def place(reason: Reason) -> tuple[bool, bool, int, int, str]:
        first = order.index(reason.tiers[0])
        return (
            first > requested.rank,
            reason.effect != "deny",
            first,
            dimensions.index(reason.dimension),
            reason.rule,
        )

    return tuple(sorted(reasons, key=place))


def _facts(one: _Gathered) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for result in (*one.results.values(), one.result):
        facts |= result.facts
    return dict(sorted(facts.items()))


def _obligations(
    assessor: Assessor, kinds: Sequence[ArtefactKind], requested: Tier, granted: Mapping[ArtefactKind, Tier]
) -> tuple[tuple[Obligation, ...], tuple[Reason, ...]]:
    """What would have to be done at the requested tier or at a granted one; what may apply is taken to, and says so."""
    obligations: list[Obligation] = []
    reasons: list[Reason] = []
    conditions = assessor.conditions
    for rule in sorted(assessor.docket.obligations, key=lambda each: each.id):
        held: dict[str, Tier] = {}
        about: list[ArtefactKind] = []
        facts: dict[str, Any] = {}
        evidence: set[Digest] = set()
        certain = False
        unknown: set[str] = set()
        for kind in kinds:
            if rule.kinds and kind not in rule.kinds:
                continue
            for tier in assessor.docket.tiers(kind):
                holds = conditions.holds(rule.when, kind, tier)
                if tier_matches(rule.tiers, tier.id) and holds is not False:
                    certain = certain or holds is True
                    held[tier.id] = tier
                    about.append(kind)
                    read = conditions.read(reads_of(rule.when), kind, tier)
                    facts |= {name: fact.value for name, fact in read.items()}
                    unknown.update(name for name, fact in read.items() if not fact.known)
                    evidence.update(cited(read))
        bites = {requested.id, *(granted[kind].id for kind in about)}
        if not bites & set(held):
            continue
        tiers = tuple(sorted(held, key=lambda each: held[each].rank))
        source = "; ".join(dict.fromkeys((rule.source, *rule.cites)))
        text = rule.message if certain else f"{rule.message} {_taken_to_apply(unknown)}"
        obligations.append(Obligation(kind=rule.obligation or "other", text=text, source=source, tiers=tiers))
        reasons.append(
            Reason(
                rule=rule.id,
                effect="oblige",
                because=text,
                dimension=rule.dimension,
                kinds=tuple(sorted(set(about))),
                tiers=tiers,
                facts=dict(sorted(facts.items())),
                evidence=tuple(sorted(evidence)),
                remedy=rule.remedy,
                waivable=rule.waivable,
            )
        )
    return tuple(obligations), tuple(reasons)


def _taken_to_apply(unknown: Collection[str]) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(unknown))
    verb = "is" if len(unknown) == 1 else "are"
    return f"(taken to apply: {names} {verb} unknown)" if names else "(taken to apply)"


def _review_by(question: Question, cells: Sequence[Cell], waivers: Waivers) -> datetime | None:
    """The first instant at which something that the decision rests on is no longer there."""
    used = set(evidence_of(result for cell in cells for result in cell.results))
    ends = [r.expires_at for r in question.evidence if r.digest in used and r.speaks(question.as_of)]
    ends += [waiver.expires_at for each in waivers.usable.values() for waiver in each]
    return min(ends, default=None)


def _views(cells: Sequence[Cell], targets: Mapping[ArtefactKind, Tier]) -> tuple[DimensionView, ...]:
    """Each dimension on the way to the requested tier: the strictest cell over kinds and tiers."""
    views = []
    for dimension in Dimension:
        on_the_way = [
            cell for cell in cells if cell.dimension is dimension and cell.tier.rank <= targets[cell.kind].rank
        ]
        if not on_the_way:
            views.append(DimensionView(dimension=dimension, verdict=Verdict.NOT_APPLICABLE))
            continue
        cell = min(on_the_way, key=_strictness)
        strict = [each for each in on_the_way if each.verdict is cell.verdict]
        decisive = {id(result): result for each in strict for result in each.results}
        because = dict.fromkeys(_told(each) for each in decisive.values() if each.verdict is cell.verdict)
        views.append(
            DimensionView(
                dimension=dimension,
                verdict=cell.verdict,
                low=cell.low,
                high=cell.high,
                threshold=cell.line,
                unit=cell.unit,
                evidence=evidence_of(decisive.values()),
                missing=tuple(sorted({name for each in strict for name in each.missing})),
                because=tuple(because),
            )
        )
    return tuple(views)


def _told(result: RuleResult | ScenarioResult) -> str:
    """A rule says what is wrong; a scenario's numbers need its name."""
    if isinstance(result, ScenarioResult) and result.verdict is not Verdict.NOT_APPLICABLE:
        return f"{result.scenario.replace('-', ' ')}: {result.because}"
    return result.because


def _strictness(cell: Cell) -> tuple[int, int, float, str]:
    return (STRICTEST.index(cell.verdict), -cell.tier.rank, -(cell.high or 0.0), cell.kind)


def _limits(
    question: Question,
    book: FactBook,
    waivers: Waivers,
    requested: Tier,
    targets: Mapping[ArtefactKind, Tier],
) -> tuple[str, ...]:
    limits = list(book.limits)
    if ArtefactKind.ENDPOINT in question.subject.kinds:
        top = targets.get(ArtefactKind.ENDPOINT, requested)
        limits.insert(
            0,
            "an endpoint is seen from outside only: its weights, data, code and licences were not read, so the "
            f"evidence supports no more than access that can be taken back ({top.id} here), and no claim about what "
            "is inside",
        )
    blocked = [note for note in question.subject.notes if note.blocks]
    if blocked:
        limits.append(
            f"{len(blocked)} parts were not taken in and could hide something, first `{visible(blocked[0].path)}`"
        )
    limits += [f"a waiver by {one.who} does not count: {one.why}" for one in waivers.refused]
    return tuple(dict.fromkeys(limits))
