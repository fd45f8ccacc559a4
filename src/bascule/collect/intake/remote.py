"""Files that stay where they are: each is a hole in a local file of the same size, filled where somebody reads.

Rules: what was not fetched is known range by range, so that a hole is never taken for zeros; a file as small as a
config comes whole, of a bigger one its head; a name never touches the file system; one file costs no more than its
budget, however often it is asked for.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from bascule.collect.intake.inventory import HEAD_BYTES, Entry, IntakeLimits, entry_at, identity_of, open_root
from bascule.kernel.errors import InputError
from bascule.kernel.ranges import Ranges
from bascule.kernel.text import visible
from bascule.plugins.kinds import Remote, RemoteFile, Workspace
from bascule.plugins.readers import Truncated
from bascule.records.artefact import IntakeNote

WHOLE_BYTES = 4 << 20
"""up to here a file comes whole"""
BLOCK_BYTES = 64 << 10
"""the least that is asked for at a time"""
BUDGET_BYTES = 128 << 20
"""what one bigger file may cost"""


@dataclass(slots=True)
class Shelf:
    """What has come of one remote subject. declared: sha256 as the store states it, by path."""

    remote: Remote
    root: Path
    declared: dict[str, str]
    _names: dict[str, bytes] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)
    _held: dict[str, Ranges] = field(default_factory=dict)
    _why: dict[str, str] = field(default_factory=dict)

    def hold(self, file: RemoteFile, raw: bytes) -> None:
        """Make room for a file, and bring its head, or all of it when it is small. Raises UpstreamError, OSError."""
        path = self.root / os.fsdecode(raw)
        with path.open("xb") as opened:
            opened.truncate(file.size_bytes)
        self._names[file.path], self._sizes[file.path], self._held[file.path] = raw, file.size_bytes, Ranges()
        first = file.size_bytes if file.size_bytes <= WHOLE_BYTES else HEAD_BYTES
        self._bring(file.path, 0, first)

    def ensure(self, path: str, start: int, end: int) -> None:
        """Have these bytes in the local file. Raises UpstreamError; Truncated over the budget, naming it."""
        held = self._held[path]
        end = min(end, self._sizes[path])
        for low, high in list(held.missing(start, end)):
            low -= low % BLOCK_BYTES
            high = min(-(-high // BLOCK_BYTES) * BLOCK_BYTES, self._sizes[path])
            if held.total + high - low > BUDGET_BYTES:
                raise Truncated(
                    f"bytes {low} to {high} stay where they are: reading them would exceed the budget of "
                    f"{BUDGET_BYTES >> 20} MiB for one remote file"
                )
            for begin, stop in list(held.missing(low, high)):
                self._bring(path, begin, stop)

    def held(self, path: str) -> tuple[tuple[int, int], ...]:
        """The ranges of a file that are here."""
        return tuple(self._held[path].held)

    def notes(self) -> tuple[IntakeNote, ...]:
        """What was not read, file by file."""
        told = []
        for path, held in sorted(self._held.items()):
            left = self._sizes[path] - held.total
            if left:
                detail = f"{left} of {self._sizes[path]} bytes were left where they are"
                told.append(IntakeNote(path=path, what="not-read", detail=detail, blocks=False))
        return tuple(told)

    def _bring(self, path: str, start: int, end: int) -> None:
        data = self.remote.read(path, start, end - start)
        descriptor = os.open(self.root / os.fsdecode(self._names[path]), os.O_WRONLY | os.O_CLOEXEC)
        try:
            at = 0
            while at < len(data):
                at += os.pwrite(descriptor, data[at:], start + at)
        finally:
            os.close(descriptor)
        self._held[path].add(start, end)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A remote subject as intake lists it."""

    shelf: Shelf
    entries: tuple[Entry, ...]
    notes: tuple[IntakeNote, ...]
    root_identity: tuple[int, int]


def shelve(remote: Remote, workspace: Workspace, limits: IntakeLimits) -> Shelved:
    """List a remote subject, sorted by path.

    Raises InputError `intake.too-many-files`, UpstreamError. A name that leads out of the repository, or that is there
    twice, is a note that blocks.
    """
    if len(remote.files) > limits.max_files:
        raise InputError(
            "intake.too-many-files",
            f"it has {len(remote.files)} files, and the limit is {limits.max_files}",
            "raise `intake.max_files` if that is what it should have",
        )
    root = Path(tempfile.mkdtemp(prefix="remote-", dir=workspace.folder))
    shelf = Shelf(remote, root, {file.path: file.sha256 for file in remote.files if file.sha256 is not None})
    entries: list[Entry] = []
    notes: list[IntakeNote] = []
    folder = open_root(root)
    try:
        seen: set[str] = set()
        for number, file in enumerate(sorted(remote.files, key=lambda each: each.path)):
            if not _plain(file.path) or file.path in seen or file.size_bytes < 0:
                notes.append(
                    IntakeNote(path=visible(file.path), what="outside", detail="not a plain name", blocks=True)
                )
                continue
            seen.add(file.path)
            raw = b"%06d" % number
            workspace.progress(number, len(remote.files), f"looking at {visible(file.path)}")
            shelf.hold(file, raw)
            entries.append(replace(entry_at(folder, raw, file.path.encode()), remote=True))
        return Shelved(shelf, tuple(entries), tuple(notes), identity_of(os.fstat(folder)))
    finally:
        os.close(folder)


def _plain(path: str) -> bool:
    parts = path.split("/")
    return not re.search(r"[\x00-\x1f\x7f\\]", path) and all(part not in ("", ".", "..") for part in parts)
