"""What journeys record comes back, and what is lost or no longer trusted stays silent."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bascule.attest import (
    PREDICATE_APPROVAL,
    PREDICATE_WAIVER,
    KeyRing,
    sign,
    sign_record,
    sign_statement,
)
from bascule.kernel.clock import SystemClock
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import EvidenceError, StoreError
from bascule.records import Approval, Context, Waiver
from bascule.records.evidence import Independence
from bascule.store import Store, open_store

if TYPE_CHECKING:
    from conftest import House


def waiver(house: House, rule: str = "card-incomplete", reason: str = "pilot") -> Waiver:
    return Waiver(
        rule=rule,
        subject=house.subject,
        tier="T6",
        reason=reason,
        safeguard="gateway",
        owner="Ada",
        issued_at=house.now,
        expires_at=house.now.replace(year=2027),
    )


def approval(house: House, decision: Digest, keyring: KeyRing, person: str = "Ada") -> bytes:
    record = Approval(
        decision=decision, person=person, role="release-manager", key_id=keyring.key_id, issued_at=house.now
    )
    return sign_record(record, PREDICATE_APPROVAL, keyring)


def lose(house: House, envelope: bytes) -> None:
    """Make a recorded body impossible to have."""
    digest = digest_of(envelope)
    if house.blobs.path(digest).exists():
        house.blobs.path(digest).unlink()
    else:
        house.tamper("UPDATE ledger_entries SET body = NULL WHERE digest = :digest", digest=digest)


def test_recorded_evidence_speaks_for_its_subject(house: House, store: Store) -> None:
    evidence = store.record_evidence(house.evidence())
    assert store.evidence_for(house.subject) == (evidence,)
    assert store.evidence_for(digest_of(b"another")) == ()
    assert evidence.speaks(house.now)


def test_evidence_is_listed_by_tool_whatever_the_order_of_recording(house: House, store: Store) -> None:
    for tool in ("secrets", "gguf_header", "model_card"):
        store.record_evidence(house.evidence(tool))
    tools = [evidence.slot.tool for evidence in store.evidence_for(house.subject)]
    assert tools == ["gguf_header", "model_card", "secrets"]


def test_the_newest_envelope_of_a_slot_speaks(house: House, store: Store) -> None:
    store.record_evidence(house.evidence(note="first"))
    newest = store.record_evidence(house.evidence(note="second"))
    assert store.evidence_for(house.subject) == (newest,)


def test_the_ledgers_order_counts_and_not_the_instant_of_issue(house: House, store: Store) -> None:
    newer, older = house.evidence(note="newer", days=60), house.evidence(note="older", days=1)
    store.record_evidence(newer)
    assert store.evidence_for(house.subject)[0] != store.record_evidence(older)
    assert store.evidence_for(house.subject)[0].digest == digest_of(older)


def test_an_old_envelope_that_is_brought_again_does_not_speak_again(house: House, store: Store) -> None:
    old, new = house.evidence(note="flattering"), house.evidence(note="sober")
    for envelope in (old, new, old):
        store.record_evidence(envelope)
    assert [evidence.digest for evidence in store.evidence_for(house.subject)] == [digest_of(new)]
    assert len(list(store.ledger.entries("evidence"))) == 2


@pytest.mark.parametrize("again", ["spelled otherwise", "with a field more", "with a signature more"])
def test_an_old_statement_in_another_envelope_does_not_speak_again(
    house: House, store: Store, auditor: KeyRing, again: str
) -> None:
    old = house.evidence(note="old")
    store.record_evidence(old)
    newest = store.record_evidence(house.evidence(note="new"))
    envelope = json.loads(old)
    if again == "with a field more":
        envelope["x"] = 1
    elif again == "with a signature more":
        other = sign(base64.b64decode(envelope["payload"]), envelope["payloadType"], auditor.signer)
        envelope["signatures"] += json.loads(other)["signatures"]
    store.record_evidence(json.dumps(envelope, indent=1).encode())
    assert store.evidence_for(house.subject) == (newest,)


@pytest.mark.parametrize("note", ["inline", "blob " * 1000])
def test_losing_the_newest_evidence_silences_its_slot_and_wakes_no_older_one(
    house: House, store: Store, note: str
) -> None:
    store.record_evidence(house.evidence(note="older"))
    newest = house.evidence(note=note)
    recorded = store.record_evidence(newest)
    lose(house, newest)
    (silent,) = store.evidence_for(house.subject)
    assert (silent.digest, silent.slot, silent.observations) == (recorded.digest, recorded.slot, None)
    assert (silent.issued_at, silent.expires_at) == (recorded.issued_at, recorded.expires_at)
    assert not silent.speaks(house.now)


def test_evidence_whose_producer_is_no_longer_trusted_is_silent(house: House, store: Store, auditor: KeyRing) -> None:
    evidence = store.record_evidence(house.evidence(keyring=auditor))
    assert evidence.producer is not None
    assert evidence.producer.independence is Independence.INDEPENDENT
    (house.home / f"keys/trusted/{auditor.key_id}.pem").unlink()
    (silent,) = store.evidence_for(house.subject)
    assert (silent.digest, silent.observations) == (evidence.digest, None)


def test_a_key_ring_that_cannot_be_read_is_an_error_and_not_silence(house: House, store: Store) -> None:
    store.record_evidence(house.evidence())
    store.record_waiver(sign_record(waiver(house), PREDICATE_WAIVER, house.keyring))
    (house.home / "keys/ed25519.pem").chmod(0o644)
    for ask in (store.evidence_for, store.waivers_for):
        with pytest.raises(EvidenceError) as caught:
            ask(house.subject)
        assert caught.value.code == "attest.key-exposed"


def test_a_row_that_points_a_slot_at_other_evidence_is_silent(house: House, store: Store) -> None:
    store.record_evidence(house.evidence("secrets"))
    house.tamper("UPDATE ledger_entries SET slot = 'pickle_opcodes' WHERE seq = 0")
    (evidence,) = store.evidence_for(house.subject)
    assert evidence.observations is None


def test_a_past_decision_sees_the_evidence_of_its_time(house: House, store: Store) -> None:
    first = store.record_evidence(house.evidence(note="first"))
    size = store.head().size  # type: ignore[union-attr]
    store.record_evidence(house.evidence(note="second"))
    store.record_evidence(house.evidence("secrets"))
    assert store.evidence_for(house.subject, size) == (first,)
    assert store.evidence(first.digest) == first
    assert store.evidence(digest_of(b"never")) is None


def test_unverifiable_evidence_is_never_recorded(tmp_path: Path, house: House, store: Store) -> None:
    stranger = KeyRing(tmp_path / "stranger")
    foreign = sign_statement([("m", digest_of(b"m"))], "https://slsa.dev/provenance/v1", {}, house.keyring)
    for envelope in (house.evidence(keyring=stranger), foreign, b"{}"):
        with pytest.raises(EvidenceError):
            store.record_evidence(envelope)
    assert store.head() is None


def test_an_envelope_comes_back_byte_for_byte(house: House, store: Store) -> None:
    envelope = house.evidence()
    evidence = store.record_evidence(envelope)
    assert store.envelope(evidence.digest) == envelope
    with pytest.raises(EvidenceError, match="never recorded"):
        store.envelope(digest_of(b"x"))


def test_a_subject_is_found_by_the_reference_it_was_last_reviewed_under(house: House, store: Store) -> None:
    first = house.pointed_at("pypi:model")
    other = first.model_copy(update={"digest": digest_of(b"new bytes")})
    assert store.find_subject("pypi:model") is None
    for subject in (first, first, other, first):
        assert store.record_subject(subject) == subject.digest
    assert store.find_subject("pypi:model") == first.digest
    assert store.subject(other.digest) == other
    assert store.subject(digest_of(b"x")) is None
    assert len(list(store.ledger.entries("subject"))) == 3


def test_the_latest_decision_stands_for_its_subject_and_ladder(house: House, store: Store) -> None:
    assert store.latest_decision(house.subject, "release") is None
    granted = store.record_decision(house.decision())
    refused = store.record_decision(house.decision("refused"))
    adopted = store.record_decision(house.decision("unknown", "adopt"))
    assert store.latest_decision(house.subject, "release") == refused
    assert store.latest_decision(house.subject, "adopt") == adopted
    assert store.decision(granted.digest) == granted
    assert store.decisions() == (adopted, refused, granted)
    assert store.decisions(digest_of(b"x")) == ()
    assert granted.digest == house.decision().content_digest()


def test_the_same_decision_twice_is_recorded_once_and_again_after_another(house: House, store: Store) -> None:
    for verdict in ("granted", "granted", "refused", "granted"):
        store.record_decision(house.decision(verdict))
    verdicts = [signed.record.verdict for signed in store.decisions()]
    assert verdicts == ["granted", "refused", "granted"]


def test_no_older_decision_stands_in_for_one_that_was_lost(house: House, store: Store) -> None:
    store.record_decision(house.decision())
    lost = store.record_decision(house.decision("refused"))
    lose(house, store.envelope(lost.envelope))
    with pytest.raises(StoreError):
        store.latest_decision(house.subject, "release")


def test_waivers_come_back_in_order_while_they_verify(house: House, store: Store, auditor: KeyRing) -> None:
    ours = sign_record(waiver(house), PREDICATE_WAIVER, house.keyring)
    theirs = sign_record(waiver(house, "secret-in-file"), PREDICATE_WAIVER, auditor)
    for envelope in (ours, theirs, ours):
        store.record_waiver(envelope)
    assert [signed.record.rule for signed in store.waivers_for(house.subject)] == ["card-incomplete", "secret-in-file"]
    assert store.waivers_for(digest_of(b"x")) == ()
    (house.home / f"keys/trusted/{auditor.key_id}.pem").unlink()
    assert [signed.record.rule for signed in store.waivers_for(house.subject)] == ["card-incomplete"]


def test_an_approval_is_of_one_recorded_decision(house: House, store: Store, auditor: KeyRing) -> None:
    decision = store.record_decision(house.decision())
    other = store.record_decision(house.decision("refused"))
    signed = store.record_approval(approval(house, decision.digest, auditor))
    assert store.approvals_for(decision.digest) == (signed,)
    assert store.approvals_for(other.digest) == ()
    with pytest.raises(EvidenceError) as caught:
        store.record_approval(approval(house, digest_of(b"never decided"), auditor))
    assert caught.value.code == "store.no-such-decision"


def test_nobody_approves_in_anothers_name(house: House, store: Store, auditor: KeyRing) -> None:
    decision = store.record_decision(house.decision())
    record = Approval(decision=decision.digest, person="Ada", role="owner", key_id=auditor.key_id, issued_at=house.now)
    with pytest.raises(EvidenceError) as caught:
        store.record_approval(sign_record(record, PREDICATE_APPROVAL, house.keyring))
    assert caught.value.code == "store.approved-with-another-key"


@pytest.fixture
def vendor(tmp_path: Path, house: House) -> KeyRing:
    """Somebody whose evidence the house reads, and nothing else."""
    keyring = KeyRing(tmp_path / "vendor")
    keyring.export(tmp_path / "vendor.pem")
    house.keyring.export(tmp_path / "house.pem")
    keyring.trust(tmp_path / "house.pem", "the house", "internal")
    house.keyring.trust(tmp_path / "vendor.pem", "Vendor", "self-reported")
    return keyring


def test_a_self_reporting_key_brings_evidence_and_neither_waives_nor_approves(
    house: House, store: Store, vendor: KeyRing
) -> None:
    assert store.record_evidence(house.evidence(keyring=vendor)).observations is not None
    decided = store.record_decision(house.decision()).digest
    with pytest.raises(EvidenceError, match="trusted keys"):
        store.record_waiver(sign_record(waiver(house), PREDICATE_WAIVER, vendor))
    with pytest.raises(EvidenceError, match="trusted keys"):
        store.record_approval(approval(house, decided, vendor))


def test_a_ledger_that_a_self_reporting_key_grew_does_not_verify(house: House, store: Store, vendor: KeyRing) -> None:
    store.record_evidence(house.evidence())
    with open_store(house.home, house.url, vendor, SystemClock()) as theirs:
        theirs.record_context(Context(requester="somebody"))
    assert [fault.what for fault in store.verify()] == ["head-unverified"]
    with pytest.raises(StoreError) as caught:
        store.record_context(Context())
    assert caught.value.code == "store.ledger-damaged"


def test_an_approval_by_a_key_no_longer_trusted_is_none(house: House, store: Store, auditor: KeyRing) -> None:
    decision = store.record_decision(house.decision())
    store.record_approval(approval(house, decision.digest, auditor))
    (house.home / f"keys/trusted/{auditor.key_id}.pem").unlink()
    assert store.approvals_for(decision.digest) == ()


def test_what_a_decision_rests_on_is_kept_once_by_digest(house: House, store: Store) -> None:
    context, files = Context(region="EU", sector="health"), {"pack.yaml": b"id: x", "rules/a.yaml": b"\xff"}
    policy = digest_of(b"a policy")
    assert store.context(context.content_digest()) is store.policy_files(policy) is None
    for _ in range(2):
        assert store.record_context(context) == context.content_digest()
        store.record_policy(policy, files)
    assert store.context(context.content_digest()) == context
    assert store.policy_files(policy) == files
    assert [entry.kind for entry in store.ledger.entries()] == ["context", "policy"]


READ_MODELS = ("evidence", "subjects", "decisions", "waivers", "approvals")


def record_everything(house: House, store: Store) -> None:
    for note in ("a", "b", "long " * 1000):
        for tool in ("secrets", "pickle_opcodes"):
            store.record_evidence(house.evidence(tool, note))
    store.record_subject(house.pointed_at())
    store.record_subject(house.pointed_at("hf:org/model"))
    decision = store.record_decision(house.decision())
    store.record_decision(house.decision("refused"))
    store.record_waiver(sign_record(waiver(house), PREDICATE_WAIVER, house.keyring))
    store.record_approval(approval(house, decision.digest, house.keyring))


def answers(house: House, store: Store) -> list[object]:
    decisions = store.decisions()
    return [
        store.evidence_for(house.subject),
        store.find_subject("./model"),
        decisions,
        store.waivers_for(house.subject),
        [store.approvals_for(decision.digest) for decision in decisions],
    ]


def test_replay_gives_what_appending_gave(house: House, store: Store) -> None:
    record_everything(house, store)
    before, head = answers(house, store), store.head()
    for table in READ_MODELS:
        assert house.tamper(f"DELETE FROM {table}") > 0
    assert {fault.what for fault in store.verify()} == {"read-model-differs"}
    assert store.replay() == 12
    assert store.verify() == []
    assert answers(house, store) == before
    assert store.head() == head


@pytest.mark.parametrize("table", READ_MODELS)
def test_a_read_model_that_differs_is_named_and_replay_mends_it(house: House, store: Store, table: str) -> None:
    record_everything(house, store)
    column = "subject" if table in ("evidence", "subjects", "decisions", "waivers") else "decision"
    house.tamper(
        f"UPDATE {table} SET {column} = :other WHERE seq = (SELECT max(seq) FROM {table})", other=digest_of(b"other")
    )
    faults = store.verify()
    assert {fault.what for fault in faults} == {"read-model-differs"}
    assert all(f"`{table}`" in fault.detail for fault in faults)
    store.replay()
    assert store.verify() == []


def test_replay_needs_no_bodies(house: House, store: Store) -> None:
    record_everything(house, store)
    house.tamper("UPDATE ledger_entries SET body = NULL")
    shutil.rmtree(house.home / "blobs")
    store.replay()
    assert {fault.what for fault in store.verify()} == {"body-missing"}
    assert [evidence.observations for evidence in store.evidence_for(house.subject)] == [None, None]


def test_open_store_needs_a_home_a_url_a_key_and_a_clock(house: House) -> None:
    with open_store(house.home, house.url, house.keyring, SystemClock()) as store:
        evidence = store.record_evidence(house.evidence(note="long " * 300_000))
    assert house.blobs.path(evidence.digest).exists()
    with open_store(house.home, house.url, house.keyring, SystemClock()) as store:
        assert store.evidence_for(house.subject) == (evidence,)
        assert store.verify() == []
