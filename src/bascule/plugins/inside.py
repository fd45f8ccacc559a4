"""What is packed in a file, shown to the scanners as if it lay beside it.

An archive in a repository hides its members from whoever reads files by name. So the frame shows each member to each
scanner that reads such files; a finding's place is `member!place`, however deep.

Rules:
- a member's neighbours are the other members of its archive, by their names in it;
- only findings come out, those that call for action: a measure or reading is about the subject, and a member is not;
- a member whose bytes cannot be had leaves the questions of those who read such files `not-available`;
- a member that breaks under a scanner is that scanner's `error` there, and the others go on;
- who opens archives for itself says so (`Meta.opens`) and is not shown members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import classify
from bascule.plugins.readers.members import PACKED, Member, members
from bascule.plugins.readers.pickles.stream import Span
from bascule.records import ArtefactKind, Finding, Outcome

if TYPE_CHECKING:
    from bascule.plugins.kinds import Listed, Made, ScanFile, Scanner, Seen
    from bascule.plugins.meta import Meta, Rule

_LOCATION_CHARACTERS = 1000
_TOLD = (Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE)
_MESSAGE_CHARACTERS = 1000


class NothingToRead(Exception):
    """Neither the file nor anything in it is of a kind that this scanner reads."""


def may_read(meta: Meta, path: str, kind: ArtefactKind, media_type: str) -> bool:
    """Is this scanner shown the file, or what may be packed in it?"""
    return meta.reads.match(path, kind, media_type) or (media_type in PACKED and not meta.opens)


class Inside:
    """A file with what is packed in it, unfolded once for all scanners."""

    def __init__(self, file: ScanFile) -> None:
        self._file = file
        self._packed: list[tuple[Member, MemberFile | None]] | None = None

    def scan(self, scanner: Scanner) -> Iterator[Seen]:
        """What the scanner sees in the file and in its members. Raises NothingToRead, and what the scanner raises."""
        file, meta = self._file, scanner.meta
        fault: Malformed | None = None
        applies = meta.reads.match(file.path, file.kind, file.media_type)
        if applies:
            try:
                yield from scanner.scan(file)
            except Malformed as error:
                fault = error  # told after the members
        if not meta.opens:
            for member, shown in self._members():
                kind = classify(member.path, member.media_type)
                if not meta.reads.match(member.path.rpartition("!")[2], kind, member.media_type):
                    continue
                applies = True
                yield from _unread(meta.rules, member.path, member.why) if shown is None else _in(scanner, shown)
        if fault is not None:
            raise fault
        if not applies:
            raise NothingToRead

    def _members(self) -> list[tuple[Member, MemberFile | None]]:
        if self._packed is None:
            self._packed = []
            if self._file.media_type in PACKED:
                whole = Span(self._file.read, 0, self._file.size_bytes)
                found = list(members(whole, self._file.media_type, self._file.path))
                self._packed = list(zip(found, _as_files(found), strict=True))
        return self._packed


@dataclass(frozen=True, slots=True)
class MemberFile:
    """A member as scanners are shown it. `place` is its way from the outermost archive, `path` its name in its own."""

    place: str
    path: str
    kind: ArtefactKind
    media_type: str
    span: Span = field(repr=False)
    listing: Sequence[Listed] = field(default=(), repr=False)
    beside: dict[str, MemberFile] = field(default_factory=dict, repr=False)
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size_bytes(self) -> int:
        return self.span.size_bytes

    def read(self, offset: int, size: int) -> bytes:
        return self.span.bytes_at(offset, size)

    def windows(self, size: int = 1 << 20, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        for start in range(0, self.size_bytes, size):
            offset = max(0, start - overlap)
            yield offset, self.read(offset, min(start + size, self.size_bytes) - offset)

    def kept(self, what: str, make: Callable[[], Made]) -> Made:
        if what not in self._kept:
            self._kept[what] = make()
        made: Made = self._kept[what]
        return made

    def neighbour(self, path: str) -> MemberFile | None:
        return self.beside.get(path)


def _as_files(found: Sequence[Member]) -> Iterator[MemberFile | None]:
    from bascule.plugins.kinds import Listed

    listings: dict[str, list[Listed]] = {}
    besides: dict[str, dict[str, MemberFile]] = {}
    for member in found:
        archive, _, name = member.path.rpartition("!")
        listing = listings.setdefault(archive, [])
        kind = classify(name, member.media_type)
        listing.append(Listed(name, kind, member.media_type, member.size_bytes))
        if member.span is None:
            yield None
            continue
        beside = besides.setdefault(archive, {})
        file = MemberFile(member.path, name, kind, member.media_type, member.span, listing, beside)
        beside.setdefault(name, file)
        yield file


def _in(scanner: Scanner, member: MemberFile) -> Iterator[Seen]:
    try:
        for item in scanner.scan(member):
            if isinstance(item, Finding) and item.outcome in _TOLD:
                place = f"{member.place}!{item.location}" if item.location else member.place
                yield item.model_copy(update={"location": place[:_LOCATION_CHARACTERS], "artefact": ""})
    except Malformed as error:
        what = "is cut short" if isinstance(error, Truncated) else "cannot be read"
        yield from _open(scanner.meta.rules, Outcome.ERROR, member.place, f"this member {what}: {error}")


def _unread(rules: Sequence[Rule], place: str, why: str) -> Iterator[Finding]:
    yield from _open(rules, Outcome.NOT_AVAILABLE, place, f"this member was not looked into: {why}")


def _open(rules: Sequence[Rule], outcome: Outcome, place: str, message: str) -> Iterator[Finding]:
    for rule in rules:
        yield Finding(
            rule=rule.id,
            outcome=outcome,
            severity=rule.severity,
            message=message[:_MESSAGE_CHARACTERS],
            location=place[:_LOCATION_CHARACTERS],
        )
