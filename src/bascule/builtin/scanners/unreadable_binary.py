"""Binaries that nothing here can read: unknown is never a pass, and never an accusation either.

Rules: machine code in a model repository is `true`, because nobody reviewing a model can say what it does; a format
that no reader here understands yet is `not-available`, with what to do about it; a format whose reader answers for it
is not this scanner's business, nor is an archive that can be opened: its members are shown to every scanner.
"""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Iterator

from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, programs
from bascule.plugins.readers.media import (
    ARROW,
    CATBOOST,
    CTRANSLATE2,
    ELF,
    FASTTEXT,
    GGML,
    JAVA_CLASS,
    MACH_O,
    ONNX,
    PADDLE_TENSORS,
    PYTHON_BYTECODE,
    RAR,
    RKNN,
    SQLITE,
    TENSORRT,
    TF_CHECKPOINT,
    UNKNOWN,
    WASM,
    WINDOWS_PROGRAM,
    XGBOOST,
)
from bascule.plugins.readers.onnx import read_model
from bascule.plugins.readers.protobuf import write
from bascule.records import Finding, Outcome, Severity

RULE = "unreadable-binary"

_CONVERT = "publish the weights as safetensors or GGUF, which are read to the last byte, or have this file reviewed"
_UNPACK = "publish the files unpacked, or in a zip or tar archive"
# Formats known by name that no reader here looks into: what they are, and what would help.
_UNREAD: dict[str, tuple[str, str]] = {
    CTRANSLATE2: ("a CTranslate2 model", _CONVERT),
    FASTTEXT: ("a fastText model", _CONVERT),
    XGBOOST: ("an XGBoost model in a binary form", "save it as JSON, which is read"),
    CATBOOST: ("a CatBoost model", "export it as JSON or ONNX, which are read"),
    TENSORRT: (
        "a TensorRT engine: code for one GPU, and perhaps plug-ins, that its runtime runs",
        "publish the ONNX graph it was built from, and build the engine where it runs",
    ),
    RKNN: ("a model compiled for Rockchip's NPU", "publish the ONNX graph it was compiled from"),
    GGML: ("a GGML file from before GGUF", "convert it to GGUF, which is read to the last byte"),
    PADDLE_TENSORS: ("tensors of PaddlePaddle", _CONVERT),
    TF_CHECKPOINT: ("the index of a TensorFlow checkpoint; its tensors lie beside it", _CONVERT),
    ARROW: ("an Arrow file", "publish the table as Parquet, CSV or JSON lines"),
    SQLITE: ("an SQLite database", "publish its tables as CSV, JSON lines or Parquet"),
    RAR: ("a RAR archive", _UNPACK),
    UNKNOWN: ("a binary whose format no reader here knows", _CONVERT),
}
_PROGRAMS = {
    ELF: "an ELF program or library",
    WINDOWS_PROGRAM: "a Windows program or library",
    MACH_O: "a macOS program or library",
    WASM: "a WebAssembly module",
    JAVA_CLASS: "a Java class",
    PYTHON_BYTECODE: "compiled Python, which runs when it is imported and may differ from the source beside it",
}

META = Meta(
    id="unreadable_binary",
    title="Binaries that nobody here can read",
    rules=(
        Rule(
            id=RULE,
            question="Is there machine code, or a binary that no reader understands?",
            severity=Severity.MEDIUM,
            remedy="remove the compiled code and ship its source, or build it where you review it",
            why="what cannot be read cannot be called clean, and compiled code runs with all the rights of whoever "
            "loads the model",
            references=("CWE-829", "CWE-1357", "MITRE ATLAS AML.T0010"),
        ),
    ),
    reads=Reads(media_types=(*_UNREAD, *_PROGRAMS)),
    limits=("it says that a file was not understood, not that it is harmful",),
)


class UnreadableBinary:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """One finding at most."""
        if file.media_type in _PROGRAMS:
            yield _finding(Outcome.TRUE, f"this is {_PROGRAMS[file.media_type]}", META.rules[0].remedy)
        elif not (file.media_type == UNKNOWN and (is_sentencepiece(file) or is_data_of_a_graph(file))):
            what, remedy = _UNREAD[file.media_type]
            if file.media_type != UNKNOWN and (found := _program_within(file)) is not None:
                yield _finding(Outcome.TRUE, f"this is {what}, with {found.what} at offset {found.offset:#x}", remedy)
            yield _finding(Outcome.NOT_AVAILABLE, f"this is {what}; its content was not examined", remedy)


def _program_within(file: ScanFile) -> programs.Found | None:
    """A program or pickle in the first megabyte of a format that has no place for one."""
    data = file.read(0, min(_SEARCHED_BYTES, file.size_bytes))
    found = programs.search(data)
    return next((item for item in found if item.nature is programs.Nature.RUNS), None)


def _finding(outcome: Outcome, message: str, remedy: str) -> Finding:
    severity = Severity.MEDIUM if outcome is Outcome.TRUE else Severity.LOW
    return Finding(rule=RULE, outcome=outcome, severity=severity, message=message, remedy=remedy)


_SEARCHED_BYTES = 1 << 20
_GRAPHS_TRIED = 16
_GAP_BYTES = 1 << 16


def is_data_of_a_graph(file: ScanFile) -> bool:
    """Does an ONNX graph beside it account for every byte, as numbers of its tensors?

    Between tensors there may be zeros, up to a page of the largest kind, since writers align them.
    """
    graphs = [row for row in file.listing if row.media_type == ONNX and _may_name(row.path, file.path)]
    spans: list[tuple[int, int]] = []
    for row in graphs[:_GRAPHS_TRIED]:
        graph = file.neighbour(row.path)
        if graph is None:
            continue
        try:
            outside = read_model(graph.read, graph.size_bytes).externals
        except Malformed:
            continue
        above = posixpath.dirname(row.path)
        for tensor in outside:
            if posixpath.normpath(posixpath.join(above, tensor.location)) == file.path:
                end = file.size_bytes if tensor.length is None else tensor.offset + tensor.length
                spans.append((tensor.offset, end))
    at = 0
    for start, end in sorted(spans):
        if start > at and not _is_padding(file, at, start):
            return False
        at = max(at, end)
    return bool(spans) and (at == file.size_bytes or _is_padding(file, at, file.size_bytes))


def _may_name(graph: str, data: str) -> bool:
    """A graph in the folder of the data, or above it."""
    above = posixpath.dirname(graph)
    return not above or data.startswith(f"{above}/")


def _is_padding(file: ScanFile, start: int, end: int) -> bool:
    return 0 <= end - start <= _GAP_BYTES and not file.read(start, end - start).strip(b"\0")


_SENTENCEPIECE_BYTES = 64 << 20
_PIECES, _SPECS = 1, (2, 3, 4, 5)


def is_sentencepiece(file: ScanFile) -> bool:
    """A SentencePiece vocabulary to its last byte: passive data that most tokenizers of language models ship.

    A protobuf whose fields are pieces (1), then trainer, normaliser, self-test and denormaliser (2 to 5), all of them
    length-delimited. Source: `sentencepiece_model.proto` of google/sentencepiece, message ModelProto.
    """
    if not 0 < file.size_bytes <= _SENTENCEPIECE_BYTES:
        return False
    data = file.read(0, file.size_bytes)
    at = pieces = 0
    while at < len(data):
        tag = data[at]
        length, at = _varint(data, at + 1)
        if tag & 7 != 2 or at + length > len(data) or length < 0:
            return False
        if tag >> 3 == _PIECES:
            # A piece opens with its text, field 1.
            if length < 2 or data[at] != 0x0A:
                return False
            pieces += 1
        elif tag >> 3 not in _SPECS:
            return False
        at += length
    return pieces > 0


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            return -1, at
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    return -1, at


def _pieces(count: int) -> bytes:
    body = b"".join(
        b"\x0a\x0c\x0a\x05" + b"\xe2\x96\x81" + b"%02d" % (n % 100) + b"\x15\0\0\x80\xbf" for n in range(count)
    )
    return body + b"\x12\x02\x18\x01"


def _graph(size_bytes: int) -> bytes:
    """An ONNX graph of one tensor of bytes, which lie beside it."""
    entries = {"location": "model.onnx_data", "offset": "0", "length": str(size_bytes)}
    pairs = b"".join(write(13, write(1, key) + write(2, value)) for key, value in entries.items())
    tensor = write(1, size_bytes) + write(2, 2) + write(8, "w") + pairs + write(14, 1)
    return write(1, 8) + write(2, "bascule") + write(7, write(2, "g") + write(5, tensor))


def _zip(name: bytes) -> bytes:
    """A zip of one empty member."""
    common = struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0)
    local = b"PK\x03\x04" + common + name
    index = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + name
    return local + index + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(index), len(local), 0)


_EXAMPLES = (
    Example("a compiled library", lambda: {"lib/fast.so": b"\x7fELF\x02\x01\x01" + bytes(64)}, {RULE: Outcome.TRUE}),
    Example("a Windows program", lambda: {"setup.exe": b"MZ\x90\0" + bytes(96)}, {RULE: Outcome.TRUE}),
    Example(
        "weights in an unknown format", lambda: {"model.bin": b"\xee\xdd\x01\0" * 40}, {RULE: Outcome.NOT_AVAILABLE}
    ),
    Example(
        "tensors of a graph beside it",
        lambda: {"model.onnx": _graph(160), "model.onnx_data": b"\xee\xdd\x01\0" * 40},
        {RULE: Outcome.FALSE},
    ),
    Example(
        "more than the tensors of a graph beside it",
        lambda: {"model.onnx": _graph(80), "model.onnx_data": b"\xee\xdd\x01\0" * 40},
        {RULE: Outcome.NOT_AVAILABLE},
    ),
    Example("a TensorRT engine", lambda: {"m.engine": b"ftrt" + bytes(60)}, {RULE: Outcome.NOT_AVAILABLE}),
    Example("a CatBoost model", lambda: {"m.cbm": b"CBM1" + bytes(60)}, {RULE: Outcome.NOT_AVAILABLE}),
    Example("an XGBoost model", lambda: {"m.model": b"binf" + bytes(60)}, {RULE: Outcome.NOT_AVAILABLE}),
    Example("an HDF5 file", lambda: {"m.h5": b"\x89HDF\r\n\x1a\n" + bytes(64)}, {RULE: Outcome.NOT_APPLICABLE}),
    Example("a SentencePiece vocabulary", lambda: {"tokenizer.model": _pieces(40)}, {RULE: Outcome.FALSE}),
    Example("a zip of text", lambda: {"more.zip": _zip(b"train.py")}, {RULE: Outcome.NOT_APPLICABLE}),
    Example("a RAR archive", lambda: {"more.rar": b"Rar!\x1a\x07\x01\0" + bytes(64)}, {RULE: Outcome.NOT_AVAILABLE}),
    Example("a PyTorch zip", lambda: {"model.pt": _zip(b"model/data.pkl")}, {RULE: Outcome.NOT_APPLICABLE}),
    Example("text", lambda: {"README.md": b"# A model\n"}, {RULE: Outcome.NOT_APPLICABLE}),
)

plugin = UnreadableBinary()
