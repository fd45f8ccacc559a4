"""The decision: climbs, verdicts, reasons, ways forward, and what stands beside them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from bascule.judge import judge, merge_context
from bascule.judge.policy.pack import Assumption, BenefitRow, Produces, Safeguard
from bascule.kernel.errors import InputError
from bascule.records import ArtefactKind as K
from bascule.records import Assessment, Context, Decision, Dimension, Missing, Unlock, Verdict
from bascule.records.artefact import IntakeNote
from judging import (
    CARD,
    ENDPOINT,
    NOW,
    WEIGHTS,
    alarm,
    ask,
    bound,
    ladder,
    lapsed,
    pack,
    proportion,
    rule,
    said,
    scenario,
    seen,
    subject,
    threshold,
    withheld,
)

CLEAN, BAD = seen("scan", asks=["bad-thing"]), seen("scan", alarm("bad-thing"))
SCANNED = rule("clean", "!finding.bad_thing")


def decide(*evidence: Any, parts: Any = (SCANNED,), tier: str = "T4", **changes: Any) -> Decision:
    return judge(ask(pack(*parts), *evidence, tier=tier, **changes)).decision


# --- verdicts ------------------------------------------------------------------------------------------------------


def test_what_passes_is_granted_up_to_the_top() -> None:
    decision = decide(CLEAN)
    assert decision.verdict == "granted"
    assert decision.granted == {WEIGHTS: "T8", CARD: "T8"}


def test_what_fails_is_refused_and_what_is_unknown_is_not_granted() -> None:
    assert decide(BAD).verdict == "refused"
    assert decide(withheld(CLEAN)).verdict == "unknown"
    assert decide().verdict == "unknown"
    assert decide().granted == {WEIGHTS: "T0", CARD: "T0"}


def test_expired_evidence_lapses_a_decision_by_itself() -> None:
    assert decide(lapsed(CLEAN)).verdict == "unknown"
    assert decide(CLEAN).review_by == CLEAN.expires_at
    assert decide(CLEAN, as_of=CLEAN.expires_at).verdict == "unknown"


def test_a_climb_stops_at_the_first_tier_with_anything_in_the_way() -> None:
    low = rule("low", "!finding.bad_thing", tiers="T3")
    decision = decide(BAD, parts=[low], tier="T6")
    assert decision.granted[WEIGHTS] == "T2"
    assert decision.verdict == "refused"


def test_a_rule_for_one_kind_holds_back_that_kind_alone() -> None:
    decision = decide(BAD, parts=[rule("clean", "!here.bad_thing")])
    assert decision.granted == {WEIGHTS: "T0", CARD: "T8"}
    assert decision.verdict == "refused"
    assert decide(BAD, parts=[rule("clean", "!here.bad_thing")], kinds=(CARD,)).verdict == "granted"


def test_the_lowest_tier_is_always_granted() -> None:
    assert decide(BAD, tier="T0").verdict == "granted"


def test_unless_and_when_open_only_with_a_fact() -> None:
    guarded = rule("guarded", "!finding.bad_thing", unless="'content_filter' in context.safeguards")
    assert decide(BAD, parts=[guarded]).verdict == "refused"
    assert decide(BAD, parts=[guarded], context=Context(safeguards=("content_filter",))).verdict == "granted"
    scoped = rule("scoped", "!finding.bad_thing", when="context.monetised")
    assert decide(BAD, parts=[scoped]).verdict == "unknown"
    assert decide(BAD, parts=[scoped], context=Context(monetised=False)).verdict == "granted"


def test_a_rule_in_force_from_a_date_binds_from_that_date() -> None:
    dated = rule("dated", "!finding.bad_thing", applies_from=date(2026, 12, 1))
    parts = [rule("always"), dated]
    assert decide(BAD, parts=parts).verdict == "granted"
    assert decide(BAD, parts=parts, as_of=NOW + timedelta(days=10)).verdict == "refused"


# --- questions that cannot be asked --------------------------------------------------------------------------------


def test_a_tier_that_the_ladder_lacks_is_a_wrong_question() -> None:
    with pytest.raises(InputError, match="no tier `T9`"):
        decide(CLEAN, tier="T9")


def test_a_kind_that_the_subject_lacks_is_a_wrong_question() -> None:
    with pytest.raises(InputError, match="dataset"):
        decide(CLEAN, kinds=(K.DATASET,))


def test_a_policy_that_asks_nothing_grants_nothing() -> None:
    with pytest.raises(InputError, match="could refuse nothing"):
        decide(CLEAN, ladder=ladder("adopt"))


def test_nothing_to_judge_is_unknown() -> None:
    empty = replace(ask(pack(SCANNED)), subject=subject()).subject.model_copy(update={"artefacts": ()})
    decision = decide(subject=empty)
    assert decision.verdict == "unknown"
    assert decision.reasons[0].rule == "nothing-to-judge"


# --- endpoints -----------------------------------------------------------------------------------------------------

CLOSED = subject(("endpoint", ENDPOINT), ref="endpoint:https://api.example/v1#model")


def test_a_closed_model_goes_no_further_than_an_api_and_says_so() -> None:
    judgement = judge(ask(pack(rule("always")), tier="T4", subject=CLOSED))
    assert judgement.decision.verdict == "granted"
    assert judgement.decision.granted == {ENDPOINT: "T4"}
    assert "seen from outside" in judgement.limits[0]


def test_there_is_nothing_to_publish_of_a_closed_model() -> None:
    decision = decide(parts=[rule("always")], tier="T6", subject=CLOSED)
    assert decision.verdict == "refused"
    assert decision.reasons[0].rule == "nothing-to-publish"
    assert decision.reasons[0].tiers == ("T5", "T6")
    unbounded = ladder().model_copy(update={"ceilings": {}})
    assert decide(parts=[rule("always")], tier="T6", subject=CLOSED, ladder=unbounded).granted[ENDPOINT] == "T4"


# --- reasons -------------------------------------------------------------------------------------------------------


def test_one_rule_is_one_reason_over_kinds_and_tiers_with_its_facts_and_evidence() -> None:
    [reason] = decide(BAD).reasons
    assert (reason.rule, reason.effect) == ("clean", "deny")
    assert reason.kinds == (CARD, WEIGHTS)
    assert reason.tiers == tuple(f"T{rank}" for rank in range(1, 9))
    assert reason.facts == {"finding.bad_thing": True}
    assert reason.evidence == (BAD.digest,)


def test_an_unknown_reason_says_which_fact_and_why() -> None:
    [reason] = decide(withheld(CLEAN), vocabulary={}).reasons
    assert reason.effect == "unknown"
    assert "`finding.bad_thing` is unknown" in reason.because
    assert "was not given" in reason.because


def test_what_bites_at_the_request_comes_before_what_bites_above() -> None:
    above, below = (
        rule("a-above", "!finding.bad_thing", tiers=">=T6"),
        rule("z-below", "!finding.bad_thing", tiers="T4"),
    )
    assert [reason.rule for reason in decide(BAD, parts=[above, below]).reasons] == ["z-below", "a-above"]


def test_an_obligation_holds_unless_a_fact_frees_from_it() -> None:
    duty = rule("tell", when="context.monetised", effect="oblige", obligation="disclose", source="the law")
    for context, held in ((Context(), True), (Context(monetised=True), True), (Context(monetised=False), False)):
        decision = decide(parts=[rule("always"), duty], context=context)
        assert decision.verdict == "granted"
        assert [each.kind for each in decision.obligations] == (["disclose"] if held else [])
        assert ("tell" in [reason.rule for reason in decision.reasons if reason.effect == "oblige"]) is held


# --- cells ---------------------------------------------------------------------------------------------------------


def test_a_logical_dimension_counts_the_rules_in_the_way() -> None:
    parts = [SCANNED, rule("other", "!finding.worse_thing"), rule("third")]
    judgement = judge(ask(pack(*parts), BAD))
    cell = judgement.assessment.cells[0]
    assert (cell.low, cell.high, cell.threshold, cell.unit) == (1, 2, 0, "blocking rules")
    assert cell.verdict is Verdict.FAIL
    assert cell.missing == ("evidence on other",)


def test_the_view_of_a_dimension_is_the_strictest_on_the_way() -> None:
    low = rule("low", "!finding.bad_thing", tiers="T2")
    views = {view.dimension: view for view in judge(ask(pack(low, rule("always")), BAD, tier="T4")).dimensions}
    assert views[Dimension.SECURITY].verdict is Verdict.FAIL
    assert views[Dimension.PRIVACY].verdict is Verdict.NOT_APPLICABLE
    assert list(views) == list(Dimension)


def test_the_decision_names_the_assessment_it_rests_on() -> None:
    judgement = judge(ask(pack(SCANNED), CLEAN))
    assert judgement.decision.assessment == judgement.assessment.content_digest()


# --- ways forward --------------------------------------------------------------------------------------------------


def way(*evidence: Any, parts: Any, **changes: Any) -> tuple[Unlock, tuple[Missing, ...]]:
    decision = decide(*evidence, parts=parts, **({"kinds": (WEIGHTS,)} | changes))
    [unlock] = decision.unlocks
    return unlock, decision.missing


def test_missing_evidence_names_its_command_and_what_it_buys() -> None:
    unlock, [missing] = way(parts=[SCANNED])
    assert missing.evidence == "evidence on clean"
    assert missing.command == "bascule review REF --only clean"
    assert missing.buys == 1
    assert unlock.possible
    assert unlock.commands == (missing.command,)


def test_what_two_pieces_hold_together_is_shared_between_them() -> None:
    early, late = rule("early", "!finding.a"), rule("late", "!finding.b", tiers=">=T3")
    _, missing = way(parts=[early, late], tier="T4")
    assert {each.evidence: each.buys for each in missing} == {"evidence on early": 0.75, "evidence on late": 0.25}
    assert sum(each.buys for each in missing) == 1


def test_a_step_that_another_makes_needless_is_left_out() -> None:
    cheap = Produces(evidence="a word", command="say it", cost_minutes=1)
    dear = Produces(evidence="a study", command="study it", cost_minutes=1000)
    parts = [
        rule("told", "reading.kind_of == 'small'", produces=cheap),
        rule("studied", "!finding.deep", when="reading.kind_of != 'small'", produces=dear),
    ]
    unlock, _ = way(parts=parts)
    assert unlock.commands == ("say it",)


def test_a_failed_rule_asks_for_its_remedy() -> None:
    unlock, missing = way(BAD, parts=[SCANNED])
    assert unlock.steps == ("mend clean",)
    assert missing == ()


def test_where_nothing_may_override_and_no_fact_can_change_it_there_is_no_way_and_it_says_so() -> None:
    unlock, _ = way(parts=[rule("never", "tier.rank < 2", waivable=False)])
    assert not unlock.possible
    assert "nothing may override `never`" in unlock.because


def test_where_only_a_person_can_let_it_pass_the_step_is_a_waiver() -> None:
    unlock, _ = way(parts=[rule("hard", "tier.rank < 2")])
    assert unlock.possible
    assert "waiver" in unlock.steps[0]


def test_a_critical_capability_that_was_measured_has_no_way_forward() -> None:
    story = scenario("grave", "grave.success", critical=0.2)
    measured = seen("eval", proportion("grave.success", 90, 100))
    unlock, _ = way(measured, parts=[story, threshold(1)])
    assert not unlock.possible
    assert "nothing may override `grave`" in unlock.because


def test_a_scenario_that_may_not_apply_is_first_asked_what_the_model_is() -> None:
    parts = [
        scenario("one", "one.success", when="reading.model_generative", attempts=bound(1, 9)),
        scenario("two", "two.success", when="reading.model_generative", attempts=bound(1, 9)),
        threshold(0.5),
    ]
    unlock, _ = way(parts=parts)
    assert len(unlock.steps) == 1
    assert "`reading.model_generative`" in unlock.steps[0]


def test_a_scenario_that_fails_asks_for_safeguards_and_another_measurement() -> None:
    guard = Safeguard(id="filter", measure="stopped", where="provider")
    story = scenario("lure", "lure.success", safeguards=(guard,), attempts=bound(10))
    unlock, missing = way(
        seen("eval", proportion("lure.success", 90, 100), proportion("stopped", 0, 100)), parts=[story, threshold(1)]
    )
    assert unlock.possible
    assert "safeguards that survive" in unlock.steps[0]
    assert missing == ()


def test_kinds_that_need_the_same_share_one_way_forward() -> None:
    [unlock] = decide().unlocks
    assert unlock.kinds == (CARD, WEIGHTS)


def test_a_blank_context_is_asked_for_by_its_field() -> None:
    decision = decide(parts=[rule("who", "context.accountable != ''", produces=None)])
    assert "`context.accountable`" in decision.missing[0].evidence
    assert decision.missing[0].command == "bascule review REF --context FILE"


def test_what_is_granted_needs_no_way_forward() -> None:
    assert decide(CLEAN).unlocks == ()
    assert decide(CLEAN).missing == ()


# --- beside the risk -----------------------------------------------------------------------------------------------


def test_a_benefit_is_shown_and_buys_nothing() -> None:
    row = BenefitRow(name="audit", levels={"T6": "full"}, because="anybody can look")
    policy = pack(SCANNED, benefits=(row,))
    judgement = judge(ask(policy, BAD))
    assert [(each.tier, each.level) for each in judgement.benefits] == [("T6", "full")]
    assert judgement.decision.verdict == "refused"


def test_money_is_an_interval_with_its_assumptions_and_a_blank_takes_the_packs_bounds() -> None:
    line = Assumption(
        id="serve",
        title="serving",
        tiers="T3-T4",
        low="context.monthly_active_users * 1.0",
        high="context.monthly_active_users * 2.0",
        blank_low=5,
        blank_high=5000,
        source="our judgement",
    )
    policy = pack(SCANNED, economics=(line,))
    [known, _] = judge(ask(policy, CLEAN, context=Context(monthly_active_users=100))).economics
    assert (known.tier, known.low, known.high) == ("T3", 100, 200)
    [blank, _] = judge(ask(policy, CLEAN)).economics
    assert (blank.low, blank.high) == (5, 5000)
    assert "blank" in blank.assumptions[0]


def test_parts_that_intake_left_out_are_a_limit_and_a_fact() -> None:
    note = IntakeNote(path="evil.bin", what="symlink", detail="left out", blocks=True)
    parts = [rule("whole", "subject.blocked_parts == 0")]
    judgement = judge(ask(pack(*parts), subject=subject(notes=(note,))))
    assert judgement.decision.verdict == "refused"
    assert any("evil.bin" in limit for limit in judgement.limits)


# --- context -------------------------------------------------------------------------------------------------------


def test_a_stated_context_stands_and_a_blank_takes_the_default() -> None:
    defaults = Context(name="pack", region="EU", commercial=True, safeguards=("rate_limit",))
    merged = merge_context(Context(name="ours", commercial=False), defaults)
    assert (merged.name, merged.region, merged.commercial, merged.safeguards) == ("ours", "EU", False, ("rate_limit",))
    assert merge_context(merged, defaults) == merged


def test_the_same_evidence_under_other_contexts_gives_other_decisions() -> None:
    parts = [rule("sold", "licence.commercial", when="context.commercial"), rule("always")]
    classes = {"NC": {"class": "non-commercial", "open": False, "redistribution": True, "commercial": False}}
    policy = pack(*parts, licence_classes=classes)
    evidence = seen("licences", said("licence.declared", "NC"))
    verdicts = [
        judge(ask(policy, evidence, context=Context(commercial=commercial))).decision.verdict
        for commercial in (True, False, None)
    ]
    assert verdicts == ["refused", "granted", "unknown"]


def test_everything_that_is_written_down_can_be_read_back() -> None:
    story = scenario("lure", "lure.success", when="reading.model_generative")
    policy = pack(SCANNED, story, rule("who", "context.accountable != ''", waivable=False), threshold(0.5))
    evidence = (BAD, seen("eval", proportion("lure.success", 3, 100)), seen("profile", said("model.generative", True)))
    for given in (evidence, evidence[:1], ()):
        judgement = judge(ask(policy, *given, tier="T6"))
        assert Assessment.from_json(judgement.assessment.to_json()) == judgement.assessment
        assert Decision.from_json(judgement.decision.to_json()) == judgement.decision


def test_two_rules_that_ask_for_sections_of_one_card_do_not_exclude_each_other() -> None:
    parts = [
        rule("told", "'intended_use' in reading.card_sections && subject.kinds.exists(k, k == 'model_card')"),
        rule("tested", "'evaluation' in reading.card_sections"),
    ]
    unlock, _ = way(parts=parts, subject=subject(("model.safetensors", WEIGHTS)))
    assert unlock.possible, unlock.because
    assert len(unlock.steps) == 2


def test_a_context_that_decides_whether_a_scenario_applies_is_asked_for_as_context() -> None:
    parts = [scenario("one", "one.success", when="context.sector == 'health'", attempts=bound(1, 9)), threshold(0.5)]
    unlock, [missing] = way(parts=parts)
    assert unlock.steps == ("state `context.sector` in the context",)
    assert missing.command == "bascule review REF --context FILE"
