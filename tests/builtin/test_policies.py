"""The packs that ship keep their promises, and the examples do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from bascule.collect import integrity
from bascule.collect.advisories import matching as advisories
from bascule.judge.decide import judge
from bascule.judge.policy.cases import CaseResult, question_of, run_cases
from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.cover import cover
from bascule.judge.policy.diff import diff
from bascule.judge.policy.lint import lint_whole
from bascule.judge.policy.pack import PolicyPack
from bascule.judge.policy.parse import load_yaml, parse_pack
from bascule.judge.question import Vocabulary
from bascule.plugins.readers.licences import licence_id
from bascule.plugins.registry import working
from bascule.records import Context
from packs import EXAMPLES, SHIPPED, files_under, pack_files, shipped_pack


@cache
def example_pack() -> PolicyPack:
    return parse_pack(files_under(EXAMPLES / "policy-pack"), "example", pack_files)


@cache
def results(name: str) -> dict[str, CaseResult]:
    pack = example_pack() if name == "example" else shipped_pack(name)
    return {result.case.id: result for result in run_cases(pack)}


def vocabulary() -> dict[str, Vocabulary]:
    metas = [loaded.plugin.meta for loaded in working("scanners")] + [advisories.META, integrity.META]
    return {
        meta.id: Vocabulary(
            [rule.id for rule in meta.rules],
            [measure.name for measure in meta.measures],
            [reading.name for reading in meta.readings],
        )
        for meta in metas
    }


@pytest.mark.parametrize("name", [*SHIPPED, "example"])
def test_every_case_holds(name: str) -> None:
    broken = {case: result.faults for case, result in results(name).items() if not result.passed}
    assert broken == {}


@pytest.mark.parametrize("name", [*SHIPPED, "example"])
def test_a_pack_that_ships_has_no_lint(name: str) -> None:
    pack = example_pack() if name == "example" else shipped_pack(name)
    assert lint_whole(pack, vocabulary(), date(2026, 11, 25)) == ()


def test_the_default_packs_cases_try_everything_that_can_be_tried() -> None:
    rows = cover(shipped_pack("default"), list(results("default").values()))
    untried = {row.id: row.untried for row in rows if row.untried}
    # A blank contact is unknown and any other is enough, so these two can pass or be unknown and never fail.
    assert untried == {"problems-can-be-reported": ("fail",), "endpoint-contact": ("fail",)}


def test_models_land_on_at_least_five_tiers_of_the_release_ladder() -> None:
    landed = {
        tier
        for result in results("default").values()
        if result.judgement and result.judgement.decision.ladder == "release"
        for kind, tier in result.judgement.decision.granted.items()
        if kind in ("weights", "endpoint", "dataset")
    }
    assert landed >= {"T0", "T1", "T2", "T3", "T4", "T6", "T7", "T8"}


def test_one_release_is_a_vector_of_tiers() -> None:
    judgement = results("default")["pickle-runs-a-command"].judgement
    assert judgement is not None
    assert {str(kind): tier for kind, tier in judgement.decision.granted.items()} == {
        "weights": "T0",
        "architecture": "T8",
        "tokenizer": "T8",
        "model_card": "T8",
        "licence": "T8",
    }


def test_one_set_of_evidence_leads_to_three_decisions_in_three_contexts() -> None:
    decisions = {}
    for name in ("eu-health", "us-research", "intranet"):
        judgement = results("default")[f"context-{name}"].judgement
        assert judgement is not None
        decisions[name] = judgement.decision
    assert len({decision.verdict for decision in decisions.values()}) == 3
    assert len({decision.granted["weights"] for decision in decisions.values()}) == 3  # type: ignore[index]
    for decision in decisions.values():
        assert all(reason.because for reason in decision.reasons)


@pytest.mark.parametrize("name", ["eu-health", "us-research", "intranet"])
def test_the_contexts_that_ship_are_those_of_the_cases(name: str) -> None:
    path = EXAMPLES / "contexts" / f"{name}.yaml"
    shipped = Context.from_value(load_yaml(path.read_bytes(), path.name))
    case = next(case for case in shipped_pack("default").cases if case.id == f"context-{name}")
    assert Context.from_value(case.given["context"]) == shipped


def test_the_regulated_pack_opens_nothing_that_the_default_keeps_shut() -> None:
    default = shipped_pack("default")
    questions = [question_of(default, case) for case in default.cases[::2]]
    flips = diff(default, shipped_pack("regulated"), questions)
    assert [flip.subject_ref for flip in flips if flip.opens] == []
    assert len(flips) > 10


def test_the_research_pack_opens_more_and_never_what_is_critical() -> None:
    default = shipped_pack("default")
    bearing = ("small-generator", "large-model", "frontier", "midjourney", "pickle", "non-commercial")
    questions = [question_of(default, case) for case in default.cases if case.id.startswith(bearing)]
    flips = diff(default, shipped_pack("research"), questions)
    opened = {flip.subject_ref.removeprefix("case:") for flip in flips if flip.opens}
    assert "small-generator-without-tamper-test" in opened
    assert not opened & {"large-model-helps-mass-harm", "frontier-chemistry", "midjourney-like-abuse-possible"}


def test_silencing_any_evidence_of_a_case_opens_nothing() -> None:
    pack = shipped_pack("default")
    for case in pack.cases[::3]:
        question = question_of(pack, case)
        before = judge(question).decision.granted
        for index, silenced in enumerate(question.evidence):
            evidence = list(question.evidence)
            evidence[index] = silenced.model_copy(update={"observations": None})
            after = judge(replace(question, evidence=tuple(evidence))).decision.granted
            raised = {kind for kind in before if after[kind][1:] > before[kind][1:]}
            assert not raised, (case.id, silenced.slot.tool, raised)


def test_every_refusal_that_ships_has_a_way_forward_and_a_source() -> None:
    for name in SHIPPED:
        for rule in shipped_pack(name).rules:
            assert rule.remedy or rule.effect == "oblige", rule.id
            assert rule.source, rule.id
            assert not rule.message.endswith("."), rule.id


def test_what_the_law_asks_cannot_be_waived_and_carries_its_date() -> None:
    for rule in shipped_pack("default").rules:
        if rule.source.startswith("Regulation"):
            assert not rule.waivable, rule.id
            assert rule.applies_from, rule.id
            assert rule.reviewed_by, rule.id


def test_every_actor_class_of_target_is_imagined() -> None:
    scenarios = shipped_pack("default").scenarios
    assert {scenario.target for scenario in scenarios} == {"user", "system", "market"}
    assert len(scenarios) >= 8


def test_every_licence_of_the_contract_has_a_class_and_a_source() -> None:
    contract = """
    Llama-2 Llama-3 Llama-3.1 Llama-3.2 Llama-3.3 Llama-4 Gemma Falcon-40B Falcon-180B Mistral-Research
    Mistral-Non-Production Qwen Qwen-Research Tongyi-Qianwen Tongyi-Qianwen-Research DeepSeek OpenRAIL-M
    CreativeML-OpenRAIL-M Stability-Community FLUX.1-dev Kimi-K2 OpenMDW-1.0 ChatGLM OPT-175B
    """
    table = shipped_pack("default").licence_classes
    assert set(contract.split()) <= set(table)
    assert len(table) >= 60
    assert all(row["source"] for row in table.values())
    assert [licence for licence in table if licence_id(licence) != licence] == []


def test_every_hub_tag_of_a_licence_is_classed() -> None:
    tags = """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
    c-uda cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0
    epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc
    h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0
    openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
    fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community
    gemma
    """
    table = shipped_pack("default").licence_classes
    assert [tag for tag in tags.split() if licence_id(tag) not in table] == []
    assert [tag for tag in ("unknown", "other", "cc") if licence_id(tag) in table] == []


def test_only_permissive_and_copyleft_licences_are_open() -> None:
    for name, row in shipped_pack("default").licence_classes.items():
        assert not row["open"] or row["class"] in ("permissive", "weak-copyleft", "strong-copyleft"), name
        if row["class"] in ("non-commercial", "research-only"):
            assert row["commercial"] is False, name


def test_each_refusal_is_held_by_a_case_that_names_it() -> None:
    """A rule that were weakened to pass always would break a case."""
    held: set[str] = set()
    for result in results("default").values():
        assert result.judgement is not None
        blocking = {reason.rule for reason in result.judgement.decision.reasons if reason.effect != "oblige"}
        held |= blocking & set(result.case.expect.get("blocked_by", ()))
    pack = shipped_pack("default")
    deny = {rule.id for rule in pack.rules if rule.effect == "deny"} | {each.id for each in pack.scenarios}
    assert deny - held == set()


def test_every_condition_that_ships_reads_something_or_is_constant() -> None:
    for name in SHIPPED:
        for rule in shipped_pack(name).rules:
            assert compile_expression(rule.requires).reads or rule.effect == "oblige"
