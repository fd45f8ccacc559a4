"""The licence answers of a review: what files name as parents cannot hide a licence."""

from __future__ import annotations

from typing import Any

import pytest

from bascule.judge import Vocabulary
from bascule.judge.facts.book import build_book
from bascule.judge.facts.fact import Fact
from bascule.judge.licensing.reviewed import MAX_PARENTS, TARGET
from bascule.records import Context, Reading
from judging import LADDER, WEIGHTS, ask, said, seen
from packs import shipped_pack

NAMES = ("licence.declared", "licence.text", "lineage.base_models", "lineage.datasets", "lineage.relation")
TOOL = {"files": Vocabulary(readings=frozenset(NAMES))}
MANY_USERS: dict[str, Any] = {"commercial": True, "monthly_active_users": 9e8}


def may(key: str, *readings: Reading, context: dict[str, Any] | None = None, tier: str = "T3") -> Fact:
    asked = ask(shipped_pack("default"), seen("files", *readings), context=Context(**(context or {})), vocabulary=TOOL)
    return build_book(asked).fact(f"may.{key}", WEIGHTS, LADDER.tier(tier))


def test_a_parent_that_is_called_as_the_target_is_does_not_hide_its_licence() -> None:
    readings = said("licence.declared", "CC-BY-NC-4.0"), said("lineage.base_models", (TARGET, "Qwen/Qwen2.5-7B"))
    assert may("host", *readings, context={"commercial": True}).value is False
    stated = {"commercial": True, "licences": {TARGET: "MIT", "Qwen/Qwen2.5-7B": "Apache-2.0"}}
    assert may("host", *readings, context=stated).value is False


@pytest.mark.parametrize("what", ["lineage.base_models", "lineage.datasets"])
def test_a_base_model_that_is_named_among_the_data_too_binds_as_a_base_model(what: str) -> None:
    base = said("lineage.base_models", ("meta-llama/Llama-2-7b",))
    also = said(what, ("meta-llama/Llama-2-7b",), "data/README.md")
    answer = may("host", said("licence.declared", "MIT"), base, also, context=MANY_USERS)
    assert answer.value is False
    assert "700 million" in answer.why


def test_another_files_relation_does_not_stand_for_this_ones() -> None:
    readings = (
        said("licence.declared", "Apache-2.0"),
        said("lineage.base_models", ("some/base",), "README.md"),
        said("lineage.relation", "finetune_of", "README.md"),
        said("lineage.base_models", ("mistralai/Mistral-7B-v0.1",), "student/README.md"),
        said("lineage.relation", "distilled_from", "student/README.md"),
    )
    context = {"licences": {"some/base": "GPL-3.0", "mistralai/Mistral-7B-v0.1": "Apache-2.0"}}
    for order in (readings, readings[::-1]):
        assert may("distribute", *order, context=context, tier="T6").value is False


@pytest.mark.parametrize("domicile", ["Germany", "XX"])
def test_a_country_that_is_none_is_not_taken_for_one_outside_the_union(domicile: str) -> None:
    context = {"commercial": True, "monthly_active_users": 10, "modality": "multimodal", "domicile": domicile}
    assert (
        may("host", said("licence.declared", "Llama-3.2"), said("lineage.base_models", ()), context=context).value
        is None
    )


def test_more_parents_than_are_asked_are_unknown_and_no_crash() -> None:
    names = tuple(f"nobody/data-{index:05}" for index in range(MAX_PARENTS + 1))
    stated = {"licences": dict.fromkeys(names, "MIT")}
    answer = may("host_by_data", said("licence.declared", "MIT"), said("lineage.datasets", names), context=stated)
    assert answer.value is None
    assert f"only {MAX_PARENTS} were asked" in answer.why


def test_more_choices_than_can_be_weighed_are_unknown_and_no_crash() -> None:
    names = tuple(f"nobody/data-{index}" for index in range(8))
    stated = {"licences": dict.fromkeys(names, "MIT OR Llama-2")}
    readings = said("licence.declared", "MIT"), said("lineage.datasets", names)
    for key in ("host", "host_by_data"):
        answer = may(key, *readings, context=stated)
        assert answer.value is None
        assert "256 ways to choose" in answer.why


def test_a_parent_that_is_stated_twice_stands_under_both() -> None:
    stated = {"Example/Base": "MIT", "example/base": "CC-BY-NC-4.0"}
    readings = said("licence.declared", "MIT"), said("lineage.base_models", ("example/base",))
    for licences in (stated, dict(reversed(stated.items()))):
        assert may("host", *readings, context={"commercial": True, "licences": licences}).value is False
