"""Every dimension for every kind at every tier, as cells.

Rules: a cell fails if any rule or scenario fails, is unknown if any is unknown, passes if any passes, and does not
apply where nothing asked applies; where the pack asks nothing there is no cell; dimensions are never added up.

Written down, a result stands in full, with its facts and its evidence, in the first cell that it decides. Where the
same answer is in the way of another cell, it is named there and refers back; a rule that passes is named once a kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bascule.judge import scenarios
from bascule.judge.assess import Assessor
from bascule.judge.policy.pack import PackRule, Scenario
from bascule.judge.risk.dimension import Sum
from bascule.judge.scenarios import Stated
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Dimension, DimensionResult, RuleResult, ScenarioResult, Tier, Verdict

Result = RuleResult | ScenarioResult

STRICTEST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)
_IN_THE_WAY = (Verdict.FAIL, Verdict.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cell:
    """A dimension for a kind at a tier, with every result in full. Equal answers are one object."""

    kind: ArtefactKind
    tier: Tier
    dimension: Dimension
    verdict: Verdict
    results: tuple[Result, ...]
    low: float | None = None
    high: float | None = None
    line: float | None = None
    unit: str = ""
    missing: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        return self.verdict in _IN_THE_WAY


class Matrix:
    """Builds the cells of an assessor. Results are made once for all places at which they must be the same."""

    def __init__(self, assessor: Assessor) -> None:
        self._assessor = assessor
        self._told: dict[tuple[int, Verdict, str], ScenarioResult] = {}
        self._waived: dict[tuple[int, str], RuleResult] = {}

    def cells(self, kinds: Iterable[ArtefactKind]) -> Iterator[Cell]:
        """Kind by kind, tier by tier, in the order of dimensions."""
        docket = self._assessor.docket
        for kind in kinds:
            for tier in docket.tiers(kind):
                for dimension in Dimension:
                    asked = docket.asked.get((kind, tier.id, dimension))
                    if asked is not None:
                        yield self._cell(kind, tier, dimension, *asked)

    def _cell(
        self,
        kind: ArtefactKind,
        tier: Tier,
        dimension: Dimension,
        rules: tuple[PackRule, ...],
        stories: tuple[Scenario, ...],
    ) -> Cell:
        ruled = [self._rule(rule, kind, tier) for rule in rules]
        told: list[ScenarioResult] = []
        low = high = line = None
        unit = ""
        if stories:
            total = self._assessor.sum(stories, dimension, kind, tier)
            told = [self._scenario(story, total, kind, tier) for story in stories]
            if total.verdicts:
                low, high, line, unit = total.risk.low, total.risk.high, total.pass_line, stories[0].loss_unit
        results: tuple[Result, ...] = (*ruled, *told)
        verdicts = [result.verdict for result in results]
        if ruled and low is None:
            failing = float(verdicts.count(Verdict.FAIL))
            low, high, line, unit = failing, failing + verdicts.count(Verdict.UNKNOWN), 0.0, "blocking rules"
        return Cell(
            kind=kind,
            tier=tier,
            dimension=dimension,
            verdict=next(verdict for verdict in STRICTEST if verdict in verdicts),
            results=results,
            low=low,
            high=high,
            line=line,
            unit=unit,
            missing=_missing(rules, ruled, stories, told),
        )

    def _rule(self, rule: PackRule, kind: ArtefactKind, tier: Tier) -> RuleResult:
        result = self._assessor.rulings.result(rule, kind, tier)
        waiver = self._assessor.waiver(rule, tier) if result.verdict in _IN_THE_WAY else None
        if waiver is None:
            return result
        digest = waiver.content_digest()
        if (id(result), digest) not in self._waived:
            because = f"waived by {waiver.owner}: {waiver.reason}; compensated by {waiver.safeguard}"
            waived = {"verdict": Verdict.PASS, "because": because, "waived_by": digest}
            self._waived[id(result), digest] = result.model_copy(update=waived)
        return self._waived[id(result), digest]

    def _scenario(self, scenario: Scenario, total: Sum, kind: ArtefactKind, tier: Tier) -> ScenarioResult:
        stated: Stated = self._assessor.stated(scenario, kind, tier)
        verdict, because = total.verdicts.get(scenario.id, (Verdict.NOT_APPLICABLE, stated.because))
        if stated.applies is None:
            because = f"{because}; whether it applies is unknown: {stated.because}"
        answer = (id(stated), verdict, because)
        if answer not in self._told:
            self._told[answer] = scenarios.record(stated, verdict, because, self._assessor.conditions, kind, tier)
        return self._told[answer]


def _missing(
    rules: Sequence[PackRule],
    ruled: Sequence[RuleResult],
    stories: Sequence[Scenario],
    told: Sequence[ScenarioResult],
) -> tuple[str, ...]:
    wanted = {
        rule.produces.evidence if rule.produces else rule.id
        for rule, result in zip(rules, ruled, strict=True)
        if result.verdict is Verdict.UNKNOWN
    }
    wanted |= {
        story.produces.evidence
        for story, result in zip(stories, told, strict=True)
        if result.verdict is Verdict.UNKNOWN
    }
    return tuple(sorted(wanted))


def name_of(result: Result) -> str:
    """The rule's or the scenario's id."""
    return result.rule if isinstance(result, RuleResult) else result.scenario


def evidence_of(results: Iterable[Result]) -> tuple[Digest, ...]:
    """All envelopes behind these results, sorted."""
    unique = {id(result): result for result in results}
    return tuple(sorted({digest for result in unique.values() for digest in result.evidence}))


def written(cells: Sequence[Cell]) -> tuple[DimensionResult, ...]:
    """The cells as records, each result in full once. Rules that do not apply are left out."""
    names: dict[int, Result] = {}
    passed: set[tuple[ArtefactKind, int]] = set()
    rows = []
    for cell in cells:
        first: list[Result] = []
        lines: list[Result] = []
        for result in cell.results:
            if isinstance(result, RuleResult) and result.verdict is Verdict.NOT_APPLICABLE:
                continue
            if isinstance(result, RuleResult) and result.verdict not in _IN_THE_WAY:
                if (cell.kind, id(result)) in passed:
                    continue
                passed.add((cell.kind, id(result)))
            name = names.get(id(result))
            if name is None:
                names[id(result)] = _by_name(result, cell)
                first.append(result)
            lines.append(name or result)
        rows.append(
            DimensionResult.model_construct(  # of validated parts; see `rules`
                kind=cell.kind,
                tier=cell.tier.id,
                dimension=cell.dimension,
                verdict=cell.verdict,
                low=cell.low,
                high=cell.high,
                threshold=cell.line,
                unit=cell.unit,
                rules=tuple(line for line in lines if isinstance(line, RuleResult)),
                scenarios=tuple(line for line in lines if isinstance(line, ScenarioResult)),
                evidence=evidence_of(first),
                missing=cell.missing,
            )
        )
    return tuple(rows)


def _by_name(result: Result, cell: Cell) -> Result:
    brief = {
        "because": f"as for {cell.kind} at {cell.tier.id}",
        "facts": {},
        "evidence": (),
    }
    if isinstance(result, RuleResult):
        return result.model_copy(update=brief | {"expression": "", "remedy": ""})
    return result.model_copy(update=brief | {"sources": ()})
