"""Which licences are open: the tables, the policy pack's word, and expressions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.openness.open_kinds import FSF_FREE_SOFTWARE, OPEN_DATA, OSI_APPROVED, UNKNOWN, terms_of
from packs import shipped_pack

ROWS = {
    "NC-1": {"open": False},
    "House-1": {"open": True},
    "Blank-1": {"open": None},
    "MIT": {"open": False},
}
EXPRESSIONS = st.recursive(
    st.sampled_from(["Apache-2.0", "CC-BY-4.0", "NC-1", "Nobody-Knows-1.0", "House-1"]),
    lambda inner: st.tuples(inner, st.sampled_from(["OR", "AND"]), inner).map(lambda each: f"({' '.join(each)})"),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache-2.0", True),
        ("CC-BY-SA-3.0-AT", True),
        ("OpenMDW-1.0", True),
        ("House-1", True),
        ("NC-1", False),
        ("Blank-1", None),
        ("Nobody-Knows-1.0", None),
        ("apache 2.0", None),
        ("MIT", False),  # this pack says so
        ("Apache-2.0 OR NC-1", True),
        ("Apache-2.0 AND NC-1", False),
        ("Apache-2.0 AND Nobody-Knows-1.0", None),
        ("NC-1 OR Nobody-Knows-1.0", None),
        ("NC-1 AND (Apache-2.0 OR NC-1)", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Apache-2.0 WITH Commons-Clause", None),
    ],
)
def test_what_is_open(licence: str, expected: bool | None) -> None:
    assert terms_of(licence, ROWS).open is expected


@pytest.mark.parametrize(
    "words",
    [
        None,
        "",
        "  ",
        "MIT OR",
        "AND MIT",
        "(Apache-2.0",
        "Apache-2.0)",
        "OR",
        "Apache-2.0 WITH",
        "(" * 5000,
        "a " * 500,
    ],
    ids=lambda words: repr(words)[:20],
)
def test_what_cannot_be_read_is_unknown(words: str | None) -> None:
    assert terms_of(words, {}) == UNKNOWN


def test_what_an_open_licence_was_made_for() -> None:
    assert terms_of("BSD-3-Clause", {}).made_for == {"code"}
    assert terms_of("CDLA-Permissive-2.0", {}).made_for == {"data"}
    assert terms_of("CC-BY-4.0", {}).made_for == {"data", "document"}
    assert terms_of("OpenMDW-1.0", {}).made_for == {"code", "data", "document"}
    assert terms_of("MIT", ROWS).made_for == frozenset()


def test_the_tables_do_not_open_what_restricts_use() -> None:
    listed = OSI_APPROVED | FSF_FREE_SOFTWARE | OPEN_DATA
    assert [each for each in listed if "-NC" in each or "-ND" in each or "RAIL" in each.upper()] == []


def test_the_shipped_pack_takes_nothing_for_open_that_the_tables_call_closed_or_the_other_way_round() -> None:
    """The pack may be stricter, and is once: a licence that withholds patents."""
    rows = shipped_pack("default").licence_classes
    stricter = [each for each, row in rows.items() if row.get("open") is False and terms_of(each, {}).open]
    assert stricter == ["BSD-3-Clause-Clear"]


@given(EXPRESSIONS, EXPRESSIONS)
def test_a_further_choice_never_takes_openness_away(one: str, other: str) -> None:
    alone, with_choice = terms_of(one, ROWS), terms_of(f"{one} OR {other}", ROWS)
    assert with_choice.open is True or alone.open is not True
    assert with_choice.osi_approved or not alone.osi_approved
    assert alone.made_for <= with_choice.made_for


@given(EXPRESSIONS, EXPRESSIONS)
def test_a_further_demand_never_adds_openness(one: str, other: str) -> None:
    alone, with_demand = terms_of(one, ROWS), terms_of(f"{one} AND {other}", ROWS)
    assert alone.open is True or with_demand.open is not True
    assert alone.osi_approved or not with_demand.osi_approved


@given(st.text(alphabet="()ANDORWITH -.10abc ", max_size=60))
def test_words_of_a_card_never_fail(words: str) -> None:
    assert terms_of(words, ROWS).open in (True, False, None)
