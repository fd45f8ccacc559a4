"""What a repository documents about itself."""

from __future__ import annotations

from bascule.builtin.scanners.documentation import plugin
from bascule.plugins.testing import check_scanner


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []
