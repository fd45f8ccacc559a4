"""The HDF5 reader: it ends on any bytes, follows nothing out of the file, and says what it does not understand."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.builtin.scanners.keras_config.examples import external_link, hdf5_file
from bascule.plugins.readers import Malformed, Truncated, hdf5
from bascule.plugins.testing import MemoryFile

UNDEFINED = b"\xff" * 8
WANTED = frozenset(["model_config"])
SAMPLE = hdf5_file(
    {"keras_version": b"2.15.0", "model_config": b'{"class_name": "Sequential"}'},
    [external_link("far", "other.h5", "/x")],
)


def contents(data: bytes) -> hdf5.Contents:
    found = hdf5.read_contents(MemoryFile("m.h5", data).read, len(data), WANTED)
    if found.faults:
        raise found.faults[0]
    return found


def link(name: bytes, kind: int, value: bytes) -> tuple[int, bytes]:
    return 0x06, bytes([1, 8, kind, len(name)]) + name + value


def newer(body: bytes, version: int = 2) -> bytes:
    """A file of superblock 2 or 3 whose root is an object header of version 2 with the messages in `body`."""
    head = hdf5.SIGNATURE + bytes([version, 8, 8, 0]) + struct.pack("<Q", 0) + UNDEFINED
    root = b"OHDR\x02\x02" + struct.pack("<I", len(body)) + body + bytes(4)
    return head + struct.pack("<QQ", 48 + len(root), 48) + bytes(4) + root


def short_message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + struct.pack("<HB", len(body), 0) + body


def older(symbols: list[tuple[bytes, int, int]]) -> bytes:
    """A file whose root group is a symbol table of (name, cache type, address of the header)."""
    heap_data = b"\0" * 8 + b"".join(name + b"\0" for name, _, _ in symbols)
    tree_at = 136
    node_at = tree_at + 48
    heap_at = node_at + 8 + 40 * len(symbols)
    end = heap_at + 32 + len(heap_data)
    message = struct.pack("<HHB3xQQ", 0x11, 16, 0, tree_at, heap_at)
    root = struct.pack("<BxHII4x", 1, 1, 1, len(message)) + message
    tree = b"TREE\0\0" + struct.pack("<H", 1) + UNDEFINED * 2 + struct.pack("<QQQ", 0, node_at, 8)
    rows, at = b"", 8
    for name, cache, address in symbols:
        rows += struct.pack("<QQI4x16x", at, address, cache)
        at += len(name) + 1
    node = b"SNOD\x01\0" + struct.pack("<H", len(symbols)) + rows
    heap = b"HEAP\0\0\0\0" + struct.pack("<QQQ", len(heap_data), 0, heap_at + 32) + heap_data
    return hdf5_file({})[:40] + struct.pack("<Q", end) + UNDEFINED + hdf5_file({})[56:96] + root + tree + node + heap


def test_a_variable_length_string_is_read_from_the_global_heap() -> None:
    (attribute,) = contents(SAMPLE).attributes
    assert (attribute.path, attribute.name, attribute.value) == ("/", "model_config", b'{"class_name": "Sequential"}')


def test_an_external_link_is_told_and_not_followed() -> None:
    (place,) = contents(SAMPLE).outside
    assert (place.path, place.how, place.target) == ("/far", "external link", "other.h5")


def test_a_soft_link_is_counted_and_leads_nowhere() -> None:
    found = contents(hdf5_file({}, [link(b"soft", 1, struct.pack("<H", 2) + b"/x")]))
    assert (found.soft_links, found.objects, found.outside) == (1, 1, ())


def test_a_link_of_a_kind_of_its_own_leads_out() -> None:
    (place,) = contents(hdf5_file({}, [link(b"own", 70, bytes(4))])).outside
    assert place.how == "user-defined link of type 70"


def test_a_hard_link_to_its_own_group_ends() -> None:
    assert contents(hdf5_file({}, [link(b"me", 0, struct.pack("<Q", 96))])).objects == 1


def test_symbol_tables_are_walked() -> None:
    found = contents(older([(b"itself", 0, 96), (b"soft", 2, 96)]))
    assert (found.objects, found.soft_links, found.missed) == (1, 1, ())


def test_an_index_that_leads_into_itself_is_malformed() -> None:
    data = bytearray(older([(b"x", 0, 96)]))
    data[168:176] = struct.pack("<Q", 136)
    with pytest.raises(Malformed, match="into itself"):
        contents(bytes(data))


def test_external_storage_is_told_by_the_file_it_names() -> None:
    # The list of files stands before the heap that names them: a group's own heap serves.
    data = older([(b"raw.bin", 0, 96)])
    heap_at = data.index(b"HEAP")
    body = struct.pack("<B3xHHQQQQ", 1, 1, 1, heap_at, 8, 0, 16)
    dataset = struct.pack("<BxHII4x", 1, 1, 1, 8 + len(body)) + struct.pack("<HHB3x", 7, len(body), 0) + body
    built = bytearray(data + dataset)
    built[40:48] = struct.pack("<Q", len(built))
    row = data.index(b"SNOD") + 8
    built[row + 8 : row + 16] = struct.pack("<Q", len(data))
    (place,) = contents(bytes(built)).outside
    assert (place.path, place.how, place.target) == ("/raw.bin", "external storage", "raw.bin")


@pytest.mark.parametrize("version", [2, 3])
def test_newer_headers_are_read(version: int) -> None:
    kind, body = external_link("far", "other.h5", "/x")
    (place,) = contents(newer(short_message(kind, body), version)).outside
    assert place.target == "other.h5"


def test_a_virtual_dataset_leads_out() -> None:
    assert contents(newer(short_message(0x08, bytes([4, 3]) + bytes(12)))).outside[0].how == "virtual dataset"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (newer(short_message(0x02, bytes(2) + struct.pack("<QQ", 64, 96))), "links in dense storage"),
        (newer(short_message(0x15, bytes(2) + struct.pack("<QQ", 64, 96))), "attributes in dense storage"),
        (newer(bytes([0x0C]) + struct.pack("<HB", 4, 2) + bytes(4)), "a shared message"),
        (newer(b"", version=4), "superblock of version 4"),
    ],
)
def test_what_is_not_understood_is_missed_never_clean(data: bytes, what: str) -> None:
    assert what in contents(data).missed[0]


def test_a_user_block_is_skipped() -> None:
    data = bytearray(bytes(512) + hdf5_file({}, [external_link("far", "other.h5", "/x")]))
    assert contents(bytes(data)).outside[0].target == "other.h5"


@pytest.mark.parametrize("kept", [8, 40, 90, 100, 300, len(SAMPLE) - 1])
def test_a_file_cut_short_is_truncated_or_malformed(kept: int) -> None:
    with pytest.raises(Malformed):
        contents(SAMPLE[:kept])


def test_the_end_of_the_file_is_believed_no_further_than_the_file() -> None:
    with pytest.raises(Truncated, match="says that it ends"):
        contents(SAMPLE[:-1])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), max_size=12))
def test_any_damage_ends_in_contents_or_malformed(changes: list[tuple[int, int]]) -> None:
    for sample in (SAMPLE, older([(b"a", 0, 96), (b"b", 2, 0)]), newer(short_message(*external_link("f", "o", "/")))):
        data = bytearray(sample)
        for at, value in changes:
            # The structures stand in the first few hundred bytes.
            data[at % min(len(data), 500)] = value
        with contextlib.suppress(Malformed):
            contents(bytes(data))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_after_the_signature_end_in_contents_or_malformed(tail: bytes) -> None:
    with contextlib.suppress(Malformed):
        contents(hdf5.SIGNATURE + tail)


def test_a_broken_object_hides_no_other() -> None:
    data = hdf5_file({"model_config": b"{}"}, [link(b"broken", 0, struct.pack("<Q", 8))])
    found = hdf5.read_contents(MemoryFile("m.h5", data).read, len(data), WANTED)
    assert (len(found.attributes), len(found.faults)) == (1, 1)


def test_many_names_in_one_long_heap_take_no_more_than_a_moment() -> None:
    long = older([(b"x" * (1 << 20), 0, 96)] + [(b"", 2, 96)] * 5_000)
    found = hdf5.read_contents(MemoryFile("m.h5", long).read, len(long), WANTED)
    assert "more than 4096 bytes" in found.missed[0]
