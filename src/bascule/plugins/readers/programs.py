"""Is there a program, script, pickle or archive here, among bytes that should be numbers?

Two letters prove nothing among a billion random bytes, so a magic counts only with fields that agree: a version that
exists, a machine that exists, a checksum that holds, a stream that inflates. By chance that happens to fewer than one
in 10¹² places; the shortest forms, scripts and pickles, must also read as such.

Rules: nothing is executed or unpacked beyond a few kilobytes; what is cut off by the end of the sample and cannot be
judged counts as nothing, so give 4 KiB where there are as many.
Source: the ELF gABI, Microsoft's PE/COFF specification, Apple's `mach-o/loader.h`, PKWARE's APPNOTE, RFC 1952, and the
format descriptions of 7-Zip, XZ, bzip2, WebAssembly and the Java virtual machine.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bascule.plugins.readers.pickle_shape import Shape, pickle_shape

SAMPLE_BYTES = 4096
"""What a place needs to be judged by, where the file has as many."""

MAX_JUDGED = 1024
"""Places of one magic in one search: of random megabytes fewer than a hundred have even the shortest."""


class Nature(StrEnum):
    """What becomes of the bytes once somebody finds them."""

    RUNS = "runs"
    """a machine, an interpreter or an unpickler runs it"""
    HOLDS = "holds"
    """a container: something else is inside"""


@dataclass(frozen=True, slots=True)
class Found:
    """`offset` counts from the start of the bytes that were searched; `what` has its article: `an ELF program`."""

    offset: int
    what: str
    nature: Nature


def found_at(data: bytes, at: int = 0) -> Found | None:
    """What begins exactly there, if anything does."""
    # One comparison for nearly every place, which is asked of thousands.
    if not data.startswith(_OPENINGS, at) and data[at + 257 : at + 262] != b"ustar":
        return None
    for magic, place, judge, what, nature in _KINDS:
        if data.startswith(magic, at + place) and judge(data[at : at + SAMPLE_BYTES]):
            return Found(at, what, nature)
    return None


def search(data: bytes, *, thorough: bool = True) -> Iterator[Found]:
    """Everything of these kinds in the bytes, in order of kind and then of place; linear in their number.

    thorough: false looks for the commonest kinds alone, five times as fast.
    """
    told: set[tuple[int, str]] = set()
    for magic, place, judge, what, nature in _KINDS:
        if not (thorough or magic in _COMMON):
            continue
        at = data.find(magic, place)
        judged = 0
        while at >= 0:
            begin = at - place
            judged += 1
            if judged > MAX_JUDGED:
                yield Found(begin, f"more beginnings of {what} than chance leaves", Nature.HOLDS)
                break
            if judge(data[begin : begin + SAMPLE_BYTES]) and (begin, what) not in told:
                told.add((begin, what))
                yield Found(begin, what, nature)
            at = data.find(magic, at + 1)


_ELF_MACHINES = frozenset({2, 3, 4, 8, 15, 20, 21, 22, 40, 42, 43, 50, 62, 83, 94, 164, 183, 190, 243, 247, 252, 258})
_PE_MACHINES = frozenset({0x14C, 0x1C0, 0x1C4, 0x200, 0x8664, 0xAA64, 0xEBC, 0x5032, 0x5064, 0x6264})
_MACH_MACHINES = frozenset({7, 12, 18, 0x01000007, 0x0100000C, 0x01000012, 0x0200000C})
_DOS_STUB = b"This program cannot be run in DOS mode"
_MAX_DOS_BYTES = 1024
_PICKLE_BYTES = 512


def _elf(data: bytes) -> bool:
    if len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2) or data[6] != 1 or data[7] > 18:
        return False
    order = "little" if data[5] == 1 else "big"

    def field(at: int, size: int = 2) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    wide = data[4] == 2
    header_bytes = field(52 if wide else 40)
    return (
        field(16) in (1, 2, 3, 4)
        and field(18) in _ELF_MACHINES
        and field(20, 4) == 1
        and header_bytes == (64 if wide else 52)
        and field(54 if wide else 42) in (0, 56 if wide else 32)
    )


def _pe(data: bytes) -> bool:
    if len(data) < 64:
        return False
    at = int.from_bytes(data[60:64], "little")
    if not 64 <= at <= _MAX_DOS_BYTES:
        return False
    return data[at : at + 4] == b"PE\0\0" and int.from_bytes(data[at + 4 : at + 6], "little") in _PE_MACHINES


def _dos(data: bytes) -> bool:
    return data.find(_DOS_STUB, 0, _MAX_DOS_BYTES) > 0


def _mach(data: bytes) -> bool:
    if len(data) < 28:
        return False
    order = "big" if data[0] == 0xFE else "little"
    machine, kind, commands, size = (
        int.from_bytes(data[at : at + 4], order)  # type: ignore[arg-type]
        for at in (4, 12, 16, 20)
    )
    return machine in _MACH_MACHINES and 1 <= kind <= 12 and 1 <= commands <= 1000 and 8 * commands <= size <= 1 << 20


def _fat_mach(data: bytes) -> bool:
    parts = int.from_bytes(data[4:8], "big")
    return (
        len(data) >= 28
        and 1 <= parts <= 20
        and int.from_bytes(data[8:12], "big") in _MACH_MACHINES
        and int.from_bytes(data[24:28], "big") <= 20
    )


def _java(data: bytes) -> bool:
    # Minor and major version, the constant pool's size, and a first constant that exists.
    return (
        len(data) > 16
        and data[4:6] == b"\0\0"
        and 45 <= int.from_bytes(data[6:8], "big") <= 80
        and int.from_bytes(data[8:10], "big") > 4
        and data[10] in (1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
        and b"java/" in data
    )


_SHEBANG = re.compile(
    rb"#! ?/(?:usr/|system/|opt/)?(?:local/)?s?bin/[a-z][\w.+/-]{1,40}[^\n\0-\x08\x0e-\x1f\x7f-\xff]{0,80}\n"
)
_TEXT = re.compile(rb"[\t\r\n -~]{1,64}")


def _script(data: bytes) -> bool:
    line = _SHEBANG.match(data)
    return line is not None and _TEXT.match(data, line.end()) is not None


def _python(data: bytes) -> bool:
    # A line that fetches or runs, among text: prose in a number tensor is odd, this is worse.
    return _TEXT.fullmatch(data[:64]) is not None


def _zip(data: bytes) -> bool:
    if len(data) < 31:
        return False
    version, flags, method = (int.from_bytes(data[at : at + 2], "little") for at in (4, 6, 8))
    length = int.from_bytes(data[26:28], "little")
    name = data[30 : 30 + length]
    return (
        version & 0xFF <= 63
        and flags & 0xD000 == 0
        and method in (0, 8, 9, 12, 14, 93, 95, 98, 99)
        and 1 <= length <= 512
        and len(name) == length
        and not any(byte < 32 for byte in name)
    )


def _seven_zip(data: bytes) -> bool:
    return len(data) >= 32 and zlib.crc32(data[12:32]) == int.from_bytes(data[8:12], "little")


def _xz(data: bytes) -> bool:
    return len(data) >= 12 and zlib.crc32(data[6:8]) == int.from_bytes(data[8:12], "little")


def _gzip(data: bytes) -> bool:
    # Flags, the compressor's effort and the system must be such as exist: three bytes of magic are few.
    if len(data) < 24 or data[3] & 0xE0 or data[8] not in (0, 2, 4) or 13 < data[9] < 255:
        return False
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        return len(inflate.decompress(data, 1 << 14)) >= min(256, 8 * len(data)) or inflate.eof
    except zlib.error:
        return False


def _rar(data: bytes) -> bool:
    return data[6:7] == b"\0" or data[6:8] == b"\x01\0"


def _calls(data: bytes) -> bool:
    # A short walk: a heap of false beginnings would make a long one cost seconds.
    return pickle_shape(data[:_PICKLE_BYTES], 1 << 40) is Shape.CALLS


def _pickle(data: bytes) -> bool:
    # A frame opens nearly every pickle of protocol 4 and 5: eleven bytes that agree.
    return data[1] in (4, 5) and data[2] == 0x95 and data[7:11] == bytes(4) and _calls(data)


_GLOBAL = re.compile(rb"c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n|[A-Za-z_][\w.]+(?:\x94|q.|r.{4})?\x93", re.DOTALL)


def _bare_pickle(data: bytes) -> bool:
    # Two bytes open it: what it names must be a name as well.
    return _calls(data) and _GLOBAL.search(data, 2, _PICKLE_BYTES) is not None


def _named_pickle(data: bytes) -> bool:
    return re.match(rb"c[a-z_0-9]+(\.[a-z_]+)*\n\w+\n", data) is not None and _calls(data)


_Judge = Callable[[bytes], bool]
# magic, where it stands from the beginning, the judge of all bytes from the beginning, the name, the nature
_KINDS: tuple[tuple[bytes, int, _Judge, str, Nature], ...] = (
    (b"\x7fELF", 0, _elf, "an ELF program", Nature.RUNS),
    # Two letters are slow to look for; every common linker leaves this sentence at this place.
    (_DOS_STUB, 78, lambda data: data[:2] == b"MZ", "a Windows program", Nature.RUNS),
    (b"MZ", 0, lambda data: _pe(data) or _dos(data), "a Windows program", Nature.RUNS),
    *(
        (magic, 0, _mach, "a Mach-O program", Nature.RUNS)
        for magic in (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
    ),
    (b"\xca\xfe\xba\xbe\0\0\0", 0, _fat_mach, "a Mach-O program", Nature.RUNS),
    (b"\xca\xfe\xba\xbe\0\0\0", 0, _java, "a Java class", Nature.RUNS),
    (b"\0asm\x01\0\0\0", 0, lambda data: data[8:9] <= b"\x0d", "a WebAssembly program", Nature.RUNS),
    (b"#!/", 0, _script, "a script", Nature.RUNS),
    (b"#! /", 0, _script, "a script", Nature.RUNS),
    (b"<?php", 0, lambda data: _TEXT.match(data, 5) is not None, "a PHP script", Nature.RUNS),
    (b"import os", 0, _python, "Python code", Nature.RUNS),
    (b"import subprocess", 0, _python, "Python code", Nature.RUNS),
    (b"\x80\x02", 0, _bare_pickle, "a pickle that calls", Nature.RUNS),
    (b"\x80\x03", 0, _bare_pickle, "a pickle that calls", Nature.RUNS),
    (b"\x80\x04", 0, _bare_pickle, "a pickle that calls", Nature.RUNS),
    (b"\x80\x05", 0, _bare_pickle, "a pickle that calls", Nature.RUNS),
    (b"\x80\x04\x95", 0, _pickle, "a pickle that calls", Nature.RUNS),
    (b"\x80\x05\x95", 0, _pickle, "a pickle that calls", Nature.RUNS),
    *(
        (b"c" + module + b"\n", 0, _named_pickle, "a pickle that calls", Nature.RUNS)
        for module in (b"os", b"posix", b"nt", b"builtins", b"__builtin__", b"subprocess", b"runpy", b"importlib")
    ),
    (b"PK\x03\x04", 0, _zip, "a zip archive", Nature.HOLDS),
    (b"7z\xbc\xaf\x27\x1c", 0, _seven_zip, "a 7z archive", Nature.HOLDS),
    (b"\xfd7zXZ\0", 0, _xz, "an xz stream", Nature.HOLDS),
    (b"\x1f\x8b\x08", 0, _gzip, "a gzip stream", Nature.HOLDS),
    (b"Rar!\x1a\x07", 0, _rar, "a RAR archive", Nature.HOLDS),
    *((b"BZh%d1AY&SY" % level, 0, lambda _data: True, "a bzip2 stream", Nature.HOLDS) for level in range(1, 10)),
    (
        b"ustar",
        257,
        lambda data: data[:1].isalnum() and data[262:264] in (b"\x000", b"  "),
        "a tar archive",
        Nature.HOLDS,
    ),
)
_COMMON = (b"\x7fELF", _DOS_STUB, b"\xcf\xfa\xed\xfe", b"#!/", b"\x80\x04\x95", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c")
_OPENINGS = tuple(magic for magic, place, *_rest in _KINDS if not place)
