"""What named people may add: waivers, which let one rule pass for a while, and approvals, which sign one decision.

A waiver is usable when it is for this subject's digest and a rule that may be waived, names an owner, a reason and what
compensates, and runs for at most 90 days. It may be renewed once, and then two people other than its owner sign its
digest. It reaches its own tier and those below, never above; when it expires it is absent, and the decision with it.

An approval counts when it signs this decision's digest, by a person in a role that is asked for, who neither asked
for the release nor produced its evidence, with a key that is theirs and that nobody else used. Names that a reader
cannot tell apart are one person's. Two persons are needed where a copy leaves the house. All approvals are void when
the decision no longer stands, or can no longer be judged to stand.

Signatures are verified by the caller; here, `person`, `role` and `key_id` are what a verified signature said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bascule.judge.policy.pack import PackRule, PolicyPack
from bascule.judge.policy.tiers import tier_matches
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import looks, visible
from bascule.records import Approval, ApprovalNeed, Decision, Ladder, Tier, Waiver

MAX_WAIVER = timedelta(days=90)
RENEWAL_QUORUM = 2


@dataclass(frozen=True, slots=True)
class Refused:
    """A waiver or approval that does not count, by its digest, and why."""

    digest: Digest
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Waivers:
    """Those that count, by rule, the farthest-reaching first; and those that do not."""

    usable: Mapping[str, tuple[Waiver, ...]]
    refused: tuple[Refused, ...]

    @property
    def digests(self) -> tuple[Digest, ...]:
        return tuple(sorted(waiver.content_digest() for each in self.usable.values() for waiver in each))


def usable_waivers(
    waivers: Iterable[Waiver],
    *,
    subject: Digest,
    rules: Iterable[PackRule],
    ladder: Ladder,
    as_of: datetime,
    approvals: Iterable[Approval] = (),
) -> Waivers:
    """Sort the waivers that count from those that do not. Law: taking a waiver away never makes another usable,
    except that a renewal whose first waiver is not shown is refused."""
    by_digest = {waiver.content_digest(): waiver for waiver in waivers}
    by_rule = {rule.id: rule for rule in rules}
    signers: dict[Digest, list[Approval]] = defaultdict(list)
    for approval in approvals:
        signers[approval.decision].append(approval)
    usable: dict[str, list[Waiver]] = defaultdict(list)
    refused: list[Refused] = []
    for digest, waiver in sorted(by_digest.items()):
        why = (
            _unfit(waiver, subject, by_rule, ladder)
            or _untimely(waiver, as_of)
            or _unrenewable(waiver, by_digest, signers[digest])
        )
        if why:
            refused.append(Refused(digest, waiver.owner, why))
        else:
            usable[waiver.rule].append(waiver)
    ranked = {
        rule: tuple(sorted(each, key=lambda w: (-ladder.tier(w.tier).rank, w.expires_at, w.content_digest())))
        for rule, each in sorted(usable.items())
    }
    return Waivers(ranked, tuple(refused))


def _unfit(waiver: Waiver, subject: Digest, rules: Mapping[str, PackRule], ladder: Ladder) -> str:
    rule = rules.get(waiver.rule)
    if rule is None:
        return f"the policy has no rule `{waiver.rule}` here"
    if not rule.waivable:
        return f"nothing may override `{rule.id}`"
    if waiver.subject != subject:
        return "it is for other bytes than these"
    if all(tier.id != waiver.tier for tier in ladder.tiers):
        return f"the ladder `{ladder.name}` has no tier `{waiver.tier}`"
    blank = [name for name in ("owner", "reason", "safeguard") if not getattr(waiver, name).strip()]
    return f"it leaves `{blank[0]}` blank" if blank else ""


def _untimely(waiver: Waiver, as_of: datetime) -> str:
    if waiver.expires_at <= waiver.issued_at:
        return "it ends before it begins"
    if waiver.expires_at - waiver.issued_at > MAX_WAIVER:
        return f"it runs longer than {MAX_WAIVER.days} days"
    if as_of >= waiver.expires_at:
        return f"it expired on {format_instant(waiver.expires_at)}"
    return f"it begins on {format_instant(waiver.issued_at)}" if as_of < waiver.issued_at else ""


def _unrenewable(waiver: Waiver, known: Mapping[Digest, Waiver], signed: Sequence[Approval]) -> str:
    if waiver.renewal_of is None:
        return ""
    first = known.get(waiver.renewal_of)
    if first is None:
        return "it renews a waiver that is not shown"
    if first.renewal_of is not None:
        return "a waiver is renewed once"
    if (first.rule, first.subject, first.tier) != (waiver.rule, waiver.subject, waiver.tier):
        return "it renews a waiver for something else"
    people = renewal_signers(waiver, signed)
    if people < RENEWAL_QUORUM:
        return f"a renewal needs {RENEWAL_QUORUM} people beside its owner, and {people} signed"
    return ""


def renewal_signers(waiver: Waiver, signed: Iterable[Approval]) -> int:
    """How many people beside its owner signed a waiver that renews another. `signed`: the approvals of its digest."""
    return _distinct(approval for approval in signed if looks(approval.person) != looks(waiver.owner))


def _distinct(approvals: Iterable[Approval]) -> int:
    """How many different persons with different keys."""
    persons: set[str] = set()
    keys: set[str] = set()
    for approval in sorted(approvals, key=lambda each: (each.issued_at, each.content_digest())):
        if looks(approval.person) not in persons and approval.key_id not in keys:
            persons.add(looks(approval.person))
            keys.add(approval.key_id)
    return len(persons)


def approvals_needed(pack: PolicyPack, ladder: Ladder, tiers: Iterable[Tier]) -> tuple[ApprovalNeed, ...]:
    """Who must sign before each of these tiers takes effect: the pack's rule, and never fewer than the tier asks for
    where it cannot be taken back."""
    needs = []
    for tier in sorted(set(tiers), key=lambda each: each.rank):
        if tier == ladder.lowest:
            continue
        rules = [rule for rule in pack.approvals if tier_matches(rule.tiers, tier.id)]
        floor = tier.people_to_approve if not tier.revocable else 0
        quorum = max([floor, *(rule.quorum for rule in rules)])
        roles = tuple(dict.fromkeys(role for rule in rules for role in rule.roles))
        if quorum:
            needs.append(ApprovalNeed(tier=tier.id, quorum=quorum, roles=roles))
    return tuple(needs)


@dataclass(frozen=True, slots=True)
class ApprovalState:
    """Does the decision take effect at a tier? still: people wanting; void: why no approval counts any more."""

    tier: str
    met: bool
    quorum: int
    accepted: tuple[Approval, ...]
    refused: tuple[Refused, ...]
    still: int
    roles_wanting: tuple[str, ...]
    void: str = ""


def approval_state(
    decision: Decision,
    approvals: Iterable[Approval],
    *,
    tier: str,
    as_of: datetime,
    requester: str | None = None,
    producer_keys: Collection[str] = (),
    producers: Collection[str] = (),
    holders: Mapping[str, str] | None = None,
    standing: Decision | str | None = None,
) -> ApprovalState:
    """Count the approvals of a decision at a tier.

    producer_keys, producers: keys and names behind the evidence it cites. holders: who holds each trusted key, by its
    id, where that was written down. standing: the same question judged again with what is known now, or why it cannot
    be; unless its answer is the same, nothing that was signed counts. None: it is the caller who knows that it stands.
    Raises InputError `judge.not-needed` for a tier whose approval the decision does not ask for.
    """
    need = next((each for each in decision.approvals_needed if each.tier == tier), None)
    if need is None:
        raise InputError(
            "judge.not-needed",
            f"the decision asks for no approval at `{tier}`",
            "see `approvals_needed` in the decision",
        )
    void = _void(decision, standing, as_of)
    wanted = decision.content_digest()
    barred = {looks(name) for name in (requester, *producers) if name}
    accepted: list[Approval] = []
    refused: list[Refused] = []
    for approval in sorted(set(approvals), key=lambda each: (each.issued_at, each.content_digest())):
        why = (
            void
            or _misnamed(approval, holders or {})
            or _refusal(approval, wanted, need, as_of, requester, barred, producer_keys, accepted)
        )
        if why:
            refused.append(Refused(approval.content_digest(), approval.person, why))
        else:
            accepted.append(approval)
    wanting = tuple(role for role in need.roles if all(each.role != role for each in accepted))
    # Every role must sign, as far as there are enough seats for them.
    roles_met = len(need.roles) - len(wanting) >= min(need.quorum, len(need.roles))
    still = max(0, need.quorum - len(accepted))
    met = not void and still == 0 and roles_met
    return ApprovalState(tier, met, need.quorum, tuple(accepted), tuple(refused), still, wanting, void)


def _void(decision: Decision, standing: Decision | str | None, as_of: datetime) -> str:
    if decision.review_by is not None and as_of >= decision.review_by:
        return f"the decision lapsed on {format_instant(decision.review_by)}"
    if isinstance(standing, str):
        return f"whether the decision still stands cannot be judged: {standing}"
    if standing is not None and _answer(standing) != _answer(decision):
        return "judged again with what is known now, the answer differs"
    return ""


def _answer(decision: Decision) -> tuple[object, ...]:
    return (decision.subject, decision.requested_tier, decision.verdict, sorted(decision.granted.items()))


def is_holder(person: str, holder: str) -> bool:
    """May this person sign with a key that was written down as that holder's? A blank holder may be anybody."""
    return not holder.strip() or looks(person) == looks(holder)


def _misnamed(approval: Approval, holders: Mapping[str, str]) -> str:
    holder = holders.get(approval.key_id, "")
    if is_holder(approval.person, holder):
        return ""
    return f"its key is trusted as `{visible(holder)}`'s; sign under that name, or trust the key again with `--name`"


def _refusal(
    approval: Approval,
    wanted: Digest,
    need: ApprovalNeed,
    as_of: datetime,
    requester: str | None,
    barred: Collection[str],
    producer_keys: Collection[str],
    accepted: Sequence[Approval],
) -> str:
    if approval.decision != wanted:
        return "it signs another decision"
    if approval.issued_at > as_of:
        return "it is not signed yet"
    person = looks(approval.person)
    if not any(char.isalnum() for char in person):
        return "it names nobody"
    if requester and person == looks(requester):
        return "who asks for a release does not approve it"
    if person in barred or approval.key_id in producer_keys:
        return "who produced the evidence does not approve what rests on it"
    if need.roles and approval.role not in need.roles:
        return f"the role `{approval.role}` is not asked for"
    if any(looks(each.person) == person for each in accepted):
        return "this person has signed already"
    if any(each.key_id == approval.key_id for each in accepted):
        return "another person signed with the same key"
    return ""
