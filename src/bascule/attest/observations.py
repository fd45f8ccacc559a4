"""Evidence: what one tool saw in one subject, as a signed statement.

Rules: the subject of the statement is the digest of what was pointed at, under the name `.`, and after it each artefact
that the tool says something about; the instants of issue and expiry stand inside the predicate, under the signature;
what cannot be verified or understood is an error, never empty evidence.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bascule.attest.envelope import identity
from bascule.attest.keys import KeyRing
from bascule.attest.statement import Statement, open_statement, sign_statement
from bascule.kernel.clock import format_instant, parse_instant
from bascule.kernel.digests import Digest, as_digest
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible
from bascule.records import Evidence, Observations, Slot, Subject
from bascule.records.evidence import PREDICATE_OBSERVATIONS

WHOLE = "."
"""the name of the subject as a whole, which no artefact's path can be"""


def sign_observations(
    subject: Subject, observations: Observations, issued_at: datetime, expires_at: datetime, keyring: KeyRing
) -> bytes:
    """The envelope's bytes. Raises InputError `attest.expires-before-issue`.

    Law: read_evidence gives the same observations, slot and instants (to the second).
    """
    if expires_at <= issued_at:
        raise InputError(
            "attest.expires-before-issue",
            f"evidence issued at {format_instant(issued_at)} would expire at {format_instant(expires_at)}",
            "give it a time to live",
        )
    told_about = {
        *(answer.artefact for answer in observations.answers),
        *(finding.artefact for finding in observations.findings),
        *(measure.artefact for measure in observations.measures),
        *(reading.artefact for reading in observations.readings),
    }
    read = sorted({(a.path, as_digest(a.sha256)) for a in subject.artefacts if a.path in told_about})
    predicate = {
        "issued_at": format_instant(issued_at),
        "expires_at": format_instant(expires_at),
        "observations": observations.as_json(),
    }
    return sign_statement([(WHOLE, subject.digest), *read], PREDICATE_OBSERVATIONS, predicate, keyring)


def read_evidence(envelope: bytes, keyring: KeyRing) -> Evidence:
    """Evidence that a trusted key signed.

    Raises EvidenceError as `open_statement` does; `attest.foreign-predicate` for a statement of another kind, which may
    be sound but is not ours to read; `attest.not-observations` for one that says it is and is not.
    """
    verified, statement = open_statement(envelope, keyring)
    if statement.predicate_type != PREDICATE_OBSERVATIONS:
        raise EvidenceError(
            "attest.foreign-predicate",
            f"this statement's predicate is `{visible(statement.predicate_type)}`, not observations",
            "it was verified, but bascule draws no facts from it",
        )
    try:
        issued_at, expires_at, observations = _read_predicate(statement.predicate)
    except InputError as error:
        raise _not_observations(error.message) from error
    return Evidence(
        digest=identity(envelope),
        slot=Slot(subject=_whole(statement), tool=observations.tool.id),
        issued_at=issued_at,
        expires_at=expires_at,
        producer=keyring.producer(verified.key_ids),
        observations=observations,
    )


def _read_predicate(predicate: Any) -> tuple[datetime, datetime, Observations]:
    if not isinstance(predicate, dict):
        raise _not_observations("its predicate is not an object")
    instants = []
    for field in ("issued_at", "expires_at"):
        text = predicate.get(field)
        if not isinstance(text, str):
            raise _not_observations(f"`{field}` is missing")
        instants.append(parse_instant(text))
    if instants[1] <= instants[0]:
        raise _not_observations("it expires before it was issued")
    observations = Observations.from_value(predicate.get("observations"), "its observations")
    return instants[0], instants[1], observations


def _whole(statement: Statement) -> Digest:
    digest = statement.subject(WHOLE)
    if digest is None:
        raise _not_observations(f"it does not name exactly one subject `{WHOLE}` by sha256")
    return digest


def _not_observations(why: str) -> EvidenceError:
    return EvidenceError("attest.not-observations", f"these are not observations: {why}", "collect this evidence again")
