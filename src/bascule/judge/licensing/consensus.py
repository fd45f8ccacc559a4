"""What the licences seen agree on.

Rules: every place that declares a licence counts, and every licence text; two different answers contradict each other
and no majority settles it; a text that is only a variant of a known one, or unknown, settles nothing; a choice
(`MIT OR Apache-2.0`) agrees with a text of one of its sides; a property that all candidates share (open, may be passed
on, may be sold) is known even while the identity is not.

Deciding what a lineage, a use and a context allow is the licence solver's work; this is what it starts from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bascule.judge.facts.fact import Fact, unknown
from bascule.kernel.digests import Digest
from bascule.kernel.text import visible
from bascule.records import LicenceView

Classes = Mapping[str, Mapping[str, Any]]

UNSETTLED = ("", "unknown", "other")
FAMILIES = ("Apache", "BSD", "CC", "GFDL", "GPL", "LGPL")
"""Names that say a family and no version."""
PROPERTIES = ("class", "open", "redistribution", "commercial")
_MOST_PERMISSIVE_FIRST = (
    "permissive",
    "weak-copyleft",
    "strong-copyleft",
    "use-restricted",
    "custom",
    "non-commercial",
    "research-only",
)


@dataclass(frozen=True, slots=True)
class Declaration:
    """One licence, as one place says it. is_text: identified from a licence text, not from words about one."""

    artefact: str
    id: str
    is_text: bool
    evidence: Digest
    supports: bool = True
    location: str = ""

    @property
    def settles(self) -> bool:
        return self.id not in UNSETTLED and not self.id.startswith("variant:")


def licence_facts(
    said: Sequence[Declaration],
    asked: Sequence[Digest],
    silent: tuple[Digest, ...],
    silent_because: str,
    classes: Classes,
) -> dict[str, Fact]:
    """The namespace `licence`. asked: voices that looked for licences; silent: those that did and are not to be had.

    Law: a silence makes every licence fact unknown; a contradiction never yields an id.
    """
    if silent:
        return {name: unknown(silent_because, silent) for name in ("ids", "id", "contradictory", "exact", *PROPERTIES)}
    if not asked:
        return {name: unknown("no evidence looked for a licence") for name in ("ids", "id", *PROPERTIES)}
    evidence = tuple(dict.fromkeys(one.evidence for one in said)) or tuple(asked)
    ids = sorted({one.id for one in said if one.settles})
    facts = {"ids": Fact(ids, evidence)}
    if not said:
        return facts | {name: unknown("no licence was found", evidence) for name in ("id", *PROPERTIES)}
    candidates = consensus(ids)
    unread = next((one for one in said if not one.settles), None)
    facts["contradictory"] = (
        unknown(_unread(unread), evidence) if unread and len(candidates) < 2 else Fact(len(candidates) > 1, evidence)
    )
    why = why_unsettled(said, candidates)
    if why:
        facts["id"] = unknown(why, evidence)
    else:
        facts["id"] = Fact(candidates[0], evidence)
        sides = _sides(candidates[0])
        facts["exact"] = Fact(any(one.is_text and one.id in sides for one in said), evidence)
    for name in PROPERTIES:
        facts[name] = unknown(_unread(unread), evidence) if unread else _shared(name, candidates, classes, evidence)
    if not any(one.supports for one in said):
        alone = "only self-reported evidence names a licence"
        facts = {name: (unknown(alone, evidence) if name != "ids" else fact) for name, fact in facts.items()}
    return facts


def licence_views(said: Sequence[Declaration], hashes: Mapping[str, str]) -> tuple[LicenceView, ...]:
    """One row per text and per declaration, sorted. hashes: sha256 by artefact path."""
    rows = [
        LicenceView(
            artefact=one.artefact,
            id=one.id.removeprefix("variant:") or "unknown",
            match=_match(one),
            text_sha256=hashes.get(one.artefact) if one.is_text else None,
            detail=one.location,
        )
        for one in {(each.artefact, each.id, each.is_text, each.location): each for each in said}.values()
    ]
    return tuple(sorted(rows, key=lambda row: (row.match == "declared", row.artefact, row.id, row.detail)))


def _match(one: Declaration) -> Any:
    if not one.is_text:
        return "declared"
    if one.id.startswith("variant:"):
        return "variant"
    return "exact" if one.settles else "unknown"


def _sides(expression: str) -> frozenset[str]:
    return frozenset(part.strip(" ()") for part in expression.split(" OR ")) | {expression}


def consensus(ids: Sequence[str]) -> list[str]:
    """The ids that are left when a choice has swallowed its own sides, and a licence its family's name."""
    choices = [each for each in ids if " OR " in each]
    swallowed = {side for choice in choices for side in _sides(choice) if side != choice}
    # A name without a version contradicts no licence of its family: it says less.
    swallowed |= {each for each in ids if each in FAMILIES and any(one.startswith(f"{each}-") for one in ids)}
    return [each for each in ids if each not in swallowed]


def why_unsettled(said: Sequence[Declaration], candidates: Sequence[str]) -> str:
    """Why these declarations name no one licence; empty where they do."""
    if len(candidates) > 1:
        places = sorted({f"`{visible(one.id, 60)}` ({one.artefact})" for one in said if one.settles})
        return "the places that name a licence contradict each other: " + ", ".join(places)
    return _unread(next((one for one in said if not one.settles), None))


def _unread(one: Declaration | None) -> str:
    if one is None:
        return ""
    near = one.id.removeprefix("variant:")
    kind = f"is a variant of `{visible(near, 60)}`" if one.id.startswith("variant:") else "is no known licence"
    return f"the licence in `{visible(one.artefact, 80)}` {kind}"


def _shared(name: str, candidates: Sequence[str], classes: Classes, evidence: tuple[Digest, ...]) -> Fact:
    values = [_property(name, candidate, classes) for candidate in candidates]
    if not values or None in values:
        unlisted = ", ".join(f"`{each}`" for each, value in zip(candidates, values, strict=True) if value is None)
        return unknown(f"the policy does not say for {unlisted}" if unlisted else "no licence was found", evidence)
    if len({str(value) for value in values}) > 1:
        return unknown("the licences named differ in it", evidence)
    return Fact(values[0], evidence)


def _property(name: str, expression: str, classes: Classes) -> Any:
    """Of a choice, the best side; of a conjunction, the worst part; None where the policy does not say."""
    if " OR " in expression:
        sides = [_property(name, side, classes) for side in sorted(_sides(expression) - {expression})]
        known = [side for side in sides if side is not None]
        return _extreme(name, known, best=True) if known else None
    if " AND " in expression:
        parts = [_property(name, part.strip(" ()"), classes) for part in expression.split(" AND ")]
        return None if None in parts else _extreme(name, parts, best=False)
    value = classes.get(expression, {}).get(name)
    return None if value in (None, "unknown") else value


def _extreme(name: str, values: list[Any], best: bool) -> Any:
    if name != "class":
        return any(values) if best else all(values)
    order = {each: rank for rank, each in enumerate(_MOST_PERMISSIVE_FIRST)}
    ranked = sorted(values, key=lambda each: order.get(each, len(order)))
    return ranked[0] if best else ranked[-1]
