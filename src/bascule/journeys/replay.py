"""Judge every past decision again, from the ledger, and compare bytes.

Each is judged under the very policy, context and evidence that it cites, not under what came later.
"""

from __future__ import annotations

from typing import Literal

from bascule.journeys.parts import Parts, vocabulary_of
from bascule.journeys.review import waiver_approvals
from bascule.judge import judge
from bascule.judge.policy.kept import pack_of
from bascule.judge.question import Question
from bascule.kernel.errors import BasculeError
from bascule.records import Decision, Record


class Replayed(Record):
    """One past decision, judged again. `not-available`: something that it rests on is not at hand."""

    decision: str
    outcome: Literal["true", "false", "not-available"]
    detail: str


def replay_decisions(parts: Parts) -> tuple[Replayed, ...]:
    """Oldest first."""
    return tuple(_replay(signed.record, parts) for signed in reversed(parts.store.decisions(limit=None)))


def past_questions(parts: Parts) -> tuple[Question, ...]:
    """The last question that was decided about each subject, ladder and tier, of which everything is still at hand.

    A decision as of a day to come asked what would be; it hides none that was.
    """
    now = parts.clock.now()
    found: dict[tuple[str, str, str], Question] = {}
    for signed in reversed(parts.store.decisions(limit=None)):
        if signed.record.as_of > now:
            continue
        question = question_of(signed.record, parts)
        if not isinstance(question, str):
            found[signed.record.subject, signed.record.ladder, signed.record.requested_tier] = question
    return tuple(found.values())


def _replay(decision: Decision, parts: Parts) -> Replayed:
    digest = decision.content_digest()
    name = f"{decision.requested_tier} {decision.verdict} under {decision.policy_id}"
    try:
        question = question_of(decision, parts)
    except BasculeError as error:
        return Replayed(decision=digest, outcome="not-available", detail=f"{name}: {error.message}")
    if isinstance(question, str):
        return Replayed(decision=digest, outcome="not-available", detail=f"{name}: {question}")
    again = judge(question).decision
    if again.content_digest() == digest:
        return Replayed(decision=digest, outcome="true", detail=name)
    return Replayed(decision=digest, outcome="false", detail=f"{name}: now {again.content_digest()}, {again.verdict}")


def question_of(decision: Decision, parts: Parts) -> Question | str:
    """The question that a decision answers, from the ledger alone; or what of it is no longer at hand."""
    subject = parts.store.subject(decision.subject)
    context = parts.store.context(decision.context)
    files = parts.store.policy_files(decision.policy)
    evidence = [parts.store.evidence(digest) for digest in decision.evidence]
    if subject is None or context is None or files is None:
        missing = "subject" if subject is None else "context" if context is None else "policy"
        return f"its {missing} is not in the ledger"
    if any(item is None for item in evidence):
        return "evidence that it cites is not in the ledger"
    pack = pack_of(files, decision.policy_id, decision.policy)
    given = {signed.digest: signed.record for signed in parts.store.waivers_for(decision.subject)}
    cited = {digest: given[digest] for digest in decision.waivers if digest in given}
    # A renewal is judged beside the waiver that it renews, which may have expired by then.
    renewed = {waiver.renewal_of: given[waiver.renewal_of] for waiver in cited.values() if waiver.renewal_of in given}
    return Question(
        subject=subject,
        requested_tier=decision.requested_tier,
        ladder=pack.ladder(decision.ladder),
        evidence=tuple(item for item in evidence if item is not None),
        context=context,
        pack=pack,
        as_of=decision.as_of,
        vocabulary=vocabulary_of(parts.asking, parts.peers),
        waivers=tuple({**renewed, **cited}.values()),
        waiver_approvals=waiver_approvals(decision.subject, parts),
    )
