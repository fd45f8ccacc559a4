"""What a pack asks of a kind at a tier, what is in the way there, and the climb that is left.

Rules: a tier is permitted only if nothing is in the way at it or at any tier below it; the lowest tier gives
nothing away and asks for nothing; of a closed model nothing can be handed out; a waiver reaches its own tier and
those below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from bascule.judge import scenarios
from bascule.judge.conditions import Conditions, place_of
from bascule.judge.facts.book import FactBook
from bascule.judge.policy.pack import PackRule, PolicyPack, Scenario
from bascule.judge.policy.tiers import tier_matches
from bascule.judge.risk.dimension import Sum, weigh
from bascule.judge.rules import Rulings, reads_of_rule, verdict_of
from bascule.judge.scenarios import Stated
from bascule.kernel.errors import InputError
from bascule.records import (
    ArtefactKind,
    Dimension,
    Ladder,
    Tier,
    Verdict,
    Waiver,
)

Asked = tuple[tuple[PackRule, ...], tuple[Scenario, ...]]


@dataclass(frozen=True, slots=True)
class Docket:
    """What a pack asks on one ladder on one day, by (kind, tier, dimension)."""

    pack: PolicyPack
    ladder: Ladder
    ceilings: Mapping[ArtefactKind, Tier]
    rules: tuple[PackRule, ...]
    obligations: tuple[PackRule, ...]
    asked: Mapping[tuple[ArtefactKind, str, Dimension], Asked]

    def tiers(self, kind: ArtefactKind, up_to: int | None = None) -> Iterator[Tier]:
        """The tiers above the lowest, up to the kind's ceiling and the given rank."""
        top = self.ceilings[kind].rank
        yield from self.ladder.tiers[1 : 1 + (top if up_to is None else min(top, up_to))]


def docket(pack: PolicyPack, ladder: Ladder, kinds: tuple[ArtefactKind, ...], on: date, black_box: bool) -> Docket:
    """Sort the pack's questions. Raises InputError `judge.empty-policy` when it asks nothing on this ladder."""
    in_force = [
        rule
        for rule in pack.rules
        if ladder.name in rule.ladders
        and (rule.applies_from is None or rule.applies_from <= on)
        and (rule.applies_until is None or on <= rule.applies_until)
    ]
    rules = tuple(rule for rule in in_force if rule.effect == "deny")
    library = tuple(scenario for scenario in pack.scenarios if ladder.name in scenario.ladders)
    if not rules and not library:
        raise InputError(
            "judge.empty-policy",
            f"the policy `{pack.id}` asks nothing on the ladder `{ladder.name}`, so it could refuse nothing",
            "choose another policy or ladder; a policy that permits everything must say so rule by rule",
        )
    ceilings = {kind: _ceiling(ladder, kind, black_box) for kind in kinds}
    asked: dict[tuple[ArtefactKind, str, Dimension], Asked] = {}
    for tier in ladder.tiers[1:]:
        told = [rule for rule in rules if tier_matches(rule.tiers, tier.id)]
        stories_told = [scenario for scenario in library if tier_matches(scenario.tiers, tier.id)]
        for kind in kinds:
            if tier.rank > ceilings[kind].rank:
                continue
            by_dimension: dict[Dimension, tuple[list[PackRule], list[Scenario]]] = defaultdict(lambda: ([], []))
            for rule in told:
                if not rule.kinds or kind in rule.kinds:
                    by_dimension[rule.dimension][0].append(rule)
            for scenario in stories_told:
                if not scenario.kinds or kind in scenario.kinds:
                    by_dimension[scenario.dimension][1].append(scenario)
            for dimension, (here, stories) in by_dimension.items():
                asked[kind, tier.id, dimension] = (tuple(here), tuple(stories))
    obligations = tuple(rule for rule in in_force if rule.effect == "oblige")
    return Docket(pack, ladder, ceilings, rules, obligations, asked)


def _ceiling(ladder: Ladder, kind: ArtefactKind, black_box: bool) -> Tier:
    top = ladder.tier(ladder.ceilings[kind]) if kind in ladder.ceilings else ladder.tiers[-1]
    if black_box or kind is ArtefactKind.ENDPOINT:
        # Nothing of a closed model can be handed out, and nothing seen from outside supports that it could be.
        kept = [tier for tier in ladder.tiers if not tier.distributes and tier.rank <= top.rank]
        return kept[-1] if kept else ladder.lowest
    return top


@dataclass(frozen=True, slots=True)
class Blocker:
    """A rule or scenario that is in the way for a kind at a tier."""

    kind: ArtefactKind
    tier: Tier
    verdict: Verdict
    rule: PackRule | None = None
    stated: Stated | None = None
    because: str = ""

    @property
    def id(self) -> str:
        return self.rule.id if self.rule else self.stated.scenario.id if self.stated else ""

    @property
    def dimension(self) -> Dimension:
        return self.rule.dimension if self.rule else self.stated.scenario.dimension if self.stated else Dimension.SAFETY


class Assessor:
    """Answers a docket from a book. `supposing` gives the same under hypothetical facts, without asking twice."""

    def __init__(
        self,
        docket: Docket,
        conditions: Conditions,
        waivers: Mapping[str, tuple[Waiver, ...]],
        parent: Assessor | None = None,
    ) -> None:
        self.docket = docket
        self.conditions = conditions
        self._waivers = waivers
        self._parent = parent
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._stated: dict[tuple[object, ...], Stated] = {}

    @classmethod
    def of(cls, docket: Docket, book: FactBook, waivers: Mapping[str, tuple[Waiver, ...]]) -> Assessor:
        return cls(docket, Conditions(book), waivers)

    def supposing(self, book: FactBook) -> Assessor:
        """The same docket, over a book with suppositions."""
        return Assessor(self.docket, self.conditions.supposing(book), self._waivers, self)

    @cached_property
    def rulings(self) -> Rulings:
        return Rulings(self.conditions)

    def waiver(self, rule: PackRule, tier: Tier) -> Waiver | None:
        """The waiver that lets a rule pass here: it reaches its own tier and those below, never above."""
        ladder = self.docket.ladder
        reach = (w for w in self._waivers.get(rule.id, ()) if ladder.tier(w.tier).rank >= tier.rank)
        return next(reach, None)

    def verdict(self, rule: PackRule, kind: ArtefactKind, tier: Tier) -> Verdict:
        """The rule's verdict, remembered for all kinds and tiers at which it must be the same."""
        reads = reads_of_rule(rule.when, rule.requires, rule.unless)
        if self._parent is not None and not self.conditions.touched(reads):
            return self._parent.verdict(rule, kind, tier)
        place = (rule.id, *place_of(reads, kind, tier))
        verdict = self._verdicts.get(place)
        if verdict is None:
            verdict = self._verdicts[place] = verdict_of(rule, self.conditions, kind, tier)
        return verdict

    def stated(self, scenario: Scenario, kind: ArtefactKind, tier: Tier) -> Stated:
        """The scenario with this subject's facts, remembered alike."""
        reads = scenarios.reads_of_scenario(scenario)
        if self._parent is not None and not self.conditions.touched(reads):
            return self._parent.stated(scenario, kind, tier)
        place = (scenario.id, *place_of(reads, kind, tier), tier.provider_enforceable, tier.modifiable_by_user)
        stated = self._stated.get(place)
        if stated is None:
            stated = self._stated[place] = scenarios.state(scenario, self.conditions, kind, tier)
        return stated

    def sum(self, stories: tuple[Scenario, ...], dimension: Dimension, kind: ArtefactKind, tier: Tier) -> Sum:
        """The dimension's scenarios together against its threshold."""
        stated = [self.stated(scenario, kind, tier) for scenario in stories]
        heard = [each.heard for each in stated if each.heard is not None]
        pack = self.docket.pack
        tau, unit = scenarios.threshold(pack.thresholds, dimension, self.conditions, kind, tier)
        margin = 1.0 if tier.revocable else pack.weights.one_way_margin
        return weigh(heard, tau, unit, margin)

    def blockers(self, kind: ArtefactKind, tier: Tier) -> Iterator[Blocker]:
        """What is in the way at this tier itself, in the order of dimensions."""
        for dimension in Dimension:
            rules, stories = self.docket.asked.get((kind, tier.id, dimension), ((), ()))
            for rule in rules:
                yield from self.blocking_rule(rule, kind, tier)
            if stories:
                yield from self.blocking_scenarios(stories, dimension, kind, tier)

    def blocking_rule(self, rule: PackRule, kind: ArtefactKind, tier: Tier) -> Iterator[Blocker]:
        """The rule, if it is in the way here and not waived."""
        verdict = self.verdict(rule, kind, tier)
        if verdict in (Verdict.FAIL, Verdict.UNKNOWN) and not self.waiver(rule, tier):
            yield Blocker(kind, tier, verdict, rule=rule)

    def blocking_scenarios(
        self, stories: tuple[Scenario, ...], dimension: Dimension, kind: ArtefactKind, tier: Tier
    ) -> Iterator[Blocker]:
        """Those of a dimension's scenarios that are in the way here."""
        verdicts = self.sum(stories, dimension, kind, tier).verdicts
        for scenario in stories:
            verdict, because = verdicts.get(scenario.id, (Verdict.NOT_APPLICABLE, ""))
            if verdict in (Verdict.FAIL, Verdict.UNKNOWN):
                yield Blocker(kind, tier, verdict, stated=self.stated(scenario, kind, tier), because=because)

    def permitted(self, kind: ArtefactKind, up_to: int | None = None) -> Tier:
        """The climb: the last tier before the first one with anything in the way."""
        reached = self.docket.ladder.lowest
        for tier in self.docket.tiers(kind, up_to):
            if next(self.blockers(kind, tier), None) is not None:
                break
            reached = tier
        return reached
