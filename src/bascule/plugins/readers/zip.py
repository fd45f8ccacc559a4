"""Zip archives, seen as every loader might see them.

Loaders disagree about zips: PyTorch takes the first of two members of one name and Python the last; some add the
length of leading junk to every offset and some do not; most ignore the local header and some obey it. So this reader
lists what any of them would find, and names each place where they could part.

Rules:
- The entries are those of every central directory that a loader could reach, in directory order; twins stay both.
- A disagreement is an *anomaly*, `code: detail`, not an error: the caller decides what it means. Codes are stable.
- Sizes are believed up to the caller's bound and checked against the bytes; a member that yields more than it
  declares is a bomb and `Malformed`; the bytes it declared have been yielded by then.
- A wrong CRC is told after the last byte, as `WrongCrc`, because PyTorch loads such a member all the same.

Anomaly codes, by what they touch:
  the file       leading-bytes missing-bytes trailing-bytes several-ends several-directories directory-gap
                 directory-size entry-count zip64-mismatch zip64-missing split-disks gap overlap
  a header       no-local-header name-mismatch size-mismatch crc-mismatch method-mismatch encryption-mismatch encrypted
                 unknown-method stored-size folder-with-data special-file
  a name         duplicate-name case-collision unicode-path empty-name nul-in-name control-in-name backslash-in-name
                 absolute-name parent-in-name
Source: PKWARE APPNOTE 6.3.10; where it is silent, CPython's zipfile, miniz (PyTorch) and Go's archive/zip.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.names import Anomalies, check_names, text_of

Read = Callable[[int, int], bytes]
"""read(offset, size): exactly `size` bytes, or `Truncated`."""

STORED, DEFLATED = 0, 8
ENCRYPTED = 0x0001
_DESCRIPTOR = 0x0008
_STRONG_OR_MASKED = 0x2040

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SIGNATURE, _CENTRAL_SIGNATURE, _LOCAL_SIGNATURE = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_ALL_32 = 0xFFFFFFFF
_MAX_COMMENT = 0xFFFF
_MAX_DESCRIPTOR = 24
_WINDOW = 1 << 16
# More end records than this are an attack on the reader; the first of them are told, the rest only counted.
_MAX_ENDS = 4


class WrongCrc(Malformed):
    """All bytes were yielded, and their CRC is not the one declared."""


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One member, as the central directory tells it.

    name: the raw name as UTF-8, bytes that are not UTF-8 as `\\xNN`. data_offset: None where no local header is found.
    """

    name: str
    raw_name: bytes
    method: int
    flags: int
    crc32: int
    compressed_bytes: int
    size_bytes: int
    header_offset: int
    data_offset: int | None
    is_folder: bool
    is_symlink: bool
    external_attributes: int


@dataclass(frozen=True, slots=True)
class ZipDirectory:
    """What an archive holds, and where loaders could disagree about it."""

    entries: tuple[ZipEntry, ...]
    anomalies: tuple[str, ...]

    @property
    def codes(self) -> frozenset[str]:
        """The anomalies' codes alone."""
        return frozenset(anomaly.partition(":")[0] for anomaly in self.anomalies)


def read_directory(
    read: Read, size_bytes: int, *, max_entries: int = 100_000, max_directory_bytes: int = 64 << 20
) -> ZipDirectory:
    """Every member that some loader would find.

    Raises Truncated when there is no end record, Malformed when no directory can be read or a bound is passed.
    """
    notes = Anomalies()
    listed: list[ZipEntry] = []
    faults: list[Malformed] = []
    directory_starts: list[int] = []
    for end in _ends(read, size_bytes, notes):
        for place in _places(read, size_bytes, end, notes):
            try:
                directory = _central(read, size_bytes, place, max_entries, max_directory_bytes, notes)
            except Malformed as fault:
                faults.append(fault)
                continue
            directory_starts.append(place.start)
            # A member reached by two directories is one member; two in one directory are twins.
            reached = {(entry.header_offset, entry.raw_name) for entry in listed}
            listed += [entry for entry in directory if (entry.header_offset, entry.raw_name) not in reached]
    if not directory_starts:
        raise faults[0] if faults else Malformed("no central directory can be read")
    if len(directory_starts) > 1:
        notes.add("several-directories", f"loaders may take any of {len(directory_starts)} central directories")
    if len(listed) > max_entries:
        raise Malformed(f"more than {max_entries} members")
    entries = tuple(_with_local_header(read, size_bytes, entry, notes) for entry in listed)
    check_names((entry.raw_name for entry in entries), notes)
    _check_layout(entries, min(directory_starts), notes)
    return ZipDirectory(entries, notes.told())


def open_member(read: Read, entry: ZipEntry, *, max_bytes: int, check_crc: bool = True) -> Iterator[bytes]:
    """A member's bytes in chunks of at most 1 MiB; ends exactly at its declared size.

    Raises, while iterating: Malformed (encrypted, unknown method, larger than `max_bytes`, larger or smaller than
    declared, broken deflate stream), Truncated, and WrongCrc after the last byte unless `check_crc` is false.
    """
    name = visible(entry.name)
    if entry.data_offset is None:
        raise Malformed(f"member `{name}` has no local header")
    if entry.flags & (ENCRYPTED | _STRONG_OR_MASKED):
        raise Malformed(f"member `{name}` is encrypted")
    if entry.size_bytes > max_bytes:
        raise Malformed(f"member `{name}` declares {entry.size_bytes} bytes, more than the {max_bytes} allowed")
    if entry.method == STORED:
        chunks = _stored(read, entry)
    elif entry.method == DEFLATED:
        chunks = _inflated(read, entry)
    else:
        raise Malformed(f"member `{name}` is packed by method {entry.method}, which this reader does not know")
    given, crc = 0, 0
    for chunk in chunks:
        kept = chunk[: entry.size_bytes - given]
        given += len(kept)
        crc = zlib.crc32(kept, crc)
        if kept:
            yield kept
        if len(kept) < len(chunk):
            raise Malformed(f"member `{name}` is a bomb: it yields more than the {entry.size_bytes} bytes it declares")
    if given < entry.size_bytes:
        raise Malformed(f"member `{name}` yields {given} of the {entry.size_bytes} bytes it declares")
    if check_crc and crc != entry.crc32:
        raise WrongCrc(f"member `{name}` has CRC {crc:08x}, its header says {entry.crc32:08x}")


def _stored(read: Read, entry: ZipEntry) -> Iterator[bytes]:
    assert entry.data_offset is not None
    for done in range(0, entry.compressed_bytes, 1 << 20):
        yield read(entry.data_offset + done, min(1 << 20, entry.compressed_bytes - done))


def _inflated(read: Read, entry: ZipEntry) -> Iterator[bytes]:
    assert entry.data_offset is not None
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for done in range(0, entry.compressed_bytes, _WINDOW):
            pending = read(entry.data_offset + done, min(_WINDOW, entry.compressed_bytes - done))
            while pending and not inflate.eof:
                yield inflate.decompress(pending, 1 << 20)
                pending = inflate.unconsumed_tail
            if inflate.eof and (inflate.unused_data or done + _WINDOW < entry.compressed_bytes):
                raise Malformed(f"member `{visible(entry.name)}` holds bytes after its deflate stream")
        while not inflate.eof:
            rest = inflate.decompress(b"", 1 << 20)
            if not rest:
                raise Truncated(f"the deflate stream of member `{visible(entry.name)}` does not end")
            yield rest
    except zlib.error as error:
        raise Malformed(f"member `{visible(entry.name)}` has a broken deflate stream: {error}") from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a directory would lie: `base` is added to every offset in it."""

    start: int
    size: int
    count: int
    base: int


def _ends(read: Read, size_bytes: int, notes: Anomalies) -> list[int]:
    """Offsets of the end records that loaders would take: the last one, and any whose comment ends the file."""
    tail_start = max(0, size_bytes - _END.size - _MAX_COMMENT)
    tail = read(tail_start, size_bytes - tail_start)
    positions = []
    at = tail.rfind(_END_SIGNATURE)
    while at >= 0:
        if at + _END.size <= len(tail):
            positions.append(at)
        at = tail.rfind(_END_SIGNATURE, 0, at)
    if not positions:
        raise Truncated("the zip has no end record: it is cut short, or not a zip")

    def comment_end(position: int) -> int:
        return position + _END.size + int.from_bytes(tail[position + 20 : position + 22], "little")

    last = positions[0]
    if comment_end(last) < len(tail):
        notes.add("trailing-bytes", f"{len(tail) - comment_end(last)} bytes follow the archive")
    elif comment_end(last) > len(tail):
        notes.add("missing-bytes", f"the archive's comment lacks {comment_end(last) - len(tail)} bytes")
    taken = [last, *(at for at in positions[1:] if comment_end(at) == len(tail))]
    if len(taken) > 1:
        notes.add("several-ends", f"{len(taken)} end records could be meant")
    return [tail_start + at for at in taken[:_MAX_ENDS]]


def _places(read: Read, size_bytes: int, end: int, notes: Anomalies) -> list[_Place]:
    """Where the directory of an end record would lie: by its absolute offset, and by counting back from the end."""
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack(read(end, _END.size))
    if (disk, first_disk) not in ((0, 0), (0xFFFF, 0xFFFF)) or here != count:
        notes.add(
            "split-disks", f"the end record speaks of disks {first_disk} to {disk}, {here} of {count} members here"
        )
    readings = [(count, size, offset, end)]
    end64 = _end64(read, end, notes)
    if end64 is not None:
        at, count64, size64, offset64 = end64
        wide = ((count, count64, 0xFFFF), (size, size64, _ALL_32), (offset, offset64, _ALL_32))
        if any(narrow not in (full, mark) for narrow, full, mark in wide):
            notes.add("zip64-mismatch", "the two end records tell different counts, sizes or offsets")
            readings.append((count64, size64, offset64, at))
        else:
            readings = [(count64, size64, offset64, at)]
    places: dict[int, _Place] = {}
    for count, size, offset, directory_end in readings:
        shift = directory_end - size - offset
        found = 0
        for base in (0, shift):
            start = offset + base
            opens = start >= 0 and start + 4 <= size_bytes and read(start, 4) == _CENTRAL_SIGNATURE
            if opens or (count == 0 and size == 0 and base == shift):
                places.setdefault(start, _Place(start, size, count, base))
                found = found or (1 if base == 0 else 2)
        if shift and found == 1:
            notes.add("directory-gap", f"the directory and the end record are {abs(shift)} bytes out of step")
        elif shift < 0 and found == 2:
            notes.add("missing-bytes", f"{-shift} bytes before the first member are gone")
    return list(places.values())


def _end64(read: Read, end: int, notes: Anomalies) -> tuple[int, int, int, int] | None:
    """(offset, count, size, directory offset) of the zip64 end record, where a locator stands before the end."""
    if end < _END64_LOCATOR.size:
        return None
    signature, _, offset, _ = _END64_LOCATOR.unpack(read(end - _END64_LOCATOR.size, _END64_LOCATOR.size))
    if signature != b"PK\x06\x07":
        return None
    beside = end - _END64_LOCATOR.size - _END64.size
    for at in dict.fromkeys((offset, beside)):
        if at < 0 or at + _END64.size > end:
            continue
        signature, _, _, _, _, _, _, count, size, directory = _END64.unpack(read(at, _END64.size))
        if signature == b"PK\x06\x06":
            if at != offset:
                notes.add("zip64-mismatch", f"the zip64 end record is at {at}, its locator says {offset}")
            return at, count, size, directory
    notes.add("zip64-missing", f"a zip64 locator points to {offset}, where no end record is")
    return None


def _central(
    read: Read, size_bytes: int, place: _Place, max_entries: int, max_directory_bytes: int, notes: Anomalies
) -> list[ZipEntry]:
    """The directory's entries. Some loaders stop at its size and some at its count: both must be passed to stop."""
    window = _Window(read, size_bytes)
    entries: list[ZipEntry] = []
    at, stop = place.start, place.start + place.size
    while at < stop or len(entries) < place.count:
        if at + _CENTRAL.size > size_bytes or window.take(at, 4) != _CENTRAL_SIGNATURE:
            break
        if len(entries) >= max_entries:
            raise Malformed(f"more than {max_entries} members")
        if at - place.start > max_directory_bytes:
            raise Malformed(f"the central directory is larger than {max_directory_bytes} bytes")
        entry, at = _central_entry(window, at, place.base, notes)
        entries.append(entry)
    if at < stop and len(entries) < place.count:
        raise Malformed(f"the central directory breaks at {at}, after {len(entries)} of {place.count} members")
    if len(entries) != place.count:
        notes.add("entry-count", f"the end record counts {place.count} members, the directory holds {len(entries)}")
    if at != stop:
        notes.add("directory-size", f"the directory ends at {at}, the end record says {stop}")
    return entries


def _central_entry(window: _Window, at: int, base: int, notes: Anomalies) -> tuple[ZipEntry, int]:
    header = _CENTRAL.unpack(window.take(at, _CENTRAL.size))
    (_, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment_len, disk, _, attributes, offset) = (
        header
    )
    raw_name = window.take(at + _CENTRAL.size, name_len)
    extra = window.take(at + _CENTRAL.size + name_len, extra_len)
    name = text_of(raw_name)
    shown = visible(name)
    if disk not in (0, 0xFFFF):
        notes.add("split-disks", f"`{shown}` is said to lie on disk {disk}")
    if _ALL_32 in (size, packed, offset):
        wide = _wide(extra, [value == _ALL_32 for value in (size, packed, offset)])
        if wide is None:
            notes.add("zip64-missing", f"`{shown}` has no zip64 sizes where its header promises them")
        else:
            size, packed, offset = (
                new if new is not None else old for new, old in zip(wide, (size, packed, offset), strict=True)
            )
    if (unicode_name := _unicode_path(extra)) is not None and unicode_name != raw_name:
        notes.add("unicode-path", f"`{shown}` has a second name, `{visible(text_of(unicode_name))}`")
    mode = attributes >> 16
    is_folder = raw_name.endswith(b"/")
    if is_folder and (size or packed > 2):
        notes.add("folder-with-data", f"`{shown}` is a folder that holds {size} bytes")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        notes.add("special-file", f"`{shown}` is neither a file, a folder nor a link (mode {mode:o})")
    if flags & (ENCRYPTED | _STRONG_OR_MASKED):
        notes.add("encrypted", f"`{shown}`")
    if method not in (STORED, DEFLATED):
        notes.add("unknown-method", f"`{shown}` is packed by method {method}")
    # The old encryption puts twelve bytes of its own before the data.
    if method == STORED and packed != size + (12 if flags & ENCRYPTED else 0):
        notes.add("stored-size", f"`{shown}` is stored in {packed} bytes and declares {size}")
    entry = ZipEntry(
        name=name,
        raw_name=raw_name,
        method=method,
        flags=flags,
        crc32=crc,
        compressed_bytes=packed,
        size_bytes=size,
        header_offset=offset + base,
        data_offset=None,
        is_folder=is_folder,
        is_symlink=stat.S_ISLNK(mode),
        external_attributes=attributes,
    )
    return entry, at + _CENTRAL.size + name_len + extra_len + comment_len


def _with_local_header(read: Read, size_bytes: int, entry: ZipEntry, notes: Anomalies) -> ZipEntry:
    """The entry with the place of its data, its local header compared with the directory."""
    shown = visible(entry.name)
    at = entry.header_offset
    inside = at >= 0 and at + _LOCAL.size <= size_bytes
    header = _LOCAL.unpack(read(at, _LOCAL.size)) if inside else (b"",)
    if header[0] != _LOCAL_SIGNATURE:
        notes.add("no-local-header", f"`{shown}` at {at}")
        return entry
    _, _, flags, method, _, _, crc, packed, size, name_len, extra_len = header
    data_offset = at + _LOCAL.size + name_len + extra_len
    if data_offset + entry.compressed_bytes > size_bytes:
        notes.add("missing-bytes", f"`{shown}` reaches beyond the end of the file")
        if data_offset > size_bytes:
            return entry
    rest = read(at + _LOCAL.size, name_len + extra_len)
    if rest[:name_len] != entry.raw_name:
        notes.add("name-mismatch", f"`{shown}` is `{visible(text_of(rest[:name_len]))}` in its local header")
    if (flags ^ entry.flags) & (ENCRYPTED | _STRONG_OR_MASKED):
        notes.add("encryption-mismatch", f"`{shown}` is encrypted by one header and not by the other")
    if method != entry.method:
        notes.add("method-mismatch", f"`{shown}` is packed by method {method} or {entry.method}")
    wide = _wide(rest[name_len:], [size == _ALL_32, packed == _ALL_32, False]) or (None, None, None)
    size = wide[0] if wide[0] is not None else size
    packed = wide[1] if wide[1] is not None else packed
    # Written as a stream, a member has its sizes after the data and nothing, or not yet the truth, before it.
    later = (0, _ALL_32) if flags & _DESCRIPTOR else ()
    if any(
        local not in (central, *later)
        for local, central in ((size, entry.size_bytes), (packed, entry.compressed_bytes))
    ):
        notes.add(
            "size-mismatch", f"`{shown}` has {size} bytes in its local header, {entry.size_bytes} in the directory"
        )
    if crc != entry.crc32 and not (flags & _DESCRIPTOR and crc == 0):
        notes.add("crc-mismatch", f"`{shown}` has two CRCs, {crc:08x} and {entry.crc32:08x}")
    return replace(entry, data_offset=data_offset)


def _check_layout(entries: tuple[ZipEntry, ...], directory_start: int, notes: Anomalies) -> None:
    """Bytes that two members share, and bytes that none claims."""
    spans = sorted(
        (entry.header_offset, entry.data_offset + entry.compressed_bytes, entry.name)
        for entry in entries
        if entry.data_offset is not None
    )
    if spans and spans[0][0] > 0:
        notes.add("leading-bytes", f"{spans[0][0]} bytes stand before the first member")
    end, owner = 0, ""
    for start, stop, name in spans:
        if owner and start < end:
            notes.add("overlap", f"`{visible(owner)}` and `{visible(name)}` share bytes")
        elif owner and start > end + _MAX_DESCRIPTOR:
            notes.add("gap", f"{start - end} bytes before `{visible(name)}` belong to no member")
        if stop >= end:
            end, owner = stop, name or "the member without a name"
    if owner and end > directory_start:
        notes.add("overlap", f"`{visible(owner)}` reaches into the central directory")
    elif owner and directory_start > end + _MAX_DESCRIPTOR:
        notes.add("gap", f"{directory_start - end} bytes before the directory belong to no member")


class _Window:
    """Small reads through a 64 KiB window."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read, self._size = read, size_bytes
        self._start, self._bytes = 0, b""

    def take(self, at: int, size: int) -> bytes:
        if not self._start <= at <= at + size <= self._start + len(self._bytes):
            if at + size > self._size:
                raise Truncated(f"the central directory ends within a member, at {self._size}")
            self._bytes = self._read(at, min(max(size, _WINDOW), self._size - at))
            self._start = at
        return self._bytes[at - self._start : at - self._start + size]


def _extra(extra: bytes, wanted: int) -> bytes | None:
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        if tag == wanted:
            return extra[at + 4 : at + 4 + size]
        at += 4 + size
    return None


def _wide(extra: bytes, needed: list[bool]) -> tuple[int | None, int | None, int | None] | None:
    """The zip64 values for the fields marked; None when one that is needed is not there."""
    field = _extra(extra, 0x0001)
    values: list[int | None] = []
    at = 0
    for need in needed:
        if not need:
            values.append(None)
            continue
        if field is None or at + 8 > len(field):
            return None
        values.append(int.from_bytes(field[at : at + 8], "little"))
        at += 8
    return values[0], values[1], values[2]


def _unicode_path(extra: bytes) -> bytes | None:
    field = _extra(extra, 0x7075)
    return field[5:] if field is not None and len(field) > 5 else None
