"""Readings as facts: what everybody who speaks agrees on.

Rules: scalars must all be equal, or the fact is unknown; lists are united; a silence that could have contradicted makes
it unknown; each fact says whether anything but words supports it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from bascule.judge.facts.fact import Fact, key_of, unknown
from bascule.judge.facts.voices import Hearing, Voice
from bascule.kernel.text import visible
from bascule.records import Reading, ReadingSource

LICENCE_READINGS = ("licence.declared", "licence.text")


@dataclass(frozen=True, slots=True)
class Heard:
    """A reading, who says it, and whether that may support a fact."""

    reading: Reading
    voice: Voice
    supports: bool


def heard_readings(hearing: Hearing, distributes: bool) -> dict[str, list[Heard]]:
    """By name, in a stable order. A listed tool's readings outside its vocabulary are not heard."""
    found: dict[str, list[Heard]] = defaultdict(list)
    for voice in hearing.voices:
        if not voice.same_subject:
            continue
        supports = not (distributes and voice.self_reported)
        for reading in voice.observations.readings:
            if voice.may_support("readings", reading.name):
                found[reading.name].append(Heard(reading, voice, supports))
    return found


def readings(hearing: Hearing, heard: dict[str, list[Heard]]) -> tuple[dict[str, Fact], dict[str, Fact]]:
    """(reading, declared_only)."""
    names = {*heard, *hearing.silence.named["readings"]} - set(LICENCE_READINGS)
    values: dict[str, Fact] = {}
    declared: dict[str, Fact] = {}
    for name in sorted(names):
        key = key_of(name)
        said = heard.get(name, [])
        values[key] = _agreed(said, hearing, name)
        if values[key].known:
            measured = any(one.reading.source is ReadingSource.MEASURED and one.supports for one in said)
            declared[key] = Fact(not measured, values[key].evidence)
        else:
            declared[key] = values[key]
    return values, declared


def _agreed(said: list[Heard], hearing: Hearing, name: str) -> Fact:
    silent = hearing.silence.over("readings", name)
    if silent:
        return unknown(hearing.silence.reason(silent), silent)
    evidence = tuple(dict.fromkeys(one.voice.digest for one in said))
    if not any(one.supports for one in said):
        return unknown("only self-reported evidence says it" if said else "no evidence says it", evidence)
    if any(isinstance(one.reading.value, tuple) for one in said):
        return Fact(sorted({item for one in said for item in _items(one.reading.value)}), evidence)
    distinct = {(type(one.reading.value).__name__, one.reading.value): one.reading for one in said}
    if len(distinct) > 1:
        words = ", ".join(sorted(f"`{visible(str(each.value), 40)}` ({each.artefact})" for each in distinct.values()))
        return unknown(f"the evidence contradicts itself: {words}", evidence)
    return Fact(said[0].reading.value, evidence)


def _items(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)
