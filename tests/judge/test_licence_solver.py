"""The licence solver on the clause table that ships: the worked examples, acts and edges, and how facts are read."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from bascule.journeys.licence import solve_case
from bascule.kernel.errors import InputError
from bascule.records.licence_answers import LicenceVerdict
from packs import shipped_pack

DAY = date(2026, 11, 25)
EU = {"domicile": "DE", "modality": "text", "mau": 2_000_000}


def solved(case: dict[str, Any], day: date = DAY) -> LicenceVerdict:
    return solve_case(yaml.safe_dump(case).encode(), "case.yaml", shipped_pack("default"), day)


def made(
    use: str | dict[str, Any], context: dict[str, Any] | None = None, **parents: tuple[str, str]
) -> dict[str, Any]:
    """A model made from parents: name=(licence, act)."""
    return {
        "artefacts": {name: {"licence": licence} for name, (licence, _) in parents.items()} | {"model": {}},
        "edges": [{"from": name, "to": "model", "act": act} for name, (_, act) in parents.items()],
        "use": {"act": use, "commercial": True} if isinstance(use, str) else use,
        "context": context or {},
    }


def alone(licence: str, use: str | dict[str, Any], context: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "artefacts": {"model": {"licence": licence}},
        "use": {"act": use, "commercial": True} if isinstance(use, str) else use,
        "context": context or {},
    }


def kinds(verdict: LicenceVerdict) -> list[str]:
    return sorted({duty.kind for duty in verdict.obligations})


# --- the worked examples of the method -----------------------------------------------------------------------------


def test_a_non_commercial_data_under_llama_2_is_unknown_and_the_strict_reading_denies() -> None:
    case = made("host", EU, base=("Llama-2", "finetune"), data=("CC-BY-NC-4.0", "train_on"))
    answer = solved(case)
    assert answer.verdict == "unknown"
    assert any(clause.effect == "contested" and clause.licence == "CC-BY-NC-4.0" for clause in answer.clauses)
    assert solved(case | {"policy": "strict"}).verdict == "deny"
    assert solved(case | {"policy": "lenient"}).verdict == "allow"


def test_b_users_that_nobody_counted_are_named_as_what_is_missing() -> None:
    answer = solved(alone("Llama-2", "host"))
    assert (answer.verdict, answer.needs) == ("unknown", ("mau",))


def test_c_multimodal_llama_3_2_is_denied_to_a_european_firm_and_text_is_allowed_with_three_duties() -> None:
    denied = solved(alone("Llama-3.2", "host", EU | {"modality": "vision"}))
    assert denied.verdict == "deny"
    assert "European Union" in denied.because
    allowed = solved(alone("Llama-3.2", "host", EU))
    assert allowed.verdict == "allow"
    assert kinds(allowed) == ["attribution", "notice", "use-policy"]


def test_d_distilling_llama_3_is_denied_and_llama_3_1_is_allowed_under_its_name() -> None:
    for licence, verdict in (("Llama-3", "deny"), ("Llama-3.1", "allow")):
        case = made("distribute_weights", EU, base=("Apache-2.0", "finetune"), teacher=(licence, "distil"))
        answer = solved(case)
        assert answer.verdict == verdict
    assert any(duty.kind == "naming" and "Llama" in duty.text for duty in answer.obligations)


def test_e_a_gemma_derivative_under_apache_drops_what_must_flow_down() -> None:
    answer = solved(made({"act": "relicense", "as": "Apache-2.0"}, base=("Gemma", "finetune")))
    assert answer.verdict == "deny"
    deciding = answer.clauses[0]
    assert (deciding.licence, deciding.act) == ("Gemma", "relicense")
    assert "use-policy" in deciding.because
    assert deciding.clause.startswith("§3.1")


def test_f_qwen_ends_at_a_hundred_million_users() -> None:
    assert solved(alone("Tongyi-Qianwen", "host", {"mau": 150_000_000})).verdict == "deny"


def test_g_chatglm_is_not_guessed() -> None:
    assert solved(alone("ChatGLM", "host", EU)).verdict == "unknown"


def test_the_case_of_the_contract_is_answered_with_the_clauses_named() -> None:
    case = {
        "artefacts": {"base": {"licence": "Llama-3.1"}, "data": {"licence": "CC-BY-NC-4.0"}, "model": {}},
        "edges": [
            {"from": "base", "to": "model", "act": "finetune"},
            {"from": "data", "to": "model", "act": "train_on"},
        ],
        "use": {"act": "host", "commercial": True, "hosted": True},
        "context": EU | {"revenue_usd": None, "name": "Llama-Support-8B"},
    }
    answer = solved(case)
    assert answer.verdict == "unknown"
    assert all(clause.because for clause in answer.clauses)
    assert {clause.licence for clause in answer.clauses} == {"Llama-3.1", "CC-BY-NC-4.0"}


# --- duties ---------------------------------------------------------------------------------------------------------


def test_a_name_that_breaks_the_naming_duty_is_denied_and_one_that_keeps_it_is_said_to() -> None:
    case = made("distribute_weights", EU | {"name": "Support-8B"}, base=("Llama-3.1", "finetune"))
    assert solved(case).verdict == "deny"
    kept = solved(case | {"context": EU | {"name": "Llama-Support-8B"}})
    assert kept.verdict == "allow"
    assert [duty.status for duty in kept.obligations if duty.kind == "naming"] == ["kept"]
    unsaid = solved(case | {"context": EU})
    assert unsaid.verdict == "allow"
    assert [duty.status for duty in unsaid.obligations if duty.kind == "naming"] == ["owed"]


def test_flux_asks_for_filters_that_are_in_force() -> None:
    use = {"act": "host", "commercial": False, "hosted": True}
    research = {"purpose": "research", "modality": "image"}
    assert solved(alone("FLUX.1-dev", use, research | {"safeguards": []})).verdict == "deny"
    both = {"safeguards": ["content_filter", "output_disclosure"]}
    answer = solved(alone("FLUX.1-dev", use, research | both))
    assert {"filter", "disclose"} <= set(kinds(answer))
    assert answer.verdict != "deny"
    assert solved(alone("FLUX.1-dev", "host", research | both)).verdict == "deny"  # commercial


def test_a_model_given_out_under_its_own_licence_is_measured_against_its_parents() -> None:
    case = made("distribute_weights", base=("Gemma", "finetune"))
    case["artefacts"]["model"] = {"licence": "MIT"}
    answer = solved(case)
    assert answer.verdict == "deny"
    assert any(clause.act == "relicense" for clause in answer.clauses)


@pytest.mark.parametrize("licence", ["OpenRAIL-M", "DeepSeek", "CreativeML-OpenRAIL-M"])
def test_dropping_use_restrictions_on_relicensing_is_denied_with_the_clause(licence: str) -> None:
    answer = solved(made({"act": "relicense", "as": "MIT"}, base=(licence, "finetune")))
    assert answer.verdict == "deny"
    assert answer.clauses[0].clause


# --- reach and acts -------------------------------------------------------------------------------------------------


def test_outputs_that_train_another_model_are_asked_of_the_model_that_made_them() -> None:
    case = {
        "artefacts": {"teacher": {"licence": "Llama-3"}, "texts": {"licence": "CC0-1.0"}, "model": {"licence": "MIT"}},
        "edges": [
            {"from": "teacher", "to": "texts", "act": "generate"},
            {"from": "texts", "to": "model", "act": "train_on"},
        ],
        "use": {"act": "distribute_weights", "commercial": True},
        "context": EU,
    }
    answer = solved(case)
    assert answer.verdict == "deny"
    assert answer.clauses[0].act == "use_outputs_to_train"


def test_a_parent_two_steps_up_still_binds() -> None:
    case = {
        "artefacts": {"base": {"licence": "Llama-2"}, "step": {}, "model": {}},
        "edges": [
            {"from": "base", "to": "step", "act": "finetune"},
            {"from": "step", "to": "model", "act": "quantise"},
        ],
        "use": {"act": "host", "commercial": True},
        "context": EU | {"mau": 800_000_000},
    }
    assert solved(case).verdict == "deny"


def test_a_choice_takes_the_side_that_allows_and_says_which() -> None:
    answer = solved(made({"act": "relicense", "as": "proprietary"}, base=("MIT OR AGPL-3.0", "finetune")))
    assert (answer.verdict, answer.chosen) == ("allow", {"base": "MIT"})
    assert (
        solved(made({"act": "relicense", "as": "proprietary"}, base=("MIT AND AGPL-3.0", "finetune"))).verdict == "deny"
    )


@pytest.mark.parametrize(
    ("licence", "verdict"),
    [
        ("GPL-2.0-only WITH Classpath-exception-2.0", "allow"),
        ("GPL-2.0-only WITH Linux-syscall-note", "allow"),
        ("MIT WITH Commons-Clause", "unknown"),
        ("MIT WITH LicenseRef-scancode-commons-clause", "unknown"),
        ("ISC OR (MIT WITH Commons-Clause)", "allow"),
        ("ISC AND (MIT WITH Commons-Clause)", "unknown"),
    ],
)
def test_what_an_exception_adds_is_not_asked_and_what_a_rider_takes_away_is_unknown(licence: str, verdict: str) -> None:
    assert solved(alone(licence, "host", EU)).verdict == verdict


@pytest.mark.parametrize(
    "name", ["() OR MIT", "MIT OR OR MIT", "MIT OR ()", "MIT 非商用", "Apache-2.0（仅限研究）", "MIT — некоммерческая"]
)
def test_a_name_that_says_more_or_is_no_expression_is_unknown(name: str) -> None:
    assert solved(alone(name, "host", EU)).verdict == "unknown"


@pytest.mark.parametrize("step", ["merge", "finetune", "quantise", "adapter"])
def test_outputs_that_were_edited_are_outputs_still(step: str) -> None:
    case = {
        "artefacts": {"teacher": {"licence": "Llama-3"}, "texts": {}, "edited": {"licence": "MIT"}, "model": {}},
        "edges": [
            {"from": "teacher", "to": "texts", "act": "generate"},
            {"from": "texts", "to": "edited", "act": step},
            {"from": "edited", "to": "model", "act": "train_on"},
        ],
        "use": {"act": "host", "commercial": True},
        "context": EU,
    }
    assert solved(case).verdict == "deny"


@pytest.mark.parametrize("act", ["train_on", "finetune", "distil", "adapter"])
def test_training_on_outputs_is_asked_by_whatever_name_it_goes(act: str) -> None:
    case = {
        "artefacts": {"teacher": {"licence": "Llama-3"}, "texts": {"licence": "MIT"}, "model": {}},
        "edges": [
            {"from": "teacher", "to": "texts", "act": "generate"},
            {"from": "texts", "to": "model", "act": act},
        ],
        "use": {"act": "host", "commercial": True},
        "context": EU,
    }
    assert solved(case).verdict == "deny"


def test_data_that_nothing_was_made_from_are_given_away_too() -> None:
    case = made("distribute_data", texts=("MIT", "train_on"))
    case["artefacts"]["rest"] = {"licence": "CC-BY-NC-4.0"}
    assert solved(case).verdict == "deny"


TOGETHER = {
    ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"): "deny",
    ("GPL-3.0", "Gemma"): "deny",
    ("GPL-3.0", "Llama-3.1"): "deny",
    ("GPL-2.0", "GPL-3.0"): "deny",
    ("GPL-2.0", "Apache-2.0"): "deny",
    ("CC-BY-SA-4.0", "GPL-2.0"): "deny",
    ("GPL-3.0", "CC-BY-NC-4.0"): "unknown",
    ("GPL-2.0-or-later", "Apache-2.0"): "allow",
    ("GPL-2.0-or-later", "GPL-3.0"): "allow",
    ("GPL-3.0", "AGPL-3.0"): "allow",
    ("GPL-3.0", "Apache-2.0"): "allow",
    ("CC-BY-SA-4.0", "GPL-3.0"): "allow",
    ("CC-BY-SA-3.0", "CC-BY-SA-4.0"): "allow",
    ("CC-BY-SA-4.0", "CC-BY-4.0"): "allow",
    ("MPL-2.0", "GPL-3.0"): "allow",
    ("Llama-3.1", "Gemma"): "allow",
}


@pytest.mark.parametrize(("one", "other"), TOGETHER)
def test_what_must_stay_whole_under_one_licence_cannot_be_one_with_what_does_not_permit_it(
    one: str, other: str
) -> None:
    context = {"purpose": "research", "sector": "research", "modality": "text", "mau": 5, "domicile": "US"}
    use = {"act": "distribute_weights", "commercial": False}
    for pair in ((one, other), (other, one)):
        answer = solved(made(use, context, **{f"p{place}": (name, "merge") for place, name in enumerate(pair)}))
        assert answer.verdict == TOGETHER[one, other]
        assert all(clause.clause for clause in answer.clauses)
    assert solved(made(use | {"act": "host"}, context, a=(one, "merge"), b=(other, "merge"))).verdict == "allow"


@pytest.mark.parametrize(("domicile", "verdict"), [("EL", "deny"), ("RE", "deny"), ("UK", "allow"), ("no", "allow")])
def test_a_country_is_known_by_its_code_and_regions_of_the_union_are_in_it(domicile: str, verdict: str) -> None:
    assert solved(alone("Llama-3.2", "host", EU | {"domicile": domicile, "modality": "vision"})).verdict == verdict


def test_what_is_asked_is_only_what_leads_to_the_target() -> None:
    case = made("host", EU, base=("Apache-2.0", "finetune"))
    case["artefacts"] |= {"other": {"licence": "CC-BY-NC-4.0"}, "elsewhere": {}}
    case["edges"].append({"from": "other", "to": "elsewhere", "act": "train_on"})
    case["use"]["artefact"] = "model"
    assert solved(case).verdict == "allow"


# --- unknowns and bad input -----------------------------------------------------------------------------------------


def test_an_unknown_licence_suggests_a_near_one_and_stays_unknown() -> None:
    answer = solved(alone("Lama-3.1", "host", EU))
    assert answer.verdict == "unknown"
    assert "did you mean `Llama-3.1`" in answer.because


def test_a_parent_without_a_licence_is_unknown_and_named() -> None:
    case = made("host", EU, base=("Apache-2.0", "finetune"))
    case["artefacts"]["data"] = {}
    case["edges"].append({"from": "data", "to": "model", "act": "train_on"})
    assert solved(case).needs == ("licence of data",)


def test_hub_tags_and_references_are_names_of_the_same_licence() -> None:
    for name in ("llama3.1", "LicenseRef-scancode-llama-3.1-license-2024", "Llama 3.1 Community License"):
        assert solved(alone(name, "host", EU)).verdict == "allow"


def test_users_on_another_day_than_the_release_are_not_taken_for_more_on_that_day() -> None:
    over = {"mau": 800_000_000.0, "domicile": "US", "modality": "text"}
    assert solved(alone("Llama-2", "host", over)).verdict == "deny"
    later = solved(alone("Llama-2", "host", over | {"mau_as_of": "2026-10-01"}))
    assert later.verdict == "unknown"
    assert later.needs == ("mau on 2023-07-18",)
    assert solved(alone("Llama-2", "host", over | {"mau_as_of": "2023-06-30"})).verdict == "deny"


BAD = {
    "circle": "edges: [{from: a, to: b, act: finetune}, {from: b, to: a, act: merge}]",
    "from itself": "edges: [{from: a, to: a, act: merge}]",
    "did you mean `base`": "edges: [{from: bass, to: a, act: merge}]",
    "did you mean `merge`": "edges: [{from: a, to: b, act: merg}]",
    "needs `to`": "edges: [{from: a, act: merge}]",
    "did you mean `host`": "use: {act: hots}",
    "is one of internal": "use: {act: [host]}",
    "`as: Apache-2.0`": "use: {act: relicense}",
    "no artefact `c`": "use: {act: host, artefact: c}",
    "contradict": "use: {act: host, commercial: true}\ncontext: {commercial: false}",
    "did you mean `license`": "artefacts: {a: {licens: MIT}}",
    "is empty": "artefacts: {}",
    "is a number": "context: {mau: many}",
    "ISO 3166": "context: {domicile: Germany}",
    "`XX` is no ISO 3166": "context: {domicile: XX}",
    "is not one of": "context: {modality: smell}",
    "is no day": "context: {mau_as_of: yesterday}",
    "a list of words": "context: {safeguards: content_filter}",
    "`strict` or `lenient`": "policy: harsh",
    "unknown key `polcy`": "polcy: strict",
}
WHOLE = {"artefacts": "artefacts: {a: {}, b: {}, base: {}}", "use": "use: {act: host}"}


@pytest.mark.parametrize("said", BAD)
def test_a_case_that_cannot_be_answered_says_where_and_why(said: str) -> None:
    lines = BAD[said].splitlines()
    rest = [line for key, line in WHOLE.items() if not any(each.startswith(f"{key}:") for each in lines)]
    with pytest.raises(InputError) as caught:
        solve_case("\n".join([*rest, *lines]).encode(), "case.yaml", shipped_pack("default"), DAY)
    assert caught.value.code == "licence.not-a-case"
    assert said in caught.value.message


def test_all_faults_of_a_case_are_told_at_once_with_their_lines() -> None:
    text = b"artefacts: {a: {}}\nuse: {act: hots}\ncontext:\n  mau: -1\n  modality: smell\n"
    with pytest.raises(InputError) as caught:
        solve_case(text, "case.yaml", shipped_pack("default"), DAY)
    assert [line.split(": ")[0].strip() for line in caught.value.message.splitlines()[1:]] == [
        "case.yaml:2", "case.yaml:4", "case.yaml:5",
    ]  # fmt: skip
