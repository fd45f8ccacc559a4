"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bascule.kernel.errors import StoreError


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file so that a reader, a crash or a full disk sees the old file or the new one, never a part.

    Raises StoreError `kernel.cannot-write` and leaves nothing behind.
    """
    with replacing(path, mode) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A new file, to be written and read, that takes the path's place when the body of the `with` ends well.

    Raises StoreError `kernel.cannot-write`, and whatever the body raises; then nothing is left behind.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            "kernel.cannot-write",
            f"`{path}` cannot be written: {error.strerror or error}",
            "check the folder's permissions and free space",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def head_of(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file and one more where there is one, so that whoever asks can tell a longer file.

    Raises OSError.
    """
    with path.open("rb") as file:
        return file.read(limit + 1)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
