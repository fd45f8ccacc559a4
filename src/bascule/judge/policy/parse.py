"""From the files of a pack's folder to a `PolicyPack`: every fault at once, each with its file and line.

    pack.yaml         identity, `extends`, weights, thresholds, context defaults, approvals, expected facts, `remove`,
                      `overrides`; ladders, benefits, economics and licence classes, or these in files of their own
    ladders.yaml, licences.yaml, economics.yaml: the same keys as in pack.yaml
    licences/*.yaml   one licence's clauses each, and works.yaml: see `judge.licensing.terms`
    rules/*.yaml      `rules:`
    scenarios.yaml    `scenarios:` (also scenarios/*.yaml)
    cases.yaml        `fixtures:` and `cases:` (also cases/*.yaml)

Rules:
- A pack may extend another: what it does not say is the base's. A base's rule or scenario is changed only under
  `overrides` and dropped only under `remove`, so that a reader of the folder sees every departure. Cases are not
  inherited: another appetite has other answers.
- The digest covers every file of the folder and of its bases, in this version of the language.
- A pack whose conditions do not compile, or could notice an absence, does not load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from bascule.judge.policy import monotone, tiers
from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.pack import (
    ApprovalRule,
    Assumption,
    BenefitRow,
    Case,
    ExpectedFacts,
    Licensing,
    PackRule,
    PolicyPack,
    Scenario,
    Threshold,
    Weights,
)
from bascule.judge.policy.sheet import LISTS, Bases, Sheet, by_id, field_of, gather, pack_manifest, resolve_fixtures
from bascule.judge.policy.yaml_text import load_yaml
from bascule.kernel.digests import digest_of_json
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records import Context, Ladder, Record
from bascule.records.base import faults_of

__all__ = ["expressions_of", "load_yaml", "pack_manifest", "parse_pack"]

LICENCE_CLASSES = (
    "permissive",
    "weak-copyleft",
    "strong-copyleft",
    "use-restricted",
    "non-commercial",
    "research-only",
    "custom",
    "unknown",
)

MODELS: dict[str, type[Record]] = {
    "ladders": Ladder,
    "thresholds": Threshold,
    "rules": PackRule,
    "scenarios": Scenario,
    "benefits": BenefitRow,
    "economics": Assumption,
    "approvals": ApprovalRule,
    "cases": Case,
}


def parse_pack(
    files: Mapping[str, bytes],
    name: str,
    bases: Bases = None,
) -> PolicyPack:
    """A checked pack from its files by relative path.

    bases: the files of a pack that another extends, by id.
    Raises InputError `policy.invalid` with every fault found, as `file:line: what is wrong`.
    Law: the same files give the same digest, whatever their order.
    """
    sheet = gather(files, name, bases)
    pack = None if sheet.unread else _build(sheet)
    if pack is not None:
        return pack
    raise InputError.from_faults(
        "policy.invalid",
        f"policy pack `{visible(name)}` cannot be used",
        list(dict.fromkeys(sheet.faults)),
        "mend the places named; `bascule policy lint` checks again",
    )


def _build(sheet: Sheet) -> PolicyPack | None:
    for key in ("id", "version", "title", "description"):
        if not isinstance(sheet.single[key].value if key in sheet.single else None, str):
            place = sheet.single[key].place(()) if key in sheet.single else "pack.yaml"
            sheet.fault(place, f"`{key}` must be given, as text" + (", in quotes" if key == "version" else ""))
    parts: dict[str, tuple[Any, ...]] = {}
    if not any(field_of(item, "id") for item in sheet.lists["rules"]):
        sheet.fault("pack.yaml", "a pack without rules permits everything: give `rules:`")
    for key in MODELS:
        if key == "cases":
            resolve_fixtures(sheet)
        parts[key] = tuple(_records(sheet, key))
    weights = _table(sheet, "weights", Weights)
    defaults = _table(sheet, "context_defaults", Context)
    facts = _table(sheet, "facts", ExpectedFacts)
    classes = dict(_licence_classes(sheet))
    licensing = _table(sheet, "licensing", Licensing)
    _check_ladders(sheet, parts)
    if sheet.faults or not (weights and defaults and facts and licensing):
        return None
    return PolicyPack(
        id=sheet.single["id"].value,
        version=sheet.single["version"].value,
        title=sheet.single["title"].value,
        description=sheet.single["description"].value,
        extends=sheet.single["extends"].value if "extends" in sheet.single else "",
        weights=weights,
        context_defaults=defaults,
        facts=facts,
        licence_classes=classes,
        licensing=licensing,
        clause_table=sheet.clause_table,
        digest=digest_of_json(sheet.digest),
        **parts,
    )


def _records(sheet: Sheet, key: str) -> Iterator[Record]:
    model, identity = MODELS[key], LISTS[key]
    noun = key.removesuffix("s") if key != "economics" else "assumption"
    seen: dict[Any, str] = {}
    for item in sheet.lists[key]:
        name = field_of(item, identity) if identity else None
        label = f"{noun} `{visible(str(name))}`" if name else noun
        if identity and name in seen:
            sheet.fault(item.place(()), f"{label} is already defined at {seen[name]}")
            continue
        seen[name] = item.place(())
        try:
            record = model.model_validate(item.value)
        except ValidationError as error:
            rows = zip(error.errors(include_url=False), faults_of(model, error), strict=True)
            for row, fault in rows:
                sheet.fault(item.place(tuple(row["loc"])), f"{label}: {fault}")
            continue
        for field, why in _language_faults(record):
            sheet.fault(item.place((field,)), f"{label}: {why}")
        yield record


def _language_faults(record: Record) -> Iterator[tuple[str, str]]:
    spec = getattr(record, "tiers", None)
    if isinstance(spec, str) and (fault := tiers.fault_of(spec)):
        yield "tiers", fault
    for field, text in expressions_of(record):
        try:
            expression = compile_expression(text)
        except InputError as error:
            yield field, f"`{field}`: {error.message}" + (f"; {error.hint}" if error.hint.startswith("did") else "")
            continue
        for why in monotone.faults_of(expression):
            yield field, f"`{field}`: {why}"


def expressions_of(record: Record) -> Iterator[tuple[str, str]]:
    """(field, text) of every expression in a rule, scenario, threshold or assumption."""
    match record:
        case PackRule():
            yield from (("when", record.when), ("requires", record.requires), ("unless", record.unless))
        case Scenario():
            yield "when", record.when
            yield from (("safeguards", safeguard.in_force) for safeguard in record.safeguards)
        case Threshold():
            yield "when", record.when
        case Assumption():
            yield from (("when", record.when), ("low", record.low), ("high", record.high))


def _table(sheet: Sheet, key: str, model: type[Any]) -> Any:
    items = sheet.tables[key]
    try:
        return model.model_validate({name: item.value for name, item in items.items()})
    except ValidationError as error:
        rows = zip(error.errors(include_url=False), faults_of(model, error), strict=True)
        for row, fault in rows:
            item = items.get(str(row["loc"][0])) if row["loc"] else None
            sheet.fault(item.place(tuple(row["loc"][1:])) if item else "pack.yaml", f"{key}: {fault}")
        return None


def _licence_classes(sheet: Sheet) -> Iterator[tuple[str, dict[str, Any]]]:
    allowed = {"class", "open", "redistribution", "commercial", "obligations", "terms", "source", "notes"}
    for licence, item in sheet.tables["licence_classes"].items():
        row = item.value
        if not isinstance(row, dict) or row.get("class") not in LICENCE_CLASSES:
            sheet.fault(
                item.place(()), f"licence `{visible(licence)}`: `class` must be one of {', '.join(LICENCE_CLASSES)}"
            )
            continue
        for key, value in row.items():
            if key not in allowed:
                near = suggestion(key, allowed)
                sheet.fault(
                    item.place((key,)),
                    f"licence `{visible(licence)}`: unknown key `{visible(key)}`, {near}".rstrip(", "),
                )
            elif key in ("open", "redistribution", "commercial") and not isinstance(value, bool):
                sheet.fault(item.place((key,)), f"licence `{visible(licence)}`: `{key}` must be true or false")
        yield licence, row


def _check_ladders(sheet: Sheet, parts: dict[str, tuple[Any, ...]]) -> None:
    names = {ladder.name for ladder in parts["ladders"]}
    if not names:
        sheet.fault("pack.yaml", "a pack needs a ladder: give `ladders:` or `extends: default`")
        return
    for key in ("rules", "scenarios"):
        items = by_id(sheet, key)
        for record in parts[key]:
            for ladder in set(record.ladders) - names:
                near = suggestion(ladder, names)
                why = f"`{record.id}`: no ladder is called `{visible(ladder)}`; {near}".rstrip("; ")
                sheet.fault(items[record.id].place(("ladders",)), why)
