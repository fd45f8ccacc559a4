"""Model signatures: read as they are written in practice, and refused where verifiers have been seen to be fooled."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bascule.attest.keys import TrustedKey, trusted_pem
from bascule.attest.model_signing import Resource, read_model_signature
from bascule.attest.witness import Standing
from bascule.kernel.errors import EvidenceError

Private = EllipticCurvePrivateKey | Ed25519PrivateKey
TYPE = "application/vnd.in-toto+json"


def pem_of(key: Private) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def trusted(key: Private) -> TrustedKey:
    return trusted_pem(pem_of(key), "a key", "the publisher")


def statement(*rows: tuple[str, bytes], **serialization: Any) -> dict[str, Any]:
    digests = [hashlib.sha256(data).digest() for _, data in rows]
    resources = [
        {"name": name, "algorithm": "sha256", "digest": d.hex()} for (name, _), d in zip(rows, digests, strict=True)
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "model", "digest": {"sha256": hashlib.sha256(b"".join(digests)).hexdigest()}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False} | serialization,
            "resources": resources,
        },
    }


def signed(document: dict[str, Any], key: Private) -> bytes:
    """A bundle as the reference writes it."""
    payload = json.dumps(document).encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE.encode(), len(payload), payload)
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(pae)
    else:
        digest = hashes.SHA384() if key.curve.name == "secp384r1" else hashes.SHA256()
        signature = key.sign(pae, ECDSA(digest))
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "publicKey": {"hint": hashlib.sha256(pem_of(key)).hexdigest()},
                "tlogEntries": [],
            },
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": TYPE,
                "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
            },
        }
    ).encode()


KEYS: dict[str, Private] = {
    "P-256": generate(SECP256R1()),
    "P-384": generate(SECP384R1()),
    "Ed25519": Ed25519PrivateKey.generate(),
}
KEY = KEYS["P-256"]


@pytest.mark.parametrize("kind", KEYS)
def test_a_signature_by_a_trusted_key_is_believed(kind: str) -> None:
    read = read_model_signature(signed(statement(("a", b"1"), ("b/c", b"2")), KEYS[kind]), [trusted(KEYS[kind])])
    assert (read.standing, read.witnessed.holder, read.why) == (Standing.TRUSTED, "the publisher", "")
    assert read.resources == (
        Resource("a", "sha256", hashlib.sha256(b"1").hexdigest()),
        Resource("b/c", "sha256", hashlib.sha256(b"2").hexdigest()),
    )


def test_a_key_that_is_not_here_leaves_it_unchecked() -> None:
    assert read_model_signature(signed(statement(("a", b"1")), KEY), []).standing is Standing.UNCHECKED


def test_a_changed_payload_is_invalid() -> None:
    bundle = json.loads(signed(statement(("a", b"1")), KEY))
    other = json.loads(signed(statement(("a", b"2")), KEY))
    bundle["dsseEnvelope"]["payload"] = other["dsseEnvelope"]["payload"]
    read = read_model_signature(json.dumps(bundle).encode(), [trusted(KEY)])
    assert read.standing is Standing.INVALID


def test_a_second_signature_is_looked_at_too() -> None:
    bundle = json.loads(signed(statement(("a", b"1")), KEY))
    stranger = json.loads(signed(statement(("a", b"1")), KEYS["P-384"]))
    bundle["dsseEnvelope"]["signatures"].insert(0, stranger["dsseEnvelope"]["signatures"][0])
    assert read_model_signature(json.dumps(bundle).encode(), [trusted(KEY)]).standing is Standing.TRUSTED


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (statement(("a", b"1"), ("a", b"1")), "twice"),
        (statement(("../a", b"1")), "no plain path"),
        (statement(("/a", b"1")), "no plain path"),
        (statement(("a", b"1")) | {"subject": [{"name": "x", "digest": {"sha256": "0" * 64}}]}, "root digest"),
        (statement(("a", b"1")) | {"subject": []}, "one subject"),
        (statement(("a:0:4", b"1"), ("a:5:8", b"2"), method="shards", shard_size=4.0), "gap or overlap"),
        (statement(("a:0:4", b"1"), ("a:3:8", b"2"), method="shards", shard_size=8.0), "gap or overlap"),
        (statement(("a:4:8", b"1"), method="shards", shard_size=4), "gap or overlap"),
        (statement(("a:0:4", b"1"), method="shards", shard_size=0.5), "no shard size"),
    ],
)
def test_a_list_with_a_fault_is_invalid_whoever_signed_it(document: dict[str, Any], fault: str) -> None:
    read = read_model_signature(signed(document, KEY), [trusted(KEY)])
    assert read.standing is Standing.INVALID
    assert fault in read.why


def test_a_shard_size_that_came_back_as_a_fraction_is_read() -> None:
    document = statement(("a:0:4", b"1"), ("a:4:6", b"2"), method="shards", shard_size=4.0)
    read = read_model_signature(signed(document, KEY), [trusted(KEY)])
    assert read.standing is Standing.TRUSTED
    assert [(item.path, item.start, item.end) for item in read.resources] == [("a", 0, 4), ("a", 4, 6)]


def test_the_same_bytes_under_other_names_are_another_list() -> None:
    one = read_model_signature(signed(statement(("config.json", b"1")), KEY), [])
    two = read_model_signature(signed(statement(("setup.py", b"1")), KEY), [])
    assert one.resources != two.resources


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"dsseEnvelope": {}, "verificationMaterial": {}}', b'{"a":1,"a":2}']
)
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_model_signature(data, [])


REFERENCE = Path(os.environ.get("BASCULE_MODEL_SIGNING", ""))


@pytest.mark.skipif(not REFERENCE.is_file(), reason="BASCULE_MODEL_SIGNING names no `model_signing` program")
def test_the_reference_and_we_read_each_other(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "config.json").write_bytes(b"{}")
    (model / "sub" / "weights.bin").write_bytes(bytes(10_000))
    assert isinstance(KEY, EllipticCurvePrivateKey)
    private, public, bundle = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "model.sig"
    private.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(pem_of(KEY))
    say = [str(REFERENCE), "sign", "key", str(model), "--private_key", str(private), "--signature", str(bundle)]
    subprocess.run(say, check=True, capture_output=True)
    theirs = read_model_signature(bundle.read_bytes(), [trusted(KEY)])
    assert theirs.standing is Standing.TRUSTED
    assert {item.path for item in theirs.resources} == {"config.json", "sub/weights.bin"}
    bundle.write_bytes(signed(statement(("config.json", b"{}"), ("sub/weights.bin", bytes(10_000))), KEY))
    say = [str(REFERENCE), "verify", "key", str(model), "--signature", str(bundle), "--public_key", str(public)]
    subprocess.run(say, check=True, capture_output=True)
