"""TensorFlow Lite models: which operators need code that is not in the runtime, and does the file keep to its format?

Rules: every operator code that the file lists counts, whether or not an operator uses it; an operator of TensorFlow
that is carried over (`Flex…`) is judged as the scanner of TensorFlow's graphs does; an index or a length that leaves
its table is a lie, since the runtime trusts the file where it was not built to verify it. A zip behind the model, as
Task metadata is, is told of no more than that it is there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bascule.builtin.scanners.tensorflow_graph import catalogue
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.flatbuffer import Buffer, Table
from bascule.plugins.readers.media import EMPTY, TFLITE, UNKNOWN
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

CUSTOM, DANGEROUS, MALFORMED = "tflite-custom-op", "tflite-dangerous-op", "tflite-malformed"
EXTERNAL = "tflite-external-buffer"

META = Meta(
    id="tflite_model",
    title="TensorFlow Lite models",
    rules=(
        Rule(
            id=DANGEROUS,
            question="Does the model carry an operation that reaches files, connections or Python?",
            severity=Severity.CRITICAL,
            remedy="do not run this model; convert it anew from source that you have read",
            why="operations of TensorFlow can be carried over whole (`Flex`), those that read and write files "
            "included; they run with all the rights of the process",
            references=("CWE-913", "CWE-73", "MITRE ATLAS AML.T0010.003"),
        ),
        Rule(
            id=CUSTOM,
            question="Does the model need operators that the runtime does not have?",
            severity=Severity.MEDIUM,
            remedy="review the library that brings them, or convert the model with built-in operators",
            why="a custom operator is compiled code that is registered before the model runs; what it does is not in "
            "the file, and its options are parsed by whoever wrote it",
            references=("CWE-829", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=EXTERNAL,
            question="Do tensors lie in a file outside the model's folder?",
            severity=Severity.HIGH,
            remedy="convert the model with its buffers inside",
            why="the runtime opens the path that the model gives, and any file of whoever loads it may be read",
            references=("CWE-22", "CWE-73"),
        ),
        Rule(
            id=MALFORMED,
            question="Does this TensorFlow Lite file break its format?",
            severity=Severity.HIGH,
            remedy="do not load this file; fetch it again from its publisher and compare digests",
            why="the runtime is written in C++ and follows indices and lengths of the file; those that leave their "
            "table have been used to read and write memory of the process",
            references=("CVE-2020-15210", "CVE-2021-37681", "CVE-2022-23561", "CWE-125", "CWE-787"),
        ),
    ),
    reads=Reads(media_types=(TFLITE,), names=("*.tflite", "*.lite")),
    limits=(
        "values of tensors are not looked at, nor are the options of operators",
        "a zip behind the model is examined by nobody here; review it by itself",
    ),
)

MAX_TOLD = 50
_CUSTOM_CODE = 32
_PUBLISHED = frozenset(
    [
        *("TFLite_Detection_PostProcess", "edgetpu-custom-op", "ethos-u", "NumericVerify", "AudioSpectrogram", "Mfcc"),
        *("MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Convolution2DTransposeBias", "TransformTensorBilinear"),
        *("TransformLandmarks", "Landmarks2TransformMatrix", "MaxPoolWithArgmax", "Unpool", "ResizeBilinear"),
        *("NGrams", "SentencepieceTokenizeOp", "TFSentencepieceTokenizeOp", "WhitespaceTokenizeWithOffsetsV2"),
        *("Predict", "ExtractFeatures", "Normalize", "RegexReplace", "RandomUniform", "RandomStandardNormal"),
        *("Rfft2d", "Irfft2d", "Roll", "AddN", "Delegate", "HashtableLookup", "SignalStft", "SignalRfft", "XNNPACK"),
        *("ImageRotate", "CastAs", "odml.rms_norm", "odml.scaled_dot_product_attention", "odml.update_kv_cache"),
        *("odml.cache_update", "UpdateKV", "KVCache", "SDPA", "GENAI"),
    ]
)
"""Custom operators that Google's own tools write, for which runtimes bring the code."""
# TensorType: bytes of an element, where it is whole bytes and no string or resource.
_ITEM_BYTES = {0: 4, 1: 2, 2: 4, 3: 1, 4: 8, 6: 1, 7: 2, 8: 8, 9: 1, 10: 8, 11: 16, 12: 8, 15: 4, 16: 2, 18: 2}
_MAX_OPERATORS = 1 << 18


class TfliteModel:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        if file.media_type not in (TFLITE, UNKNOWN):
            said = f"its content is `{file.media_type}`, no TensorFlow Lite model"
            yield from (_finding(rule.id, said, outcome=Outcome.NOT_APPLICABLE) for rule in META.rules)
            return
        told: list[Finding] = []
        try:
            for finding in _judged(Buffer(file.read, file.size_bytes)):
                if len(told) < MAX_TOLD:
                    told.append(finding)
        except Truncated:
            raise
        except Malformed as fault:
            if file.media_type != TFLITE:
                raise
            said = f"breaks the TensorFlow Lite format: {visible(str(fault), 400)}"
            yield _finding(MALFORMED, said)
            for rule in META.rules[:-1]:
                yield _finding(rule.id, "the model could not be read to its end", outcome=Outcome.ERROR)
        yield from told
        yield Coverage(
            start=0, end=min(file.size_bytes, 8), state=State.FINDING if told else State.CLEAN, what="header"
        )


plugin = TfliteModel()


def _judged(buffer: Buffer) -> Iterator[Finding]:
    model = buffer.root()
    codes = [_code(code) for code in model.tables(1)]
    for name in dict.fromkeys(name for name in codes if name is not None):
        yield from _of_custom(name)
    for group in model.tables(8):
        yield from _of_place(group.text(0))
    sizes = [_buffer_bytes(entry, buffer.size_bytes) for entry in model.tables(4)]
    operators = 0
    for number, graph in enumerate(model.tables(2)):
        tensors = 0
        for index, tensor in enumerate(graph.tables(0)):
            tensors += 1
            _check_tensor(tensor, sizes, f"tensor {index} of graph {number}")
        for which in (1, 2):
            _check_indices(graph.numbers(which, 4, signed=True), tensors, f"graph {number}")
        for index, operator in enumerate(graph.tables(3)):
            operators += 1
            if operators > _MAX_OPERATORS:
                raise Malformed(f"more than {_MAX_OPERATORS} operators")
            place = f"operator {index} of graph {number}"
            if operator.number(0, 4) >= len(codes):
                raise Malformed(f"{place} is of kind {operator.number(0, 4)}, of {len(codes)} that there are")
            for which in (1, 2):
                _check_indices(operator.numbers(which, 4, signed=True), tensors, place)
            start, size = operator.number(9, 8), operator.number(10, 8)
            if start > 1 and start + size > buffer.size_bytes:
                raise Malformed(f"the options of {place} end at {start + size:#x}, behind the file")
    for entry in model.tables(6):
        if entry.number(1, 4) >= max(len(sizes), 1):
            raise Malformed(
                f"metadata `{visible(entry.text(0), 80)}` is in buffer {entry.number(1, 4)} of {len(sizes)}"
            )


def _code(code: Table) -> str | None:
    """The name of a custom operator, None for one of the runtime's."""
    kind = max(code.number(0, 1, signed=True), code.number(3, 4, signed=True))
    # A name beside a built-in kind is ignored by the runtime.
    return code.text(1, 400) if kind == _CUSTOM_CODE else None


def _buffer_bytes(entry: Table, size_bytes: int) -> int:
    inside = entry.vector(0, 1)
    start, size = entry.number(1, 8), entry.number(2, 8)
    # One stands for "written later" in files that were never finished.
    if start > 1 and start + size > size_bytes:
        raise Malformed(f"a buffer ends at {start + size:#x}, and the file at {size_bytes:#x}")
    return inside.count if inside is not None else size if start > 1 else 0


def _check_tensor(tensor: Table, sizes: Sequence[int], place: str) -> None:
    at = tensor.number(2, 4)
    if at >= max(len(sizes), 1):
        raise Malformed(f"{place} lies in buffer {at}, of {len(sizes)} that there are")
    shape = tensor.numbers(0, 4, signed=True)
    if any(length < -1 for length in shape):
        raise Malformed(f"{place} has a negative dimension")
    item_bytes = _ITEM_BYTES.get(tensor.number(1, 1, signed=True))
    sparse = tensor.place(6, 4) is not None
    stored = sizes[at] if sizes else 0
    if not stored or sparse or item_bytes is None:
        return
    needed = item_bytes
    for length in shape:
        needed *= max(length, 0)
        if needed >= 1 << 63:
            raise Malformed(f"{place} has more elements than 63 bits count")
    if needed > stored:
        raise Malformed(f"{place} needs {needed} bytes, and its buffer has {stored}")


def _check_indices(indices: Sequence[int], count: int, place: str) -> None:
    for index in indices:
        if not -1 <= index < count:
            raise Malformed(f"{place} names tensor {index}, of {count} that there are")


def _of_custom(name: str) -> Iterator[Finding]:
    shown = visible(name, 200)
    details = {"operation": shown}
    if name.startswith("Flex"):
        carried = name.removeprefix("Flex")
        if (danger := catalogue.DANGEROUS.get(carried)) is not None:
            message = f"the operation `{shown}` of TensorFlow {danger[1]}"
            yield _finding(
                DANGEROUS, message, place=shown, severity=danger[0], details={**details, "callable": carried}
            )
        elif carried in catalogue.KNOWN:
            message = f"the operator `{shown}` is TensorFlow's, for which the runtime has to be built with its library"
            yield _finding(CUSTOM, message, place=shown, severity=Severity.LOW, details=details)
        else:
            message = f"the operator `{shown}` is an operation that TensorFlow does not have"
            yield _finding(CUSTOM, message, place=shown, details=details)
    elif catalogue.TELLS.search(name):
        message = f"the custom operator `{shown}` says by its name that it runs something"
        yield _finding(DANGEROUS, message, place=shown, details=details)
        yield _finding(CUSTOM, message, place=shown, details=details)
    elif name in _PUBLISHED:
        message = f"the operator `{shown}` is of a published extension, which has to be registered"
        yield _finding(CUSTOM, message, place=shown, severity=Severity.LOW, details=details)
    else:
        message = f"the custom operator `{shown}` is of nobody this scanner knows"
        yield _finding(CUSTOM, message, place=shown, details=details)


def _of_place(path: str) -> Iterator[Finding]:
    outside = re.match(r"[/\\~]|[A-Za-z]:|[A-Za-z][\w+.-]+://", path) or ".." in re.split(r"[/\\]", path)
    if outside:
        yield _finding(EXTERNAL, f"buffers lie in `{visible(path, 200)}`", details={"seen": path[:200]})


def _finding(
    rule: str,
    message: str,
    *,
    place: str = "",
    severity: Severity | None = None,
    outcome: Outcome = Outcome.TRUE,
    details: Mapping[str, str] | None = None,
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=severity or told.severity,
        message=message,
        location=place,
        remedy=told.remedy,
        details=dict(details or {}),
    )


# A writer of FlatBuffers just large enough for the examples: a table is its fields, each a number or what it refers to.

_Fields = Mapping[int, Any]
"""By index: a number, bytes, text, or a list of numbers or of further tables."""


def _table(fields: _Fields, out: bytearray) -> int:
    """Append a table, its own parts before it where the offsets of the format need them behind; its place."""
    last = max(fields, default=-1)
    at = len(out) + 4 + 2 * (last + 1)
    at += -at % 4
    start = at - 4 - 2 * (last + 1)
    out += bytes(start - len(out))
    places = {index: 4 + 8 * number for number, index in enumerate(sorted(fields))}
    size = 4 + 8 * len(fields)
    out += struct.pack("<HH", 4 + 2 * (last + 1), size)
    out += b"".join(struct.pack("<H", places.get(index, 0)) for index in range(last + 1))
    out += struct.pack("<i", at - start) + bytes(size - 4)
    for index, value in fields.items():
        place = at + places[index]
        if isinstance(value, int):
            out[place : place + 8] = struct.pack("<q", value)
            continue
        out += bytes(-len(out) % 4)
        target = len(out)
        if isinstance(value, (bytes, str)):
            data = value.encode() if isinstance(value, str) else value
            out += struct.pack("<I", len(data)) + data + b"\0"
        else:
            out += struct.pack("<I", len(value)) + bytes(4 * len(value))
            for number, item in enumerate(value):
                slot = target + 4 + 4 * number
                if isinstance(item, int):
                    out[slot : slot + 4] = struct.pack("<i", item)
                else:
                    child = _table(item, out)
                    out[slot : slot + 4] = struct.pack("<I", child - slot)
        out[place : place + 4] = struct.pack("<I", target - place)
    return at


def tflite(codes: list[_Fields], *, buffer: int = 1, kind: int = 0, data: bytes = bytes(16), group: str = "") -> bytes:
    """A model of one graph of one operator and one tensor of four numbers."""
    graph: _Fields = {0: [{0: [4], 1: 0, 2: buffer, 3: "w"}], 1: [0], 2: [0], 3: [{0: kind, 1: [0], 2: [0]}]}
    fields: dict[int, Any] = {0: 3, 1: codes, 2: [graph], 3: "bascule", 4: [{}, {0: data}]}
    if group:
        fields[8] = [{0: group}]
    return flatbuffer(fields, b"TFL3")


def flatbuffer(fields: _Fields, mark: bytes) -> bytes:
    """A file of one table, with the four letters that tell its kind."""
    out = bytearray(8)
    root = _table(fields, out)
    out[:8] = struct.pack("<I", root) + mark
    return bytes(out)


_ADD: _Fields = {0: 0, 3: 0}


def _named(name: str) -> _Fields:
    return {0: _CUSTOM_CODE, 1: name, 3: _CUSTOM_CODE}


def _case(name: str, data: bytes, expects: Mapping[str, Outcome]) -> Example:
    return Example(name, lambda: {"model.tflite": data}, expects)


_TRUE = Outcome.TRUE
_CLEAN = dict.fromkeys((CUSTOM, DANGEROUS, EXTERNAL, MALFORMED), Outcome.FALSE)
_EXAMPLES = (
    _case("an operator of the runtime", tflite([_ADD]), _CLEAN),
    _case("a custom operator", tflite([_ADD, _named("AcmeGate")]), {**_CLEAN, CUSTOM: _TRUE}),
    _case(
        "a custom operator that says what it does",
        tflite([_named("RunShellCommand")]),
        {**_CLEAN, CUSTOM: _TRUE, DANGEROUS: _TRUE},
    ),
    _case("an operation of TensorFlow", tflite([_named("FlexErf")]), {**_CLEAN, CUSTOM: _TRUE}),
    _case("an operation of TensorFlow that writes", tflite([_named("FlexWriteFile")]), {**_CLEAN, DANGEROUS: _TRUE}),
    _case("a buffer that is not there", tflite([_ADD], buffer=7), {MALFORMED: _TRUE, CUSTOM: Outcome.ERROR}),
    _case("an operator of no kind", tflite([_ADD], kind=9), {MALFORMED: _TRUE}),
    _case("a tensor larger than its buffer", tflite([_ADD], data=bytes(3)), {MALFORMED: _TRUE}),
    _case("buffers above the model", tflite([_ADD], group="../../w.bin"), {**_CLEAN, EXTERNAL: _TRUE}),
    _case("buffers beside the model", tflite([_ADD], group="w.bin"), _CLEAN),
    _case("a model cut short", tflite([_ADD])[:-60], {MALFORMED: Outcome.ERROR}),
)
