"""7z archives, read front to back.

A 7z ends in a header (itself perhaps packed) that lists *folders*: chains of coders over packed streams, each of which
unfolds to several members in a row. So members come in the order of their bytes, and each folder is unpacked once.

Rules:
- every count and size of the header is held against the bytes that are there before it is believed;
- a coder that is not known here (encryption, PPMd, BCJ2, …) is `Unsupported`: the members behind it are only named;
- a member's bytes are checked against its CRC after the last of them, as `WrongCrc`;
- filters (delta, branches) run as stages of their own, through a decoder that is fed unpacked chunks: liblzma keeps
  back the last bytes of a chain that ends in LZMA without an end mark.
Source: 7zFormat.txt and Methods.txt of the LZMA SDK 24 (public domain).
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.zip import Read, WrongCrc

MAGIC = b"7z\xbc\xaf\x27\x1c"
_START_BYTES = 32
_CHUNK = 1 << 20
_STEP = 1 << 16
_MAX_HEADER_BYTES = 64 << 20
_MAX_MEMBERS = 100_000
_MAX_FOLDERS = 100_000
_MAX_CODERS = 8
_MAX_DICTIONARY_BYTES = 128 << 20

_END, _HEADER, _ARCHIVE_PROPERTIES, _ADDITIONAL, _MAIN, _FILES = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
_PACK, _UNPACK, _SUBSTREAMS, _SIZE, _CRC = 0x06, 0x07, 0x08, 0x09, 0x0A
_FOLDER, _UNPACK_SIZE, _COUNT, _EMPTY_STREAM, _EMPTY_FILE = 0x0B, 0x0C, 0x0D, 0x0E, 0x0F
_NAMES, _ATTRIBUTES, _ENCODED_HEADER = 0x11, 0x15, 0x17
_FOLDER_ATTRIBUTE, _UNIX_ATTRIBUTES = 0x10, 0x8000

_BRANCH_FILTERS: dict[bytes, int] = {
    b"\x03\x03\x01\x03": lzma.FILTER_X86,
    b"\x04": lzma.FILTER_X86,
    b"\x03\x03\x02\x05": lzma.FILTER_POWERPC,
    b"\x03\x03\x04\x01": lzma.FILTER_IA64,
    b"\x03\x03\x05\x01": lzma.FILTER_ARM,
    b"\x03\x03\x07\x01": lzma.FILTER_ARMTHUMB,
    b"\x03\x03\x08\x05": lzma.FILTER_SPARC,
    b"\x05": lzma.FILTER_POWERPC,
    b"\x06": lzma.FILTER_IA64,
    b"\x07": lzma.FILTER_ARM,
    b"\x08": lzma.FILTER_ARMTHUMB,
    b"\x09": lzma.FILTER_SPARC,
}
_UNKNOWN_CODERS = {
    b"\x06\xf1\x07\x01": "AES encryption",
    b"\x03\x04\x01": "PPMd",
    b"\x03\x03\x01\x1b": "BCJ2",
    b"\x04\x01\x09": "deflate64",
}


class Unsupported(Malformed):
    """The bytes may be sound; the way they are packed is not known here."""


@dataclass(frozen=True, slots=True)
class SevenZipEntry:
    """One member. `crc32` is None where the archive tells none."""

    name: str
    size_bytes: int
    crc32: int | None
    is_folder: bool = False
    is_symlink: bool = False


@dataclass(frozen=True, slots=True)
class _Coder:
    method: bytes
    properties: bytes


@dataclass(slots=True)
class _Folder:
    """A chain of coders, the packed stream it begins with, and the members that it unfolds to."""

    coders: tuple[_Coder, ...]
    sizes: tuple[int, ...]
    """what each coder of the chain gives, in the chain's order"""
    fault: str = ""
    pack_offset: int = 0
    pack_bytes: int = 0
    pack_streams: int = 1
    crc32: int | None = None
    members: list[tuple[int, int | None]] = field(default_factory=list)
    """(size, CRC) of each"""

    @property
    def size_bytes(self) -> int:
        return self.sizes[-1] if self.sizes else 0


class SevenZipReader:
    """Iterates over the members; `data()` gives the bytes of the current one, and may be left unread.

    Raises Malformed or Truncated when the header breaks; `data()` raises Unsupported, Malformed, Truncated, and
    WrongCrc after the last byte.
    """

    def __init__(self, read: Read, size_bytes: int) -> None:
        self._read, self._size = read, size_bytes
        folders, files = self._open()
        self._folders = folders
        self._files = files
        self._chunks: Iterator[bytes] = iter(())
        self._held = b""
        self._left = 0
        self._crc = 0
        self._entry: SevenZipEntry | None = None
        self._fault = ""
        self.unpacked_bytes = sum(folder.size_bytes for folder in folders)

    def __iter__(self) -> Iterator[SevenZipEntry]:
        streams = [(folder, member) for folder in self._folders for member in folder.members]
        following = iter(streams)
        current: _Folder | None = None
        for name, has_stream, is_folder, is_symlink in self._files:
            if not has_stream:
                self._begin(SevenZipEntry(name, 0, None, is_folder), None)
                yield self._entry  # type: ignore[misc]
                continue
            try:
                folder, (size, crc) = next(following)
            except StopIteration:
                raise Malformed(f"the 7z names `{visible(name)}` and has no bytes for it") from None
            if folder is not current:
                current, self._held, self._left = folder, b"", 0
                self._fault = folder.fault
                self._chunks = iter(()) if folder.fault else self._unfold(folder)
            self._begin(SevenZipEntry(name, size, crc, is_folder, is_symlink), folder)
            yield self._entry  # type: ignore[misc]

    def data(self) -> Iterator[bytes]:
        """What is left of the current member, in chunks of at most 1 MiB."""
        entry = self._entry
        assert entry is not None
        if self._left and self._fault:
            raise Unsupported(f"`{visible(entry.name)}` is packed with {self._fault}, which no reader here knows")
        while self._left:
            chunk = self._some(self._left)
            self._crc = zlib.crc32(chunk, self._crc)
            yield chunk
        if entry.crc32 is not None and self._crc != entry.crc32:
            raise WrongCrc(f"`{visible(entry.name)}` has CRC {self._crc:08x}, its header says {entry.crc32:08x}")

    def _begin(self, entry: SevenZipEntry, folder: _Folder | None) -> None:
        # What was left unread of the member before stands before this one's bytes.
        while self._left and not self._fault:
            self._some(self._left)
        self._entry, self._left, self._crc = entry, entry.size_bytes if folder else 0, 0

    def _some(self, most: int) -> bytes:
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._left = 0
                raise Truncated("a packed stream of the 7z unfolds to less than its header says")
            self._held = chunk
        taken, self._held = self._held[: min(most, _CHUNK)], self._held[min(most, _CHUNK) :]
        self._left -= len(taken)
        return taken

    # -- the header ------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[list[_Folder], list[tuple[str, bool, bool, bool]]]:
        if self._size < _START_BYTES:
            raise Truncated("the 7z ends before its header")
        start = self._read(0, _START_BYTES)
        if not start.startswith(MAGIC):
            raise Malformed("this is no 7z")
        crc, offset, size, header_crc = struct.unpack("<LQQL", start[8:])
        if crc != zlib.crc32(start[12:]):
            raise Malformed("the 7z's start header has a wrong checksum")
        if size == 0:
            return [], []
        if size > _MAX_HEADER_BYTES:
            raise Malformed(f"the 7z's header is larger than {_MAX_HEADER_BYTES} bytes")
        if _START_BYTES + offset + size > self._size:
            raise Truncated("the 7z ends before its header does")
        header = self._read(_START_BYTES + offset, size)
        if zlib.crc32(header) != header_crc:
            raise Malformed("the 7z's header has a wrong checksum")
        for _ in range(4):
            cursor = _Cursor(header)
            kind = cursor.byte()
            if kind == _HEADER:
                return self._header(cursor)
            if kind != _ENCODED_HEADER:
                break
            folders = self._streams(cursor)
            if len(folders) != 1 or folders[0].size_bytes > _MAX_HEADER_BYTES:
                raise Malformed("the 7z's packed header is not one stream of a bounded size")
            if folders[0].fault:
                raise Unsupported(f"the 7z's header is packed with {folders[0].fault}, which no reader here knows")
            header = b"".join(self._unfold(folders[0]))
            if folders[0].crc32 is not None and zlib.crc32(header) != folders[0].crc32:
                raise Malformed("the 7z's packed header has a wrong checksum")
        raise Malformed("the 7z's header is of no known kind")

    def _header(self, cursor: _Cursor) -> tuple[list[_Folder], list[tuple[str, bool, bool, bool]]]:
        folders: list[_Folder] = []
        files: list[tuple[str, bool, bool, bool]] = []
        while (kind := cursor.byte()) != _END:
            if kind == _ARCHIVE_PROPERTIES:
                while cursor.byte() != _END:
                    cursor.take(cursor.number())
            elif kind == _ADDITIONAL:
                raise Unsupported("the 7z keeps parts of its header outside it, which no reader here knows")
            elif kind == _MAIN:
                folders = self._streams(cursor)
            elif kind == _FILES:
                files = _files(cursor)
            else:
                raise Malformed(f"the 7z's header holds a part {kind:#x} that is not known")
        return folders, files

    def _streams(self, cursor: _Cursor) -> list[_Folder]:
        folders: list[_Folder] = []
        at = 0
        packed: list[int] = []
        has_members = False
        while (kind := cursor.byte()) != _END:
            if kind == _PACK:
                at, packed = self._pack_info(cursor)
            elif kind == _UNPACK:
                folders = _unpack_info(cursor)
            elif kind == _SUBSTREAMS:
                _substreams(cursor, folders)
                has_members = True
            else:
                raise Malformed(f"the 7z's streams hold a part {kind:#x} that is not known")
        following = iter(packed)
        for folder in folders:
            folder.pack_offset, folder.pack_bytes = at, 0
            for _ in range(folder.pack_streams):
                size = next(following, None)
                if size is None:
                    raise Malformed("the 7z's folders want more packed streams than there are")
                folder.pack_bytes = folder.pack_bytes or size
                at += size
            if not has_members:
                folder.members = [(folder.size_bytes, folder.crc32)]
        return folders

    def _pack_info(self, cursor: _Cursor) -> tuple[int, list[int]]:
        at = _START_BYTES + cursor.number()
        count = cursor.count(_MAX_FOLDERS)
        sizes = [0] * count
        while (kind := cursor.byte()) != _END:
            if kind == _SIZE:
                sizes = [cursor.number() for _ in range(count)]
            elif kind == _CRC:
                cursor.digests(count)
            else:
                raise Malformed(f"the 7z's packed streams hold a part {kind:#x} that is not known")
        if at + sum(sizes) > self._size:
            raise Truncated("the 7z ends within its packed streams")
        return at, sizes

    # -- unpacking -------------------------------------------------------------------------------------------------

    def _unfold(self, folder: _Folder) -> Iterator[bytes]:
        chunks = self._packed(folder.pack_offset, folder.pack_bytes)
        for coder, size in zip(folder.coders, folder.sizes, strict=True):
            chunks = _exactly(_decoded(coder, chunks), size)
        return chunks

    def _packed(self, at: int, size: int) -> Iterator[bytes]:
        for done in range(0, size, _STEP):
            yield self._read(at + done, min(_STEP, size - done))


def _files(cursor: _Cursor) -> list[tuple[str, bool, bool, bool]]:
    """(name, whether it has bytes, whether it is a folder, whether it is a symbolic link) of each."""
    count = cursor.count(_MAX_MEMBERS)
    names = [""] * count
    empty, is_file = [False] * count, []
    attributes = [0] * count
    while (kind := cursor.byte()) != _END:
        part = _Cursor(cursor.take(cursor.number()))
        if kind == _NAMES:
            if part.byte():
                raise Unsupported("the 7z keeps its names outside the header, which no reader here knows")
            names = _names(part.rest(), count)
        elif kind == _EMPTY_STREAM:
            empty = part.bits(count)
        elif kind == _EMPTY_FILE:
            is_file = part.bits(sum(empty))
        elif kind == _ATTRIBUTES:
            told = part.some_bits(count)
            if part.byte():
                raise Unsupported("the 7z keeps its attributes outside the header, which no reader here knows")
            attributes = [int.from_bytes(part.take(4), "little") if has else 0 for has in told]
    files, seen_empty = [], 0
    for name, is_empty, attribute in zip(names, empty, attributes, strict=True):
        is_folder = False
        if is_empty:
            is_folder = not (seen_empty < len(is_file) and is_file[seen_empty])
            seen_empty += 1
        link = bool(attribute & _UNIX_ATTRIBUTES) and (attribute >> 28) == 0xA
        files.append((name, not is_empty, is_folder or (is_empty and bool(attribute & _FOLDER_ATTRIBUTE)), link))
    return files


def _names(data: bytes, count: int) -> list[str]:
    names = data.decode("utf-16-le", "replace").split("\0")
    if len(names) < count:
        raise Malformed("the 7z has fewer names than members")
    return names[:count]


def _unpack_info(cursor: _Cursor) -> list[_Folder]:
    if cursor.byte() != _FOLDER:
        raise Malformed("the 7z's folders are not told")
    count = cursor.count(_MAX_FOLDERS)
    if cursor.byte():
        raise Unsupported("the 7z keeps its folders outside the header, which no reader here knows")
    plans = [_folder(cursor) for _ in range(count)]
    if cursor.byte() != _UNPACK_SIZE:
        raise Malformed("the 7z's folders have no sizes")
    folders = []
    for coders, order, outputs, pack_streams, fault in plans:
        sizes = [cursor.number() for _ in range(outputs)]
        ordered = tuple(coders[index] for index in order)
        folders.append(_Folder(ordered, tuple(sizes[index] for index in order), fault, pack_streams=pack_streams))
        if fault and sizes:
            folders[-1].sizes = (max(sizes),)
    while (kind := cursor.byte()) != _END:
        if kind != _CRC:
            raise Malformed(f"the 7z's folders hold a part {kind:#x} that is not known")
        for folder, crc in zip(folders, cursor.digests(count), strict=True):
            folder.crc32 = crc
    return folders


def _folder(cursor: _Cursor) -> tuple[list[_Coder], list[int], int, int, str]:
    """(coders, their order from the packed bytes on, outputs, packed streams, why it cannot be unpacked)."""
    coders: list[_Coder] = []
    fault, inputs, outputs = "", 0, 0
    for _ in range(cursor.count(_MAX_CODERS, at_least=1)):
        flags = cursor.byte()
        method = cursor.take(flags & 0x0F)
        ins, outs = (cursor.count(32), cursor.count(32)) if flags & 0x10 else (1, 1)
        properties = cursor.take(cursor.number()) if flags & 0x20 else b""
        coders.append(_Coder(method, properties))
        inputs, outputs = inputs + ins, outputs + outs
        if (ins, outs) != (1, 1) or not _is_known(coders[-1]):
            fault = fault or _UNKNOWN_CODERS.get(method, f"a method {method.hex() or 'without a name'}")
    pairs = [(cursor.number(), cursor.number()) for _ in range(outputs - 1)]
    pack_streams = inputs - len(pairs)
    if pack_streams < 1:
        raise Malformed("a folder of the 7z begins with no packed stream")
    if pack_streams > 1:
        for _ in range(pack_streams):
            cursor.number()
    if fault or pack_streams > 1:
        return coders, [], outputs, pack_streams, fault or "several streams at once"
    # (a, b): coder `a` reads what coder `b` gives. The chain begins with the one that reads the packed stream.
    readers = {reader for reader, _ in pairs}
    first = next((index for index in range(inputs) if index not in readers), -1)
    feeds = {giver: reader for reader, giver in pairs}
    order, at = [], first
    while at in range(len(coders)) and at not in order:
        order.append(at)
        at = feeds.get(at, -1)
    if len(order) != len(coders):
        raise Malformed("the coders of a 7z folder make no chain")
    return coders, order, outputs, 1, ""


def _substreams(cursor: _Cursor, folders: list[_Folder]) -> None:
    kind = cursor.byte()
    counts = [1] * len(folders)
    if kind == _COUNT:
        counts = [cursor.count(_MAX_MEMBERS) for _ in folders]
        kind = cursor.byte()
    if sum(counts) > _MAX_MEMBERS:
        raise Malformed(f"the 7z has more than {_MAX_MEMBERS} members")
    for folder, count in zip(folders, counts, strict=True):
        left, sizes = folder.size_bytes, []
        for index in range(count):
            # The last size is what the others leave.
            size = cursor.number() if kind == _SIZE and index + 1 < count else left
            if size > left or (kind != _SIZE and count > 1):
                raise Malformed("the members of a 7z folder are larger than it is")
            left -= size
            sizes.append(size)
        folder.members = [(size, None) for size in sizes]
    if kind == _SIZE:
        kind = cursor.byte()
    while kind != _END:
        if kind != _CRC:
            raise Malformed(f"the 7z's members hold a part {kind:#x} that is not known")
        wanted = sum(len(folder.members) for folder in folders if not _known_crc(folder))
        told = iter(cursor.digests(wanted))
        for folder in folders:
            if not _known_crc(folder):
                folder.members = [(size, next(told)) for size, _ in folder.members]
        kind = cursor.byte()
    for folder in folders:
        if _known_crc(folder):
            folder.members = [(folder.members[0][0], folder.crc32)]


def _known_crc(folder: _Folder) -> bool:
    return len(folder.members) == 1 and folder.crc32 is not None


class _Cursor:
    """Fields of a header, in order. Raises Truncated past its end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise Truncated("the 7z's header ends within a field")
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> bytes:
        return self._data[self._at :]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """7z's own: the first byte's leading ones say how many bytes follow, its rest is their high part."""
        first = self.byte()
        mask, value = 0x80, 0
        for index in range(8):
            if not first & mask:
                return value | (first & (mask - 1)) << (8 * index)
            value |= self.byte() << (8 * index)
            mask >>= 1
        return value

    def count(self, most: int, at_least: int = 0) -> int:
        number = self.number()
        if not at_least <= number <= most:
            raise Malformed(f"the 7z's header counts {number} of something, where at most {most} may be")
        return number

    def bits(self, count: int) -> list[bool]:
        data = self.take((count + 7) // 8)
        return [bool(data[index >> 3] & 0x80 >> (index & 7)) for index in range(count)]

    def some_bits(self, count: int) -> list[bool]:
        """Bits, or one byte that says that all are set."""
        return [True] * count if self.byte() else self.bits(count)

    def digests(self, count: int) -> list[int | None]:
        told = self.some_bits(count)
        return [int.from_bytes(self.take(4), "little") if has else None for has in told]


# -- coders ------------------------------------------------------------------------------------------------------------


def _is_known(coder: _Coder) -> bool:
    try:
        _decoder(coder)
    except Unsupported:
        return False
    return True


def _decoded(coder: _Coder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    make = _decoder(coder)
    if make is None:
        yield from chunks
        return
    is_filter = coder.method in _BRANCH_FILTERS or coder.method == b"\x03"
    try:
        codec = make()
        for chunk in _wrapped(chunks) if is_filter else chunks:
            pending = chunk
            while not codec.eof:
                given = codec.decompress(pending, _CHUNK)
                if given:
                    yield given
                if codec.eof or codec.needs_input:
                    break
                pending = b""
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError) as error:
        raise Malformed(f"a packed stream of the 7z breaks: {error}") from error


def _wrapped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes as unpacked chunks of LZMA2, so that a filter can stand before them."""
    control = b"\x01"
    for chunk in chunks:
        for at in range(0, len(chunk), 1 << 16):
            part = chunk[at : at + (1 << 16)]
            yield control + struct.pack(">H", len(part) - 1) + part
            control = b"\x02"
    yield b"\0"


def _decoder(coder: _Coder) -> Callable[[], Any] | None:
    """A maker of decompressors; None for bytes that are only copied. Raises Unsupported."""
    method, properties = coder.method, coder.properties
    if method == b"\0":
        return None
    if method in _BRANCH_FILTERS:
        return _raw({"id": _BRANCH_FILTERS[method]}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16})
    if method == b"\x03" and len(properties) == 1:
        return _raw(
            {"id": lzma.FILTER_DELTA, "dist": properties[0] + 1}, {"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}
        )
    if method == b"\x21" and len(properties) == 1 and properties[0] <= 40:
        bits = properties[0]
        return _raw({"id": lzma.FILTER_LZMA2, "dict_size": _bounded((2 | bits & 1) << (bits // 2 + 11))})
    if method == b"\x03\x01\x01" and len(properties) == 5 and properties[0] < 225:
        rest, lc = divmod(properties[0], 9)
        pb, lp = divmod(rest, 5)
        size = _bounded(int.from_bytes(properties[1:], "little"))
        if lc + lp <= 4:
            return _raw({"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": max(4096, size)})
    if method == b"\x04\x01\x08":
        return _Deflate
    if method == b"\x04\x02\x02":
        return bz2.BZ2Decompressor
    raise Unsupported(f"a method {method.hex()}")


def _raw(*filters: dict[str, int]) -> Callable[[], Any]:
    return lambda: lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=list(filters))


def _bounded(dictionary_bytes: int) -> int:
    if dictionary_bytes > _MAX_DICTIONARY_BYTES:
        raise Unsupported(f"a dictionary of {dictionary_bytes} bytes")
    return dictionary_bytes


class _Deflate:
    """zlib's object with the manners of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail


def _exactly(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """As many bytes as the header says; what comes beyond them no reader takes."""
    for chunk in chunks:
        taken = chunk[:size]
        size -= len(taken)
        if taken:
            yield taken
        if not size:
            return
