"""OpenSSF model signatures (OMS 1.0): a Sigstore bundle over a list of files with their digests.

Checked without a network, under a public key or a certificate that came along; keyless identities and transparency logs
are not checked and said to be unknown.

Rules, each for a fault that verifiers have been seen to have:
- names count: the root digest hashes digests alone, so it identifies nothing, and what is compared is name by name;
- a name stands once, is relative and stays inside; a file's shards join without gap or overlap from its first byte;
- each resource is hashed by its own algorithm, `sha256`, `blake2b` or `blake3`, whatever the summary says;
- `shard_size` may be a whole number written as a fraction; Ed25519 and every NIST curve are accepted;
- every signature of the envelope is looked at;
- paths that the signer ignored are part of the answer: what lies there, nobody signed.

Source: ossf/model-signing-spec 1.0; sigstore/model-transparency 1.1.1 for what is written in practice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import Key

from bascule.attest.keys import TrustedKey, read_public_pem
from bascule.attest.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from bascule.attest.witness import Standing, Witnessed, witness
from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible

PREDICATE_MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
MAX_RESOURCES = 1_000_000
DIGEST_BYTES = {"sha256": 32, "blake3": 32, "blake2b": 64}
_SHARD = re.compile(r"(.+):(\d{1,19}):(\d{1,19})", re.DOTALL)
# How an algorithm is named with its parameters: `sha256-sharded-1000000`, `blake3`.
_ALGORITHM = re.compile(r"(sha256|blake2b|blake3)(?:-.*)?")


@dataclass(frozen=True, slots=True)
class Resource:
    """A file, or bytes `start` up to and without `end` of it, and the digest that was signed, in hex."""

    path: str
    algorithm: str
    digest: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """A bundle that was read. faults: what is wrong with the list itself, whoever signed it."""

    witnessed: Witnessed
    name: str
    method: str
    resources: tuple[Resource, ...]
    ignored: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def standing(self) -> Standing:
        """A list with a fault is as good as one that somebody changed."""
        return Standing.INVALID if self.faults else self.witnessed.standing

    @property
    def why(self) -> str:
        return "; ".join((*([self.witnessed.why] if self.witnessed.why else []), *self.faults))


def read_model_signature(bundle: bytes, trusted: Sequence[TrustedKey]) -> ModelSignature:
    """Read a bundle and judge who signed it.

    Raises EvidenceError `attest.not-a-bundle`, and as `witness` does. Law: whatever the signer, a resource that is
    listed twice, leaves the folder or leaves a gap is a fault.
    """
    envelope, material = _open(bundle)
    offered, hint = _offered(material)
    named = next((item.key_id for item in trusted if hint and _pem_digest(item) == hint), "")
    witnessed = witness(envelope, trusted, offered, named)
    if witnessed.payload_type != PAYLOAD_TYPE:
        raise _not_a_bundle(f"its payload is `{visible(witnessed.payload_type, 80)}`")
    try:
        statement = parse_json(witnessed.payload, "the statement")
    except InputError as error:
        raise _not_a_bundle(error.message) from error
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise _not_a_bundle("it holds no in-toto statement v1")
    if statement.get("predicateType") != PREDICATE_MODEL_SIGNATURE:
        raise _not_a_bundle(f"its predicate is `{visible(str(statement.get('predicateType')), 80)}`")
    return _read(statement, witnessed)


def is_bundle(data: bytes) -> bool:
    """Does it look like a Sigstore bundle with an envelope? For choosing a reader, not for believing it."""
    return b'"dsseEnvelope"' in data and b'"verificationMaterial"' in data


def _read(statement: dict[str, Any], witnessed: Witnessed) -> ModelSignature:
    predicate = statement.get("predicate")
    rows = predicate.get("resources") if isinstance(predicate, dict) else None
    serialization = predicate.get("serialization") if isinstance(predicate, dict) else None
    if not isinstance(rows, list) or not isinstance(serialization, dict) or len(rows) > MAX_RESOURCES:
        raise _not_a_bundle("it lists no resources")
    method = serialization.get("method")
    if method not in ("files", "shards"):
        raise _not_a_bundle(f"it serialises by `{visible(str(method), 40)}`, which is not known here")
    resources = tuple(_resource(row, sharded=method == "shards") for row in rows)
    subjects = statement.get("subject")
    subject = subjects[0] if isinstance(subjects, list) and subjects and isinstance(subjects[0], dict) else {}
    ignored = serialization.get("ignore_paths") or []
    faults = [
        *_root_faults(subjects, rows),
        *_name_faults(resources),
        *(_shard_faults(resources, serialization.get("shard_size")) if method == "shards" else ()),
    ]
    return ModelSignature(
        witnessed=witnessed,
        name=str(subject.get("name", "")),
        method=str(method),
        resources=resources,
        ignored=tuple(item for item in ignored if isinstance(item, str)) if isinstance(ignored, list) else (),
        faults=tuple(faults),
    )


def _resource(row: Any, *, sharded: bool) -> Resource:
    if not isinstance(row, dict):
        raise _not_a_bundle("a resource is no object")
    name, algorithm, digest = row.get("name"), row.get("algorithm"), row.get("digest")
    if not isinstance(name, str) or not isinstance(algorithm, str) or not isinstance(digest, str):
        raise _not_a_bundle("a resource lacks its name, algorithm or digest")
    known = _ALGORITHM.fullmatch(algorithm)
    if known is None:
        raise _not_a_bundle(f"`{visible(name, 80)}` is hashed by `{visible(algorithm, 40)}`, which is not known here")
    if not re.fullmatch(r"[0-9a-f]*", digest) or len(digest) != 2 * DIGEST_BYTES[known[1]]:
        raise _not_a_bundle(f"the digest of `{visible(name, 80)}` is none of {known[1]}")
    if not sharded:
        return Resource(name, known[1], digest)
    shard = _SHARD.fullmatch(name)
    if shard is None:
        raise _not_a_bundle(f"`{visible(name, 80)}` names no shard")
    return Resource(shard[1], known[1], digest, int(shard[2]), int(shard[3]))


def _root_faults(subjects: Any, rows: list[Any]) -> list[str]:
    if not isinstance(subjects, list) or len(subjects) != 1 or not isinstance(subjects[0], dict):
        return ["it does not name exactly one subject"]
    digest = subjects[0].get("digest")
    declared = digest.get("sha256") if isinstance(digest, dict) else None
    root = hashlib.sha256(b"".join(bytes.fromhex(row["digest"]) for row in rows)).hexdigest()
    return [] if declared == root else ["its root digest is not that of the resources that it lists"]


def _name_faults(resources: Sequence[Resource]) -> list[str]:
    faults = []
    seen: set[tuple[str, int]] = set()
    for item in resources:
        key = (item.path, item.start)
        shown = visible(item.path, 120)
        if key in seen:
            faults.append(f"`{shown}` is listed twice")
        seen.add(key)
        parts = item.path.split("/")
        if item.path.startswith("/") or "\\" in item.path or any(part in ("", ".", "..") for part in parts):
            faults.append(f"`{shown}` is no plain path inside the folder")
    return faults[:20]


def _shard_faults(resources: Sequence[Resource], shard_size: Any) -> list[str]:
    whole = isinstance(shard_size, int | float) and not isinstance(shard_size, bool) and shard_size == int(shard_size)
    if not whole or shard_size < 1:
        return [f"`{visible(str(shard_size), 40)}` is no shard size"]
    faults = []
    ends: dict[str, int] = {}
    for item in sorted(resources, key=lambda item: (item.path, item.start)):
        end = item.end or 0
        if item.start != ends.get(item.path, 0) or not item.start < end <= item.start + int(shard_size):
            faults.append(f"the shards of `{visible(item.path, 120)}` leave a gap or overlap at {item.start}")
        ends[item.path] = end
    return faults[:20]


def _open(bundle: bytes) -> tuple[bytes, Mapping[str, Any]]:
    """The envelope's own bytes as canonical JSON, and what came to verify it."""
    try:
        document = parse_json(bundle, "the bundle")
    except InputError as error:
        raise _not_a_bundle(error.message) from error
    envelope = document.get("dsseEnvelope") if isinstance(document, dict) else None
    material = document.get("verificationMaterial") if isinstance(document, dict) else None
    if not isinstance(envelope, dict) or not isinstance(material, dict):
        raise _not_a_bundle("it lacks `dsseEnvelope` or `verificationMaterial`")
    return canonical_json(envelope), material


def _offered(material: Mapping[str, Any]) -> tuple[list[Key], str]:
    """(the key of the certificate that came along, hint of the public key that is meant)"""
    public = material.get("publicKey")
    hint = public.get("hint") if isinstance(public, dict) else ""
    chain = material.get("x509CertificateChain")
    rows = chain.get("certificates") if isinstance(chain, dict) else None
    leaf = rows[0] if isinstance(rows, list) and rows else material.get("certificate")
    raw = leaf.get("rawBytes") if isinstance(leaf, dict) else None
    if not isinstance(raw, str):
        return [], hint if isinstance(hint, str) else ""
    from cryptography import x509  # few bundles bring a certificate, and its module is slow to import

    try:
        certificate = x509.load_der_x509_certificate(base64.b64decode(raw, validate=True))
        pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return [read_public_pem(pem, "the certificate")], ""
    except (ValueError, binascii.Error, UnsupportedAlgorithm, InputError) as error:
        raise _not_a_bundle("its certificate cannot be read") from error


def _pem_digest(item: TrustedKey) -> str:
    return hashlib.sha256(item.pem.encode()).hexdigest()


def _not_a_bundle(why: str) -> EvidenceError:
    return EvidenceError(
        "attest.not-a-bundle", f"this is no model signature that can be read: {why}", "sign the model again"
    )
