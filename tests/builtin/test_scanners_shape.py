"""Every scanner that is found is fit to ship: its description, and its own examples."""

from __future__ import annotations

import pytest

from bascule.plugins.registry import Loaded, discover
from bascule.plugins.testing import check_scanner

SCANNERS = discover("scanners")


def test_built_in_scanners_are_found() -> None:
    assert {"safetensors_header", "unreadable_binary"} <= {loaded.id for loaded in SCANNERS}


@pytest.mark.parametrize("loaded", SCANNERS, ids=lambda loaded: loaded.id)
def test_a_scanner_is_fit_to_ship(loaded: Loaded) -> None:
    assert not loaded.error, loaded.error
    faults = check_scanner(loaded.plugin)
    assert not faults, "\n".join(faults)


def test_no_two_scanners_ask_under_one_rule_id() -> None:
    rules = [rule.id for loaded in SCANNERS if loaded.plugin is not None for rule in loaded.plugin.meta.rules]
    assert sorted(rules) == sorted(set(rules))
