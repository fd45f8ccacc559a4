"""Law as dated data: what the EU's texts ask of a model, on which day, and what an exemption takes away."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bascule.builtin import frameworks
from bascule.judge.comply.desk import Desk
from bascule.judge.comply.evaluate import answer
from bascule.judge.comply.framework import Framework
from bascule.judge.comply.parse import parse_framework
from bascule.judge.facts.book import Page
from bascule.judge.facts.fact import Fact, unknown
from bascule.kernel.clock import format_instant

ROOM = Path(frameworks.__file__).parent
EU = ("eu-gpai-form", "eu-training-summary", "eu-gpai-duties", "eu-code-of-practice")

Facts = Mapping[str, Any]


@cache
def _framework(name: str) -> Framework:
    folder = ROOM / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.yaml"))}
    return parse_framework(files, name)


def _statuses(name: str, facts: Facts, day: str) -> dict[str, str]:
    """Each control's status on a day; `upcoming` for those that do not apply yet."""
    as_of = datetime.fromisoformat(day).replace(tzinfo=UTC)
    sections: dict[str, dict[str, Fact]] = {"as_of": {"": Fact(format_instant(as_of))}}
    sections["context"] = {"safeguards": Fact([]), "distribution_channels": Fact([])}
    decided = {}
    for path, value in facts.items():
        section, _, key = path.partition(".")
        if section == "decision":
            decided[key] = Fact(value)
        else:
            sections.setdefault(section, {})[key] = Fact({"value": value} if section == "measure" else value)
    otherwise = {section: unknown("nobody said so") for section in ("reading", "measure", "licence")}
    answered = answer(_framework(name), Desk(Page(sections, {}, otherwise), decided), as_of)
    now = {view.id: view.status.value for view in answered.controls}
    return now | {view.id: "upcoming" for view in answered.upcoming} | dict.fromkeys(answered.lapsed, "lapsed")


LLM: Facts = {
    "context.region": "EU",
    "context.domicile": "FR",
    "context.training_compute_flop": 3e24,
    "context.modification_compute_share": 1.0,
    "context.union_release_date": "2026-09-01",
    "context.monetised": False,
    "context.systemic_risk": False,
    "context.distribution_channels": ["api"],
    "reading.model_generative": True,
    "reading.model_task": "text-generation",
    "reading.model_architecture": "LlamaForCausalLM",
    "reading.model_modality": "text",
    "reading.card_sections": ["intended_use", "limitations"],
    "licence.open": False,
    "context.safeguards": ["content_filter"],
    "decision.tier": "T4",
}
"""A general-purpose model of a French provider, behind an API with a content filter since September 2026."""

OPEN: Facts = {
    **LLM,
    "licence.open": True,
    "context.distribution_channels": ["open-weights"],
    "decision.tier": "T7",
}
SYSTEMIC: Facts = {**LLM, "context.training_compute_flop": 2e25, "context.systemic_risk": True}
LEGACY: Facts = {**LLM, "context.union_release_date": "2025-03-01"}
POLICY: Facts = {"reading.doc_copyright_policy": "COPYRIGHT.md", "reading.doc_training_summary": "a summary"}

OWED, FREE, MET = "unknown", "not-applicable", "met"
"""A duty that binds and that no evidence meets yet is unknown; one that does not bind is not applicable."""


def _less(facts: Facts, *names: str) -> Facts:
    return {name: value for name, value in facts.items() if name not in names}


CASES: dict[str, tuple[Facts, str, dict[str, str]]] = {
    "a general-purpose model owes all four duties of Article 53(1)": (
        LLM,
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-b": OWED, "art-53-1-c": OWED, "art-53-1-d": OWED, "art-55-1-a": FREE},
    ),
    "before 2 August 2025 nothing of chapter V applies": (
        LLM,
        "2025-08-01",
        {"art-53-1-a": "upcoming", "art-53-1-c": "upcoming", "art-55-1-a": "upcoming", "art-54-1": "upcoming"},
    ),
    "from 2 August 2025 it does": (LLM, "2025-08-02", {"art-53-1-a": OWED, "art-53-1-c": OWED, "art-91": "upcoming"}),
    "the Commission's powers begin a year later": (LLM, "2026-08-01", {"art-91": "upcoming"}),
    "and from that day they are there": (LLM, "2026-08-02", {"art-91": OWED}),
    "a policy and a summary that exist are met": (
        {**LLM, **POLICY},
        "2026-11-25",
        {"art-53-1-c": MET, "art-53-1-d": MET},
    ),
    "outside the Union's market nothing is owed": (
        {**LLM, "context.region": "US"},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-c": FREE, "art-54-1": FREE, "art-50-2": FREE},
    ),
    "at exactly 10^23 FLOP the indicator does not speak": (
        {**LLM, "context.training_compute_flop": 1e23},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-c": FREE, "art-53-1-d": FREE},
    ),
    "above it, it does": ({**LLM, "context.training_compute_flop": 1.1e23}, "2026-11-25", {"art-53-1-c": OWED}),
    "a model that generates nothing is not one of general purpose": (
        {**LLM, "reading.model_generative": False},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-c": FREE, "art-50-1": FREE, "art-50-2": FREE},
    ),
    "a model that only transcribes is not one, whatever its compute": (
        {**LLM, "reading.model_task": "automatic-speech-recognition"},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-d": FREE, "art-50-2": FREE},
    ),
    "compute that nobody states is taken to be enough": (
        _less(LLM, "context.training_compute_flop"),
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-c": OWED, "art-55-1-a": OWED},
    ),
    "an open model is free of the documentation, not of copyright policy and summary": (
        OPEN,
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-b": FREE, "art-53-1-c": OWED, "art-53-1-d": OWED},
    ),
    "monetisation ends the exemption": (
        {**OPEN, "context.monetised": True},
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-b": OWED},
    ),
    "and so does silence about it": (_less(OPEN, "context.monetised"), "2026-11-25", {"art-53-1-a": OWED}),
    "gated weights end it": (
        {**OPEN, "context.distribution_channels": ["gated-weights"]},
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-b": OWED},
    ),
    "a licence that restricts use or scale ends it": (
        {**OPEN, "licence.open": False},
        "2026-11-25",
        {"art-53-1-a": OWED},
    ),
    "a card without limitations ends it": (
        {**OPEN, "reading.card_sections": ["intended_use"]},
        "2026-11-25",
        {"art-53-1-a": OWED},
    ),
    "stated systemic risk ends it": (
        {**OPEN, "context.systemic_risk": True},
        "2026-11-25",
        {"art-53-1-a": OWED, "art-55-1-a": OWED, "art-52-1": OWED},
    ),
    "compute above 10^25 FLOP is presumed to be systemic risk, whatever is stated": (
        {**OPEN, "context.training_compute_flop": 1.1e25},
        "2026-11-25",
        {"art-53-1-a": OWED, "art-52-1": OWED, "art-55-1-c": OWED},
    ),
    "at exactly 10^25 it is not": (
        {**OPEN, "context.training_compute_flop": 1e25},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-52-1": FREE, "art-55-1-c": FREE},
    ),
    "a model with systemic risk owes the duties of Article 55 beside the others": (
        SYSTEMIC,
        "2026-11-25",
        dict.fromkeys(("art-53-1-a", "art-52-1", "art-55-1-a", "art-55-1-b", "art-55-1-c", "art-55-1-d"), OWED),
    ),
    "a modification with a fifth of the compute makes nobody a provider": (
        {**LLM, "context.modification_compute_share": 0.2},
        "2026-11-25",
        {"art-53-1-a": FREE, "art-53-1-c": FREE, "art-53-1-d": FREE, "art-54-1": FREE},
    ),
    "one with a little more than a third does": (
        {**LLM, "context.modification_compute_share": 0.34},
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-c": OWED},
    ),
    "a share that nobody states is taken to be enough": (
        _less(LLM, "context.modification_compute_share"),
        "2026-11-25",
        {"art-53-1-a": OWED, "art-53-1-c": OWED},
    ),
    "modifying a model with systemic risk that far takes its duties over": (
        {**SYSTEMIC, "context.modification_compute_share": 0.34},
        "2026-11-25",
        {"art-55-1-a": OWED, "art-52-1": OWED},
    ),
    "a model from before 2 August 2025 has until 2 August 2027": (
        LEGACY,
        "2027-08-01",
        {"art-53-1-a": FREE, "art-53-1-c": FREE, "art-111-3": OWED},
    ),
    "and is then bound like any other": (
        LEGACY,
        "2027-08-02",
        {"art-53-1-a": OWED, "art-53-1-c": OWED, "art-111-3": "lapsed"},
    ),
    "its steps are taken once policy and summary are there": ({**LEGACY, **POLICY}, "2026-11-25", {"art-111-3": MET}),
    "a day on the market that nobody states is taken to be late": (
        _less(LLM, "context.union_release_date"),
        "2026-11-25",
        {"art-53-1-a": OWED, "art-111-3": OWED},
    ),
    "a provider in the Union needs no representative": (LLM, "2026-11-25", {"art-54-1": FREE, "art-54-3": FREE}),
    "one outside does": ({**LLM, "context.domicile": "US"}, "2026-11-25", {"art-54-1": OWED, "art-54-3": OWED}),
    "unless its model is open": ({**OPEN, "context.domicile": "US"}, "2026-11-25", {"art-54-1": FREE}),
    "and a domicile that nobody states is taken to be outside": (
        _less(LLM, "context.domicile"),
        "2026-11-25",
        {"art-54-1": OWED},
    ),
    "people are told that they talk to a machine from 2 August 2026": (LLM, "2026-08-01", {"art-50-1": "upcoming"}),
    "which is not met until it is in force": (LLM, "2026-08-02", {"art-50-1": "not-met"}),
    "and met when it is": ({**LLM, "context.safeguards": ["ai_disclosure"]}, "2026-08-02", {"art-50-1": MET}),
    "a new system marks its output from 2 August 2026": (
        LLM,
        "2026-10-01",
        {"art-50-2": "not-met", "art-50-2-existing": "upcoming"},
    ),
    "one from before marks it from 2 December 2026": (
        {**LLM, "context.union_release_date": "2026-07-31"},
        "2026-12-01",
        {"art-50-2": FREE, "art-50-2-existing": "upcoming"},
    ),
    "and then it is bound": (
        {**LLM, "context.union_release_date": "2026-07-31"},
        "2026-12-02",
        {"art-50-2": FREE, "art-50-2-existing": "not-met"},
    ),
    "marking that is in force meets it": (
        {**LLM, "context.safeguards": ["content_marking"]},
        "2026-12-02",
        {"art-50-2": MET, "art-50-2-existing": FREE},
    ),
    "intimate images without consent are prohibited from 2 December 2026": (
        {**LLM, "reading.model_modality": "image"},
        "2026-12-01",
        {"art-5-1-ba": "upcoming"},
    ),
    "for what makes pictures": ({**LLM, "reading.model_modality": "image"}, "2026-12-02", {"art-5-1-ba": OWED}),
    "and not for what writes text": (LLM, "2026-12-02", {"art-5-1-ba": FREE}),
    "uses of Annex III wait until 2 December 2027": (
        {**LLM, "context.sector": "employment"},
        "2027-12-01",
        {"annex-iii": "upcoming", "annex-i": "upcoming"},
    ),
    "and then bind": (
        {**LLM, "context.sector": "employment"},
        "2027-12-02",
        {"annex-iii": OWED, "annex-i": "upcoming"},
    ),
    "products of Annex I wait until 2 August 2028": (
        {**LLM, "context.sector": "health"},
        "2028-08-02",
        {"annex-iii": OWED, "annex-i": OWED},
    ),
    "a general sector is neither": (
        {**LLM, "context.sector": "general"},
        "2028-08-02",
        {"annex-iii": FREE, "annex-i": FREE},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_duties_bind_as_the_law_says(case: str) -> None:
    facts, day, expected = CASES[case]
    found = _statuses("eu-gpai-duties", facts, day)
    assert {control: found[control] for control in expected} == expected


@pytest.mark.parametrize("case", CASES)
def test_what_is_owed_stays_owed_with_a_fact_less(case: str) -> None:
    facts, day, _ = CASES[case]
    whole = _statuses("eu-gpai-duties", facts, day)
    for name in facts:
        less = _statuses("eu-gpai-duties", _less(facts, name), day)
        for control, status in less.items():
            allowed = {FREE: {FREE}, MET: {MET, FREE}}.get(status, {whole[control]})
            assert whole[control] in allowed, f"{control} without {name}"


def test_the_form_has_its_36_items_in_eight_sections_beside_its_header() -> None:
    items = Counter(control.section for control in _framework("eu-gpai-form").controls)
    assert items.pop("document") == 2
    assert list(items.items()) == [
        ("general", 6),
        ("properties", 5),
        ("distribution", 2),
        ("use", 6),
        ("training", 2),
        ("data", 8),
        ("compute", 3),
        ("energy", 4),
    ]
    assert items.total() == 36


def test_each_item_of_the_form_goes_to_whom_its_crosses_say() -> None:
    everyone = ("aio", "nca", "downstream")
    told = {control.id: control.audience for control in _framework("eu-gpai-form").controls}
    authorities = {name for name, audience in told.items() if audience == ("aio", "nca")}
    downstream = {name for name, audience in told.items() if audience == ("downstream",)}
    documentation = ("1.3", "2.2", "5.1", "5.2", "6.3", "6.4", "6.5", "6.7", "6.8")
    resources = ("7.1", "7.2", "7.3", "8.1", "8.2", "8.3", "8.4")
    assert authorities == {f"form-{item}" for item in (*documentation, *resources)}
    assert downstream == {"form-4.4", "form-4.5", "form-4.6"}
    assert all(told[name] == everyone for name in told.keys() - authorities - downstream)


def test_a_local_model_that_documents_itself_fills_at_least_25_items_without_a_word_of_context() -> None:
    words = {
        name: "said"
        for control in _framework("eu-gpai-form").controls
        for name in control.answer
        if name.startswith("reading.")
    }
    measured = {"measure.model_parameters": 1.35e8, "decision.licence": "Apache-2.0", "decision.subject": "0" * 64}
    largest = {"reading.doc_max_input": "2048 tokens"}
    found = _statuses("eu-gpai-form", {**words, **measured, **largest}, "2026-11-25")
    items = {name: status for name, status in found.items() if name[5].isdigit()}
    assert {name for name, status in items.items() if status != MET} == {"form-1.5"}
    assert sum(status == MET for status in items.values()) >= 25


def test_an_empty_repository_fills_nothing_of_the_form_by_itself() -> None:
    found = _statuses("eu-gpai-form", {}, "2026-11-25")
    assert {name for name, status in found.items() if status == MET} == {"form-date"}


def test_the_summary_has_the_templates_sections() -> None:
    fields = Counter(control.section for control in _framework("eu-training-summary").controls)
    about, sources, processing = ["1.1", "1.2", "1.3"], [f"2.{part}" for part in range(1, 7)], ["3.1", "3.2", "3.3"]
    assert list(fields) == ["document", *about, *sources, *processing]
    assert fields["2.3"] == 6


def test_the_code_has_its_twelve_commitments_and_their_measures() -> None:
    measures = Counter(control.id.split("-")[0] for control in _framework("eu-code-of-practice").controls)
    assert measures == {"transparency": 3, "copyright": 5, "safety": 32}
    assert len(_framework("eu-code-of-practice").sections) == 12
    safety = [
        control.id.split("-")[1] for control in _framework("eu-code-of-practice").controls if "safety-" in control.id
    ]
    assert Counter(int(number.split(".")[0]) for number in safety) == dict(
        enumerate((4, 2, 5, 2, 1, 2, 7, 3, 4, 2), start=1)
    )


def test_the_safety_chapter_asks_only_models_with_systemic_risk() -> None:
    plain = _statuses("eu-code-of-practice", LLM, "2026-11-25")
    assert {status for name, status in plain.items() if name.startswith("safety-")} == {FREE}
    assert plain["transparency-1.1"] == plain["copyright-1.1"] == OWED
    risky = _statuses("eu-code-of-practice", SYSTEMIC, "2026-11-25")
    assert FREE not in {status for name, status in risky.items() if name.startswith("safety-")}


def test_security_of_weights_is_asked_until_they_are_public() -> None:
    out = {**SYSTEMIC, "context.distribution_channels": ["open-weights"]}
    found = _statuses("eu-code-of-practice", out, "2026-11-25")
    assert found["safety-6.1"] == found["safety-6.2"] == FREE
    assert found["safety-5.1"] == OWED


def test_the_clocks_of_incidents_run_2_5_10_and_15_days() -> None:
    told = json.loads((ROOM / "eu-code-of-practice" / "incident-clocks.json").read_text())
    assert [clock["initial_days"] for clock in told["clocks"]] == [2, 5, 10, 15]
    assert all("measure 9.3(" in clock["source"] for clock in told["clocks"])
    assert told["then"]["intermediate_weeks"] == 4
    assert told["then"]["final_days_after_resolution"] == 60


@pytest.mark.parametrize("name", EU)
def test_every_control_says_where_the_text_asks_it_and_who_supplies_what_is_missing(name: str) -> None:
    framework = _framework(name)
    assert framework.read != "not read here"
    for control in framework.controls:
        assert control.source, control.id
        assert control.supply, control.id
        assert control.reviewed_by == "nobody yet", "a reviewer's name comes with a review"
        assert control.answer or control.met or control.note, f"{control.id} waits for a person and does not say so"


@pytest.mark.parametrize("name", EU)
def test_what_is_shown_is_our_own_words_and_short(name: str) -> None:
    assert all(len(control.title) <= 140 for control in _framework(name).controls)
