"""The kinds of plug-in and the one method that each has.

    source    fetch(ref, workspace)  -> Fetched         bytes from somewhere, never executed
    scanner   scan(file)             -> findings, measures, readings, coverage; sync, sandboxed, no network
    report    render(document)       -> bytes
    peer      command(program, path) -> arguments       somebody else's scanner, run only when a person asks for it
              parse(code, out, err)  -> PeerSays
    policy    a folder of data: pack.yaml, rules/*.yaml, scenarios.yaml, cases.yaml

A plug-in is a module with an object named `plugin` of one of these shapes. Further kinds (evaluator, probe, guard,
provider) join when a journey needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from bascule.plugins.meta import Example, Meta
from bascule.records import ArtefactKind, Coverage, Finding, Measure, Reading

if TYPE_CHECKING:
    from bascule.records import ReviewDocument


@dataclass(frozen=True, slots=True)
class Listed:
    """A neighbour of the file under scan, by name only."""

    path: str
    kind: ArtefactKind
    media_type: str
    size_bytes: int


Made = TypeVar("Made")


class ScanFile(Protocol):
    """An untrusted file, open for reading. Short reads never happen quietly."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> ArtefactKind: ...
    @property
    def media_type(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def listing(self) -> Sequence[Listed]:
        """Every artefact of the subject, this one included, sorted by path."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`. Raises `readers.Truncated` when the file ends before."""
        ...

    def windows(self, size: int = 1 << 20, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        """(offset, bytes) over the whole file in order; each window repeats the last `overlap` bytes of the one
        before, so that a pattern no longer than that is seen whole at least once."""
        ...

    def kept(self, what: str, make: Callable[[], Made]) -> Made:
        """What `make` gives, made once for all scanners that look at this file, and dropped when it is closed.

        For a reader's result that several scanners ask for; it must depend on the file's bytes alone and never be
        changed. Small things only: it stays in memory. What `make` raises is not kept.
        """
        ...

    def neighbour(self, path: str) -> ScanFile | None:
        """Another artefact of the subject, open for reading; None when the listing has no such path.

        For questions about two files at once: an index and its shards, a config and its tensors. The path is the
        listing's, not relative to this file. Raises `readers.Truncated` when it cannot be opened any more.
        """
        ...


Seen = Finding | Measure | Reading | Coverage


@runtime_checkable
class Scanner(Protocol):
    """Answers its rules about one file at a time.

    A rule without a `true` or `error` finding counts as answered `false` for that file. Raising anything but
    `readers.Malformed` or `readers.Truncated` is a bug; either way every rule's answer for the file is `error`.
    """

    @property
    def meta(self) -> Meta: ...
    @property
    def examples(self) -> Sequence[Example]: ...
    def scan(self, file: ScanFile) -> Iterator[Seen]: ...


@dataclass(frozen=True, slots=True)
class EndpointRef:
    """A closed model: an address and a model id, and whose it is as far as the address tells."""

    url: str
    model: str
    provider: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that lies elsewhere. sha256: as the store declares it, which is somebody's word; None when it does not."""

    path: str
    size_bytes: int
    sha256: str | None = None


class Remote(Protocol):
    """Files that lie elsewhere, of which any range can be had."""

    @property
    def files(self) -> Sequence[RemoteFile]: ...

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Exactly that range. Raises UpstreamError; `source.no-ranges` where the store only gives whole files."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source brought: a folder or file on disk, an endpoint, or files that stay where they are."""

    ref: str
    root: Path | None = None
    endpoint: EndpointRef | None = None
    remote: Remote | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a source may write, and how it says how far it is. `progress(done_bytes, total_bytes or None, what)`."""

    folder: Path
    progress: Callable[[int, int | None, str], None] = lambda _done, _total, _what: None


@runtime_checkable
class Source(Protocol):
    """Brings a subject's bytes to a folder. Raises UpstreamError or InputError with a hint; executes nothing."""

    @property
    def meta(self) -> Meta: ...
    def accepts(self, ref: str) -> bool: ...
    def fetch(self, ref: str, workspace: Workspace) -> Fetched: ...


@runtime_checkable
class RangeSource(Source, Protocol):
    """A source that can also leave the bytes where they are, and bring those that somebody asks for."""

    def look(self, ref: str, workspace: Workspace) -> Fetched:
        """The subject as `remote`. Raises as `fetch` does."""
        ...


@runtime_checkable
class Report(Protocol):
    """One form of the answer. Renders from the document and from nothing else; escapes whatever it shows."""

    @property
    def meta(self) -> Meta: ...
    @property
    def file_name(self) -> str: ...
    def render(self, document: ReviewDocument) -> bytes: ...


PeerVerdict = Literal["finding", "clean", "not-scanned", "error"]


@dataclass(frozen=True, slots=True)
class PeerAlarm:
    """One thing that a peer warns of. path: as the peer writes it; empty where it names none."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class PeerSays:
    """What a peer makes of one path. The verdict is its own, by its own default gate.

    `finding`: its exit code would stop a pipeline. `not-scanned`: it looked at nothing, whatever it then exits with.
    `error`: it could not tell. alarms: what is behind a finding. lines: what else it said. version: empty where it does
    not say. understood: False where it printed something else than it prints.
    """

    verdict: PeerVerdict
    alarms: tuple[PeerAlarm, ...] = ()
    lines: tuple[str, ...] = ()
    version: str = ""
    understood: bool = True


@runtime_checkable
class Peer(Protocol):
    """Somebody else's scanner: how it is asked, and how its answer is read. Neither method runs anything."""

    @property
    def meta(self) -> Meta: ...
    @property
    def distribution(self) -> str:
        """The package that brings it."""
        ...

    @property
    def programs(self) -> Sequence[str]:
        """What its command may be called."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables that it needs: those that keep it from calling home, before all."""
        ...

    def command(self, program: str, path: str) -> Sequence[str]:
        """The arguments, the program first, that make it scan this file or folder with its defaults."""
        ...

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        """Total: any text gives an answer. code: None where only a kept result is at hand, which is then `stdout`."""
        ...
