"""A blob is what its name says, or an error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.kernel.digests import digest_of
from bascule.kernel.errors import StoreError
from bascule.store import Blobs, FolderBlobs, MemoryBlobs

Make = Callable[[Path], Blobs]
TWINS = pytest.mark.parametrize("make", [FolderBlobs, lambda _folder: MemoryBlobs()], ids=["folder", "memory"])


@TWINS
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=2000))
def test_what_was_put_is_got_by_its_digest(tmp_path: Path, make: Make, data: bytes) -> None:
    blobs = make(tmp_path)
    digest = blobs.put(data)
    assert digest == digest_of(data)
    assert blobs.put(data) == digest
    assert blobs.get(digest) == data


@TWINS
def test_a_blob_that_is_not_there_is_named(tmp_path: Path, make: Make) -> None:
    with pytest.raises(StoreError, match=digest_of(b"x")) as caught:
        make(tmp_path).get(digest_of(b"x"))
    assert caught.value.code == "store.blob-missing"


def test_one_changed_byte_is_found_when_it_is_read(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    digest = blobs.put(b"abc")
    blobs.path(digest).write_bytes(b"abd")
    with pytest.raises(StoreError, match=digest) as caught:
        blobs.get(digest)
    assert caught.value.code == "store.blob-changed"


def test_writing_a_damaged_blob_again_mends_it(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    blobs.path(blobs.put(b"abc")).write_bytes(b"abd")
    assert blobs.get(blobs.put(b"abc")) == b"abc"


def test_blobs_are_sharded_by_their_first_byte(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    name = blobs.put(b"abc").removeprefix("sha256:")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        f"{name[:2]}/{name[2:]}"
    ]
