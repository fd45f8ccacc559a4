"""What a pack's cases never try: a rule that no case fails, a threshold that no case comes near.

Rules: a deny rule and a scenario want a case that passes, one that fails and one that cannot tell; a threshold wants a
case that stays below and one that does not; an obligation wants a case that is obliged. What stays silent in all cases
is not known to work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pydantic import Field

from bascule.judge.policy.cases import CaseResult
from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.pack import PackRule, PolicyPack
from bascule.judge.policy.parse import expressions_of
from bascule.records import Record, Verdict

_DECIDED = (Verdict.PASS.value, Verdict.FAIL.value, Verdict.UNKNOWN.value)
OBLIGED = "obliged"


class Covered(Record):
    """One rule, scenario or threshold, and what the cases made of it."""

    what: str = Field(description="rule, obligation, scenario or threshold")
    id: str
    seen: dict[str, int] = Field(description="verdict to the number of cases in which it came up")
    untried: tuple[str, ...]


def cover(pack: PolicyPack, results: Sequence[CaseResult], base: PolicyPack | None = None) -> tuple[Covered, ...]:
    """One row per rule, scenario and threshold, in the pack's order.

    base: the pack that this one extends; what is unchanged from it is its own cases' business, and left out.
    """
    seen = _tally(results)
    old: set[object] = {each.to_json() for each in (*base.rules, *base.scenarios, *base.thresholds)} if base else set()
    rows = [_rule_row(rule, seen["rule", rule.id]) for rule in pack.rules if rule.to_json() not in old]
    rows += [
        _row("scenario", each.id, seen["scenario", each.id], _DECIDED)
        for each in pack.scenarios
        if each.to_json() not in old
    ]
    for each in pack.thresholds:
        if each.to_json() in old:
            continue
        counts: dict[str, int] = defaultdict(int)
        for line in (each.value, each.value / pack.weights.one_way_margin):
            for verdict, cases in seen["threshold", f"{each.dimension} ≤ {line:g}"].items():
                counts[verdict] += cases
        held = counts.get(Verdict.FAIL.value, 0) + counts.get(Verdict.UNKNOWN.value, 0)
        wanted = (Verdict.PASS.value,) if held else (Verdict.PASS.value, Verdict.FAIL.value)
        rows.append(_row("threshold", f"{each.dimension} ≤ {each.value:g}", counts, wanted))
    return tuple(rows)


def _rule_row(rule: PackRule, counts: dict[str, int]) -> Covered:
    if rule.effect == "oblige":
        return _row("obligation", rule.id, counts, (OBLIGED,))
    reads = {fact.split(".")[0] for _, text in expressions_of(rule) for fact in compile_expression(text).reads}
    # What intake and the ladder say is always known: such a rule cannot be unsure.
    wanted = _DECIDED[:2] if reads <= {"subject", "tier", "kind", "as_of"} else _DECIDED
    return _row("rule", rule.id, counts, wanted)


def _row(what: str, name: str, counts: dict[str, int], wanted: Sequence[str]) -> Covered:
    untried = tuple(verdict for verdict in wanted if not counts.get(verdict))
    return Covered(what=what, id=name, seen=dict(sorted(counts.items())), untried=untried)


def _tally(results: Sequence[CaseResult]) -> dict[tuple[str, str], dict[str, int]]:
    seen: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for result in results:
        if result.judgement is None:
            continue
        once: set[tuple[str, str, str]] = set()
        for cell in result.judgement.assessment.cells:
            once.update(("rule", each.rule, each.verdict.value) for each in cell.rules)
            once.update(("scenario", each.scenario, each.verdict.value) for each in cell.scenarios)
            if cell.scenarios and cell.threshold is not None:
                once.add(("threshold", f"{cell.dimension} ≤ {cell.threshold:g}", cell.verdict.value))
        once.update(
            ("rule", reason.rule, OBLIGED) for reason in result.judgement.decision.reasons if reason.effect == "oblige"
        )
        for what, name, verdict in once:
            seen[what, name][verdict] += 1
    return seen
