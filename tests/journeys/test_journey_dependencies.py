"""Dependencies, lists and provenance through the whole of `scan` and `review`."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from commands import here


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "requirements.txt").write_text("torch==2.5.1\n")
    return folder


def export(folder: Path, *, fixed: str, days_old: int = 1, name: str = "torch") -> Path:
    """One advisory, as OSV writes it."""
    modified = (datetime.now(UTC) - timedelta(days=days_old)).strftime("%Y-%m-%dT%H:%M:%SZ")
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = {"package": {"ecosystem": "PyPI", "name": name}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    record = {"id": "GHSA-53q9-r3pm-6pq6", "modified": modified, "aliases": ["CVE-2025-32434"], "affected": [affected]}
    path = folder / "osv.jsonl"
    path.write_text(json.dumps(record))
    return path


def outcome(model: Path, home: Path) -> tuple[int, str]:
    said = here("scan", model, "--only", "dependency-advisory", "--json", home=home)
    (file,) = said.json["files"]
    return said.code, file["outcome"]


def test_without_advisories_dependencies_are_unknown_and_never_clean(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert here("advisories", "show", "--json", home=home).code == 1
    assert outcome(model, home) == (2, "error")


def test_with_advisories_they_are_told(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    added = here("advisories", "add", export(tmp_path, fixed="2.6.0"), "--json", home=home).json
    assert [row["count"] for row in added["added"]] == [1]
    assert here("advisories", "show", "--json", home=home).json["ecosystems"][0]["age_days"] == 1
    assert outcome(model, home) == (1, "unsafe")
    here("advisories", "add", export(tmp_path, fixed="2.5.0"), home=home)
    assert outcome(model, home) == (0, "clean")


def test_advisories_that_are_old_may_alarm_and_do_not_reassure(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    here("advisories", "add", export(tmp_path, fixed="2.5.0", days_old=400), home=home)
    assert outcome(model, home) == (2, "error")
    here("advisories", "add", export(tmp_path, fixed="2.6.0", days_old=400), home=home)
    assert outcome(model, home) == (1, "unsafe")


def test_a_review_collects_again_when_other_advisories_are_at_hand(model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"

    def answers() -> set[str]:
        document = here("review", model, "--only", "advisories", "--json", home=home).json
        return {item["outcome"] for item in document["findings"] if item["rule"] == "dependency-advisory"}

    assert answers() == {"not-available"}
    here("advisories", "add", export(tmp_path, fixed="2.6.0"), home=home)
    assert answers() == {"true"}


def test_a_list_that_matches_makes_no_unread_file_clean(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "w.unheard-of").write_bytes(b"\x00\x01\x02" * 100)
    alone = here("scan", folder, "--json", home=tmp_path / "home").json["files"][0]["outcome"]
    digest = hashlib.sha256((folder / "w.unheard-of").read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  w.unheard-of\n")
    files = here("scan", folder, "--json", home=tmp_path / "home").json["files"]
    assert [file["outcome"] for file in files if file["path"] == "w.unheard-of"] == [alone]


def test_provenance_is_handed_in_with_its_key(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "notes.md").write_text("# Notes\n")
    key = Ed25519PrivateKey.generate()
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def rules(digest: str, *more: str) -> set[str]:
        path = tmp_path / "p.intoto.jsonl"
        path.write_text(json.dumps(attested(key, "notes.md", digest)))
        said = here("scan", folder, "--provenance", path, "--key", pem, *more, "--json", home=tmp_path / "home").json
        found = {finding["rule"] for file in said["files"] for finding in file["findings"]}
        return found & {"provenance-mismatch", "signature-invalid", "signature-untrusted"}

    right = hashlib.sha256(b"# Notes\n").hexdigest()
    assert rules(right) == set()
    assert rules(right, "--builder", "https://build.example.org/1") == set()
    assert rules(right, "--builder", "https://build.example.org/2") == {"provenance-mismatch"}
    assert rules("0" * 64) == {"provenance-mismatch"}


def attested(key: Ed25519PrivateKey, name: str, digest: str) -> dict[str, Any]:
    """A provenance v1 in its envelope."""
    kind = "application/vnd.in-toto+json"
    predicate = {"buildDefinition": {}, "runDetails": {"builder": {"id": "https://build.example.org/1"}}}
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": predicate,
    }
    body = json.dumps(statement).encode()
    signature = key.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body))
    return {
        "payload": base64.b64encode(body).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}],
    }
