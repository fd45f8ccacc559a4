"""All scenarios of one dimension at one tier against its threshold.

    PASS  m × ΣR+ ≤ tau        FAIL  ΣR- > tau        UNKNOWN otherwise

Rules: m is 1 where the tier can be taken back and the pack's margin where it cannot; a scenario that may not apply
counts from 0 up to its worst; one that does not apply counts nothing, and says on which fact; units must agree; sums
stay inside one dimension. Method §3.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bascule.judge.risk.interval import NOTHING, Interval, significant
from bascule.judge.risk.scenario import Appraisal
from bascule.kernel.numbers import number
from bascule.records import Verdict


@dataclass(frozen=True, slots=True)
class Heard:
    """A scenario that applies (True) or may apply (None), with its numbers."""

    id: str
    applies: bool | None
    appraisal: Appraisal
    unit: str

    @property
    def risk(self) -> Interval:
        risk = self.appraisal.risk
        return risk if self.applies else Interval(0.0, risk.high)


@dataclass(frozen=True, slots=True)
class Sum:
    """The dimension's answer. verdicts: by scenario id, with the reason."""

    verdict: Verdict
    risk: Interval
    pass_line: float | None
    verdicts: dict[str, tuple[Verdict, str]]


def weigh(heard: Sequence[Heard], tau: Interval | None, unit: str, margin: float) -> Sum:
    """The sum against tau. tau: an interval where it is unknown which threshold holds; None where none is set.

    Law: knowing less of any scenario never turns another answer into PASS.
    """
    risk = NOTHING
    for scenario in heard:
        risk = Interval(risk.low + scenario.risk.low, risk.high + scenario.risk.high)
    risk = risk.rounded()
    pass_line = None if tau is None else significant(tau.low / margin)
    verdicts: dict[str, tuple[Verdict, str]] = {}
    spent = 0.0
    # From the smallest upper end: those that fit under the line together pass, the others are what is in the way.
    for scenario in sorted(heard, key=lambda each: (each.risk.high, each.id)):
        spent = significant(spent + scenario.risk.high)
        verdicts[scenario.id] = _verdict(scenario, spent, tau, pass_line, unit, risk)
    return Sum(_worst([verdict for verdict, _ in verdicts.values()]), risk, pass_line, verdicts)


def _verdict(
    scenario: Heard, spent: float, tau: Interval | None, pass_line: float | None, unit: str, total: Interval
) -> tuple[Verdict, str]:
    appraisal = scenario.appraisal
    if appraisal.ceiling is not Verdict.PASS:
        sure = appraisal.ceiling is Verdict.FAIL and scenario.applies
        return (Verdict.FAIL if sure else Verdict.UNKNOWN), appraisal.because
    if tau is None or pass_line is None:
        return Verdict.UNKNOWN, "the policy sets no threshold that certainly holds here"
    if scenario.unit != unit:
        return Verdict.UNKNOWN, f"a loss in `{scenario.unit}` cannot be held against a threshold in `{unit}`"
    if total.low > tau.high and scenario.risk.low > 0:
        return Verdict.FAIL, f"at least {number(total.low)} {unit} expected, above the threshold {number(tau.high)}"
    if spent <= pass_line:
        return Verdict.PASS, f"at most {number(scenario.risk.high)} {unit} expected, and {number(pass_line)} allowed"
    return Verdict.UNKNOWN, (
        f"between {number(scenario.risk.low)} and {number(scenario.risk.high)} {unit} expected, "
        f"and {number(pass_line)} allowed"
    )


def _worst(verdicts: list[Verdict]) -> Verdict:
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS):
        if verdict in verdicts:
            return verdict
    return Verdict.NOT_APPLICABLE
