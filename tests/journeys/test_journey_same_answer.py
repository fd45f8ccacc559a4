"""The same bytes, policy and date give the same decision; other bytes are another subject."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from builders import config, embedding_model, write
from commands import here, run

pytestmark = pytest.mark.xdist_group("journey-same-answer")
AS_OF = "2027-01-15T12:00:00Z"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("same") / "model", embedding_model())


@pytest.fixture(scope="module")
def first(model: Path, home: Path) -> dict[str, object]:
    document: dict[str, object] = here("review", model, "--as-of", AS_OF, "--json", home=home).json
    return document


def envelopes(home: Path) -> set[str]:
    rows = here("ledger", "show", "--kind", "evidence", "--limit", "10000", "--json", home=home).json["entries"]
    return {row["digest"] for row in rows}


def test_a_second_review_reuses_evidence_and_decides_the_same(
    model: Path, home: Path, first: dict[str, object]
) -> None:
    before = envelopes(home)
    again = run("review", model, "--as-of", AS_OF, "--json", home=home).json
    assert again["decision"] == first["decision"]
    assert envelopes(home) == before
    assert all(line["reused"] for line in again["evidence"])


def test_the_same_bytes_at_another_path_get_the_same_decision(
    model: Path, home: Path, tmp_path: Path, first: dict[str, object]
) -> None:
    copy = shutil.copytree(model, tmp_path / "a copy")
    again = here("review", copy, "--as-of", AS_OF, "--json", home=home).json
    assert again["subject"]["digest"] == first["subject"]["digest"]  # type: ignore[index]
    assert again["decision"] == first["decision"]


def test_fresh_collects_again(model: Path, home: Path, first: dict[str, object]) -> None:
    before = envelopes(home)
    document = here("review", model, "--fresh", "--as-of", AS_OF, "--json", home=home).json
    assert not any(line["reused"] for line in document["evidence"])
    assert document["verdict"] == first["verdict"]
    # Collected within the same second, an envelope may be the same bytes; none of the old ones is lost.
    assert before <= envelopes(home)


def test_a_changed_byte_is_another_subject_and_is_scanned_again(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", embedding_model())
    before = here("review", model, "--json", home=home).json
    (model / "config.json").write_bytes(config(hidden_size=7))
    after = here("review", model, "--json", home=home).json
    assert after["subject"]["digest"] != before["subject"]["digest"]
    assert not any(line["reused"] for line in after["evidence"])


def test_a_renamed_file_is_another_subject(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", embedding_model(**{"notes.txt": b"some notes\n"}))
    before = here("review", model, "--json", home=home).json
    (model / "notes.txt").rename(model / "other.txt")
    after = here("review", model, "--json", home=home).json
    assert after["subject"]["digest"] != before["subject"]["digest"]


def test_only_collects_with_one_scanner_and_never_opens_more(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", embedding_model(**{"notes.txt": b"for `--only`\n"}))
    part = here("review", model, "--tier", "T6", "--only", "safetensors_header", "--json", home=home).json
    assert {line["tool"] for line in part["evidence"]} == {"safetensors_header"}
    assert part["verdict"] != "granted"
    by_rule = here("review", model, "--tier", "T6", "--only", "pickle-calls-code", "--json", home=home).json
    assert {line["tool"] for line in by_rule["evidence"]} == {"pickle_opcodes", "safetensors_header"}
    whole = here("review", model, "--tier", "T6", "--json", home=home).json
    assert whole["verdict"] == "granted"


def test_only_with_an_unknown_name_says_what_is_near(home: Path, model: Path) -> None:
    said = here("review", model, "--only", "pickle_opcode", "--json", home=home)
    said.refuses("review.unknown-name")
    assert "pickle_opcodes" in said.err
