"""The Model Openness Framework's class: the tool's own regression cases, what is wanting, and the laws of a class."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.openness import Component, assess_openness
from bascule.judge.openness.components import CONTENT, DOCUMENTED_BY
from bascule.judge.openness.mof import LEVELS, LICENCES_THAT_WOULD_DO
from bascule.judge.openness.open_kinds import terms_of
from bascule.records import ArtefactKind as K
from bascule.records import Openness
from packs import shipped_pack

MOT = yaml.safe_load((Path(__file__).parent / "mot_cases" / "cases.yaml").read_text(encoding="utf-8"))
CLASSES = ("none", "III", "II", "I")
PREFERRED = {kind: LICENCES_THAT_WOULD_DO[types[0]][0] for kind, types in CONTENT.items()}


def component(kind: K, licence: str | None = "", **changes: Any) -> Component:
    """A verified one, under a licence that fits it unless another, or none, is named."""
    given_licence = PREFERRED[kind] if licence == "" else licence
    return Component(kind, changes.pop("path", f"{kind}.bin"), given_licence, changes.pop("verified", True), **changes)


def assessed(
    *components: Component, sections: tuple[str, ...] = (), classes: Mapping[str, Any] | None = None
) -> Openness:
    return assess_openness(components, sections, classes or {})


def needed_for(level: str, *, paper_for_report: bool = False) -> list[Component]:
    wanted: list[K] = []
    for each, asked in LEVELS:
        wanted += [ways[-1] if paper_for_report else ways[0] for ways in asked]
        if each == level:
            break
    return [component(kind) for kind in dict.fromkeys(wanted)]


# --- the tool's own cases -------------------------------------------------------------------------------------------


def as_the_tool_reads(case: Mapping[str, Any]) -> list[Component]:
    """A component's own licence, else that of its content type, else that of the whole release."""
    whole = case.get("whole", {})
    # The tool's own data counts data sets as data and samples as documents.
    types = {kind: types[0] for kind, types in CONTENT.items()} | {K.SAMPLE_OUTPUTS: "document"}
    return [
        component(K(name), own or whole.get(types[K(name)]) or whole.get("distribution"))
        for name, own in case["components"].items()
    ]


@pytest.mark.parametrize("pack", ["none", "default"])
@pytest.mark.parametrize("case", MOT["cases"], ids=lambda case: case["name"])
def test_the_tools_regression_cases_come_out_as_the_tool_publishes_them(case: dict[str, Any], pack: str) -> None:
    classes = {} if pack == "none" else shipped_pack(pack).licence_classes
    openness = assessed(*as_the_tool_reads(case), classes=classes)
    assert openness.mof_class == case["class"]
    if pack == "none":  # a pack may be stricter on a licence that the tool takes for open
        counted = {each.mof_class: each for each in openness.progress}
        assert {level: counted[level].have for level in case["have"]} == case["have"]
        assert {level: counted[level].need for level in case.get("need", {})} == case.get("need", {})


def test_there_are_27_cases_and_they_say_where_they_come_from() -> None:
    assert len(MOT["cases"]) == 27
    assert {"source", "commit", "licence"} <= set(MOT)
    assert {case["class"] for case in MOT["cases"]} == set(CLASSES)


# --- classes and gaps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["III", "II", "I"])
def test_all_that_a_class_asks_for_reaches_it_and_each_part_is_needed(level: str) -> None:
    whole = needed_for(level)
    assert assessed(*whole).mof_class == level
    kinds = {each.kind for each in whole}
    spare = {K.TECHNICAL_REPORT} if K.RESEARCH_PAPER in kinds else set()
    for left_out in (each for each in whole if each.kind not in spare):
        assert CLASSES.index(assessed(*(each for each in whole if each is not left_out)).mof_class) < CLASSES.index(
            level
        )


def test_a_paper_may_stand_for_the_report_but_a_report_not_for_the_paper() -> None:
    assert assessed(*needed_for("II", paper_for_report=True)).mof_class == "II"
    without_paper = [each for each in needed_for("I") if each.kind is not K.RESEARCH_PAPER]
    assert assessed(*without_paper, component(K.TECHNICAL_REPORT)).mof_class == "II"


def test_what_the_card_documents_does_not_count_and_is_said_to() -> None:
    seen = [component(kind) for kind in (K.ARCHITECTURE, K.WEIGHTS, K.MODEL_CARD)]
    openness = assessed(*seen, sections=tuple(DOCUMENTED_BY))
    assert (openness.mof_class, openness.mof_class_if_documented) == ("none", "III")
    documented = [each.kind for each in openness.components if each.status == "documented"]
    assert documented == [K.EVALUATION_RESULTS, K.DATA_CARD, K.TECHNICAL_REPORT]
    assert any("only a section of the card describes it (training data)" in gap for gap in openness.gaps)


def test_a_card_without_an_open_licence_documents_nothing() -> None:
    openness = assessed(component(K.MODEL_CARD, "CC-BY-NC-4.0"), sections=tuple(DOCUMENTED_BY))
    assert not [each for each in openness.components if each.status == "documented"]


def test_gaps_are_those_of_the_next_class_with_what_to_add_and_under_which_licence() -> None:
    [step] = assessed(*(each for each in needed_for("III") if each.kind is not K.DATA_CARD)).steps
    assert step.needs == (K.DATA_CARD,)
    assert step.add.startswith("add a data card")
    assert step.licences[0] == "CC-BY-4.0"
    openness = assessed(*needed_for("III"))
    assert {need for each in openness.steps for need in each.needs} == {ways[0] for ways in dict(LEVELS)["II"]}
    assert all(gap.startswith("class II needs ") for gap in openness.gaps)
    assert assessed(*needed_for("I")).gaps == ()


@pytest.mark.parametrize(
    ("weights", "status", "told"),
    [
        (component(K.WEIGHTS, None), "unlicensed", "put `weights.bin` under an open licence"),
        (component(K.WEIGHTS, "Nobody-Knows-1.0"), "not-open", "`Nobody-Knows-1.0` is not known to be open"),
        (component(K.WEIGHTS, verified=False, why="it is empty"), "unverified", "replace `weights.bin`"),
    ],
)
def test_a_component_that_does_not_count_says_why_and_what_would_mend_it(
    weights: Component, status: str, told: str
) -> None:
    openness = assessed(weights)
    [view] = [each for each in openness.components if each.kind is K.WEIGHTS]
    assert view.status == status
    assert any(told in gap for gap in openness.gaps if "needs weights" in gap)


def test_every_licence_that_is_said_to_do_would_do() -> None:
    for type_, ids in LICENCES_THAT_WOULD_DO.items():
        assert [each for each in ids if type_ not in terms_of(each, {}).made_for] == []


# --- laws -----------------------------------------------------------------------------------------------------------

LICENCES = ["MIT", "CC-BY-4.0", "CDLA-Permissive-2.0", "CC-BY-NC-4.0", "Llama-3.1", "Nobody-Knows-1.0", None]
ROWS: Mapping[str, Any] = {
    "Llama-3.1": {"class": "use-restricted", "open": False},
    "House-1": {"class": "permissive", "open": True},
}
some_components = st.lists(
    st.builds(
        Component,
        kind=st.sampled_from([*CONTENT]),
        path=st.sampled_from(["a", "b", "c"]),
        licence_id=st.sampled_from(LICENCES),
        verified=st.booleans(),
        documents_only=st.booleans(),
    ),
    max_size=40,
)
nearly_all = st.builds(
    lambda more, without: [each for each in needed_for("I") if each.kind not in without] + more,
    some_components,
    st.sets(st.sampled_from([*CONTENT]), max_size=3),
)
releases = some_components | nearly_all
sections = st.lists(st.sampled_from([*DOCUMENTED_BY]), unique=True).map(tuple)
ANSWERS = ("not-met", "unknown", "met")


def ranks(openness: Openness) -> list[int]:
    """Everything that may only rise when something is added."""
    assert openness.osaid is not None
    assert openness.transparency is not None
    asked = (openness.osaid, *openness.osaid.elements, *openness.osaid.freedoms)
    return [
        CLASSES.index(openness.mof_class),
        CLASSES.index(openness.mof_class_if_documented),
        *(ANSWERS.index(each.answer) for each in asked),
        -len(openness.transparency.unknown),
    ]


def never_lower(less: Openness, more: Openness) -> bool:
    return all(before <= after for before, after in zip(ranks(less), ranks(more), strict=True))


@given(releases, releases, sections)
def test_adding_components_never_lowers_anything(
    some: list[Component], more: list[Component], card: tuple[str, ...]
) -> None:
    assert never_lower(
        assessed(*some, sections=card, classes=ROWS), assessed(*some, *more, sections=card, classes=ROWS)
    )


@given(releases, st.data(), sections)
def test_removing_a_component_or_a_section_never_raises_anything(
    some: list[Component], data: st.DataObject, card: tuple[str, ...]
) -> None:
    fewer = [each for each in some if data.draw(st.booleans())]
    assert never_lower(assessed(*fewer, classes=ROWS), assessed(*some, sections=card, classes=ROWS))


@given(releases, st.permutations(range(60)), sections)
def test_the_order_of_components_does_not_matter(
    some: list[Component], order: list[int], card: tuple[str, ...]
) -> None:
    other = [each for _, each in sorted(zip(order, some, strict=False), key=lambda pair: pair[0])]
    assert assessed(*some, sections=card, classes=ROWS) == assessed(*other, sections=card, classes=ROWS)


@given(releases, st.sampled_from([*CONTENT]), sections)
def test_opening_a_licence_never_lowers_anything(some: list[Component], kind: K, card: tuple[str, ...]) -> None:
    opened = [
        Component(each.kind, each.path, "OpenMDW-1.0", each.verified, each.why, each.documents_only)
        if each.kind is kind and not terms_of(each.licence_id, ROWS).open
        else each
        for each in some
    ]
    assert never_lower(assessed(*some, sections=card, classes=ROWS), assessed(*opened, sections=card, classes=ROWS))


@given(releases)
def test_an_unknown_licence_never_counts_as_open(some: list[Component]) -> None:
    unknown = [Component(each.kind, each.path, "Nobody-Knows-1.0", each.verified) for each in some]
    openness = assessed(*unknown, sections=tuple(DOCUMENTED_BY))
    assert openness.mof_class == "none" == openness.mof_class_if_documented
    assert {each.status for each in openness.components} <= {"not-open", "unverified", "missing"}
    assert openness.osaid is not None
    assert openness.osaid.answer != "met"


@given(releases, sections)
def test_the_class_has_every_gap_below_it_closed(some: list[Component], card: tuple[str, ...]) -> None:
    openness = assessed(*some, sections=card, classes=ROWS)
    full = [each.mof_class for each in openness.progress if each.have == each.need]
    assert openness.mof_class == (full[-1] if full else "none")
    assert (openness.gaps == ()) is (openness.mof_class == "I")
    assert Openness.from_json(openness.to_json()) == openness
