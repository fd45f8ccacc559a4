"""A solution as the documents show it."""

from __future__ import annotations

from typing import Any

from bascule.judge.licensing.solver import Fired, Owed, Solution
from bascule.records.licence_answers import ClauseView, DutyView, LicenceAnswer


def answer_of(solution: Solution) -> LicenceAnswer:
    """The same words and numbers, as a record."""
    return LicenceAnswer(**answer_fields(solution))


def answer_fields(solution: Solution) -> dict[str, Any]:
    """The fields of a `LicenceAnswer`, for records that add their own."""
    return {
        "verdict": solution.verdict,
        "because": solution.because,
        "clauses": tuple(clause_view(one) for one in solution.clauses),
        "obligations": tuple(duty_view(one) for one in solution.duties),
        "needs": solution.needs,
        "chosen": dict(solution.chosen),
    }


def clause_view(one: Fired) -> ClauseView:
    return ClauseView(
        licence=one.licence,
        clause=one.cite,
        effect=one.effect,
        because=one.because,
        act=one.act,
        artefact=one.artefact,
        link=one.link,
        needs=one.needs,
    )


def duty_view(one: Owed) -> DutyView:
    return DutyView(
        kind=one.kind,
        text=one.text,
        source=one.source,
        licence=one.licence,
        status=one.status,
        flows=one.flows,
        link=one.link,
        needs=one.needs,
    )
