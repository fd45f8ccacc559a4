"""Text from outside in Markdown: always literal, never markup."""

from __future__ import annotations

import re

from bascule.kernel.text import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~-])")


def text(value: object, limit: int = 400) -> str:
    """One line of literal Markdown text: no markup, no link, no HTML."""
    return _SPECIAL.sub(r"\\\1", visible(str(value), limit))


def code(value: object, limit: int = 300) -> str:
    """Inline code that its content cannot end."""
    shown = visible(str(value), limit)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown else ""


def cell(value: object, limit: int = 300) -> str:
    """Inline code in a table, where a bar would end the cell even inside code."""
    return code(value, limit).replace("|", r"\|")
