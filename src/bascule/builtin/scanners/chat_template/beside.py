"""The other template that a loader could take instead: of the same folder, read through the subject's listing.

A publisher keeps one template in up to four places, and which one a loader takes depends on its version. So they should
be one. transformers takes `chat_template.jinja` before `chat_template.json` before the tokenizer's configuration;
llama.cpp takes the GGUF key, which a converter copied from one of them.

Rules: a file is compared with the first in that order, never with itself, so each difference is told once; named
templates (`tool_use`, `rag`) are meant to differ and are compared by name; a neighbour that cannot be read is told when
it is scanned itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from bascule.builtin.scanners.chat_template.sources import Template, templates_in
from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, media

DEFAULT = "default"


def reference_for(file: ScanFile) -> tuple[str, dict[str, Template]] | None:
    """(path, its templates by name) of the file that loaders take first; None where this one is it, or alone."""
    for path in _candidates(file):
        if path == file.path:
            return None
        neighbour = file.neighbour(path)
        if neighbour is None:
            continue
        try:
            found = by_name(templates_in(neighbour))
        except Malformed:
            continue
        if found:
            return path, found
    return None


def by_name(templates: Iterator[Template]) -> dict[str, Template]:
    """Templates by the name that a caller chooses them by; of twins, the first."""
    named: dict[str, Template] = {}
    for template in templates:
        named.setdefault(template.name or DEFAULT, template)
    return named


def _candidates(file: ScanFile) -> Iterator[str]:
    folder = file.path.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    listed = {item.path: item.media_type for item in file.listing}
    for name in ("chat_template.jinja", "chat_template.json", "tokenizer_config.json"):
        if prefix + name in listed:
            yield prefix + name
    packed = (path for path, kind in listed.items() if kind == media.GGUF and path.rpartition("/")[0] == folder)
    first = min(packed, default=None)
    if first is not None:
        yield first
