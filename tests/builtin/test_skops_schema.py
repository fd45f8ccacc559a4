"""What a skops schema names is judged node by node, in an archive as well."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from bascule.builtin.scanners.skops_schema import plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Severity


def node(module: str, name: str, loader: str, **more: object) -> dict[str, object]:
    return {"__module__": module, "__class__": name, "__loader__": loader, **more}


def findings(*inner: dict[str, object]) -> list[Finding]:
    schema = node("sklearn.pipeline", "Pipeline", "ObjectNode", content={"steps": list(inner)})
    seen = scan_memory(plugin, {"schema.json": json.dumps(schema).encode()}).seen
    return [item for item in seen if isinstance(item, Finding)]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


JUDGED: dict[str, tuple[dict[str, object], Severity]] = {
    "a process": (node("os", "system", "FunctionNode"), Severity.CRITICAL),
    "an evaluator": (node("builtins", "eval", "FunctionNode"), Severity.CRITICAL),
    "an operator that is none": (node("sklearn.base", "methodcaller", "OperatorFuncNode"), Severity.HIGH),
    "an operator": (node("operator", "methodcaller", "OperatorFuncNode"), Severity.MEDIUM),
    "an internal method": (
        node("sklearn.base", "method", "MethodNode", content={"func": "__init__", "obj": {}}),
        Severity.HIGH,
    ),
    "a loader of nobody": (node("numpy", "ndarray", "EvalNode"), Severity.HIGH),
    "a class of its own": (node("mine", "Model", "ObjectNode"), Severity.MEDIUM),
    "a node without a module": ({"__class__": "x"}, Severity.HIGH),
}


@pytest.mark.parametrize("name", JUDGED)
def test_a_node_weighs_by_what_loading_makes_of_it(name: str) -> None:
    inner, severity = JUDGED[name]
    (told,) = findings(inner)
    assert told.severity == severity
    assert told.location == "schema.content.steps[0]"


@pytest.mark.parametrize(
    "inner",
    [
        node("numpy", "ndarray", "NdArrayNode"),
        node("sklearn.tree._tree", "Tree", "TreeNode"),
        node("builtins", "str", "JsonNode", content='"x"'),
        node("sklearn.preprocessing", "method", "MethodNode", content={"func": "transform", "obj": {}}),
    ],
)
def test_nodes_of_known_estimators_are_nothing(inner: dict[str, object]) -> None:
    assert findings(inner) == []


def test_a_schema_in_its_archive_is_told_by_its_member() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(node("os", "system", "FunctionNode")))
    seen = scan_memory(plugin, {"model.skops": held.getvalue()}).seen
    assert [item.location for item in seen if isinstance(item, Finding)] == ["schema.json!schema"]


@pytest.mark.usefixtures("must_end")
def test_deep_nesting_ends_as_an_error() -> None:
    report = scan_memory(plugin, {"schema.json": b'{"a":' * 50_000 + b"1" + b"}" * 50_000})
    assert report.answers["skops-unknown-type"] == "error"
