"""What named people add: approvals of one decision, waivers of one rule.

An approval signs the digest of a decision that still stands, by somebody other than who asked for it and whose key
signed the evidence, under the name that the key is trusted by; a waiver names a person, a reason, a compensating
safeguard and a date, and is renewed once, when two others have signed the renewal. All are signed ledger entries; none
changes what was decided before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from bascule.attest import PREDICATE_APPROVAL, PREDICATE_WAIVER, sign_record
from bascule.journeys.parts import Parts, Policy
from bascule.journeys.replay import question_of
from bascule.journeys.review import waiver_approvals
from bascule.judge import judge
from bascule.judge.people import (
    MAX_WAIVER,
    RENEWAL_QUORUM,
    ApprovalState,
    approval_state,
    is_holder,
    renewal_signers,
)
from bascule.kernel.digests import Digest
from bascule.kernel.errors import BasculeError, InputError
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
    days: int = MAX_WAIVER.days


@dataclass(frozen=True, slots=True)
class Signed:
    """What one signature did. tiers: how far each tier that needs signatures has come; a waiver has none."""

    approval: Approval
    in_effect: bool
    tiers: tuple[ApprovalState, ...] = ()


def approve(digest: Digest, person: str, role: str, parts: Parts) -> Signed:
    """Sign a decision in a role, or, in the same way, a waiver that renews another.

    Raises InputError `people.unknown-decision`, `people.nothing-to-approve`, `people.unknown-role` or
    `people.not-the-holder`.
    """
    for waiver in all_waivers(parts):
        if waiver.content_digest() == digest:
            approval = _sign(digest, person, role, parts)
            return Signed(approval, waiver_state(waiver, parts) == "holds")
    decision = find_decision(digest, parts)
    if not decision.approvals_needed:
        raise InputError(
            "people.nothing-to-approve",
            "this decision grants nothing that needs a signature",
            "see what blocks it: `bascule decide`",
        )
    roles = sorted({name for need in decision.approvals_needed for name in need.roles})
    if roles and role not in roles:
        near = suggestion(role, roles)
        raise InputError(
            "people.unknown-role",
            f"the role `{visible(role)}` is not asked for",
            near or f"ask one of: {', '.join(roles)}",
        )
    approval = _sign(digest, person, role, parts)
    tiers = states(decision, parts)
    return Signed(approval, all(tier.met for tier in tiers), tiers)


def _sign(digest: Digest, person: str, role: str, parts: Parts) -> Approval:
    key_id = parts.keyring.key_id
    holder = parts.keyring.holders().get(key_id, "")
    if not is_holder(person, holder):
        raise InputError(
            "people.not-the-holder",
            f"the key that signs here is `{visible(holder)}`'s, not `{visible(person)}`'s",
            "sign under the holder's name, or from a home with a key of your own",
        )
    approval = Approval(decision=digest, person=person, role=role, key_id=key_id, issued_at=parts.clock.now())
    parts.store.record_approval(sign_record(approval, PREDICATE_APPROVAL, parts.keyring))
    return approval


def states(decision: Decision, parts: Parts) -> tuple[ApprovalState, ...]:
    """How far each tier that needs signatures has come."""
    approvals = tuple(signed.record for signed in parts.store.approvals_for(decision.content_digest()))
    cited = [parts.store.evidence(item) for item in decision.evidence]
    producers = [item.producer for item in cited if item is not None and item.producer is not None]
    standing, requester = _standing(decision, parts)
    if len(producers) < len(decision.evidence):
        standing = "evidence that it cites is not to be had, nor who signed it"
    return tuple(
        approval_state(
            decision,
            approvals,
            tier=need.tier,
            as_of=parts.clock.now(),
            requester=requester,
            producer_keys={producer.key_id for producer in producers},
            producers={producer.name for producer in producers if producer.name},
            holders=parts.keyring.holders(),
            standing=standing,
        )
        for need in decision.approvals_needed
    )


def _standing(decision: Decision, parts: Parts) -> tuple[Decision | str, str | None]:
    """The same question with the evidence and at the date of now, or why it can no longer be asked; and who asked."""
    try:
        question = question_of(decision, parts)
        if isinstance(question, str):
            return question, None
        evidence = parts.store.evidence_for(decision.subject)
        again = judge(replace(question, evidence=evidence, as_of=parts.clock.now())).decision
    except BasculeError as error:
        return error.message, None
    return again, question.context.requester


def find_decision(digest: Digest, parts: Parts) -> Decision:
    """A recorded decision by its digest. Raises InputError `people.unknown-decision`."""
    signed = parts.store.decision(digest)
    if signed is None:
        raise InputError(
            "people.unknown-decision",
            f"the ledger holds no decision `{digest}`",
            "see `bascule ledger show --kind decision`",
        )
    return signed.record


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
    if not 1 <= request.days <= MAX_WAIVER.days:
        faults.append(f"`--days` is {request.days}; a waiver lasts 1 to {MAX_WAIVER.days} days")
    if all(tier.id != request.tier for ladder in policy.pack.ladders for tier in ladder.tiers):
        faults.append(f"`--tier`: no ladder of pack `{policy.pack.id}` has a tier `{visible(request.tier)}`")
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
    parts.store.record_waiver(sign_record(waiver, PREDICATE_WAIVER, parts.keyring))
    return waiver


def _renewed(rule: str, subject: Digest, tier: str, parts: Parts) -> Digest | None:
    given = [signed.record for signed in parts.store.waivers_for(subject)]
    earlier = [waiver for waiver in given if waiver.rule == rule and waiver.tier == tier]
    if any(waiver.renewal_of is not None for waiver in earlier):
        raise InputError(
            "people.renewed-twice",
            f"the waiver of `{rule}` was renewed once already",
            "remove the cause; a second renewal is not possible",
        )
    return earlier[-1].content_digest() if earlier else None


def waiver_state(waiver: Waiver, parts: Parts) -> Literal["holds", "expired", "unsigned"]:
    """`unsigned`: it renews another, and too few people beside its owner have signed it yet."""
    if not waiver.issued_at <= parts.clock.now() < waiver.expires_at:
        return "expired"
    if waiver.renewal_of is None:
        return "holds"
    digest = waiver.content_digest()
    signed = [each for each in waiver_approvals(waiver.subject, parts) if each.decision == digest]
    return "holds" if renewal_signers(waiver, signed) >= RENEWAL_QUORUM else "unsigned"


def all_waivers(parts: Parts) -> tuple[Waiver, ...]:
    """Every waiver that the ledger holds, newest first."""
    subjects = {entry.subject for entry in parts.store.ledger.entries(kind="waiver") if entry.subject is not None}
    found = [signed.record for subject in sorted(subjects) for signed in parts.store.waivers_for(subject)]
    return tuple(sorted(found, key=lambda waiver: (waiver.issued_at, waiver.rule), reverse=True))
