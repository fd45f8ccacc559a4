"""Our own records under a signature: subjects, contexts, decisions, waivers, approvals.

Rules: the statement's subject is the sha256 of the record's canonical bytes, and the predicate is the record itself;
the digest is taken over the predicate as it was signed, so a record that has since gained a field keeps the digest that
people signed; a key that is trusted for evidence alone signs none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from bascule.attest.envelope import identity
from bascule.attest.keys import KeyRing
from bascule.attest.statement import open_statement, sign_statement
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible
from bascule.records import Record

_OURS = "https://bascule.dev/attestation/"
PREDICATE_SUBJECT = _OURS + "subject/v1"
PREDICATE_CONTEXT = _OURS + "context/v1"
PREDICATE_DECISION = _OURS + "decision/v1"
PREDICATE_WAIVER = _OURS + "waiver/v1"
PREDICATE_APPROVAL = _OURS + "approval/v1"

RecordT = TypeVar("RecordT", bound=Record)


@dataclass(frozen=True, slots=True)
class Signed(Generic[RecordT]):
    """A record and what vouches for it.

    digest: of the record as it was signed; envelope: of the envelope's bytes; key_ids: trusted keys that signed.
    """

    record: RecordT
    digest: Digest
    envelope: Digest
    key_ids: tuple[str, ...]


def sign_record(record: Record, predicate_type: str, keyring: KeyRing) -> bytes:
    """The envelope's bytes. Law: read_record gives the record back, with its content digest."""
    name = type(record).__name__.lower()
    return sign_statement([(name, record.content_digest())], predicate_type, record.as_json(), keyring)


def read_record(
    envelope: bytes, record_type: type[RecordT], predicate_type: str, keyring: KeyRing, threshold: int = 1
) -> Signed[RecordT]:
    """The record in an envelope that trusted keys signed.

    Raises EvidenceError as `open_statement` does; `attest.other-predicate`; `attest.not-this-record` when the predicate
    is not such a record or is not what the statement's subject names.
    """
    verified, statement = open_statement(envelope, keyring, threshold, authorities=True)
    what = record_type.__name__.lower()
    if statement.predicate_type != predicate_type:
        raise EvidenceError(
            "attest.other-predicate",
            f"this statement's predicate is `{visible(statement.predicate_type)}`, not `{predicate_type}`",
            f"give a signed {what}",
        )
    try:
        digest = digest_of_json(statement.predicate)
        record = record_type.from_value(statement.predicate, f"the signed {what}")
    except InputError as error:
        raise EvidenceError("attest.not-this-record", error.message, error.hint) from error
    if [subject.digest for subject in statement.subjects] != [digest]:
        raise EvidenceError(
            "attest.not-this-record",
            f"the signed {what} is not the one that its statement names",
            "have it signed again",
        )
    return Signed(record, digest, identity(envelope), verified.key_ids)
