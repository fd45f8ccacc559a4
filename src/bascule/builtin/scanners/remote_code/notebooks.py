"""A notebook's code cells as Python, with what IPython adds taken out: magics, shell lines, help marks.

A line number in the result is that of the cell. A cell that is a shell script is handed over as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bascule.plugins.readers import Malformed

_SHELL_CELL = re.compile(r"^%%(?:bash|sh|script|!|system)\b")
_SHELL_LINE = re.compile(r"^(\s*)(?:(\w[\w, ]*)\s*=\s*)?(?:!!?|%(?:sx|system)\s|%pip\b|%conda\b)(.*)$")
# What IPython itself makes of a shell line, and what an exported notebook holds.
_SPELT_OUT = re.compile(r"""^\s*(?:\w[\w, ]*=\s*)?get_ipython\(\)\.(?:system|getoutput)\(\s*(["'])(.*)\1\s*\)""")
_MAGIC_LINE = re.compile(r"^(\s*)(?:(\w[\w, ]*)\s*=\s*)?%{1,2}\w")
_HELP_LINE = re.compile(r"^(\s*)(?:\?{1,2}[\w.]+|[\w.*]+\?{1,2})\s*$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell, counted from 1 over all cells: its Python, and its shell lines by line number."""

    number: int
    python: str
    shell: tuple[tuple[int, str], ...] = ()


def code_cells(source: str) -> Iterator[Cell]:
    """The Python cells of a notebook; none where its kernel speaks another language. Raises `Malformed`."""
    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Malformed("a notebook that is not an object")
    if _language(document) not in ("", "python", "ipython"):
        return
    cells = document.get("cells")
    if cells is None:
        # Version 3 keeps cells in worksheets.
        sheets = document.get("worksheets") or []
        cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or []]
    if not isinstance(cells, list):
        raise Malformed("a notebook whose `cells` are no list")
    for number, cell in enumerate(cells, start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            yield _cell(number, _text(cell.get("source", cell.get("input", ""))))


def _language(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    info = metadata.get("language_info") if isinstance(metadata, dict) else None
    for holder, key in ((kernel, "language"), (info, "name")):
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            return str(holder[key]).lower()
    return ""


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _cell(number: int, source: str) -> Cell:
    lines = source.split("\n")
    if _SHELL_CELL.match(lines[0]):
        return Cell(number, "", tuple(enumerate(lines[1:], start=2)))
    if lines[0].startswith("%%"):
        # Most cell magics run Python (`%%time`); those of other languages do not parse and are told as such.
        if re.match(r"%%(?:html|javascript|js|latex|markdown|svg|writefile|file|R|cython|perl|ruby|sql)\b", lines[0]):
            return Cell(number, "")
        lines[0] = ""
    shell: list[tuple[int, str]] = []
    for index, line in enumerate(lines):
        command = _SHELL_LINE.match(line)
        if command:
            shell.append((index + 1, command.group(3)))
        elif spelt := _SPELT_OUT.match(line):
            shell.append((index + 1, spelt.group(2)))
        added = command or _MAGIC_LINE.match(line)
        if added:
            lines[index] = f"{added.group(1)}{added.group(2)} = None" if added.group(2) else f"{added.group(1)}pass"
        elif _HELP_LINE.match(line):
            lines[index] = f"{line[: len(line) - len(line.lstrip())]}pass"
    return Cell(number, "\n".join(lines), tuple(shell))
