"""contracts.md, to the letter, through the real command in a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from builders import embedding_model, unfit_model
from commands import Said, run

pytestmark = pytest.mark.xdist_group("journey-contract")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
DIMENSIONS = ["misuse", "safety", "privacy", "security", "licensing", "reliability", "economics", "governance"]
Place = Callable[[str, Mapping[str, bytes]], Path]


@pytest.fixture(scope="module")
def granted(home: Path, place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    out = tmp_path_factory.mktemp("out")
    model = place("embedding", embedding_model())
    return run("review", model, "--tier", "T6", "--json", "--out", out, home=home), out


@pytest.fixture(scope="module")
def refused(home: Path, place: Place) -> Said:
    return run("review", place("unfit", unfit_model()), "--tier", "T6", "--json", home=home)


@pytest.fixture(scope="module")
def scanned(home: Path, place: Place, tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, Path]:
    sarif = tmp_path_factory.mktemp("sarif") / "scan.sarif"
    files = {**unfit_model(), "weights/model.safetensors": b"\x10\0\0\0\0\0\0\0{", "tab\there.txt": b"plain text\n"}
    return run("scan", place("to-scan", files), "--json", "--sarif", sarif, home=home), sarif


def schema_of(name: str) -> Any:
    return run("schema", "show", name).json


def test_the_exit_code_is_the_verdict(granted: tuple[Said, Path], refused: Said) -> None:
    assert (granted[0].code, granted[0].json["verdict"]) == (0, "granted")
    assert (refused.code, refused.json["verdict"]) == (1, "refused")


def test_json_goes_to_stdout_and_talk_to_stderr(granted: tuple[Said, Path]) -> None:
    said, _out = granted
    assert said.out.count('"schema": "bascule.review/v1"') == 1
    assert said.json["schema"] == "bascule.review/v1"
    assert "wrote " in said.err
    assert "Traceback" not in said.err


def test_review_has_every_field_of_the_contract(granted: tuple[Said, Path], refused: Said) -> None:
    for document in (granted[0].json, refused.json):
        subject = document["subject"]
        assert DIGEST.fullmatch(subject["digest"])
        for artefact in subject["artefacts"]:
            assert {"path", "kind", "media_type", "size_bytes", "sha256"} <= artefact.keys()
            assert re.fullmatch(r"[0-9a-f]{64}", artefact["sha256"])
        assert document["requested_tier"] == "T6"
        assert all(re.fullmatch(r"T[0-8]", tier) for tier in document["granted"].values())
        assert [row["dimension"] for row in document["dimensions"]] == DIMENSIONS
        for row in document["dimensions"]:
            assert row["verdict"] in ("pass", "fail", "unknown", "not-applicable")
            assert {"low", "high", "threshold", "unit", "evidence", "missing"} <= row.keys()
        for reason in document["reasons"]:
            assert {"rule", "effect", "because", "facts", "remedy"} <= reason.keys()
        for licence in document["licences"]:
            assert {"artefact", "id", "match", "text_sha256"} <= licence.keys()
        for missing in document["missing"]:
            assert {"evidence", "dimension", "buys", "command"} <= missing.keys()
        for duty in document["obligations"]:
            assert {"kind", "text", "source"} <= duty.keys()
        assert document["openness"]["mof_class"] in ("I", "II", "III", "none")
        assert all(DIGEST.fullmatch(document[name]) for name in ("decision", "policy", "ledger_head"))


def test_findings_name_rule_place_and_the_evidence_that_holds_them(refused: Said) -> None:
    document = refused.json
    found = {row["rule"]: row for row in document["findings"]}
    row = found["pickle-calls-code"]
    assert (row["outcome"], row["artefact"]) == ("true", "pytorch_model.bin")
    assert row["severity"] in ("critical", "high")
    assert row["message"]
    assert row["remedy"]
    assert row["evidence"] in {line["digest"] for line in document["evidence"]}


@pytest.mark.parametrize("name", ["review", "scan"])
def test_documents_validate_against_the_schema_that_the_command_prints(
    name: str, granted: tuple[Said, Path], refused: Said, scanned: tuple[Said, Path]
) -> None:
    schema = schema_of(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    documents = [granted[0].json, refused.json] if name == "review" else [scanned[0].json]
    for document in documents:
        faults = [fault.message for fault in validator.iter_errors(document)]
        assert not faults, faults[:5]


def test_out_holds_every_form_of_the_report_and_the_same_json(granted: tuple[Said, Path]) -> None:
    said, out = granted
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "report.json", "report.md", "report.sarif"]
    assert json.loads((out / "report.json").read_bytes()) == said.json


def test_scan_lists_every_regular_file_with_its_outcome(scanned: tuple[Said, Path]) -> None:
    said, _sarif = scanned
    document = said.json
    rows = {row["path"]: row for row in document["files"]}
    assert set(rows) == {
        "config.json",
        "package.json",
        "pytorch_model.bin",
        "weights/model.safetensors",
        "tab\there.txt",
    }
    assert rows["pytorch_model.bin"]["outcome"] == "unsafe"
    assert rows["weights/model.safetensors"]["outcome"] == "error"
    assert rows["config.json"]["outcome"] == "clean"
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["sha256"]) for row in rows.values())
    assert said.code == 1
    counted = {name: sum(row["outcome"] == name for row in rows.values()) for name in ("clean", "unsafe", "error")}
    assert {name: document["summary"][name] for name in counted} == counted


def test_a_member_of_an_archive_is_named_after_its_archive(home: Path, place: Place) -> None:
    import io
    import zipfile

    from builders import pickle_that_would_call

    def zipped(name: str, data: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, data)
        return buffer.getvalue()

    bad = zipped("../../outside.txt", b"x")
    said = run("scan", place("nested", {"outer.zip": zipped("inner.zip", bad)}), "--json", home=home)
    (row,) = said.json["files"]
    assert (row["path"], row["outcome"]) == ("outer.zip", "unsafe")
    assert any(f["rule"] == "archive-hostile" and f["location"].startswith("inner.zip") for f in row["findings"])
    model = place("packed", {"model.pt": zipped("archive/data.pkl", pickle_that_would_call())})
    (row,) = run("scan", model, "--json", home=home).json["files"]
    places = [f["location"] for f in row["findings"] if f["rule"] == "pickle-calls-code"]
    assert places, row["findings"]
    assert all(location.startswith(("archive/data.pkl", "model.pt!archive/data.pkl")) for location in places)


def test_sarif_keeps_to_sarif_2_1_0(granted: tuple[Said, Path], scanned: tuple[Said, Path]) -> None:
    _said, sarif = scanned
    check_sarif(json.loads(sarif.read_bytes()), results=True)
    check_sarif(json.loads((granted[1] / "report.sarif").read_bytes()), results=False)


def check_sarif(log: Any, *, results: bool) -> None:
    """The constraints of the SARIF 2.1.0 schema on every property that we write, and its rules of reference.

    Source: OASIS SARIF 2.1.0, sections 3.13 (log), 3.14 (run), 3.27 (result), 3.28 (location), 3.49 (rule).
    """
    text = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
    location = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "physicalLocation": {
                "type": "object",
                "required": ["artifactLocation"],
                "additionalProperties": False,
                "properties": {
                    "artifactLocation": {
                        "type": "object",
                        "properties": {"uri": {"type": "string", "pattern": r"^[A-Za-z0-9%._~/!$&'()*+,;=:@-]+$"}},
                    },
                    "region": {"type": "object", "properties": {"startLine": {"type": "integer", "minimum": 1}}},
                },
            },
            "logicalLocations": {
                "type": "array",
                "items": {"type": "object", "properties": {"fullyQualifiedName": {"type": "string"}}},
            },
        },
    }
    level = {"enum": ["none", "note", "warning", "error"]}
    result = {
        "type": "object",
        "required": ["message", "ruleId"],
        "properties": {
            "ruleId": {"type": "string"},
            "ruleIndex": {"type": "integer", "minimum": 0},
            "kind": {"enum": ["notApplicable", "pass", "fail", "review", "open", "informational"]},
            "level": level,
            "message": text,
            "locations": {"type": "array", "items": location},
            "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    rule = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "shortDescription": text,
            "help": text,
            "defaultConfiguration": {"type": "object", "properties": {"level": level}},
        },
    }
    driver = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "rules": {"type": "array", "items": rule, "uniqueItems": True}},
    }
    schema = {
        "type": "object",
        "required": ["version", "runs"],
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string", "format": "uri"},
            "version": {"const": "2.1.0"},
            "runs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["tool", "results"],
                    "properties": {
                        "tool": {"type": "object", "required": ["driver"], "properties": {"driver": driver}},
                        "results": {"type": "array", "items": result},
                        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    },
                },
            },
        },
    }
    faults = [fault.message for fault in jsonschema.Draft202012Validator(schema).iter_errors(log)]
    assert not faults, faults[:5]
    (only,) = log["runs"]
    rules = only["tool"]["driver"]["rules"]
    assert bool(only["results"]) == results
    for row in only["results"]:
        assert rules[row["ruleIndex"]]["id"] == row["ruleId"]
        # 3.27.10: a result that is not a failure has level `none`.
        assert row["kind"] == "fail" or row["level"] == "none"


def test_wrong_usage_is_two_and_says_what_is_meant() -> None:
    assert run("review", "x", "--teir", "T6").code == 2
    assert "review" in run("reveiw", "x").err
    assert run("review").code == 2
    assert run("--version").code == 0


def test_a_reader_that_goes_away_is_no_crash() -> None:
    import subprocess
    import sys

    from commands import environment

    command = f"{sys.executable} -m bascule rules | head -1"
    done = subprocess.run(["sh", "-c", command], env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
