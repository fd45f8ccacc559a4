"""Judge every past decision again, from the ledger, and compare bytes."""

from __future__ import annotations

from typing import Literal

from bascule.journeys.parts import Parts, Policy, vocabulary_of
from bascule.judge import judge
from bascule.judge.question import Question
from bascule.records import Decision, Record


class Replayed(Record):
    """One past decision, judged again. `not-available`: its policy, context or evidence is not at hand."""

    decision: str
    outcome: Literal["true", "false", "not-available"]
    detail: str


def replay_decisions(parts: Parts, policy: Policy) -> tuple[Replayed, ...]:
    """Oldest first. The evidence of each is the very set that it cites, not what came later."""
    return tuple(_replay(decision, parts, policy) for decision in parts.store.decisions())


def _replay(decision: Decision, parts: Parts, policy: Policy) -> Replayed:
    digest = decision.content_digest()
    name = f"{decision.subject} {decision.requested_tier} {decision.verdict}"
    if decision.policy != policy.pack.digest:
        return Replayed(
            decision=digest, outcome="not-available", detail=f"{name}: made under policy {decision.policy}, not at hand"
        )
    subject = parts.store.subject(decision.subject)
    context = parts.store.context(decision.context)
    if subject is None or context is None:
        return Replayed(
            decision=digest, outcome="not-available", detail=f"{name}: its subject or context is not in the ledger"
        )
    judgement = judge(
        Question(
            subject=subject,
            requested_tier=decision.requested_tier,
            ladder=decision.ladder,
            kinds=None,
            evidence=parts.store.evidence_by_digest(decision.evidence),
            context=context,
            pack=policy.pack,
            as_of=decision.as_of,
            vocabulary=vocabulary_of(parts.scanners),
            waivers=tuple(
                w for w in parts.store.waivers_for(decision.subject) if w.content_digest() in decision.waivers
            ),
            supersedes=None,
        )
    )
    again = judgement.decision.content_digest()
    if again == digest:
        return Replayed(decision=digest, outcome="true", detail=name)
    return Replayed(decision=digest, outcome="false", detail=f"{name}: now {again}, {judgement.decision.verdict}")
