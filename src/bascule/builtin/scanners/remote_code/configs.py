"""Configurations that tell a loader to fetch Python and run it.

`auto_map` and `custom_pipelines` (transformers), module lists (sentence-transformers) and pipeline indices (diffusers)
name classes by file. A file of this repository is scanned with it; one of another repository, written
`org/name--file.Class`, is fetched when the model loads, and no configuration can pin its revision. `auto_mapping`
(peft) names a module that loading an adapter imports, and `_target_` (Hydra) a callable, as in YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bascule.builtin.scanners.remote_code.catalogue import KNOWN_LIBRARIES
from bascule.builtin.scanners.remote_code.instances import code_in_text, judged
from bascule.builtin.scanners.remote_code.sight import REMOTE_CODE, Sight
from bascule.plugins.kinds import Listed
from bascule.plugins.readers import Malformed
from bascule.records import Severity

_MAPS = ("auto_map", "custom_pipelines")
_KEPT = (*_MAPS, "auto_mapping", "_target_")
_KNOWN_MODULES = ("sentence_transformers.", "pylate.", "model2vec.")


def remote_classes(source: str, path: str, listing: Sequence[Listed]) -> Iterator[Sight]:
    """Every class that loading this configuration would fetch as code. Raises `Malformed` when it is not JSON."""
    held: list[tuple[str, Any]] = []
    texts: list[tuple[str, str]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # Of a key given twice, loaders differ in which they take: both count.
        held.extend((key, value) for key, value in pairs if key in _KEPT)
        texts.extend((key, value) for key, value in pairs if isinstance(value, str) and "(" in value)
        return dict(pairs)

    try:
        document = json.loads(source, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {error}") from error
    for key, value in texts:
        sight = None if key == "chat_template" else code_in_text(value, key, is_yaml=False)
        if sight is not None:
            yield sight
    neighbours = {item.path for item in listing}
    folder = path.rpartition("/")[0]
    told: set[tuple[str, str]] = set()
    for key, value in held:
        if key not in _MAPS:
            yield from _imported(key, value)
            continue
        for role, reference in _references(value, key):
            if (role, reference) not in told:
                told.add((role, reference))
                yield _sight(role, reference, key, folder, neighbours)
    name = path.rpartition("/")[2].lower()
    if name == "modules.json" and isinstance(document, list):
        yield from _modules(document, folder, neighbours)
    elif name == "model_index.json" and isinstance(document, dict):
        yield from _pipeline(document, folder, neighbours)


def _imported(key: str, value: Any) -> Iterator[Sight]:
    """What a loader imports by its dotted name: an adapter's base class, and the callable of a `_target_`."""
    if key == "_target_":
        sight = judged(value, key, key) if isinstance(value, str) else None
        if sight is not None:
            yield sight
        return
    library = value.get("parent_library") if isinstance(value, dict) else None
    if not isinstance(library, str) or library.partition(".")[0] in KNOWN_LIBRARIES:
        return
    name = str(value.get("base_model_class"))
    what = f"`auto_mapping` has the loader import `{library}`, which is of no known library, for `{name}`"
    yield Sight(REMOTE_CODE, Severity.HIGH, key, what, {"library": library[:200], "class": name[:200]})


def _references(value: Any, role: str) -> Iterator[tuple[str, str]]:
    """(what it stands for, `file.Class`) in an `auto_map` or the `impl` of a custom pipeline."""
    if isinstance(value, str):
        yield role, value
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, role)
    elif isinstance(value, dict):
        for key, item in value.items():
            # A pipeline's `pt`, `tf` and `type` name classes of the library, not files.
            if key == "impl" or "impl" not in value:
                yield from _references(item, role if key == "impl" else key)


def _modules(document: Sequence[Any], folder: str, neighbours: set[str]) -> Iterator[Sight]:
    for index, item in enumerate(document):
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(kind, str) and not kind.startswith(_KNOWN_MODULES):
            yield _sight(f"module {index}", kind, "type", folder, neighbours)


def _pipeline(document: dict[str, Any], folder: str, neighbours: set[str]) -> Iterator[Sight]:
    for component, value in document.items():
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)):
            continue
        library, name = value
        files = {_inside(folder, f"{library}.py"), _inside(folder, f"{component}/{library}.py")}
        if component == "_class_name" or files & neighbours:
            yield _sight(component, f"{library}.{name}", component, folder, neighbours | {_inside(folder, component)})


def _sight(role: str, reference: str, key: str, folder: str, neighbours: set[str]) -> Sight:
    repository, separator, dotted = reference.rpartition("--")
    module, _, name = dotted.rpartition(".")
    file = module.replace(".", "/") + ".py"
    seen: dict[str, object] = {"role": role[:100], "class": name[:200], "file": file[:300]}
    if separator:
        seen |= {"repository": repository[:200], "pinned": False}
        where = f"`{file}` of another repository, `{repository}`, at no fixed revision"
    elif _inside(folder, file) in neighbours or any(item.endswith(f"/{file}") for item in neighbours):
        seen["in_repository"] = True
        where = f"`{file}` in this repository"
    else:
        seen["in_repository"] = False
        where = f"`{file}`, which is not in this repository"
    # Code that is declared and here to be read is a person's to judge; any other is somebody else's to change.
    severity = Severity.MEDIUM if seen.get("in_repository") else Severity.HIGH
    return Sight(REMOTE_CODE, severity, key, f"`{role}` loads `{name}` from {where}", seen)


def _inside(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
