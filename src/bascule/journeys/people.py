"""What named people add: approvals of one decision, waivers of one rule.

An approval signs the digest of a decision that still stands; a waiver names a person, a reason, a compensating
safeguard and a date. Both are ledger entries; neither changes what was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bascule.journeys.parts import Parts, Policy
from bascule.judge.people import MAX_WAIVER_DAYS
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records import Approval, Decision, Waiver


@dataclass(frozen=True, slots=True)
class WaiverRequest:
    """What a person asks to let pass."""

    rule: str
    ref: str
    tier: str
    reason: str
    safeguard: str
    owner: str
    days: int = 90


def approve(decision: Digest, person: str, role: str, parts: Parts) -> Approval:
    """Sign a decision in a role. Raises InputError `people.unknown-decision`."""
    find_decision(decision, parts)
    approval = Approval(
        decision=decision, person=person, role=role, key_id=parts.keyring.key_id, issued_at=parts.clock.now()
    )
    parts.store.record_approval(approval)
    return approval


def find_decision(digest: Digest, parts: Parts) -> Decision:
    """A recorded decision by its digest."""
    for decision in parts.store.decisions():
        if decision.content_digest() == digest:
            return decision
    raise InputError(
        "people.unknown-decision",
        f"the ledger holds no decision `{digest}`",
        "see `bascule ledger show --kind decision`",
    )


def grant_waiver(request: WaiverRequest, policy: Policy, parts: Parts) -> Waiver:
    """Record a waiver. Raises InputError for an unknown or non-waivable rule, a blank, or more than 90 days."""
    rules = {rule.id: rule for rule in policy.pack.rules}
    rule = rules.get(request.rule)
    if rule is None:
        near = suggestion(request.rule, rules)
        raise InputError(
            "people.unknown-rule",
            f"pack `{policy.pack.id}` has no rule `{visible(request.rule)}`",
            near or "see `bascule policy show`",
        )
    if not rule.waivable:
        raise InputError(
            "people.not-waivable", f"rule `{rule.id}` may not be waived by anybody", rule.remedy or "remove the cause"
        )
    faults = [f"`--{name}` is blank" for name in ("reason", "safeguard", "owner") if not getattr(request, name).strip()]
    if not 1 <= request.days <= MAX_WAIVER_DAYS:
        faults.append(f"`--days` is {request.days}; a waiver lasts 1 to {MAX_WAIVER_DAYS} days")
    if faults:
        raise InputError.from_faults(
            "people.bad-waiver",
            "this waiver cannot be granted",
            faults,
            "name a person, a reason, a safeguard and a date",
        )
    subject = parts.store.find_subject(request.ref)
    if subject is None:
        raise InputError(
            "people.unknown-subject",
            f"`{visible(request.ref)}` was never reviewed here",
            f"run `bascule review {visible(request.ref)}` first",
        )
    now = parts.clock.now()
    waiver = Waiver(
        rule=rule.id,
        subject=subject,
        tier=request.tier,
        reason=request.reason,
        safeguard=request.safeguard,
        owner=request.owner,
        issued_at=now,
        expires_at=now + timedelta(days=request.days),
        renewal_of=_renewed(rule.id, subject, request.tier, parts),
    )
    parts.store.record_waiver(waiver)
    return waiver


def _renewed(rule: str, subject: Digest, tier: str, parts: Parts) -> Digest | None:
    earlier = [w for w in parts.store.waivers_for(subject) if w.rule == rule and w.tier == tier]
    if any(w.renewal_of is not None for w in earlier):
        raise InputError(
            "people.renewed-twice",
            f"the waiver of `{rule}` was renewed once already",
            "remove the cause; a second renewal is not possible",
        )
    return earlier[-1].content_digest() if earlier else None


def waiver_state(waiver: Waiver, now: datetime) -> str:
    """`holds` or `expired`, for lists."""
    return "holds" if waiver.issued_at <= now < waiver.expires_at else "expired"
