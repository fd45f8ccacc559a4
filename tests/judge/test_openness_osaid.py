"""The Open Source AI Definition: what meets it, what does not, and what only a person can say."""

from __future__ import annotations

import pytest

from bascule.judge.openness import Component, assess_openness
from bascule.records import ArtefactKind as K
from bascule.records.openness import OsaidAnswer, OsaidView

CODE = (K.ARCHITECTURE, K.TRAINING_CODE, K.INFERENCE_CODE, K.PREPROCESSING_CODE)
WHOLE = dict.fromkeys((*CODE, K.WEIGHTS), "Apache-2.0") | {K.DATASET: "CC-BY-4.0", K.DATA_CARD: "CC-BY-4.0"}
ROWS = {"Llama-3.1": {"open": False}}


def osaid(**changes: str | None) -> OsaidView:
    """Of a whole release, save for what is named: `weights=None` leaves the component out."""
    named = {K(name): licence for name, licence in changes.items()}
    licences = {kind: licence for kind, licence in (WHOLE | named).items() if licence is not None}
    view = assess_openness(
        [Component(kind, f"{kind}.x", licence or None, verified=True) for kind, licence in licences.items()], (), ROWS
    ).osaid
    assert view is not None
    return view


def element(view: OsaidView, name: str) -> OsaidAnswer:
    [answer] = [each for each in (*view.elements, *view.freedoms) if each.name == name]
    return answer


def test_data_code_and_parameters_under_approved_terms_meet_it() -> None:
    view = osaid()
    assert view.answer == "met"
    assert [each.name for each in view.elements] == ["data information", "code", "parameters"]
    assert [each.name for each in view.freedoms] == ["use", "study", "modify", "share"]
    assert {each.answer for each in (*view.elements, *view.freedoms)} == {"met"}


@pytest.mark.parametrize(("left_out", "left"), [("dataset", K.DATA_CARD), ("data_card", K.DATASET)])
def test_a_data_card_without_the_data_or_data_without_a_card_is_for_a_person(left_out: str, left: K) -> None:
    view = osaid(**{left_out: None})
    assert (element(view, "data information").answer, element(view, "data information").decided_by) == ("unknown", left)
    assert (view.answer, element(view, "use").answer, element(view, "modify").answer) == ("unknown", "met", "unknown")


def test_without_any_word_of_the_data_it_is_not_met() -> None:
    view = osaid(dataset=None, data_card=None)
    assert element(view, "data information").answer == "not-met"
    assert element(view, "study").answer == "not-met"


def test_a_description_whose_licence_is_unknown_leaves_it_unknown() -> None:
    assert element(osaid(dataset=None, data_card=""), "data information").answer == "unknown"
    assert element(osaid(dataset=None, data_card="Llama-3.1"), "data information").answer == "not-met"


@pytest.mark.parametrize("kind", CODE)
def test_each_part_of_the_code_is_asked_for(kind: K) -> None:
    code = element(osaid(**{kind: None}), "code")
    assert (code.answer, code.decided_by) == ("not-met", kind)


def test_a_licence_for_documents_does_not_open_code() -> None:
    code = element(osaid(training_code="CC-BY-4.0"), "code")
    assert (code.answer, code.decided_by) == ("not-met", K.TRAINING_CODE)
    assert "has not approved `CC-BY-4.0`" in code.because


@pytest.mark.parametrize(
    ("licence", "parameters", "use"),
    [
        ("MIT", "met", "met"),
        ("CDLA-Permissive-2.0", "unknown", "met"),
        ("OpenMDW-1.0", "unknown", "met"),
        ("Llama-3.1", "not-met", "not-met"),
        ("Nobody-Knows-1.0", "unknown", "unknown"),
        ("", "unknown", "unknown"),
    ],
)
def test_the_terms_of_the_parameters(licence: str, parameters: str, use: str) -> None:
    view = osaid(weights=licence)
    assert (element(view, "parameters").answer, element(view, "use").answer) == (parameters, use)
    assert element(view, "share").decided_by is K.WEIGHTS


def test_no_weights_no_freedom() -> None:
    view = osaid(weights=None)
    assert {each.answer for each in view.freedoms} == {"not-met"}
    assert view.answer == "not-met"
