"""What a compliance document is written as: OSCAL that its own tools read, CSV and Markdown that run nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import pytest

from bascule.judge.comply.oscal import OSCAL_VERSION, assessment_results, catalogue, catalogue_name
from bascule.judge.comply.sheets import COLUMNS, harmless, markdown, table
from bascule.records import Context
from bascule.records.compliance import NOT_ADVICE, ComplianceDocument
from complying import control, document
from judging import ask, number, pack, rule, said, seen, subject

POLICY = pack(rule("safe", "!finding.calls_code"))
CLEAN = seen("scanner", asks=["calls-code"])
HOSTILE = [
    '=HYPERLINK("https://evil.invalid","x")',
    "+1+1",
    "-2",
    "@SUM(A1)",
    " =1",
    "\t=1",
    'a,b"c\nd\r=e',
    "<script>alert(1)</script>",
    "[x](javascript:alert(1)) | ![](https://evil.invalid/p.png)",
    "`code` ``` fence",
    "\x1b[31mred\u202etxt",
    "  ",
]
CONTROLS = (
    control("1.1", met="!finding.calls_code", audience=["aio"], dimensions=["security"], evidence=["scan"]),
    control("1(a)", answer=["context.provider", "reading.doc_provider"]),
    control("1-a-", met="finding.calls_code", section="second"),
    control("x", met="context.region == 'EU'", command="bascule review REF"),
    control("us", when="context.region == 'EU'", met="measure.params.value > 1.0"),
    control("later", met="!finding.calls_code", applies_from="2030-01-01", applies_until="2031-01-01"),
)


def example(provider: str = "Example Ltd", **changes: Any) -> ComplianceDocument:
    card = seen("card", said("doc.provider", provider, measured=False))
    question = ask(POLICY, CLEAN, card, seen("sizes", number("params", 7)), context=Context(region="US"))
    return document(question, *CONTROLS, **changes)


# --- OSCAL ---------------------------------------------------------------------------------------------------------


def test_nist_s_tool_reads_what_we_write_and_writes_it_back_the_same() -> None:
    from trestle import oscal
    from trestle.oscal.assessment_results import Model as ResultsModel
    from trestle.oscal.catalog import Model as CatalogModel

    assert oscal.OSCAL_VERSION == OSCAL_VERSION
    for provider in ("Example Ltd", *HOSTILE):
        for model, written in (
            (ResultsModel, assessment_results(example(provider))),
            (CatalogModel, catalogue(example(provider))),
        ):
            read = model.model_validate(json.loads(json.dumps(written)))
            again = json.loads(read.model_dump_json(by_alias=True, exclude_none=True))
            assert _instants(again) == _instants(written)


def _instants(value: Any) -> Any:
    """The same with every instant written one way."""
    if isinstance(value, dict):
        return {key: _instants(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_instants(each) for each in value]
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


def test_each_control_in_force_is_observed_and_each_that_applies_is_found() -> None:
    results = assessment_results(example())["assessment-results"]["results"][0]
    findings = {row["title"].split(": ")[0]: row["target"]["status"] for row in results["findings"]}
    assert {name: (status["state"], status["reason"]) for name, status in findings.items()} == {
        "1.1": ("satisfied", "pass"),
        "1(a)": ("satisfied", "pass"),
        "1-a-": ("not-satisfied", "fail"),
        "x": ("not-satisfied", "fail"),
    }
    assert len(results["observations"]) == 5
    assert results["reviewed-controls"]["control-selections"][0]["exclude-controls"] == [{"control-id": "us"}]


def test_unknown_is_not_satisfied_and_says_that_it_is_unknown() -> None:
    made = document(ask(POLICY, CLEAN), control("a", met="finding.unheard", supply="the auditor"))
    (finding,) = assessment_results(made)["assessment-results"]["results"][0]["findings"]
    assert finding["target"]["status"]["state"] == "not-satisfied"
    assert finding["target"]["status"]["reason"] == "other"
    assert "the auditor" in finding["target"]["status"]["remarks"]


def test_every_reference_inside_leads_somewhere() -> None:
    made = example()
    results, book = assessment_results(made)["assessment-results"], catalogue(made)["catalog"]
    resources = {row["uuid"]: row for row in results["back-matter"]["resources"]}
    observed = {row["uuid"]: row for row in results["results"][0]["observations"]}
    controls = {each["id"]: each for group in book["groups"] for each in group["controls"]}
    statements = {part["id"] for each in controls.values() for part in each["parts"]}
    assert results["import-ap"]["href"][1:] in resources
    for finding in results["results"][0]["findings"]:
        assert finding["target"]["target-id"] in statements
        assert all(row["observation-uuid"] in observed for row in finding["related-observations"])
    for row in observed.values():
        for evidence in row.get("relevant-evidence", ()):
            link = resources[evidence["href"][1:]]["rlinks"][0]
            assert f"sha256:{link['hashes'][0]['value']}" in evidence["description"]
            assert link["href"].startswith("ni:///sha-256;")
    cited = {digest for each in made.controls for digest in each.evidence}
    hashes = {
        f"sha256:{h['value']}" for r in resources.values() for k in r.get("rlinks", ()) for h in k.get("hashes", ())
    }
    assert hashes == cited
    assert any(link["href"] == catalogue_name(made) for row in resources.values() for link in row.get("rlinks", ()))
    assert len(controls) == len(CONTROLS), "ids that OSCAL cannot tell apart are told apart"


@pytest.mark.parametrize("words", HOSTILE)
def test_markup_in_a_context_or_a_reference_is_dead_in_oscal(words: str) -> None:
    question = ask(POLICY, CLEAN, context=Context(provider=words), subject=subject(ref=f"./{words}"))
    made = document(question, control("a", met="context.provider == 'Example Ltd' && !finding.calls_code"))
    for key, value in _markup(assessment_results(made)):
        unescaped = re.sub(r"\\.", "", value)
        assert "<" not in unescaped, (key, value)
        assert "](" not in unescaped, (key, value)
        assert value.isprintable(), (key, value)


def _markup(value: Any, key: str = "") -> list[tuple[str, str]]:
    """Every text that OSCAL reads as Markdown."""
    if isinstance(value, dict):
        return [found for name, each in value.items() for found in _markup(each, name)]
    if isinstance(value, list):
        return [found for each in value for found in _markup(each, key)]
    return [(key, value)] if key in ("title", "description", "remarks", "prose") else []


def test_one_document_is_one_text_and_another_has_other_ids() -> None:
    assert json.dumps(assessment_results(example())) == json.dumps(assessment_results(example()))
    assert json.dumps(catalogue(example())) == json.dumps(catalogue(example()))
    ours, theirs = (assessment_results(example(name))["assessment-results"]["uuid"] for name in ("A", "B"))
    assert ours != theirs
    assert catalogue(example("A"))["catalog"]["uuid"] == catalogue(example("B"))["catalog"]["uuid"]


# --- CSV and Markdown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula_and_every_row_has_every_column(text: str) -> None:
    rows = list(csv.reader(io.StringIO(table(example(text)).decode(), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert len(rows) == 1 + len(CONTROLS)
    for value in (value for row in rows[1:] for value in row):
        assert not value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")), value
        assert value.isprintable()


def test_an_innocent_cell_stays_as_it_is() -> None:
    assert harmless("1.1 energy = 5 kWh") == "1.1 energy = 5 kWh"
    assert harmless(7) == "7"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_shows_hostile_words_as_words(text: str) -> None:
    page = markdown(example(text)).decode()
    unescaped = re.sub(r"\\.", "", page)
    assert "<script" not in unescaped
    assert "![](" not in unescaped
    assert "](javascript" not in unescaped
    assert all(char.isprintable() or char == "\n" for char in page)
    tables = [line for line in page.splitlines() if line.startswith("| ")]
    assert {len(line.replace(r"\|", "").split("|")) for line in tables} == {8}


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://x.invalid/)[a](b", "http://x.invalid/> <b>"])
def test_a_link_that_is_none_is_shown_as_text(link: str) -> None:
    page = markdown(example(link=link)).decode()
    assert f"<{link}>" not in page


def test_each_form_says_that_it_is_no_legal_advice() -> None:
    made = example()
    assert NOT_ADVICE in markdown(made).decode()
    assert table(made).decode().count(NOT_ADVICE) == len(CONTROLS)
    assert NOT_ADVICE in json.dumps(assessment_results(made))
    assert NOT_ADVICE in json.dumps(catalogue(made))
    assert made.as_json()["notice"] == NOT_ADVICE


def test_what_is_wanting_is_grouped_by_who_must_supply_it() -> None:
    made = document(
        ask(POLICY, CLEAN),
        control("a", met="finding.unheard", supply="the auditor", command="bascule review REF"),
        control("b", supply="the lawyer"),
        control("c", met="finding.unheard", supply="the auditor"),
    )
    page = markdown(made).decode()
    wanting = page.split("## What is wanting, and from whom")[1].split("\n## ")[0]
    assert wanting.index("the auditor") < wanting.index("? a") < wanting.index("? c") < wanting.index("the lawyer")
