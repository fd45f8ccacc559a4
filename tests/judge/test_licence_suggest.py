"""Suggested licences do what was asked."""

from __future__ import annotations

from datetime import date
from typing import Any

from bascule.journeys.licence import suggest_licences
from bascule.judge.licensing.case import Case, Edge, Node, build_case
from bascule.judge.licensing.suggest import Wanted
from bascule.records.licence_answers import Suggested
from packs import shipped_pack


def fitting(**wanted: Any) -> dict[str, Suggested]:
    found = suggest_licences(Wanted(**wanted), shipped_pack("default"), date(2026, 11, 25))
    return {row.licence: row for row in found.suggestions if row.fits}


def on_top_of(licence: str, commercial: bool) -> Case:
    return build_case(
        [Node("base", licence), Node("mine")],
        [Edge("base", "mine", "finetune")],
        use="distribute_weights",
        facts={"commercial": commercial},
    )


def test_whoever_may_change_and_pass_on_may_pass_on_what_they_changed() -> None:
    found = fitting(commercial=False)
    assert "CC-BY-NC-4.0" in found
    assert not [name for name in found if "ND" in name]
    assert "CC-BY-NC-ND-4.0" in fitting(commercial=False, acts=("use", "distribute_weights"))


def test_what_must_be_shared_alike_says_so_among_the_duties() -> None:
    for row in fitting(bind=("share-alike",)).values():
        assert "share-alike" in {duty.kind for duty in row.obligations}, row.licence


def test_a_vendors_own_licence_fits_where_the_work_stands_under_it_already() -> None:
    assert "Gemma" not in fitting()
    assert list(fitting(on_top_of=on_top_of("Gemma", commercial=True))) == ["Gemma"]


def test_nothing_that_lets_recipients_earn_fits_on_top_of_what_does_not() -> None:
    assert fitting(on_top_of=on_top_of("CC-BY-NC-4.0", commercial=False)) == {}
    assert list(fitting(on_top_of=on_top_of("CC-BY-NC-4.0", commercial=False), commercial=False)) == ["CC-BY-NC-4.0"]


def test_a_ban_on_advertising_with_a_name_is_no_duty_to_carry_one() -> None:
    assert fitting(bind=("naming",)) == {}
