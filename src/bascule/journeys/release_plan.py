"""From a review to a plan: only a granted decision can be planned, and what was granted is the most."""

from __future__ import annotations

from dataclasses import dataclass

from bascule.journeys.parts import Parts, Policy, Progress, silent
from bascule.journeys.review import ReviewRequest, review
from bascule.kernel.digests import Digest
from bascule.records import ReviewDocument
from bascule.records.release import ReleasePlan
from bascule.release.plan import Wishes, plan_release


@dataclass(frozen=True, slots=True)
class Planned:
    """plan: None where the decision does not grant what was asked."""

    document: ReviewDocument
    plan: ReleasePlan | None


def plan_of(
    request: ReviewRequest, wishes: Wishes, policy: Policy, parts: Parts, progress: Progress = silent
) -> Planned:
    """Review, and plan what it grants. Evidence that is fresh is used again. Raises InputError `release.blank`."""
    document = review(request, policy, parts, progress)
    if document.verdict != "granted":
        return Planned(document, None)
    decision = parts.store.decision(Digest(document.decision))
    assert decision is not None
    return Planned(document, plan_release(document, Digest(decision.record.context), wishes))
