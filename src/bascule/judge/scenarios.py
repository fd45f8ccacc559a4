"""Scenarios of a pack, with the facts of a subject put in. The numbers themselves are `judge.risk`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from bascule.judge.conditions import Conditions, cited, reads_of
from bascule.judge.facts.fact import key_of
from bascule.judge.facts.measures import Quantity, Standing
from bascule.judge.policy.pack import Safeguard, Scenario, Threshold
from bascule.judge.risk.dimension import Heard
from bascule.judge.risk.interval import NOTHING, Interval
from bascule.judge.risk.scenario import Inputs, appraise
from bascule.judge.risk.success import Joint, Layer, survives
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Dimension, ScenarioResult, Tier, Verdict


@dataclass(frozen=True, slots=True)
class Stated:
    """A scenario as it stands for a kind at a tier.

    applies: None where that is unknown; inputs, heard: what is known and the numbers it gives, None where it does not
    apply.
    """

    scenario: Scenario
    applies: bool | None
    inputs: Inputs | None
    quantities: dict[str, Quantity]
    because: str = ""
    heard: Heard | None = None

    @property
    def evidence(self) -> tuple[Digest, ...]:
        return tuple(sorted({digest for quantity in self.quantities.values() for digest in quantity.evidence}))

    @property
    def missing(self) -> tuple[str, ...]:
        """The measures that no evidence narrows."""
        return tuple(name for name, quantity in self.quantities.items() if quantity.standing is not Standing.MEASURED)


def reads_of_scenario(scenario: Scenario) -> tuple[str, ...]:
    """Every fact that it mentions, its measures included, sorted."""
    return _reads(
        (scenario.when, *(guard.in_force for guard in scenario.safeguards)),
        (
            scenario.capability,
            scenario.joint_bypass,
            scenario.baseline,
            *(guard.measure for guard in scenario.safeguards),
        ),
    )


@lru_cache(maxsize=4096)
def _reads(texts: tuple[str, ...], measures: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({*reads_of(*texts), *(f"measure.{key_of(name)}" for name in measures if name)}))


def state(scenario: Scenario, conditions: Conditions, kind: ArtefactKind, tier: Tier) -> Stated:
    """Put the facts in. Law: knowing less of any fact never narrows an input."""
    applies = conditions.holds(scenario.when, kind, tier)
    if applies is False:
        because = scenario.not_applicable_because or f"`{scenario.when}` is false"
        return Stated(scenario, False, None, {}, because)
    quantities: dict[str, Quantity] = {}

    def quantity(name: str) -> Quantity:
        if name not in quantities:
            quantities[name] = _quantity(name, scenario, conditions, tier)
        return quantities[name]

    standing = [guard for guard in scenario.safeguards if survives(guard, tier)]
    layers = tuple(
        Layer(guard.id, quantity(guard.measure).interval, conditions.holds(guard.in_force, kind, tier))
        for guard in standing
    )
    joint = None
    if scenario.joint_bypass and _jointly_standing(scenario, standing, tier):
        measured = quantity(scenario.joint_bypass)
        if measured.standing is Standing.ABSENT:
            del quantities[scenario.joint_bypass]
        else:
            joint = Joint(measured.interval, _all_in_force(layers))
    baseline = quantity(scenario.baseline).interval if scenario.baseline else NOTHING
    inputs = Inputs(quantity(scenario.capability).interval, layers, joint, baseline)
    why = "" if applies else conditions.ask(scenario.when, kind, tier).because
    heard = Heard(scenario.id, applies, appraise(scenario, inputs), scenario.loss_unit)
    return Stated(scenario, applies, inputs, dict(sorted(quantities.items())), why, heard)


def record(
    stated: Stated, verdict: Verdict, because: str, conditions: Conditions, kind: ArtefactKind, tier: Tier
) -> ScenarioResult:
    """The scenario's line in the assessment."""
    scenario = stated.scenario
    facts = conditions.read(reads_of(scenario.when), kind, tier)
    shown: dict[str, object] = {name: fact.value for name, fact in facts.items()}
    shown |= {
        f"measure.{key_of(name)}": {"low": quantity.interval.low, "high": quantity.interval.high}
        if quantity.standing is Standing.MEASURED
        else None
        for name, quantity in stated.quantities.items()
    }
    heard = stated.heard
    evidence = tuple(sorted({*stated.evidence, *cited(facts)}))
    if heard is None:
        return ScenarioResult(
            scenario=scenario.id,
            dimension=scenario.dimension,
            verdict=Verdict.NOT_APPLICABLE,
            because=stated.because,
            unit=scenario.loss_unit,
            facts=shown,
            evidence=evidence,
            sources=scenario.sources,
        )
    numbers = heard.appraisal
    return ScenarioResult(
        scenario=scenario.id,
        dimension=scenario.dimension,
        verdict=verdict,
        because=because,
        success_low=numbers.success.low,
        success_high=numbers.success.high,
        marginal_low=numbers.marginal.low,
        marginal_high=numbers.marginal.high,
        risk_low=heard.risk.low,
        risk_high=heard.risk.high,
        unit=scenario.loss_unit,
        facts=shown,
        evidence=evidence,
        sources=scenario.sources,
    )


def threshold(
    thresholds: tuple[Threshold, ...], dimension: Dimension, conditions: Conditions, kind: ArtefactKind, tier: Tier
) -> tuple[Interval | None, str]:
    """(tau, unit): the first whose `when` is TRUE holds; those before it that are unknown may hold instead."""
    possible: list[Threshold] = []
    for each in thresholds:
        if each.dimension is not dimension:
            continue
        holds = conditions.holds(each.when, kind, tier)
        if holds is not False:
            possible.append(each)
        if holds:
            if len({one.unit for one in possible}) > 1:
                return None, each.unit
            values = [one.value for one in possible]
            return Interval(min(values), max(values)), each.unit
    return None, possible[0].unit if possible else ""


def _quantity(name: str, scenario: Scenario, conditions: Conditions, tier: Tier) -> Quantity:
    supposed = conditions.book.supposed.get(f"measure.{key_of(name)}")
    if supposed is not None:
        return Quantity(Interval(supposed["low"], supposed["high"]), Standing.MEASURED)
    # What the actor can afford bears on how often attempts succeed, not on what substitutes can do.
    budget = None if name == scenario.baseline else scenario.actor_budget
    return conditions.book.proportion(name, tier, budget)


def _jointly_standing(scenario: Scenario, standing: list[Safeguard], tier: Tier) -> bool:
    """A joint test says something where everything it tested still stands."""
    if scenario.safeguards:
        return len(standing) == len(scenario.safeguards)
    return tier.provider_enforceable and not tier.modifiable_by_user


def _all_in_force(layers: tuple[Layer, ...]) -> bool | None:
    states = {layer.in_force for layer in layers}
    if False in states:
        return False
    return None if None in states else True
