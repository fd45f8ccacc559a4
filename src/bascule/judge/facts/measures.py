"""Measures as facts: counts pooled with what each trial is worth, other numbers as they stand.

Rules: a silence that could have measured the same makes it unknown, whichever way it would have pulled; at tiers
where a copy leaves the house, self-reported counts alone are unknown; a number without counts cannot be discounted,
so it counts only for the same subject; parts of a whole (parameters in shards) lie between the largest part and the
sum.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bascule.judge.facts.fact import Fact, key_of, unknown
from bascule.judge.facts.voices import SAME, Hearing, Voice
from bascule.judge.policy.pack import Weights
from bascule.judge.risk.interval import ANY_PROPORTION, Interval, significant
from bascule.judge.risk.proportion import Sample, pool, weight
from bascule.kernel.digests import Digest
from bascule.records import Measure

PROPORTION = "proportion"
_EXTENSIVE = ("exact", "counted")


class Standing(Enum):
    """How a quantity stands. The difference between the last two matters: what was measured and withheld must not be
    replaced by something more convenient, what nobody ever measured may be."""

    MEASURED = "measured"
    SILENT = "silent"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A proportion as a scenario uses it: [0, 1] unless it is measured."""

    interval: Interval
    standing: Standing
    evidence: tuple[Digest, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Heard:
    measure: Measure
    voice: Voice
    age_days: float

    @property
    def relation(self) -> str:
        return SAME if self.voice.same_subject else self.voice.evidence.relation


class Measures:
    """Every number that was heard, pooled on demand. One per hearing; answers are remembered."""

    def __init__(self, hearing: Hearing, weights: Weights, as_of: datetime) -> None:
        self._hearing = hearing
        self._weights = weights
        self._heard: dict[str, list[_Heard]] = defaultdict(list)
        self._remembered: dict[tuple[str, float | None, bool], Quantity] = {}
        for voice in hearing.voices:
            age_days = (as_of - voice.evidence.issued_at).total_seconds() / 86_400
            for measure in voice.observations.measures:
                if voice.may_support("measures", measure.name):
                    self._heard[measure.name].append(_Heard(measure, voice, age_days))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*self._heard, *self._hearing.silence.named["measures"]}))

    def proportion(self, name: str, distributes: bool, actor_budget: float | None = None) -> Quantity:
        """The pooled proportion of that name. actor_budget: what the scenario's actor can afford."""
        asked = (name, actor_budget, distributes)
        if asked not in self._remembered:
            self._remembered[asked] = self._pooled(name, distributes, actor_budget)
        return self._remembered[asked]

    def fact(self, name: str, distributes: bool) -> Fact:
        """A map with value, low, high and n, or unknown."""
        heard = self._heard.get(name, [])
        if any(one.measure.k is not None for one in heard):
            quantity = self.proportion(name, distributes)
            if quantity.standing is not Standing.MEASURED:
                return unknown(quantity.why, quantity.evidence)
            k, n, _ = self._counts(heard, None)
            low, high = quantity.interval.low, quantity.interval.high
            value = min(max(k / n, low), high)
            return Fact(_map(value, low, high, n), quantity.evidence)
        return self._as_it_stands(name, heard, distributes)

    def _pooled(self, name: str, distributes: bool, actor_budget: float | None) -> Quantity:
        silent = self._hearing.silence.over("measures", name)
        if silent:
            return Quantity(ANY_PROPORTION, Standing.SILENT, silent, self._hearing.silence.reason(silent))
        heard = self._heard.get(name, [])
        if not heard:
            return Quantity(ANY_PROPORTION, Standing.ABSENT, (), "no evidence measures it")
        evidence = tuple(dict.fromkeys(one.voice.digest for one in heard))
        odd = next((one.measure.unit for one in heard if one.measure.unit != PROPORTION), None)
        if odd is not None:
            return Quantity(
                ANY_PROPORTION, Standing.SILENT, evidence, f"it is measured in `{odd}`, not as a proportion"
            )
        _, n, interval = self._counts(heard, actor_budget)
        stated = [one.measure for one in heard if one.measure.k is None and one.relation == SAME]
        if n <= 0 and not stated:
            return Quantity(ANY_PROPORTION, Standing.SILENT, evidence, "what there is counts nothing here")
        if distributes and not any(self._independent(one, actor_budget) for one in heard):
            why = "self-reported evidence alone satisfies nothing where a copy leaves the house"
            return Quantity(ANY_PROPORTION, Standing.SILENT, evidence, why)
        for measure in stated:
            bounds = Interval(max(0.0, min(1.0, measure.low)), max(0.0, min(1.0, measure.high)))
            interval = bounds if n <= 0 and measure is stated[0] else interval.hull(bounds)
        return Quantity(interval.rounded(), Standing.MEASURED, evidence)

    def _counts(self, heard: list[_Heard], actor_budget: float | None) -> tuple[float, float, Interval]:
        samples = [
            Sample(one.measure.k, one.measure.n, self._weight(one, actor_budget))
            for one in heard
            if one.measure.k is not None
        ]
        return pool(samples, self._weights.alpha)

    def _weight(self, one: _Heard, actor_budget: float | None) -> float:
        budget = one.measure.attack_budget
        return weight(self._weights, one.voice.independence, one.age_days, one.relation, budget, actor_budget)

    def _independent(self, one: _Heard, actor_budget: float | None) -> bool:
        """Does anybody but the developer stand behind it, with a weight that counts?"""
        if one.voice.self_reported:
            return False
        if one.measure.k is None:
            return one.relation == SAME
        return one.measure.n > 0 and self._weight(one, actor_budget) > 0

    def _as_it_stands(self, name: str, heard: list[_Heard], distributes: bool) -> Fact:
        silent = self._hearing.silence.over("measures", name)
        if silent:
            return unknown(self._hearing.silence.reason(silent), silent)
        ours = [one for one in heard if one.relation == SAME]
        evidence = tuple(dict.fromkeys(one.voice.digest for one in ours))
        if not ours or (distributes and all(one.voice.self_reported for one in ours)):
            return unknown("only self-reported evidence measures it" if ours else "no evidence measures it", evidence)
        by_artefact: dict[str, Interval] = {}
        for one in ours:
            bounds = Interval(one.measure.low, one.measure.high)
            known = by_artefact.get(one.measure.artefact)
            by_artefact[one.measure.artefact] = known.hull(bounds) if known else bounds
        parts = list(by_artefact.values())
        n = max(one.measure.n for one in ours)
        first = ours[0].measure
        if len(ours) == 1:
            return Fact(_map(first.value, first.low, first.high, n), evidence)
        if first.unit != PROPORTION and all(one.measure.method in _EXTENSIVE for one in ours):
            low, high = max(part.low for part in parts), sum(part.high for part in parts)
            return Fact(_map(high, low, high, n), evidence)
        low, high = min(part.low for part in parts), max(part.high for part in parts)
        return Fact(_map((low + high) / 2, low, high, n), evidence)


def measure_facts(measures: Measures, distributes: bool) -> dict[str, Fact]:
    """Every measure by name."""
    return {key_of(name): measures.fact(name, distributes) for name in measures.names}


def _map(value: float, low: float, high: float, n: float) -> dict[str, float]:
    return {"value": significant(value), "low": significant(low), "high": significant(high), "n": significant(n)}
