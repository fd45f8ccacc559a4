"""What the Python beside the weights fetches by name: hub calls whose repository is a constant.

Rules: a call counts by its last name, whatever it hangs on, because that is how these libraries are used; a repository
that is computed is not told here. `trust_remote_code=True` makes what is fetched code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from bascule.builtin.scanners.load_closure.configs import HUB_ID
from bascule.builtin.scanners.load_closure.entries import Entry, Kind
from bascule.builtin.scanners.remote_code.calls import parse

_CALLS = {
    "from_pretrained": Kind.WEIGHTS,
    "hf_hub_download": Kind.WEIGHTS,
    "snapshot_download": Kind.WEIGHTS,
    "get_kernel": Kind.KERNEL,
}
_NAMED = ("pretrained_model_name_or_path", "repo_id", "repo_or_dir", "github")


def in_code(source: bytes) -> Iterator[Entry]:
    """Everything that a module names to fetch. Raises `Malformed`."""
    for node in ast.walk(parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func)
        given = {pair.arg: pair.value for pair in node.keywords if pair.arg}
        name = _text(node.args[0] if node.args else next((given[key] for key in _NAMED if key in given), None))
        place = f"line {node.lineno}"
        if called.endswith("hub.load") and name:
            repository, _, reference = name.partition(":")
            if HUB_ID.fullmatch(repository) and _text(given.get("source")) != "local":
                yield Entry(Kind.CODE, repository, place, reference, "torch.hub")
        kind = _CALLS.get(called.rpartition(".")[2])
        if kind is not None and HUB_ID.fullmatch(name):
            trusted = given.get("trust_remote_code")
            if isinstance(trusted, ast.Constant) and trusted.value is True:
                kind = Kind.CODE
            revision = _text(given.get("code_revision") if kind is Kind.CODE and "code_revision" in given else None)
            yield Entry(kind, name, place, revision or _text(given.get("revision")))


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join(reversed([*parts, node.id if isinstance(node, ast.Name) else ""]))


def _text(node: ast.expr | None) -> str:
    return node.value[:300] if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
