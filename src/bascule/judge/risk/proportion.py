"""A proportion from discounted counts, with its interval. Method §3.1-2.

Rules: every trial counts `q(source) × 2^(-age/h) × r(relation)`, and less again where the tester spent less than the
actor could; ignorance is width, not zero, so no trials at all is [0, 1]; discounting widens and does not remove bias,
so self-reported counts alone never satisfy anything at a tier where a copy leaves the house.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bascule.judge.policy.pack import Weights
from bascule.judge.risk.interval import ANY_PROPORTION, Interval


@dataclass(frozen=True, slots=True)
class Sample:
    """k of n, and what one of its trials counts."""

    k: float
    n: float
    weight: float


def clopper_pearson(k: float, n: float, alpha: float) -> Interval:
    """The 1 - alpha interval of a proportion from k successes in n trials, both real numbers, 0 ≤ k ≤ n.

    low = Beta^-1(alpha/2; k, n - k + 1), high = Beta^-1(1 - alpha/2; k + 1, n - k); the ends are exact at k = 0 and
    k = n, and no trials give [0, 1].  Source: Clopper and Pearson 1934, on real counts.
    Law: scaling k and n down together never narrows it.
    """
    if n <= 0:
        return ANY_PROPORTION
    # Imported here: only a judgement that has counts pays for scipy.
    from scipy.special import betaincinv

    k = min(max(k, 0.0), n)
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, alpha / 2))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - alpha / 2))
    # A count far below one trial underflows the inverse: say nothing rather than a wrong end.
    if not (0.0 <= low <= high <= 1.0):
        return ANY_PROPORTION
    return Interval(low, high)


def weight(
    weights: Weights,
    independence: str,
    age_days: float,
    relation: str = "same",
    attack_budget: float | None = None,
    actor_budget: float | None = None,
) -> float:
    """What one trial counts, 0 to 1. A source or relation that the pack does not name counts 0.

    attack_budget: what the tester spent; actor_budget: what the actor of the scenario can afford. A test that does
    not say what it spent counts as one attempt.
    """
    q = weights.independence.get(independence, 0.0)
    r = weights.relation.get(relation, 0.0)
    if actor_budget is not None and actor_budget > 0:
        spent = 1.0 if attack_budget is None else attack_budget
        r *= min(1.0, spent / actor_budget)
    decay: float = 2.0 ** (-max(age_days, 0.0) / weights.half_life_days)
    return min(max(q * r * decay, 0.0), 1.0)


def pool(samples: Iterable[Sample], alpha: float) -> tuple[float, float, Interval]:
    """(k', n', interval) of the discounted counts together."""
    counted = [(sample.weight * sample.k, sample.weight * sample.n) for sample in samples]
    k: float = sum(part for part, _ in counted)
    n = sum(part for _, part in counted)
    return k, n, clopper_pearson(k, n, alpha).rounded()
