"""Lists, signatures and provenance against the files: a mismatch is never lost, and what nobody vouches for is told."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bascule.attest.keys import TrustedKey, trusted_pem
from bascule.builtin.scanners.manifests import plugin as manifests
from bascule.collect.after import as_loaded, conclude, given_of
from bascule.collect.integrity import GivenProvenance, Integrity
from bascule.collect.scan import examine
from bascule.plugins.testing import scan_memory
from bascule.records import Observations, Outcome, Reading, Severity
from scanning import inventory_of

KEY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
TYPE = "application/vnd.in-toto+json"


def trusted(key: Ed25519PrivateKey = KEY) -> TrustedKey:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return trusted_pem(pem, "a key", "the publisher")


def hex_of(data: bytes, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, data).hexdigest()


def observed(
    folder: Path, files: Mapping[str, bytes], *keys: TrustedKey, handed: GivenProvenance | None = None
) -> Observations:
    """What the step says of these files; the lists are read in this process instead of a worker."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    inventory = inventory_of(folder)
    readings = []
    for item in scan_memory(manifests, files).seen:
        if isinstance(item, Reading):
            readings.append(item)
    # The frame names the artefact; in memory there is one list in each case.
    lists = [name for name in files if manifests.meta.reads.match(name, "unclassified", "")]  # type: ignore[arg-type]
    assert len(lists) <= 1
    readings = [item.model_copy(update={"artefact": lists[0]}) for item in readings]
    before = Observations(tool=_tool(), rules=(), readings=tuple(readings))
    step = as_loaded(Integrity(keys, handed))
    return conclude(given_of(inventory, examine(inventory, ()), [before]), [step])["integrity"]


def _tool() -> Any:
    from bascule.kernel.digests import digest_of_json
    from bascule.records import Tool

    return Tool(id="manifests", distribution="bascule", version="1", config_digest=digest_of_json(None))


def told(seen: Observations) -> set[tuple[str, str, str]]:
    return {(item.rule, item.artefact, item.outcome.value) for item in seen.findings}


def envelope(payload: Mapping[str, Any], key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
    body = json.dumps(payload).encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(body), body)
    signature = {"keyid": "", "sig": base64.b64encode(key.sign(pae)).decode()}
    return {"payload": base64.b64encode(body).decode(), "payloadType": TYPE, "signatures": [signature]}


def model_sig(files: Mapping[str, bytes], key: Ed25519PrivateKey = KEY) -> bytes:
    rows = [{"name": name, "algorithm": "sha256", "digest": hex_of(data)} for name, data in sorted(files.items())]
    root = hashlib.sha256(b"".join(bytes.fromhex(row["digest"]) for row in rows)).hexdigest()
    payload = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "ignore_paths": [".git", ".github"]},
            "resources": rows,
        },
    }
    return json.dumps({"verificationMaterial": {"publicKey": {}}, "dsseEnvelope": envelope(payload, key)}).encode()


def provenance(name: str, digest: str, key: Ed25519PrivateKey = KEY, *, old: bool = False) -> bytes:
    base = {"uri": "hf:org/base", "digest": {"sha256": "a" * 64}}
    builder = {"id": "https://build.example.org/1"}
    predicate: dict[str, Any] = (
        {"buildType": "t", "builder": builder, "materials": [base]}
        if old
        else {"buildDefinition": {"resolvedDependencies": [base]}, "runDetails": {"builder": builder}}
    )
    payload = {
        "_type": "https://in-toto.io/Statement/v0.1" if old else "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}}],
        "predicateType": f"https://slsa.dev/provenance/{'v0.2' if old else 'v1'}",
        "predicate": predicate,
    }
    return json.dumps(envelope(payload, key)).encode()


WEIGHTS = b"weights"


def test_files_that_are_as_listed_answer_no(tmp_path: Path) -> None:
    seen = observed(
        tmp_path, {"w": WEIGHTS, "c": b"{}", "SHA256SUMS": f"{hex_of(WEIGHTS)}  w\n{hex_of(b'{}')} *c\n".encode()}
    )
    assert seen.findings == ()
    assert {(a.rule, a.artefact) for a in seen.answers if a.outcome is Outcome.FALSE} >= {
        ("integrity-mismatch", "w"),
        ("integrity-mismatch", "c"),
    }


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("SHA256SUMS", lambda data: f"{hex_of(data)}  w"),
        ("w.sha256", lambda data: hex_of(data)),
        ("md5sums", lambda data: f"{hex_of(data, 'md5')}  w"),
        ("checksums.txt", lambda data: f"SHA512 (w) = {hex_of(data, 'sha512')}"),
        ("tree.json", lambda data: json.dumps([{"path": "w", "oid": hex_of(b"blob %d\0" % len(data) + data, "sha1")}])),
        ("tree.json", lambda data: json.dumps([{"path": "w", "lfs": {"oid": hex_of(data)}}])),
        (".cache/huggingface/download/w.metadata", lambda data: f"{'0' * 40}\n{hex_of(data)}\n1\n"),
    ],
)
def test_another_file_than_listed_is_told_in_every_form(tmp_path: Path, path: str, line: Any) -> None:
    assert ("integrity-mismatch", "w", "true") not in told(
        observed(tmp_path / "1", {"w": WEIGHTS, path: line(WEIGHTS).encode()})
    )
    seen = observed(tmp_path / "2", {"w": WEIGHTS, path: line(b"others").encode()})
    assert ("integrity-mismatch", "w", "true") in told(seen)
    finding = next(item for item in seen.findings if item.rule == "integrity-mismatch")
    assert finding.severity is Severity.HIGH
    assert finding.details["list"] == path


def test_a_listed_file_that_is_not_here_is_told(tmp_path: Path) -> None:
    seen = observed(tmp_path, {"a": b"1", "SHA256SUMS": f"{hex_of(b'1')}  a\n{hex_of(b'2')}  b\n".encode()})
    assert ("integrity-mismatch", "SHA256SUMS", "true") in told(seen)


def test_planted_files_are_told_where_signers_do_not_look(tmp_path: Path) -> None:
    files = {"w": WEIGHTS}
    planted = {".github/workflows/x.yml": b"on: push", "extra.py": b"1"}
    seen = observed(tmp_path, {**files, **planted, "model.sig": model_sig(files)}, trusted())
    assert told(seen) == {
        ("integrity-unlisted", ".github/workflows/x.yml", "true"),
        ("integrity-unlisted", "extra.py", "true"),
    }
    assert {item.name: item.value for item in seen.readings} == {
        "integrity.signers": ("the publisher",),
        "integrity.covered_files": 1.0,
    }
    assert any(".github" in limit for limit in seen.limits)


def test_a_signed_file_that_was_changed_is_told(tmp_path: Path) -> None:
    seen = observed(tmp_path, {"w": b"changed", "model.sig": model_sig({"w": WEIGHTS})}, trusted())
    assert ("integrity-mismatch", "w", "true") in told(seen)
    assert "integrity.covered_files" not in {item.name for item in seen.readings}


def test_swapped_files_of_a_signed_model_are_told(tmp_path: Path) -> None:
    seen = observed(tmp_path, {"a": b"2", "b": b"1", "model.sig": model_sig({"a": b"1", "b": b"2"})}, trusted())
    assert {("integrity-mismatch", "a", "true"), ("integrity-mismatch", "b", "true")} <= told(seen)


def test_a_stranger_covers_nothing_and_may_still_alarm(tmp_path: Path) -> None:
    seen = observed(tmp_path, {"w": b"changed", "model.sig": model_sig({"w": WEIGHTS}, STRANGER)}, trusted())
    assert ("integrity-mismatch", "w", "true") in told(seen)
    assert ("signature-untrusted", "model.sig", "true") in told(seen)
    assert ("signature-invalid", "model.sig", "not-available") in told(seen)
    assert seen.readings == ()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"-----BEGIN PGP SIGNATURE-----", b'{"messageSignature": {}, "dsseEnvelope": 1}']
)
def test_a_signature_of_another_kind_is_unknown(tmp_path: Path, data: bytes) -> None:
    assert ("signature-invalid", "w.sig", "not-available") in told(observed(tmp_path, {"w": WEIGHTS, "w.sig": data}))


@pytest.mark.parametrize("old", [False, True])
def test_provenance_says_who_built_it_and_from_what(tmp_path: Path, old: bool) -> None:
    files = {"w": WEIGHTS, "w.intoto.jsonl": provenance("w", hex_of(WEIGHTS), old=old)}
    seen = observed(tmp_path, files, trusted())
    assert seen.findings == ()
    read = {item.name: item.value for item in seen.readings}
    assert read["provenance.builder"] == "https://build.example.org/1"
    assert read["provenance.dependencies"] == ("hf:org/base@sha256:" + "a" * 64,)


def test_provenance_of_other_bytes_is_told(tmp_path: Path) -> None:
    by_name = observed(tmp_path / "1", {"w": WEIGHTS, "w.intoto.jsonl": provenance("w", hex_of(b"x"))}, trusted())
    assert ("provenance-mismatch", "w", "true") in told(by_name)
    of_nothing = observed(tmp_path / "2", {"w": WEIGHTS, "w.intoto.jsonl": provenance("z", hex_of(b"x"))}, trusted())
    assert ("provenance-mismatch", "w.intoto.jsonl", "true") in told(of_nothing)


def test_a_handed_provenance_must_name_the_builder_that_is_expected(tmp_path: Path) -> None:
    data = provenance("w", hex_of(WEIGHTS))
    right = GivenProvenance("p.json", data, "https://build.example.org/1")
    assert told(observed(tmp_path / "1", {"w": WEIGHTS}, trusted(), handed=right)) == set()
    wrong = GivenProvenance("p.json", data, "https://build.example.org/2")
    assert told(observed(tmp_path / "2", {"w": WEIGHTS}, trusted(), handed=wrong)) == {
        ("provenance-mismatch", "", "true")
    }
    broken = GivenProvenance("p.json", b"{}")
    assert told(observed(tmp_path / "3", {"w": WEIGHTS}, handed=broken)) == {
        ("provenance-mismatch", "", "not-available")
    }


def test_without_any_list_nothing_is_said(tmp_path: Path) -> None:
    seen = observed(tmp_path, {"w": WEIGHTS})
    assert (seen.answers, seen.findings) == ((), ())


def test_a_mismatch_is_not_taken_back_by_another_list(tmp_path: Path) -> None:
    files = {"w": WEIGHTS, "SHA256SUMS": f"{hex_of(b'other')}  w\n".encode(), "model.sig": model_sig({"w": WEIGHTS})}
    assert ("integrity-mismatch", "w", "true") in told(observed(tmp_path, files, trusted()))
