"""What choosing another pack would change: which past decisions flip, for which kinds, and by which rules.

Rules: both packs judge the same evidence, in the same stated context, at the same instant; a context's blanks are
filled by each pack's own defaults, since these are part of what differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field

from bascule.judge.context import merge_context
from bascule.judge.decide import judge
from bascule.judge.policy.pack import PolicyPack
from bascule.judge.question import Question
from bascule.kernel.errors import BasculeError
from bascule.records import Decision, Record


class Flip(Record):
    """One past question that the other pack answers otherwise. `granted`: kind to (before, after) where they differ."""

    subject_ref: str
    subject: str
    requested_tier: str
    verdict: tuple[str, str]
    granted: dict[str, tuple[str, str]] = Field(default_factory=dict)
    no_longer_blocked_by: tuple[str, ...] = ()
    newly_blocked_by: tuple[str, ...] = ()
    obligations_gone: tuple[str, ...] = ()
    obligations_new: tuple[str, ...] = ()
    error: str = Field(default="", description="why the other pack cannot answer at all")

    @property
    def opens(self) -> bool:
        """Does any kind climb higher than before?"""
        return any(after[1:] > before[1:] for before, after in self.granted.values())


def diff(before: PolicyPack, after: PolicyPack, questions: Iterable[Question]) -> tuple[Flip, ...]:
    """The questions that flip, in their order. `question.context` is the context as stated, not yet merged.

    Law: diff(p, p, questions) == ().
    """
    return tuple(flip for question in questions if (flip := _compare(before, after, question)) is not None)


def _compare(before: PolicyPack, after: PolicyPack, question: Question) -> Flip | None:
    old = _decide(before, question)
    try:
        new = _decide(after, question)
    except (BasculeError, KeyError) as error:
        return Flip(
            subject_ref=question.subject.ref,
            subject=old.subject,
            requested_tier=old.requested_tier,
            verdict=(old.verdict, "unknown"),
            error=f"no ladder {error}" if isinstance(error, KeyError) else str(error),
        )
    granted = {
        str(kind): (tier, new.granted[kind])
        for kind, tier in sorted(old.granted.items())
        if new.granted.get(kind, tier) != tier
    }
    was, now = _blocking(old), _blocking(new)
    owed, owes = _duties(old), _duties(new)
    if old.verdict == new.verdict and not granted and owed == owes:
        return None
    return Flip(
        subject_ref=question.subject.ref,
        subject=old.subject,
        requested_tier=old.requested_tier,
        verdict=(old.verdict, new.verdict),
        granted=granted,
        no_longer_blocked_by=tuple(sorted(was - now)),
        newly_blocked_by=tuple(sorted(now - was)),
        obligations_gone=tuple(sorted(owed - owes)),
        obligations_new=tuple(sorted(owes - owed)),
    )


def _decide(pack: PolicyPack, question: Question) -> Decision:
    context = merge_context(question.context, pack.context_defaults)
    asked = replace(question, pack=pack, ladder=pack.ladder(question.ladder.name), context=context)
    return judge(asked).decision


def _blocking(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.reasons if reason.effect != "oblige"}


def _duties(decision: Decision) -> set[str]:
    return {f"{duty.kind}: {duty.text}" for duty in decision.obligations}
