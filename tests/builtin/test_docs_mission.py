"""The mission page names only proofs that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/mission.md").read_text()
ROWS = [line.split("|") for line in PAGE.splitlines() if re.match(r"\| [A-L]\d+ ", line)]


def test_the_mission_has_its_ninety_rows() -> None:
    assert len({row[1].strip() for row in ROWS}) == 90


@pytest.mark.parametrize("proof", sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE))))
def test_a_proof_that_the_page_names_exists(proof: str) -> None:
    path, _, name = proof.partition("::")
    assert (ROOT / path).is_file()
    assert not name or f"def {name}(" in (ROOT / path).read_text()


def test_a_row_that_claims_something_names_its_proof() -> None:
    for row in ROWS:
        assert (row[3].strip() == "open") == (row[4].strip() == ""), row[1]
