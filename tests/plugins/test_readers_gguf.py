"""The GGUF reader: total, bounded, and of one mind with a careful loader."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.plugins.readers import Malformed, Truncated, gguf, text
from bascule.plugins.testing import MemoryFile

STRING, ARRAY, U32, F32, BOOL, U64 = 8, 9, 4, 6, 7, 10
Value = tuple[int, object]


class Builder:
    """Writes GGUF of any version and byte order; every number can be set wrong."""

    def __init__(self, version: int = 3, order: str = "<") -> None:
        self.version = version
        self.order = order
        self.keys: list[bytes] = []
        self.tensors: list[bytes] = []
        self.data = b""
        self.alignment = 32

    def pack(self, code: str, *values: object) -> bytes:
        return struct.pack(self.order + code, *values)

    def length(self, value: int) -> bytes:
        return self.pack("I" if self.version == 1 else "Q", value)

    def text(self, value: str | bytes) -> bytes:
        data = value.encode() if isinstance(value, str) else value
        return self.length(len(data)) + data

    def value(self, kind: int, value: object) -> bytes:
        if kind == STRING:
            assert isinstance(value, str | bytes)
            return self.text(value)
        if kind == ARRAY:
            assert isinstance(value, tuple)
            inner, items = value
            return self.pack("I", inner) + self.length(len(items)) + b"".join(self.value(inner, i) for i in items)
        return self.pack({U32: "I", F32: "f", BOOL: "?", U64: "Q", 0: "B", 1: "b", 5: "i", 12: "d"}[kind], value)

    def key(self, name: str | bytes, kind: int, value: object) -> Builder:
        self.keys.append(self.text(name) + self.pack("I", kind) + self.value(kind, value))
        return self

    def raw_key(self, data: bytes) -> Builder:
        self.keys.append(data)
        return self

    def tensor(
        self, name: str, shape: tuple[int, ...], kind: int = 0, offset: int | None = None, size: int = 0
    ) -> Builder:
        at = len(self.data) if offset is None else offset
        dimensions = b"".join(self.length(length) for length in shape)
        self.tensors.append(self.text(name) + self.pack("I", len(shape)) + dimensions + self.pack("IQ", kind, at))
        self.data += bytes(size + -size % self.alignment)
        return self

    def build(self, keys: int | None = None, tensors: int | None = None) -> bytes:
        head = b"GGUF" + self.pack("I", self.version)
        head += self.length(len(self.tensors) if tensors is None else tensors)
        head += self.length(len(self.keys) if keys is None else keys)
        head += b"".join(self.keys) + b"".join(self.tensors)
        return head + bytes(-len(head) % self.alignment) + self.data


def read(data: bytes) -> gguf.Header:
    file = MemoryFile("m.gguf", data)
    return gguf.read_header(file.read, len(data))


def model(version: int = 3, order: str = "<") -> Builder:
    return (
        Builder(version, order)
        .key("general.architecture", STRING, "llama")
        .key("llama.block_count", U32, 2)
        .key("general.tags", ARRAY, (STRING, ["chat", "small"]))
        .key("tokenizer.ggml.scores", ARRAY, (F32, [0.5, -1.0]))
        .key("flag", BOOL, True)
        .tensor("a", (64, 2), 0, size=512)
        .tensor("b", (32,), 8, size=34)
    )


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_version_and_byte_order_reads_the_same(version: int, order: str) -> None:
    header = read(model(version, order).build())
    assert (header.version, header.byte_order) == (version, "little" if order == "<" else "big")
    assert header.text("general.architecture") == "llama"
    assert header.keys["llama.block_count"] == 2
    assert header.texts("general.tags") == ("chat", "small")
    assert header.keys["tokenizer.ggml.scores"] == gguf.Array(2, (0.5, -1.0))
    assert header.keys["flag"] is True
    assert header.parameters == 64 * 2 + 32
    assert [(tensor.name, tensor.type, tensor.size_bytes) for tensor in header.tensors] == [
        ("a", "F32", 512),
        ("b", "Q8_0", 34),
    ]


def test_long_arrays_are_counted_whole_and_kept_in_part() -> None:
    tokens = [f"t{n}" for n in range(gguf.MAX_KEPT_ITEMS + 500)]
    header = read(Builder().key("tokens", ARRAY, (STRING, tokens)).key("after", U32, 7).build())
    array = header.keys["tokens"]
    assert isinstance(array, gguf.Array)
    assert (array.count, len(array.items), array.complete) == (len(tokens), gguf.MAX_KEPT_ITEMS, False)
    assert header.keys["after"] == 7


def test_nested_arrays_are_read_to_a_bounded_depth() -> None:
    value: Value = (U32, [1, 2])
    for _ in range(gguf.MAX_DEPTH - 1):
        value = (ARRAY, [value])
    assert read(Builder().key("k", ARRAY, value).build()).keys
    with pytest.raises(Malformed, match="deeper"):
        read(Builder().key("k", ARRAY, (ARRAY, [value])).build())


def test_half_characters_in_values_are_kept_readable() -> None:
    assert read(Builder().key("k", STRING, b"\xe2\x96").build()).text("k") == "\\xe2\\x96"


MALFORMED = {
    "no magic": b"GGML" + bytes(20),
    "more keys than any file": model().build(keys=1 << 62),
    "more tensors than any file": model().build(tensors=1 << 62),
    "a key of no length": Builder().key("", U32, 1).build(),
    "a key that is not UTF-8": Builder().key(b"\xff", U32, 1).build(),
    "a key given twice": Builder().key("k", U32, 1).key("k", U32, 2).build(),
    "a string longer than any file": Builder().raw_key(struct.pack("<Q", 1 << 63) + bytes(16)).build(),
    "a value of no known type": Builder().raw_key(struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99)).build(),
    "an array of no known type": Builder().raw_key(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 99, 0)).build(),
    "an array longer than any file": Builder()
    .raw_key(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 1 << 61) + bytes(64))
    .build(),
    "a boolean of two": Builder().raw_key(struct.pack("<Q", 1) + b"k" + struct.pack("<I", 7) + b"\x02").build(),
    "five dimensions": Builder().tensor("a", (1, 1, 1, 1, 1), size=32).build(),
    "dimensions that overflow": Builder().tensor("a", (1 << 40, 1 << 40), size=32).build(),
    "an offset that wraps round": Builder().tensor("a", (8,), offset=(1 << 64) - 32, size=32).build(),
    "an offset off the alignment": Builder().tensor("a", (8,), offset=8, size=64).build(),
    "tensors that overlap": Builder().tensor("a", (16,), size=64).tensor("b", (8,), offset=32).build(),
    "a tensor given twice": Builder().tensor("a", (8,), size=32).tensor("a", (8,), size=32).build(),
    "rows of half a block": Builder().tensor("a", (40,), 8, size=64).build(),
    "an alignment of zero": Builder().key("general.alignment", U32, 0).build(),
    "an alignment of three": Builder().key("general.alignment", U32, 3).build(),
    "an alignment in words": Builder().key("general.alignment", STRING, "32").build(),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_a_loader_must_refuse_is_malformed(name: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(MALFORMED[name])
    assert not isinstance(caught.value, Truncated | gguf.Unsupported)


def test_what_we_do_not_know_is_unsupported_rather_than_malformed() -> None:
    for data in (Builder(version=4).build(), Builder().tensor("a", (8,), 250, size=32).build()):
        with pytest.raises(gguf.Unsupported):
            read(data)


def test_a_file_cut_anywhere_is_truncated_never_clean() -> None:
    whole = model().build()
    header = read(whole)
    for size in range(header.data_end):
        with pytest.raises(Truncated):
            read(whole[:size])


def test_a_file_under_scan_is_read_once_however_many_ask() -> None:
    file = MemoryFile("m.gguf", model().build())
    assert gguf.header_of(file) is gguf.header_of(file)


def test_a_file_that_cannot_be_read_is_refused_to_each_who_asks() -> None:
    file = MemoryFile("m.gguf", model().build()[:30])
    for _ in range(2):
        with pytest.raises(Malformed):
            gguf.header_of(file)


def test_alignment_moves_the_data() -> None:
    builder = Builder().key("general.alignment", U32, 128)
    builder.alignment = 128
    header = read(builder.tensor("a", (8,), size=32).build())
    assert header.data_start % 128 == 0
    assert header.tensors[0].start == header.data_start


def test_memory_follows_the_bytes_read_not_the_numbers_in_them() -> None:
    claim = (
        Builder().raw_key(struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, (1 << 32) - 1) + bytes(4096)).build()
    )
    tracemalloc.start()
    with pytest.raises(Malformed):
        read(claim)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@settings(max_examples=400)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", b"GGUF\x03\0\0\0", b"GGUF\0\0\0\x03"):
        with contextlib.suppress(Malformed):
            read(start + data)


@settings(max_examples=400)
@given(st.data())
def test_any_byte_changed_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(model(order=data.draw(st.sampled_from("<>"))).build())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        header = read(bytes(whole))
    except Malformed:
        return
    assert all(tensor.start + tensor.size_bytes <= len(whole) for tensor in header.tensors)


# Text.


def test_a_mark_decides_the_encoding_and_a_guess_is_marked() -> None:
    words = "naïve ✓"
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert text.decode(words.encode(encoding)).value == words
    assert text.decode(b"na\xefve") == text.Text("naïve", "latin-1", guessed=True)
    assert not text.decode(words.encode()).guessed


def test_bytes_that_break_their_mark_are_malformed() -> None:
    with pytest.raises(Malformed, match="utf-16-le"):
        text.decode(b"\xff\xfea")


def test_text_is_never_cut_quietly() -> None:
    file = MemoryFile("a", b"x" * 100)
    with pytest.raises(Malformed, match="100 bytes"):
        text.read_text(file.read, 100, limit_bytes=99)
    assert list(text.Text("a\nb", "utf-8").lines()) == [(1, "a"), (2, "b")]
    with pytest.raises(Malformed, match="lines"):
        list(text.Text("a\nb", "utf-8").lines(limit=1))
