"""Blobs: bytes kept under their own sha256.

Rules: a blob is written whole or not at all, and is checked whenever it is read; writing one that is there is no work,
unless what is there was damaged, which writing mends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bascule.kernel.digests import Digest, as_sha256, digest_of
from bascule.kernel.errors import StoreError
from bascule.kernel.files import write_whole


class Blobs(Protocol):
    """Where large bodies lie."""

    def put(self, data: bytes) -> Digest:
        """Keep these bytes. Raises StoreError when they cannot be kept; nothing is half-written."""
        ...

    def get(self, digest: Digest) -> bytes:
        """The bytes of that digest. Raises StoreError `store.blob-missing` or `store.blob-changed`."""
        ...


class FolderBlobs:
    """A folder, sharded by the first two hex digits: `ab/cdef…`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: Digest) -> Path:
        """Where that blob lies, or would."""
        name = as_sha256(digest)
        return self._root / name[:2] / name[2:]

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        path = self.path(digest)
        if not _holds(path, data):
            write_whole(path, data)
        return digest

    def get(self, digest: Digest) -> bytes:
        path = self.path(digest)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise _missing(digest) from error
        except OSError as error:
            raise StoreError(
                "store.blob-missing", f"`{path}` cannot be read: {error.strerror}", "check its permissions"
            ) from error
        return _checked(digest, data)


class MemoryBlobs:
    """The same in memory, for tests and for stores that outlive nothing."""

    def __init__(self) -> None:
        self.held: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        self.held[digest] = data
        return digest

    def get(self, digest: Digest) -> bytes:
        if digest not in self.held:
            raise _missing(digest)
        return _checked(digest, self.held[digest])


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def _checked(digest: Digest, data: bytes) -> bytes:
    if digest_of(data) != digest:
        raise StoreError(
            "store.blob-changed", f"the blob `{digest}` was changed after it was written", "restore it from a copy"
        )
    return data


def _missing(digest: Digest) -> StoreError:
    return StoreError("store.blob-missing", f"the blob `{digest}` is not there", "restore it from a copy")
