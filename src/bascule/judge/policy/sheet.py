"""A pack's content before it is checked: lists and tables, merged over its files and over the packs it extends.

Nothing here knows what a rule is; it knows where each entry was written, which is what faults are reported by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from bascule.judge.licensing.terms import FOLDER, WORKS
from bascule.judge.policy.yaml_text import Document, Place, load_document
from bascule.kernel.digests import sha256_of
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible

LANGUAGE = "bascule.policy/v1"
SIGNATURE_FILE = "pack.dsse.json"

Bases: TypeAlias = Callable[[str], Mapping[str, bytes]] | Mapping[str, Mapping[str, bytes]] | None

SINGLE = ("id", "version", "title", "description", "extends")
LISTS = {
    "ladders": "name",
    "thresholds": "",
    "rules": "id",
    "scenarios": "id",
    "benefits": "name",
    "economics": "id",
    "approvals": "",
    "cases": "id",
}
"""Keys that hold lists, and the field that tells their entries apart."""
TABLES = ("weights", "context_defaults", "licence_classes", "licensing", "facts", "fixtures", "remove", "overrides")
KEYS = (*SINGLE, *LISTS, *TABLES)
_CHANGEABLE = ("rules", "scenarios", "economics", "benefits")


def pack_manifest(files: Mapping[str, bytes]) -> dict[str, str]:
    """Path to sha256 of every file of a pack, its signature left out: what is signed and what the digest is over."""
    return {path: sha256_of(files[path]) for path in sorted(files) if path != SIGNATURE_FILE}


class Item:
    """One entry of a list or table, with the place it was written at: `item.place((field, …))` is `file:line`."""

    __slots__ = ("place", "value")

    def __init__(self, value: Any, place: Callable[[Place], str]) -> None:
        self.value = value
        self.place = place


class Sheet:
    """What all files say together, every fault so far, and what the digest is over.

    unread: some file could not be read at all, so that whatever else seems missing may stand in it. clause_table: the
    files of `licences/` and `works.yaml` by path, as text; they are read one by one when a licence is asked for.
    """

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.unread = False
        self.single: dict[str, Item] = {}
        self.lists: dict[str, list[Item]] = {key: [] for key in LISTS}
        self.tables: dict[str, dict[str, Item]] = {key: {} for key in TABLES}
        self.clause_table: dict[str, str] = {}
        self.digest: Any = None

    def fault(self, place: str, what: str) -> None:
        self.faults.append(f"{place}: {what}")


def gather(files: Mapping[str, bytes], name: str, bases: Bases, above: tuple[str, ...] = ()) -> Sheet:
    """Read every file of a pack and of its bases. Faults are collected, never raised."""
    sheet = Sheet()
    sheet.digest = {"language": LANGUAGE, "files": pack_manifest(files)}
    if "pack.yaml" not in files:
        sheet.unread = True
        sheet.fault("pack.yaml", f"`{visible(name)}` holds no pack.yaml")
        return sheet
    for path in sorted(files):
        if path == WORKS or (path.startswith(FOLDER) and path.endswith(".yaml")):
            sheet.clause_table[path] = files[path].decode("utf-8", "replace")
        elif path.endswith((".yaml", ".yml")):
            _read_file(sheet, path, files[path])
    extends = sheet.single.get("extends")
    if extends is not None and isinstance(extends.value, str) and extends.value:
        _extend(sheet, extends, bases, (*above, name))
    return sheet


def _read_file(sheet: Sheet, path: str, data: bytes) -> None:
    try:
        document = load_document(data, path)
    except InputError as error:
        sheet.unread = True
        sheet.faults.append(error.message.replace(f"`{path}` line ", f"{path}:").replace(f"`{path}`", path))
        return
    if document.value is None:
        return
    if not isinstance(document.value, dict):
        sheet.unread = True
        sheet.fault(document.at(()), "must be a mapping of keys such as `rules:`")
        return
    for key, value in document.value.items():
        place = document.at((key,))
        if key not in KEYS or (key in SINGLE and path != "pack.yaml"):
            near = suggestion(key, KEYS)
            sheet.fault(place, f"unknown key `{visible(key)}`" + (f", {near}" if near else ""))
        elif key in SINGLE:
            sheet.single[key] = Item(value, _placer(document, (key,)))
        elif key in LISTS:
            if not isinstance(value, list):
                sheet.fault(place, f"`{key}` must be a list")
                continue
            sheet.lists[key] += [Item(item, _placer(document, (key, index))) for index, item in enumerate(value)]
        elif not isinstance(value, dict):
            sheet.fault(place, f"`{key}` must be a mapping")
        else:
            for name, item in value.items():
                if name in sheet.tables[key]:
                    sheet.fault(document.at((key, name)), f"`{key}.{visible(name)}` is already given in another file")
                sheet.tables[key][name] = Item(item, _placer(document, (key, name)))


def _placer(document: Document, start: Place) -> Callable[[Place], str]:
    return lambda rest: document.at((*start, *rest))


# --- extension -------------------------------------------------------------------------------------------------


def _extend(sheet: Sheet, extends: Item, bases: Bases, above: tuple[str, ...]) -> None:
    base_name, place = extends.value, extends.place(())
    if base_name in above or len(above) > 5:
        sheet.unread = True
        sheet.fault(place, f"`{visible(base_name)}` extends itself, by way of {' → '.join(above)}")
        return
    try:
        files = bases(base_name) if callable(bases) else (bases or {})[base_name]
    except KeyError:
        sheet.unread = True
        sheet.fault(place, f"the pack `{visible(base_name)}` that this one extends is not at hand")
        return
    base = gather(files, base_name, bases, above)
    sheet.faults += [f"{base_name}/{fault}" for fault in base.faults]
    sheet.unread |= base.unread
    sheet.digest["extends"] = base.digest
    _remove(sheet, base)
    _override(sheet, base)
    for key in ("ladders", *_CHANGEABLE):
        _join(sheet, base, key)
    dimensions = {field_of(item, "dimension") for item in sheet.lists["thresholds"]}
    sheet.lists["thresholds"] += [
        item for item in base.lists["thresholds"] if field_of(item, "dimension") not in dimensions
    ]
    sheet.lists["approvals"] = sheet.lists["approvals"] or base.lists["approvals"]
    sheet.clause_table = base.clause_table | sheet.clause_table
    for key in ("weights", "context_defaults", "licence_classes", "licensing", "fixtures"):
        sheet.tables[key] = base.tables[key] | sheet.tables[key]
    for key, item in base.tables["facts"].items():
        own = sheet.tables["facts"].get(key)
        if own is None:
            sheet.tables["facts"][key] = item
        elif isinstance(own.value, dict) and isinstance(item.value, dict):
            own.value = item.value | own.value


def field_of(item: Item, key: str) -> Any:
    """A field of an entry as written, None where there is none."""
    return item.value.get(key) if isinstance(item.value, dict) else None


def by_id(sheet: Sheet, key: str) -> dict[Any, Item]:
    """The entries of a list by what tells them apart."""
    return {field_of(item, LISTS[key]): item for item in sheet.lists[key]}


def _remove(sheet: Sheet, base: Sheet) -> None:
    for key, item in sheet.tables["remove"].items():
        if key not in _CHANGEABLE or not isinstance(item.value, list):
            sheet.fault(item.place(()), f"`remove` takes lists of ids under {', '.join(_CHANGEABLE)}")
            continue
        known = by_id(base, key)
        for index, gone in enumerate(item.value):
            if gone not in known:
                near = suggestion(str(gone), map(str, known))
                sheet.fault(
                    item.place((index,)), f"nothing to remove called `{visible(str(gone))}`; {near}".rstrip("; ")
                )
        base.lists[key] = [entry for entry in base.lists[key] if field_of(entry, LISTS[key]) not in item.value]


def _override(sheet: Sheet, base: Sheet) -> None:
    for key, item in sheet.tables["overrides"].items():
        if key not in _CHANGEABLE or not isinstance(item.value, dict):
            sheet.fault(item.place(()), f"`overrides` takes mappings of ids under {', '.join(_CHANGEABLE)}")
            continue
        known = by_id(base, key)
        for name, change in item.value.items():
            if name not in known or not isinstance(change, dict):
                near = suggestion(name, map(str, known))
                sheet.fault(item.place((name,)), f"nothing to override called `{visible(name)}`; {near}".rstrip("; "))
                continue
            old = known[name]
            merged = old.value | change
            base.lists[key] = [
                Item(merged, _override_placer(item, name, change, old)) if entry is old else entry
                for entry in base.lists[key]
            ]


def _override_placer(item: Item, name: str, change: dict[str, Any], old: Item) -> Callable[[Place], str]:
    return lambda rest: item.place((name, *rest)) if not rest or rest[0] in change else old.place(rest)


def _join(sheet: Sheet, base: Sheet, key: str) -> None:
    own = by_id(sheet, key)
    for name in by_id(base, key):
        if name in own and key != "ladders":
            sheet.fault(
                own[name].place(()),
                f"`{visible(str(name))}` is the base's: change it under `overrides.{key}`, or rename",
            )
    sheet.lists[key] = [item for item in base.lists[key] if field_of(item, LISTS[key]) not in own] + sheet.lists[key]


# --- fixtures of cases -----------------------------------------------------------------------------------------


def resolve_fixtures(sheet: Sheet) -> None:
    """`given: {use: [a, b], …}`: fixtures a and b, then the rest on top, mapping by mapping; null takes a key away."""
    for item in sheet.lists["cases"]:
        if isinstance(item.value, dict) and isinstance(item.value.get("given"), dict):
            given = _given(sheet, item, item.value["given"], 0)
            item.value = {**item.value, "given": given}


def _given(sheet: Sheet, item: Item, given: dict[str, Any], depth: int) -> dict[str, Any]:
    rest = {key: value for key, value in given.items() if key != "use"}
    used = given.get("use", [])
    result: dict[str, Any] = {}
    for name in used if isinstance(used, list) else [used]:
        fixture = sheet.tables["fixtures"].get(str(name))
        if fixture is None or not isinstance(fixture.value, dict) or depth > 8:
            near = suggestion(str(name), sheet.tables["fixtures"])
            sheet.fault(
                item.place(("given", "use")), f"no fixture is called `{visible(str(name))}`; {near}".rstrip("; ")
            )
            continue
        result = _overlay(result, _given(sheet, fixture, fixture.value, depth + 1))
    return _overlay(result, rest)


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = _overlay(merged[key], value)
        else:
            merged[key] = value
    return merged
