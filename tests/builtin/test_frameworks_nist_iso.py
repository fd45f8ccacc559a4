"""NIST, ISO, OWASP and MITRE as data: the rows are those of the texts, their words are ours, and little is claimed."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bascule.builtin import frameworks
from bascule.judge.comply.desk import Desk
from bascule.judge.comply.evaluate import answer
from bascule.judge.comply.framework import Control, Framework
from bascule.judge.comply.parse import parse_framework
from bascule.judge.facts.book import Page
from bascule.judge.facts.fact import Fact, unknown
from bascule.judge.policy.cel import compile_expression
from bascule.plugins.readers.card import SECTION_NAMES
from bascule.records import Dimension

ROOM = Path(frameworks.__file__).parent
ROOT = Path(__file__).parents[2]
NAMES = ("nist-ai-rmf", "nist-ai-600-1", "nist-ai-800-1", "iso-42001-annex-a", "owasp-llm-top-10", "mitre-atlas")
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@cache
def _framework(name: str) -> Framework:
    folder = ROOM / name
    return parse_framework({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.yaml")}, name)


def _ids(name: str) -> list[str]:
    return [control.id for control in _framework(name).controls]


def _all() -> list[tuple[str, Control]]:
    return [(name, control) for name in NAMES for control in _framework(name).controls]


@cache
def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("frameworks_tool", ROOT / "tools" / "build_frameworks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _risks(control: Control) -> set[str]:
    found: set[str] = _tool().risks_of(control.note)
    return found


def _status(name: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """Each control's status, every finding that is not named answered `false` where `scans` says clean."""
    sections: dict[str, dict[str, Fact]] = {"context": {"safeguards": Fact([])}}
    decided: dict[str, Fact] = {}
    if facts.get("scans") == "clean":
        reads = [path for control in _framework(name).controls for path in _reads(control)]
        sections["finding"] = {path.removeprefix("finding."): Fact(False) for path in reads if "finding." in path}
    for path, value in facts.items():
        section, _, key = path.partition(".")
        if section == "decision":
            decided[key] = Fact(value)
        elif key:
            sections.setdefault(section, {})[key] = Fact(value)
    silent = {
        section: unknown("nobody said so") for section in ("finding", "reading", "measure", "licence", "severity")
    }
    found = answer(_framework(name), Desk(Page(sections, {}, silent), decided), NOW)
    return {view.id: view.status.value for view in found.controls}


def _reads(control: Control) -> set[str]:
    texts = [text for text in (control.when, control.met, *control.answer) if text and text != "true"]
    return {path for text in texts for path in compile_expression(text, ("decision",)).reads}


# --- the rows are those of the texts -------------------------------------------------------------------------------


def test_the_risk_management_framework_has_its_72_subcategories_in_four_functions() -> None:
    assert Counter(control.section for control in _framework("nist-ai-rmf").controls) == {
        "govern": 19,
        "map": 18,
        "measure": 22,
        "manage": 13,
    }


def test_the_generative_profile_has_its_212_actions_in_four_functions() -> None:
    assert Counter(each.split("-")[0] for each in _ids("nist-ai-600-1")) == {"GV": 58, "MP": 39, "MS": 72, "MG": 43}


def test_actions_are_numbered_without_gaps_under_a_subcategory_that_exists() -> None:
    functions = {"GV": "GOVERN", "MP": "MAP", "MS": "MEASURE", "MG": "MANAGE"}
    numbers: dict[str, list[int]] = {}
    for each in _ids("nist-ai-600-1"):
        function, subcategory, number = each.split("-")
        numbers.setdefault(f"{functions[function]}-{subcategory}", []).append(int(number))
    assert numbers.keys() <= set(_ids("nist-ai-rmf"))
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_the_draft_on_misuse_has_seven_objectives_and_21_practices() -> None:
    assert Counter(each.split(".")[0] for each in _ids("nist-ai-800-1")) == dict(
        zip("1234567", (3, 2, 3, 2, 3, 5, 3), strict=True)
    )


ANNEX_A = {
    "A.2": (2, 4),
    "A.3": (2, 3),
    "A.4": (2, 6),
    "A.5": (2, 5),
    "A.6.1": (2, 3),
    "A.6.2": (2, 8),
    "A.7": (2, 6),
    "A.8": (2, 5),
    "A.9": (2, 4),
    "A.10": (2, 4),
}


def test_annex_a_has_exactly_its_38_controls() -> None:
    expected = [f"{part}.{number}" for part, (first, last) in ANNEX_A.items() for number in range(first, last + 1)]
    assert len(expected) == 38
    assert _ids("iso-42001-annex-a") == expected


def test_the_ten_of_owasp_are_ten() -> None:
    assert _ids("owasp-llm-top-10") == [f"LLM{number:02}" for number in range(1, 11)]


def test_techniques_of_atlas_are_well_formed_current_and_at_least_25() -> None:
    found = _ids("mitre-atlas")
    assert len(found) >= 25
    assert all(re.fullmatch(r"AML\.T\d{4}(\.\d{3})?", each) for each in found)
    retired = {"AML.T0019", "AML.T0058", "AML.T0104", "AML.T0045"}  # folded into others before 2026.09
    assert not retired & set(found)


# --- the twelve risks ----------------------------------------------------------------------------------------------

DIMENSIONS_OF = {
    "CBRN information or capabilities": {"misuse"},
    "confabulation": {"safety", "reliability"},
    "dangerous, violent or hateful content": {"misuse", "safety"},
    "data privacy": {"privacy"},
    "environmental impacts": {"economics"},
    "harmful bias and homogenisation": {"safety", "economics"},
    "human-AI configuration": {"safety"},
    "information integrity": {"misuse"},
    "information security": {"security"},
    "intellectual property": {"licensing"},
    "obscene, degrading or abusive content": {"misuse"},
    "value chain and component integration": {"security", "reliability"},
}


def test_each_of_the_twelve_risks_is_addressed_and_no_other_is_named() -> None:
    counts = Counter(risk for control in _framework("nist-ai-600-1").controls for risk in _risks(control))
    assert counts.keys() == DIMENSIONS_OF.keys() == set(_tool().RISKS.values())
    # As counted in the publication by somebody else; the package that we compare with names neither of these two.
    assert (counts["harmful bias and homogenisation"], counts["environmental impacts"]) == (57, 4)


def test_the_dimensions_of_an_action_follow_from_its_risks() -> None:
    for control in _framework("nist-ai-600-1").controls:
        expected = set().union(*(DIMENSIONS_OF[risk] for risk in _risks(control)))
        expected |= {"governance"} if control.section == "govern" else set()
        assert {str(dimension) for dimension in control.dimensions} == expected, control.id


def test_the_comparison_tells_what_is_lost_added_or_renamed() -> None:
    ours = {"GV-1.1-001": {"data privacy", "harmful bias and homogenisation"}, "GV-1.3-006": set(), "MS-9": set()}
    theirs = {"GV-1.1-001": {"data privacy"}, "GV-1.3-006": {"information integrity"}, "MG-9": set()}
    assert _tool().differences(theirs, ours) == [
        "MG-9: only the package has it",
        "MS-9: the package does not have it",
        "GV-1.3-006: ours lacks information integrity",
    ]


# --- whose words ---------------------------------------------------------------------------------------------------


def test_the_standard_is_never_quoted() -> None:
    for control in _framework("iso-42001-annex-a").controls:
        assert len(control.title) <= 100, control.id
        assert not re.search(r"\b(shall|organization)\b", control.title), control.id


def test_every_title_is_one_short_line_and_no_two_are_alike() -> None:
    for name in NAMES:
        titles = [control.title for control in _framework(name).controls]
        assert len(set(titles)) == len(titles)
        assert max(map(len, titles)) <= 130
        assert not any(title.endswith(".") for title in titles)


def test_every_control_says_where_it_stands_and_that_nobody_has_reviewed_it() -> None:
    for name, control in _all():
        number = control.id.replace("-", " ") if name == "nist-ai-rmf" else control.id
        assert number in control.source
        assert control.reviewed_by == "nobody yet"
        assert all((control.supply, control.dimensions, control.evidence))


def test_what_was_not_opened_is_said() -> None:
    for name in NAMES:
        assert re.search(r"(not|neither)\b.* (opened|read) here", _framework(name).read), name


def test_the_folder_under_another_licence_says_so() -> None:
    assert "CC BY-SA 4.0" in (ROOM / "owasp-llm-top-10" / "NOTICE").read_text("utf-8")
    assert "CC BY-SA 4.0" in _framework("owasp-llm-top-10").rights


# --- what is claimed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_without_evidence_nothing_is_met(name: str) -> None:
    assert "met" not in _status(name, {}).values()


@pytest.mark.parametrize("name", NAMES)
def test_a_decision_alone_that_nobody_signed_meets_only_what_it_writes_down(name: str) -> None:
    facts = {"decision.digest": "sha256:0", "decision.approvals": 0, "reading.model_generative": True}
    met = {each for each, status in _status(name, facts).items() if status == "met"}
    assert met <= {"MEASURE-1.1", "MP-1.1-003", "MS-1.1-009", "MG-1.3-001"}


def test_a_pickle_that_calls_code_is_an_unsafe_artefact() -> None:
    status = _status("mitre-atlas", {"scans": "clean", "finding.pickle_calls_code": True})
    assert {status["AML.T0011.000"], status["AML.T0018.002"], status["AML.T0011"]} == {"not-met"}
    assert status["AML.T0055"] == "met"


def test_clean_scans_do_not_show_that_the_weights_were_not_poisoned() -> None:
    status = _status("mitre-atlas", {"scans": "clean"})
    assert status["AML.T0011.000"] == "met"
    assert {status[each] for each in ("AML.T0018", "AML.T0018.000", "AML.T0010.003", "AML.T0020")} == {"unknown"}


def test_a_measured_backdoor_search_and_a_passing_judgement_do() -> None:
    facts = {"scans": "clean", "measure.security_backdoor_rate": {"n": 200}}
    assert _status("mitre-atlas", facts)["AML.T0018.000"] == "unknown"
    assert _status("mitre-atlas", facts | {"decision.dimension_security": "pass"})["AML.T0018.000"] == "met"
    assert _status("mitre-atlas", facts | {"decision.dimension_security": "fail"})["AML.T0018.000"] == "not-met"


@pytest.mark.parametrize("name", ["nist-ai-600-1", "nist-ai-800-1"])
def test_a_model_that_writes_nothing_is_outside_what_is_asked_of_generative_ones(name: str) -> None:
    assert set(_status(name, {"reading.model_generative": False}).values()) == {"not-applicable"}


def test_limits_on_use_are_asked_where_somebody_gives_access() -> None:
    weights = {"subject.kinds": ["weights"]}
    assert _status("owasp-llm-top-10", weights)["LLM10"] == "unknown"  # nobody says who gives access
    endpoint = {"subject.kinds": ["endpoint"]}
    assert _status("owasp-llm-top-10", endpoint)["LLM10"] == "unknown"
    others = {"context.safeguards": ["content_filter"]}
    assert _status("owasp-llm-top-10", endpoint | others)["LLM10"] == "not-met"
    limited = {"context.safeguards": ["rate_limit"]}
    assert _status("owasp-llm-top-10", weights | limited)["LLM10"] == "met"


def test_a_failing_dimension_was_still_judged() -> None:
    facts = {f"decision.dimension_{name}": "fail" for name in ("licensing", "security", "privacy", "safety", "misuse")}
    status = _status("nist-ai-rmf", facts)
    assert (status["GOVERN-6.1"], status["MEASURE-2.10"]) == ("met", "met")
    assert status["MEASURE-2.6"] == "not-met"


def test_a_signature_is_what_makes_a_policy_the_organisations_own() -> None:
    signed = {"decision.digest": "sha256:0", "decision.approvals": 1}
    assert _status("nist-ai-rmf", signed)["MAP-1.5"] == "met"
    assert _status("nist-ai-rmf", signed | {"decision.approvals": 0})["MAP-1.5"] == "not-met"


EVERYTHING: Mapping[str, Any] = {
    "scans": "clean",
    "licence.id": "Apache-2.0",
    "licence.contradictory": False,
    "subject.kinds": ["weights", "model_card", "endpoint"],
    "subject.black_box": False,
    "context.safeguards": ["rate_limit", "content_filter"],
    "context.accountable": "Head of release",
    "context.contact": "safety@example.org",
    "context.sector": "general",
    "context.users": "public",
    "reading.model_generative": True,
    "reading.model_modality": "multimodal",
    "reading.card_sections": list(SECTION_NAMES),
    "decision.verdict": "granted",
    "decision.approvals": 2,
    "decision.digest": "sha256:0",
    "decision.review_by": "2027-05-25T00:00:00Z",
    **{f"decision.dimension_{dimension}": "pass" for dimension in Dimension},
}


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_answered_can_be_met(name: str) -> None:
    reads = {path for control in _framework(name).controls for path in _reads(control)}
    measures = {".".join(path.split(".")[:2]): {"n": 100, "value": 0.01} for path in reads if "measure." in path}
    words = {path: ["something"] for path in reads if path.startswith("reading.")}
    prose = {path: "something" for path in words if path.startswith("reading.doc_")}
    status = _status(name, {**words, **prose, **measures, **EVERYTHING})
    answerable = {control.id for control in _framework(name).controls if control.met or control.answer}
    assert {each for each, found in status.items() if found == "met"} == answerable


def test_more_is_left_to_people_than_is_answered() -> None:
    answered = {name: sum(bool(c.met or c.answer) for c in _framework(name).controls) for name in NAMES}
    assert answered["nist-ai-600-1"] < 212 / 2
    assert answered["nist-ai-rmf"] < 72 / 2
    assert sum(answered.values()) >= 100
