"""Reviewed subjects that several claims of one module read. A module's claims share one home; nothing is mocked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from builders import write
from commands import Said, here

Review = Callable[..., Said]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One `--home` for the module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Mapping[str, bytes]], Path]:
    """Writes a built repository once: place(name, files)."""
    root = tmp_path_factory.mktemp("models")
    return lambda name, files: write(root / name, files)


@pytest.fixture(scope="module")
def review(home: Path) -> Review:
    """`bascule review … --json` in this process, under the module's home."""
    return lambda *arguments: here("review", *arguments, "--json", home=home)
