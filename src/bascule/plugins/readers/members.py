"""What lies packed in a file, however deep, as stretches of bytes that can be read anywhere.

    stored      in a zip or tar, as they are         a stretch of the file itself, whatever its size
    packed      deflated, or in a packed stream      unfolded into memory, as far as the room goes
    neither     too large, encrypted, too deep       named, with the reason, and its bytes are not had

Rules:
- an archive within the archive is opened as well, and is no member itself; its members are `inner.zip!member`;
- twins are both there; folders and links are not;
- the walk is bounded in members, depth, unfolded bytes and held bytes; where it ends early, the last one says so;
- it never raises: an archive that breaks ends with a nameless member that says how. `archives` tells it as a fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, media
from bascule.plugins.readers.compressed import CODECS, unpacked
from bascule.plugins.readers.pickles.stream import Span, span_of
from bascule.plugins.readers.sevenzip import SevenZipReader, Unsupported
from bascule.plugins.readers.tar import BLOCK, TarReader
from bascule.plugins.readers.tar import is_header as is_tar_header
from bascule.plugins.readers.zip import STORED, WrongCrc, ZipEntry, open_member, read_directory

PACKED = (media.ZIP, media.TORCH_ZIP, media.TAR, media.SEVEN_ZIP, media.RAR, *CODECS)
"""Media types that are opened. What is known by its members (Keras, numpy) has a scanner of its own."""

_ZIPS = (media.ZIP, media.TORCH_ZIP)
_MAX_MEMBERS = 10_000
_MAX_DEPTH = 4
_MAX_MEMBER_BYTES = 16 << 20
_MAX_HELD_BYTES = 32 << 20
# Up to the first anything may unfold; from there on no further than so many times its packed size, and never past the
# last: a bomb is left soon, and `archives` calls it one.
_FREE_BYTES, _MAX_RATIO, _MAX_UNFOLDED_BYTES = 64 << 20, 200, 8 << 30
_HEAD_BYTES = 1 << 16
# What the checkpoint's own readers look into: its pickles, and raw numbers without a meaning of their own.
_TORCH_PARTS = re.compile(r"(^|/)(data|tensors|constants)/\d+$|\.storage$|\.pkl$|(^|/)code/|\.debug_pkl$")


@dataclass(frozen=True, slots=True)
class Member:
    """One file in the archive. `span` is None where its bytes are not had, and `why` says for what reason."""

    path: str
    media_type: str
    size_bytes: int
    span: Span | None
    why: str = ""


def members(span: Span, media_type: str, name: str) -> Iterator[Member]:
    """Everything packed in a file of one of the `PACKED` types; `name` names the one file of a packed stream."""
    yield from _Walk(span.size_bytes).archive(span, media_type, name, "", 0)


class _Full(Exception):
    """A bound of the whole walk is reached."""


class _Walk:
    def __init__(self, packed_bytes: int) -> None:
        self._bound_bytes = min(max(_FREE_BYTES, _MAX_RATIO * packed_bytes), _MAX_UNFOLDED_BYTES)
        self._count = 0
        self._held_bytes = 0
        self._unfolded_bytes = 0

    def archive(self, span: Span, media_type: str, name: str, place: str, depth: int) -> Iterator[Member]:
        try:
            if depth > _MAX_DEPTH:
                yield _unread(place, f"it lies more than {_MAX_DEPTH} archives deep")
            elif media_type in _ZIPS:
                yield from self._zip(span, media_type, place, depth)
            elif media_type == media.TAR:
                yield from self._tar(TarReader(_windows(span)), span, place, depth)
            elif media_type == media.SEVEN_ZIP:
                yield from self._sevenzip(span, place, depth)
            elif media_type == media.RAR:
                yield _unread(place, "a RAR archive, which no reader here opens")
            else:
                yield from self._stream(span, media_type, name, place, depth)
        except Unsupported as fault:
            yield _unread(place, str(fault))
        except Malformed as fault:
            yield _unread(place, f"the archive breaks: {fault}")
        except _Full as full:
            if depth:
                raise
            yield _unread("", str(full))

    def _zip(self, span: Span, media_type: str, place: str, depth: int) -> Iterator[Member]:
        for entry in read_directory(span.bytes_at, span.size_bytes).entries:
            if (entry.is_folder and not entry.size_bytes) or entry.is_symlink:
                continue
            if media_type == media.TORCH_ZIP and _TORCH_PARTS.search(entry.name):
                continue
            where = _below(place, entry.name)
            if entry.method == STORED and entry.data_offset is not None and not entry.flags & 1:
                size = min(entry.compressed_bytes, entry.size_bytes)
                yield from self._one(span.part(entry.data_offset, size), where, depth)
            else:
                yield from self._unfold(self._unpacked(span, entry), entry.size_bytes, where, depth)

    def _unpacked(self, span: Span, entry: ZipEntry) -> Iterator[bytes]:
        # Loaders take the bytes whether or not their CRC is right.
        return open_member(span.bytes_at, entry, max_bytes=self._bound_bytes, check_crc=False)

    def _tar(self, reader: TarReader, span: Span | None, place: str, depth: int) -> Iterator[Member]:
        for entry in reader:
            if entry.kind != "file":
                continue
            where = _below(place, entry.name)
            if span is not None:
                yield from self._one(span.part(reader.data_offset, entry.size_bytes), where, depth)
            else:
                yield from self._unfold(reader.data(), entry.size_bytes, where, depth)

    def _sevenzip(self, span: Span, place: str, depth: int) -> Iterator[Member]:
        reader = SevenZipReader(span.bytes_at, span.size_bytes)
        for entry in reader:
            if not entry.is_folder and not entry.is_symlink:
                yield from self._unfold(reader.data(), entry.size_bytes, _below(place, entry.name), depth)

    def _stream(self, span: Span, media_type: str, name: str, place: str, depth: int) -> Iterator[Member]:
        chunks = unpacked(span.bytes_at, span.size_bytes, media_type, max_bytes=self._bound_bytes)
        head, chunks = _peeked(chunks, BLOCK)
        if is_tar_header(head[:BLOCK]):
            yield from self._tar(TarReader(chunks), None, place, depth)
        else:
            inner = re.sub(r"\.(gz|bz2|xz|z|lzma|lz4|zst|zstd)$", "", name.rsplit("/", 1)[-1], flags=re.IGNORECASE)
            yield from self._unfold(chunks, -1, _below(place, inner), depth)

    def _unfold(self, chunks: Iterator[bytes], size_bytes: int, where: str, depth: int) -> Iterator[Member]:
        """A member that must be held; past the room, only its head is kept, to tell what it is."""
        held, given, why = bytearray(), 0, ""
        try:
            for chunk in chunks:
                given += len(chunk)
                self._unfolded_bytes += len(chunk)
                if self._unfolded_bytes > self._bound_bytes:
                    raise _Full(f"it unfolds to more than {self._bound_bytes} bytes; the rest was not looked into")
                if len(held) <= _MAX_MEMBER_BYTES:
                    held += chunk
                else:
                    break  # what is left of it is skipped by whoever reads on
        except WrongCrc:
            pass
        except Unsupported as fault:
            yield self._counted(Member(where, media.UNKNOWN, max(size_bytes, 0), None, str(fault)))
            return
        except Malformed as fault:
            why = f"it breaks after {given} bytes: {fault}"
        if len(held) > _MAX_MEMBER_BYTES:
            why = f"it unfolds to more than {_MAX_MEMBER_BYTES} bytes"
        elif not why and self._held_bytes + len(held) > _MAX_HELD_BYTES:
            why = f"the members before it took up the {_MAX_HELD_BYTES} bytes of room"
        if why:
            kind = media.media_type_of(bytes(held[:_HEAD_BYTES]), max(given, 1), where)
            yield self._counted(Member(where, kind, max(size_bytes, given), None, why))
            return
        before = self._held_bytes
        self._held_bytes += len(held)
        data = bytes(held)
        held.clear()
        yield from self._one(span_of(data), where, depth)
        if not data:
            self._held_bytes = before

    def _one(self, span: Span, where: str, depth: int) -> Iterator[Member]:
        kind = media.media_type_of(span.head(_HEAD_BYTES), span.size_bytes, where)
        if kind in PACKED:
            yield from self.archive(span, kind, where.rpartition("!")[2], where, depth + 1)
            if kind != media.TORCH_ZIP:
                return
        yield self._counted(Member(where, kind, span.size_bytes, span))

    def _counted(self, member: Member) -> Member:
        self._count += 1
        if self._count > _MAX_MEMBERS:
            raise _Full(f"it holds more than {_MAX_MEMBERS} members; the rest were not looked into")
        return member


def _unread(place: str, why: str) -> Member:
    return Member(place, media.UNKNOWN, 0, None, why)


def _below(place: str, name: str) -> str:
    return f"{place}!{visible(name, 300)}" if place else visible(name, 300)


def _windows(span: Span) -> Iterator[bytes]:
    for at in range(0, span.size_bytes, 1 << 16):
        yield span.bytes_at(at, min(1 << 16, span.size_bytes - at))


def _peeked(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break

    def again() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return head, again()
