"""In-toto Statement v1: these subjects, this predicate.

Rules: a statement of ours is canonical JSON; a foreign one is read with every field it came with, and its bytes stay
as they are; a subject is named by digest, its name is for people.

Source: in-toto/attestation, spec v1, Statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bascule.attest.envelope import Verified, sign, verify
from bascule.attest.keys import KeyRing
from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.digests import Digest, as_digest, as_sha256
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True, slots=True)
class StatementSubject:
    """Bytes that a statement is about. digest: `sha256:…`, or None where only other algorithms are given."""

    name: str
    digest: Digest | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was read. `document` is the whole of it, unknown fields included."""

    subjects: tuple[StatementSubject, ...]
    predicate_type: str
    predicate: Any
    document: dict[str, Any]

    def subject(self, name: str) -> Digest | None:
        """The digest of the one subject of that name; None if there is none, or more than one."""
        found = [subject.digest for subject in self.subjects if subject.name == name]
        return found[0] if len(found) == 1 else None


def write_statement(subjects: Iterable[tuple[str, Digest]], predicate_type: str, predicate: Any) -> bytes:
    """The canonical bytes of a statement over (name, digest) pairs.

    Raises InputError `kernel.not-canonical`. Law: read_statement inverts it.
    """
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": name, "digest": {"sha256": as_sha256(digest)}} for name, digest in subjects],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def read_statement(payload: bytes) -> Statement:
    """A statement from the payload of an envelope that was verified.

    Raises EvidenceError `attest.not-a-statement`.
    """
    try:
        document = parse_json(payload, "the statement")
    except InputError as error:
        raise _not_a_statement(error.message) from error
    if not isinstance(document, dict) or document.get("_type") != STATEMENT_TYPE:
        raise _not_a_statement(f"its `_type` is not `{STATEMENT_TYPE}`")
    predicate_type, subjects = document.get("predicateType"), document.get("subject")
    if not isinstance(predicate_type, str):
        raise _not_a_statement("`predicateType` is not a string")
    if not isinstance(subjects, list) or not subjects:
        raise _not_a_statement("it has no subject")
    return Statement(tuple(map(_read_subject, subjects)), predicate_type, document.get("predicate"), document)


def sign_statement(
    subjects: Iterable[tuple[str, Digest]], predicate_type: str, predicate: Any, keyring: KeyRing
) -> bytes:
    """A statement in an envelope signed with our own key."""
    return sign(write_statement(subjects, predicate_type, predicate), PAYLOAD_TYPE, keyring.signer)


def open_statement(
    envelope: bytes, keyring: KeyRing, threshold: int = 1, *, authorities: bool = False
) -> tuple[Verified, Statement]:
    """Verify an envelope of anybody's and read the statement in it, whatever its predicate.

    authorities: by keys whose word is acted on, and not by those whose evidence alone is read.

    Raises EvidenceError as `verify` and `read_statement` do, and `attest.not-a-statement` for another payload type.
    """
    verified = verify(envelope, keyring.authorities() if authorities else keyring.verifiers(), threshold)
    if verified.payload_type != PAYLOAD_TYPE:
        raise _not_a_statement(f"its payload is `{visible(verified.payload_type, 80)}`")
    return verified, read_statement(verified.payload)


def _read_subject(item: Any) -> StatementSubject:
    if not isinstance(item, dict) or not isinstance(item.get("digest"), dict) or not item["digest"]:
        raise _not_a_statement("a subject has no digest")
    name, sha256 = item.get("name", ""), item["digest"].get("sha256")
    if not isinstance(name, str):
        raise _not_a_statement("a subject's `name` is not a string")
    if sha256 is None:
        return StatementSubject(name, None)
    try:
        return StatementSubject(name, as_digest(sha256 if isinstance(sha256, str) else ""))
    except InputError as error:
        raise _not_a_statement(f"the digest of `{visible(name, 80)}` is not a sha256") from error


def _not_a_statement(why: str) -> EvidenceError:
    return EvidenceError(
        "attest.not-a-statement", f"this is not an in-toto statement v1: {why}", "give an in-toto attestation"
    )
