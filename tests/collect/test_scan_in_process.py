"""The same pass without a sandbox says the same, for files that every built-in scanner was made for."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bascule.collect.intake import Inventory
from bascule.collect.scan import Examined, ScanOptions, examine, examine_in_process
from bascule.plugins.registry import working
from bascule.records import Outcome
from scanning import inventory_of, write_examples

SCANNERS = working("scanners")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """The files of every example of every built-in scanner, hostile ones among them."""
    root = tmp_path_factory.mktemp("examples")
    write_examples(root)
    return inventory_of(root)


def said(examined: Examined) -> dict[str, object]:
    """All of it, but what held the scanners."""
    return {
        name: observations.model_copy(update={"environment": {}, "limits": ()})
        for name, observations in examined.observations.items()
    }


def test_both_passes_say_the_same(everything: Inventory) -> None:
    options = ScanOptions(hashes=("sha256", "blake3"))
    held, free = examine(everything, SCANNERS, options), examine_in_process(everything, SCANNERS, options)
    assert free.artefacts == held.artefacts
    assert free.looked == held.looked
    assert free.failed == held.failed
    assert said(free) == said(held)


def test_a_changed_file_fails_here_as_well(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    inventory = inventory_of(tmp_path)
    (tmp_path / "README.md").write_text("longer")
    examined = examine_in_process(inventory, SCANNERS)
    assert [note.path for note in examined.failed] == ["README.md"]
    answers = [a.outcome for o in examined.observations.values() for a in o.answers]
    assert answers
    assert set(answers) == {Outcome.ERROR}


def test_no_digest_is_computed_that_nobody_wants(everything: Inventory) -> None:
    one = dataclasses.replace(everything, entries=everything.entries[:3])
    examined = examine_in_process(one, (), ScanOptions(hashes=()))
    assert [(looked.sha256, looked.blake3) for looked in examined.looked] == [(None, None)] * 3
    assert examined.artefacts == ()
