"""Archives that would write outside their folder, unfold without bound, or unpack differently from tool to tool.

Rules:
- Nothing is unpacked to disk: members are read in bounded windows and dropped. An archive inside an archive is looked
  into, as deep as the limits allow; what lies deeper or is too big to hold is `not-available`, never clean.
- All that an archive and the archives in it unfold to counts against one bound, so that a bomb of bombs is a bomb.
- An oddity that lets two tools see two archives is `true`; bytes that no member claims may hide something and are
  `not-available`; an archive that cannot be read, or a member whose bytes are not what they were, is `error`.
- A name that is only unusual (control characters, case twins) is not hostile here: names are shown escaped.
- Some loaders look for a zip from the end of a file, whatever it begins with: a file that is something else and ends as
  a zip is two files, which is `true`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import posixpath
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.compressed import CODECS, unpacked
from bascule.plugins.readers.media import KERAS_ZIP, NPZ, SEVEN_ZIP, TAR, TORCH_ZIP, ZIP, media_type_of
from bascule.plugins.readers.names import Anomalies, check_names, text_of
from bascule.plugins.readers.sevenzip import SevenZipReader, Unsupported
from bascule.plugins.readers.tar import BLOCK, TarEntry, TarReader, is_header
from bascule.plugins.readers.zip import Read, WrongCrc, ZipEntry, open_member, read_directory
from bascule.records import Finding, Outcome, Severity

RULE = "archive-hostile"
_ZIPS = (ZIP, NPZ, TORCH_ZIP, KERAS_ZIP)
_STREAMS = tuple(CODECS)
_PACKED = (*_ZIPS, TAR, SEVEN_ZIP, *_STREAMS)

# Up to here anything may unfold as it likes; from here on, no further than this many times its packed size.
FREE_BYTES = 64 << 20
MAX_RATIO = 200
MAX_DEPTH = 4
MAX_INNER_BYTES = 32 << 20
_HEAD_BYTES = 4096
_LINK_BYTES = 4096
_MAX_SHOWN = 40
# A zip's end record and its longest comment.
_ZIP_TAIL_BYTES = 22 + 0xFFFF

_UNCLAIMED = {"leading-bytes", "trailing-bytes", "gap", "directory-gap", "missing-bytes"}
_HARMLESS = {"case-collision", "control-in-name", "zip64-missing", "directory-size"}
_UNREADABLE = {"encrypted", "unknown-method"}
# The checkpoint's own scanner answers for these, under `torch-zip-anomaly`.
_TORCH_ONLY = {"leading-bytes", "gap", "directory-gap", "trailing-bytes", "missing-bytes"}

_META = Meta(
    id="archives",
    title="Hostile archives",
    rules=(
        Rule(
            id=RULE,
            question="Would this archive write outside its folder, unfold without bound, or differ from tool to tool?",
            severity=Severity.HIGH,
            remedy="pack the files again with a plain tool, without links and twins, or publish them unpacked",
            why="whoever unpacks it hands its author a place on their disk, their memory, or a file that the review "
            "never saw",
            references=("CWE-22", "CWE-409", "CWE-436"),
        ),
    ),
    reads=Reads(),
    opens=True,
    limits=(
        f"archives inside archives: {MAX_DEPTH} deep, each at most {MAX_INNER_BYTES >> 20} MiB",
        "of 7z, what is encrypted or packed with PPMd, BCJ2 or zstd is named, not opened; so is RAR",
    ),
)


class Archives:
    """The scanner."""

    meta = _META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """What is hostile, hidden or broken, at most forty findings."""
        search = _Search(file.path, file.size_bytes)
        if file.media_type in _PACKED:
            search.look(file.read, file.size_bytes, file.media_type, "", 0)
        elif _ends_as_zip(file.read, file.size_bytes):
            search.tell(
                Outcome.TRUE, "", f"it begins as {file.media_type} and ends as a zip: two loaders see two files"
            )
        yield from search.findings[:_MAX_SHOWN]


class _Bomb(Exception):
    """The bound is passed: stop reading."""


@dataclass(slots=True)
class _Search:
    """One file and all that is packed in it."""

    path: str
    packed_bytes: int
    findings: list[Finding] = field(default_factory=list)
    unfolded_bytes: int = 0

    @property
    def bound_bytes(self) -> int:
        return max(FREE_BYTES, self.packed_bytes * MAX_RATIO)

    def look(self, read: Read, size_bytes: int, media_type: str, place: str, depth: int) -> None:
        """One archive; at the outermost level a fault of the whole file is the frame's to tell."""
        try:
            if media_type in _ZIPS:
                self._zip(read, size_bytes, media_type, place, depth)
            elif media_type == TAR:
                self._tar(_plain(read, size_bytes), place, depth)
            elif media_type == SEVEN_ZIP:
                self._sevenzip(SevenZipReader(read, size_bytes), place, depth)
            else:
                self._stream(unpacked(read, size_bytes, media_type, max_bytes=2 * self.bound_bytes), place, depth)
        except _Bomb:
            if depth:
                raise
            self.tell(Outcome.TRUE, place, f"it unfolds to more than {self.bound_bytes} bytes: a bomb")
        except Unsupported as error:
            self.tell(Outcome.NOT_AVAILABLE, place, f"it was not examined: {visible(str(error), 300)}")
        except Malformed as error:
            if not depth:
                raise
            what = "is cut short" if isinstance(error, Truncated) else "cannot be read"
            self.tell(Outcome.ERROR, place, f"this inner archive {what}: {visible(str(error), 300)}")

    def tell(self, outcome: Outcome, place: str, message: str) -> None:
        rule = _META.rules[0]
        self.findings.append(
            Finding(
                rule=rule.id,
                outcome=outcome,
                severity=rule.severity,
                message=message,
                artefact=self.path,
                location=visible(place, 900),
                remedy=rule.remedy,
            )
        )

    def _count(self, size_bytes: int) -> None:
        self.unfolded_bytes += size_bytes
        if self.unfolded_bytes > self.bound_bytes:
            raise _Bomb

    def _judge(self, anomalies: Sequence[str], media_type: str, place: str) -> None:
        for anomaly in anomalies:
            code = anomaly.partition(":")[0]
            if code in _HARMLESS or (media_type == TORCH_ZIP and code in _TORCH_ONLY):
                continue
            if code in _UNCLAIMED:
                self.tell(Outcome.NOT_AVAILABLE, place, f"bytes that no member claims were not examined: {anomaly}")
            elif code in _UNREADABLE:
                self.tell(Outcome.NOT_AVAILABLE, place, f"a member was not examined: {anomaly}")
            else:
                self.tell(Outcome.TRUE, place, anomaly)

    def _zip(self, read: Read, size_bytes: int, media_type: str, place: str, depth: int) -> None:
        directory = read_directory(read, size_bytes)
        self._judge(directory.anomalies, media_type, place)
        if sum(entry.size_bytes for entry in directory.entries) + self.unfolded_bytes > self.bound_bytes:
            raise _Bomb
        for entry in directory.entries:
            if entry.data_offset is None or entry.is_folder:
                continue
            inner = _below(place, entry.name)
            if entry.is_symlink:
                self._link(entry.raw_name, b"".join(self._member(read, entry, inner)), inner)
            else:
                self._content(self._member(read, entry, inner), entry.size_bytes, inner, depth)

    def _member(self, read: Read, entry: ZipEntry, place: str) -> Iterator[bytes]:
        """A member's bytes; what is wrong with them is told, and ends them."""
        given = 0
        try:
            for chunk in open_member(read, entry, max_bytes=_LINK_BYTES if entry.is_symlink else entry.size_bytes):
                given += len(chunk)
                self._count(len(chunk))
                yield chunk
        except Malformed as error:
            if entry.method not in (0, 8) or entry.flags & 1:
                return  # told by its anomaly
            lies = given == entry.size_bytes and not isinstance(error, (Truncated, WrongCrc))
            outcome = Outcome.TRUE if lies else Outcome.ERROR
            self.tell(outcome, place, visible(str(error), 400))

    def _tar(self, chunks: Iterator[bytes], place: str, depth: int) -> None:
        reader = TarReader(chunks)
        for entry in reader:
            inner = _below(place, entry.name)
            if entry.kind == "file":
                self._content(self._counted(reader.data()), entry.size_bytes, inner, depth)
            elif entry.kind in ("symlink", "hardlink"):
                self._tar_link(entry, inner)
            elif entry.kind != "folder":
                what = "a sparse or multi-volume member" if entry.kind == "other" else f"a {entry.kind}"
                outcome = Outcome.NOT_AVAILABLE if entry.kind == "other" else Outcome.TRUE
                self.tell(outcome, inner, f"{what}, which is neither a file, a folder nor a link")
        self._judge(reader.anomalies, TAR, place)

    def _sevenzip(self, reader: SevenZipReader, place: str, depth: int) -> None:
        if reader.unpacked_bytes + self.unfolded_bytes > self.bound_bytes:
            raise _Bomb
        names = []
        for entry in reader:
            names.append(entry.name.encode("utf-8", "surrogatepass"))
            inner = _below(place, entry.name)
            if entry.is_symlink and entry.size_bytes <= _LINK_BYTES:
                self._link(names[-1], b"".join(self._sevenzip_member(reader, inner)), inner)
            elif not entry.is_folder:
                self._content(self._sevenzip_member(reader, inner), entry.size_bytes, inner, depth)
        anomalies = Anomalies()
        check_names(names, anomalies)
        self._judge(anomalies.told(), SEVEN_ZIP, place)

    def _sevenzip_member(self, reader: SevenZipReader, place: str) -> Iterator[bytes]:
        """A member's bytes; what is wrong with them is told, and ends them."""
        try:
            yield from self._counted(reader.data())
        except Unsupported as error:
            self.tell(Outcome.NOT_AVAILABLE, place, f"a member was not examined: {visible(str(error), 300)}")
        except Malformed as error:
            self.tell(Outcome.ERROR, place, visible(str(error), 400))

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._count(len(chunk))
            yield chunk

    def _stream(self, chunks: Iterator[bytes], place: str, depth: int) -> None:
        """A compressed stream: a packed tar, or one file."""
        head, rest = _peek(chunks, BLOCK)
        if is_header(head[:BLOCK]):
            self._tar(rest, place, depth)
        else:
            self._content(self._counted(rest), 0, place, depth)

    def _content(self, chunks: Iterator[bytes], size_bytes: int, place: str, depth: int) -> None:
        """One member's bytes: to their end, and into them where they are an archive."""
        head, rest = _peek(chunks, _HEAD_BYTES)
        media_type = media_type_of(head, max(size_bytes, len(head)), place)
        if media_type not in _PACKED:
            for _ in rest:
                pass
            return
        held = bytearray()
        for chunk in rest:
            if len(held) <= MAX_INNER_BYTES:
                held += chunk
        if len(held) > MAX_INNER_BYTES or depth + 1 > MAX_DEPTH:
            why = "too big to be held" if len(held) > MAX_INNER_BYTES else f"more than {MAX_DEPTH} deep"
            self.tell(Outcome.NOT_AVAILABLE, place, f"an inner archive was not examined: it is {why}")
            return
        self.look(partial(_slice, bytes(held)), len(held), media_type, place, depth + 1)

    def _tar_link(self, entry: TarEntry, place: str) -> None:
        # A hard link counts from the archive's root, a symbolic one from where it stands.
        self._link(b"" if entry.kind == "hardlink" else entry.raw_name, entry.target, place)

    def _link(self, name: bytes, target: bytes, place: str) -> None:
        reached = posixpath.normpath(posixpath.join(posixpath.dirname(name), target.replace(b"\\", b"/")))
        if target[1:2] == b":" or reached.startswith((b"/", b"../")) or reached == b"..":
            self.tell(Outcome.TRUE, place, f"a link to `{visible(text_of(target))}`, outside the archive")


def _ends_as_zip(read: Read, size_bytes: int) -> bool:
    tail_start = max(0, size_bytes - _ZIP_TAIL_BYTES)
    if b"PK\x05\x06" not in read(tail_start, size_bytes - tail_start):
        return False
    try:
        return any(entry.data_offset is not None for entry in read_directory(read, size_bytes).entries)
    except Malformed:
        return False


def _below(place: str, name: str) -> str:
    return f"{place}!{name}" if place else name


def _plain(read: Read, size_bytes: int) -> Iterator[bytes]:
    for at in range(0, size_bytes, 1 << 20):
        yield read(at, min(1 << 20, size_bytes - at))


def _slice(data: bytes, offset: int, size: int) -> bytes:
    if offset < 0 or size < 0 or offset + size > len(data):
        raise Truncated(f"{size} bytes at {offset} of {len(data)}")
    return data[offset : offset + size]


def _peek(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """At least `size` first bytes, if there are as many, and all chunks again."""
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


def _zipped(members: Sequence[tuple[bytes, bytes]], declared: int | None = None, attributes: int = 0) -> bytes:
    """A zip of deflated members, written field by field. declared: a size that the headers claim instead."""
    body, index = b"", b""
    for name, data in members:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        size = len(data) if declared is None else declared
        common = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, zlib.crc32(data[:size]), len(packed), size, len(name), 0)
        index += (
            b"PK\x01\x02" + struct.pack("<H", 0x031E) + common + struct.pack("<HHHLL", 0, 0, 0, attributes, len(body))
        )
        index += name
        body += b"PK\x03\x04" + common + name + packed
    return body + index + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(members), len(members), len(index), len(body), 0)


def _tarred(name: bytes, data: bytes = b"", flag: bytes = b"0", target: bytes = b"") -> bytes:
    header = bytearray(BLOCK)
    header[: len(name)] = name
    header[100:108] = b"0000644\0"
    header[124:136] = b"%011o\0" % len(data)
    header[148:156], header[156:157] = b" " * 8, flag
    header[157 : 157 + len(target)] = target
    header[257:265] = b"ustar\x0000"
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data + bytes(-len(data) % BLOCK) + bytes(2 * BLOCK)


def _example(name: str, files: Callable[[], Mapping[str, bytes]], outcome: Outcome) -> Example:
    return Example(name, files, {RULE: outcome})


def _gzipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def _sevenzipped(name: str, data: bytes) -> bytes:
    """A 7z of one member, copied."""
    told = b"\0" + name.encode("utf-16-le") + b"\0\0"
    header = b"\x01\x04\x06\0\x01\x09" + bytes([len(data)]) + b"\0\x07\x0b\x01\0\x01\x01\0\x0c" + bytes([len(data)])
    header += b"\0\0\x05\x01\x11" + bytes([len(told)]) + told + b"\0\0"
    start = struct.pack("<QQL", len(data), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<L", zlib.crc32(start)) + start + data + header


_SYMLINK = 0o120777 << 16
_EXAMPLES = (
    _example("two plain files", lambda: {"a.zip": _zipped([(b"a.txt", b"one"), (b"b/c", b"2")])}, Outcome.FALSE),
    _example("a plain tar", lambda: {"a.tar": _tarred(b"a.txt", b"one")}, Outcome.FALSE),
    _example("a packed text", lambda: {"words.gz": _gzipped(b"the\nof\nand\n")}, Outcome.FALSE),
    _example("no archive", lambda: {"README.md": b"# A model\n"}, Outcome.FALSE),
    _example("words about zips", lambda: {"zip.md": b"# A zip ends in PK\x05\x06\n"}, Outcome.FALSE),
    _example(
        "a picture that ends as a zip",
        lambda: {"m.keras": b"\x89PNG\r\n\x1a\n" + bytes(64) + _zipped([(b"config.json", b"{}")])},
        Outcome.TRUE,
    ),
    _example(
        "long prose that ends as a zip",
        lambda: {"m.md": b"# A model card\n" * 5000 + _zipped([(b"data.pkl", b"N.")])},
        Outcome.TRUE,
    ),
    _example("a name that climbs", lambda: {"a.zip": _zipped([(b"../../x", b"1")])}, Outcome.TRUE),
    _example("an absolute name", lambda: {"a.tar": _tarred(b"/etc/x", b"1")}, Outcome.TRUE),
    _example("two members of one name", lambda: {"a.zip": _zipped([(b"a", b"1"), (b"a", b"2")])}, Outcome.TRUE),
    _example("a link out", lambda: {"a.tar": _tarred(b"d/l", flag=b"2", target=b"../../etc/passwd")}, Outcome.TRUE),
    _example("a link inside", lambda: {"a.tar": _tarred(b"d/l", flag=b"2", target=b"../a")}, Outcome.FALSE),
    _example(
        "a zipped link out", lambda: {"a.zip": _zipped([(b"l", b"/etc/passwd")], attributes=_SYMLINK)}, Outcome.TRUE
    ),
    _example("a device", lambda: {"a.tar": _tarred(b"null", flag=b"3")}, Outcome.TRUE),
    _example("a size that lies", lambda: {"a.zip": _zipped([(b"a", bytes(5000))], declared=10)}, Outcome.TRUE),
    _example(
        "a tar of zeros, packed twice",
        lambda: {"a.tar.bz2": bz2.compress(bz2.compress(_tarred(b"z", bytes(FREE_BYTES + 1))))},
        Outcome.TRUE,
    ),
    _example(
        "a hostile tar in a zip",
        lambda: {"a.zip": _zipped([(b"in.tar.gz", _gzipped(_tarred(b"../x", b"1")))])},
        Outcome.TRUE,
    ),
    _example("a zip cut short", lambda: {"a.zip": _zipped([(b"a", bytes(range(256)))])[:-30]}, Outcome.ERROR),
    _example(
        "an inner tar cut short", lambda: {"a.zip": _zipped([(b"in.tar", _tarred(b"a", b"1")[:700])])}, Outcome.ERROR
    ),
    _example("a 7z name that climbs", lambda: {"a.7z": _sevenzipped("../../x", b"1")}, Outcome.TRUE),
    _example("a plain 7z", lambda: {"a.7z": _sevenzipped("x.txt", b"1")}, Outcome.FALSE),
    _example("bytes behind the end", lambda: {"a.tar": _tarred(b"a", b"1") + b"hidden"}, Outcome.NOT_AVAILABLE),
)

plugin = Archives()
