"""Where chat templates live: in a file of their own, in JSON beside the tokenizer, or in GGUF keys.

Rules: every template that some loader could take is found, so a key given twice counts twice; JSON that cannot be read
is `Malformed`, never a file without templates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, gguf, media, text

LIMIT_BYTES = 32 << 20
"""tokenizer_config.json lists added tokens and may be large; templates themselves are held to `grammar.LIMIT_CHARS`."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template's source and the place that holds it: a key, or nothing for a file of its own."""

    source: str
    place: str = ""
    name: str = ""
    """By which a caller chooses it; empty for the only or the default one."""

    def at(self, line: int) -> str:
        """A location for people: `chat_template[0] line 3`."""
        return f"{self.place} line {line}".strip()


def templates_in(file: ScanFile) -> Iterator[Template]:
    """Every chat template in a file. Raises `Malformed` when the file cannot be read as what it is."""
    if file.media_type == media.GGUF:
        yield from _in_gguf(file)
    elif file.path.lower().endswith(".json"):
        yield from _in_json(text.read_text(file.read, file.size_bytes, LIMIT_BYTES).value)
    else:
        yield Template(text.read_text(file.read, file.size_bytes, LIMIT_BYTES).value)


def _in_gguf(file: ScanFile) -> Iterator[Template]:
    header = gguf.read_header(file.read, file.size_bytes)
    for key in header.keys:
        # `tokenizer.chat_template`, `tokenizer.chat_template.NAME`, and a `tokenizer.chat_templates` list of names.
        if key.startswith("tokenizer.chat_template") and key != "tokenizer.chat_templates":
            texts = header.texts(key)
            for index, source in enumerate(texts):
                name = key.removeprefix("tokenizer.chat_template").strip(".")
                yield Template(source, key if len(texts) == 1 else f"{key}[{index}]", name)


def _in_json(source: str) -> Iterator[Template]:
    held: list[Any] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held.extend(value for key, value in pairs if key == "chat_template")
        return dict(pairs)

    try:
        json.loads(source, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    for number, value in enumerate(held):
        place = "chat_template" if len(held) == 1 else f"chat_template#{number + 1}"
        yield from _in_value(value, place)


def _in_value(value: Any, place: str, called: str = "") -> Iterator[Template]:
    if isinstance(value, str):
        yield Template(value, place, "" if called == "default" else called)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            name = str(item.get("name", "")) if isinstance(item, dict) else called
            yield from _in_value(item.get("template") if isinstance(item, dict) else item, f"{place}[{index}]", name)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _in_value(item, f"{place}.{name}", str(name))
