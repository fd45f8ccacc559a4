"""Core ML models: does the model need classes of its application, or files outside its package?

Rules: pipelines, models in models and the branches of networks are walked; a custom model or layer names a class that
the application must bring; a linked model and a blob are files that the system opens by the path in the model.

Source: `Model.proto`, `NeuralNetwork.proto`, `MIL.proto`, `CustomModel.proto` and `LinkedModel.proto` of coremltools.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import COREML, EMPTY, UNKNOWN
from bascule.plugins.readers.protobuf import BYTES, Field, Unsupported, Wire, sized, write
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

CUSTOM, OUTSIDE = "coreml-custom-layer", "coreml-outside-path"

META = Meta(
    id="coreml_model",
    title="Core ML models",
    rules=(
        Rule(
            id=CUSTOM,
            question="Does the model need a layer or model class of its application's?",
            severity=Severity.MEDIUM,
            remedy="review the class that is named, or convert the model without it",
            why="Core ML looks the class up by its name and runs it; its code is not in the model, and nobody can say "
            "from the model what it does",
            references=("CWE-470", "CWE-829", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=OUTSIDE,
            question="Does the model name a file outside its package?",
            severity=Severity.HIGH,
            remedy="convert the model again, with its weights in its own package",
            why="weights and linked models are opened by the path in the model; one that climbs out of the package "
            "reads another file of whoever loads it",
            references=("CWE-22", "CWE-73"),
        ),
    ),
    reads=Reads(media_types=(COREML,), names=("*.mlmodel",)),
    limits=("weights are not looked at", "compiled models (`.mlmodelc`) are not read"),
)

MAX_DEPTH = 24
MAX_TOLD = 50
_PIPELINES, _PIPELINE = (200, 201), 202
_NETWORKS, _PROGRAM, _CUSTOM_MODEL, _LINKED = (303, 403, 500), 502, 555, 556
_CUSTOM_LAYER = 500
_MODEL_TYPES = range(200, 4000)


class CoremlModel:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        if file.media_type not in (COREML, UNKNOWN):
            for rule in META.rules:
                yield _finding(rule.id, f"its content is `{file.media_type}`", "", outcome=Outcome.NOT_APPLICABLE)
            return
        told: dict[tuple[str, str], Finding] = {}
        for finding in _Walk(file.read, file.size_bytes).model(Field(0, BYTES, 0, file.size_bytes, 0), "", 0):
            if len(told) < MAX_TOLD:
                told.setdefault((finding.rule, str(finding.details["seen"])), finding)
        yield from told.values()
        yield Coverage(start=0, end=file.size_bytes, state=State.FINDING if told else State.CLEAN, what="model")


plugin = CoremlModel()


class _Walk(Wire):
    def model(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        if depth > MAX_DEPTH:
            raise Unsupported(f"models lie deeper in one another than {MAX_DEPTH}")
        typed = False
        for part in self.inside(message):
            typed = typed or part.number in _MODEL_TYPES
            if part.number in _PIPELINES:
                for inner in self.inside(part):
                    if inner.number == 1:
                        yield from self._pipeline(inner, place, depth)
            elif part.number == _PIPELINE:
                yield from self._pipeline(part, place, depth)
            elif part.number in _NETWORKS:
                yield from self._network(part, place, depth)
            elif part.number == _PROGRAM:
                yield from self._program(part, place, depth)
            elif part.number == _CUSTOM_MODEL:
                yield _custom("model", self._first(part, 1), place)
            elif part.number == _LINKED:
                yield from self._linked(part, place)
        if not typed:
            raise Malformed("there is no model in it")

    def _pipeline(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        for number, part in enumerate(part for part in self.inside(message) if part.number == 1):
            yield from self.model(part, f"{place}model {number}!", depth + 1)

    def _network(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        if depth > MAX_DEPTH:
            raise Unsupported(f"networks lie deeper in one another than {MAX_DEPTH}")
        for layer in self.inside(message):
            if layer.number != 1:
                continue
            where = place
            for part in self.inside(layer):
                if part.number == 1:
                    where = f"{place}{visible(self.text(part), 120)}"
                elif part.number == _CUSTOM_LAYER:
                    yield _custom("layer", self._first(part, 10), where)
                elif 600 <= part.number < 640 and part.wire == BYTES:
                    # Loops and branches hold networks; other layers of these numbers hold numbers.
                    yield from self._branches(part, f"{where}!", depth)

    def _branches(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        found: list[Finding] = []
        for part in self.inside(message):
            if part.wire != BYTES:
                continue
            try:
                found.extend(self._network(part, place, depth + 1))
            except Unsupported:
                raise
            except Malformed:
                continue
        yield from found

    def _program(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        for function in self._entries(message, 2):
            for block in self._entries(function, 3):
                yield from self._block(block, place, depth)

    def _block(self, message: Field, place: str, depth: int) -> Iterator[Finding]:
        if depth > MAX_DEPTH:
            raise Unsupported(f"blocks lie deeper in one another than {MAX_DEPTH}")
        for operation in self.inside(message):
            if operation.number != 3:
                continue
            for part in self.inside(operation):
                if part.number == 1:
                    kind = self.text(part)
                    if kind.startswith("custom"):
                        yield _custom("operation", kind, f"{place}offset {part.start:#x}")
                elif part.number == 2:
                    for argument in self._values(part):
                        for binding in self.inside(argument):
                            if binding.number == 1:
                                for value in self.inside(binding):
                                    if value.number == 2:
                                        yield from self._value(value)
                elif part.number == 4:
                    yield from self._block(part, place, depth + 1)
                elif part.number == 5:
                    for value in self._values(part):
                        yield from self._value(value)

    def _value(self, message: Field) -> Iterator[Finding]:
        for part in self.inside(message):
            if part.number == 5:
                yield from _path("weights", self._first(part, 1), f"offset {part.start:#x}")

    def _linked(self, message: Field, place: str) -> Iterator[Finding]:
        for link in self.inside(message):
            if link.number == 1:
                for part in self.inside(link):
                    if part.number in (1, 2):
                        yield from _path("a linked model", self._first(part, 1), f"{place}linkedModel")

    def _entries(self, message: Field, number: int) -> Iterator[Field]:
        """The values of a map."""
        for part in self.inside(message):
            if part.number == number:
                yield from self._values(part)

    def _values(self, entry: Field) -> Iterator[Field]:
        return (part for part in self.inside(entry) if part.number == 2)

    def _first(self, message: Field, number: int) -> str:
        return next((self.text(part) for part in self.inside(sized(message)) if part.number == number), "")


def _custom(what: str, name: str, place: str) -> Finding:
    message = f"the {what} `{visible(name, 200)}` is a class of the application's"
    return _finding(CUSTOM, message, place, {"seen": visible(name, 200)})


def _path(what: str, path: str, place: str) -> Iterator[Finding]:
    inner = path.removeprefix("@model_path/")
    if re.match(r"[/\\~]|[A-Za-z]:|[A-Za-z][\w+.-]+://", inner) or ".." in re.split(r"[/\\]", inner):
        message = f"{what} lie in `{visible(path, 200)}`, outside the package"
        yield _finding(OUTSIDE, message, place, {"seen": visible(path, 200)})


def _finding(
    rule: str, message: str, place: str, details: Mapping[str, str] | None = None, *, outcome: Outcome = Outcome.TRUE
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=told.severity,
        message=message,
        location=place[:900],
        remedy=told.remedy,
        details=dict(details or {}),
    )


def _model(kind: int, body: bytes) -> bytes:
    """A Model with one input."""
    described = write(1, write(1, "input") + write(3, write(5, b"\x0a\x01\x04")))
    return write(1, 6) + write(2, described) + write(kind, body)


def _layers(*layers: bytes) -> bytes:
    return b"".join(write(1, write(1, "layer") + layer) for layer in layers)


def _weights(path: str) -> bytes:
    """A program of one constant in a file."""
    value = write(2, b"") + write(5, write(1, path) + write(2, 64))
    operation = write(1, "const") + write(5, write(1, "val") + write(2, value))
    function = write(2, "CoreML5") + write(3, write(1, "CoreML5") + write(2, write(3, operation)))
    return write(1, 1) + write(2, write(1, "main") + write(2, function))


_OWN = write(_CUSTOM_LAYER, write(10, "AcmeGate"))
_CLEAN = {CUSTOM: Outcome.FALSE, OUTSIDE: Outcome.FALSE}
_TRUE = Outcome.TRUE


def _case(name: str, data: bytes, expects: Mapping[str, Outcome]) -> Example:
    return Example(name, lambda: {"m.mlmodel": data}, expects)


_EXAMPLES = (
    _case("a network", _model(500, _layers(write(130, b""))), _CLEAN),
    _case("a custom layer", _model(403, _layers(_OWN)), {**_CLEAN, CUSTOM: _TRUE}),
    _case("a custom layer in a branch", _model(500, _layers(write(600, write(1, _layers(_OWN))))), {CUSTOM: _TRUE}),
    _case("a custom layer in a pipeline", _model(202, write(1, _model(500, _layers(_OWN)))), {CUSTOM: _TRUE}),
    _case("a custom model", _model(555, write(1, "AcmeModel")), {**_CLEAN, CUSTOM: _TRUE}),
    _case("weights in the package", _model(502, _weights("@model_path/weights/weight.bin")), _CLEAN),
    _case("weights above it", _model(502, _weights("@model_path/../../../x")), {**_CLEAN, OUTSIDE: _TRUE}),
    _case("another model", _model(556, write(1, write(1, write(1, "/private/x")))), {**_CLEAN, OUTSIDE: _TRUE}),
    _case("a model cut short", _model(500, _layers(_OWN))[:-4], {CUSTOM: Outcome.ERROR}),
)
