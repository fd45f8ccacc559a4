"""The reader of 7z archives: what it unfolds, what it refuses, and that no header leads it astray."""

from __future__ import annotations

import random
import struct
import zlib

import pytest

import packers
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.sevenzip import SevenZipReader, Unsupported
from bascule.plugins.readers.zip import WrongCrc

MEMBERS = {"a.txt": b"hello", "empty": b"", "folder/": b"", "folder/b.bin": bytes(range(256)) * 900}
CHAINS = {
    "copied": (packers.COPY,),
    "LZMA": (packers.LZMA,),
    "LZMA2": (packers.LZMA2,),
    "deflated": (packers.DEFLATE,),
    "bzip2": (packers.BZIP2,),
    "a delta over LZMA": (packers.LZMA, packers.DELTA),
    "a delta over LZMA2": (packers.LZMA2, packers.DELTA),
}


def opened(data: bytes) -> SevenZipReader:
    return SevenZipReader(lambda at, size: data[at : at + size], len(data))


def unfolded(data: bytes) -> dict[str, bytes]:
    reader = opened(data)
    return {entry.name: b"".join(reader.data()) for entry in reader}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
def test_members_come_out_as_they_went_in(chain: tuple[bytes, ...]) -> None:
    assert unfolded(packers.sevenzip(MEMBERS, chain)) == MEMBERS
    assert unfolded(packers.sevenzip(MEMBERS, chain, packed_header=True)) == MEMBERS


def test_a_member_left_unread_is_stepped_over() -> None:
    reader = opened(packers.sevenzip(MEMBERS))
    assert [b"".join(reader.data()) for entry in reader if entry.name == "folder/b.bin"] == [MEMBERS["folder/b.bin"]]


def test_folders_and_links_are_told_from_files() -> None:
    data = packers.sevenzip({**MEMBERS, "link": b"/etc/passwd"}, attributes={"link": 0x8000 | 0o120777 << 16})
    entries = {entry.name: entry for entry in opened(data)}
    assert [name for name, entry in entries.items() if entry.is_folder] == ["folder/"]
    assert [name for name, entry in entries.items() if entry.is_symlink] == ["link"]


@pytest.mark.parametrize("method", [packers.AES, packers.PPMD], ids=["encrypted", "PPMd"])
def test_what_is_packed_in_an_unknown_way_is_named_and_not_read(method: bytes) -> None:
    with pytest.raises(Unsupported, match=r"`a\.txt` is packed with"):
        unfolded(packers.sevenzip(MEMBERS, (method,)))
    assert [entry.name for entry in opened(packers.sevenzip(MEMBERS, (method,)))] == list(MEMBERS)


def test_a_wrong_crc_is_told_after_the_last_byte() -> None:
    reader = opened(packers.sevenzip({"a": b"hello"}, wrong_crc=True))
    next(iter(reader))
    data = reader.data()
    assert next(data) == b"hello"
    with pytest.raises(WrongCrc):
        next(data)


def test_an_archive_cut_short_or_with_a_broken_header_is_refused() -> None:
    whole = packers.sevenzip(MEMBERS)
    for end in (0, 10, 40, len(whole) - 1):
        with pytest.raises((Truncated, Malformed)):
            unfolded(whole[:end])
    with pytest.raises(Malformed, match="checksum"):
        unfolded(whole[:-2] + b"\x01\x01")


@pytest.mark.usefixtures("must_end")
def test_any_header_ends_in_members_or_in_a_fault() -> None:
    whole = packers.sevenzip({"a": b"one", "b": b"two"}, (packers.COPY,))
    offset = 32 + struct.unpack("<Q", whole[12:20])[0]
    chance = random.Random(7)
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(offset, len(data))] = chance.randrange(256)
        data[28:32] = struct.pack("<L", zlib.crc32(data[offset:]))
        data[8:12] = struct.pack("<L", zlib.crc32(data[12:32]))
        try:
            unfolded(bytes(data))
        except Malformed:
            continue
