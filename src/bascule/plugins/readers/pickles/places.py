"""Finds the pickles inside a file, whatever it is packed in, and has each one judged.

    plain       one pickle after another; what follows the last is not read by any loader
    torch       legacy: five pickles (magic number, protocol, system, model, keys), then raw storages; zip, tar: members
    numpy       .npy of objects behind its header, .npz as a zip of those
    joblib      raw arrays between the opcodes, all of it perhaps compressed
    payloads    pickles within the bytes or the encoded text of a pickle

Rules:
- Members are told by their content, not by their name, and twins are both read.
- *Promised* is what says of itself that it is a pickle, by mark or by name: when it breaks, that is told. Anything else
  is only looked at, and told when it would do something.
- What is not looked into is told as `NotCovered`, with the reason.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from bascule.plugins.readers import Malformed, Truncated, compressed, media, npy
from bascule.plugins.readers.pickles.encoded import MAX_CHARACTERS, decoded
from bascule.plugins.readers.pickles.machine import Budget
from bascule.plugins.readers.pickles.notes import Anomaly, Carried, NotCovered, Note, Pickle, Unreadable
from bascule.plugins.readers.pickles.runs import interpret
from bascule.plugins.readers.pickles.stream import WINDOW_BYTES, Span, Stream, span_of
from bascule.plugins.readers.pickles.values import Blob, Value
from bascule.plugins.readers.pickles.verdict import Verdict
from bascule.plugins.readers.sevenzip import SevenZipEntry, SevenZipReader, Unsupported
from bascule.plugins.readers.tar import TarReader
from bascule.plugins.readers.zip import (
    DEFLATED,
    ENCRYPTED,
    STORED,
    WrongCrc,
    ZipDirectory,
    ZipEntry,
    open_member,
    read_directory,
)
from bascule.records import Severity

PICKLE_NAMES = ("*.pkl", "*.pickle", "*.pck", "*.p", "*.joblib", "*.dill", "*.cloudpickle", "*.jl")
"""Names that promise a pickle."""

WEIGHT_NAMES = (
    "*.pt",
    "*.pth",
    "*.pt2",
    "*.bin",
    "*.ckpt",
    "*.th",
    "*.t7",
    "*.mar",
    "*.nemo",
    "*.npy",
    "*.npz",
    "*.dat",
    "*.data",
    "*.model",
    "*.weights",
    "*.params",
    "*.sav",
    "*.z",
    "*.gz",
    "*.bz2",
    "*.xz",
    "*.lzma",
    "*.lz4",
    "*.zst",
    "*.7z",
    "*.pdparams",
    "*.pdopt",
    "*.tar",
    "*.whl",
    "*.egg",
)
"""Names under which a pickle may hide."""

_HEAD = 1 << 12
_HELD_BYTES = 16 << 20
_UNPACKED_BYTES = 8 << 30
_CONTAINER_DEPTH = 4
_SEARCHED_BYTES = 1 << 20
_SEARCHES = 64
_HIDDEN_START = re.compile(rb"\x80[\x02-\x05][\x95\x8c\]}(cX)NKM]|c[A-Za-z_][\w.]{0,80}\n[A-Za-z_][\w.]{0,80}\n")
_TORCH_STORAGE = re.compile(r"(^|/)(data|tensors|constants)/\d+$|\.storage$")

# How a zip may differ from what its writer meant without any loader seeing other bytes.
_HARMLESS = frozenset({"gap", "zip64-missing", "zip64-mismatch", "folder-with-data", "case-collision", "entry-count"})


def notes(span: Span, path: str, media_type: str, budget: Budget = Budget()) -> Iterator[Note]:  # noqa: B008
    """Everything about the pickles of one file."""
    yield from _Walk(budget).file(span, path, media_type)


def _named(path: str, patterns: tuple[str, ...]) -> bool:
    return path.lower().endswith(tuple(pattern[1:] for pattern in patterns))


class _Walk:
    """The way through one file."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def file(self, span: Span, path: str, media_type: str) -> Iterator[Note]:
        yield from self._container(span, "", path, media_type, 0)
        if media_type not in (media.ZIP, media.TORCH_ZIP, media.NPZ, media.KERAS_ZIP) and _ends_as_zip(span):
            # Python's zipfile finds an archive from its end, whatever stands before it.
            yield from self._zip(span, "", path, looked_at=True, depth=0)

    def _container(
        self, span: Span, place: str, name: str, media_type: str, depth: int, looked_at: bool = False
    ) -> Iterator[Note]:
        if depth > _CONTAINER_DEPTH:
            yield NotCovered(place, f"it lies more than {_CONTAINER_DEPTH} containers deep")
        elif media_type in (media.ZIP, media.TORCH_ZIP, media.NPZ, media.KERAS_ZIP):
            yield from self._zip(span, place, name, looked_at, depth)
        elif media_type == media.NPY:
            yield from self._array(span, place, depth, looked_at)
        elif media_type == media.PICKLE:
            promised = not looked_at and (span.head(1) == b"\x80" or _named(name, PICKLE_NAMES))
            yield from self._pickles(lambda: Stream(span), place, depth, promised)
        elif media_type == media.TAR:
            yield from self._tar(span, place, depth, looked_at)
        elif media_type in compressed.CODECS:
            yield from self._compressed(span, place, name, media_type, depth, looked_at)
        elif media_type == media.SEVEN_ZIP:
            yield from self._sevenzip(span, place, depth, looked_at)
        elif media_type == media.RAR:
            yield NotCovered(place, "it is a RAR archive, which needs a reader that is not here")
        elif media_type == media.EMPTY:
            if not looked_at and _named(name, PICKLE_NAMES):
                yield Unreadable(place, Truncated("the file is empty"))
        elif not looked_at and (media_type in (media.UNKNOWN, media.TEXT) or _named(name, PICKLE_NAMES)):
            yield from self._unknown(span, place, name, depth)

    # -- pickles ---------------------------------------------------------------------------------------------------

    def _pickles(
        self,
        stream_of: Callable[[], Stream],
        place: str,
        depth: int,
        promised: bool,
        shift: int = 0,
        is_hidden: bool = False,
    ) -> Iterator[Note]:
        verdict = Verdict()
        run = interpret(stream_of(), verdict, self._budget, promised=promised, with_arrays=True)
        if run.met_arrays:
            # joblib steps over the arrays, a plain loader reads them as opcodes: what either would do counts.
            plainly = Verdict()
            interpret(stream_of(), plainly, self._budget, promised=False, with_arrays=False)
            verdict.also(plainly)
        yield Pickle(place, verdict.remarks, run.fault, shift)
        if verdict.left_out:
            yield NotCovered(place, f"{verdict.left_out} further callables were left out")
        yield from self._payloads(verdict, stream_of, place, depth, shift)
        if run.end and not is_hidden:
            # Some loaders read raw bytes between two pickles of one file.
            yield from self._search(_rest(stream_of(), run.end), place, depth, run.end + shift)

    def _payloads(
        self, verdict: Verdict, stream_of: Callable[[], Stream], place: str, depth: int, shift: int
    ) -> Iterator[Note]:
        for value, offset, promised in verdict.payloads:
            where = f"{place}bytes at {offset + shift:#x}!"
            if depth >= self._budget.depth:
                yield NotCovered(where, f"it lies more than {self._budget.depth} pickles deep")
                continue
            how, span = _payload_span(value, stream_of)
            if span is None:
                if promised or (isinstance(value, Blob) and not value.is_text):
                    yield NotCovered(where, "its bytes cannot be had without loading, and they may be a pickle")
                continue
            kind = media.media_type_of(span.head(_HEAD), span.size_bytes)
            if promised:
                yield from self._container(span, where, "payload.pkl", kind, depth + 1)
            else:
                if kind == media.PICKLE:
                    yield from self._carried(span, where, how)
                yield from self._only_if_it_runs(self._container(span, where, "", kind, depth + 1, looked_at=True))

    def _carried(self, span: Span, place: str, how: str) -> Iterator[Note]:
        """Told where it is a pickle to its last byte; by chance, bytes are not."""
        if span.head(1) != b"\x80":
            return
        verdict = Verdict()
        run = interpret(Stream(span), verdict, self._budget, promised=True, with_arrays=False)
        if run.fault is None and run.end == span.size_bytes:
            calls = next((remark.callable for remark in verdict.remarks if verdict.heavy), "")
            yield Carried(place, how, span.size_bytes, calls)

    def _unknown(self, span: Span, place: str, name: str, depth: int) -> Iterator[Note]:
        """Bytes of no known format: taken as a pickle when named so, and searched for the beginning of one."""
        if _named(name, PICKLE_NAMES):
            if span.head(2) == b"\x5d\0":
                # joblib takes these two bytes for lzma, whatever follows them.
                yield from self._compressed(span, place, name, media.LZMA, depth, looked_at=False)
                return
            if span.head(2) == b"ZF":
                yield from self._old_joblib(span, place, depth)
                return
            yield from self._pickles(lambda: Stream(span), place, depth, promised=True)
        else:
            found = self._pickles(lambda: Stream(span), place, depth, promised=False)
            yield from self._only_if_it_runs(found, may_hide=_named(name, WEIGHT_NAMES))
        yield from self._search(span, place, depth, 0)

    def _search(self, span: Span, place: str, depth: int, shift: int) -> Iterator[Note]:
        """Look for the beginnings of pickles among the first bytes of anything."""
        head = span.head(_SEARCHED_BYTES)
        for found in islice(_HIDDEN_START.finditer(head), _SEARCHES):
            if shift + found.start():
                start = _streams_of(span.part(found.start(), span.size_bytes))
                hidden = self._pickles(start, place, depth, False, shift + found.start(), is_hidden=True)
                yield from self._only_if_it_runs(hidden)

    @staticmethod
    def _only_if_it_runs(found: Iterator[Note], may_hide: bool = False) -> Iterator[Note]:
        """Of what never said that it is a pickle: what would run something. Words of a text name things too.

        may_hide: it bears a name under which weights are loaded; then a call of anything unknown is told as well.
        """
        enough = Severity.MEDIUM if may_hide else Severity.CRITICAL
        for note in found:
            told = note.remarks if isinstance(note, Pickle) else ()
            if isinstance(note, Carried) or any(remark.severity.rank >= enough.rank for remark in told):
                yield note

    # -- containers ------------------------------------------------------------------------------------------------

    def _array(self, span: Span, place: str, depth: int, looked_at: bool) -> Iterator[Note]:
        try:
            header = npy.read_header(span.bytes_at, span.size_bytes)
        except Malformed as fault:
            if not looked_at:
                yield Unreadable(place, fault)
            return
        data = span.part(header.data_offset, span.size_bytes)
        if header.holds_objects:
            promised = not looked_at
            yield from self._pickles(lambda: Stream(data), place, depth, promised, shift=header.data_offset)
        elif (expected := header.data_bytes or 0) > data.size_bytes and not looked_at:
            yield Unreadable(place, Truncated(f"the array promises {expected} bytes and has {data.size_bytes}"))

    def _compressed(
        self, span: Span, place: str, name: str, media_type: str, depth: int, looked_at: bool
    ) -> Iterator[Note]:
        def chunks() -> Iterator[bytes]:
            return compressed.unpacked(span.bytes_at, span.size_bytes, media_type, max_bytes=_UNPACKED_BYTES)

        # Two bytes make a zlib header: by themselves they promise nothing.
        promised = not looked_at and (media_type != media.ZLIB or _named(name, PICKLE_NAMES))
        try:
            head = _first_bytes(chunks())
        except Malformed as fault:
            if promised:
                yield Unreadable(place, fault)
            return
        inner_name = re.sub(r"\.(gz|bz2|xz|z|lzma|lz4|zst|zstd)$", "", name.lower())
        inner = media.media_type_of(head, max(len(head), 1), inner_name) if head else media.EMPTY
        if inner == media.PICKLE or (inner == media.UNKNOWN and _named(inner_name, PICKLE_NAMES)):
            yield from self._pickles(lambda: Stream(chunks()), place, depth, promised)
        elif inner in (media.NPY, media.TAR, *media.ARCHIVES, media.TORCH_ZIP, media.NPZ, *compressed.CODECS):
            held = b"".join(_at_most(chunks(), _HELD_BYTES + 1))
            if len(held) > _HELD_BYTES:
                yield NotCovered(place, f"it unpacks to more than {_HELD_BYTES} bytes")
            else:
                yield from self._container(span_of(held), place, inner_name, inner, depth + 1, looked_at)

    def _old_joblib(self, span: Span, place: str, depth: int) -> Iterator[Note]:
        """joblib before 0.10: `ZF`, the length as hexadecimal text, a zlib stream."""
        for header_bytes in (21, 12, 20):
            part = span.part(header_bytes, span.size_bytes)
            if part.head(1) == b"\x78":
                yield from self._compressed(part, place, "old.pkl", media.ZLIB, depth, looked_at=False)
                return
        yield Unreadable(place, Malformed("the joblib file's header is not known"))

    def _tar(self, span: Span, place: str, depth: int, looked_at: bool) -> Iterator[Note]:
        try:
            for name, data in _tar_members(span):
                where = f"{place}{name[:300]}!"
                if len(data) >= _HELD_BYTES:
                    yield NotCovered(where, f"of the member, only the first {_HELD_BYTES} bytes were looked into")
                yield from self._member(span_of(data), where, name, depth, looked_at, torch=False)
        except Malformed as fault:
            if not looked_at:
                yield Unreadable(place, fault)

    def _sevenzip(self, span: Span, place: str, depth: int, looked_at: bool) -> Iterator[Note]:
        try:
            reader = SevenZipReader(span.bytes_at, span.size_bytes)
            for entry in reader:
                where = f"{place}{entry.name[:300]}!"
                if entry.size_bytes:
                    yield from self._sevenzip_member(reader, entry, where, depth, looked_at)
        except Unsupported as fault:
            yield NotCovered(place, str(fault))
        except Malformed as fault:
            if not looked_at:
                yield Unreadable(place, fault)

    def _sevenzip_member(
        self, reader: SevenZipReader, entry: SevenZipEntry, where: str, depth: int, looked_at: bool
    ) -> Iterator[Note]:
        held, fault = bytearray(), None
        try:
            for chunk in _at_most(reader.data(), _HELD_BYTES + 1):
                held += chunk
        except Unsupported as why:
            yield NotCovered(where, str(why))
            return
        except Malformed as why:
            fault = why
        if len(held) > _HELD_BYTES:
            yield NotCovered(where, f"of the member, only the first {_HELD_BYTES} bytes were looked into")
        yield from self._member(span_of(bytes(held)), where, entry.name, depth, looked_at, torch=False)
        if fault is not None:
            yield Unreadable(where, fault)

    def _zip(self, span: Span, place: str, name: str, looked_at: bool, depth: int) -> Iterator[Note]:
        try:
            directory = read_directory(span.bytes_at, span.size_bytes)
        except Malformed as fault:
            if not looked_at:
                yield Unreadable(place, fault)
            return
        torch = any(_is_torch_member(entry) for entry in directory.entries)
        if torch or _named(name, (*PICKLE_NAMES, "*.pt", "*.pth", "*.ckpt", "*.bin", "*.npz")):
            for anomaly in directory.anomalies:
                if anomaly.partition(":")[0] not in _HARMLESS:
                    yield Anomaly(place, anomaly)
        for entry in directory.entries:
            if not entry.is_folder or entry.size_bytes:
                yield from self._zip_member(span, entry, place, depth, looked_at, torch, directory)

    def _zip_member(
        self, span: Span, entry: ZipEntry, place: str, depth: int, looked_at: bool, torch: bool, directory: ZipDirectory
    ) -> Iterator[Note]:
        where = f"{place}{entry.name[:300]}!"
        if entry.data_offset is None:
            yield Unreadable(where, Malformed("the member has no local header"))
            return
        if entry.flags & ENCRYPTED:
            yield NotCovered(where, "the member is encrypted")
            yield from self._raw_member(span, entry, where, depth)
            return
        try:
            head = _first_bytes(open_member(span.bytes_at, entry, max_bytes=1 << 62, check_crc=False), limit=_HEAD)
        except Malformed as fault:
            yield Unreadable(where, fault)
            yield from self._raw_member(span, entry, where, depth)
            return
        kind = media.media_type_of(head, max(len(head), entry.size_bytes), entry.name)
        if not _may_hold(kind, entry.name):
            return
        if torch and _TORCH_STORAGE.search(entry.name):
            if kind not in (media.PICKLE, media.ZIP, media.TORCH_ZIP):
                return
            looked_at = True
        try:
            data: Span | None = self._member_span(span, entry)
        except WrongCrc as fault:
            # PyTorch and others load the member all the same.
            yield Anomaly(where, f"wrong-crc: {fault}")
            data = _held_without_crc(span, entry)
        except Malformed as fault:
            yield Unreadable(where, fault)
            yield from self._raw_member(span, entry, where, depth)
            return
        if data is not None:
            yield from self._member(data, where, entry.name, depth, looked_at, torch, kind)
        else:
            yield from self._large_member(span, entry, where, depth, looked_at, kind)
        if directory.codes & {"size-mismatch", "stored-size", "overlap", "method-mismatch"}:
            yield from self._raw_member(span, entry, where, depth)

    @staticmethod
    def _member_span(span: Span, entry: ZipEntry) -> Span | None:
        """A member's bytes: where they lie when stored, held when packed and small; None when packed and large."""
        assert entry.data_offset is not None
        if entry.size_bytes > _HELD_BYTES:
            return span.part(entry.data_offset, entry.size_bytes) if entry.method == STORED else None
        chunks = open_member(span.bytes_at, entry, max_bytes=_HELD_BYTES)
        if entry.method == STORED:
            deque(chunks, maxlen=0)  # for their CRC
            return span.part(entry.data_offset, entry.size_bytes)
        return span_of(b"".join(chunks))

    def _large_member(
        self, span: Span, entry: ZipEntry, where: str, depth: int, looked_at: bool, kind: str
    ) -> Iterator[Note]:
        """A member that is packed and too large to hold: read once, from front to back."""

        def chunks() -> Iterator[bytes]:
            return open_member(span.bytes_at, entry, max_bytes=_UNPACKED_BYTES, check_crc=False)

        if kind == media.PICKLE:
            yield from self._pickles(lambda: Stream(chunks()), where, depth + 1, not looked_at)
        elif kind == media.NPY:
            head = span_of(_first_bytes(chunks(), limit=npy.MAX_HEADER_BYTES + 16))
            try:
                header = npy.read_header(head.bytes_at, entry.size_bytes)
            except Malformed as fault:
                yield Unreadable(where, fault)
                return
            if header.holds_objects:
                start = header.data_offset
                yield from self._pickles(
                    lambda: Stream(_without_first(chunks(), start)), where, depth + 1, not looked_at, start
                )
        else:
            yield NotCovered(where, f"it unpacks to more than {_HELD_BYTES} bytes")

    def _raw_member(self, span: Span, entry: ZipEntry, where: str, depth: int) -> Iterator[Note]:
        """A member whose headers lie: what a loader finds that believes only where it begins."""
        assert entry.data_offset is not None
        data = span.part(entry.data_offset, span.size_bytes)
        found = self._pickles(lambda: Stream(data), where, depth + 1, promised=False)
        yield from self._only_if_it_runs(found)
        if entry.method == DEFLATED or data.head(1) != b"\x80":
            found = self._pickles(lambda: Stream(_inflated(data)), where, depth + 1, promised=False)
            yield from self._only_if_it_runs(found)

    def _member(
        self, data: Span, where: str, name: str, depth: int, looked_at: bool, torch: bool, kind: str = ""
    ) -> Iterator[Note]:
        kind = kind or media.media_type_of(data.head(_HEAD), data.size_bytes, name)
        if torch and kind in (media.UNKNOWN, media.TEXT) and not _named(name, PICKLE_NAMES):
            return
        yield from self._container(data, where, name, kind, depth + 1, looked_at)


def _streams_of(span: Span) -> Callable[[], Stream]:
    return lambda: Stream(span)


def _rest(stream: Stream, offset: int) -> Span:
    """What follows that offset, as far as it is searched."""
    rest = stream.part(offset, 1 << 62)
    if rest is not None:
        return rest
    try:
        at = stream.skip(0, offset)
        while len(stream.window) - at < _SEARCHED_BYTES and not stream.ended:
            at = stream.more(at)
    except Malformed:
        return span_of(b"")
    return span_of(stream.window[at : at + _SEARCHED_BYTES])


def _payload_span(value: Value, stream_of: Callable[[], Stream]) -> tuple[str, Span | None]:
    """How the bytes are written, and the bytes, if they can be had."""
    if isinstance(value, bytes):
        return "bytes", span_of(value)
    if isinstance(value, str):
        found = decoded(value)
        return found[0] if found else "", span_of(found[1]) if found else None
    if not isinstance(value, Blob):
        return "", None
    span = span_of(value.whole) if value.whole is not None else stream_of().part(value.offset, value.size_bytes)
    if not value.is_text or span is None:
        return "bytes", span
    if span.size_bytes > MAX_CHARACTERS:
        return "", None
    return _payload_span(span.bytes_at(0, span.size_bytes).decode("utf-8", "replace"), stream_of)


def _ends_as_zip(span: Span) -> bool:
    tail_bytes = min(span.size_bytes, WINDOW_BYTES)
    tail = span.bytes_at(span.size_bytes - tail_bytes, tail_bytes)
    return b"PK\x05\x06" in tail and b"PK\x01\x02" in tail


def _is_torch_member(entry: ZipEntry) -> bool:
    return re.search(r"(^|/)(data\.pkl|constants\.pkl)$", entry.name) is not None


def _may_hold(kind: str, name: str) -> bool:
    """Could a member of this kind hold a pickle?"""
    packed = (
        media.PICKLE,
        media.NPY,
        media.NPZ,
        media.TORCH_ZIP,
        media.KERAS_ZIP,
        *media.ARCHIVES,
        *media.COMPRESSED,
    )
    if kind in packed:
        return True
    if _named(name, PICKLE_NAMES):
        return True
    return kind == media.UNKNOWN and _named(name, WEIGHT_NAMES)


def _first_bytes(chunks: Iterator[bytes], limit: int = WINDOW_BYTES) -> bytes:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= limit:
            break
    return head[:limit]


def _without_first(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) > count:
            yield chunk[count:]
        count -= min(count, len(chunk))


def _held_without_crc(span: Span, entry: ZipEntry) -> Span:
    return span_of(b"".join(open_member(span.bytes_at, entry, max_bytes=_HELD_BYTES, check_crc=False)))


def _at_most(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    given = 0
    for chunk in chunks:
        yield chunk[: limit - given]
        given += len(chunk)
        if given >= limit:
            return


def _inflated(span: Span) -> Iterator[bytes]:
    """A raw deflate stream, as far as it goes."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    given = 0
    for offset in range(0, span.size_bytes, WINDOW_BYTES):
        pending = span.bytes_at(offset, min(WINDOW_BYTES, span.size_bytes - offset))
        while pending and not inflate.eof:
            try:
                chunk = inflate.decompress(pending, 1 << 18)
            except zlib.error as error:
                raise Malformed("no deflate stream") from error
            given += len(chunk)
            if given > _HELD_BYTES:
                raise Malformed("over budget: a raw member inflates too far")
            yield chunk
            pending = inflate.unconsumed_tail


def _tar_members(span: Span) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of the regular files of a tar; what is too large to hold is cut at that bound."""
    offsets = range(0, span.size_bytes, WINDOW_BYTES)
    reader = TarReader(span.bytes_at(at, min(WINDOW_BYTES, span.size_bytes - at)) for at in offsets)
    for entry in reader:
        if entry.kind == "file":
            yield entry.name, b"".join(_at_most(reader.data(), _HELD_BYTES))
