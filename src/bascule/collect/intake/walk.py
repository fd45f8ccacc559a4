"""A folder, walked without following anything.

Rules:
- Regular files are entries. A link, device, FIFO or socket is never opened; it becomes a note.
- A link to something that was itself taken in hides nothing; any other link blocks.
- What cannot be read blocks. What git keeps in a `.git` folder is left out, and said to be; a file there whose name
  ends as git's own never do is taken in like any other, since a configuration may lead a loader to it.
- A file that says it is empty and is not, as those of `/proc`, blocks: nobody can say where it ends.
- The order is that of the names' bytes, whatever the disk's order.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from bascule.collect.intake.inventory import (
    Entry,
    IntakeLimits,
    entry_at,
    identity_of,
    open_beneath,
    open_root,
)
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.plugins.readers.names import text_of
from bascule.records.artefact import IntakeNote

MAX_DEPTH = 128
GIT = b".git"
_SUFFIX = re.compile(rb"\.[A-Za-z][\w-]*$")
_SUFFIXES_OF_GIT = (b".sample", b".pack", b".idx", b".rev", b".bitmap", b".mtimes", b".keep", b".graph", b".log")
_SPECIAL = (
    (stat.S_ISFIFO, "fifo", "a FIFO"),
    (stat.S_ISSOCK, "socket", "a socket"),
    (stat.S_ISCHR, "device", "a character device"),
    (stat.S_ISBLK, "device", "a block device"),
)


class Walk:
    """One walk over one folder; `entries` and `notes` when `run` has returned."""

    def __init__(self, root: Path, limits: IntakeLimits, progress: Callable[[int], None]) -> None:
        self._root_path = root
        self._limits = limits
        self._progress = progress
        self._entries: list[tuple[bytes, Entry]] = []
        self._notes: list[IntakeNote] = []
        self._links: list[bytes] = []
        self._folders: set[bytes] = {b"."}
        self._listed = 0
        self.root_identity: tuple[int, int] | None = None

    def run(self) -> None:
        """Raises InputError `intake.unreadable` or `intake.too-many-files`."""
        try:
            root = open_root(self._root_path)
        except OSError as error:
            raise InputError(
                "intake.unreadable",
                f"`{self._root_path}` cannot be read: {error.strerror or error}",
                "check the path and its permissions",
            ) from error
        try:
            self.root_identity = identity_of(os.fstat(root))
            waiting: list[tuple[bytes, tuple[tuple[int, int], ...]]] = [(b"", ())]
            while waiting:
                raw, above = waiting.pop()
                waiting += self._folder(root, raw, above)
        finally:
            os.close(root)
        taken = {path for path, _ in self._entries} | self._folders
        for raw in self._links:
            self._note_link(raw, taken)

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for _, entry in sorted(self._entries, key=lambda item: item[0]))

    @property
    def notes(self) -> tuple[IntakeNote, ...]:
        return tuple(sorted(self._notes, key=lambda note: (note.path, note.what)))

    def _folder(
        self, root: int, raw: bytes, above: tuple[tuple[int, int], ...]
    ) -> list[tuple[bytes, tuple[tuple[int, int], ...]]]:
        """Take one folder's files in; the folders below it."""
        try:
            descriptor = open_beneath(root, raw, folder=True) if raw else os.dup(root)
        except OSError as error:
            self._note(raw, "unreadable", f"this folder cannot be read: {error.strerror or error}", blocks=True)
            return []
        try:
            identity = identity_of(os.fstat(descriptor))
            if identity in above:
                self._note(raw, "loop", "this folder holds itself", blocks=True)
                return []
            if len(above) >= MAX_DEPTH:
                self._note(raw, "too-deep", f"folders are read {MAX_DEPTH} deep", blocks=True)
                return []
            with os.scandir(descriptor) as listing:
                names = sorted(os.fsencode(item.name) for item in listing)
            below = []
            for name in names:
                path = raw + b"/" + name if raw else name
                if self._take(root, descriptor, path, name):
                    below.append((path, (*above, identity)))
            return below
        except OSError as error:
            self._note(raw, "unreadable", f"this folder cannot be listed: {error.strerror or error}", blocks=True)
            return []
        finally:
            os.close(descriptor)

    def _take(self, root: int, folder: int, path: bytes, name: bytes) -> bool:
        """Take one name in; true when it is a folder to go down into."""
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            in_git = GIT in path.split(b"/")
            if in_git and stat.S_ISDIR(mode):
                if name == GIT:
                    self._note(path, "skipped", "version control is not part of what is released", blocks=False)
                return True
            if in_git and stat.S_ISREG(mode) and _is_gits_own(name):
                return False
            self._count()
            if stat.S_ISDIR(mode):
                self._folders.add(path)
                return True
            if stat.S_ISLNK(mode):
                self._links.append(path)
            elif stat.S_ISREG(mode):
                self._entries.append((path, entry_at(root, path, path)))
                if path != path.decode("utf-8", "replace").encode():
                    self._note(path, "not-utf8", "its name is not UTF-8, and is shown with escapes", blocks=False)
            else:
                what, words = next((row[1:] for row in _SPECIAL if row[0](mode)), ("special", "not a regular file"))
                self._note(path, what, f"{words}, never opened", blocks=True)
        except (OSError, ValueError) as error:
            detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._note(path, "unreadable", f"this file cannot be read: {detail}", blocks=True)
        return False

    def _note_link(self, raw: bytes, taken: set[bytes]) -> None:
        root = os.path.realpath(os.fsencode(self._root_path))
        link = os.path.join(root, raw)  # noqa: PTH118 - paths here are bytes
        try:
            words = visible(text_of(os.readlink(link)))  # noqa: PTH115 - bytes again
            target = os.path.realpath(link, strict=True)
        except OSError as error:
            self._note(raw, "symlink", f"a link that leads nowhere: {error.strerror or error}", blocks=True)
            return
        inside = target == root or target.startswith(root.rstrip(b"/") + b"/")
        relative = os.path.relpath(target, root) if inside else b""
        if not inside:
            detail = f"a link to `{words}`, outside the subject; copy the folder with its links resolved (`cp -rL`)"
            self._note(raw, "outside", detail, blocks=True)
        elif relative in taken:
            self._note(raw, "symlink", f"a link to `{words}`, which is taken in by its own name", blocks=False)
        else:
            self._note(raw, "symlink", f"a link to `{words}`, which is not taken in", blocks=True)

    def _note(self, raw: bytes, what: str, detail: str, *, blocks: bool) -> None:
        self._notes.append(IntakeNote(path=text_of(raw) or ".", what=what, detail=detail, blocks=blocks))

    def _count(self) -> None:
        self._listed += 1
        if self._listed > self._limits.max_files:
            raise InputError(
                "intake.too-many-files",
                f"`{self._root_path}` holds more than {self._limits.max_files} files",
                "point at the model's own folder, or raise `intake.max_files`",
            )
        if self._listed % 1000 == 0:
            self._progress(self._listed)


def _is_gits_own(name: bytes) -> bool:
    """Git names files by what they are, by hashes and by branches; loaders ask for names with an ending."""
    suffix = _SUFFIX.search(name)
    return suffix is None or suffix[0] in _SUFFIXES_OF_GIT
