"""ONNX graphs: which operators, files and metadata would a runtime reach for, and does the file keep to its format?

Rules: a location outside is harmless only where it names a plain file of the subject beside or below the graph; an
operator is known where ONNX, its runtime or the file's own functions define it; a file that is merely taken for ONNX by
its first bytes is not accused when it turns out to be something else.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from collections.abc import Iterator, Mapping

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import EMPTY, ONNX, UNKNOWN, looks_like_pickle
from bascule.plugins.readers.onnx import MAX_KEPT, External, Model, read_model
from bascule.plugins.readers.protobuf import Unsupported, write
from bascule.records import Confidence, Coverage, Finding, Measure, Outcome, Reading, ReadingSource, Severity
from bascule.records.coverage import State

MALFORMED = "onnx-malformed"
EXTERNAL = "onnx-external-data"
CUSTOM = "onnx-custom-operator"
SUSPICIOUS = "onnx-suspicious-metadata"

META = Meta(
    id="onnx_graph",
    title="ONNX graphs",
    rules=(
        Rule(
            id=MALFORMED,
            question="Does this ONNX file break its format?",
            severity=Severity.HIGH,
            remedy="do not load this file; fetch it again from its publisher and compare digests, or export it anew",
            why="a tensor of fewer bytes than its shape promises, or a length that leaves its message, invites a "
            "runtime written in C++ to read memory that is not the file's",
            references=("CWE-125",),
        ),
        Rule(
            id=EXTERNAL,
            question="Do tensors lie in files outside the model?",
            severity=Severity.HIGH,
            remedy="export the graph with its tensors inside, or publish the file it names beside it",
            why="the runtime opens the path that the graph gives: one that climbs out of the folder reads any file of "
            "whoever loads the model, and its bytes can come back as an answer",
            references=("CVE-2022-25882", "CVE-2024-27318", "CVE-2024-5187", "CWE-22", "CWE-73"),
        ),
        Rule(
            id=CUSTOM,
            question="Does the graph need operators that neither ONNX nor its runtime defines?",
            severity=Severity.MEDIUM,
            remedy="export it with standard operators, or review the library that brings them",
            why="a custom operator is compiled code, or a Python function, that has to be loaded to run the graph",
            references=("CWE-829", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=SUSPICIOUS,
            question="Does the metadata carry code, markup, a serialised object or a link to a program?",
            severity=Severity.MEDIUM,
            remedy="remove the metadata entry, or have somebody explain what reads it",
            why="metadata is read back by the program around the model; a payload there waits for one that renders, "
            "fetches or evaluates it",
            references=("CWE-79", "CWE-94", "MITRE ATLAS AML.T0010.003"),
        ),
    ),
    reads=Reads(media_types=(ONNX,), names=("*.onnx",)),
    measures=(Quantity("model.parameters", "elements of all stored tensors of the graphs", "parameters"),),
    readings=(Quantity("model.opset", "version of the standard operator set that the graph asks for"),),
    limits=(
        "tensor values are not looked at, nor the content of files that hold tensors outside the graph",
        "any operator of the runtime's own domains counts as known, except those that call Python",
    ),
)

_STANDARD = {"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training"}
_RUNTIME = {"com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "com.microsoft.dml"}
_EXTENSIONS = {"ai.onnx.contrib", "com.microsoft.extensions", "org.pytorch.aten"}
_PRECOMPILED = {("com.microsoft", "EPContext")}
_PYTHON = re.compile(r"^Py(Custom)?(Op|Func)|Python\w*(Op|Func)", re.IGNORECASE)

_LARGE_BYTES = 4096
"""A tensor that is stated as not covered; smaller ones are too many to list, and are shapes and scalars."""
MAX_FINDINGS = 64
"""Findings of one rule in one file."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_MAX_ENCODED_CHARACTERS = 64 << 10
# Ways in which text becomes action; docs links, class names and vocabularies match none.
_SHAPES: tuple[tuple[re.Pattern[str], str, Severity], ...] = (
    (re.compile(r"<\s*(script|iframe|object|embed)\b", re.I), "active HTML", Severity.MEDIUM),
    (re.compile(r"\b(javascript|vbscript):\w|\bdata:text/html", re.I), "a script URL", Severity.MEDIUM),
    (re.compile(r"__(import|builtins|globals|subclasses|reduce)__"), "Python internals", Severity.MEDIUM),
    (
        re.compile(r"\b(os\.(system|popen)|subprocess\.\w+|pickle\.loads?|marshal\.loads?)\s*\("),
        "a Python call that runs code",
        Severity.MEDIUM,
    ),
    (re.compile(r"\b(curl|wget)\b[^\n|;]{0,200}[|;]\s*(ba|z|da)?sh\b"), "a download piped to a shell", Severity.MEDIUM),
    (re.compile(r"/bin/(ba|z|da)?sh\s+-[ci]\b|\bpowershell(\.exe)?\s+-e"), "a shell command", Severity.MEDIUM),
    (
        re.compile(r"\b(https?|ftp)://(\d{1,3}(\.\d{1,3}){3}\b|\S{1,300}\.(sh|exe|ps1|bat|dll|so|pkl|jar)\b)", re.I),
        "a link to a program or a bare address",
        Severity.LOW,
    ),
)


class OnnxGraph:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Truncated and Unsupported, and Malformed for a file that nothing but its first bytes calls ONNX."""
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        # A small graph may look like text; no text begins with the tag of `ir_version`, a backspace.
        if file.media_type not in (ONNX, UNKNOWN) and file.read(0, 1) != b"\x08":
            yield from _foreign(file)
            return
        try:
            model = read_model(file.read, file.size_bytes)
        except (Truncated, Unsupported):
            raise
        except Malformed as error:
            if not file.path.lower().endswith(".onnx"):
                raise
            yield _finding(MALFORMED, f"breaks the ONNX format: {visible(str(error), 400)}")
            for rule in META.rules[1:]:
                yield _finding(rule.id, "the graph could not be read to its end", outcome=Outcome.ERROR)
            return
        told = 0
        for findings in (_places(file, model), _operators(model), _suspicions(model)):
            # The worst first, so that no crowd of small findings can push a grave one over the limit.
            worst = sorted(findings, key=lambda finding: -finding.severity.rank)[:MAX_FINDINGS]
            told += len(worst)
            yield from worst
        yield from _covered(file.size_bytes, model, State.FINDING if told else State.CLEAN)
        yield from _numbers(model)


def _covered(size_bytes: int, model: Model, state: State) -> Iterator[Coverage]:
    """All but the tensors, whose bytes nobody reads here."""
    if len(model.placed) >= MAX_KEPT:
        return
    at = 0
    for tensor in sorted(model.placed, key=lambda tensor: tensor.start):
        if tensor.size_bytes < _LARGE_BYTES:
            continue
        yield Coverage(start=at, end=max(at, tensor.start), state=state, what="graph")
        at = max(at, tensor.start + tensor.size_bytes)
    yield Coverage(start=at, end=max(at, size_bytes), state=state, what="graph")


def _finding(
    rule: str,
    message: str,
    *,
    place: str = "",
    severity: Severity | None = None,
    outcome: Outcome = Outcome.TRUE,
    remedy: str = "",
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=severity or told.severity,
        message=message,
        location=place,
        remedy=remedy or told.remedy,
        confidence=Confidence.HIGH,
    )


def _foreign(file: ScanFile) -> Iterator[Seen]:
    pointer = file.read(0, min(len(_POINTER), file.size_bytes)) == _POINTER
    if not pointer:
        yield _finding(MALFORMED, f"it is named ONNX, and its content is `{file.media_type}`")
    for rule in META.rules if pointer else META.rules[1:]:
        yield _finding(
            rule.id,
            "this is a Git LFS pointer; the graph itself is not here" if pointer else "there is no graph in it",
            outcome=Outcome.NOT_AVAILABLE if pointer else Outcome.NOT_APPLICABLE,
            remedy="fetch the file with `git lfs pull`, then review again" if pointer else "",
        )


def _places(file: ScanFile, model: Model) -> Iterator[Finding]:
    sizes = {listed.path: listed.size_bytes for listed in file.listing}
    told: set[tuple[str, str]] = set()
    for outside in model.externals:
        fault = _fault(posixpath.dirname(file.path), outside, sizes)
        if fault and (outside.location, fault) not in told:
            told.add((outside.location, fault))
            yield _finding(
                EXTERNAL,
                f"tensor `{visible(outside.tensor, 80)}` lies in `{visible(outside.location, 160)}`, which {fault}",
                place=visible(outside.tensor, 80),
            )


def _fault(folder: str, outside: External, sizes: Mapping[str, int]) -> str:
    """What is wrong with the place of a tensor; empty where it is a plain file of the subject."""
    location = outside.location
    parts = re.split(r"[/\\]", location)
    if not location or "\0" in location:
        return "is no path"
    if parts[0] == "" or re.match(r"[A-Za-z]:|[A-Za-z][\w+.-]*://|~", location):
        return "is an absolute path"
    if ".." in parts:
        return "climbs out of its folder"
    size = sizes.get(posixpath.normpath(posixpath.join(folder, location)))
    if size is None:
        return "is no plain file of the model"
    if outside.offset + (outside.length or 0) > size:
        return f"ends at {size}, before the tensor does"
    return ""


def _operators(model: Model) -> Iterator[Finding]:
    for domain, kind in sorted(model.operators):
        name = visible(f"{domain}::{kind}" if domain else kind, 160)
        if _PYTHON.search(kind):
            yield _finding(
                CUSTOM,
                f"the operator `{name}` calls a Python function that the graph names",
                place=name,
                severity=Severity.CRITICAL,
            )
        elif (domain, kind) in _PRECOMPILED and (domain, kind) not in model.functions:
            yield _finding(
                CUSTOM,
                f"the operator `{name}` hands a compiled program to a device, from a file that it may name",
                place=name,
            )
        elif domain in _STANDARD or domain in _RUNTIME or (domain, kind) in model.functions:
            continue
        elif domain in _EXTENSIONS:
            yield _finding(
                CUSTOM,
                f"the operator `{name}` is of a published extension, which has to be loaded",
                place=name,
                severity=Severity.LOW,
            )
        else:
            yield _finding(CUSTOM, f"the operator `{name}` is of nobody this scanner knows", place=name)


def _suspicions(model: Model) -> Iterator[Finding]:
    for key, value in model.metadata:
        for text in (key, value):
            found = next(((what, grade) for shape, what, grade in _SHAPES if shape.search(text)), None)
            if found is None and _hides_pickle(text):
                found = ("a serialised Python object", Severity.MEDIUM)
            if found:
                place = visible(key, 80)
                yield _finding(SUSPICIOUS, f"metadata `{place}` carries {found[0]}", place=place, severity=found[1])
                break


def _hides_pickle(text: str) -> bool:
    for match in _BASE64.finditer(text):
        encoded = match[0].rstrip("=")[:_MAX_ENCODED_CHARACTERS].replace("-", "+").replace("_", "/")
        try:
            data = base64.b64decode(encoded[: len(encoded) // 4 * 4])
        except binascii.Error:
            continue
        # Any letters decode to something; only a protocol mark with a frame or a stop behind it is no accident.
        if data[:1] == b"\x80" and data[1:2] in b"\2\3\4\5" and looks_like_pickle(data):
            return True
    return False


def _numbers(model: Model) -> Iterator[Seen]:
    if model.tensors:
        count = float(model.parameters)
        yield Measure(
            name="model.parameters",
            value=count,
            low=count,
            high=count,
            n=float(model.tensors),
            unit="parameters",
            method="exact",
        )
    opset = model.opsets.get("", model.opsets.get("ai.onnx", 0))
    if opset:
        yield Reading(name="model.opset", value=str(opset), source=ReadingSource.MEASURED)


# A writer of graphs just large enough for the examples.

_part = write


def _pair(number: int, key: str, value: str) -> bytes:
    return _part(number, _part(1, key) + _part(2, value))


def _tensor(elements: int = 4, stored: int = 4, location: str | None = None) -> bytes:
    head = _part(1, elements) + _part(2, 1) + _part(8, "w")
    if location is None:
        return head + _part(9, bytes(4 * stored))
    return head + _pair(13, "location", location) + _pair(13, "length", str(4 * elements)) + _part(14, 1)


def _node(kind: str, domain: str = "", inner: bytes = b"") -> bytes:
    body = _part(1, "x") + _part(2, "y") + _part(4, kind) + (_part(7, domain) if domain else b"")
    return body + (_part(5, _part(1, "body") + _part(6, inner)) if inner else b"")


def _graph(node: bytes = b"", tensor: bytes | None = None) -> bytes:
    return _part(1, node or _node("Add")) + _part(2, "g") + _part(5, _tensor() if tensor is None else tensor)


def _model(graph: bytes | None = None, extra: bytes = b"") -> bytes:
    opset = _part(8, _part(1, "") + _part(2, 17))
    return _part(1, 8) + _part(2, "bascule") + _part(7, _graph() if graph is None else graph) + opset + extra


def _case(name: str, data: bytes, expects: Mapping[str, Outcome], **others: bytes) -> Example:
    return Example(name, lambda: {"model.onnx": data, **others}, expects)


_CLEAN = dict.fromkeys((MALFORMED, EXTERNAL, CUSTOM, SUSPICIOUS), Outcome.FALSE)
_HIDDEN = _node("If", inner=_graph(_node("Step", "acme.ops")))
_EXAMPLES = (
    Example("a graph with one tensor", lambda: {"model.onnx": _model()}, _CLEAN, {"model.opset": "17"}),
    _case(
        "tensors beside the graph", _model(_graph(tensor=_tensor(location="w"))), {EXTERNAL: Outcome.FALSE}, w=bytes(16)
    ),
    _case("tensors above the graph", _model(_graph(tensor=_tensor(location="../w"))), {EXTERNAL: Outcome.TRUE}),
    _case(
        "tensors at an absolute path", _model(_graph(tensor=_tensor(location="/etc/passwd"))), {EXTERNAL: Outcome.TRUE}
    ),
    _case("tensors on a drive", _model(_graph(tensor=_tensor(location="C:w"))), {EXTERNAL: Outcome.TRUE}),
    _case("tensors that are not there", _model(_graph(tensor=_tensor(location="w"))), {EXTERNAL: Outcome.TRUE}),
    _case("a custom operator inside a branch", _model(_graph(_HIDDEN)), {CUSTOM: Outcome.TRUE}),
    _case("an operator that calls Python", _model(_graph(_node("PyOp", "ai.onnx.contrib"))), {CUSTOM: Outcome.TRUE}),
    _case("a compiled context", _model(_graph(_node("EPContext", "com.microsoft"))), {CUSTOM: Outcome.TRUE}),
    _case("an operator of the runtime", _model(_graph(_node("FusedGemm", "com.microsoft"))), {CUSTOM: Outcome.FALSE}),
    _case(
        "a link to documentation", _model(extra=_pair(14, "docs", "https://example.org/a")), {SUSPICIOUS: Outcome.FALSE}
    ),
    _case("a script in metadata", _model(extra=_pair(14, "note", "<script>x</script>")), {SUSPICIOUS: Outcome.TRUE}),
    _case("a tensor of too few bytes", _model(_graph(tensor=_tensor(stored=1))), {MALFORMED: Outcome.TRUE}),
    _case("a graph cut short", _model()[:-30], {MALFORMED: Outcome.ERROR}),
)

plugin = OnnxGraph()
