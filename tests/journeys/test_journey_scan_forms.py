"""What a scan is kept for: to be compared, to be read by other tools, to watch a folder."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from bascule.journeys.inbox import watch
from bascule.kernel.errors import InputError
from bascule.records import ScanDocument
from bascule.records.changes import changes_since
from commands import Said, here

CALLS = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00hiq\x00\x85R."
PLAIN = b"\x80\x04N."


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.pkl").write_bytes(PLAIN)
    (folder / "b.pkl").write_bytes(PLAIN)
    return folder


def scanned(folder: Path, home: Path, *flags: str | Path) -> Said:
    return here("scan", folder, "--json", "--only", "pickle_opcodes", *flags, home=home)


def test_since_names_new_findings_and_changed_added_and_removed_files(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = scanned(model, home).json
    (model / "a.pkl").write_bytes(CALLS)
    (model / "b.pkl").unlink()
    (model / "c.pkl").write_bytes(PLAIN)
    said = scanned(model, home, "--since", first["baseline"])
    changes = said.json["changes"]
    assert said.code == 1
    assert changes["since"] == first["baseline"]
    assert (changes["added"], changes["removed"], changes["changed"]) == (["c.pkl"], ["b.pkl"], ["a.pkl"])
    assert [finding["rule"] for finding in changes["new"]] == ["pickle-calls-code"]
    assert changes["gone"] == []


def test_an_unchanged_folder_has_the_same_name_and_no_changes(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = scanned(model, home).json
    again = scanned(model, home, "--since", first["baseline"]).json
    assert again["baseline"] == first["baseline"]
    assert [again["changes"][name] for name in ("added", "removed", "changed", "new", "gone")] == [[]] * 5


def test_an_old_finding_is_still_in_the_answer_and_the_exit_code(model: Path, tmp_path: Path) -> None:
    (model / "a.pkl").write_bytes(CALLS)
    home = tmp_path / "home"
    first = scanned(model, home).json
    again = scanned(model, home, "--since", first["baseline"])
    assert again.code == 1
    assert again.json["changes"]["still"] == 1
    assert again.json["summary"]["unsafe"] == 1


def test_a_file_of_an_earlier_scan_serves_as_the_baseline(model: Path, tmp_path: Path) -> None:
    first = scanned(model, tmp_path / "home")
    (tmp_path / "then.json").write_text(first.out)
    again = scanned(model, tmp_path / "another", "--since", str(tmp_path / "then.json"))
    assert again.json["changes"]["since"] == first.json["baseline"]


def test_a_baseline_that_is_not_there_is_refused(model: Path, tmp_path: Path) -> None:
    scanned(model, tmp_path / "home", "--since", "sha256:" + "0" * 64).refuses("scan.no-such-baseline")


def test_a_baseline_that_was_edited_is_refused(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    name = scanned(model, home).json["baseline"]
    kept = home / "scans" / f"{name.split(':')[1]}.json"
    kept.write_text(kept.read_text().replace('"clean"', '"error"'))
    scanned(model, home, "--since", name).refuses("scan.bad-baseline")


def test_swapping_two_scans_swaps_what_is_new_and_what_is_gone(model: Path, tmp_path: Path) -> None:
    before = ScanDocument.model_validate(scanned(model, tmp_path / "home").json)
    (model / "a.pkl").write_bytes(CALLS)
    after = ScanDocument.model_validate(scanned(model, tmp_path / "home").json)
    there, back = changes_since(before, after), changes_since(after, before)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert (there.new, there.gone, there.still) == (back.gone, back.new, back.still)


def test_cyclonedx_lists_every_file_and_gives_each_finding_a_vex_status(model: Path, tmp_path: Path) -> None:
    (model / "a.pkl").write_bytes(CALLS)
    (model / "b.pkl").write_bytes(b"\x80\x04" + b"\x8c")
    out = tmp_path / "bom.json"
    scanned(model, tmp_path / "home", "--cyclonedx", out)
    bom = json.loads(out.read_bytes())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    names = {component["bom-ref"]: component["name"] for component in bom["components"]}
    states = {(names[row["affects"][0]["ref"]], row["id"]): row["analysis"]["state"] for row in bom["vulnerabilities"]}
    assert states["a.pkl", "pickle-calls-code"] == "exploitable"
    assert states["b.pkl", "pickle-malformed"] in ("in_triage", "exploitable")
    assert all(component["hashes"] for component in bom["components"])
    cited = next(row for row in bom["vulnerabilities"] if row["id"] == "pickle-calls-code")
    assert 502 in cited["cwes"]


def cyclonedx_schema() -> Draft7Validator:
    """The official schema of 1.6, out of the CycloneDX project's own package."""
    place = resources.files("cyclonedx.schema._res")
    names = {"bom-1.6": "http://cyclonedx.org/schema/bom-1.6.schema.json"}
    names |= {"spdx": "http://cyclonedx.org/schema/spdx.schema.json"}
    names |= {"jsf-0.82": "http://cyclonedx.org/schema/jsf-0.82.schema.json"}
    read = {uri: json.loads((place / f"{name}.SNAPSHOT.schema.json").read_text()) for name, uri in names.items()}
    registry: Registry[object] = Registry().with_resources(
        (uri, Resource.from_contents(schema, default_specification=DRAFT7)) for uri, schema in read.items()
    )
    return Draft7Validator(read[names["bom-1.6"]], registry=registry)


def test_cyclonedx_is_valid_by_the_official_schema(model: Path, tmp_path: Path) -> None:
    (model / "a.pkl").write_bytes(CALLS)
    (model / "b.pkl").write_bytes(b"\x80\x04" + b"\x8c")
    out = tmp_path / "bom.json"
    here("scan", model, "--json", "--cyclonedx", out, home=tmp_path / "home")
    assert [error.message for error in cyclonedx_schema().iter_errors(json.loads(out.read_bytes()))] == []


def test_cyclonedx_of_the_same_bytes_is_the_same_bytes(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        scanned(model, tmp_path / name, "--cyclonedx", tmp_path / f"{name}.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_files_given_by_name_keep_their_names(model: Path, tmp_path: Path) -> None:
    said = here("scan", model / "a.pkl", model / "b.pkl", model, "--json", home=tmp_path / "home")
    paths = sorted(row["path"] for row in said.json["files"])
    assert paths == sorted([f"{model}/a.pkl", f"{model}/a.pkl", f"{model}/b.pkl", f"{model}/b.pkl"])


def fake_scan(path: Path) -> ScanDocument:
    if path.name == "bad":
        raise InputError("intake.unreadable", "it cannot be read", "mend it")
    return ScanDocument(files=(), summary={"clean": 0, "unsafe": 0, "error": 0})


def test_a_model_is_scanned_once_it_has_stopped_growing(tmp_path: Path) -> None:
    inbox, answers = tmp_path / "inbox", tmp_path / "answers"
    inbox.mkdir()
    (inbox / "m").mkdir()
    (inbox / "m" / "w").write_bytes(b"1")
    (inbox / "late.bin.part").write_bytes(b"1")
    grown: list[int] = []

    def grow(_seconds: float) -> None:
        grown.append(1)
        if len(grown) == 1:
            (inbox / "m" / "w").write_bytes(b"12")

    seen = [(arrival.path.name, len(grown)) for arrival in watch(inbox, answers, fake_scan, rounds=5, sleep=grow)]
    assert seen == [("m", 2)]


def test_a_restart_scans_nothing_twice_and_a_change_again(tmp_path: Path) -> None:
    inbox, answers = tmp_path / "inbox", tmp_path / "answers"
    inbox.mkdir()
    (inbox / "m.bin").write_bytes(b"1")

    def arrivals() -> list[str]:
        return [seen.path.name for seen in watch(inbox, answers, fake_scan, rounds=2, sleep=lambda _: None)]

    assert arrivals() == ["m.bin"]
    assert arrivals() == []
    (inbox / "m.bin").write_bytes(b"123")
    assert arrivals() == ["m.bin"]
    assert len(list(answers.iterdir())) == 2


def test_a_model_that_cannot_be_taken_in_has_an_answer_that_says_so(tmp_path: Path) -> None:
    inbox, answers = tmp_path / "inbox", tmp_path / "answers"
    inbox.mkdir()
    (inbox / "bad").mkdir()
    (arrival,) = watch(inbox, answers, fake_scan, rounds=2, sleep=lambda _: None)
    assert arrival.why is not None
    assert json.loads(arrival.answer.read_bytes())["schema"] == "bascule.error/v1"


def test_answers_inside_the_watched_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would lie"):
        next(watch(tmp_path, tmp_path / "answers", fake_scan))
