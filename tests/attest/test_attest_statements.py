"""Evidence and records come back as they were signed, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bascule.attest import (
    PREDICATE_APPROVAL,
    PREDICATE_WAIVER,
    KeyRing,
    open_statement,
    read_evidence,
    read_record,
    sign,
    sign_observations,
    sign_record,
    sign_statement,
)
from bascule.attest.statement import PAYLOAD_TYPE, read_statement, write_statement
from bascule.kernel.digests import as_sha256, digest_of, digest_of_json
from bascule.kernel.errors import EvidenceError, InputError
from bascule.records import Approval, Observations, Slot, Subject, Waiver
from bascule.records.evidence import PREDICATE_OBSERVATIONS, Independence

Instants = tuple[datetime, datetime]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(EvidenceError) as caught:
        call()
    return caught.value.code


def test_evidence_comes_back_as_it_was_signed(
    keyring: KeyRing, subject: Subject, observations: Observations, instants: Instants
) -> None:
    envelope = sign_observations(subject, observations, *instants, keyring)
    evidence = read_evidence(envelope, keyring)
    assert evidence.observations == observations
    assert evidence.slot == Slot(subject=subject.digest, tool="model_card")
    assert (evidence.issued_at, evidence.expires_at) == instants
    assert evidence.digest == digest_of(envelope)
    assert evidence.producer is not None
    assert evidence.producer.key_id == keyring.key_id


def test_the_statement_names_the_whole_and_each_artefact_that_was_read(
    keyring: KeyRing, subject: Subject, observations: Observations, instants: Instants
) -> None:
    _, statement = open_statement(sign_observations(subject, observations, *instants, keyring), keyring)
    assert [item.name for item in statement.subjects] == [".", "README.md"]
    assert statement.subject(".") == subject.digest
    assert statement.predicate_type == PREDICATE_OBSERVATIONS
    assert set(statement.predicate) == {"issued_at", "expires_at", "observations"}


def test_the_same_observations_give_the_same_envelope(
    keyring: KeyRing, subject: Subject, observations: Observations, instants: Instants
) -> None:
    first, second = (sign_observations(subject, observations, *instants, keyring) for _ in range(2))
    assert first == second


def test_evidence_that_expires_before_it_is_issued_is_never_signed(
    keyring: KeyRing, subject: Subject, observations: Observations, instants: Instants
) -> None:
    with pytest.raises(InputError) as caught:
        sign_observations(subject, observations, instants[1], instants[0], keyring)
    assert caught.value.code == "attest.expires-before-issue"


def test_independent_evidence_is_known_by_its_key(
    tmp_path: Path, keyring: KeyRing, subject: Subject, observations: Observations, instants: Instants
) -> None:
    auditor = KeyRing(tmp_path / "auditor")
    envelope = sign_observations(subject, observations, *instants, auditor)
    assert code_of(lambda: read_evidence(envelope, keyring)) == "attest.untrusted-key"
    auditor.export(tmp_path / "auditor.pem")
    keyring.trust(tmp_path / "auditor.pem", "Audit Ltd", Independence.INDEPENDENT)
    producer = read_evidence(envelope, keyring).producer
    assert producer is not None
    assert (producer.name, producer.independence) == ("Audit Ltd", Independence.INDEPENDENT)


def test_a_foreign_predicate_is_verified_and_named_but_not_read_as_ours(keyring: KeyRing) -> None:
    foreign = "https://slsa.dev/provenance/v1"
    envelope = sign_statement([("model", digest_of(b"x"))], foreign, {"buildDefinition": {}}, keyring)
    with pytest.raises(EvidenceError, match=foreign) as caught:
        read_evidence(envelope, keyring)
    assert caught.value.code == "attest.foreign-predicate"
    verified, statement = open_statement(envelope, keyring)
    assert statement.predicate == {"buildDefinition": {}}
    assert verified.key_ids == (keyring.key_id,)


def test_unknown_fields_and_other_digests_of_a_foreign_statement_are_kept(keyring: KeyRing) -> None:
    document = json.loads(write_statement([], "https://example.com/x", None)) | {
        "subject": [{"name": "a", "digest": {"blake3": "00"}, "uri": "x:y"}],
        "extension": [1],
    }
    payload = json.dumps(document).encode()
    verified, statement = open_statement(sign(payload, PAYLOAD_TYPE, keyring.signer), keyring)
    assert statement.document == document
    assert verified.payload == payload
    assert statement.subject("a") is None


def test_reading_inverts_writing() -> None:
    subjects = [("a", digest_of(b"a")), (".", digest_of(b"b"))]
    statement = read_statement(write_statement(subjects, "https://example.com/x", {"k": [1, None]}))
    assert [(item.name, item.digest) for item in statement.subjects] == subjects
    assert (statement.predicate_type, statement.predicate) == ("https://example.com/x", {"k": [1, None]})


@pytest.mark.parametrize(
    "change",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"subject": []},
        {"subject": [{"name": "a"}]},
        {"subject": [{"name": "a", "digest": {"sha256": "short"}}]},
        {"subject": [{"name": 7, "digest": {"sha256": "0" * 64}}]},
        {"predicateType": None},
    ],
)
def test_what_is_no_statement_is_an_error(keyring: KeyRing, change: dict[str, Any]) -> None:
    document = json.loads(write_statement([("a", digest_of(b"a"))], "https://example.com/x", {})) | change
    envelope = sign(json.dumps(document).encode(), PAYLOAD_TYPE, keyring.signer)
    assert code_of(lambda: open_statement(envelope, keyring)) == "attest.not-a-statement"


def test_another_payload_type_is_no_statement(keyring: KeyRing) -> None:
    payload = write_statement([("a", digest_of(b"a"))], "https://example.com/x", {})
    envelope = sign(payload, "application/json", keyring.signer)
    assert code_of(lambda: open_statement(envelope, keyring)) == "attest.not-a-statement"


@pytest.mark.parametrize(
    ("subjects", "change"),
    [
        ([("README.md", b"x")], {}),
        ([(".", b"x"), (".", b"y")], {}),
        ([(".", b"x")], {"issued_at": None}),
        ([(".", b"x")], {"expires_at": "2020-01-01T00:00:00Z"}),
        ([(".", b"x")], {"observations": {"tool": {}}}),
        ([(".", b"x")], {"observations": None}),
    ],
)
def test_observations_that_do_not_say_what_they_must_are_an_error(
    keyring: KeyRing,
    observations: Observations,
    subjects: list[tuple[str, bytes]],
    change: dict[str, Any],
) -> None:
    predicate = {
        "issued_at": "2026-11-25T00:00:00Z",
        "expires_at": "2026-12-25T00:00:00Z",
        "observations": observations.as_json(),
    }
    named = [(name, digest_of(data)) for name, data in subjects]
    envelope = sign_statement(named, PREDICATE_OBSERVATIONS, predicate | change, keyring)
    assert code_of(lambda: read_evidence(envelope, keyring)) == "attest.not-observations"


def waiver(instants: Instants) -> Waiver:
    return Waiver(
        rule="card-incomplete",
        subject=digest_of(b"x"),
        tier="T6",
        reason="pilot",
        safeguard="gateway",
        owner="Ada",
        issued_at=instants[0],
        expires_at=instants[1],
    )


def test_a_record_comes_back_with_the_digest_that_was_signed(keyring: KeyRing, instants: Instants) -> None:
    record = waiver(instants)
    signed = read_record(sign_record(record, PREDICATE_WAIVER, keyring), Waiver, PREDICATE_WAIVER, keyring)
    assert (signed.record, signed.digest, signed.key_ids) == (record, record.content_digest(), (keyring.key_id,))


def test_a_record_from_before_a_field_was_added_keeps_its_digest(keyring: KeyRing, instants: Instants) -> None:
    older = {name: value for name, value in waiver(instants).as_json().items() if name != "renewal_of"}
    digest = digest_of_json(older)
    envelope = sign_statement([("waiver", digest)], PREDICATE_WAIVER, older, keyring)
    assert read_record(envelope, Waiver, PREDICATE_WAIVER, keyring).digest == digest


def test_a_record_that_its_statement_does_not_name_is_refused(keyring: KeyRing, instants: Instants) -> None:
    other = waiver((instants[0], instants[1] + timedelta(days=1)))
    named = [("waiver", waiver(instants).content_digest())]
    envelope = sign_statement(named, PREDICATE_WAIVER, other.as_json(), keyring)
    assert code_of(lambda: read_record(envelope, Waiver, PREDICATE_WAIVER, keyring)) == "attest.not-this-record"


def test_one_kind_of_record_never_passes_for_another(keyring: KeyRing, instants: Instants) -> None:
    envelope = sign_record(waiver(instants), PREDICATE_WAIVER, keyring)
    assert code_of(lambda: read_record(envelope, Approval, PREDICATE_APPROVAL, keyring)) == "attest.other-predicate"
    assert code_of(lambda: read_record(envelope, Approval, PREDICATE_WAIVER, keyring)) == "attest.not-this-record"


def test_the_subject_of_a_signed_record_is_its_digest(keyring: KeyRing, instants: Instants) -> None:
    record = waiver(instants)
    _, statement = open_statement(sign_record(record, PREDICATE_WAIVER, keyring), keyring)
    assert statement.document["subject"][0]["digest"] == {"sha256": as_sha256(record.content_digest())}
