"""Safetensors: is the header what a loader expects, does its metadata carry code, how many parameters are there?

Rules: what breaks the format is `true`, because loaders disagree about such files; a file that ends early is `error`.
Metadata is free text that nobody executes by itself, so a finding there is a payload waiting for a careless reader.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import EMPTY, SAFETENSORS, UNKNOWN, looks_like_pickle
from bascule.plugins.readers.safetensors import read_header
from bascule.records import (
    ArtefactKind,
    Confidence,
    Finding,
    Measure,
    Outcome,
    Reading,
    ReadingSource,
    Severity,
)

MALFORMED = "safetensors-malformed"
SUSPICIOUS = "safetensors-suspicious-metadata"

META = Meta(
    id="safetensors_header",
    title="Safetensors headers",
    rules=(
        Rule(
            id=MALFORMED,
            question="Does the file break the safetensors format?",
            severity=Severity.HIGH,
            remedy="save the tensors again with a current safetensors library, from a source you trust",
            why="overlaps, holes, doubled keys and trailing bytes let two loaders see two models in one file, and hide "
            "data that no tensor accounts for",
            references=("https://github.com/huggingface/safetensors#format",),
        ),
        Rule(
            id=SUSPICIOUS,
            question="Does the metadata carry code, markup or a serialised object?",
            severity=Severity.MEDIUM,
            remedy="remove the metadata entry, or have somebody explain what reads it",
            why="metadata is shown by hubs and read back by training tools; a payload there is waiting for one that "
            "renders or evaluates it",
        ),
    ),
    reads=Reads(media_types=(SAFETENSORS,), names=("*.safetensors",)),
    measures=(Quantity("model.parameters", "elements of all tensors of a file of weights", "parameters"),),
    readings=(Quantity("model.dtype", "the element type that most parameters have"),),
    limits=("tensor values are not looked at: a poisoned or backdoored weight is a well-formed one",),
)

_POINTER = b"version https://git-lfs.github.com/spec/"
_BINARY_OPENINGS = {b"\x7fELF": "an ELF program", b"MZ": "a Windows program", b"PK\x03\x04": "a zip archive"}
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_MAX_ENCODED_CHARACTERS = 64 << 10
# Each is a way in which text becomes action, with what it is called; plain words of training logs match none.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<\s*(script|iframe|object|embed)\b|\bon(error|load|click)\s*=\s*[\"']", re.I), "active HTML"),
    (re.compile(r"\b(javascript|vbscript):|\bdata:text/html", re.I), "a script URL"),
    (re.compile(r"__(import|builtins|globals|subclasses|reduce|class)__"), "Python internals"),
    (
        re.compile(r"\b(os\.(system|popen|exec\w*)|subprocess\.\w+|pty\.spawn|pickle\.loads?|marshal\.loads?)\s*\("),
        "a Python call that runs code",
    ),
    (re.compile(r"\b(eval|exec|compile)\s*\(\s*(['\"]|base64|bytes|input|open|requests|urllib|__)"), "a Python eval"),
    (re.compile(r"\b(curl|wget)\b[^\n|;]{0,200}[|;]\s*(ba|z|da)?sh\b"), "a download piped to a shell"),
    (re.compile(r"/bin/(ba|z|da)?sh\s+-[ci]\b|\bpowershell(\.exe)?\s+-e"), "a shell command"),
)


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
            header = read_header(file.read, file.size_bytes)
        except Truncated:
            raise
        except Malformed as error:
            yield _finding(MALFORMED, Outcome.TRUE, str(error), "header")
            yield _finding(SUSPICIOUS, Outcome.ERROR, f"the metadata could not be read: {error}", "header")
            return
        yield from _suspicions(header.metadata)
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
        for what, shown in _payloads(f"{key}\n{text}" if _shape(key) else text):
            yield _finding(
                SUSPICIOUS,
                Outcome.TRUE,
                f"metadata `{visible(key, 80)}` holds {what}",
                f"metadata `{visible(key, 200)}`",
                shown,
            )


def _payloads(text: str) -> Iterator[tuple[str, str]]:
    found = _shape(text)
    if found is not None:
        yield found
    if looks_like_pickle(text[:4096].encode("utf-8", "replace")) and text.rstrip().endswith("."):
        yield "a pickle", text[:120]
    for match in _BASE64.finditer(text):
        encoded = match.group()[:_MAX_ENCODED_CHARACTERS]
        what = _decoded(encoded)
        if what is not None:
            yield f"{what} in base64", encoded[:60]
            return


def _shape(text: str) -> tuple[str, str] | None:
    for pattern, what in _SHAPES:
        match = pattern.search(text)
        if match is not None:
            return what, text[max(0, match.start() - 20) : match.end() + 60]
    return None


def _decoded(encoded: str) -> str | None:
    whole = encoded.rstrip("=")
    whole = whole[: len(whole) - len(whole) % 4] if len(whole) % 4 == 1 else whole
    try:
        data = base64.b64decode(whole + "=" * (-len(whole) % 4), altchars=b"-_" if re.search(r"[-_]", whole) else None)
    except (binascii.Error, ValueError):
        return None
    if data[:1] == b"\x80" and len(data) > 2 and 2 <= data[1] <= 5 and data[-1:] == b".":
        return "a pickle"
    return next((what for opening, what in _BINARY_OPENINGS.items() if data.startswith(opening)), None)


def _finding(
    rule: str, outcome: Outcome, message: str, location: str = "", shown: str = "", remedy: str = ""
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
        details={"seen": visible(shown)} if shown else {},
    )


def build(header: Mapping[str, object] | str, data: bytes) -> bytes:
    """A safetensors file of that header, true or not: for examples."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return len(text).to_bytes(8, "little") + text + data


def _examples() -> tuple[Example, ...]:
    one = {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    two = {**one, "v": {"dtype": "F32", "shape": [4], "data_offsets": [16, 32]}}
    pickled = base64.b64encode(b"\x80\x04\x95" + b"\0" * 40 + b".").decode()
    clean = {MALFORMED: Outcome.FALSE, SUSPICIOUS: Outcome.FALSE}

    def case(name: str, data: bytes, expects: Mapping[str, Outcome], **readings: object) -> Example:
        shown = {key.replace("__", "."): value for key, value in readings.items()}
        return Example(name, lambda: {"model.safetensors": data}, expects, shown)

    return (
        case("a sound file", build({"__metadata__": {"format": "pt"}, **one}, bytes(24)), clean, model__dtype="F32"),
        case("two tensors share bytes", build(two, bytes(32)), {MALFORMED: Outcome.TRUE, SUSPICIOUS: Outcome.ERROR}),
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
        case("a pickle under a safe name", b"\x80\x04N.", {MALFORMED: Outcome.TRUE}),
        case("a Git LFS pointer", _POINTER + b"v1\noid sha256:0\n", {MALFORMED: Outcome.NOT_AVAILABLE}),
    )


plugin = SafetensorsHeader()
