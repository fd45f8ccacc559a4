"""TensorFlow graphs (SavedModel, MetaGraphDef, frozen GraphDef, and their text form): what would running them do?

A graph is a program. Most of its operations compute; a few read and write files, open connections or call Python, and
any other name is compiled code that somebody has to load.

Rules: every graph of the file is read, those of functions and those packed in strings included; an operation that
reaches a file is judged by the path that is fixed in the graph, because every SavedModel restores its variables from
one that is fed in; what TensorFlow does not register is custom.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bascule.builtin.scanners.tensorflow_graph import catalogue
from bascule.builtin.scanners.tensorflow_graph.examples import CUSTOM, DANGEROUS, EXAMPLES, MALFORMED, OUTSIDE
from bascule.builtin.scanners.tensorflow_graph.graphs import Graphs, Node, read_graphs
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import EMPTY, SAVED_MODEL, TEXT, TF_GRAPH, UNKNOWN
from bascule.plugins.readers.protobuf import Unsupported
from bascule.plugins.readers.text import read_text
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

META = Meta(
    id="tensorflow_graph",
    title="TensorFlow graphs",
    rules=(
        Rule(
            id=DANGEROUS,
            question="Does the graph read or write files, open connections or call Python?",
            severity=Severity.CRITICAL,
            remedy="do not run this graph; build the model from source that you have read and load its weights alone",
            why="operations of a graph run with all the rights of the process: `WriteFile` can plant a start-up "
            "script, `ReadFile` returns a key as the model's answer; TensorFlow documents that models are programs",
            references=("CWE-913", "CWE-73", "MITRE ATLAS AML.T0010.003", "MITRE ATLAS AML.T0011.000"),
        ),
        Rule(
            id=CUSTOM,
            question="Does the graph need operations that TensorFlow does not have?",
            severity=Severity.MEDIUM,
            remedy="review the library that brings them, or export the model with standard operations",
            why="a custom operation is a compiled library that has to be loaded into the process to run the graph; "
            "what it does is not in the file",
            references=("CWE-829", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=OUTSIDE,
            question="Does the graph name a path outside the model?",
            severity=Severity.HIGH,
            remedy="export the model again with its files as assets below its own folder",
            why="assets, checkpoints and tables are opened by the path in the graph: one that is absolute or climbs "
            "out of the folder reads or overwrites a file of whoever loads the model",
            references=("CWE-22", "CWE-73", "MITRE ATLAS AML.T0010.003"),
        ),
        Rule(
            id=MALFORMED,
            question="Does this TensorFlow file break its format?",
            severity=Severity.HIGH,
            remedy="do not load this file; fetch it again from its publisher and compare digests",
            why="a length that leaves its message, or a name that no writer gives, invites parsers to differ about "
            "what the graph is",
            references=("CWE-20", "CWE-125"),
        ),
    ),
    reads=Reads(media_types=(SAVED_MODEL, TF_GRAPH), names=("*.pb", "*.meta", "*.pbtxt")),
    limits=(
        "values of variables are not in the graph and are not looked at",
        "a path that is computed, not fixed in the graph, is not followed",
        "the text form is read for its operations alone",
    ),
)

_SMALL = {".meta": (TEXT,)}
MAX_TOLD = 50
"""Findings of one rule in one file: one for each operation and path."""
_TEXT_OPERATION = re.compile(r"\bop\s*:\s*[\"']([^\"']{1,200})[\"']")
_PASSED_ON = frozenset(
    ["Identity", "StringJoin", "Reshape", "ExpandDims", "Pack", "ShardedFilename", "PlaceholderWithDefault"]
)
_MAX_STEPS = 8
_PATH_INPUT = {"InitializeTableFromTextFile": 1, "InitializeTableFromTextFileV2": 1, "MergeV2Checkpoints": 1}
"""Which input holds the path; the first where nothing is said."""
_PATH_SETTINGS = {
    "PrintV2": ("output_stream", r"file://"),
    "DecodeProtoV2": ("descriptor_source", r"(?!local://|bytes://|$)"),
    "EncodeProto": ("descriptor_source", r"(?!local://|bytes://|$)"),
    **dict.fromkeys(("DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "Copy"), ("debug_urls", r"(?!$)")),
    **dict.fromkeys(("DebugNanCount", "DebugNumericSummary", "DebugNumericSummaryV2"), ("debug_urls", r"(?!$)")),
}


class TensorflowGraph:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        name = file.path.lower().rsplit("/", 1)[-1]
        # A small graph without a zero byte may read as text.
        if (
            file.media_type not in (SAVED_MODEL, TF_GRAPH, UNKNOWN, *_SMALL.get(name[-5:], ()))
            and name != "saved_model.pb"
        ):
            if name.endswith(".pbtxt"):
                yield from _text(file)
            else:
                yield from _foreign()
            return
        try:
            graphs = read_graphs(file.read, file.size_bytes)
        except (Truncated, Unsupported):
            if file.media_type == TEXT:
                yield from _foreign()
                return
            raise
        except Malformed as fault:
            if file.media_type == TEXT and name != "saved_model.pb":
                yield from _foreign()
                return
            if file.media_type != SAVED_MODEL and name != "saved_model.pb":
                raise
            yield _finding(MALFORMED, f"breaks the SavedModel format: {visible(str(fault), 400)}")
            yield from (
                _finding(rule.id, "the graph could not be read", outcome=Outcome.ERROR) for rule in META.rules[:-1]
            )
            return
        told = sorted(_once(_judged(graphs)), key=lambda finding: -finding.severity.rank)
        yield from told
        state = State.FINDING if told else State.CLEAN
        yield Coverage(start=0, end=file.size_bytes, state=state, what="graph")


plugin = TensorflowGraph()


def _foreign() -> Iterator[Finding]:
    for rule in META.rules:
        yield _finding(rule.id, "it is no graph of TensorFlow", outcome=Outcome.NOT_APPLICABLE)


def _text(file: ScanFile) -> Iterator[Seen]:
    if file.media_type != TEXT:
        yield from (_finding(rule.id, "it is no text", outcome=Outcome.NOT_AVAILABLE) for rule in META.rules)
        return
    text = read_text(file.read, file.size_bytes, 64 << 20)
    for line, content in text.lines():
        for match in _TEXT_OPERATION.finditer(content):
            kind = match[1]
            yield from _of_kind(Node("", kind, (), (), (), 0), f"line {line}", "", frozenset())


def _once(findings: Iterator[Finding]) -> Iterator[Finding]:
    told: dict[str, set[str]] = {}
    for finding in findings:
        seen = told.setdefault(finding.rule, set())
        key = f"{finding.details.get('operation')} {finding.details.get('seen')}"
        if key not in seen and len(seen) < MAX_TOLD:
            seen.add(key)
            yield finding


def _judged(graphs: Graphs) -> Iterator[Finding]:
    known = frozenset(graphs.functions)
    for asset in graphs.assets:
        if fault := _odd(asset):
            message = f"the asset `{visible(asset, 200)}` {fault}"
            yield _finding(OUTSIDE, message, place="asset_file_def", details={"seen": asset[:200]})
    for where, nodes in graphs.places:
        for node in nodes.values():
            place = f"{visible(where, 300)}{visible(node.name, 300)} offset {node.start:#x}".strip()
            yield from _of_kind(node, place, _path(node, nodes), known)
            yield from _of_path(node, place, _path(node, nodes), bool(graphs.assets))


def _of_kind(node: Node, place: str, path: str, known: frozenset[str]) -> Iterator[Finding]:
    kind = node.kind
    if (danger := catalogue.DANGEROUS.get(kind)) is not None:
        severity, what = danger
        target = f" (`{visible(path, 200)}`)" if path else ""
        details = {"operation": kind, "callable": kind, **({"seen": path[:200]} if path else {})}
        yield _finding(
            DANGEROUS, f"the operation `{kind}` {what}{target}", place=place, severity=severity, details=details
        )
    elif (setting := _PATH_SETTINGS.get(kind)) is not None:
        for key, value in node.settings:
            if key == setting[0] and re.match(setting[1], value):
                message = f"the operation `{kind}` writes to or reads from `{visible(value, 200)}`"
                details = {"operation": kind, "callable": kind, "seen": value[:200]}
                yield _finding(DANGEROUS, message, place=place, severity=Severity.HIGH, details=details)
    if kind in catalogue.KNOWN or kind in known or kind.startswith("_"):
        return
    shown, details = visible(kind, 200), {"operation": kind}
    if catalogue.TELLS.search(kind):
        message = f"the operation `{shown}`, which TensorFlow does not have, says by its name that it runs something"
        yield _finding(DANGEROUS, message, place=place, details=details)
        yield _finding(CUSTOM, f"the operation `{shown}` is not TensorFlow's", place=place, details=details)
    elif catalogue.PUBLISHED.fullmatch(kind):
        message = f"the operation `{shown}` is of a published extension, which has to be loaded"
        yield _finding(CUSTOM, message, place=place, severity=Severity.LOW, details=details)
    else:
        message = f"the operation `{shown}` is not TensorFlow's: a library has to be loaded to run it"
        yield _finding(CUSTOM, message, place=place, details=details)


def _of_path(node: Node, place: str, path: str, has_assets: bool) -> Iterator[Finding]:
    if node.kind not in catalogue.BY_PATH or not path or not (fault := _odd(path)):
        return
    severity = Severity.HIGH
    if node.kind in _PATH_INPUT and node.kind.startswith("Initialize"):
        # Exporters leave the path of the training machine in the constant; the loader feeds the asset's in its place.
        severity = Severity.LOW if has_assets else Severity.MEDIUM
    message = f"the operation `{node.kind}` opens `{visible(path, 200)}`, which {fault}"
    yield _finding(
        OUTSIDE, message, place=place, severity=severity, details={"operation": node.kind, "seen": path[:200]}
    )


def _path(node: Node, nodes: Mapping[str, Node]) -> str:
    """The string that is fixed in the graph for the path of an operation; empty where it is fed or computed."""
    at = _PATH_INPUT.get(node.kind, 0)
    name = node.inputs[at] if len(node.inputs) > at else ""
    for _ in range(_MAX_STEPS):
        source = nodes.get(name)
        if source is None:
            return ""
        if source.kind == "Const":
            return source.texts[0] if source.texts else ""
        if source.kind not in _PASSED_ON or not source.inputs:
            return ""
        name = source.inputs[0]
    return ""


def _odd(path: str) -> str:
    """What is wrong with a path; empty where it stays below the model."""
    parts = re.split(r"[/\\]", path)
    if "\0" in path:
        return "holds a zero byte"
    if re.match(r"[A-Za-z][\w+.-]+://", path):
        return "is an address"
    if parts[0] == "" or re.match(r"[A-Za-z]:|~", path):
        return "is an absolute path"
    return "climbs out of its folder" if ".." in parts else ""


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
        location=place[:900],
        remedy=told.remedy,
        details=dict(details or {}),
    )
