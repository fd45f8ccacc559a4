"""Tar archives (v7, ustar, pax, GNU), read once from front to back.

Rules:
- A header whose checksum is wrong is `Malformed`; an archive without its closing zero block is `Truncated`.
- Links, devices and FIFOs are told, never followed or made; a sparse or multi-volume member is told as `other`.
- Where two readers could see different members, that is an anomaly, `code: detail`, with a stable code.

Anomaly codes: size-mismatch (a pax size that the header contradicts, which hides members from some readers),
name-mismatch, global-override, trailing-bytes, data-on-nothing (a link, folder or device that carries data),
and those of names as in `readers.zip`: duplicate-name nul-in-name control-in-name backslash-in-name absolute-name
parent-in-name empty-name.
Source: POSIX.1-2017 pax, section ustar and pax interchange format; GNU tar manual, appendix "Tar Internals".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.names import Anomalies, check_names, text_of

BLOCK = 512
_ZEROS = bytes(BLOCK)
# Beyond this an octal field cannot tell the size, so that the pax header alone does.
_OCTAL_LIMIT = 1 << 33

TarKind = Literal["file", "folder", "symlink", "hardlink", "device", "fifo", "other"]
_KINDS: dict[bytes, TarKind] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "device",
    b"4": "device",
    b"5": "folder",
    b"6": "fifo",
}


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member. name: the raw name as UTF-8, bytes that are not UTF-8 as `\\xNN`; target: of a link, else empty."""

    name: str
    raw_name: bytes
    kind: TarKind
    size_bytes: int
    target: bytes
    header_offset: int


class TarReader:
    """Iterates the members; `data()` gives the bytes of the one that iteration stands at.

    chunks: the archive's bytes in order, of any sizes. Raises, while iterating, Malformed or Truncated.
    Law: the members and their bytes do not depend on how the archive was cut into chunks.
    """

    def __init__(self, chunks: Iterator[bytes], *, max_entries: int = 100_000, max_extended_bytes: int = 1 << 20):
        self._source = _Source(chunks)
        self._max_entries = max_entries
        self._max_extended = max_extended_bytes
        self._notes = Anomalies()
        self._names: list[bytes] = []
        self._left_bytes = 0
        self._padding_bytes = 0

    @property
    def anomalies(self) -> tuple[str, ...]:
        """What was seen so far, complete when iteration has ended."""
        names = Anomalies()
        check_names(self._names, names)
        return (*self._notes.told(), *names.told())

    def __iter__(self) -> Iterator[TarEntry]:
        fields: dict[str, bytes] = {}
        everywhere: dict[str, bytes] = {}
        while True:
            for _ in self.data():
                pass
            self._source.take(self._padding_bytes)
            at = self._source.offset
            header = self._source.take(BLOCK)
            if header == _ZEROS:
                self._close()
                return
            _check_sum(header, at)
            flag = header[156:157]
            size = _number(header[124:136], at)
            self._left_bytes, self._padding_bytes = size, -size % BLOCK
            if flag in (b"x", b"g", b"X", b"L", b"K"):
                if size > self._max_extended:
                    raise Malformed(f"the extended header at {at} declares {size} bytes")
                told = b"".join(self.data())
                if flag == b"g":
                    everywhere.update(_pax(told, at))
                    if everywhere.keys() & {"path", "linkpath", "size"}:
                        self._notes.add("global-override", "a global header renames or resizes every member")
                elif flag in (b"x", b"X"):
                    fields.update(_pax(told, at))
                else:
                    fields["gnu.path" if flag == b"L" else "gnu.linkpath"] = told.split(b"\0", 1)[0]
                continue
            entry = self._entry(header, {**everywhere, **fields}, size, at)
            fields = {}
            self._left_bytes, self._padding_bytes = entry.size_bytes, -entry.size_bytes % BLOCK
            if len(self._names) >= self._max_entries:
                raise Malformed(f"more than {self._max_entries} members")
            self._names.append(entry.raw_name)
            yield entry

    @property
    def data_offset(self) -> int:
        """Where what is left of the current member's bytes stands in the archive."""
        return self._source.offset

    def data(self) -> Iterator[bytes]:
        """What is left of the current member's bytes, in chunks of at most 1 MiB."""
        while self._left_bytes:
            chunk = self._source.some(min(self._left_bytes, 1 << 20))
            self._left_bytes -= len(chunk)
            yield chunk

    def _entry(self, header: bytes, fields: dict[str, bytes], size: int, at: int) -> TarEntry:
        flag = header[156:157]
        name, target = _c_string(header[:100]), _c_string(header[157:257])
        if header[257:263] == b"ustar\0" and (prefix := _c_string(header[345:500])):
            name = prefix + b"/" + name
        short = name
        kind = _KINDS.get(flag, "other")
        if {"path", "gnu.path"} <= fields.keys() and fields["path"] != fields["gnu.path"]:
            self._notes.add("name-mismatch", f"`{visible(text_of(fields['gnu.path']))}` has a second name")
        name = fields.get("path", fields.get("gnu.path", name))
        target = fields.get("linkpath", fields.get("gnu.linkpath", target))
        if any(key.startswith("GNU.sparse") for key in fields):
            kind = "other"
        # v7 had no flag for folders.
        if kind == "file" and (name.endswith(b"/") or (flag == b"\0" and short.endswith(b"/"))):
            kind = "folder"
        shown = visible(text_of(name))
        if "size" in fields:
            told = fields["size"]
            if not told.isdigit() or len(told) > 20:
                raise Malformed(f"the pax size of `{shown}` at {at} is not a number")
            if int(told) != size and int(told) < _OCTAL_LIMIT:
                self._notes.add("size-mismatch", f"`{shown}` has {size} bytes in its header and {int(told)} in pax")
            size = int(told)
        if size and kind in ("folder", "symlink", "hardlink", "device", "fifo"):
            # Some readers step over these bytes and some do not; both cannot be right about what follows.
            self._notes.add("data-on-nothing", f"`{shown}` is a {kind} that carries {size} bytes")
        return TarEntry(text_of(name), name, kind, size, target if kind in ("symlink", "hardlink") else b"", at)

    def _close(self) -> None:
        """The first zero block closes the archive for every reader; whatever is not zero behind it is hidden."""
        at = self._source.offset
        while rest := self._source.some(1 << 20, at_end_ok=True):
            if rest.strip(b"\0"):
                self._notes.add("trailing-bytes", f"bytes that are not zero follow the archive's end at {at}")
                return


class _Source:
    """Exact reads from chunks of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")
        self.offset = 0

    def some(self, most: int, *, at_end_ok: bool = False) -> bytes:
        """Between 1 and `most` bytes; b"" at the end where that is allowed, else Truncated."""
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                if at_end_ok:
                    return b""
                raise Truncated(f"the tar ends at {self.offset}, before what it promises")
            self._held = memoryview(chunk)
        taken = bytes(self._held[:most])
        self._held = self._held[most:]
        self.offset += len(taken)
        return taken

    def take(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self.some(size))
            size -= len(parts[-1])
        return b"".join(parts)


def is_header(block: bytes) -> bool:
    """Could this block open a tar? Its checksum holds; v7 tars have no other mark."""
    if len(block) < BLOCK or block[:1] == b"\0":
        return False
    try:
        _check_sum(block[:BLOCK], 0)
        _number(block[124:136], 0)
    except Malformed:
        return False
    return True


def _check_sum(header: bytes, at: int) -> None:
    blanked = header[:148] + b" " * 8 + header[156:]
    declared = _number(header[148:156], at)
    # Some old writers summed signed bytes.
    signed = sum(byte - 256 if byte > 127 else byte for byte in blanked)
    if declared not in (sum(blanked), signed):
        raise Malformed(f"the tar header at {at} has a wrong checksum")


def _number(field: bytes, at: int) -> int:
    """A header's number: octal digits, or GNU's base 256."""
    if field[0] & 0x80:
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] == 0xFF or value >= 1 << 63:
            raise Malformed(f"the tar header at {at} has a number out of range")
        return value
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise Malformed(f"the tar header at {at} has a number that is not octal")
    return int(digits, 8)


def _pax(data: bytes, at: int) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    start, end = 0, len(data.rstrip(b"\0"))
    while start < end:
        space = data.find(b" ", start, start + 10)
        digits = data[start:space]
        if space < 0 or not digits.isdigit():
            raise Malformed(f"the pax header at {at} has a record without a length")
        stop = start + int(digits)
        key, equals, value = data[space + 1 : stop].partition(b"=")
        if not space < stop <= len(data) or not equals or not value.endswith(b"\n"):
            raise Malformed(f"the pax header at {at} has a broken record")
        fields[key.decode("utf-8", "backslashreplace")] = value[:-1]
        start = stop
    return fields


def _c_string(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]
