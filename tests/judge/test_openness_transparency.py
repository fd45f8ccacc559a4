"""The self-check of transparency: what is evidence, what is only said, and what nobody says."""

from __future__ import annotations

import pytest

from bascule.judge.openness import Component, assess_openness
from bascule.judge.openness.components import CONTENT
from bascule.judge.openness.indicators import INDICATORS
from bascule.judge.openness.transparency import ALSO, SPOKEN_TO
from bascule.plugins.readers.card import SECTION_NAMES
from bascule.records import ArtefactKind as K
from bascule.records.openness import TransparencyView

NAMES = [name for subdomains in INDICATORS.values() for names in subdomains.values() for name in names]


def check(*kinds: K, sections: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> TransparencyView:
    view = assess_openness(
        [Component(kind, f"{kind}.x", "MIT", True) for kind in kinds], sections, {}, also
    ).transparency
    assert view is not None
    return view


def answers(view: TransparencyView) -> dict[str, str]:
    return {each.indicator: each.answer for each in view.answers}


def test_the_index_has_100_indicators_in_its_19_subdomains() -> None:
    assert len(NAMES) == len(set(NAMES)) == 100
    sizes = {domain: sum(map(len, subdomains.values())) for domain, subdomains in INDICATORS.items()}
    assert sizes == {"upstream": 34, "model": 30, "downstream": 36}
    assert sum(map(len, INDICATORS.values())) == 19


def test_what_speaks_to_an_indicator_is_something_that_there_is() -> None:
    assert [name for name in (*SPOKEN_TO, *(indicator for indicator, _ in ALSO.values())) if name not in NAMES] == []
    sections = {section for spoken in SPOKEN_TO.values() for section in spoken.sections}
    assert sections <= set(SECTION_NAMES)
    assert {kind for spoken in SPOKEN_TO.values() for kind in (*spoken.proved, *spoken.told)} <= set(CONTENT)


def test_an_empty_release_answers_nothing() -> None:
    view = check()
    assert (view.answers, len(view.unknown), view.self_reported) == ((), 100, True)


def test_an_artefact_is_evidence_and_words_are_self_reported() -> None:
    view = check(K.WEIGHTS, K.MODEL_CARD, sections=("training_data",), also=("system_prompt", "dependencies"))
    assert answers(view) == {
        "Data acquisition methods": "self-reported",
        "Public datasets": "self-reported",
        "Model dependencies": "self-reported",
        "Open weights": "evidence",
        "System prompt": "evidence",
    }


def test_a_disclosure_needs_no_open_licence_and_a_section_of_the_card_takes_none_away() -> None:
    weights = Component(K.WEIGHTS, "w", "CC-BY-NC-4.0", True)
    results = Component(K.EVALUATION_RESULTS, "results.json", None, True)
    card = Component(K.MODEL_CARD, "README.md", "MIT", True)
    for sections in ((), ("evaluation",)):
        view = assess_openness([weights, results, card], sections, {}).transparency
        assert view is not None
        assert {"Open weights": "evidence", "Capabilities evaluation": "evidence"}.items() <= answers(view).items()


def test_a_configuration_speaks_of_the_architecture_without_being_its_code() -> None:
    configuration = Component(K.ARCHITECTURE, "config.json", "MIT", True, documents_only=True)
    view = assess_openness([configuration], (), {}).transparency
    assert view is not None
    assert answers(view) == {"Basic model properties": "self-reported", "Deeper model properties": "self-reported"}


def test_code_access_needs_code_to_train_and_code_to_run() -> None:
    assert "Code access" not in answers(check(K.TRAINING_CODE))
    assert answers(check(K.TRAINING_CODE, K.INFERENCE_CODE))["Code access"] == "evidence"


def test_the_counts_add_up() -> None:
    view = check(*CONTENT, sections=SECTION_NAMES, also=tuple(ALSO))
    assert sum(each.asked for each in view.subdomains) == 100
    assert sum(each.evidence + each.self_reported for each in view.subdomains) == len(view.answers)
    assert len(view.answers) + len(view.unknown) == 100
    assert {each.indicator for each in view.answers} == {*SPOKEN_TO, *(indicator for indicator, _ in ALSO.values())}


@pytest.mark.parametrize("name", NAMES)
def test_each_indicator_is_asked_in_a_question_of_our_own(name: str) -> None:
    [asked] = [names[name] for subdomains in INDICATORS.values() for names in subdomains.values() if name in names]
    assert asked.endswith("?")
    assert asked[0].islower()
