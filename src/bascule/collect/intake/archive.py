"""An archive, unpacked into the workspace by our own readers.

Rules:
- A member's name never touches the file system: members lie there as numbered files, mode 0600, and keep their names
  in the inventory alone.
- An archive that two tools could unpack differently, or that leads out of itself, is hostile and refused whole, with
  every fault named. So is one that unpacks beyond the limits.
- A link to another member that is taken in hides nothing; any other link, and every device or FIFO, blocks. So does a
  link in a zip whose text is more than a plain path: Python unpacks it as a file that holds this text.
- Archives inside the archive stay files: scanners look into them.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bascule.collect.intake.inventory import Entry, IntakeLimits, entry_at, identity_of, open_root
from bascule.kernel.errors import InputError, StoreError
from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.compressed import CODECS, unpacked
from bascule.plugins.readers.media import NPZ, TAR, ZIP
from bascule.plugins.readers.names import text_of
from bascule.plugins.readers.tar import BLOCK, TarReader, is_header
from bascule.plugins.readers.zip import Read, open_member, read_directory
from bascule.records.artefact import IntakeNote

# Odd, but every tool unpacks the same: bytes beside the members may still hide something.
_UNCLAIMED = ("leading-bytes", "trailing-bytes", "gap", "directory-gap")
_HARMLESS = ("case-collision", "control-in-name")
# Small archives may be as empty as they like: a ratio means something from here on.
_RATIO_FROM_BYTES = 64 << 20
_READ_ON_BYTES = 64 << 20
_MAX_NAME_BYTES = 4096
_MAX_LINK_BYTES = 4096
# Nothing that a loader runs can be written in these.
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9_./+@=-]+")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A folder of numbered files, the entries that they are, and what was seen and not taken."""

    folder: Path
    folder_identity: tuple[int, int]
    entries: tuple[Entry, ...]
    notes: tuple[IntakeNote, ...]


def unpacks(read: Read, size_bytes: int, media_type: str, name: str) -> bool:
    """Is this an archive to be taken apart, rather than a model file that happens to be packed?

    A PyTorch, Keras or NumPy zip is a model file; a wheel is a wheel even when its first member is an array.
    """
    if media_type in (ZIP, TAR) or (media_type == NPZ and name.lower().endswith(".whl")):
        return True
    if media_type not in CODECS:
        return False
    head = b""
    try:
        for chunk in unpacked(read, size_bytes, media_type, max_bytes=2 << 20):
            head += chunk
            if len(head) >= BLOCK:
                break
    except Malformed:
        return False
    return is_header(head[:BLOCK])


def unpack(
    read: Read,
    size_bytes: int,
    media_type: str,
    name: str,
    folder: Path,
    limits: IntakeLimits,
    progress: Callable[[int, int | None, str], None],
) -> Unpacked:
    """Unpack into a folder, which must not exist yet.

    Raises InputError `intake.hostile-archive`, `intake.broken-archive` or StoreError `intake.cannot-write`; the folder
    is gone then.
    """
    folder.mkdir(mode=0o700)
    job = _Unpacking(name, folder, limits, progress, size_bytes)
    try:
        if media_type in (ZIP, NPZ):
            job.zip(read, size_bytes)
        else:
            if media_type == TAR:
                chunks = _plain(read, size_bytes)
            else:
                # Twice the limit, so that ours, which names the archive hostile, is met first.
                chunks = unpacked(read, size_bytes, media_type, max_bytes=2 * limits.max_unpacked_bytes)
            job.tar(job.watched(chunks))
        return job.done()
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Malformed):
            what = "is cut short" if isinstance(error, Truncated) else "cannot be unpacked"
            raise InputError(
                "intake.broken-archive", f"`{visible(name)}` {what}: {error}", "fetch it again, or unpack it yourself"
            ) from error
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise StoreError(
                "intake.cannot-write",
                f"`{visible(name)}` cannot be unpacked: {error.strerror or error}",
                "free some space where `--home` is" if full else "check the permissions of `--home`",
            ) from error
        raise


def _plain(read: Read, size_bytes: int) -> Iterator[bytes]:
    for at in range(0, size_bytes, 1 << 20):
        yield read(at, min(1 << 20, size_bytes - at))


@dataclass(slots=True)
class _Unpacking:
    name: str
    folder: Path
    limits: IntakeLimits
    progress: Callable[[int, int | None, str], None]
    packed_bytes: int
    faults: list[str] = field(default_factory=list)
    files: dict[bytes, bytes] = field(default_factory=dict)
    """a member's name, made plain, to the name of its numbered file"""
    folders: set[bytes] = field(default_factory=set)
    links: list[tuple[bytes, bytes]] = field(default_factory=list)
    notes: list[IntakeNote] = field(default_factory=list)
    written: int = 0
    written_bytes: int = 0
    total_bytes: int | None = None

    def zip(self, read: Read, size_bytes: int) -> None:
        """Names and sizes are judged before a byte is written."""
        directory = read_directory(read, size_bytes, max_entries=self.limits.max_files)
        self.judge(directory.anomalies)
        plain = [(entry, self.place(entry.raw_name, entry.is_folder)) for entry in directory.entries]
        self.total_bytes = sum(entry.size_bytes for entry, name in plain if name is not None)
        self._check_size(self.total_bytes)
        self.refuse()
        for entry, name in plain:
            if name is None:
                continue
            if entry.is_symlink:
                target = b"".join(open_member(read, entry, max_bytes=_MAX_LINK_BYTES))
                self.links.append((name, target))
                if not _PLAIN_PATH.fullmatch(target):
                    what = f"a link for some tools, for others a file that holds `{visible(text_of(target))}`"
                    self.note(name, "link-or-file", what, blocks=True)
            else:
                self.write(name, open_member(read, entry, max_bytes=entry.size_bytes))

    def tar(self, chunks: Iterator[bytes]) -> None:
        """A tar is read once, so what is written before a fault is found is thrown away with the folder."""
        reader = TarReader(chunks, max_entries=self.limits.max_files)
        skipped_bytes = 0
        for entry in reader:
            name = self.place(entry.raw_name, entry.kind == "folder")
            if self.faults:
                # Read on for the other faults, but not through gigabytes.
                skipped_bytes += BLOCK + entry.size_bytes
                if skipped_bytes > _READ_ON_BYTES:
                    break
                continue
            if name is None:
                continue
            if entry.kind == "file":
                self._check_size(self.written_bytes + entry.size_bytes)
                self.refuse()
                self.write(name, reader.data())
            elif entry.kind in ("symlink", "hardlink"):
                # A hard link counts from the archive's root, a symbolic one from where it stands.
                target = b"/" * (entry.target.startswith(b"/")) + entry.target
                self.links.append((name, target if entry.kind == "symlink" else _from_root(name, target)))
            else:
                what = "device" if entry.kind == "device" else entry.kind
                self.note(name, what, "neither a file, a folder nor a link: not unpacked", blocks=True)
        self.judge(reader.anomalies)

    def watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The same chunks, for as long as their sum stays within the limits: what is skipped counts too."""
        total_bytes = 0
        for chunk in chunks:
            total_bytes += len(chunk)
            self._check_size(total_bytes)
            if any(fault.startswith(("too-large", "bomb")) for fault in self.faults):
                self.refuse()
            yield chunk

    def judge(self, anomalies: tuple[str, ...]) -> None:
        """Sort an archive's oddities into faults and notes."""
        for anomaly in anomalies:
            code, _, detail = anomaly.partition(": ")
            if code in _UNCLAIMED:
                self.note(b"", code, detail, blocks=True)
            elif code in _HARMLESS:
                self.note(b"", code, detail, blocks=False)
            else:
                self.faults.append(anomaly)

    def place(self, raw_name: bytes, is_folder: bool) -> bytes | None:
        """The plain name of a member that will be a file or link; None for a folder or one that cannot be placed."""
        parts = [part for part in raw_name.split(b"/") if part not in (b"", b".")]
        plain = b"/".join(parts)
        if len(raw_name) > _MAX_NAME_BYTES:
            self.fault(f"name-too-long: `{visible(text_of(raw_name), 80)}`")
            return None
        above = [b"/".join(parts[:depth]) for depth in range(1, len(parts))]
        if not is_folder and (not parts or plain in self.files or plain in self.folders):
            if plain != raw_name or plain in self.folders:
                self.fault(f"path-conflict: `{visible(text_of(raw_name))}` and another member are one path")
            return None
        if is_folder and plain in self.files:
            self.fault(f"path-conflict: `{visible(text_of(plain))}` is a folder and a file")
            return None
        for folder in above:
            if folder in self.files:
                self.fault(f"path-conflict: `{visible(text_of(folder))}` is a folder and a file")
                return None
        self.folders.update([*above, plain] if is_folder else above)
        if is_folder:
            return None
        self.files[plain] = b""
        return plain

    def write(self, name: bytes, chunks: Iterator[bytes]) -> None:
        """One member's bytes into the next numbered file."""
        self.written += 1
        raw = b"%07d" % self.written
        path = os.path.join(os.fsencode(self.folder), raw)  # noqa: PTH118 - paths here are bytes
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for chunk in chunks:
                self.written_bytes += len(chunk)
                self._check_size(self.written_bytes)
                self.refuse()
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) :]
        self.files[name] = raw
        self.progress(self.written_bytes, self.total_bytes, f"unpacking {visible(text_of(name), 60)}")

    def done(self) -> Unpacked:
        """The entries, in the order of their names. Raises InputError when there was a fault."""
        self.refuse()
        written = {name for name, raw in self.files.items() if raw}
        for name, target in sorted(self.links):
            self._note_link(name, target, written)
        root = open_root(self.folder)
        try:
            identity = identity_of(os.fstat(root))
            entries = tuple(entry_at(root, self.files[name], name) for name in sorted(written))
        finally:
            os.close(root)
        notes = tuple(sorted(self.notes, key=lambda note: (note.path, note.what, note.detail)))
        return Unpacked(self.folder, identity, entries, notes)

    def note(self, name: bytes, what: str, detail: str, *, blocks: bool) -> None:
        self.notes.append(IntakeNote(path=text_of(name) or self.name, what=what, detail=detail, blocks=blocks))

    def fault(self, fault: str) -> None:
        if fault not in self.faults:
            self.faults.append(fault)

    def refuse(self) -> None:
        """Raises InputError `intake.hostile-archive` with all faults so far, if any."""
        if self.faults:
            shown = self.faults[:50] + [f"and {len(self.faults) - 50} more"] * (len(self.faults) > 50)
            raise InputError.from_faults(
                "intake.hostile-archive",
                f"`{visible(self.name)}` is refused: what it unpacks to is not certain, or not bounded",
                shown,
                "ask for a plain archive, or unpack it in a place of no value and review the folder",
            )

    def _check_size(self, total_bytes: int) -> None:
        limit = self.limits.max_unpacked_bytes
        if total_bytes > limit:
            self.fault(f"too-large: it unpacks to more than {limit} bytes")
        elif total_bytes > _RATIO_FROM_BYTES and total_bytes > self.packed_bytes * self.limits.max_ratio:
            self.fault(f"bomb: it unpacks to more than {self.limits.max_ratio:g} times its size")

    def _note_link(self, name: bytes, target: bytes, written: set[bytes]) -> None:
        folder = posixpath.dirname(name)
        reached = posixpath.normpath(posixpath.join(folder, target)) if target else b".."
        words = visible(text_of(target))
        if target.startswith(b"/") or reached == b".." or reached.startswith(b"../"):
            self.note(name, "outside", f"a link to `{words}`, outside the archive", blocks=True)
        elif reached in written or reached in self.folders:
            self.note(name, "symlink", f"a link to `{words}`, which is taken in by its own name", blocks=False)
        else:
            self.note(name, "symlink", f"a link to `{words}`, which is not in the archive", blocks=True)


def _from_root(name: bytes, target: bytes) -> bytes:
    """A hard link's target, as a symbolic link at `name` would have it."""
    return target if target.startswith(b"/") else posixpath.relpath(target, posixpath.dirname(name) or b".")
