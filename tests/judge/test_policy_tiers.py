"""Tier specs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.policy.tiers import fault_of, tier_matches, tiers_of
from bascule.kernel.errors import InputError

RELEASE = tuple(f"T{number}" for number in range(9))


@pytest.mark.parametrize(
    ("spec", "tiers"),
    [
        (">=T5", "T5 T6 T7 T8"),
        ("<=T2", "T0 T1 T2"),
        ("T2-T4", "T2 T3 T4"),
        ("T7", "T7"),
        ("T0, T7-T8", "T0 T7 T8"),
        (" >= T7 ", "T7 T8"),
        (">=A3", ""),
        (">=T8, >=A3", "T8"),
    ],
)
def test_a_spec_means_these_tiers(spec: str, tiers: str) -> None:
    assert tiers_of(spec, RELEASE) == tuple(tiers.split())


@pytest.mark.parametrize("spec", ["", "T9+", "T4-T2", "T2-A3", ">T5", "5", "T5,", ">=T2-T3", "t5"])
def test_a_spec_that_says_nothing_is_refused(spec: str) -> None:
    assert fault_of(spec)
    with pytest.raises(InputError) as caught:
        tier_matches(spec, "T5")
    assert caught.value.code == "policy.bad-tiers"


@given(low=st.integers(0, 9), high=st.integers(0, 9), tier=st.integers(0, 9), letter=st.sampled_from("TA"))
def test_a_range_is_an_interval_on_one_ladder(low: int, high: int, tier: int, letter: str) -> None:
    spec = f"T{min(low, high)}-T{max(low, high)}"
    assert tier_matches(spec, f"{letter}{tier}") == (letter == "T" and min(low, high) <= tier <= max(low, high))
