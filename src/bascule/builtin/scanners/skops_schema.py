"""What a skops model names to be built: the nodes of its `schema.json`, which loading turns into calls.

skops shows the types that it does not trust and loads what its user then trusts. Each node has a module, a class and a
loader that decides what is done with them.

Rules: only a `schema.json` with skops' own keys is asked; a callable that runs code is told as critical, whatever node
names it; a node of a loader that skops does not have, or whose loader and class contradict each other, is told as high;
a type outside the libraries that models are made with as medium, as skops itself would ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bascule.builtin.scanners.remote_code.catalogue import KNOWN_LIBRARIES
from bascule.builtin.scanners.remote_code.instances import judged
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers.documents import read_json
from bascule.records import Coverage, Finding, Outcome, Severity, State

LIMIT_BYTES = 32 << 20
MAX_FINDINGS = 50

UNKNOWN = Rule(
    id="skops-unknown-type",
    question="Would loading this skops model build or call something that no known library brings?",
    severity=Severity.MEDIUM,
    remedy="do not pass the named type to `trusted`; save the model from known estimators alone",
    why="A skops file is as safe as the types that its reader trusts. Nodes for methods and operators have run code "
    "with types that the check of trusted types did not show.",
    references=("CWE-502", "CVE-2025-54412", "CVE-2025-54413"),
)

_NAMES = """
    BytearrayNode BytesNode CachedNode DatasetNode DefaultDictNode DictNode FunctionNode GradientBoostingNode JsonNode
    ListNode LossNode MaskedArrayNode MethodNode NdArrayNode ObjectNode OperatorFuncNode PartialNode QuantileForestNode
    RandomGeneratorNode RandomStateNode ReduceNode SGDNode SetNode SliceNode SparseMatrixNode TreeNode TupleNode
    TypeNode UfuncNode
"""
_LOADERS = frozenset(_NAMES.split())
_PYTHONS = {"builtins", "dataclasses", "enum", "functools", "numbers", "types"}
_KNOWN = KNOWN_LIBRARIES | _PYTHONS | {"_loss", "imblearn", "quantile_forest", "sklego"}


class SkopsSchema:
    meta = Meta(
        id="skops_schema",
        title="Types in a skops model",
        rules=(UNKNOWN,),
        reads=Reads(names=("schema.json",)),
        limits=(f"schemas of at most {LIMIT_BYTES} bytes", "arrays beside the schema are `archives`' to judge"),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        document = read_json(file.read, file.size_bytes, LIMIT_BYTES)
        if not (isinstance(document, dict) and "__loader__" in document):
            yield Finding(
                rule=UNKNOWN.id,
                outcome=Outcome.NOT_APPLICABLE,
                severity=UNKNOWN.severity,
                message="a schema of something else than a skops model",
                artefact=file.path,
            )
            return
        told: dict[str, Finding] = {}
        for place, node in _nodes(document):
            for finding in _judge(file.path, place, node):
                told.setdefault(finding.message, finding)
        yield from sorted(told.values(), key=lambda finding: -finding.severity.rank)[:MAX_FINDINGS]
        yield Coverage(start=0, end=file.size_bytes, state=State.FINDING if told else State.CLEAN, what="skops schema")


def _nodes(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    stack: list[tuple[str, Any]] = [("schema", document)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, dict):
            if "__loader__" in value or "__class__" in value:
                yield place, value
            stack.extend(
                (f"{place}.{key}"[-300:], item) for key, item in value.items() if isinstance(item, dict | list)
            )
        elif isinstance(value, list):
            stack.extend((f"{place}[{index}]"[-300:], item) for index, item in enumerate(value))


def _judge(path: str, place: str, node: Mapping[str, Any]) -> Iterator[Finding]:
    module, name, loader = (node.get(key) for key in ("__module__", "__class__", "__loader__"))
    if not isinstance(module, str) or not isinstance(name, str) or not isinstance(loader, str):
        yield _finding(path, place, Severity.HIGH, "a node states no module, class and loader", node)
        return
    callable_name = f"{module}.{name}"
    is_operator = loader == "OperatorFuncNode"
    sight = judged(callable_name, "_target_", place)
    if is_operator and module == "operator":
        yield _finding(path, place, Severity.MEDIUM, f"loading calls `{callable_name}` with what the file gives", node)
    elif is_operator:
        # The advisory's node: it was looked up in `operator` by its class, and shown by its module.
        yield _finding(path, place, Severity.HIGH, f"`{loader}` names `{callable_name}`, which is no operator", node)
    elif sight is not None and sight.severity is Severity.CRITICAL:
        yield _finding(path, place, Severity.CRITICAL, f"`{loader}` names `{callable_name}`: {sight.what}", node)
    elif loader not in _LOADERS:
        yield _finding(path, place, Severity.HIGH, f"`{loader}` is no loader of skops", node)
    elif module.partition(".")[0] not in _KNOWN:
        yield _finding(path, place, Severity.MEDIUM, f"loading builds `{callable_name}`, of no known library", node)
    content = node.get("content")
    method = content.get("func") if isinstance(content, dict) else None
    if loader == "MethodNode" and isinstance(method, str) and method.startswith("_"):
        yield _finding(path, place, Severity.HIGH, f"`MethodNode` reaches for the internal method `{method}`", node)


def _finding(path: str, place: str, severity: Severity, what: str, node: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=UNKNOWN.id,
        outcome=Outcome.TRUE,
        severity=severity,
        message=visible(what, 600),
        artefact=path,
        location=visible(place, 300),
        remedy=UNKNOWN.remedy,
        details={
            "callable": visible(f"{node.get('__module__')}.{node.get('__class__')}", 200),
            "loader": visible(str(node.get("__loader__")), 100),
        },
    )


def _schema(**nodes: tuple[str, str, str]) -> Mapping[str, bytes]:
    def node(module: str, name: str, loader: str) -> dict[str, object]:
        return {"__module__": module, "__class__": name, "__loader__": loader}

    content = {key: node(*parts) for key, parts in nodes.items()}
    root = {**node("sklearn.pipeline", "Pipeline", "ObjectNode"), "content": content, "protocol": 2}
    return {"schema.json": json.dumps(root).encode()}


def _examples() -> tuple[Example, ...]:
    clean, odd = {UNKNOWN.id: Outcome.FALSE}, {UNKNOWN.id: Outcome.TRUE}
    return (
        Example("known estimators", lambda: _schema(a=("numpy", "ndarray", "NdArrayNode")), clean),
        Example("a call that runs code", lambda: _schema(a=("os", "system", "FunctionNode")), odd),
        Example("an operator that is none", lambda: _schema(a=("builtins", "eval", "OperatorFuncNode")), odd),
        Example("a class of its own", lambda: _schema(a=("mine", "Model", "ObjectNode")), odd),
        Example(
            "the schema of something else",
            lambda: {"schema.json": b'{"$schema": "https://json-schema.org/draft-07/schema"}'},
            {UNKNOWN.id: Outcome.NOT_APPLICABLE},
        ),
        Example("what is no JSON", lambda: {"schema.json": b"{"}, {UNKNOWN.id: Outcome.ERROR}),
    )


plugin = SkopsSchema()
