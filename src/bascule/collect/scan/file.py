"""One untrusted file, opened once and hashed while it is read.

Rules:
- whoever reads the file in order feeds the hash; the frame finishes what nobody read. So hashing and scanning cost one
  pass together;
- a small file is read into memory once and serves the hash and every scanner;
- a big one is read in windows, and mapped in stretches for the hash; what is held does not depend on its size;
- while the scanners are being loaded, the first big file is hashed already;
- one pass feeds every digest that is wanted; none may be;
- a file that mostly lies elsewhere is read where its bytes have come, and asks the frame for the rest;
- a file that is not the same before and after (size, times, inode) has no digest: it is `Changed`.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bascule.kernel.ranges import Ranges
from bascule.plugins.readers import Truncated

if TYPE_CHECKING:
    from bascule.plugins.kinds import Made

SMALL_BYTES = 8 << 20
"""up to here a file is held in memory"""
MAPPED_BYTES = 16 << 20
"""mapped at a time for the hash alone: what was hashed leaves memory again"""
PIECE_BYTES = 1 << 20
"""fed to one digest after the other: the second finds it in the processor's cache"""
REPORT_BYTES = 64 << 20
"""how often a big file says how far it is"""
AHEAD_SWITCH_SECONDS = 0.0005
"""hashing beside imports: short waits for the interpreter's lock between long stretches without it"""


NEIGHBOURS = 400
"""of one scanner looking at one file; a worker may hold some more descriptors than these"""


class Desk(Protocol):
    """Where a file asks for what it does not have."""

    def neighbour(self, path: str) -> OpenFile | None:
        """Another artefact, open; None when there is none of that path. Raises Truncated."""
        ...

    def bring(self, path: str, start: int, end: int) -> Iterable[tuple[int, int]]:
        """Have a range of a remote file brought; all its ranges that are here now. Raises Truncated."""
        ...


class Changed(Exception):
    """The file is not what it was when it was opened."""


def _blake3() -> Any:
    from blake3 import blake3

    return blake3()


HASHES: dict[str, Callable[[], Any]] = {"sha256": hashlib.sha256, "blake3": _blake3}


def nobody(_bytes: int) -> None:
    """Progress that nobody watches."""


@dataclass(slots=True)
class OpenFile:
    """The `ScanFile` that scanners are shown in a worker. It does not own its descriptor.

    here: the ranges of a remote file that have come; None for one that is all here.
    Law: `digests()` are those of the whole file, whatever was read before, in whichever order.
    """

    descriptor: int
    path: str
    kind: Any
    media_type: str
    size_bytes: int
    listing: Sequence[Any] = ()
    progress: Callable[[int], None] = nobody
    desk: Desk | None = None
    here: Ranges | None = None
    _identity: tuple[int, ...] = ()
    _held: bytes | None = None
    _hashes: dict[str, Any] = field(default_factory=dict)
    _hashed_bytes: int = 0
    _reported_bytes: int = 0
    _beside: dict[str, OpenFile] = field(default_factory=dict)
    _kept: dict[str, Any] = field(default_factory=dict)

    def open(self, hashes: Sequence[str] = ("sha256",)) -> None:
        """Take the file's identity, and its bytes when it is small. Raises Changed or OSError.

        hashes: names of those that `digests()` will be asked for, of `HASHES`.
        """
        self._hashes = {name: HASHES[name]() for name in hashes}
        self._identity = self._identify()
        if os.fstat(self.descriptor).st_size != self.size_bytes:
            raise Changed("its size is not what it was at intake")
        if self.size_bytes <= SMALL_BYTES and self.here is None:
            try:
                self._held = self._fetch(0, self.size_bytes)
            except Truncated as error:
                raise Changed("it became shorter while it was read") from error
            self._feed(0, self._held)

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`. Raises Truncated."""
        if offset < 0 or size < 0 or offset + size > self.size_bytes:
            raise Truncated(f"{size} bytes at {offset} of {self.size_bytes}")
        if self._held is not None:
            return self._held[offset : offset + size]
        return self._fetch(offset, size)

    def windows(self, size: int = 1 << 20, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """(offset, bytes) over the whole file in order; each repeats the last `overlap` bytes of the one before."""
        if size <= 0 or overlap < 0:
            raise ValueError("a window needs a size above 0 and an overlap of 0 or more")
        tail = b""
        for start in range(0, self.size_bytes, size):
            fresh = self.read(start, min(size, self.size_bytes - start))
            self._feed(start, fresh)
            window = tail + fresh if tail else fresh
            yield start - len(tail), window
            tail = window[-overlap:] if overlap else b""

    def kept(self, what: str, make: Callable[[], Made]) -> Made:
        """A reader's result, made once for all scanners; see `ScanFile.kept`."""
        if what not in self._kept:
            self._kept[what] = make()
        made: Made = self._kept[what]
        return made

    def neighbour(self, path: str) -> OpenFile | None:
        """Another artefact of the subject; see `ScanFile.neighbour`. Feeds no hash. Raises Truncated."""
        if path == self.path:
            return self
        if path not in self._beside:
            if len(self._beside) >= NEIGHBOURS:
                raise Truncated(f"more than {NEIGHBOURS} neighbours were asked for")
            opened = self.desk.neighbour(path) if self.desk is not None else None
            if opened is None:
                return None
            self._beside[path] = opened
        return self._beside[path]

    def leave_neighbours(self) -> None:
        """Close them. Raises Changed when one of them was written to meanwhile."""
        beside, self._beside = self._beside, {}
        try:
            for opened in beside.values():
                opened.check_unchanged()
        finally:
            for opened in beside.values():
                os.close(opened.descriptor)

    def digests(self) -> dict[str, str]:
        """Hash what nobody has read yet; hex digits by name, for what `open` was told. Raises Changed or OSError."""
        while self._hashes and self._hashed_bytes < self.size_bytes:
            self._hash_on()
        self.check_unchanged()
        return {name: str(hashed.hexdigest()) for name, hashed in self._hashes.items()}

    def check_unchanged(self) -> None:
        """Raises Changed when the file is not what it was when it was opened."""
        if self._identify() != self._identity:
            raise Changed("it was written to while it was read")

    def _identify(self) -> tuple[int, ...]:
        identity = _identity_of(self.descriptor)
        return identity if self.here is None else identity[:3]  # its times change whenever more of it is brought

    @contextlib.contextmanager
    def hashing_ahead(self) -> Iterator[None]:
        """Hash beside the body of the `with`, as far as it gets. Nothing else may read meanwhile."""
        if not self._hashes:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._hash_until, args=(stop,), daemon=True)
        interval = sys.getswitchinterval()
        sys.setswitchinterval(AHEAD_SWITCH_SECONDS)
        try:
            with contextlib.suppress(RuntimeError):  # no thread to be had: then the hash comes later
                thread.start()
            yield
        finally:
            stop.set()
            if thread.ident is not None:
                thread.join()
            sys.setswitchinterval(interval)

    def _hash_until(self, stop: threading.Event) -> None:
        # What goes wrong here `digests` meets again, and says so.
        with contextlib.suppress(OSError, Changed):
            while not stop.is_set() and self._hashed_bytes < self.size_bytes:
                self._hash_on(quiet=True)

    def _hash_on(self, quiet: bool = False) -> None:
        """Hash the next stretch.

        sha256 takes it out of the page cache without a copy. blake3 alone is so fast that mapping pages costs more than
        copying them. A file that is cut meanwhile, or a disk that fails, ends the worker by SIGBUS; the frame makes an
        error of it.
        """
        if "sha256" not in self._hashes:
            size = min(PIECE_BYTES, self.size_bytes - self._hashed_bytes)
            try:
                self._feed(self._hashed_bytes, self._fetch(self._hashed_bytes, size), quiet)
            except Truncated as error:
                raise Changed("it became shorter while it was read") from error
            return
        start = self._hashed_bytes - self._hashed_bytes % mmap.ALLOCATIONGRANULARITY
        length = min(MAPPED_BYTES, self.size_bytes - start)
        try:
            mapped = mmap.mmap(self.descriptor, length, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=start)
        except ValueError as error:
            raise Changed("it became shorter while it was read") from error
        with mapped, memoryview(mapped) as data:
            self._feed(start, data, quiet)

    def _fetch(self, offset: int, size: int) -> bytes:
        if self.here is not None and self.desk is not None:
            for start, end in list(self.here.missing(offset, offset + size)):
                self.here = Ranges(self.desk.bring(self.path, start, end))
        data = os.pread(self.descriptor, size, offset)
        if len(data) == size:
            return data
        parts = bytearray(data)
        while len(parts) < size:
            more = os.pread(self.descriptor, size - len(parts), offset + len(parts))
            if not more:
                raise Truncated(f"the file ends at {offset + len(parts)}, {size} bytes were promised at {offset}")
            parts += more
        return bytes(parts)

    def _feed(self, offset: int, data: bytes | memoryview, quiet: bool = False) -> None:
        # Only what comes next in order; a second reader of the same bytes feeds nothing.
        end = offset + len(data)
        if not self._hashes or not offset <= self._hashed_bytes < end:
            return
        with memoryview(data) as whole:
            for start in range(self._hashed_bytes - offset, len(data), PIECE_BYTES):
                with whole[start : start + PIECE_BYTES] as piece:
                    for hashed in self._hashes.values():
                        hashed.update(piece)
        self._hashed_bytes = end
        if not quiet and end - self._reported_bytes >= REPORT_BYTES:
            self._reported_bytes = end
            self.progress(end)


def _identity_of(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
