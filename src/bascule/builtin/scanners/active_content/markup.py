"""HTML and SVG as a browser takes them: does showing this run a script or call elsewhere with what it sees?

Rules: tags are found by a linear walk, not by a grammar, because browsers take broken markup; attributes count in any
case and with their entities undone. An ordinary page's style and pictures are nothing.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<\s*(?P<name>[a-zA-Z][\w:-]*)(?P<rest>[^<>]{0,20000})>?")
_HANDLER = re.compile(r"(?:^|[\s\"'/])(on[a-z]{3,30})\s*=", re.IGNORECASE)
_SCRIPT_ADDRESS = re.compile(
    r"(?:href|src|action|formaction|data|xlink:href)\s*=\s*[\"']?\s*(?:java|vb)script\s*:"
    r"|(?:src|data|href)\s*=\s*[\"']?\s*data\s*:\s*(?:text/html|image/svg)",
    re.IGNORECASE,
)


def active_parts(source: str) -> Iterator[tuple[int, str]]:
    """(offset, what it is) of everything that runs."""
    for tag in _TAG.finditer(source):
        name, rest = tag["name"].lower().rpartition(":")[2], html.unescape(tag["rest"])
        flat = re.sub(r"[\x00-\x20]+", " ", rest)
        if name == "script" and not re.search(r"type\s*=\s*[\"']?\s*(?:application/(?:ld\+)?json|text/x-)", flat, re.I):
            yield tag.start(), "a script"
        elif handler := _HANDLER.search(flat):
            yield tag.start(), f"a handler, `{handler[1][:30]}`"
        elif _SCRIPT_ADDRESS.search(re.sub(r"\s+", "", flat) if "script" in flat.lower() else flat):
            yield tag.start(), "an address that is a script"
        elif name in ("iframe", "object", "embed", "frame") and re.search(r"(?:src|data|srcdoc)\s*=", flat, re.I):
            yield tag.start(), f"a frame, `<{name}>`"
        elif name == "meta" and re.search(r"http-equiv\s*=\s*[\"']?\s*refresh", flat, re.I):
            yield tag.start(), "a redirection"


_CODE = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=fence)|\Z)|(?P<tick>`{1,2})(?!`)[^`\n]+(?P=tick)",
    re.DOTALL | re.MULTILINE,
)


def without_code(markdown: str) -> str:
    """Markdown whose code is blanked out, line by line, as it is shown and not run."""
    return _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), markdown)
