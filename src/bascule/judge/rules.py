"""One logical rule for one kind at one tier.

    when FALSE                                    not applicable
    requires TRUE, or unless TRUE                 pass
    when TRUE, requires FALSE, unless FALSE       fail
    anything else                                 unknown, and unknown denies

Law: knowing less of any fact leaves the verdict as it was, or unknown.
"""

from __future__ import annotations

from functools import lru_cache

from bascule.judge.conditions import Conditions, cited, place_of, reads_of
from bascule.judge.facts.fact import Fact
from bascule.judge.policy.pack import PackRule
from bascule.kernel.text import visible
from bascule.records import ArtefactKind, RuleResult, Tier, Verdict


@lru_cache(maxsize=4096)
def reads_of_rule(when: str, requires: str, unless: str) -> tuple[str, ...]:
    """Every fact that a rule mentions, sorted."""
    return reads_of(when, requires, unless)


def verdict_of(rule: PackRule, conditions: Conditions, kind: ArtefactKind, tier: Tier) -> Verdict:
    """The table above."""
    when = conditions.holds(rule.when, kind, tier)
    if when is False:
        return Verdict.NOT_APPLICABLE
    requires = conditions.holds(rule.requires, kind, tier)
    if requires is True:
        return Verdict.PASS
    unless = conditions.holds(rule.unless, kind, tier)
    if unless is True:
        return Verdict.PASS
    return Verdict.FAIL if when and requires is False and unless is False else Verdict.UNKNOWN


class Rulings:
    """Remembers the full result of each rule, for as many (kind, tier) places as it can differ between."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._results: dict[tuple[str, str, str, bool], RuleResult] = {}

    def result(self, rule: PackRule, kind: ArtefactKind, tier: Tier) -> RuleResult:
        """The verdict with the facts it read and the evidence they rest on."""
        reads = reads_of_rule(rule.when, rule.requires, rule.unless)
        place = (rule.id, *place_of(reads, kind, tier))
        result = self._results.get(place)
        if result is None:
            result = self._results[place] = self._explained(rule, reads, kind, tier)
        return result

    def _explained(self, rule: PackRule, reads: tuple[str, ...], kind: ArtefactKind, tier: Tier) -> RuleResult:
        verdict = verdict_of(rule, self._conditions, kind, tier)
        facts = self._conditions.read(reads, kind, tier)
        # Built of what was validated already; `Assessment.from_json` checks it all again whenever it is read back.
        return RuleResult.model_construct(
            rule=rule.id,
            dimension=rule.dimension,
            verdict=verdict,
            because=_because(rule, verdict, facts),
            expression=_expression(rule),
            facts={name: fact.value for name, fact in facts.items()},
            evidence=cited(facts),
            remedy=rule.remedy,
            waivable=rule.waivable,
            waived_by=None,
        )


def _because(rule: PackRule, verdict: Verdict, facts: dict[str, Fact]) -> str:
    if verdict is Verdict.FAIL:
        return rule.message
    if verdict is Verdict.PASS:
        return rule.title
    if verdict is Verdict.NOT_APPLICABLE:
        return f"it does not apply: `{visible(rule.when, 160)}` is false"
    unknown = [f"`{name}` is unknown ({fact.why})" for name, fact in facts.items() if not fact.known]
    return f"{rule.message}: cannot tell, because " + (", ".join(unknown) or "its facts do not fit the condition")


def _expression(rule: PackRule) -> str:
    parts = [
        f"when {rule.when}" if rule.when != "true" else "",
        f"requires {rule.requires}",
        f"unless {rule.unless}" if rule.unless != "false" else "",
    ]
    return " ".join(part for part in parts if part)
