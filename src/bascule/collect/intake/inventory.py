"""What was taken in: regular files under one root, each with the identity that it had when it was seen.

Opening walks down from the root one component at a time and never through a link, so that a folder swapped for a link
between seeing and opening is an error, not a way out.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.plugins.kinds import EndpointRef
from bascule.plugins.readers.media import classify, media_type_of
from bascule.plugins.readers.names import text_of
from bascule.records import ArtefactKind
from bascule.records.artefact import IntakeNote

if TYPE_CHECKING:
    from bascule.collect.intake.remote import Shelf

HEAD_BYTES = 1 << 16
# Without O_NONBLOCK a FIFO put in a file's place would hold us for ever.
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """What is taken in at most.

    max_ratio: unpacked over packed bytes of an archive, judged once it has unpacked to 64 MiB.
    """

    max_files: int = 100_000
    max_unpacked_bytes: int = 200 * 10**9
    max_ratio: float = 200.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One regular file.

    path: for people and evidence, relative, POSIX, bytes that are not UTF-8 as `\\xNN`. raw: where it lies under the
    inventory's root; not always the same name, since a member's name never touches the file system.
    """

    path: str
    raw: bytes
    size_bytes: int
    media_type: str
    kind: ArtefactKind
    device: int
    inode: int
    mtime_ns: int
    allocated_bytes: int = field(default=0, compare=False)
    remote: bool = False
    """most of it is a hole, which the inventory's shelf fills where somebody reads"""

    @property
    def sparse(self) -> bool:
        """Does it hold less on disk than it promises? Of the disk, not of the bytes, so never part of an identity."""
        return not self.remote and self.allocated_bytes < self.size_bytes // 2 and self.size_bytes > 1 << 16


@dataclass(frozen=True, slots=True)
class Inventory:
    """The files of a subject in the order of their names' bytes, and what was seen and not taken.

    said: what the source had to say, for people. shelf: where the bytes of remote entries come from. root_identity:
    device and inode of `root` when it was entered.
    """

    ref: str
    root: Path
    entries: tuple[Entry, ...]
    notes: tuple[IntakeNote, ...] = ()
    endpoint: EndpointRef | None = None
    said: tuple[str, ...] = ()
    shelf: Shelf | None = None
    root_identity: tuple[int, int] | None = None


def open_entry(inventory: Inventory, entry: Entry) -> int:
    """A descriptor, read-only, of exactly the file that was taken in. The caller closes it.

    Raises InputError `intake.changed` when anything on the way, or the file, is not what it was.
    """
    try:
        root = open_root(inventory.root)
        try:
            if inventory.root_identity not in (None, identity_of(os.fstat(root))):
                raise _changed(entry, "the folder that it lies in was replaced")
            descriptor = open_beneath(root, entry.raw)
        finally:
            os.close(root)
    except OSError as error:
        raise _changed(entry, f"it cannot be opened: {error.strerror or error}") from error
    now = os.fstat(descriptor)
    before = (entry.device, entry.inode, entry.size_bytes, entry.mtime_ns)
    # A remote file's time changes whenever more of it is brought.
    written = entry.mtime_ns if entry.remote else now.st_mtime_ns
    if not stat.S_ISREG(now.st_mode) or (*identity_of(now), now.st_size, written) != before:
        os.close(descriptor)
        raise _changed(entry, "it is another file, or was written to")
    return descriptor


def open_root(root: Path) -> int:
    """The root itself may be a link: a person named it."""
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_beneath(root: int, raw: bytes, *, folder: bool = False) -> int:
    """Open a path under an open folder, component by component, through no link. Raises OSError."""
    *folders, last = raw.split(b"/")
    at = root
    try:
        for part in folders:
            below = os.open(part, _OPEN_FOLDER, dir_fd=at)
            if at != root:
                os.close(at)
            at = below
        return os.open(last, _OPEN_FOLDER if folder else _OPEN_FILE, dir_fd=at)
    finally:
        if at != root:
            os.close(at)


def entry_at(root: int, raw: bytes, name: bytes) -> Entry:
    """The entry for the regular file that lies at `raw` and is called `name`. Raises OSError; ValueError if it is no
    regular file."""
    descriptor = open_beneath(root, raw)
    try:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError("not a regular file")
        if seen.st_size == 0 and os.pread(descriptor, 1, 0):
            raise ValueError("it says that it is empty, and is not")
        head = _head(descriptor, min(HEAD_BYTES, seen.st_size))
    finally:
        os.close(descriptor)
    path = text_of(name)
    media_type = media_type_of(head, seen.st_size, path)
    return Entry(
        path=path,
        raw=raw,
        size_bytes=seen.st_size,
        media_type=media_type,
        kind=classify(path, media_type),
        device=seen.st_dev,
        inode=seen.st_ino,
        mtime_ns=seen.st_mtime_ns,
        allocated_bytes=seen.st_blocks * 512,
    )


def identity_of(seen: os.stat_result) -> tuple[int, int]:
    """Device and inode."""
    return seen.st_dev, seen.st_ino


def _head(descriptor: int, size: int) -> bytes:
    head = b""
    while len(head) < size and (more := os.pread(descriptor, size - len(head), len(head))):
        head += more
    return head


def _changed(entry: Entry, why: str) -> InputError:
    return InputError(
        "intake.changed",
        f"`{visible(entry.path)}` is not what it was when it was taken in: {why}",
        "let nothing write to the subject while it is reviewed, and review it again",
    )
