"""Folders for one run, gone afterwards, however it ends.

A run holds a lock on its folder. A run that was killed leaves its folder but no lock, and the next one clears it away:
what an archive unpacked to may be hundreds of gigabytes.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "review-"


@contextmanager
def workspace(scratch: Path) -> Iterator[Path]:
    """A folder of one's own below `scratch`."""
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Under the parent's lock nobody takes a folder that is made but not yet held for one that was left behind.
    with _held(scratch):
        _clear(scratch)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch))
        holder = _open(folder)
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(holder)


def _clear(scratch: Path) -> None:
    """Remove the folders that nobody holds."""
    for folder in sorted(scratch.glob(f"{_PREFIX}*")):
        try:
            holder = _open(folder)
        except OSError:  # gone meanwhile
            continue
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(holder)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    descriptor = _open(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
