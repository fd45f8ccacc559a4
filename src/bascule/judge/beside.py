"""What stands beside the risk and is never summed into it: what each tier gives, and what it costs.

Rules: a benefit buys off no failure, it only chooses among permitted tiers; economics is an interval in money with its
assumptions; a blank in the context takes the pack's bound and says so; what may apply counts from nothing to its worst.
"""

from __future__ import annotations

from bascule.judge.conditions import Conditions
from bascule.judge.policy.pack import Assumption, PolicyPack
from bascule.judge.policy.tiers import tier_matches
from bascule.judge.risk.interval import significant
from bascule.kernel.numbers import number
from bascule.records import ArtefactKind, Benefit, Ladder, MoneyInterval, Tier


def benefits(pack: PolicyPack, ladder: Ladder) -> tuple[Benefit, ...]:
    """The pack's rows for the tiers of this ladder, tier by tier."""
    return tuple(
        Benefit(name=row.name, tier=tier.id, level=row.levels[tier.id], because=row.because)
        for tier in ladder.tiers
        for row in pack.benefits
        if tier.id in row.levels
    )


def economics(
    pack: PolicyPack, ladder: Ladder, conditions: Conditions, kind: ArtefactKind
) -> tuple[MoneyInterval, ...]:
    """Money a year at each tier that the pack says something about; negative is income."""
    rows = []
    for tier in ladder.tiers:
        lines = [line for line in pack.economics if tier_matches(line.tiers, tier.id)]
        amounts = [_amount(line, conditions, kind, tier) for line in lines]
        counted = [amount for amount in amounts if amount is not None]
        if counted:
            rows.append(
                MoneyInterval(
                    tier=tier.id,
                    low=significant(sum(low for low, _, _ in counted)),
                    high=significant(sum(high for _, high, _ in counted)),
                    assumptions=tuple(words for _, _, words in counted),
                )
            )
    return tuple(rows)


def _amount(
    line: Assumption, conditions: Conditions, kind: ArtefactKind, tier: Tier
) -> tuple[float, float, str] | None:
    applies = conditions.holds(line.when, kind, tier)
    if applies is False:
        return None
    ends = [conditions.ask(text, kind, tier).value for text in (line.low, line.high)]
    known = [
        end if isinstance(end, float) else blank
        for end, blank in zip(ends, (line.blank_low, line.blank_high), strict=True)
    ]
    low, high = min(known), max(known)
    words = f"{line.title}: {number(low)} to {number(high)} ({line.source})"
    if not all(isinstance(end, float) for end in ends):
        words += "; the context is blank, so the policy's bounds stand"
    if applies is None:
        low, high = min(low, 0.0), max(high, 0.0)
        words += "; it may not apply"
    return low, high, words
