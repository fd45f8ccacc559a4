"""The document that every report renders from: one record of what was seen, judged and decided."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from datetime import datetime

import bascule
from bascule.journeys.parts import Parts, Policy
from bascule.judge.question import Judgement
from bascule.records import Context, Evidence, FindingView, Outcome, ReviewDocument, Subject
from bascule.records.review import EvidenceView, PolicyView


def review_document(
    subject: Subject,
    evidence: tuple[Evidence, ...],
    judgement: Judgement,
    policy: Policy,
    context: Context,
    parts: Parts,
    reused: frozenset[str] = frozenset(),
) -> ReviewDocument:
    """Everything one review has to say, in a stable order."""
    decision = judgement.decision
    head = parts.store.head()
    digest = decision.content_digest()
    return ReviewDocument(
        subject=subject,
        requested_tier=decision.requested_tier,
        verdict=decision.verdict,
        granted={str(kind): tier for kind, tier in sorted(decision.granted.items())},
        dimensions=judgement.dimensions,
        reasons=decision.reasons,
        findings=findings_of(evidence, judgement),
        licences=judgement.licences,
        obligations=decision.obligations,
        missing=tuple(
            item.model_copy(update={"command": named(item.command, subject.ref)}) for item in decision.missing
        ),
        openness=judgement.openness,
        decision=digest,
        policy=decision.policy,
        ledger_head=head.root if head else None,
        tool_version=bascule.__version__,
        as_of=decision.as_of,
        ladder=policy.pack.ladder(decision.ladder),
        context=context,
        policy_pack=PolicyView(
            id=policy.pack.id,
            version=policy.pack.version,
            title=policy.pack.title,
            digest=policy.pack.digest,
            signature=policy.signature,
        ),
        licensing=judgement.licensing,
        matrix=judgement.assessment.cells,
        unlocks=tuple(
            item.model_copy(update={"commands": tuple(named(command, subject.ref) for command in item.commands)})
            for item in decision.unlocks
        ),
        benefits=judgement.benefits,
        economics=judgement.economics,
        approvals_needed=decision.approvals_needed,
        approvals=tuple(signed.record for signed in parts.store.approvals_for(digest)),
        waivers=tuple(
            signed.record
            for signed in parts.store.waivers_for(subject.digest)
            if signed.record.content_digest() in decision.waivers
        ),
        evidence=tuple(_evidence_view(item, decision.as_of, reused) for item in evidence),
        facts=dict(judgement.facts),
        limits=judgement.limits,
        review_by=decision.review_by,
    )


def named(command: str, ref: str) -> str:
    """A command with the reference put in. Decisions say `REF`, because they do not depend on where the bytes lie."""
    return re.sub(r"\bREF\b", lambda _match: shlex.quote(ref), command)


def findings_of(evidence: Iterable[Evidence], judgement: Judgement) -> tuple[FindingView, ...]:
    """What speaks at that date and is not a plain `false`: worst first, then by rule and place."""
    views = [
        FindingView.of(finding, item.digest)
        for item in evidence
        if item.speaks(judgement.decision.as_of) and item.observations is not None
        for finding in item.observations.findings
        if finding.outcome is not Outcome.FALSE
    ]
    return tuple(sorted(views, key=finding_order))


def finding_order(view: FindingView) -> tuple[object, ...]:
    """Worst first: true before error before the rest, then severity, rule, place."""
    outcomes = [Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE, Outcome.NOT_APPLICABLE, Outcome.FALSE]
    return outcomes.index(view.outcome), -view.severity.rank, view.rule, view.artefact, view.location, view.message


def _evidence_view(item: Evidence, as_of: datetime, reused: frozenset[str]) -> EvidenceView:
    seen = item.observations
    return EvidenceView(
        digest=item.digest,
        tool=item.slot.tool,
        version=seen.tool.version if seen else "",
        issued_at=item.issued_at,
        expires_at=item.expires_at,
        reused=item.digest in reused,
        speaks=item.speaks(as_of),
        rules=seen.rules if seen else (),
        limits=seen.limits if seen else (),
    )
