"""SLSA provenance: who says that they built these bytes, how, and from what.

Rules: v1 and v0.2 are read; the subject's digests are compared with the artefacts, never the other way round; a
dependency is listed as it is named, with its digest where one is given; the builder's id is worth what the signature
is. A file may hold one envelope, one Sigstore bundle, or envelopes in lines.

Source: slsa.dev, provenance v1 and v0.2; in-toto attestation, bundles as JSON lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bascule.attest.keys import TrustedKey
from bascule.attest.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from bascule.attest.witness import Witnessed, witness
from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible

V1 = "https://slsa.dev/provenance/v1"
V02 = "https://slsa.dev/provenance/v0.2"
_STATEMENTS = (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1")
MAX_ENVELOPES = 64
_HEX = re.compile(r"[0-9a-f]{32,128}")


@dataclass(frozen=True, slots=True)
class Named:
    """A thing by name and digests: `{"sha256": "…"}`."""

    name: str
    digests: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """`NAME@ALGORITHM:HEX`, or the name alone."""
        return f"{self.name}@{':'.join(self.digests[0])}" if self.digests else self.name


@dataclass(frozen=True, slots=True)
class Attested:
    """One statement from an envelope, whatever it is about. subjects: the artefacts that it names."""

    witnessed: Witnessed
    predicate_type: str
    subjects: tuple[Named, ...]
    predicate: Any

    @property
    def is_provenance(self) -> bool:
        return self.predicate_type in (V1, V02)

    @property
    def builder(self) -> str:
        """The builder's id, or empty."""
        holder = _dict(self.predicate, "runDetails") if self.predicate_type == V1 else self.predicate
        return str(_dict(holder, "builder").get("id", ""))

    @property
    def build_type(self) -> str:
        holder = _dict(self.predicate, "buildDefinition") if self.predicate_type == V1 else self.predicate
        value = holder.get("buildType") if isinstance(holder, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def dependencies(self) -> tuple[Named, ...]:
        """What went into the build: base model, datasets, code, image."""
        if self.predicate_type == V1:
            rows = _dict(self.predicate, "buildDefinition").get("resolvedDependencies")
        else:
            rows = self.predicate.get("materials") if isinstance(self.predicate, dict) else None
        return tuple(_named(row) for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def read_attestations(data: bytes, trusted: Sequence[TrustedKey]) -> tuple[Attested, ...]:
    """Every statement in a file. Raises EvidenceError `attest.not-an-envelope`, `attest.not-a-statement`."""
    return tuple(_read(envelope, trusted) for envelope in _envelopes(data))


def _read(envelope: bytes, trusted: Sequence[TrustedKey]) -> Attested:
    witnessed = witness(envelope, trusted)
    if witnessed.payload_type != PAYLOAD_TYPE:
        raise _not_a_statement(f"its payload is `{visible(witnessed.payload_type, 80)}`")
    try:
        document = parse_json(witnessed.payload, "the statement")
    except InputError as error:
        raise _not_a_statement(error.message) from error
    if not isinstance(document, dict) or document.get("_type") not in _STATEMENTS:
        raise _not_a_statement("it is no in-toto statement")
    rows = document.get("subject")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _not_a_statement("it has no subject")
    subjects = tuple(_named(row) for row in rows)
    if any(not subject.digests for subject in subjects):
        raise _not_a_statement("a subject has no digest")
    return Attested(witnessed, str(document.get("predicateType", "")), subjects, document.get("predicate"))


def _envelopes(data: bytes) -> Iterator[bytes]:
    try:
        documents = [parse_json(data, "the envelope")]
    except InputError as whole:
        lines = [line for line in data.split(b"\n") if line.strip()]
        if not 1 < len(lines) <= MAX_ENVELOPES:
            raise _not_a_statement(whole.message) from whole
        try:
            documents = [parse_json(line, "a line") for line in lines]
        except InputError as error:
            raise _not_a_statement(error.message) from error
    for document in documents:
        bundled = document.get("dsseEnvelope") if isinstance(document, dict) else None
        yield canonical_json(bundled if isinstance(bundled, dict) else document)


def _named(row: dict[str, Any]) -> Named:
    digest = row.get("digest")
    digests = tuple(
        sorted(
            (str(name).lower(), value.lower())
            for name, value in (digest.items() if isinstance(digest, dict) else ())
            if isinstance(value, str) and _HEX.fullmatch(value.lower())
        )
    )
    name = next((row[key] for key in ("name", "uri", "downloadLocation") if isinstance(row.get(key), str)), "")
    return Named(name, digests)


def _dict(holder: Any, key: str) -> dict[str, Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def _not_a_statement(why: str) -> EvidenceError:
    return EvidenceError(
        "attest.not-a-statement", f"this is no attestation that can be read: {why}", "give an in-toto attestation"
    )
