"""Media types come from bytes, not from names; what could be unpickled is a pickle, whatever it wears."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.plugins.readers import media
from bascule.plugins.readers.media import classify, looks_like_pickle, media_type_of
from bascule.plugins.readers.names import text_of
from bascule.plugins.readers.pickle_shape import Shape, pickle_shape
from bascule.plugins.registry import working
from bascule.records import ArtefactKind

# os.system called with "id", in protocol 0 without its optional mark; never loaded by anything here.
CALL = b"cos\nsystem\n(S'id'\ntR."


class Calls:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("id",)


def kind_of(data: bytes, path: str = "file") -> str:
    return media_type_of(data[:65536], len(data), path)


def safetensors(header: bytes = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', length: int = -1) -> bytes:
    return struct.pack("<Q", len(header) if length < 0 else length) + header + bytes(4)


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, b"x")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        file.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


OBJECTS = [Calls(), [Calls()], OrderedDict(a=1), {"a": [1, (2, 3)]}, [list(range(1000))], "é" * 300, 2**80, {1}, b"x"]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", ["model.safetensors", "README.md", "model.gguf", "picture.png"])
def test_a_pickle_is_a_pickle_whatever_its_name(value: object, protocol: int, name: str) -> None:
    assert kind_of(pickle.dumps(value, protocol), name) == media.PICKLE


@pytest.mark.parametrize(
    "opening",
    [
        b"",
        b"N0",
        b"(1",
        b"I1\n.",
        b"GIF89a\0\0\x00",
        b"MZ\0",
        b"\x8c\x04RIFF0",
        b"X\x03\0\0\0abc0",
        b"U\x08xxTFL3xx0",
        b"G\0\0\0\0\0\0\0{0",
        b"GGUF\x03\0\0\0\0",
    ],
    ids=repr,
)
def test_a_call_behind_another_magic_is_still_a_pickle(opening: bytes) -> None:
    assert kind_of(opening + CALL) == media.PICKLE


@pytest.mark.parametrize("names", [b"my mod\nfoo", "m\u00f6 d\nf \u00f6".encode(), b"m\tod\nfoo"], ids=repr)
def test_a_call_of_a_module_whose_name_holds_a_space_is_a_pickle(names: bytes) -> None:
    for opcodes in (b"c" + names + b"\n(tR.", b"c" + names + b"\n(tR.# prose\n", b"c" + names + b"\n]\x85R"):
        assert kind_of(opcodes, "README.md") == media.PICKLE
    assert pickle_shape(b"(I1\ni" + names + b"\n.") is Shape.PLAUSIBLE


def test_a_call_behind_a_string_longer_than_the_sample_is_not_a_text() -> None:
    assert kind_of(b"V" + b"a" * 100_000 + b"\n0" + CALL, "notes.txt") == media.PICKLE
    assert kind_of(b"X" + struct.pack("<L", 100_000) + b"a" * 100_000 + b"0" + CALL, "notes.txt") == media.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "cryptography\nnumpy\nscipy\n",
        "cat\ndog\nelephant\n",
        "import os\nimport sys\n",
        "N. Smith wrote this.\n",
        "N. Übung macht den Meister.\n",
        "I am a model card.\n",
        "(This is a remark.)\n",
        "(see below)\nVersion 1.0\n",
        "(in short, a\nfew words)\nVersion 1.0\n",
        "cats and dogs\nand more\nN. Smith\n",
        "capital letters of\nthe alphabet\n.gitignore\n",
        "const a = 1; " * 8000,
        "}\n",
        "]\n",
        "PARENT_DIRECTORY\n",
        "MZ is a language code\n",
        "GGUF is a format\n",
        "BZh\n",
        "The quick brown fox " * 5000,
        "Bonjour " * 20000,
        "XML " * 20000,
    ],
    ids=lambda text: text[:16],
)
def test_prose_is_not_a_pickle_nor_a_program(text: str) -> None:
    assert kind_of(text.encode()) == media.TEXT


@given(st.text("abcdefghi .\n()IVNScopq'", max_size=200))
def test_a_short_prose_like_text_is_text_unless_its_opcodes_make_sense(text: str) -> None:
    data = text.encode()
    if data and pickle_shape(data) is Shape.NO:
        assert kind_of(data) == media.TEXT


@given(st.binary(max_size=400), st.integers(0, 1 << 40), st.text(max_size=20))
def test_any_bytes_have_a_type_and_a_kind(data: bytes, more: int, path: str) -> None:
    told = media_type_of(data, len(data) + more, path)
    assert "/" in told
    assert classify(path, told) in ArtefactKind


@given(st.binary(max_size=200))
def test_more_bytes_never_undo_a_call(tail: bytes) -> None:
    assert pickle_shape(CALL + tail) is Shape.CALLS


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_cut_anywhere_behind_its_mark_or_call_is_never_a_picture(protocol: int) -> None:
    data = pickle.dumps(Calls(), protocol)
    for length in range(2 if protocol >= 2 else len(data) - 1, len(data)):
        assert kind_of(data[:length]) == media.PICKLE


def test_nothing_is_empty() -> None:
    assert media_type_of(b"", 0, "model.safetensors") == media.EMPTY


@pytest.mark.parametrize("length", [2, 71, 128, 129, 384, 640, 5_000_000, 99_000_000])
def test_safetensors_with_a_header_that_lies_is_safetensors(length: int) -> None:
    """128, 384 and 640 begin with the bytes that open a pickle of protocol 0, 1 and 2."""
    assert kind_of(safetensors(length=length)) == media.SAFETENSORS


BINARIES = {
    media.GGUF: b"GGUF\x03\0\0\0" + bytes(16),
    media.TORCH_ZIP: zipped("archive/data.pkl", "archive/data/0"),
    media.NPZ: zipped("arr_0.npy"),
    media.ZIP: zipped("a.txt", "b.txt"),
    media.TAR: tarred(),
    media.GZIP: gzip.compress(b"x", mtime=0),
    media.ZLIB: zlib.compress(b"x" * 99),
    media.BZIP2: bz2.compress(b"x"),
    media.NPY: b"\x93NUMPY\x01\0" + bytes(20),
    media.HDF5: b"\x89HDF\r\n\x1a\n" + bytes(64),
    media.TFLITE: b"\x1c\0\0\0TFL3" + bytes(64),
    media.ONNX: b"\x08\x09\x12\x07pytorch\x1a\x052.1.0" + bytes(40),
    media.SAVED_MODEL: b"\x08\x01\x12\x96\x01\n\0" + bytes(40),
    media.CTRANSLATE2: b"\x06\0\0\0\x0c\0WhisperSpec\0\x03\0\0\0" + bytes(40),
    media.FASTTEXT: struct.pack("<ii", 793712314, 12) + bytes(60),
    media.MSGPACK: b"\x85\xa5nodes\x91\x83\xa4name" + bytes(40),
    media.PARQUET: b"PAR1\x15\x04\x15\x80" + bytes(40),
    media.SQLITE: b"SQLite format 3\0" + bytes(84),
    media.ELF: b"\x7fELF\x02\x01\x01" + bytes(60),
    media.WINDOWS_PROGRAM: b"MZ\x90\0\x03" + bytes(60),
    media.MACH_O: b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(40),
    media.JAVA_CLASS: b"\xca\xfe\xba\xbe\0\0\0\x37" + bytes(40),
    media.PYTHON_BYTECODE: b"\xa7\r\r\n\0\0\0\0" + bytes(40),
    media.UNKNOWN: struct.pack("<8f", *(0.1 * n - 0.3 for n in range(8))) * 100,
    "image/gif": b"GIF89a\x10\0\x10\0\xf0\0\0" + bytes(40),
    "image/png": b"\x89PNG\r\n\x1a\n" + bytes(40),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
}


@pytest.mark.parametrize("kind", BINARIES)
@pytest.mark.parametrize("name", ["x", "model.safetensors", "README.md", "weights.pkl"])
def test_a_binary_is_told_by_its_bytes_alone(kind: str, name: str) -> None:
    assert kind_of(BINARIES[kind], name) == kind


@pytest.mark.parametrize("first", ["m/data.pkl", "m/constants.pkl", "m/version", "m/code/__torch__.py", "m/data/0"])
def test_torchscript_is_a_torch_zip_whichever_member_comes_first(first: str) -> None:
    assert kind_of(zipped(first, "m/other")) == media.TORCH_ZIP


def test_hdf5_behind_a_user_block_is_hdf5() -> None:
    assert kind_of(bytes(2048) + b"\x89HDF\r\n\x1a\n" + bytes(64)) == media.HDF5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252"])
def test_text_is_text_in_any_common_encoding(encoding: str) -> None:
    text = (
        "A model card, with an umlaut: schön.\n"
        if encoding not in ("utf-16-le", "utf-16-be")
        else "A plain card.\n" * 9
    )
    assert kind_of((text * 4).encode(encoding), "notes") == media.TEXT
    assert kind_of((text * 4).encode(encoding), "README.md") == media.MARKDOWN


def test_a_character_cut_by_the_sample_is_still_text() -> None:
    data = "é".encode() * 40_000
    assert media_type_of(data[:65_535], len(data), "x") == media.TEXT


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", "[]", "{}", '\ufeff{"a": 1}', '{"a": "' + "b" * 100_000 + '"}'])
def test_json_is_told_without_a_name(text: str) -> None:
    assert kind_of(text.encode()) == media.JSON


def test_json_nested_without_end_is_looked_at_and_not_fallen_into() -> None:
    assert kind_of(b"[" * 100_000) in (media.JSON, media.TEXT)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("README.md", ArtefactKind.MODEL_CARD),
        ("LICENSE", ArtefactKind.LICENCE),
        ("LICENSE-MIT", ArtefactKind.LICENCE),
        ("THIRD_PARTY_LICENSES.txt", ArtefactKind.LICENCE),
        ("pkg-1.0.dist-info/licenses/COPYING", ArtefactKind.LICENCE),
        ("USE_POLICY.md", ArtefactKind.LICENCE),
        ("config.json", ArtefactKind.ARCHITECTURE),
        ("tokenizer.json", ArtefactKind.TOKENIZER),
        ("vocab.txt", ArtefactKind.TOKENIZER),
        ("chat_template.jinja", ArtefactKind.CHAT_TEMPLATE),
        ("eval_results.json", ArtefactKind.EVALUATION_RESULTS),
        ("data/train.jsonl", ArtefactKind.DATASET),
        ("train.py", ArtefactKind.TRAINING_CODE),
        ("license_check.py", ArtefactKind.INFERENCE_CODE),
        ("tokenizer_utils.py", ArtefactKind.INFERENCE_CODE),
        ("modeling_x.py", ArtefactKind.ARCHITECTURE),
        ("kernel.cu", ArtefactKind.INFERENCE_CODE),
        ("requirements.txt", ArtefactKind.LIBRARIES),
        ("notes.txt", ArtefactKind.UNCLASSIFIED),
    ],
)
def test_a_text_file_is_the_component_that_its_name_says(path: str, kind: ArtefactKind) -> None:
    assert classify(path, kind_of(b"some words of text\n", path)) == kind


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("README.md", media.PICKLE, ArtefactKind.WEIGHTS),
        ("LICENSE", media.SAFETENSORS, ArtefactKind.WEIGHTS),
        ("adapter_model.safetensors", media.SAFETENSORS, ArtefactKind.ADAPTER),
        ("checkpoint-500/model.safetensors", media.SAFETENSORS, ArtefactKind.INTERMEDIATE_WEIGHTS),
        ("model.onnx_data", media.UNKNOWN, ArtefactKind.WEIGHTS),
        ("model.bin", media.CTRANSLATE2, ArtefactKind.WEIGHTS),
        ("ner/model", media.MSGPACK, ArtefactKind.WEIGHTS),
        ("lib/fast.so", media.ELF, ArtefactKind.LIBRARIES),
        ("LICENSE", media.ELF, ArtefactKind.LIBRARIES),
        ("x.parquet", media.PARQUET, ArtefactKind.DATASET),
    ],
)
def test_content_speaks_before_the_name(path: str, kind: str, expected: ArtefactKind) -> None:
    assert classify(path, kind) == expected


@pytest.mark.parametrize("kind", [*media.UNREAD, *media.PROGRAMS])
def test_a_type_without_a_reader_is_some_scanners_to_answer_for(kind: str) -> None:
    """Else a format told by name would pass as clean because nobody was asked."""
    asked = [
        loaded.id
        for loaded in working("scanners")
        if loaded.plugin.meta.reads.match("file", ArtefactKind.WEIGHTS, kind)
    ]
    assert "unreadable_binary" in asked


def test_a_broken_pickle_still_looks_like_one() -> None:
    assert looks_like_pickle(b"\x80\x04\x95" + b"\xff" * 30)
    assert not looks_like_pickle(json.dumps({"a": 1}).encode())


@given(st.lists(st.binary(max_size=12), min_size=2, max_size=2, unique=True))
def test_no_two_names_are_shown_alike(names: list[bytes]) -> None:
    assert text_of(names[0]) != text_of(names[1])


def test_a_literal_escape_is_told_from_the_byte() -> None:
    assert text_of(b"\xff") == "\\xff"
    assert text_of(b"\\xff") == "\\x5cxff"
