"""Compressed streams: every codec gives back what went in, in bounded pieces, and says when it cannot."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
import zstandard

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.compressed import CODECS, unpacked
from bascule.plugins.readers.media import BZIP2, GZIP, LZ4, LZMA, XZ, ZLIB, ZSTD, media_type_of

CHUNK = 1 << 20
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    GZIP: lambda data: gzip.compress(data, mtime=0),
    ZLIB: zlib.compress,
    BZIP2: bz2.compress,
    XZ: lzma.compress,
    LZMA: lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    LZ4: lz4.frame.compress,
    ZSTD: lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
}
ODD = {
    "zstd without its length": (ZSTD, lambda data: zstandard.ZstdCompressor(write_content_size=False).compress(data)),
    "zstd with a frame to skip": (ZSTD, lambda data: PACKERS[ZSTD](data) + b"\x50\x2a\x4d\x18\x03\0\0\0xyz"),
    "lz4 with a checksum": (LZ4, lambda data: lz4.frame.compress(data, content_checksum=True, store_size=False)),
}
CASES = {**{kind: (kind, pack) for kind, pack in PACKERS.items()}, **ODD}
CONTENTS = (b"", b"abc", bytes(3 << 20), random.Random(3).randbytes(300_000))


def chunks(data: bytes, kind: str, most: int = 1 << 30) -> list[bytes]:
    return list(unpacked(lambda at, size: data[at : at + size], len(data), kind, max_bytes=most))


def test_every_codec_is_tried_here() -> None:
    assert set(PACKERS) == set(CODECS)


@pytest.mark.parametrize(("kind", "pack"), CASES.values(), ids=CASES.keys())
def test_what_went_in_comes_out_in_bounded_pieces(kind: str, pack: Callable[[bytes], bytes]) -> None:
    for content in CONTENTS:
        packed = pack(content)
        given = chunks(packed, kind)
        assert b"".join(given) == content
        assert all(len(chunk) <= CHUNK for chunk in given)
        assert media_type_of(packed[: 1 << 16], len(packed)) == kind


@pytest.mark.parametrize("kind", PACKERS)
def test_a_stream_that_does_not_end_is_truncated(kind: str) -> None:
    packed = PACKERS[kind](CONTENTS[3])
    with pytest.raises(Truncated):
        chunks(packed[: len(packed) // 2], kind)


@pytest.mark.parametrize("kind", sorted(set(PACKERS) - {LZMA}))
def test_streams_end_to_end_are_one_and_other_bytes_behind_them_are_a_fault(kind: str) -> None:
    packed = PACKERS[kind](b"abc")
    assert b"".join(chunks(packed * 2, kind)) == b"abcabc"
    with pytest.raises(Malformed):
        chunks(packed + b"junk", kind)


@pytest.mark.parametrize("kind", PACKERS)
def test_a_bomb_is_left_at_the_bound(kind: str) -> None:
    bomb = PACKERS[kind](bytes(8 << 20))
    with pytest.raises(Malformed, match="allowed"):
        chunks(bomb, kind, most=2 << 20)


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("kind", PACKERS)
def test_any_bytes_end_in_content_or_in_a_fault(kind: str) -> None:
    chance = random.Random(5)
    whole = PACKERS[kind](bytes(chance.choices(b"ab", k=400)))
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(2):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            chunks(bytes(data), kind, most=1 << 20)
        except Malformed:
            continue
