"""Every room has a README that says what it owns and how to add one thing."""

from __future__ import annotations

from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "bascule"
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
