"""Every room has a README, and every test that a page names as its guard exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bascule"
ROOMS = [
    *(folder for folder in SOURCE.iterdir() if (folder / "__init__.py").is_file() and folder.name != "builtin"),
    *(folder for folder in (SOURCE / "builtin").iterdir() if folder.is_dir() and folder.name[0] not in "_."),
]


@pytest.mark.parametrize("room", sorted(ROOMS), ids=lambda room: str(room.relative_to(SOURCE)))
def test_a_room_says_what_it_owns_and_how_to_add_to_it(room: Path) -> None:
    text = (room / "README.md").read_text()
    assert "Owns" in text
    assert "To add" in text
    assert len(text.splitlines()) <= 16, "a room's README is about ten lines"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_the_guards_that_a_decision_record_names_exist(page: Path) -> None:
    for path, name in re.findall(r"`(tests/[^`:]+)(?:::(\w+))?`", page.read_text()):
        assert (ROOT / path).exists(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), name
