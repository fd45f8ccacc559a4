"""What could not be looked at is not clean: a binary nobody reads, a file that moves, a scanner that fails to load."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bascule.attest import KeyRing, sign_observations
from bascule.collect.intake import Inventory
from bascule.journeys import review, scan
from bascule.journeys.parts import Parts
from bascule.kernel.clock import FixedClock
from bascule.records import Outcome
from bascule.settings import Settings
from bascule.wiring import open_parts
from builders import embedding_model, pickle_that_would_call, write
from commands import here

Swap = Callable[[Callable[[Path], None]], None]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    with open_parts(Settings(home=tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Swap:
    """Does something to the folder after it was taken in and before it is read, as somebody who writes to it could."""

    def swap(act: Callable[[Path], None]) -> None:
        for journey in (scan, review):
            taken = journey.take_in

            def take_in(*arguments: object, taken: Callable[..., Inventory] = taken) -> Inventory:
                inventory = taken(*arguments)
                act(inventory.root)
                return inventory

            monkeypatch.setattr(journey, "take_in", take_in)

    return swap


def replace_weights(root: Path) -> None:
    (root / "fresh").write_bytes(b"N.")
    (root / "fresh").replace(root / "pytorch_model.bin")


def test_a_binary_that_no_reader_knows_is_not_clean(tmp_path: Path) -> None:
    model = write(tmp_path / "model", {"model.bin": b"\xee\xdd\x01\0" * 40})
    said = here("scan", str(model), "--json", home=tmp_path / "home")
    assert said.code == 2
    assert [file["outcome"] for file in said.json["files"]] == ["error"]


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["zip", "zip.gz"])
def test_what_an_archive_among_the_files_holds_is_found_as_when_the_archive_is_given_alone(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    inner = zipped({"train.py": b"import os\nos.sys" + b"tem('true')\n"})
    model = write(tmp_path / "model", embedding_model(**{"more.zip": pack(inner)}))
    said = here("scan", str(model), "--json", home=tmp_path / "home")
    row = next(file for file in said.json["files"] if file["path"] == "more.zip")
    assert (said.code, row["outcome"]) == (1, "unsafe")
    assert any("train.py" in finding["location"] for finding in row["findings"]), row
    (alone,) = write(tmp_path / "alone", {"more.zip": inner}).iterdir()
    said = here("scan", str(alone), "--json", home=tmp_path / "home")
    assert [(file["path"], file["outcome"]) for file in said.json["files"]] == [("train.py", "unsafe")]


def test_a_sound_model_is_clean(tmp_path: Path) -> None:
    said = here("scan", str(write(tmp_path / "model", embedding_model())), "--json", home=tmp_path / "home")
    assert said.code == 0, said.json


def test_a_file_swapped_after_intake_is_an_error_and_not_left_out_of_a_scan(
    tmp_path: Path, parts: Parts, between: Swap
) -> None:
    model = write(tmp_path / "model", {"pytorch_model.bin": pickle_that_would_call(), "README.md": b"# A model\n"})
    between(replace_weights)
    document = scan.scan((str(model),), parts)
    assert {file.path: file.outcome for file in document.files}["pytorch_model.bin"] == "error"


def test_a_file_swapped_after_intake_is_noted_in_the_subject_and_part_of_its_digest(
    tmp_path: Path, parts: Parts, between: Swap
) -> None:
    model = write(tmp_path / "model", {"pytorch_model.bin": pickle_that_would_call(), "README.md": b"# A model\n"})
    alone = review.collect(str(write(tmp_path / "alone", {"README.md": b"# A model\n"})), parts).subject
    between(replace_weights)
    swapped = review.collect(str(model), parts).subject
    assert [(note.path, note.blocks) for note in swapped.notes] == [("pytorch_model.bin", True)]
    assert swapped.digest != alone.digest


def test_a_scanner_that_does_not_load_leaves_no_file_clean(tmp_path: Path, parts: Parts) -> None:
    model = write(tmp_path / "model", {"README.md": b"# A model\n"})
    first, *others = parts.scanners
    broken = replace(first, plugin=None, error="ImportError: gone")
    document = scan.scan((str(model),), replace(parts, scanners=(broken, *others)))
    assert [file.outcome for file in document.files] == ["error"]


def test_evidence_that_others_give_about_themselves_does_not_spare_a_scan(tmp_path: Path, parts: Parts) -> None:
    model = write(tmp_path / "model", {"pytorch_model.bin": pickle_that_would_call()})
    first = review.collect(str(model), parts)
    vendor = KeyRing(tmp_path / "vendor")
    vendor.export(tmp_path / "vendor.pem")
    parts.keyring.trust(tmp_path / "vendor.pem", "Vendor", "self-reported")
    ours = next(item for item in first.evidence if item.slot.tool == "pickle_opcodes")
    assert ours.observations is not None
    clean = ours.observations.model_copy(
        update={
            "findings": (),
            "answers": tuple(
                answer.model_copy(update={"outcome": Outcome.FALSE}) for answer in ours.observations.answers
            ),
        }
    )
    now = parts.clock.now()
    parts.store.record_evidence(sign_observations(first.subject, clean, now, now + timedelta(days=9), vendor))
    again = review.collect(str(model), replace(parts, clock=FixedClock(now + timedelta(minutes=1))))
    speaking = next(item for item in again.evidence if item.slot.tool == "pickle_opcodes")
    assert speaking.producer is not None
    assert speaking.producer.key_id == parts.keyring.key_id
