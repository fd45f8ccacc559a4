"""Where a licence is declared: cards, package metadata, manifests of data, tensors' own keys.

Rules: a place says what it says, and one file may have several; where a hub's tag says `other`, what `license_name` or
`license_link` says counts instead; a field that points at a file of the repository declares nothing by itself, and is
left as a pointer; a document that cannot be read is `Malformed`, never silent.
"""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, gguf, licences, media
from bascule.plugins.readers.card import load_yaml, read_card, split_front_matter, strings
from bascule.plugins.readers.documents import MAX_DOCUMENT, read_json_object
from bascule.plugins.readers.text import read_text
from bascule.records import ArtefactKind

MAX_SAID = 64


@dataclass(frozen=True, slots=True)
class Said:
    """One declaration: the place inside the file, and the licence as it is written there, or the file pointed at."""

    place: str
    value: str
    is_file: bool = False


def declarations(file: ScanFile) -> Iterator[Said]:
    """What this file declares; nothing for a file of no kind that does. Raises `Malformed`, also beyond `MAX_SAID`."""
    reader = _reader(file)
    if reader is not None:
        for count, said in enumerate(dict.fromkeys(reader(file))):
            if count >= MAX_SAID:
                raise Malformed(f"more than {MAX_SAID} declarations of a licence")
            yield said


def _reader(file: ScanFile) -> Callable[[ScanFile], Iterator[Said]] | None:
    path = file.path.lower()
    name = path.rsplit("/", 1)[-1]
    if file.media_type == media.GGUF:
        return _in_gguf
    for pattern, reader in _BY_NAME.items():
        if fnmatchcase(path, pattern) or fnmatchcase(name, pattern):
            return reader
    is_card = file.kind in (ArtefactKind.MODEL_CARD, ArtefactKind.DATA_CARD)
    return _in_card if is_card and file.media_type in (media.MARKDOWN, media.TEXT) else None


def _in_card(file: ScanFile) -> Iterator[Said]:
    yield from _in_hub_keys(read_card(file.read, file.size_bytes).meta)


def _in_hub_keys(meta: Mapping[str, Any]) -> Iterator[Said]:
    """`license`, and where that says `other`, what `license_name` or `license_link` says instead."""
    tags = [Said("front matter `license`", tag) for tag in strings(meta.get("license"))]
    tags += [Said("front matter `licenses`", tag) for tag in strings(meta.get("licenses"))]
    names = [Said("front matter `license_name`", name) for name in strings(meta.get("license_name"))]
    links = strings(meta.get("license_link"))
    linked = [Said("front matter `license_link`", found) for link in links if (found := licences.linked_licence(link))]
    for tag in tags:
        if licences.licence_id(tag.value) != "other":
            yield tag
        elif names or linked:
            yield from names or linked
        else:
            yield tag
    if not tags:
        yield from names or linked
    yield from (Said("front matter `license_link`", link, is_file=True) for link in links if _is_file(link))


def _is_file(link: str) -> bool:
    """Does a link point into the repository?"""
    return re.fullmatch(r"(?!/)(?!.*\.\./)[\w./ -]{1,200}", link) is not None and "://" not in link


def _in_gguf(file: ScanFile) -> Iterator[Said]:
    keys = gguf.header_of(file).keys
    for key in ("general.license", "general.license.name"):
        value = keys.get(key)
        if isinstance(value, str) and value.strip():
            yield Said(f"key `{key}`", value)
    link = keys.get("general.license.link")
    if isinstance(link, str) and (found := licences.linked_licence(link)):
        yield Said("key `general.license.link`", found)


def _in_metadata(file: ScanFile) -> Iterator[Said]:
    """A Python distribution's core metadata: `License-Expression`, `License` and classifiers."""
    for field, value in _headers(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value):
        if field == "license-expression":
            yield Said("`License-Expression`", value)
        elif field == "license" and value.strip():
            yield Said("`License`", _named(value))
        elif field == "classifier":
            yield from _classifier("`Classifier`", value)


def _classifier(place: str, value: str) -> Iterator[Said]:
    if value.startswith("License ::") and value != "License :: OSI Approved":
        yield Said(place, value if licences.is_known(value) else value.rsplit("::", 1)[-1].strip())


def _named(value: str) -> str:
    """A `License` field names a licence or holds its whole text."""
    if len(value) <= 200 and "\n" not in value.strip():
        return value
    match = licences.identify(value)
    return " AND ".join(match.ids) if match.kind == "exact" else visible(value.strip().split("\n", 1)[0], 120)


def _headers(text: str) -> Iterator[tuple[str, str]]:
    field, lines = "", list[str]()
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            lines.append(line.strip().removeprefix("|"))
            continue
        if field:
            yield field, "\n".join(lines)
        if not line.strip():
            return
        field, _, value = line.partition(":")
        field, lines = field.strip().lower(), [value.strip()]
    if field:
        yield field, "\n".join(lines)


def _in_json(file: ScanFile) -> Iterator[Said]:
    """A `license` at the top; in `dataset_infos.json` and its like, one for each configuration."""
    document = read_json_object(file.read, file.size_bytes)
    yield from _in_licence_keys(document)
    if file.path.lower().endswith("dataset_infos.json"):
        for name, inner in document.items():
            if isinstance(inner, dict):
                yield from _in_licence_keys(inner, f"`{visible(name, 60)}`, ")


def _in_yaml(file: ScanFile) -> Iterator[Said]:
    head, body, _ = split_front_matter(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value)
    yield from _in_licence_keys(load_yaml(body if head is None else head, "citation file"))


def _in_licence_keys(document: Mapping[str, Any], where: str = "") -> Iterator[Said]:
    """A `license` key with a name or an address, a list of such, or an object that names or points."""
    for key in ("license", "licenses", "license-url", "sc:license", "schema:license"):
        value = document.get(key)
        for item in value if isinstance(value, list) else [value]:
            yield from _in_value(item, f"{where}key `{key}`")


def _in_value(value: Any, place: str) -> Iterator[Said]:
    if isinstance(value, dict):
        inner = (value.get(key) for key in ("type", "name", "id", "spdx", "title", "@id", "url", "path"))
        value = next((item for item in inner if isinstance(item, str) and item.strip()), None)
    for name in strings(value):
        yield Said(place, licences.linked_licence(name) or name)


def _in_toml(file: ScanFile) -> Iterator[Said]:
    """`pyproject.toml` (`project`, and poetry's table) and `Cargo.toml` (`package`)."""
    text = read_text(file.read, file.size_bytes, MAX_DOCUMENT).value
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed(f"not TOML: {visible(str(error))}") from error
    tool = document.get("tool")
    tables = {
        "project": document.get("project"),
        "package": document.get("package"),
        "tool.poetry": tool.get("poetry") if isinstance(tool, dict) else None,
    }
    for name, table in tables.items():
        if isinstance(table, dict):
            yield from _in_table(name, table)


def _in_table(name: str, table: Mapping[str, Any]) -> Iterator[Said]:
    licence, file = table.get("license"), table.get("license-file")
    if isinstance(licence, dict):
        file = licence.get("file", file)
        licence = _named(licence["text"]) if isinstance(licence.get("text"), str) else None
    yield from (Said(f"key `{name}.license`", value) for value in strings(licence))
    for value in strings(table.get("classifiers")):
        yield from _classifier(f"key `{name}.classifiers`", value)
    yield from (Said(f"key `{name}.license`", value, is_file=True) for value in strings(file) if _is_file(value))


def _in_setup_cfg(file: ScanFile) -> Iterator[Said]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value)
    except configparser.Error as error:
        raise Malformed(f"not an INI file: {visible(str(error))}") from error
    value = parser.get("metadata", "license", fallback="").strip()
    if value:
        yield Said("`[metadata] license`", _named(value))
    for line in parser.get("metadata", "classifiers", fallback="").splitlines():
        yield from _classifier("`[metadata] classifiers`", line.strip())
    pointed = parser.get("metadata", "license_file", fallback="").strip()
    if pointed and _is_file(pointed):
        yield Said("`[metadata] license_file`", pointed, is_file=True)


def _in_setup_py(file: ScanFile) -> Iterator[Said]:
    """Words that stand in the call of `setup`; read, never run."""
    text = read_text(file.read, file.size_bytes, MAX_DOCUMENT).value
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # whether the code can be read is other scanners' question
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) != "setup":
            continue
        for keyword in node.keywords:
            if keyword.arg == "license" and isinstance(keyword.value, ast.Constant):
                yield from (Said("`setup(license=…)`", value) for value in strings(keyword.value.value))
            elif keyword.arg == "classifiers" and isinstance(keyword.value, ast.List | ast.Tuple):
                for item in keyword.value.elts:
                    if isinstance(item, ast.Constant) and isinstance(item.value, str):
                        yield from _classifier("`setup(classifiers=…)`", item.value)


_BY_NAME: Mapping[str, Callable[[ScanFile], Iterator[Said]]] = {
    "*.dist-info/metadata": _in_metadata,
    "pkg-info": _in_metadata,
    "package.json": _in_json,
    "config.json": _in_json,
    "citation.cff": _in_yaml,
    "pyproject.toml": _in_toml,
    "cargo.toml": _in_toml,
    "setup.cfg": _in_setup_cfg,
    "setup.py": _in_setup_py,
    "*croissant*.json": _in_json,
    "datapackage.json": _in_json,
    "dataset_info.json": _in_json,
    "dataset_infos.json": _in_json,
    "codemeta.json": _in_json,
    ".zenodo.json": _in_json,
    "model_index.json": _in_json,
}
NAMES = tuple(_BY_NAME)
"""patterns of the names of files that declare"""
