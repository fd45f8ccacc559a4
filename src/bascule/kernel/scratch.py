"""Folders for one run, gone afterwards, however it ends.

A run holds a lock on its folder, which the system takes away with the process. So a folder without a lock was left by a
run that was killed, and the next one clears it away: what an archive unpacked to may be hundreds of gigabytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bascule.kernel.errors import StoreError


@contextlib.contextmanager
def held_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder of one's own below `parent`, its name opening with `prefix`; those of that prefix whose holder is dead
    are removed first.

    Law: of two that are held at once, neither removes the other. Raises StoreError `kernel.cannot-write` when none can
    be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _clear(parent, prefix)
        folder, holder = _make(parent, prefix)
    except OSError as error:
        raise StoreError(
            "kernel.cannot-write",
            f"no folder can be made in `{parent}`: {error.strerror or error}",
            "check the folder's permissions and free space, or give another `--home`",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(holder)


def _make(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        # Between these two lines another may take it for one that was left behind: then there is none, and we go again.
        with contextlib.suppress(FileNotFoundError):
            holder = _open(folder)
            fcntl.flock(holder, fcntl.LOCK_EX)
            if folder.exists():
                return folder, holder
            os.close(holder)


def _clear(parent: Path, prefix: str) -> None:
    """Remove our folders that nobody holds. Others' are not ours to judge: the parent may be the system's."""
    for folder in sorted(parent.glob(f"{prefix}*")):
        try:
            holder = _open(folder)
        except OSError:  # gone meanwhile, or no folder, or not ours to read
            continue
        try:
            if os.fstat(holder).st_uid == os.geteuid():
                fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(holder)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
