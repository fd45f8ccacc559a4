"""Where chat templates live: in a file of their own, in JSON or YAML beside the tokenizer, or in GGUF keys.

Rules:
- every template that some loader could take is found, so a key given twice counts twice;
- JSON that cannot be read is `Malformed`, never a file without templates; where its name promises none, only when it
  has the key;
- a file named `*.j2`, `*.template` or `*.tmpl` may be anybody's template: it is one for chats when it walks `messages`,
  and else merely text that somebody renders.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, gguf, media, text
from bascule.plugins.readers.card import load_yaml

PROMISED_NAMES = ("tokenizer_config.json", "*processor_config.json", "chat_template*.json", "*.jinja", "*.jinja2")
"""Files that loaders look for templates in."""
POSSIBLE_NAMES = ("*.j2", "*.template", "*.tmpl")
"""Templates of any kind, of many languages."""

LIMIT_BYTES = 32 << 20
"""tokenizer_config.json lists added tokens and may be large; templates themselves are held to `grammar.LIMIT_CHARS`."""
_KEY_TEXT = "chat_template"
_KEY = _KEY_TEXT.encode()


@dataclass(frozen=True, slots=True)
class Template:
    """A template's source and the place that holds it: a key, or nothing for a file of its own."""

    source: str
    place: str = ""
    name: str = ""
    """By which a caller chooses it; empty for the only or the default one."""
    is_for_chats: bool = True
    """False: a template of nobody knows what, perhaps not even Jinja's."""

    def at(self, line: int) -> str:
        """A location for people: `chat_template[0] line 3`."""
        return f"{self.place} line {line}".strip()


def templates_in(file: ScanFile) -> Iterator[Template]:
    """Every chat template in a file. Raises `Malformed` when the file cannot be read as what it is."""
    name = file.path.lower().rpartition("/")[2]
    if file.media_type == media.GGUF:
        yield from _in_gguf(file)
    elif _is_named(name, PROMISED_NAMES):
        source = text.read_text(file.read, file.size_bytes, LIMIT_BYTES).value
        if name.endswith(".json"):
            yield from _in_json(source)
        else:
            yield Template(source)
    elif file.media_type in (media.JSON, media.YAML):
        if not name.endswith(".jsonl") and _has_key(file):
            yield from _in_any_config(file)
    else:
        source = text.read_text(file.read, file.size_bytes, LIMIT_BYTES).value
        is_possible = _is_named(name, POSSIBLE_NAMES)
        yield Template(source, is_for_chats=not is_possible or "messages" in source)


def _is_named(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _has_key(file: ScanFile) -> bool:
    """Large vocabularies and data are JSON too; they are looked through, not parsed."""
    return any(_KEY in window for _, window in file.windows(overlap=len(_KEY)))


def _in_any_config(file: ScanFile) -> Iterator[Template]:
    """A configuration of any name. `chat_template: chatml` names a template and is none."""
    source = text.read_text(file.read, file.size_bytes, LIMIT_BYTES).value
    if "{{" not in source and "{%" not in source:
        return
    found = _in_json(source) if file.media_type == media.JSON else _in_mapping(load_yaml(source, "configuration"))
    yield from (template for template in found if "{{" in template.source or "{%" in template.source)


def _in_gguf(file: ScanFile) -> Iterator[Template]:
    header = gguf.header_of(file)
    for key in header.keys:
        # `tokenizer.chat_template`, `tokenizer.chat_template.NAME`, and a `tokenizer.chat_templates` list of names.
        if key.startswith("tokenizer.chat_template") and key != "tokenizer.chat_templates":
            texts = header.texts(key)
            for index, source in enumerate(texts):
                name = key.removeprefix("tokenizer.chat_template").strip(".")
                yield Template(source, key if len(texts) == 1 else f"{key}[{index}]", name)


def _in_json(source: str) -> Iterator[Template]:
    held: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held.extend(pair for pair in pairs if pair[0].endswith(_KEY_TEXT))
        return dict(pairs)

    try:
        json.loads(source, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    seen: Counter[str] = Counter()
    several = Counter(key for key, _ in held)
    for key, value in held:
        seen[key] += 1
        place = key if several[key] == 1 else f"{key}#{seen[key]}"
        yield from _in_value(value, place, key.removesuffix(_KEY_TEXT).strip("_"))


def _in_mapping(config: Mapping[str, Any]) -> Iterator[Template]:
    for key, value in config.items():
        if key.endswith(_KEY_TEXT):
            yield from _in_value(value, key, key.removesuffix(_KEY_TEXT).strip("_"))
        elif isinstance(value, dict):
            for inner in _in_mapping(value):
                yield replace(inner, place=f"{key}.{inner.place}")


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
