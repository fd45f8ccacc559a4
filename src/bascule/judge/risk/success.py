"""How often an attempt succeeds at a tier: capability times what gets past the safeguards that survive there.

Rules: a provider-side safeguard counts 0 where the provider enforces nothing; one that fine-tuning removes counts 0
where users may modify; a joint test of the safeguards is taken at its word where all of them survive; without one,
layers are taken as correlated, so the best single layer counts and nothing is multiplied. Method §3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

from bascule.judge.policy.pack import Safeguard
from bascule.judge.risk.interval import ALWAYS, ANY_PROPORTION, Interval
from bascule.records import Tier


@dataclass(frozen=True, slots=True)
class Layer:
    """A safeguard that survives at the tier. stopped: share of attempts it stops; in_force: None where unknown."""

    id: str
    stopped: Interval
    in_force: bool | None = True


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint test: its bypass, and whether it covers exactly the layers in force (None where that is unknown)."""

    bypass: Interval
    covers: bool | None = True


def survives(safeguard: Safeguard, tier: Tier) -> bool:
    """Does it still stand when this tier has been granted?"""
    if safeguard.where == "provider" and not tier.provider_enforceable:
        return False
    return not (safeguard.removable_by_finetuning and tier.modifiable_by_user)


def bypass(layers: tuple[Layer, ...], joint: Joint | None) -> Interval:
    """Share of attempts that get past, 0 to 1.

    Law: knowing less of a layer, of the joint test or of what is in force never narrows it.
    """
    single = _best_single_layer(layers)
    if joint is None or joint.covers is False:
        return single
    if joint.covers is None:
        return ANY_PROPORTION
    return joint.bypass


def _best_single_layer(layers: tuple[Layer, ...]) -> Interval:
    low, high = ALWAYS.low, ALWAYS.high
    for layer in layers:
        if layer.in_force is False:
            continue
        past = layer.stopped.complement()
        low = min(low, past.low)
        if layer.in_force:
            high = min(high, past.high)
    return Interval(low, high)
