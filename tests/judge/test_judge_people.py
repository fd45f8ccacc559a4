"""Waivers and approvals: who may let pass, who may sign, and when neither counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bascule.judge import approval_state, judge, usable_waivers
from bascule.judge.people import ApprovalState, Waivers
from bascule.judge.policy.pack import ApprovalRule
from bascule.kernel.errors import InputError
from bascule.records import Approval, Decision, Waiver
from judging import LADDER, NOW, SUBJECT, WEIGHTS, alarm, ask, pack, rule, seen

BAD = seen("scan", alarm("bad-thing"))
POLICY = pack(
    rule("clean", "!finding.bad_thing"),
    rule("law", "!finding.bad_thing", waivable=False, tiers=">=T6"),
    approvals=(
        ApprovalRule(tiers="T3-T4", quorum=1),
        ApprovalRule(tiers=">=T5", quorum=2, roles=("owner", "security")),
    ),
)


def waiver(**changes: Any) -> Waiver:
    known: dict[str, Any] = {
        "rule": "clean",
        "subject": SUBJECT.digest,
        "tier": "T4",
        "reason": "a false alarm",
        "safeguard": "read by hand",
        "owner": "Ada",
        "issued_at": NOW,
        "expires_at": NOW + timedelta(days=90),
    }
    return Waiver(**(known | changes))


def sort(*waivers: Waiver, as_of: datetime = NOW, approvals: tuple[Approval, ...] = ()) -> Waivers:
    return usable_waivers(
        waivers, subject=SUBJECT.digest, rules=POLICY.rules, ladder=LADDER, as_of=as_of, approvals=approvals
    )


def test_a_waiver_lets_its_rule_pass_up_to_its_tier_and_no_further() -> None:
    granted = judge(ask(POLICY, BAD, waivers=(waiver(),))).decision
    assert granted.granted[WEIGHTS] == "T4"
    assert granted.waivers == (waiver().content_digest(),)
    assert judge(ask(POLICY, BAD)).decision.granted[WEIGHTS] == "T0"


def test_the_cell_says_who_waived_and_what_compensates() -> None:
    cell = judge(ask(POLICY, BAD, waivers=(waiver(),))).assessment.cells[0]
    assert cell.rules[0].waived_by == waiver().content_digest()
    assert "Ada" in cell.rules[0].because
    assert "read by hand" in cell.rules[0].because


def test_a_decision_lapses_with_the_waiver_it_rests_on() -> None:
    short = waiver(expires_at=NOW + timedelta(days=3))
    assert judge(ask(POLICY, BAD, waivers=(short,))).decision.review_by == short.expires_at


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rule": "law", "tier": "T6"}, "nothing may override"),
        ({"rule": "no-such-rule"}, "no rule"),
        ({"subject": "sha256:" + "0" * 64}, "other bytes"),
        ({"tier": "A3"}, "no tier"),
        ({"reason": "  "}, "`reason` blank"),
        ({"expires_at": NOW + timedelta(days=90, seconds=1)}, "longer than 90 days"),
        ({"issued_at": NOW - timedelta(days=9), "expires_at": NOW}, "expired"),
        ({"issued_at": NOW + timedelta(days=1)}, "begins on"),
        ({"expires_at": NOW}, "ends before it begins"),
        ({"renewal_of": "sha256:" + "0" * 64}, "not shown"),
    ],
)
def test_a_waiver_that_does_not_count_says_why(changes: dict[str, Any], why: str) -> None:
    sorted_ = sort(waiver(**changes))
    assert not sorted_.usable
    assert why in sorted_.refused[0].why
    limits = judge(ask(POLICY, BAD, waivers=(waiver(**changes),))).limits
    assert any(why in limit for limit in limits)


def signed(digest: str, person: str, role: str = "security", **changes: Any) -> Approval:
    known: dict[str, Any] = {"key_id": f"key-{person}", "issued_at": NOW}
    return Approval(decision=digest, person=person, role=role, **(known | changes))


def test_a_renewal_needs_two_people_beside_its_owner_and_there_is_no_second_one() -> None:
    first = waiver(issued_at=NOW - timedelta(days=90), expires_at=NOW)
    again = waiver(renewal_of=first.content_digest())
    digest = again.content_digest()
    alone = sort(first, again, approvals=(signed(digest, "Ada"), signed(digest, "Bo")))
    assert "needs 2 people" in next(each.why for each in alone.refused if each.digest == digest)
    assert sort(first, again, approvals=(signed(digest, "Bo"), signed(digest, "Cy"))).digests == (digest,)
    same_key = (signed(digest, "Bo"), signed(digest, "Cy", key_id="key-Bo"))
    assert not sort(first, again, approvals=same_key).usable
    third = waiver(renewal_of=digest, reason="once more")
    whys = [each.why for each in sort(first, again, third, approvals=()).refused]
    assert "a waiver is renewed once" in whys


def test_a_renewal_of_something_else_is_refused() -> None:
    first = waiver(tier="T3")
    [refused] = sort(first, waiver(renewal_of=first.content_digest())).refused
    assert "something else" in refused.why


# --- approvals -----------------------------------------------------------------------------------------------------

CLEAN = seen("scan", asks=["bad-thing"])


def decision(**changes: Any) -> Decision:
    return judge(ask(POLICY, CLEAN, tier="T6", **changes)).decision


DECISION = decision()
DIGEST = DECISION.content_digest()
OWNER, SECURITY = signed(DIGEST, "Bo", "owner"), signed(DIGEST, "Cy", "security")


def state(*approvals: Approval, of: Decision = DECISION, tier: str = "T6", **changes: Any) -> ApprovalState:
    return approval_state(of, approvals, tier=tier, **({"as_of": NOW} | changes))


def test_two_people_are_asked_for_where_a_copy_leaves_the_house() -> None:
    needs = {need.tier: need.quorum for need in DECISION.approvals_needed}
    assert needs["T6"] == 2
    bare = pack(rule("clean", "!finding.bad_thing"))
    assert [need.quorum for need in judge(ask(bare, CLEAN, tier="T6")).decision.approvals_needed] == [2]
    assert judge(ask(bare, CLEAN, tier="T1")).decision.approvals_needed == ()


def test_two_people_in_two_roles_make_it_take_effect() -> None:
    assert not state(OWNER).met
    assert state(OWNER).still == 1
    assert state(OWNER).roles_wanting == ("security",)
    assert state(OWNER, SECURITY).met


def test_two_signatures_in_one_role_leave_the_other_wanting() -> None:
    assert not state(SECURITY, signed(DIGEST, "Di", "security")).met


@pytest.mark.parametrize(
    ("approval", "why", "changes"),
    [
        (signed("sha256:" + "0" * 64, "Di"), "another decision", {}),
        (signed(DIGEST, "Req"), "asks for a release", {"requester": "Req"}),
        (signed(DIGEST, "Di"), "produced the evidence", {"producers": ["Di"]}),
        (signed(DIGEST, "Di"), "produced the evidence", {"producer_keys": ["key-Di"]}),
        (signed(DIGEST, "Di", "intern"), "not asked for", {}),
        (signed(DIGEST, "Bo", "security", key_id="second key"), "signed already", {}),
        (signed(DIGEST, "Di", "security", key_id="key-Bo"), "the same key", {}),
        (signed(DIGEST, "Di", issued_at=NOW + timedelta(days=1)), "not signed yet", {}),
    ],
)
def test_an_approval_that_does_not_count_says_why(approval: Approval, why: str, changes: dict[str, Any]) -> None:
    first = signed(DIGEST, "Bo", "owner", issued_at=NOW - timedelta(hours=1))
    outcome = state(first, approval, **changes)
    assert outcome.accepted == (first,)
    assert why in outcome.refused[0].why
    assert not outcome.met


ADA = ["ada", " Ada ", "A.D.A", "Ad\u0430", "\uff21da", "A\u200bda", "Ad\u00e1"]


@pytest.mark.parametrize("spelling", ADA)
def test_one_person_under_two_spellings_signs_once(spelling: str) -> None:
    found = state(signed(DIGEST, "Ada", "owner"), signed(DIGEST, spelling, "security"))
    assert not found.met
    assert [refused.why for refused in found.refused] == ["this person has signed already"]


@pytest.mark.parametrize("spelling", ADA)
def test_who_asks_for_a_release_does_not_approve_it_under_another_spelling(spelling: str) -> None:
    assert not state(signed(DIGEST, spelling, "owner"), requester="Ada").accepted
    assert not state(signed(DIGEST, spelling, "owner"), producers=("Ada",)).accepted


@pytest.mark.parametrize("nobody", [" ", "\u200b", "-"])
def test_nobody_does_not_approve(nobody: str) -> None:
    assert not state(signed(DIGEST, nobody, "owner")).accepted


def test_approvals_are_void_when_what_is_known_now_gives_another_answer() -> None:
    now = judge(ask(POLICY, CLEAN, seen("other", alarm("bad-thing")), tier="T6")).decision
    outcome = state(OWNER, SECURITY, standing=now)
    assert not outcome.met
    assert "differs" in outcome.void
    assert state(OWNER, SECURITY, standing=decision()).met


def test_approvals_are_void_when_the_decision_cannot_be_judged_again() -> None:
    outcome = state(OWNER, SECURITY, standing="its context is not in the ledger")
    assert (outcome.met, outcome.accepted) == (False, ())
    assert outcome.void.endswith("its context is not in the ledger")
    assert {refused.why for refused in outcome.refused} == {outcome.void}


def test_who_signs_under_another_name_than_the_keys_holder_does_not_count() -> None:
    held = {"key-Bo": "Bo", "key-Cy": "Ev"}
    outcome = state(OWNER, SECURITY, holders=held)
    assert outcome.accepted == (OWNER,)
    assert "trusted as `Ev`'s" in outcome.refused[0].why
    assert not outcome.met


@pytest.mark.parametrize("holder", ["cy", " C.Y", "\u0421y", "", " "])
def test_a_holder_whose_name_reads_the_same_or_is_blank_counts(holder: str) -> None:
    assert state(OWNER, SECURITY, holders={"key-Cy": holder}).met


def test_approvals_are_void_when_the_decision_has_lapsed() -> None:
    assert DECISION.review_by is not None
    outcome = state(OWNER, SECURITY, as_of=DECISION.review_by)
    assert "lapsed" in outcome.void
    assert not outcome.accepted


def test_a_tier_that_asks_for_no_approval_is_a_wrong_question() -> None:
    with pytest.raises(InputError, match="asks for no approval"):
        state(tier="T1")
