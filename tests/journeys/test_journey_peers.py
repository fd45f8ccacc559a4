"""Other scanners beside ours: shown on request, imported as evidence, and never the reason for a kinder answer."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from builders import write
from commands import Said, here
from peering import PRINTS, answering, stand_in

pytestmark = pytest.mark.xdist_group("journey-peers")


class Shell:
    """A pickle that calls `os.system`; it is never loaded here."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, ("true",)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers") / "home"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {"bad.pkl": pickle.dumps(Shell(), 2), "good.pkl": pickle.dumps({"a": [1]}, 2)}
    return write(tmp_path_factory.mktemp("peers-model") / "model", files)


def scan(model: Path, home: Path, peers: str) -> dict[str, Any]:
    said = here("scan", model, "--explain-against", peers, "--json", home=home)
    assert said.code == 1
    return {file["path"]: file for file in said.json["files"]}


@pytest.mark.parametrize("verdict", ["finding", "clean", "not-scanned", "error"])
def test_what_a_peer_says_stands_beside_ours_and_changes_nothing(
    model: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str
) -> None:
    answering(tmp_path, "modelscan", verdict)
    monkeypatch.setenv("BASCULE_PEERS", str(tmp_path))
    files = scan(model, home, "modelscan,fickling")
    assert {path: file["outcome"] for path, file in files.items()} == {"bad.pkl": "unsafe", "good.pkl": "clean"}
    for file in files.values():
        first, second = file["peers"]
        assert (first["peer"], first["verdict"]) == ("modelscan", verdict)
        assert (second["peer"], second["verdict"]) == ("fickling", "not-available")
        assert "install `fickling`" in second["lines"][0]
    alone = here("scan", model, "--json", home=home).json
    assert (
        alone["baseline"] == here("scan", model, "--explain-against", "modelscan", "--json", home=home).json["baseline"]
    )
    assert [file["peers"] for file in alone["files"]] == [[], []]


def test_a_member_of_an_archive_is_shown_under_a_name_that_ends_as_its_own(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = 'print("x: dangerous import \'" + os.path.basename(sys.argv[-1]) + "\' FOUND\\nScanned files: 1")'
    body = f"{seen}; sys.exit(1)"
    stand_in(tmp_path / "peers", "picklescan", body)
    monkeypatch.setenv("BASCULE_PEERS", str(tmp_path / "peers"))
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as archive:
        archive.writestr("sub/weights.pkl", pickle.dumps([1], 2))
    said = here("scan", tmp_path / "model.zip", "--explain-against", "picklescan", "--json", home=home)
    (file,) = [file for file in said.json["files"] if file["path"].endswith("weights.pkl")]
    assert file["peers"][0]["verdict"] == "finding"
    assert "weights.pkl" in file["peers"][0]["lines"][0]


def test_a_table_shows_both_answers(model: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(tmp_path, "picklescan", "clean")
    monkeypatch.setenv("BASCULE_PEERS", str(tmp_path))
    said = here("scan", model, "--explain-against", "picklescan", home=home)
    rows = [line.split() for line in said.out.splitlines()]
    bad = rows.index(["bad.pkl"])
    assert rows[bad + 1][2:] == ["unsafe", "pickle-calls-code"]
    assert rows[bad + 2][:3] == ["picklescan", "9.9", "clean"]


def test_an_unknown_peer_is_told_with_the_nearest_name(model: Path, home: Path) -> None:
    said = here("scan", model, "--explain-against", "modelscam", "--json", home=home)
    assert "modelscam" in said.refuses("peers.unknown-name")
    assert "modelscan" in said.json["hint"]


def imported(result: Path, peer: str, about: str | Path, home: Path) -> Said:
    return here("ledger", "import", result, "--from", peer, "--about", about, "--json", home=home)


def decided(model: Path, home: Path) -> dict[str, Any]:
    found: dict[str, Any] = here("decide", model, "--tier", "T1", "--json", home=home).json
    return found


def test_a_result_is_kept_as_it_came_and_its_alarm_is_seen_in_the_next_decision(
    model: Path, home: Path, tmp_path: Path
) -> None:
    here("review", model, "--tier", "T1", "--json", home=home)
    before = decided(model, home)
    result = tmp_path / "result.json"
    result.write_text(PRINTS["modelscan"]["finding"].replace("model.pt:archive", "good.pkl:archive"))
    (row,) = imported(result, "modelscan", model, home).json["evidence"]
    assert (row["tool"], row["alarms"], row["results"][0]["verdict"]) == ("peer-modelscan", 1, "finding")
    assert here("ledger", "envelope", row["results"][0]["digest"], tmp_path / "kept", home=home).code == 0
    assert (tmp_path / "kept").read_bytes() == result.read_bytes()
    after = decided(model, home)
    (finding,) = [each for each in after["findings"] if each["rule"] == "peer-modelscan-alarm"]
    assert (finding["outcome"], finding["artefact"], finding["location"]) == ("true", "good.pkl", "archive/data.pkl")
    assert finding["evidence"] == row["digest"]
    assert after["granted"] == before["granted"]

    # A later result that says nothing takes nothing back.
    result.write_text(PRINTS["modelscan"]["clean"])
    (later,) = imported(result, "modelscan", model, home).json["evidence"]
    assert later["alarms"] == 1
    assert later["digest"] != row["digest"]
    assert here("ledger", "verify", home=home).code == 0


def test_a_clean_result_is_recorded_and_answers_nothing(model: Path, home: Path, tmp_path: Path) -> None:
    here("review", model, "--tier", "T1", "--json", home=home)
    before = decided(model, home)
    (tmp_path / "result.json").write_text(PRINTS["hayward"]["clean"])
    (row,) = imported(tmp_path / "result.json", "hayward", model, home).json["evidence"]
    assert row["alarms"] == 0
    after = decided(model, home)
    assert after["granted"] == before["granted"]
    assert row["digest"] in [each["digest"] for each in after["evidence"]]
    assert not [
        each for each in after["findings"] if each["rule"] == "peer-hayward-alarm" and each["outcome"] == "true"
    ]


def test_what_is_no_result_or_about_nothing_known_is_refused_whole(model: Path, home: Path, tmp_path: Path) -> None:
    here("review", model, "--tier", "T1", "--json", home=home)
    (tmp_path / "result.json").write_text(PRINTS["hayward"]["clean"])
    (tmp_path / "other.txt").write_text("hello")
    before = here("ledger", "show", "--json", home=home).json
    assert imported(tmp_path / "other.txt", "hayward", model, home).refuses("external.not-a-result")
    assert imported(tmp_path / "gone.json", "hayward", model, home).refuses("external.unreadable")
    assert imported(tmp_path / "result.json", "haywards", model, home).refuses("external.unknown-peer")
    assert imported(tmp_path / "result.json", "hayward", tmp_path / "x", home).refuses("decide.unknown-subject")
    both = here(
        "ledger",
        "import",
        tmp_path / "result.json",
        tmp_path / "other.txt",
        "--from",
        "hayward",
        "--about",
        model,
        "--json",
        home=home,
    )
    assert both.refuses("external.not-a-result")
    assert here("ledger", "show", "--json", home=home).json == before
