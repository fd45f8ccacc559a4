"""The zip reader lists what any loader would find, names every disagreement, and never reads without bound."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.zip import WrongCrc, ZipDirectory, open_member, read_directory

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def reader(data: bytes) -> Callable[[int, int], bytes]:
    def read(offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > len(data):
            raise Truncated(f"{size} bytes at {offset} of {len(data)}")
        return data[offset : offset + size]

    return read


def directory_of(data: bytes, **limits: int) -> ZipDirectory:
    return read_directory(reader(data), len(data), **limits)


def content(data: bytes, name: str, *, max_bytes: int = 1 << 24, check_crc: bool = True) -> bytes:
    entry = next(entry for entry in directory_of(data).entries if entry.name == name)
    return b"".join(open_member(reader(data), entry, max_bytes=max_bytes, check_crc=check_crc))


def drained(chunks: Iterator[bytes]) -> tuple[bytes, Malformed | None]:
    """What came before the fault, and the fault."""
    given = b""
    try:
        for chunk in chunks:
            given += chunk
    except Malformed as fault:
        return given, fault
    return given, None


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as file:
        warnings.simplefilter("ignore")  # zipfile warns of the duplicate names that are wanted here
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, method)
    return out.getvalue()


def patched(data: bytes, signature: bytes, offset: int, value: bytes, occurrence: int = 0) -> bytes:
    """The archive with bytes changed in the given header."""
    at = -1
    for _ in range(occurrence + 1):
        at = data.index(signature, at + 1)
    at += offset
    return data[:at] + value + data[at + len(value) :]


PLAIN = archive(("a.txt", b"alpha" * 1000), ("folder/", b""), ("folder/b.bin", bytes(range(256))))


def test_a_plain_archive_has_no_anomaly_and_gives_its_bytes_back() -> None:
    directory = directory_of(PLAIN)
    assert directory.anomalies == ()
    assert [entry.name for entry in directory.entries] == ["a.txt", "folder/", "folder/b.bin"]
    assert [entry.is_folder for entry in directory.entries] == [False, True, False]
    assert content(PLAIN, "a.txt") == b"alpha" * 1000
    assert content(PLAIN, "folder/b.bin") == bytes(range(256))


def test_an_empty_archive_is_an_archive() -> None:
    assert directory_of(archive()) == ZipDirectory((), ())


def test_a_streamed_archive_has_no_anomaly() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, chunk: object) -> int:
            self.data += bytes(chunk)  # type: ignore[call-overload]
            return len(bytes(chunk))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:  # type: ignore[call-overload]
        file.writestr("a.txt", b"streamed" * 100)
    assert directory_of(pipe.data).anomalies == ()
    assert content(pipe.data, "a.txt") == b"streamed" * 100


def test_zip64_sizes_are_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file, file.open("big", "w", force_zip64=True) as member:
        member.write(b"x" * 10)
    assert directory_of(out.getvalue()).anomalies == ()
    assert content(out.getvalue(), "big") == b"x" * 10


@pytest.mark.parametrize("cut", [1, 10, 22, 60, len(PLAIN) // 2, len(PLAIN) - 4])
def test_an_archive_cut_short_is_truncated_not_empty(cut: int) -> None:
    with pytest.raises(Malformed):
        directory_of(PLAIN[:-cut])


def test_bytes_before_and_after_are_told() -> None:
    assert directory_of(b"#!/bin/sh\n" + PLAIN).codes == {"leading-bytes"}
    assert directory_of(PLAIN + b"tail").codes == {"trailing-bytes"}
    assert content(b"#!/bin/sh\n" + PLAIN, "a.txt") == b"alpha" * 1000


def test_both_twins_are_listed_in_order_and_told() -> None:
    data = archive(("m/data.pkl", b"first"), ("m/data.pkl", b"second"))
    directory = directory_of(data)
    assert directory.codes == {"duplicate-name"}
    assert [b"".join(open_member(reader(data), e, max_bytes=99)) for e in directory.entries] == [b"first", b"second"]


def test_two_archives_glued_together_are_both_listed() -> None:
    """A reader that takes the comment's end record, and one that takes the last, see different members."""
    inner = archive(("hidden.pkl", b"h"))
    comment = patched(archive(("shown.pkl", b"s")), END, 20, struct.pack("<H", len(inner)))
    directory = directory_of(comment + inner)
    assert {entry.name for entry in directory.entries} >= {"hidden.pkl"}
    assert "several-ends" in directory.codes
    assert {entry.name for entry in directory.entries} == {"hidden.pkl", "shown.pkl"}


@pytest.mark.parametrize(
    ("signature", "offset", "value", "code"),
    [
        (LOCAL, 30, b"z.txt", "name-mismatch"),
        (LOCAL, 6, b"\x01\x00", "encryption-mismatch"),
        (LOCAL, 8, b"\x00\x00", "method-mismatch"),
        (LOCAL, 14, b"\1\2\3\4", "crc-mismatch"),
        (LOCAL, 22, b"\1\2\0\0", "size-mismatch"),
        (LOCAL, 0, b"XX\x03\x04", "no-local-header"),
        (CENTRAL, 10, b"\x0e\x00", "unknown-method"),
        (CENTRAL, 8, b"\x01\x00", "encrypted"),
        (CENTRAL, 38, struct.pack("<L", 0o020600 << 16), "special-file"),
        (CENTRAL, 34, b"\x05\x00", "split-disks"),
        (END, 8, b"\x09\x00\x09\x00", "entry-count"),
        (END, 12, b"\x01\x00\x00\x00", "directory-size"),
    ],
)
def test_a_header_that_disagrees_is_told(signature: bytes, offset: int, value: bytes, code: str) -> None:
    assert code in directory_of(patched(PLAIN, signature, offset, value)).codes


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../etc/passwd", "parent-in-name"),
        ("a/../../b", "parent-in-name"),
        ("..\\b", "parent-in-name"),
        ("/etc/passwd", "absolute-name"),
        ("C:/x", "absolute-name"),
        ("a\\b", "backslash-in-name"),
        ("a\x1b[31m", "control-in-name"),
    ],
)
def test_a_name_that_leads_elsewhere_is_told(name: str, code: str) -> None:
    assert code in directory_of(archive((name, b"x"))).codes


def test_a_nul_in_a_name_is_told() -> None:
    data = archive(("ok.txt_evil", b"x")).replace(b"ok.txt_evil", b"ok.txt\0evil")
    assert directory_of(data).codes == {"nul-in-name"}


def test_names_that_only_case_tells_apart_are_told() -> None:
    assert directory_of(archive(("m/data.pkl", b"1"), ("m/DATA.pkl", b"2"))).codes == {"case-collision"}


def test_a_symbolic_link_is_marked() -> None:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(info, "/etc/passwd")
    assert directory_of(out.getvalue()).entries[0].is_symlink


def test_members_that_share_bytes_are_told() -> None:
    data = archive(("a", b"1" * 50), ("b", b"2" * 50), method=zipfile.ZIP_STORED)
    # The second member's header offset is moved onto the first one's.
    second = data.rindex(CENTRAL)
    assert "overlap" in directory_of(data[: second + 42] + bytes(4) + data[second + 46 :]).codes


def test_bytes_between_members_are_told() -> None:
    data = archive(("a", b"1" * 10), method=zipfile.ZIP_STORED)
    at = data.index(CENTRAL)
    end = data.index(END)
    shifted = data[:at] + b"\xee" * 100 + data[at:end] + data[end : end + 16] + struct.pack("<L", at + 100) + b"\0\0"
    assert directory_of(shifted).codes == {"gap"}


def test_a_bomb_is_stopped_at_its_declared_size() -> None:
    data = archive(("bomb", b"\0" * 5_000_000))
    lying = patched(patched(data, LOCAL, 22, struct.pack("<L", 1000)), CENTRAL, 24, struct.pack("<L", 1000))
    entry = directory_of(lying).entries[0]
    given, fault = drained(open_member(reader(lying), entry, max_bytes=1 << 20))
    assert len(given) == 1000
    assert "bomb" in str(fault)


def test_a_member_larger_than_allowed_is_refused_before_it_is_read() -> None:
    data = archive(("big", b"\0" * 5_000_000))
    with pytest.raises(Malformed, match="more than the 1000 allowed"):
        content(data, "big", max_bytes=1000)


def test_a_member_shorter_than_declared_is_malformed() -> None:
    data = archive(("a", b"x" * 100))
    with pytest.raises(Malformed, match="100 of the 101"):
        content(patched(data, CENTRAL, 24, struct.pack("<L", 101)), "a")


def test_a_wrong_crc_is_told_after_the_last_byte() -> None:
    data = patched(patched(PLAIN, CENTRAL, 16, b"\0\0\0\0"), LOCAL, 14, b"\0\0\0\0")
    entry = directory_of(data).entries[0]
    given, fault = drained(open_member(reader(data), entry, max_bytes=1 << 20))
    assert given == b"alpha" * 1000
    assert isinstance(fault, WrongCrc)
    assert content(data, "a.txt", check_crc=False) == given


def test_bytes_behind_a_deflate_stream_are_malformed() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packed.compress(b"x" * 100) + packed.flush()
    data = archive(("a", stream + b"hidden"), method=zipfile.ZIP_STORED)
    for signature, method, sizes in ((LOCAL, 8, 22), (CENTRAL, 10, 24)):
        data = patched(patched(data, signature, method, b"\x08\0"), signature, sizes, struct.pack("<L", 100))
    with pytest.raises(Malformed, match="after its deflate stream"):
        content(data, "a", check_crc=False)


def test_more_members_than_allowed_are_malformed() -> None:
    data = archive(*((f"{n}", b"") for n in range(20)))
    with pytest.raises(Malformed, match="more than 10 members"):
        directory_of(data, max_entries=10)


def test_an_anomaly_that_repeats_is_told_a_bounded_number_of_times() -> None:
    data = archive(*((f"../{n}", b"") for n in range(200)))
    told = [anomaly for anomaly in directory_of(data).anomalies if anomaly.startswith("parent-in-name")]
    assert len(told) == 21
    assert told[-1] == "parent-in-name: 180 more"


def test_a_name_that_is_not_utf8_is_shown_with_escapes() -> None:
    data = archive(("xx.txt", b"x")).replace(b"xx.txt", b"\xff\xfe.txt")
    assert directory_of(data).entries[0].name == "\\xff\\xfe.txt"


SEEDS = (
    PLAIN,
    archive(("m/data.pkl", b"\x80\x02N."), ("m/data/0", bytes(64)), method=zipfile.ZIP_STORED),
    archive(("a", b"1"), ("a", b"2")),
)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        what = draw(st.sampled_from(["set", "cut", "insert", "copy"]))
        if what == "set":
            data[at] = draw(st.integers(0, 255))
        elif what == "cut" and len(data) > 2:
            del data[at : at + draw(st.integers(1, 30))]
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=20))
        else:
            data[at:at] = data[draw(st.integers(0, at)) : at]
        if not data:
            data = bytearray(b"P")
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(mutations())
def test_whatever_the_bytes_only_malformed_escapes_and_output_is_bounded(data: bytes) -> None:
    try:
        directory = directory_of(data, max_entries=50)
    except Malformed:
        return
    assert len(directory.entries) <= 50
    for entry in directory.entries:
        given_bytes = 0
        try:
            for chunk in open_member(reader(data), entry, max_bytes=100_000):
                given_bytes += len(chunk)
                assert len(chunk) <= 1 << 20
        except Malformed:
            pass
        assert given_bytes <= min(entry.size_bytes, 100_000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text("abcé/", min_size=1, max_size=6), st.binary(max_size=300)), max_size=6), st.booleans()
)
def test_what_zipfile_writes_reads_back(members: list[tuple[str, bytes]], deflate: bool) -> None:
    members = [(f"{n}{name.strip('/') or 'x'}", data) for n, (name, data) in enumerate(members)]
    data = archive(*members, method=zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED)
    directory = directory_of(data)
    assert directory.codes <= {"case-collision"}
    assert [
        (entry.name, b"".join(open_member(reader(data), entry, max_bytes=1000))) for entry in directory.entries
    ] == members
