"""Do the places that speak of a licence agree, each about what it covers?

Rules: the code's licence is not the model's, so that only places that cover the same thing are held against each other;
a text binds over a name, and a name that no text bears out contradicts the texts that are there; a choice
(`MIT OR Apache-2.0`) agrees with either side, a conjunction needs all its parts; a family's name (`GPL`) agrees with
its members, a text that does not say `or later` with both ways of saying it. A text that is a variant, or a name that
nobody knows, settles nothing here: it is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bascule.judge.licensing.consensus import UNSETTLED
from bascule.kernel.text import visible
from bascule.records.licences import LicenceContradiction, LicenceSays

Choices = Callable[[str], tuple[frozenset[str], ...]]
"""An expression's alternatives, each the ids that hold together: `A OR (B AND C)` is {A}, {B, C}."""
Same = Callable[[str, str], bool]
"""May two ids be one licence, named more and less exactly?"""

SHOWN = 12


@dataclass(frozen=True, slots=True)
class Voice:
    """One licence, as one place says it. covers: as in `records.licences`."""

    artefact: str
    id: str
    is_text: bool
    covers: str
    location: str = ""

    @property
    def settles(self) -> bool:
        return self.id not in UNSETTLED and not self.id.startswith("variant:")


def disagreements(voices: Sequence[Voice], main: str, choices: Choices, same: Same) -> tuple[LicenceContradiction, ...]:
    """Every contradiction, in a stable order. main: what the repository is, `model`, `data` or `code`: there
    `repository` counts too.

    Law: the order of the voices changes nothing.
    """
    found: list[LicenceContradiction] = []
    for scope in ("model", "data", "code", "documentation"):
        members = sorted(
            (
                one
                for one in voices
                if one.settles and (one.covers == scope or (one.covers, scope) == ("repository", main))
            ),
            key=lambda one: (not one.is_text, one.artefact, one.id, one.location),
        )
        found += _within(members, scope, choices, same)
    return tuple(found)


def _within(members: list[Voice], scope: str, choices: Choices, same: Same) -> Iterator[LicenceContradiction]:
    texts = [one for one in members if one.is_text]
    named = [one for one in members if not one.is_text]
    if pair := _first_clash(named, choices, same):
        yield contradiction("declared", scope, named, f"{_named(pair[0])} and {_named(pair[1])}")
        return
    if texts and named:
        ids = _ids(texts)
        unborne = [one for one in named if not any(_borne(side, ids, same) for side in choices(one.id))]
        unnamed = [one for one in texts if not any(_has(one.id, choices(name.id), same) for name in named)]
        if unborne:
            held = ", ".join(f"`{visible(each, 60)}`" for each in ids)
            yield contradiction(
                "text-and-declared", scope, members, f"{_named(unborne[0])}, and the text that lies here is {held}"
            )
        elif unnamed:
            yield contradiction(
                "text-and-declared", scope, members, f"{_named(unnamed[0], 'holds')}, which no place names"
            )
    elif len(ids := _without_contained(_ids(texts))) > 1:
        held = ", ".join(f"`{visible(each, 60)}`" for each in ids)
        yield contradiction("texts", scope, texts, f"there are texts of {held}, and nothing says which of them holds")


def contradiction(kind: str, scope: str, says: Iterable[Voice], because: str) -> LicenceContradiction:
    """One row, each side once."""
    sides = {(one.artefact, one.id, one.location): one for one in says}
    shown = [LicenceSays(artefact=one.artefact, id=one.id, location=one.location) for one in sides.values()][:SHOWN]
    return LicenceContradiction.model_validate({"kind": kind, "covers": scope, "because": because, "says": shown})


def _first_clash(named: list[Voice], choices: Choices, same: Same) -> tuple[Voice, Voice] | None:
    for place, one in enumerate(named):
        for other in named[place + 1 :]:
            sides, others = choices(one.id), choices(other.id)
            if not any(_equal(side, each, same) for side in sides for each in others):
                return one, other
    return None


def _equal(one: frozenset[str], other: frozenset[str], same: Same) -> bool:
    return all(any(same(a, b) for b in other) for a in one) and all(any(same(a, b) for a in one) for b in other)


def _borne(side: frozenset[str], ids: Sequence[str], same: Same) -> bool:
    return all(any(same(part, each) for each in ids) for part in side)


def _has(licence: str, sides: tuple[frozenset[str], ...], same: Same) -> bool:
    parts = {part for side in sides for part in side}
    return any(same(licence, part) or licence == _CONTAINED.get(part) for part in parts)


# A licence that is written as additions to another, whose text lies beside it.
_CONTAINED = {"LGPL-3.0": "GPL-3.0", "LGPL-3.0-only": "GPL-3.0", "LGPL-3.0-or-later": "GPL-3.0"}


def _without_contained(ids: list[str]) -> list[str]:
    contained = {_CONTAINED[each] for each in ids if each in _CONTAINED}
    return [each for each in ids if each not in contained]


def _ids(texts: Iterable[Voice]) -> list[str]:
    return sorted({one.id for one in texts})


def _named(one: Voice, verb: str = "says") -> str:
    place = f" ({visible(one.location, 60)})" if one.location else ""
    return f"`{visible(one.artefact, 80)}`{place} {verb} `{visible(one.id, 60)}`"
