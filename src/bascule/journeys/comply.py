"""A framework asked of a subject: what the ledger shows of each control.

    reference → evidence (from the ledger, or collected now) → decision, and the facts behind it → control by control

Rules:
- A subject that the ledger knows is answered from its evidence, and no byte is read; an unknown one is reviewed first.
- The facts are those that the decision was made from, under the same policy and context and at the same instant.
- Signatures count while they would count for the decision: those over an earlier one with the same answer still do.
"""

from __future__ import annotations

from datetime import datetime

import bascule
from bascule.journeys.decide import recorded_subject
from bascule.journeys.document import named, review_document
from bascule.journeys.parts import Parts, Policy, Progress, silent
from bascule.journeys.people import states
from bascule.journeys.review import Collected, ReviewRequest, check_tier, collect, keep, question_for
from bascule.judge import judge, merge_context
from bascule.judge.comply import Desk, Framework, answer
from bascule.judge.facts.book import build_book
from bascule.records import Decision
from bascule.records.compliance import ComplianceDocument, ControlView, FrameworkView, SectionView


def comply(
    framework: Framework,
    request: ReviewRequest,
    policy: Policy,
    parts: Parts,
    progress: Progress = silent,
    audience: str = "",
) -> ComplianceDocument:
    """Every control of a framework for one subject at `as_of`. audience: only what that audience gets.

    Raises what `review` and `decide` raise, and InputError `comply.unknown-audience`.
    """
    framework = framework.for_audience(audience) if audience else framework
    check_tier(request.tier, request.ladder, policy)
    collected = _known(request.ref, parts) or collect(request.ref, parts, progress=progress)
    context = merge_context(request.context, policy.pack.context_defaults)
    as_of = request.as_of or parts.clock.now()
    question = question_for(collected, request.tier, request.ladder, context, policy, parts, as_of)
    judgement = judge(question)
    keep(judgement, policy, context, parts)
    document = review_document(collected.subject, collected.evidence, judgement, policy, context, parts)
    tier = question.ladder.tier(request.tier)
    desk = Desk.of(build_book(question), tier, document, approvals(judgement.decision, as_of, parts))
    answered = answer(framework, desk, as_of)
    ref = document.subject.ref
    cited = {digest for control in (*answered.controls, *answered.upcoming) for digest in control.evidence}
    evidence = tuple(view for view in document.evidence if view.digest in cited)
    ends = [view.expires_at for view in evidence] + [end for end in (document.review_by,) if end is not None]
    return ComplianceDocument(
        framework=FrameworkView(
            **{name: getattr(framework, name) for name in FrameworkView.model_fields if name != "sections"},
            sections=tuple(SectionView(id=each.id, title=each.title) for each in framework.sections),
        ),
        ref=ref,
        subject=document.subject.digest,
        as_of=document.as_of,
        audience=audience,
        verdict=answered.verdict,
        counts=answered.counts,
        controls=tuple(_with_ref(control, ref) for control in answered.controls),
        upcoming=tuple(_with_ref(control, ref) for control in answered.upcoming),
        lapsed=answered.lapsed,
        decision=document.decision,
        policy=document.policy,
        ladder=request.ladder,
        tier=document.requested_tier,
        evidence=evidence,
        limits=document.limits,
        review_by=min(ends, default=None),
        tool_version=bascule.__version__,
    )


def _known(ref: str, parts: Parts) -> Collected | None:
    """What the ledger holds of a subject, or None for a reference that it does not know."""
    if not ref.startswith("sha256:") and parts.store.find_subject(ref) is None:
        return None
    subject = recorded_subject(ref, parts)
    return Collected(subject, parts.store.evidence_for(subject.digest), frozenset())


def _with_ref(control: ControlView, ref: str) -> ControlView:
    return control.model_copy(update={"command": named(control.command, ref)})


def approvals(decision: Decision, as_of: datetime, parts: Parts) -> int:
    """How many signatures count at the requested tier, over this decision or an earlier one of the same question."""
    counts = [0]
    for signed in parts.store.decisions(decision.subject):
        earlier = signed.record
        if _question(earlier) != _question(decision) or not parts.store.approvals_for(earlier.content_digest()):
            continue
        for state in states(earlier, parts):
            if state.tier == decision.requested_tier:
                counts.append(sum(each.issued_at <= as_of for each in state.accepted))
    return max(counts)


def _question(decision: Decision) -> tuple[object, ...]:
    return decision.ladder, decision.requested_tier, decision.policy, decision.context
