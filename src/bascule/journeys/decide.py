"""Judge again from the ledger alone: any subject ever reviewed, any policy, any date. No byte is read."""

from __future__ import annotations

from bascule.journeys.document import review_document
from bascule.journeys.parts import Parts, Policy
from bascule.journeys.review import Collected, ReviewRequest, check_tier, judge_collected, keep
from bascule.judge.context import merge_context
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.records import ReviewDocument, Subject


def decide(request: ReviewRequest, policy: Policy, parts: Parts) -> ReviewDocument:
    """The decision that the ledger's evidence supports at `as_of`. Raises InputError `decide.unknown-subject`."""
    check_tier(request.tier, request.ladder, policy)
    subject = recorded_subject(request.ref, parts)
    context = merge_context(request.context, policy.pack.context_defaults)
    collected = Collected(subject, parts.store.evidence_for(subject.digest), frozenset())
    as_of = request.as_of or parts.clock.now()
    judgement = judge_collected(collected, request.tier, request.ladder, context, policy, parts, as_of)
    keep(judgement, policy, context, parts)
    everything = frozenset(item.digest for item in collected.evidence)
    return review_document(subject, collected.evidence, judgement, policy, context, parts, everything)


def recorded_subject(ref: str, parts: Parts) -> Subject:
    """A subject by its digest, or by the reference that it was last reviewed under."""
    digest = Digest(ref) if ref.startswith("sha256:") else parts.store.find_subject(ref)
    subject = parts.store.subject(digest) if digest is not None else None
    if subject is None:
        raise InputError(
            "decide.unknown-subject",
            f"the ledger holds no subject `{visible(ref)}`",
            f"run `bascule review {visible(ref)}` first",
        )
    return subject
