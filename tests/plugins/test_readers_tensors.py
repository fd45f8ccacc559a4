"""Where tensors lie: one list for each format, the same numbers as the format's own writer put down."""

from __future__ import annotations

import io
import json
import struct

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.plugins.readers import Malformed, Truncated, media, safetensors
from bascule.plugins.readers.tensors import READABLE, Layout, read_layout
from bascule.plugins.testing import MemoryFile


def layout_of(data: bytes, media_type: str) -> Layout:
    return read_layout(MemoryFile("m", data).read, len(data), media_type)


def safe(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def row(begin: int, end: int) -> dict[str, object]:
    return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}


def test_safetensors_lie_behind_the_header_in_the_order_of_their_bytes() -> None:
    data = safe({"b": row(4, 8), "a": row(0, 4)}, b"aaaabbbb")
    layout = layout_of(data, media.SAFETENSORS)
    assert [(tensor.name, data[tensor.start : tensor.end]) for tensor in layout.tensors] == [
        ("a", b"aaaa"),
        ("b", b"bbbb"),
    ]
    assert layout.gaps == ()


def test_holes_and_what_follows_are_gaps() -> None:
    data = safe({"a": row(0, 4), "b": row(6, 8)}, b"aaaa!!bb????")
    layout = layout_of(data, media.SAFETENSORS)
    assert [data[start:end] for start, end in layout.gaps] == [b"!!", b"????"]


def test_an_array_file_is_one_tensor() -> None:
    buffer = io.BytesIO()
    numpy.save(buffer, numpy.arange(6, dtype="<f4").reshape(2, 3))
    data = buffer.getvalue() + b"behind"
    (tensor,) = layout_of(data, media.NPY).tensors
    assert (tensor.dtype, tensor.shape, tensor.size_bytes) == ("F32", (2, 3), 24)
    assert [data[start:end] for start, end in layout_of(data, media.NPY).gaps] == [b"behind"]


@pytest.mark.parametrize("media_type", READABLE)
@given(data=st.binary(max_size=300))
def test_any_bytes_give_a_layout_inside_the_file_or_an_error(media_type: str, data: bytes) -> None:
    try:
        layout = layout_of(data, media_type)
    except Malformed:
        return
    assert all(0 <= tensor.start <= tensor.end <= len(data) for tensor in layout.tensors)
    assert all(0 <= start < end <= len(data) for start, end in layout.gaps)


def test_a_format_without_tensors_is_refused() -> None:
    with pytest.raises(Malformed):
        layout_of(b"{}", media.JSON)


@pytest.mark.parametrize(
    ("header", "data", "message", "loader"),
    [
        (
            '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}',
            2,
            "stands twice",
            "take the last",
        ),
        ('{"a":{"dtype":"U8","dtype":"I8","shape":[2],"data_offsets":[0,2]}}', 2, "stands twice", "refuses"),
        ('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"x":1}}', 2, "nothing else", "ignores"),
        ('{"a":["U8",[2],[0,2]]}', 2, "as a list", "loads the file"),
        ('{"__metadata__":{"n":1}}', 0, "is not text", "refuses"),
        ('{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,2]}}', 2, "unknown type", "refuses"),
        ('{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}', 2, "need 1.5", "refuses"),
        ('{"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}}', 0, "passes 64 bits", "refuses"),
        ('{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}', 2, "takes -2 bytes", "refuses"),
        ('{"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}}', 2, "whole numbers", "refuses"),
        ('{"a\\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 2, "half a character", "refuses"),
        ('{"a":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', 3, "leaves a hole", "refuses"),
        ('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 3, "follow the last", "refuses"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_a_fault_is_told_with_what_the_reference_loader_makes_of_it(
    header: str, data: int, message: str, loader: str
) -> None:
    raw = struct.pack("<Q", len(header)) + header.encode() + bytes(data)
    fault, *_ = safetensors.survey(MemoryFile("m", raw).read, len(raw)).faults
    assert message in fault.message
    assert loader in fault.loader
    with pytest.raises(Malformed):
        safetensors.read_header(MemoryFile("m", raw).read, len(raw))


@pytest.mark.parametrize("header", ['{"__metadata__":null}', "{} \n\t "])
def test_what_the_reference_loader_takes_without_harm_is_no_fault(header: str) -> None:
    raw = struct.pack("<Q", len(header)) + header.encode()
    assert safetensors.survey(MemoryFile("m", raw).read, len(raw)).faults == ()


def test_a_header_too_large_to_parse_is_neither_sound_nor_blamed() -> None:
    size = safetensors.MAX_READ_BYTES + 1

    def read(offset: int, count: int) -> bytes:
        return struct.pack("<Q", size) if offset == 0 else bytes(count)

    with pytest.raises(safetensors.TooLarge):
        safetensors.survey(read, size + 8)


def test_a_file_cut_short_is_truncated_not_faulty() -> None:
    data = safe({"a": row(0, 4)}, b"aa")
    with pytest.raises(Truncated):
        safetensors.survey(MemoryFile("m", data).read, len(data))
