"""The ledger only grows, proves what it holds, and names whatever was changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bascule.attest import KeyRing
from bascule.kernel.digests import as_digest, digest_of
from bascule.kernel.errors import EvidenceError, InputError, StoreError
from bascule.store import Draft, Fault, Store, read_head
from bascule.store.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion

if TYPE_CHECKING:
    from conftest import House  # pytest's own copy is loaded by path


def root_bytes(digest: str) -> bytes:
    return bytes.fromhex(digest.removeprefix("sha256:"))


def test_an_empty_ledger_verifies_and_has_no_head(store: Store) -> None:
    assert store.head() is None
    assert store.verify() == []
    assert list(store.ledger.entries()) == []


def test_entries_come_back_in_order_with_their_bodies(house: House, store: Store) -> None:
    house.fill(store, 130)
    entries = list(store.ledger.entries())
    assert [entry.seq for entry in entries] == list(range(130))
    assert [entry.slot for entry in entries[:2]] == ["slot 0", "slot 1"]
    assert all(entry.digest == digest_of(store.ledger.body(entry.seq)) for entry in entries[:10])
    assert [entry.seq for entry in store.ledger.entries("note", start=128)] == [128, 129]
    assert list(store.ledger.entries("other")) == []


def test_what_was_appended_is_there_after_reopening(house: House) -> None:
    with house.open() as first:
        house.fill(first, 5)
        head = first.head()
    with house.open() as second:
        assert second.head() == head
        assert len(list(second.ledger.entries())) == 5
        assert second.verify() == []


def test_a_large_body_is_a_blob_and_a_small_one_is_not(house: House, store: Store) -> None:
    small, large = b"s" * house.inline_bytes, b"l" * (house.inline_bytes + 1)
    store.ledger.append(Draft("note", small))
    store.ledger.append(Draft("note", large))
    assert not house.blobs.path(digest_of(small)).exists()
    assert house.blobs.get(digest_of(large)) == large == store.ledger.body(1)


def test_every_append_leaves_a_head_signed_by_the_house(house: House, store: Store) -> None:
    for size in range(1, 6):
        house.fill(store, 1)
        head = store.head()
        assert head is not None
        assert head == read_head(head.envelope, house.keyring.verifiers())
        assert (head.size, head.appended_at) == (size, house.now)


def test_every_entry_is_proved_under_the_signed_head(house: House, store: Store) -> None:
    house.fill(store, 13)
    for seq in range(13):
        proof = store.inclusion(seq)
        root = root_bytes(proof.head.root)
        assert proof.entry.seq == seq
        assert verify_inclusion(proof.leaf, seq, proof.head.size, proof.path, root)
    with pytest.raises(StoreError, match="no entry 13"):
        store.inclusion(13)


def test_the_ledger_is_proved_to_begin_with_every_head_it_ever_signed(house: House, store: Store) -> None:
    roots = [EMPTY_ROOT]
    for _ in range(12):
        house.fill(store, 1)
        head = store.head()
        assert head is not None
        roots.append(root_bytes(head.root))
    for old_size, old_root in enumerate(roots):
        proof = store.consistency(old_size)
        assert proof.old_root == old_root
        assert verify_consistency(old_size, 12, old_root, root_bytes(proof.head.root), proof.path)
    with pytest.raises(InputError, match="never had 13"):
        store.consistency(13)


def test_there_is_nothing_to_prove_in_an_empty_ledger(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.consistency(0)
    assert caught.value.code == "store.empty"


def faults_after(house: House, statement: str, **values: object) -> list[Fault]:
    """What verifying says of a ledger of nine entries after somebody changed it."""
    with house.open() as store:
        house.fill(store, 9)
        assert store.verify() == []
    assert house.tamper(statement, **values) == 1
    with house.open() as store:
        return store.verify()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "nota"),
        ("digest", digest_of(b"other")),
        ("record", digest_of(b"other")),
        ("subject", digest_of(b"other")),
        ("slot", "slot 9"),
        ("issued_at", "2026-11-25T08:00:00Z"),
        ("expires_at", "2026-11-25T08:00:00Z"),
        ("appended_at", "2026-11-25 08:00:00Z"),  # the same instant, written otherwise
        ("appended_at", "nonsense"),
    ],
)
def test_a_changed_field_is_found_at_its_entry(house: House, column: str, value: str) -> None:
    faults = faults_after(house, f"UPDATE ledger_entries SET {column} = :value WHERE seq = 4", value=value)
    assert (faults[0].what, faults[0].seq) == ("fields-changed", 4)


def test_one_changed_byte_of_a_body_is_found_and_named(house: House) -> None:
    faults = faults_after(house, "UPDATE ledger_entries SET body = :body WHERE seq = 4", body=b"body 5 ")
    assert [(fault.what, fault.seq, fault.digest) for fault in faults] == [("body-changed", 4, digest_of(b"body 4 "))]


def test_one_changed_byte_of_a_blob_is_found_and_named(house: House) -> None:
    with house.open() as store:
        house.fill(store, 9)
        body = store.ledger.body(5)
        house.blobs.path(digest_of(body)).write_bytes(body[:-1] + b"x")
        assert [(f.what, f.seq, f.digest) for f in store.verify()] == [("body-changed", 5, digest_of(body))]
        with pytest.raises(StoreError):
            store.ledger.body(5)


def test_a_blob_that_is_gone_is_named_and_the_rest_still_verifies(house: House) -> None:
    with house.open() as store:
        house.fill(store, 9)
        house.blobs.path(digest_of(store.ledger.body(5))).unlink()
        assert [(fault.what, fault.seq) for fault in store.verify()] == [("body-missing", 5)]
        house.fill(store, 1)  # a lost body does not stop the ledger


def test_a_changed_leaf_is_found_at_its_entry(house: House) -> None:
    statement = "UPDATE ledger_nodes SET hash = :hash WHERE level = 0 AND position = 4"
    faults = faults_after(house, statement, hash=bytes(32))
    assert ("fields-changed", 4) in [(fault.what, fault.seq) for fault in faults]
    assert [fault.seq for fault in faults if fault.what == "head-changed"] == [4]


def test_a_missing_leaf_is_found(house: House) -> None:
    faults = faults_after(house, "DELETE FROM ledger_nodes WHERE level = 0 AND position = 4")
    assert (faults[0].what, faults[0].seq) == ("leaf-missing", 4)


def test_a_changed_inner_node_is_found_and_nothing_is_built_on_it(house: House) -> None:
    statement = "UPDATE ledger_nodes SET hash = :hash WHERE level = 3 AND position = 0"
    faults = faults_after(house, statement, hash=bytes(32))
    assert [(fault.what, fault.seq) for fault in faults] == [("node-changed", 0)]
    with house.open() as store, pytest.raises(StoreError) as caught:
        house.fill(store, 1)
    assert caught.value.code == "store.ledger-damaged"


def test_an_entry_that_was_taken_away_is_missed(house: House) -> None:
    faults = faults_after(house, "DELETE FROM ledger_entries WHERE seq = 4")
    assert ("entry-missing", 4) in [(fault.what, fault.seq) for fault in faults]


def test_the_last_entry_taken_away_is_missed_and_nothing_follows_it(house: House) -> None:
    faults = faults_after(house, "DELETE FROM ledger_entries WHERE seq = 8")
    assert any(fault.what in ("entry-missing", "head-changed") for fault in faults)
    with house.open() as store, pytest.raises(StoreError, match="nothing was added"):
        house.fill(store, 1)


def test_a_ledger_cut_back_without_a_trace_is_found_by_a_head_that_was_kept(house: House) -> None:
    with house.open() as store:
        house.fill(store, 5)
        kept, early = store.head(), store.consistency(3).old_root
        assert kept is not None
        assert store.verify(kept.root) == []
        for table, column in (("ledger_entries", "seq >= 3"), ("ledger_heads", "size > 3")):
            assert house.tamper(f"DELETE FROM {table} WHERE {column}") == 2
        house.tamper("DELETE FROM ledger_nodes WHERE (position + 1) * (1 << level) > 3")
        store.replay()
        assert store.verify() == []
        assert store.verify(as_digest(early.hex())) == []
        assert [fault.what for fault in store.verify(kept.root)] == ["head-missing"]
        house.fill(store, 2)
        assert [fault.what for fault in store.verify(kept.root)] == ["head-missing"]


def test_a_last_head_taken_away_is_missed_and_nothing_follows_it(house: House) -> None:
    faults = faults_after(house, "DELETE FROM ledger_heads WHERE size = 9")
    assert [(fault.what, fault.seq) for fault in faults] == [("head-missing", 8)]
    with house.open() as store, pytest.raises(StoreError) as caught:
        house.fill(store, 1)
    assert caught.value.code == "store.ledger-damaged"


def test_one_changed_byte_of_a_head_is_found(house: House) -> None:
    with house.open() as store:
        house.fill(store, 9)
        head = store.head()
        assert head is not None
    envelope = bytearray(head.envelope)
    envelope[envelope.index(b'"payload":"') + 20] ^= 1
    house.tamper("UPDATE ledger_heads SET envelope = :envelope WHERE size = 9", envelope=bytes(envelope))
    with house.open() as store:
        assert [(fault.what, fault.seq) for fault in store.verify()] == [("head-unverified", 8)]
        with pytest.raises(EvidenceError):
            store.head()


def test_a_head_filed_under_another_size_is_found(house: House) -> None:
    with house.open() as store:
        house.fill(store, 3)
        head = store.head()
        assert head is not None
    house.tamper("UPDATE ledger_heads SET envelope = :envelope WHERE size = 2", envelope=head.envelope)
    with house.open() as store:
        assert [(fault.what, fault.seq) for fault in store.verify()] == [("head-changed", 1)]


def test_a_ledger_rewritten_by_a_stranger_does_not_verify(tmp_path: Path, house: House) -> None:
    with house.open() as store:
        house.fill(store, 3)
    house.keyring = KeyRing(tmp_path / "stranger")
    with house.open() as store:
        assert {fault.what for fault in store.verify()} == {"head-unverified"}
        with pytest.raises(StoreError) as caught:
            house.fill(store, 1)
        assert caught.value.code == "store.ledger-damaged"


def test_an_append_that_fails_leaves_nothing(house: House, store: Store) -> None:
    house.fill(store, 2)
    with pytest.raises(InputError):
        store.ledger.append(Draft("note", b"x", slot="\ud800"))  # no JSON has it, so no leaf can be taken
    assert [entry.seq for entry in store.ledger.entries()] == [0, 1]
    assert store.verify() == []


def test_the_head_names_the_root(house: House, store: Store) -> None:
    house.fill(store, 1)
    head = store.head()
    assert head is not None
    assert head.root == as_digest(store.inclusion(0).leaf.hex())
