"""The tar reader and the compressed streams: bounded, total, the same however the bytes are cut."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.compressed import unpacked
from bascule.plugins.readers.media import BZIP2, GZIP, XZ, ZLIB
from bascule.plugins.readers.tar import TarReader, is_header

Members = list[tuple[str, str, bytes]]


def reader(data: bytes) -> Callable[[int, int], bytes]:
    def read(offset: int, size: int) -> bytes:
        if offset < 0 or offset + size > len(data):
            raise Truncated(f"{size} bytes at {offset} of {len(data)}")
        return data[offset : offset + size]

    return read


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read_all(data: bytes, size: int = 4096, **limits: int) -> tuple[Members, tuple[str, ...]]:
    tar = TarReader(cut(data, size), **limits)
    members = [(entry.name, entry.kind, b"".join(tar.data())) for entry in tar]
    return members, tar.anomalies


def codes(data: bytes) -> set[str]:
    return {anomaly.partition(":")[0] for anomaly in read_all(data)[1]}


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def archive(*members: tarfile.TarInfo | tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        for item in members:
            if isinstance(item, tarfile.TarInfo):
                file.addfile(item)
            else:
                file.addfile(member(item[0], size=len(item[1])), io.BytesIO(item[1]))
    return out.getvalue()


LONG = "deep/" * 60 + "weights.bin"
PLAIN = (("a.txt", b"alpha" * 500), (LONG, b"long"), ("é.bin", bytes(range(256)) * 3), ("empty", b""))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_reads_back(form: int) -> None:
    wanted = [item for item in PLAIN if form != tarfile.USTAR_FORMAT or item[0] != LONG]
    members, anomalies = read_all(archive(*wanted, form=form))
    assert members == [(name, "file", data) for name, data in wanted]
    assert anomalies == ()


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 1 << 20])
def test_the_members_do_not_depend_on_how_the_bytes_are_cut(size: int) -> None:
    assert read_all(archive(*PLAIN), size) == read_all(archive(*PLAIN))


def test_data_that_is_not_asked_for_is_stepped_over() -> None:
    assert [entry.name for entry in TarReader(cut(archive(*PLAIN), 999))] == [name for name, _ in PLAIN]


def test_links_devices_and_folders_are_told_and_carry_no_data() -> None:
    data = archive(
        member("d", tarfile.DIRTYPE),
        member("s", tarfile.SYMTYPE, "/etc/passwd"),
        member("h", tarfile.LNKTYPE, "a"),
        member("n", tarfile.CHRTYPE),
        member("p", tarfile.FIFOTYPE),
    )
    tar = TarReader(cut(data, 4096))
    assert [(e.name, e.kind, e.target) for e in tar] == [
        ("d/", "folder", b""),
        ("s", "symlink", b"/etc/passwd"),
        ("h", "hardlink", b"a"),
        ("n", "device", b""),
        ("p", "fifo", b""),
    ]


@pytest.mark.parametrize("left", [0, 100, 512, 1000, 3000])
def test_a_tar_cut_short_is_truncated_not_clean(left: int) -> None:
    with pytest.raises(Truncated):
        read_all(archive(*PLAIN)[:left])


def test_a_wrong_checksum_is_malformed() -> None:
    data = bytearray(archive(*PLAIN))
    data[0] ^= 1
    with pytest.raises(Malformed, match="checksum"):
        read_all(bytes(data))


def test_a_pax_size_that_the_header_contradicts_is_told() -> None:
    """The two readings see different members: TARmageddon, CVE-2025-62518."""
    inner = archive(("hidden", b"h"))
    info = member("outer", size=0)
    info.pax_headers = {"size": str(len(inner))}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info)
        file.fileobj.write(inner)  # type: ignore[union-attr]
    assert "size-mismatch" in codes(out.getvalue() + bytes(1024))


def test_bytes_behind_the_end_are_told() -> None:
    assert codes(archive(*PLAIN) + archive(("hidden", b"h"))) == {"trailing-bytes"}


def test_a_global_header_that_renames_is_told() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers={"path": "other"}) as file:
        file.addfile(member("a"))
    assert "global-override" in codes(out.getvalue())


def test_names_that_lead_elsewhere_and_twins_are_told() -> None:
    data = archive(("../up", b""), ("/abs", b""), ("a", b"1"), ("a", b"2"))
    assert codes(data) == {"parent-in-name", "absolute-name", "duplicate-name"}


def test_an_extended_header_larger_than_allowed_is_refused() -> None:
    with pytest.raises(Malformed, match="extended header"):
        read_all(archive((LONG, b"")), max_extended_bytes=100)


def test_more_members_than_allowed_are_malformed() -> None:
    with pytest.raises(Malformed, match="more than 2 members"):
        read_all(archive(*PLAIN), max_entries=2)


def test_a_header_is_told_from_other_blocks() -> None:
    assert is_header(archive(*PLAIN))
    assert not is_header(bytes(512))
    assert not is_header(b"The quick brown fox " * 30)


SEEDS = (archive(*PLAIN), archive(*PLAIN, form=tarfile.GNU_FORMAT), archive(member("s", tarfile.SYMTYPE, "x")))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=8),
    st.booleans(),
    st.integers(0, 9000),
)
def test_whatever_the_bytes_only_malformed_escapes(
    seed: bytes, changes: list[tuple[int, int]], mend: bool, length: int
) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    if mend:  # get past the checksum, where it is interesting
        data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    data = data[: max(1, len(data) - length % 3 * length)]
    try:
        members, _ = read_all(bytes(data), max_entries=20)
    except Malformed:
        return
    assert sum(len(body) for _, _, body in members) <= len(data)


PACKERS = {GZIP: gzip.compress, ZLIB: zlib.compress, BZIP2: bz2.compress, XZ: lzma.compress}


@pytest.mark.parametrize("kind", PACKERS)
def test_a_stream_unpacks_in_chunks_of_bounded_size(kind: str) -> None:
    data = bytes(3_000_000) + b"end"
    packed = PACKERS[kind](data)
    chunks = list(unpacked(reader(packed), len(packed), kind, max_bytes=1 << 22))
    assert b"".join(chunks) == data
    assert max(map(len, chunks)) <= 1 << 20


@pytest.mark.parametrize("kind", PACKERS)
def test_a_stream_that_unpacks_beyond_the_bound_is_malformed(kind: str) -> None:
    packed = PACKERS[kind](bytes(3_000_000))
    with pytest.raises(Malformed, match="more than"):
        list(unpacked(reader(packed), len(packed), kind, max_bytes=1 << 20))


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("lost", [1, 5, 12])
def test_a_stream_cut_short_is_truncated(kind: str, lost: int) -> None:
    packed = PACKERS[kind](b"some text that is long enough " * 50)[:-lost]
    with pytest.raises(Truncated):
        list(unpacked(reader(packed), len(packed), kind, max_bytes=1 << 20))


@pytest.mark.parametrize("kind", [GZIP, BZIP2, XZ])
def test_streams_set_end_to_end_are_one_and_zeros_are_padding(kind: str) -> None:
    packed = PACKERS[kind](b"one") + bytes(8) + PACKERS[kind](b"two") + bytes(100_000)
    assert b"".join(unpacked(reader(packed), len(packed), kind, max_bytes=99)) == b"onetwo"


@pytest.mark.parametrize("kind", [GZIP, BZIP2, XZ])
def test_anything_else_behind_a_stream_is_malformed(kind: str) -> None:
    packed = PACKERS[kind](b"one") + b"not a stream at all"
    with pytest.raises(Malformed, match="no stream"):
        list(unpacked(reader(packed), len(packed), kind, max_bytes=99))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PACKERS)), st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=5))
def test_whatever_the_stream_only_malformed_escapes(kind: str, changes: list[tuple[int, int]]) -> None:
    packed = bytearray(PACKERS[kind](b"some text " * 40))
    for at, value in changes:
        packed[at % len(packed)] = value
    try:
        size = sum(map(len, unpacked(reader(bytes(packed)), len(packed), kind, max_bytes=10_000)))
    except Malformed:
        return
    assert size <= 10_000
