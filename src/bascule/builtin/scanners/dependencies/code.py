"""Dependencies named in code: `setup.py`, the cells of notebooks, the lines of Dockerfiles.

Rules: code is parsed, never run; a value that only running it would give is told as unread.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from bascule.builtin.scanners.dependencies.pip_lines import install_arguments, shell_installs
from bascule.builtin.scanners.dependencies.wanted import Item, Unread, requirements
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import Text

MAX_SOURCE = 1 << 20
_KEYWORDS = ("install_requires", "setup_requires", "tests_require")
_MAGIC = re.compile(r"^\s*(?:!|%)\s*(?:uv\s+)?pip[\d.]*\s+install\s+(.*)$")


def setup_py(source: str) -> Iterator[Item]:
    """The literal lists that `setup()` is given, by name or in place. Raises Malformed, also beyond `MAX_SOURCE`."""
    if len(source) > MAX_SOURCE:
        raise Malformed(f"{len(source)} characters of Python, more than the {MAX_SOURCE} that are parsed")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Malformed(f"not Python: {type(error).__name__}") from error
    names = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _callee(node.func) != "setup":
            continue
        for keyword in node.keywords:
            where = f"line {keyword.value.lineno}"
            if keyword.arg in _KEYWORDS:
                yield from _literal(keyword.value, names, where)
            elif keyword.arg == "extras_require" and isinstance(keyword.value, ast.Dict):
                for value in keyword.value.values:
                    yield from _literal(value, names, where)
            elif keyword.arg is None:
                yield Unread("`setup()` is given what only running it would tell", where)


def notebook(source: str) -> Iterator[Item]:
    """`!pip install`, `%pip install` and shell cells."""
    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        return
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        text = cell.get("source", "")
        text = "".join(part for part in text if isinstance(part, str)) if isinstance(text, list) else str(text)
        shell = re.match(r"%%(?:bash|sh|script|!)", text) is not None
        for line, content in enumerate(text.split("\n"), start=1):
            where = f"cell {number}, line {line}"
            magic = _MAGIC.match(content)
            if magic:
                yield from install_arguments(re.split(r"&&|\|\||[;|>]", magic[1])[0], where)
            elif shell or content.lstrip().startswith("!"):
                yield from shell_installs(content, where)


def dockerfile(text: Text) -> Iterator[Item]:
    """`RUN … pip install …`, over continued lines."""
    pending, first = "", 0
    for number, raw in text.lines():
        line = raw.strip()
        if line.startswith("#"):
            continue
        first = first or number
        if line.endswith("\\") and len(pending) < 65536:
            pending += line[:-1] + " "
            continue
        joined = pending + line
        if re.match(r"(?i)RUN\b|ONBUILD\s+RUN\b", joined):
            yield from shell_installs(joined, f"line {first}")
        pending, first = "", 0


def _callee(function: ast.expr) -> str:
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _literal(node: ast.expr, names: dict[str, ast.expr], where: str) -> Iterator[Item]:
    value = names.get(node.id, node) if isinstance(node, ast.Name) else node
    try:
        found = ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        yield Unread("requirements that only running `setup.py` would tell", where)
        return
    listed = found.split("\n") if isinstance(found, str) else list(found) if isinstance(found, list | tuple) else found
    if isinstance(listed, list):
        listed = [item for item in listed if not isinstance(item, str) or item.strip()]
    yield from requirements(listed, where, declared=True)
