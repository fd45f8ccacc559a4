"""The clauses of content, data, code and use-restricted licences, asked what people ask of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from bascule.journeys.licence import solve_case
from bascule.records.licence_answers import LicenceVerdict
from packs import pack_files, shipped_pack

DAY = date(2026, 11, 25)


def asked(
    act: str,
    *edges: tuple[str, str],
    given: str = "",
    commercial: bool = True,
    policy: str | None = None,
    **context: Any,
) -> LicenceVerdict:
    """What is made from parents, each (licence, act of making), and used so. given: the licence it is given under."""
    names = [f"parent{index}" for index in range(len(edges))]
    case = {
        "artefacts": {name: {"licence": licence} for name, (licence, _) in zip(names, edges, strict=True)}
        | {"made": {"licence": given} if given else {}},
        "edges": [{"from": name, "to": "made", "act": how} for name, (_, how) in zip(names, edges, strict=True)],
        "use": {"act": act, "commercial": commercial},
        "context": context,
    } | ({"policy": policy} if policy else {})
    return solve_case(yaml.safe_dump(case).encode(), "case.yaml", shipped_pack("default"), DAY)


def owed(verdict: LicenceVerdict) -> set[str]:
    return {duty.kind for duty in verdict.obligations}


def test_every_file_of_clauses_is_a_row_of_the_pack_and_every_pointer_leads_to_a_file() -> None:
    files = {name.removeprefix("licences/").removesuffix(".yaml") for name in pack_files("default") if "/" in name}
    files = {name for name in files if f"licences/{name}.yaml" in pack_files("default")}
    rows = shipped_pack("default").licence_classes
    assert files <= set(rows)
    assert {row["terms"] for row in rows.values() if "terms" in row} <= files
    assert [name for name, row in rows.items() if "terms" in row and name in files] == []


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT", "BSD-3-Clause", "BSD-2-Clause", "CC-BY-4.0"])
def test_a_permissive_licence_allows_commerce_and_asks_for_its_notice(licence: str) -> None:
    answer = asked("distribute_weights", (licence, "finetune"), given="MIT")
    assert answer.verdict == "allow"
    assert "notice" in owed(answer)


def test_public_domain_asks_for_nothing() -> None:
    answer = asked("distribute_weights", ("CC0-1.0", "train_on"))
    assert (answer.verdict, owed(answer)) == ("allow", set())


@pytest.mark.parametrize("licence", ["CDLA-Permissive-2.0", "CDLA-Permissive-1.0", "CDLA-Sharing-1.0"])
def test_results_of_community_data_are_free(licence: str) -> None:
    answer = asked("distribute_weights", (licence, "train_on"), given="Apache-2.0")
    assert answer.verdict == "allow"
    assert not [duty for duty in answer.obligations if duty.licence == licence]


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-3.0", "CC-BY-NC-ND-4.0"])
def test_non_commercial_weights_may_not_earn_money_and_non_commercial_data_is_contested(licence: str) -> None:
    assert asked("host", (licence, "quantise")).verdict == "deny"
    assert asked("use", (licence, "train_on")).verdict == "unknown"
    assert asked("use", (licence, "train_on"), policy="strict").verdict == "deny"
    assert asked("use", (licence, "train_on"), policy="lenient").verdict == "allow"
    assert asked("use", (licence, "train_on"), commercial=False).verdict == "allow"


@pytest.mark.parametrize("licence", ["CC-BY-SA-4.0", "CC-BY-SA-3.0", "GPL-3.0-only", "AGPL-3.0", "GPL-2.0"])
def test_share_alike_keeps_changed_weights_under_the_same_licence(licence: str) -> None:
    assert asked("distribute_weights", (licence, "finetune"), given="MIT").verdict == "deny"
    answer = asked("distribute_weights", (licence, "finetune"), given=licence)
    assert answer.verdict == "allow"
    assert "share-alike" in owed(answer)


def test_share_alike_goes_to_a_later_version_and_never_to_an_earlier_one() -> None:
    assert asked("distribute_weights", ("CC-BY-SA-3.0", "finetune"), given="CC-BY-SA-4.0").verdict == "allow"
    assert asked("distribute_weights", ("CC-BY-SA-4.0", "finetune"), given="CC-BY-SA-3.0").verdict == "deny"
    assert asked("distribute_weights", ("GPL-2.0-or-later", "finetune"), given="GPL-3.0").verdict == "allow"
    assert asked("distribute_weights", ("GPL-2.0-only", "finetune"), given="GPL-3.0").verdict == "deny"


def test_source_is_owed_over_a_network_under_affero_alone() -> None:
    assert "source" in owed(asked("host", ("AGPL-3.0", "finetune")))
    assert "source" not in owed(asked("host", ("GPL-3.0", "finetune")))


def test_what_is_adapted_from_no_derivatives_stays_at_home() -> None:
    assert asked("internal", ("CC-BY-ND-4.0", "finetune")).verdict == "allow"
    assert asked("distribute_weights", ("CC-BY-ND-4.0", "finetune")).verdict == "deny"
    assert asked("distribute_weights", ("CC-BY-ND-4.0", "train_on")).verdict == "unknown"
    assert asked("internal", ("CC-BY-NC-ND-3.0", "finetune"), commercial=False).verdict == "deny"


RAIL = (
    "BigScience-OpenRAIL-M",
    "BigScience-BLOOM-RAIL-1.0",
    "BigCode-OpenRAIL-M",
    "CreativeML-OpenRAIL-M",
    "CreativeML-OpenRAIL++-M",
)


@pytest.mark.parametrize("licence", RAIL)
@pytest.mark.parametrize("way", ["finetune", "distil"])
def test_use_restrictions_follow_the_weights_and_what_learns_from_them(licence: str, way: str) -> None:
    answer = asked("host", (licence, way))
    assert answer.verdict == "allow"
    assert "use-policy" in owed(answer)
    assert asked("distribute_weights", (licence, way), given="Apache-2.0").verdict == "deny"


def test_only_the_language_texts_ask_to_say_that_a_machine_made_it() -> None:
    filtered = ["content_filter"]
    assert asked("host", ("BigScience-BLOOM-RAIL-1.0", "finetune"), safeguards=filtered).verdict == "deny"
    assert asked("host", ("CreativeML-OpenRAIL-M", "finetune"), safeguards=filtered).verdict == "allow"


def test_the_community_licence_ends_at_a_million_of_revenue() -> None:
    edge = ("Stability-Community", "finetune")
    assert asked("host", edge, revenue_usd=500_000).verdict == "allow"
    assert asked("host", edge, revenue_usd=2_000_000).verdict == "deny"
    assert asked("host", edge).verdict == "unknown"
    assert asked("host", edge, commercial=False, revenue_usd=2_000_000).verdict == "allow"
    assert asked("internal", edge, revenue_usd=2_000_000).verdict == "deny"
    assert asked("internal", given=edge[0], revenue_usd=2_000_000, user_of_product=True).verdict == "allow"


def test_a_model_of_the_tongyi_family_may_improve_another_of_it_and_no_stranger() -> None:
    assert asked("host", ("Tongyi-Qianwen", "distil"), ("Apache-2.0", "finetune"), mau=1000).verdict == "deny"
    within = ("Tongyi-Qianwen", "distil"), ("Tongyi-Qianwen-Research", "finetune")
    assert asked("internal", *within, commercial=False, purpose="research", mau=1000).verdict == "allow"


def test_a_rail_fine_tune_may_stand_under_other_terms_only_where_a_person_finds_its_restrictions_in_them() -> None:
    for given in ("BigCode-OpenRAIL-M", "OpenRAIL-M"):
        assert asked("distribute_weights", ("CreativeML-OpenRAIL-M", "finetune"), given=given).verdict == "unknown"


def test_a_research_community_licence_may_be_used_and_never_hosted() -> None:
    edge = ("Stability-NC-Research", "finetune")
    assert asked("internal", edge, commercial=False, purpose="research").verdict == "allow"
    assert asked("host", edge, commercial=False, purpose="research").verdict == "deny"


def test_outputs_of_a_service_train_a_commercial_model_only_where_the_policy_is_lenient() -> None:
    edge = ("OpenAI-Output-Terms", "train_on")
    assert asked("host", edge).verdict == "unknown"
    assert asked("host", edge, policy="strict").verdict == "deny"
    assert asked("host", edge, policy="lenient").verdict == "allow"
    assert asked("host", edge, commercial=False).verdict == "allow"


@pytest.mark.parametrize("licence", ["H-Research", "proprietary", "OpenRAIL-M"])
def test_a_text_that_is_not_known_is_never_enough_to_give_other_terms(licence: str) -> None:
    assert asked("distribute_weights", (licence, "finetune"), given="Apache-2.0").verdict != "allow"


@pytest.mark.parametrize("licence", ["H-Research", "proprietary"])
def test_terms_that_nobody_could_read_allow_nothing(licence: str) -> None:
    for act in ("internal", "host", "distribute_weights"):
        assert asked(act, (licence, "finetune")).verdict == "unknown"
