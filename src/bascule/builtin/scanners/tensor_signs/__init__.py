"""Backdoor and tamper signs that need no run: what else stands where numbers should be.

Three questions, by how sure an answer can be. A program whose header holds together is one, wherever it stands. Text
and archives among floats, or in what the format leaves unused, were put there by somebody. Numbers unlike their
siblings may have a hundred reasons and are only told.

Rules: a sample decides (`places`), so that a model of 2 GB costs a few megabytes of reading; what was not looked at is
not covered, and no answer here says that a model has no backdoor: a trained-in one looks like any other weight.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from itertools import islice

from bascule.builtin.scanners.tensor_signs import looks, statistics
from bascule.builtin.scanners.tensor_signs.places import BUDGET_BYTES, Place, plan
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import gguf, media, npy, programs, tensors
from bascule.plugins.readers.programs import Found, Nature
from bascule.records import Confidence, Coverage, Finding, Outcome, Severity, State

EXECUTABLE = "tensor-embedded-executable"
PAYLOAD = "tensor-hidden-payload"
STATISTICS = "tensor-statistics"

_MOST_FINDINGS = 20
_MOST_RANGES = 256
_MOST_EMBEDDINGS = 4

META = Meta(
    id="tensor_signs",
    title="Signs of tampering in weights",
    rules=(
        Rule(
            id=EXECUTABLE,
            question="Does a program, script or pickle stand among the numbers of this file?",
            severity=Severity.HIGH,
            remedy="do not load or unpack this file; fetch it again from its publisher, and have the bytes at "
            "the place named examined",
            why="weights are large, opaque and waved through by mail and network filters, which makes them a carrier "
            "for malware: a dropper beside them needs only to know the place",
            references=("CWE-506", "MITRE ATLAS AML.T0018", "https://arxiv.org/abs/2107.08590"),
        ),
        Rule(
            id=PAYLOAD,
            question="Is something hidden among the numbers, in their low bits, or in bytes that no tensor uses?",
            severity=Severity.MEDIUM,
            remedy="ask the publisher what these bytes are; saving the tensors anew drops whatever lies between them",
            why="text and archives do not come about by training; bytes that no tensor accounts for reach every user "
            "of the file unseen",
            references=("CWE-506", "MITRE ATLAS AML.T0018", "https://arxiv.org/abs/2109.04344"),
        ),
        Rule(
            id=STATISTICS,
            question="Do numbers of one layer stand out from those of its siblings?",
            severity=Severity.INFO,
            remedy="compare with the publisher's own release or the base model; nothing needs doing if they agree",
            why="an edited layer, an implanted trigger row or a broken conversion shows as numbers unlike their "
            "siblings; so do many harmless choices, which is why this is information",
            references=("MITRE ATLAS AML.T0020", "CWE-1039"),
        ),
    ),
    reads=Reads(media_types=tensors.READABLE),
    limits=(
        f"samples: every tensor's first bytes, the largest gaps and windows in between, about {BUDGET_BYTES >> 20} MiB "
        "of a larger file; the rest is not covered",
        "encrypted or compressed bytes in low bits cannot be told from trained numbers, only from the zeros that a "
        "conversion left",
        "a backdoor that was trained or edited in as numbers is not seen: this needs the model to run",
        "quantised blocks, and storages of torch archives, are searched for programs and archives alone",
    ),
)


class TensorSigns:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Malformed and Truncated as the reader of the file's format does."""
        header = gguf.header_of(file) if file.media_type == media.GGUF else None
        layout = tensors.read_layout(file.read, file.size_bytes, file.media_type, header)
        found: list[Finding] = []
        seen_ranges: list[tuple[int, int, State]] = []
        numbers = statistics.Statistics()
        for place in plan(layout):
            data = file.read(place.start, place.end - place.start)
            signs = list(islice(_signs(place, data), _MOST_FINDINGS))
            if len(found) < _MOST_FINDINGS:
                found += signs
            seen_ranges.append((place.start, place.end, State.FINDING if signs else State.CLEAN))
            if place.tensor is not None and _is_aligned(place):
                numbers.add(place.tensor, data, place.start)
                if place.is_head:
                    numbers.add_head(place.tensor, data)
        yield from found[:_MOST_FINDINGS]
        for name, offset in islice(numbers.filled(), _MOST_FINDINGS):
            where = f"tensor `{visible(name, 200)}`"
            yield _hidden(
                f"the low bytes of {where} are noise here and zero elsewhere, as if something had been put there",
                where,
                offset,
                severity=Severity.LOW,
            )
        for what, names in numbers.oddities():
            yield _statistic(what, names)
        for tensor in islice(filter(statistics.is_embedding, layout.tensors), _MOST_EMBEDDINGS):
            looked, rows = statistics.odd_rows(file.read, tensor)
            if rows:
                yield _statistic(
                    f"{len(rows)} of {looked} sampled rows have elements eight times as large as is usual, "
                    f"row {rows[0]} first",
                    [tensor.name],
                )
        yield from _coverage(seen_ranges)


def _is_aligned(place: Place) -> bool:
    assert place.tensor is not None
    width = looks.FLOAT_BYTES.get(place.tensor.dtype, 1)
    return (place.start - place.tensor.start) % width == 0


def _signs(place: Place, data: bytes) -> Iterator[Finding]:
    if place.tensor is None:
        yield from _gap_signs(place, data)
        return
    tensor = place.tensor
    at_start = programs.found_at(data) if place.is_head else None
    if at_start is not None:
        where = _called(tensor)
        yield _sign(at_start, f"{where} begins with {at_start.what}", where, place.start)
    for found in programs.search(data, thorough=False):
        if found.offset or at_start is None:
            where = _called(tensor)
            yield _sign(found, f"{where} holds {found.what}", where, place.start + found.offset, Confidence.MEDIUM)
    if tensor.dtype not in looks.FLOAT_BYTES:
        return
    text_at = looks.text_block(data)
    if text_at is not None:
        where = _called(tensor)
        shown = data[text_at : text_at + 80].decode("latin-1")
        yield _hidden(f"{where} holds text where floats should be", where, place.start + text_at, shown)
    elif place.is_head:
        for hidden in islice(looks.hidden(data, tensor.dtype), 1):
            yield _spelt(hidden, _called(tensor), place.start)


def _spelt(hidden: looks.Hidden, where: str, offset: int) -> Finding:
    if hidden.found is None:
        return _hidden(f"{hidden.plane} of {where} spell text", where, offset)
    message = f"{hidden.plane} of {where} spell {hidden.found.what}"
    # Whole bytes leave a carrier that is no model any more; a few bits may be a watermark of an odd kind.
    return _sign(hidden.found, message, where, offset) if hidden.whole_bytes else _hidden(message, where, offset)


def _called(tensor: tensors.Tensor) -> str:
    return f"tensor `{visible(tensor.name, 200)}`"


def _gap_signs(place: Place, data: bytes) -> Iterator[Finding]:
    begin = len(data) - len(data.lstrip(b"\0"))
    if begin == len(data):
        return
    where = "bytes that no tensor uses"
    if data.startswith(npy.MAGIC):
        yield _hidden("another array follows the first", where, place.start, severity=Severity.LOW)
        return
    named = False
    for found in islice(programs.search(data), _MOST_FINDINGS):
        named = True
        yield _sign(found, f"{where} hold {found.what}", where, place.start + found.offset)
    if named:
        return
    filled = data[begin:].rstrip(b"\0")
    at = place.start + begin
    if looks.is_text(filled):
        yield _hidden(f"{where} hold text", where, at, filled[:80].decode("latin-1"))
    elif len(filled) >= 64:
        yield _hidden(f"{len(filled)} {where} are not empty", where, at)
    else:
        yield _hidden(f"{len(filled)} {where} are not empty", where, at, severity=Severity.LOW)


def _sign(found: Found, message: str, where: str, offset: int, confidence: Confidence = Confidence.HIGH) -> Finding:
    if found.nature is not Nature.RUNS:
        return _hidden(message, where, offset)
    return _finding(EXECUTABLE, Severity.HIGH, message, f"{where}, offset {offset:#x}", confidence)


def _hidden(message: str, where: str, offset: int, shown: str = "", *, severity: Severity = Severity.MEDIUM) -> Finding:
    return _finding(PAYLOAD, severity, message, f"{where}, offset {offset:#x}", Confidence.MEDIUM, shown)


def _statistic(what: str, names: Sequence[str]) -> Finding:
    first = ", ".join(f"`{visible(name, 100)}`" for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return _finding(STATISTICS, Severity.INFO, f"{what}: {first}{more}", first, Confidence.LOW)


def _finding(
    rule: str, severity: Severity, message: str, location: str, confidence: Confidence, shown: str = ""
) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.TRUE,
        severity=severity,
        message=message[:2000],
        location=location[:1000],
        confidence=confidence,
        remedy=META.rule(rule).remedy,
        details={"seen": visible(shown, 100)} if shown else {},
    )


def _coverage(ranges: list[tuple[int, int, State]]) -> Iterator[Coverage]:
    """Neighbouring ranges of one state as one, those with findings first; the first `_MOST_RANGES`."""
    merged: list[tuple[int, int, State]] = []
    for start, end, state in sorted(ranges):
        if merged and merged[-1][1] == start and merged[-1][2] is state:
            merged[-1] = (merged[-1][0], end, state)
        else:
            merged.append((start, end, state))
    merged.sort(key=lambda row: (row[2] is not State.FINDING, row[0]))
    for start, end, state in merged[:_MOST_RANGES]:
        yield Coverage(start=start, end=end, state=state, what="sample of tensors")


def _examples() -> tuple[Example, ...]:
    clean = {EXECUTABLE: Outcome.FALSE, PAYLOAD: Outcome.FALSE, STATISTICS: Outcome.FALSE}
    noise = _noise(4096)
    elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    windows = b"MZ" + bytes(76) + b"This program cannot be run in DOS mode" + bytes(44)
    text = (b"The quick brown fox jumps over the lazy dog; then it sends the keys home. " * 8)[:512]

    def case(name: str, data: bytes, expects: dict[str, Outcome], gap: bytes = b"") -> Example:
        return Example(name, lambda: {"model.safetensors": _built(data, gap)}, {**clean, **expects})

    def low_bits(message: bytes, every: int = 4) -> bytes:
        changed = bytearray(noise)
        changed[0 : len(message) * every : every] = message
        return bytes(changed)

    return (
        case("trained numbers", noise, {}),
        case("a tensor that begins with a program", elf + noise[len(elf) :], {EXECUTABLE: Outcome.TRUE}),
        case("a program between numbers", noise[:800] + windows + noise[800:-160], {EXECUTABLE: Outcome.TRUE}),
        case("a script behind the tensors", noise, {EXECUTABLE: Outcome.TRUE}, b"#!/bin/sh\nid > /tmp/x\n"),
        case("letters that only begin like a program", b"\x7fELF" + noise[4:], {}),
        case("text for floats", noise[:1024] + text + noise[1536:], {PAYLOAD: Outcome.TRUE}),
        case("text in the low bytes", low_bits(text), {PAYLOAD: Outcome.TRUE}),
        case("text behind the tensors", noise, {PAYLOAD: Outcome.TRUE}, text),
        case("numbers that are none", noise[:-4] + b"\0\0\xc0\x7f", {STATISTICS: Outcome.TRUE}),
    )


def _noise(size: int) -> bytes:
    """Floats around 0.03 that look trained: examples need the same ones on each machine."""
    state, rows = 1, []
    for _ in range(size // 4):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        rows.append(((state >> 33) % 20001 - 10000) / 170000 + (state >> 50) / 1e7)
    return struct.pack(f"<{len(rows)}f", *rows)


def _built(data: bytes, gap: bytes) -> bytes:
    header = {"w": {"dtype": "F32", "shape": [32, len(data) // 128], "data_offsets": [0, len(data)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data + gap


plugin = TensorSigns()
