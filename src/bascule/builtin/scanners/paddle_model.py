"""PaddlePaddle programs: which operators reach Python, files or the network?

Rules: every block is read; operators are told by name, the paths that they are set to among them. Paddle registers
custom operators under names of their own choosing, so that one of them cannot be told from the framework's by its name
alone: only those that say it are.

Source: `framework.proto` of PaddlePaddle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import EMPTY, PADDLE, UNKNOWN
from bascule.plugins.readers.protobuf import Field, Wire, write
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

DANGEROUS, CUSTOM = "paddle-dangerous-op", "paddle-custom-op"

META = Meta(
    id="paddle_model",
    title="PaddlePaddle programs",
    rules=(
        Rule(
            id=DANGEROUS,
            question="Does the program call Python, reach files or open connections?",
            severity=Severity.CRITICAL,
            remedy="do not run this program; build the model from source that you have read and load its weights alone",
            why="operators of a program run with all the rights of the process: `py_func` calls Python, `save` writes "
            "to the path that the program gives",
            references=("CWE-913", "CWE-73", "MITRE ATLAS AML.T0010.003"),
        ),
        Rule(
            id=CUSTOM,
            question="Does the program need custom operators?",
            severity=Severity.MEDIUM,
            remedy="review the library that brings them, or export the model with standard operators",
            why="a custom operator is a compiled library that has to be loaded to run the program",
            references=("CWE-829", "MITRE ATLAS AML.T0010"),
        ),
    ),
    reads=Reads(media_types=(PADDLE,), names=("*.pdmodel", "__model__")),
    limits=("custom operators under a framework-like name are not told", "the JSON form of Paddle 3 is not read here"),
)

MAX_TOLD = 50
_DANGEROUS: dict[str, tuple[Severity, str]] = {
    "py_func": (Severity.CRITICAL, "calls a Python function of the process"),
    "py_layer": (Severity.HIGH, "calls a Python layer of the process"),
    **dict.fromkeys(("save", "save_combine"), (Severity.HIGH, "writes a file")),
    **dict.fromkeys(("load", "load_combine"), (Severity.MEDIUM, "reads a file")),
    **dict.fromkeys(("listen_and_serv", "send", "recv", "gen_nccl_id"), (Severity.HIGH, "opens a connection")),
    **dict.fromkeys(("read_file", "create_py_reader"), (Severity.HIGH, "reads files")),
}
_CUSTOM = re.compile(r"custom_(?!device)\w*|\w*(shell|popen|subprocess|system_?(call|exec)|exec_?(cmd|code))\w*", re.I)


class PaddleModel:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        if file.media_type not in (PADDLE, UNKNOWN):
            for rule in META.rules:
                yield _finding(rule.id, f"its content is `{file.media_type}`", "", outcome=Outcome.NOT_APPLICABLE)
            return
        told: dict[tuple[str, str], Finding] = {}
        walk = _Walk(file.read, file.size_bytes)
        for finding in walk.program():
            if len(told) < MAX_TOLD:
                told.setdefault((finding.rule, str(finding.details)), finding)
        if not walk.operators:
            raise Malformed("there is no operator in it")
        yield from sorted(told.values(), key=lambda finding: -finding.severity.rank)
        yield Coverage(start=0, end=file.size_bytes, state=State.FINDING if told else State.CLEAN, what="program")


plugin = PaddleModel()


class _Walk(Wire):
    operators = 0

    def program(self) -> Iterator[Finding]:
        for number, block in enumerate(part for part in self.whole() if part.number == 1):
            for part in self.inside(block):
                if part.number == 4:
                    self.operators += 1
                    yield from self._operator(part, number)

    def _operator(self, message: Field, block: int) -> Iterator[Finding]:
        kind, paths = "", []
        for part in self.inside(message):
            if part.number == 3:
                kind = self.text(part)
            elif part.number == 4:
                key = value = ""
                for inner in self.inside(part):
                    if inner.number == 1:
                        key = self.text(inner)
                    elif inner.number == 5:
                        value = self.text(inner, 1 << 20)
                if key in ("file_path", "filename", "endpoint", "endpoints") and value:
                    paths.append(value)
        place = f"block {block} offset {message.start:#x}"
        shown = visible(kind, 100)
        if kind in _DANGEROUS:
            severity, what = _DANGEROUS[kind]
            seen = visible(paths[0], 200) if paths else ""
            said = f"the operator `{shown}` {what}" + (f": `{seen}`" if seen else "")
            yield _finding(DANGEROUS, said, place, {"callable": shown, "seen": seen}, severity=severity)
        elif _CUSTOM.fullmatch(kind):
            yield _finding(CUSTOM, f"the operator `{shown}` is a custom one", place, {"operation": shown})


def _finding(
    rule: str,
    message: str,
    place: str,
    details: Mapping[str, str] | None = None,
    *,
    severity: Severity | None = None,
    outcome: Outcome = Outcome.TRUE,
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=severity or told.severity,
        message=message,
        location=place,
        remedy=told.remedy,
        details={key: value for key, value in (details or {}).items() if value},
    )


def _program(kind: str, **settings: str) -> dict[str, bytes]:
    """A program of one block and one operator."""
    attributes = b"".join(write(4, write(1, key) + write(2, 2) + write(5, value)) for key, value in settings.items())
    block = write(1, 0) + write(2, -1) + write(4, write(3, kind) + attributes)
    return {"model.pdmodel": write(1, block) + write(4, write(1, 0))}


_CLEAN = {DANGEROUS: Outcome.FALSE, CUSTOM: Outcome.FALSE}
_EXAMPLES = (
    Example("a program that computes", lambda: _program("matmul_v2"), _CLEAN),
    Example("Python in a program", lambda: _program("py_func"), {**_CLEAN, DANGEROUS: Outcome.TRUE}),
    Example("a file, written", lambda: _program("save", file_path="/root/x"), {**_CLEAN, DANGEROUS: Outcome.TRUE}),
    Example("a custom operator", lambda: _program("custom_gate"), {**_CLEAN, CUSTOM: Outcome.TRUE}),
    Example(
        "a program cut short",
        lambda: {"model.pdmodel": _program("matmul_v2")["model.pdmodel"][:-6]},
        {DANGEROUS: Outcome.ERROR},
    ),
)
