"""Archives for tests, in formats that the standard library does not write. Nothing is compressed well."""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence

COPY, DELTA, LZMA2, LZMA, X86 = b"\0", b"\x03", b"\x21", b"\x03\x01\x01", b"\x03\x03\x01\x03"
DEFLATE, BZIP2, AES, PPMD = b"\x04\x01\x08", b"\x04\x02\x02", b"\x06\xf1\x07\x01", b"\x03\x04\x01"
_DICTIONARY_BYTES = 1 << 16
_PROPERTIES = {LZMA2: b"\x08", LZMA: b"\x5d" + struct.pack("<L", _DICTIONARY_BYTES), DELTA: b"\x03", AES: b"\x13\0"}


def number(value: int) -> bytes:
    """7z's number of nine bytes at most, in its longest form where one byte is too few."""
    return bytes([value]) if value < 0x80 else b"\xff" + struct.pack("<Q", value)


def sevenzip(
    members: Mapping[str, bytes],
    coders: Sequence[bytes] = (LZMA2,),
    *,
    packed_header: bool = False,
    attributes: Mapping[str, int] | None = None,
    wrong_crc: bool = False,
) -> bytes:
    """A 7z of one folder: all members in a row through a chain of coders, the last of them nearest to the bytes."""
    full = {name: data for name, data in members.items() if data}
    body = b"".join(full.values())
    packed, sizes = packed_by(coders, body)
    streams = _streams(len(packed), 0, coders, sizes, list(full.values()), wrong_crc)
    names = b"\0" + b"".join(name.encode("utf-16-le") + b"\0\0" for name in members)
    files = number(len(members)) + b"\x11" + number(len(names)) + names
    if len(full) < len(members):
        bits = _bits([not data for data in members.values()])
        files += b"\x0e" + number(len(bits)) + bits
        bits = _bits([not name.endswith("/") for name, data in members.items() if not data])
        files += b"\x0f" + number(len(bits)) + bits
    if attributes:
        told = b"\x01\0" + b"".join(struct.pack("<L", attributes.get(name, 0)) for name in members)
        files += b"\x15" + number(len(told)) + told
    header = b"\x01" + (b"\x04" + streams if full else b"") + b"\x05" + files + b"\0\0"
    if packed_header:
        inner, inner_sizes = packed_by((LZMA,), header)
        packed_at, packed = len(packed), packed + inner
        header = b"\x17" + _streams(len(inner), packed_at, (LZMA,), inner_sizes, [header], False)
    start = struct.pack("<QQL", len(packed), len(header), zlib.crc32(header))
    return b"7z\xbc\xaf\x27\x1c\0\x04" + struct.pack("<L", zlib.crc32(start)) + start + packed + header


def packed_by(coders: Sequence[bytes], body: bytes) -> tuple[bytes, list[int]]:
    """What the chain makes of the bytes, and what each coder gives back, from the packed end on."""
    sizes: list[int] = []
    for coder in reversed(coders):
        sizes.insert(0, len(body))
        body = _packed(coder, body)
    return body, sizes


def _packed(coder: bytes, body: bytes) -> bytes:
    if coder == LZMA2:
        return lzma.compress(body, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY_BYTES}])
    if coder == LZMA:
        # Without its header of 13 bytes, an `.lzma` file is what 7z keeps.
        return lzma.compress(
            body, lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": _DICTIONARY_BYTES}]
        )[13:]
    if coder == DEFLATE:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(body) + packer.flush()
    if coder == DELTA:
        return bytes((byte - (body[at - 4] if at >= 4 else 0)) & 0xFF for at, byte in enumerate(body))
    return bz2.compress(body) if coder == BZIP2 else body


def _streams(
    packed_bytes: int, at: int, coders: Sequence[bytes], sizes: Sequence[int], members: Sequence[bytes], wrong_crc: bool
) -> bytes:
    pack_info = b"\x06" + number(at) + number(1) + b"\x09" + number(packed_bytes) + b"\0"
    folder = number(len(coders))
    for coder in coders:
        properties = _PROPERTIES.get(coder, b"")
        folder += bytes([len(coder) | (0x20 if properties else 0)]) + coder
        folder += number(len(properties)) + properties if properties else b""
    # Each coder reads what the one before it gives.
    folder += b"".join(number(index + 1) + number(index) for index in range(len(coders) - 1))
    unpack_info = b"\x07\x0b" + number(1) + b"\0" + folder + b"\x0c" + b"".join(map(number, sizes)) + b"\0"
    told = b"\x0d" + number(len(members)) + b"\x09" + b"".join(number(len(data)) for data in members[:-1])
    crcs = b"".join(struct.pack("<L", zlib.crc32(data) ^ wrong_crc) for data in members)
    return pack_info + unpack_info + b"\x08" + told + b"\x0a\x01" + crcs + b"\0\0"


def _bits(flags: Sequence[bool]) -> bytes:
    padded = [*flags, *[False] * (-len(flags) % 8)]
    return bytes(
        sum(flag << (7 - bit) for bit, flag in enumerate(padded[at : at + 8])) for at in range(0, len(flags), 8)
    )
