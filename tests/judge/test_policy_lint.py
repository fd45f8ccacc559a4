"""What the linter finds, one planted fault at a time."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.lint import check_facts, falsifiable, lint, satisfiable
from bascule.judge.policy.pack import PackRule, PolicyPack, Scenario, Threshold
from bascule.judge.question import Vocabulary
from bascule.kernel.errors import InputError
from packs import shipped_pack

WORDS = {"tool": Vocabulary(["pickle-calls-code"], ["misuse.success"], ["model.generative"])}
TODAY = date(2026, 11, 25)


def rule(**fields: Any) -> PackRule:
    return PackRule.model_validate(
        {
            "id": "planted",
            "title": "Planted",
            "dimension": "security",
            "requires": "!here.pickle_calls_code",
            "message": "m",
            "remedy": "r",
            "produces": {"evidence": "e", "command": "c"},
            "source": "our judgement",
        }
        | fields
    )


def scenario(**fields: Any) -> Scenario:
    bound = {"low": 1, "high": 2, "source": "our judgement"}
    return Scenario.model_validate(
        {
            "id": "planted",
            "title": "Planted",
            "dimension": "misuse",
            "actor": "a",
            "vector": "v",
            "target": "user",
            "harm": "h",
            "loss_unit": "people",
            "capability": "misuse.success",
            "attempts": bound,
            "residual": bound,
            "loss": bound,
            "produces": {"evidence": "e", "command": "c"},
            "sources": ["s"],
        }
        | fields
    )


MISUSE = Threshold.model_validate({"dimension": "misuse", "value": 1, "unit": "people", "source": "our judgement"})


def pack(*records: PackRule | Scenario | Threshold) -> PolicyPack:
    thresholds = tuple(each for each in records if isinstance(each, Threshold)) or (MISUSE,)
    return shipped_pack("default").model_copy(
        update={
            "rules": tuple(each for each in records if isinstance(each, PackRule)),
            "scenarios": tuple(each for each in records if isinstance(each, Scenario)),
            "thresholds": thresholds,
            "economics": (),
        }
    )


def codes(*records: PackRule | Scenario | Threshold) -> list[str]:
    return [fault.code.removeprefix("policy.") for fault in lint(pack(*records), WORDS, TODAY)]


def test_a_sound_pack_has_no_faults() -> None:
    assert codes(rule(), scenario(when="reading.model_generative", not_applicable_because="it writes nothing")) == []


def test_an_undeclared_fact_gets_the_nearest_declared_one() -> None:
    (fault,) = lint(pack(rule(requires="!here.pickle_call_code")), WORDS)
    assert (fault.code, fault.hint) == ("policy.undeclared-fact", "did you mean `here.pickle_calls_code`?")
    assert fault.where == "rule `planted`, `requires`"


@pytest.mark.parametrize(
    "text",
    [
        "finding.nothing",
        "severity.nothing > 2",
        "measure.nothing.high < 1.0",
        "measure.misuse_success.hihg < 1.0",
        "reading.nothing == 'x'",
        "declared_only.nothing",
        "context.nothing == 'x'",
        "subject.nothing == 1",
        "licence.nothing",
        "tier.nothing",
    ],
)
def test_every_namespace_is_checked(text: str) -> None:
    assert codes(rule(requires=text)) == ["undeclared-fact"]


def test_the_pack_itself_may_declare_what_is_yet_to_come() -> None:
    declaring = shipped_pack("default")
    assert "misuse.phishing.success" in declaring.facts.measures
    assert lint(pack(rule(requires="measure.misuse_phishing_success.high < 0.5")), WORDS) == ()


def test_a_pack_that_reads_undeclared_facts_can_be_refused_with_all_of_them() -> None:
    with pytest.raises(InputError) as caught:
        check_facts(pack(rule(requires="finding.a && finding.b")), WORDS)
    assert caught.value.code == "policy.unknown-facts"
    assert "`finding.a`" in caught.value.message
    assert "`finding.b`" in caught.value.message
    check_facts(pack(rule()), WORDS)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"requires": "has(here.pickle_calls_code)"}, "not-monotone"),
        ({"when": "false"}, "unreachable"),
        ({"when": "context.commercial && !context.commercial"}, "unreachable"),
        ({"requires": "true", "produces": None}, "unreachable"),
        ({"when": "context.commercial", "requires": "context.commercial"}, "unreachable"),
        ({"unless": "true"}, "unreachable"),
        ({"tiers": "T0"}, "unreachable"),
        ({"tiers": ">=A1"}, "unreachable"),
        ({"tiers": ">=T5", "kinds": ["endpoint"]}, "unreachable"),
        ({"applies_from": "2026-01-02", "applies_until": "2026-01-01", "reviewed_by": "x"}, "unreachable"),
        ({"applies_until": "2026-01-01", "reviewed_by": "x"}, "expired"),
        ({"applies_from": "2025-08-02"}, "unreviewed"),
        ({"remedy": " "}, "no-remedy"),
        ({"produces": None}, "no-produces"),
        ({"obligation": "notice"}, "odd-obligation"),
        ({"effect": "oblige"}, "odd-obligation"),
    ],
)
def test_a_rule_that_cannot_do_its_work_is_found(fields: dict[str, Any], code: str) -> None:
    assert codes(rule(**fields)) == [code]


def test_a_rule_that_names_no_source_is_uncited() -> None:
    bare = {key: value for key, value in rule().model_dump().items() if key in rule().model_fields_set - {"source"}}
    assert codes(PackRule.model_validate(bare)) == ["uncited"]
    assert codes(PackRule.model_validate(bare | {"cites": ["RFC 9116"]})) == []


@pytest.mark.parametrize(
    ("narrow", "shadowed"),
    [
        ({}, True),
        ({"tiers": ">=T5"}, True),
        ({"kinds": ["weights"]}, True),
        ({"requires": "! here.pickle_calls_code"}, True),
        ({"ladders": ["release", "adopt"], "tiers": ">=T1, >=A1"}, True),
        ({"dimension": "safety"}, False),
        ({"when": "context.commercial"}, False),
    ],
)
def test_a_rule_inside_another_is_shadowed(narrow: dict[str, Any], shadowed: bool) -> None:
    assert ("shadowed" in codes(rule(id="other"), rule(**narrow))) == shadowed


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"capability": "misuse.sucess"}, "undeclared-fact"),
        ({"baseline": "nothing", "baseline_set": ["x"]}, "undeclared-fact"),
        ({"baseline": "misuse.success"}, "uncited"),
        ({"when": "reading.model_generative"}, "no-reason"),
        ({"when": "false", "not_applicable_because": "x"}, "unreachable"),
        ({"sources": []}, "uncited"),
        ({"loss": {"low": 1, "high": 2, "source": ""}}, "uncited"),
        ({"produces": {"evidence": "e", "command": ""}}, "no-produces"),
        ({"dimension": "privacy"}, "no-threshold"),
        ({"loss_unit": "systems"}, "units-differ"),
        ({"tiers": "A3"}, "unreachable"),
    ],
)
def test_a_scenario_that_cannot_do_its_work_is_found(fields: dict[str, Any], code: str) -> None:
    assert codes(scenario(**fields)) == [code]


def test_thresholds_end_in_one_that_always_holds_and_none_follows_it() -> None:
    some = MISUSE.model_copy(update={"when": "context.sector == 'general'"})
    assert codes(some, MISUSE) == []
    assert codes(some) == ["no-threshold"]
    assert codes(MISUSE, some) == ["shadowed"]
    assert codes(MISUSE.model_copy(update={"source": ""})) == ["uncited"]


@pytest.mark.parametrize(
    ("text", "can_hold", "can_fail"),
    [
        ("true", True, False),
        ("false", False, True),
        ("finding.a", True, True),
        ("finding.a && !finding.a", False, True),
        ("finding.a || true", True, True),
        ("!(finding.a || !finding.a)", False, True),
    ],
)
def test_reachability_is_propositional(text: str, can_hold: bool, can_fail: bool) -> None:
    tree = compile_expression(text).tree
    assert (satisfiable(tree), falsifiable(tree)) == (can_hold, can_fail)


def test_too_many_propositions_are_given_the_benefit_of_the_doubt() -> None:
    text = " && ".join(f"finding.f{number}" for number in range(40))
    assert satisfiable(compile_expression(text).tree)
