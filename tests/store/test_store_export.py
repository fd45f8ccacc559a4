"""An export says the same every time, and can be checked by whoever holds nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.attest import KeyRing
from bascule.kernel.digests import digest_of
from bascule.kernel.errors import InputError, StoreError
from bascule.store import Store, verify_export

if TYPE_CHECKING:
    from conftest import House


@pytest.fixture
def exported(house: House, store: Store, tmp_path: Path) -> Path:
    house.fill(store, 7)
    path = tmp_path / "out/ledger.jsonl"
    store.export(path)
    return path


def test_an_export_verifies_by_itself_and_against_the_houses_key(house: House, exported: Path) -> None:
    assert verify_export(exported) == []
    assert verify_export(exported, house.keyring) == []


def test_an_empty_ledger_exports_too(store: Store, tmp_path: Path) -> None:
    store.export(tmp_path / "empty.jsonl")
    assert verify_export(tmp_path / "empty.jsonl") == []


def test_the_same_ledger_gives_the_same_bytes(store: Store, exported: Path, tmp_path: Path) -> None:
    store.export(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == exported.read_bytes()


def test_agreeing_with_itself_is_not_being_trusted(exported: Path, tmp_path: Path) -> None:
    faults = verify_export(exported, KeyRing(tmp_path / "stranger"))
    assert {fault.what for fault in faults} == {"head-unverified"}


def refused(path: Path, keyring: KeyRing) -> bool:
    """Is this file found wanting, as a fault of the ledger or as no export at all?"""
    try:
        return verify_export(path, keyring) != []
    except InputError:
        return True


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_one_changed_byte_is_found_wherever_it_is(house: House, exported: Path, data: st.DataObject) -> None:
    whole = exported.read_bytes()
    # The first line's keys are for those who hold none, and were not asked here.
    place = data.draw(st.integers(whole.index(b"\n"), len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    changed = exported.with_name("changed.jsonl")
    changed.write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
    assert refused(changed, house.keyring)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_truncated_export_never_verifies(house: House, exported: Path, data: st.DataObject) -> None:
    whole = exported.read_bytes()
    cut = exported.with_name("cut.jsonl")
    cut.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert refused(cut, house.keyring)


def test_a_lost_body_is_exported_as_lost(house: House, store: Store, exported: Path) -> None:
    house.blobs.path(digest_of(store.ledger.body(5))).unlink()
    store.export(exported)
    assert [(fault.what, fault.seq) for fault in verify_export(exported)] == [("body-missing", 5)]


def test_something_after_the_end_is_a_fault(exported: Path) -> None:
    with exported.open("ab") as file:
        file.write(b"{}\n")
    assert [fault.what for fault in verify_export(exported)] == ["export-changed"]


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"[]\n", b"\xff\n", b'{"keys":["x"],"schema":"bascule.ledger/v1"}\n']
)
def test_what_is_no_export_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError):
        verify_export(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        verify_export(tmp_path / "none.jsonl")


def test_an_export_that_cannot_be_written_leaves_nothing(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        store.export(tmp_path / "file/ledger.jsonl")
    assert caught.value.code == "store.cannot-export"
