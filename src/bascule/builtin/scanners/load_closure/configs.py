"""What configurations beside the weights have a loader fetch or import.

*config.json          auto_map, custom_pipelines (code); towers and backbones (weights); attention kernels
adapter_config.json   the base model, and the library that its class comes from
model_index.json      pipeline classes and component libraries (diffusers)
modules.json          module types (sentence-transformers)
mergekit*.y(a)ml      what was merged
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from bascule.builtin.scanners.load_closure.entries import Entry, Kind
from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers.card import load_yaml
from bascule.plugins.readers.documents import read_json
from bascule.plugins.readers.text import read_text

MAX_DEPTH = 12
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_ON_DISK = re.compile(r"(?:[/~\\]|\.{1,2}[/\\]|[A-Za-z]:[\\/])")
_CODE_MAPS = ("auto_map", "custom_pipelines")
_WEIGHTS_KEYS = (
    *("mm_vision_tower", "vision_tower", "image_tower", "video_tower", "audio_tower", "speech_encoder"),
    *("vision_model_name_or_path", "text_model_name_or_path", "tokenizer_name_or_path", "encoder_name_or_path"),
    *("draft_model", "speculative_model", "speech_tokenizer"),
)
_ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "attention_kernel")
KERNEL = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.:-]+?))?(?::(?P<function>\w+))?")


def in_config(file: ScanFile) -> Iterator[Entry]:
    """Everything named in one configuration. Raises `Malformed`."""
    name = PurePosixPath(file.path).name.lower()
    if name.startswith("mergekit"):
        yield from _merge(load_yaml(read_text(file.read, file.size_bytes, 4 << 20).value, "merge configuration"))
        return
    document = read_json(file.read, file.size_bytes, 32 << 20)
    listed = frozenset(item.path for item in file.listing)
    folder = file.path.rpartition("/")[0]
    local = _Local(folder, listed)
    if name == "modules.json" and isinstance(document, list):
        yield from _modules(document, local)
    if not isinstance(document, dict):
        return
    if name == "adapter_config.json":
        yield from _adapter(document)
    elif name == "model_index.json":
        yield from _pipeline(document, local)
    yield from _anywhere(document, local)


class _Local:
    """Which files lie in the subject, seen from a folder of it."""

    def __init__(self, folder: str, listed: frozenset[str]) -> None:
        self._folder, self._listed = folder, listed

    def path(self, file: str) -> str:
        """The artefact's path, or "" when the subject has no such file."""
        inside = f"{self._folder}/{file}" if self._folder else file
        return inside if inside in self._listed else ""


def _anywhere(document: Mapping[str, Any], local: _Local) -> Iterator[Entry]:
    """Keys that count at any depth: composite models keep a configuration for each part."""
    stack: list[tuple[str, Any, int]] = [("", document, 0)]
    while stack:
        place, value, depth = stack.pop()
        if depth > MAX_DEPTH or not isinstance(value, dict):
            continue
        for key, item in value.items():
            where = f"{place}.{key}" if place else str(key)
            if key in _CODE_MAPS:
                yield from _classes(item, where, local)
            elif key in _WEIGHTS_KEYS and isinstance(item, str):
                yield from _weights(Kind.WEIGHTS, item, where)
            elif key in _ATTENTION_KEYS and isinstance(item, str) and (kernel := KERNEL.fullmatch(item)):
                yield Entry(Kind.KERNEL, kernel["name"], where, kernel["revision"] or "", kernel["function"] or "")
            elif key == "custom_generate" and isinstance(item, str) and HUB_ID.fullmatch(item):
                yield Entry(Kind.CODE, item, where, what="custom_generate/generate.py")
            elif key == "backbone" and isinstance(item, str) and value.get("use_pretrained_backbone") is True:
                library = "timm/" if value.get("use_timm_backbone") is True else ""
                yield Entry(Kind.WEIGHTS, f"{library}{item}"[:300], where, what="pretrained backbone")
            elif isinstance(item, dict):
                stack.append((where, item, depth + 1))


def _classes(value: Any, place: str, local: _Local) -> Iterator[Entry]:
    stack: list[tuple[str, Any]] = [(place, value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, str):
            yield _class(item, where, local)
        elif isinstance(item, list):
            stack.extend((where, part) for part in item[:64])
        elif isinstance(item, dict):
            # A pipeline's `pt`, `tf` and `type` name classes of the library.
            taken = {"impl": item["impl"]} if "impl" in item else item
            stack.extend((f"{where}.{key}", part) for key, part in taken.items())


def _class(reference: str, place: str, local: _Local) -> Entry:
    repository, separator, dotted = reference.rpartition("--")
    file = dotted.rpartition(".")[0].replace(".", "/") + ".py"
    if separator:
        return Entry(Kind.CODE, repository[:300], place, what=dotted[:200])
    path = local.path(file)
    if path:
        return Entry(Kind.LOCAL_CODE, path, place, what=dotted[:200])
    return Entry(Kind.LOCAL_CODE, file[:300], place, what="not in the subject")


def _weights(kind: Kind, name: str, place: str, revision: str = "") -> Iterator[Entry]:
    if _ON_DISK.match(name):
        yield Entry(Kind.LOCAL_PATH, name[:300], place, what="whatever lies there where it is loaded")
    elif name and (kind is not Kind.WEIGHTS or HUB_ID.fullmatch(name)):
        yield Entry(kind, name[:300], place, revision[:100])


def _adapter(document: Mapping[str, Any]) -> Iterator[Entry]:
    base, revision = document.get("base_model_name_or_path"), document.get("revision")
    if isinstance(base, str):
        yield from _weights(
            Kind.BASE_MODEL, base, "base_model_name_or_path", revision if isinstance(revision, str) else ""
        )
    mapping = document.get("auto_mapping")
    if isinstance(mapping, dict) and isinstance(library := mapping.get("parent_library"), str):
        yield Entry(Kind.IMPORT, library[:300], "auto_mapping", what=str(mapping.get("base_model_class"))[:200])


def _pipeline(document: Mapping[str, Any], local: _Local) -> Iterator[Entry]:
    for component, value in document.items():
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)):
            continue
        library, name = value
        for file in (f"{library}.py", f"{component}/{library}.py"):
            if local.path(file):
                yield Entry(Kind.LOCAL_CODE, local.path(file), component, what=name[:200])
                break
        else:
            kind = Kind.LOCAL_CODE if component == "_class_name" else Kind.IMPORT
            missing = "not in the subject" if component == "_class_name" else name[:200]
            yield Entry(
                kind, f"{library}.py"[:300] if component == "_class_name" else library[:300], component, what=missing
            )


def _modules(document: Sequence[Any], local: _Local) -> Iterator[Entry]:
    for index, item in enumerate(document[:256]):
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str):
            continue
        if "--" in kind:
            yield _class(kind, f"module {index}", local)
            continue
        file = kind.rpartition(".")[0].replace(".", "/") + ".py"
        if local.path(file):
            yield Entry(Kind.LOCAL_CODE, local.path(file), f"module {index}", what=kind[:200])
        else:
            yield Entry(Kind.IMPORT, kind[:300], f"module {index}")


def _merge(document: Mapping[str, Any]) -> Iterator[Entry]:
    stack: list[tuple[str, Any, int]] = [("", document, 0)]
    while stack:
        place, value, depth = stack.pop()
        if depth > MAX_DEPTH:
            continue
        if isinstance(value, list):
            stack.extend((f"{place}[{index}]", item, depth + 1) for index, item in enumerate(value))
        if not isinstance(value, dict):
            continue
        for key, item in value.items():
            where = f"{place}.{key}" if place else str(key)
            if key in ("model", "base_model", "source_model"):
                yield from _merged(item, where)
            elif isinstance(item, dict | list):
                stack.append((where, item, depth + 1))


def _merged(value: Any, place: str) -> Iterator[Entry]:
    if isinstance(value, str):
        # `base@revision+adapter`, as mergekit writes it.
        for part in value.split("+"):
            name, _, revision = part.partition("@")
            yield from _weights(Kind.MERGE_INPUT, name, place, revision)
    elif isinstance(value, dict):
        inner = value.get("model", value)
        path = inner.get("path") if isinstance(inner, dict) else None
        if isinstance(path, str):
            revision = inner.get("revision")
            yield from _weights(Kind.MERGE_INPUT, path, place, revision if isinstance(revision, str) else "")
