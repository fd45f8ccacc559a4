"""Planning by the command line: what a plan says, and what cannot be planned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bascule.records.release import ReleasePlan
from builders import embedding_model, unfit_model
from commands import Said, here
from signing import shared_ledger, sign, signers

pytestmark = pytest.mark.xdist_group("journey-release")
Place = Callable[[str, Mapping[str, bytes]], Path]
WHO = ("--name", "small", "--version", "1.0", "--owner", "A. Owner", "--steward", "Head of models")
FREE = ("--contact", "models@example.org", "--monetisation", "free")


@pytest.fixture(scope="module", autouse=True)
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One ledger for all homes of this module."""
    with shared_ledger(tmp_path_factory.mktemp("ledger")):
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, home: Path, ledger: None) -> dict[str, Path]:
    return signers(tmp_path_factory.mktemp("people"), home)


@pytest.fixture
def plan(home: Path, place: Place) -> Callable[..., Said]:
    """plan(tier, out, *flags)"""
    model = place("plan", embedding_model())
    return lambda tier, out, *flags: here("release", "plan", model, "--tier", tier, "--out", out, *flags, home=home)


def test_a_plan_answers_four_questions_for_every_kind_and_is_the_same_twice(
    plan: Callable[..., Said], tmp_path: Path
) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    flags = (*WHO, *FREE, "--as-of", "2026-11-25T12:00:00Z")
    said = plan("T7", one, *flags, "--json")
    assert said.code == 0, said.err
    plan("T7", two, *flags)
    assert one.read_bytes() == two.read_bytes()
    read = ReleasePlan.from_json(one.read_bytes())
    assert read.as_json() == said.json
    weights = next(item for item in read.items if item.kind == "weights")
    assert (weights.tier, weights.given, weights.licence) == ("T7", "copies", "Apache-2.0")
    assert "cannot be" in weights.observed
    assert "cannot be" in weights.taken_back
    assert all(item.published and item.may_use and item.observed and item.taken_back for item in read.items)
    assert [stage.tier for stage in read.stages] == ["T2", "T3", "T4", "T5", "T6", "T7"]
    assert all(stage.entry and stage.roll_back for stage in read.stages)


def test_access_hands_no_copy_out_and_says_what_more_is_granted(plan: Callable[..., Said], tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    plan("T4", out, *WHO, *FREE)
    items = {item.kind.value: item for item in ReleasePlan.from_json(out.read_bytes()).items}
    assert (items["weights"].given, items["weights"].tier) == ("access", "T4")
    assert items["model_card"].granted == "T8"


def test_a_plan_at_t1_needs_no_more_than_a_clean_scan(home: Path, place: Place, tmp_path: Path) -> None:
    bare = place("bare", {"model.safetensors": embedding_model()["model.safetensors"]})
    out = tmp_path / "plan.json"
    said = here("release", "plan", bare, "--tier", "T1", "--out", out, *WHO, *FREE, home=home)
    assert said.code == 0, said.out + said.err
    [stage] = ReleasePlan.from_json(out.read_bytes()).stages
    assert stage.tier == "T1"


def test_a_tier_that_is_not_granted_is_refused_with_the_rules_in_the_way(
    home: Path, place: Place, tmp_path: Path
) -> None:
    out = tmp_path / "plan.json"
    unfit = place("unfit", unfit_model())
    said = here("release", "plan", unfit, "--tier", "T6", "--out", out, *WHO, *FREE, "--json", home=home)
    assert (said.code, said.json["verdict"]) == (1, "refused")
    assert "no-code-on-load" in {reason["rule"] for reason in said.json["reasons"]}
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (WHO, "--contact"),
        (WHO[:6] + FREE, "--steward"),
        (WHO[:4] + WHO[6:] + FREE, "--owner"),
        ((*WHO, *FREE[:2]), "paid for"),
    ],
)
def test_a_blank_is_refused_and_named(
    flags: tuple[str, ...], said: str, plan: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "plan.json"
    told = plan("T7", out, *flags, "--json")
    told.refuses("release.blank")
    assert said in told.json["message"] + told.json["hint"]
    assert not out.exists()


def test_planned_built_and_verified_by_the_command_line(
    plan: Callable[..., Said], home: Path, people: dict[str, Path], tmp_path: Path
) -> None:
    out, bundle = tmp_path / "plan.json", tmp_path / "bundle"
    said = plan("T7", out, *WHO, *FREE)
    decision = ReleasePlan.from_json(out.read_bytes()).decision
    assert f"T7 needs 2 signatures: bascule approve {decision}" in said.err
    unsigned = here("release", "build", out, "--out", bundle, "--json", home=home)
    assert "has 0: bascule approve" in unsigned.refuses("release.not-granted")
    sign(decision, people)
    built = here("release", "build", out, "--out", bundle, home=home)
    assert built.code == 0, built.err
    assert "bascule verify" in built.out
    assert here("verify", bundle, home=home).out.startswith("verified: small 1.0 at T7")
    here("release", "build", out, "--out", bundle, "--json", home=home).refuses("release.there-already")
