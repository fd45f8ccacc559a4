"""Table cases, what they leave untried, and what another pack would flip."""

from __future__ import annotations

from typing import Any

import pytest

from bascule.judge.policy.cases import facts_asked, question_of, run_case, run_cases
from bascule.judge.policy.cover import cover
from bascule.judge.policy.diff import diff
from bascule.judge.policy.pack import Case, PackRule
from bascule.records import Context
from packs import shipped_pack

DEFAULT = shipped_pack("default")


def case(given: dict[str, Any], expect: dict[str, Any] | None = None) -> Case:
    return Case(id="c", title="c", given=given, expect=expect or {})


def base_case(name: str) -> Case:
    return next(each for each in DEFAULT.cases if each.id == name)


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        ({"verdict": "granted"}, "verdict is refused, expected granted"),
        ({"granted": {"weights": "T5"}}, "`weights` is granted T0, expected T5"),
        ({"granted": {"adapter": "T5"}}, "`adapter` is granted nothing, expected T5"),
        ({"blocked_by": ["nothing"]}, "not blocked by `nothing`; blocked by"),
        ({"not_blocked_by": ["no-code-on-load"]}, "blocked by `no-code-on-load`, which was not expected"),
        ({"obligations": ["nothing"]}, "not obliged to `nothing`"),
        ({"missing": ["nothing"]}, "not missing `nothing`"),
        ({"verdct": "granted"}, "`expect`: unknown key `verdct`, did you mean `verdict`?"),
    ],
)
def test_an_expectation_that_is_not_met_says_what_came_instead(expect: dict[str, Any], fault: str) -> None:
    result = run_case(DEFAULT, case({"kinds": ["weights"]}, expect))
    assert not result.passed
    assert fault in result.faults[0]


@pytest.mark.parametrize(
    "given",
    [
        {"knds": ["weights"]},
        {"kinds": ["weight"]},
        {"tier": "T99"},
        {"ladder": "no-such"},
        {"as_of": "soon"},
        {"measures": {"m": {"k": 3, "n": 2}}},
        {"measures": {"m": {"k": 3, "n": 0}}},
        {"measures": {"m": {"by": "aunt", "value": 1}}},
        {"findings": {"x": "perhaps"}},
        {"readings": 3},
        {"context": {"sectr": "health"}},
        {"waivers": [{"rule": "x"}]},
    ],
)
def test_a_case_that_cannot_be_built_fails_and_says_why(given: dict[str, Any]) -> None:
    result = run_case(DEFAULT, case(given))
    assert result.faults
    assert result.judgement is None


def test_a_case_without_scans_answers_nothing() -> None:
    question = question_of(DEFAULT, case({"kinds": ["weights"]}))
    assert question.evidence == ()


def test_a_clean_scan_answers_every_question_that_the_pack_asks() -> None:
    rules, readings = facts_asked(DEFAULT)
    assert {"pickle-calls-code", "secret-in-file", "licence-variant-text", "unreadable-binary"} <= set(rules)
    assert {"model.generative", "card.sections", "licence.text"} <= set(readings)
    (scan,) = question_of(DEFAULT, case({"scans": "clean"})).evidence
    assert scan.observations is not None
    assert set(scan.observations.rules) == set(rules)


def test_a_case_is_judged_the_same_every_time() -> None:
    one, two = (run_case(DEFAULT, base_case("llama-like")) for _ in range(2))
    assert one.judgement is not None
    assert two.judgement is not None
    assert one.judgement.decision.to_json() == two.judgement.decision.to_json()


def test_cover_names_what_no_case_tries() -> None:
    few = [run_case(DEFAULT, base_case("embedding-opens-fully"))]
    rows = {(row.what, row.id): row for row in cover(DEFAULT, few)}
    assert rows["rule", "no-secrets"].untried == ("fail", "unknown")
    assert rows["rule", "nothing-left-out"].untried == ("fail",)
    assert rows["scenario", "phishing-at-scale"].untried == ("pass", "fail", "unknown")
    assert rows["obligation", "plan-without-recall"].untried == ()
    assert rows["obligation", "eu-high-risk-use"].untried == ("obliged",)
    assert rows["threshold", "misuse ≤ 100"].untried == ("pass", "fail")


def test_cover_of_a_pack_on_top_of_another_is_about_what_it_changed() -> None:
    research = shipped_pack("research")
    rows = cover(research, run_cases(research), DEFAULT)
    assert {row.id for row in rows if row.what in ("rule", "scenario")} == {
        "rails-demonstrated",
        "data-sources-named",
        "problems-can-be-reported",
        "backdoor-downstream",
    }


def test_a_pack_does_not_differ_from_itself() -> None:
    questions = [question_of(DEFAULT, each) for each in DEFAULT.cases[:20]]
    assert diff(DEFAULT, DEFAULT, questions) == ()


def test_one_stricter_rule_flips_the_decisions_that_it_bears_on() -> None:
    stricter = DEFAULT.model_copy(
        update={
            "rules": (
                *DEFAULT.rules,
                PackRule.model_validate(
                    {
                        "id": "small-only",
                        "title": "t",
                        "dimension": "governance",
                        "tiers": ">=T5",
                        "kinds": ["weights"],
                        "requires": "subject.size_bytes < 1000000000",
                        "message": "too large",
                    }
                ),
            )
        }
    )
    questions = [question_of(DEFAULT, base_case(name)) for name in ("embedding-opens-fully", "mistral-7b-like")]
    (flip,) = diff(DEFAULT, stricter, questions)
    assert flip.subject_ref == "case:mistral-7b-like"
    assert flip.granted == {"weights": ("T7", "T4")}
    assert flip.verdict == ("granted", "refused")
    assert flip.newly_blocked_by == ("small-only",)
    assert not flip.opens


def test_each_pack_fills_the_blanks_of_a_context_by_itself() -> None:
    from dataclasses import replace

    question = replace(question_of(DEFAULT, base_case("small-generator-hosted")), context=Context(commercial=False))
    (flip,) = diff(DEFAULT, shipped_pack("research"), [question])
    assert "harmful-advice" in flip.no_longer_blocked_by


def test_a_pack_without_the_ladder_says_so() -> None:
    ladders = tuple(ladder for ladder in DEFAULT.ladders if ladder.name != "adopt")
    narrower = DEFAULT.model_copy(update={"ladders": ladders})
    question = question_of(DEFAULT, base_case("fintech-adopts-behind-the-gateway"))
    (flip,) = diff(DEFAULT, narrower, [question])
    assert flip.error
