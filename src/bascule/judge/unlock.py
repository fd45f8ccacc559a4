"""Ways forward: what would change the answer, and what each missing piece of evidence would buy.

A blocker yields a step: a piece of evidence with the command that produces it, a remedy, a fact to state, or a
waiver by a person. A step comes with a supposition, the facts as they would be if it came out well. The steps for
some kinds are put together, the case is judged again under their suppositions, and what turns out to be needless is
taken out, the most costly first; so no step of the set that is left can be spared. Where nothing may override a rule
and no fact can change it, the way forward says that there is none.

What a piece of evidence buys: the requested climb is every (kind, tier) between what is permitted and what was asked
for. Each is held by the steps that it still needs and is shared out among them: a rule counts 1, a scenario counts
the share of its upper risk that goes away when its most telling quantity is set to its midpoint (method §3.7). The
shares of all steps add up to 1.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Any

from bascule.judge.assess import Assessor, Blocker
from bascule.judge.conditions import place_of, reads_of
from bascule.judge.facts.fact import key_of
from bascule.judge.facts.measures import Standing
from bascule.judge.policy.pack import PackRule, Produces, Scenario
from bascule.judge.risk.interval import significant
from bascule.judge.risk.scenario import value_of_information
from bascule.judge.rules import reads_of_rule, verdict_of
from bascule.judge.scenarios import Stated, reads_of_scenario
from bascule.records import ArtefactKind, Dimension, Missing, Tier, Unlock, Verdict

MAX_SUPPOSITIONS = 48
MAX_ROUNDS = 3
REVIEW_AGAIN = "bascule review REF --fresh"
READ_WHAT_IT_IS = "bascule review REF --only model_profile"

Supposition = dict[str, Any]

_STRINGS = re.compile(r"\"([^\"\\]*)\"|'([^'\\]*)'")
_NEVER, _ALWAYS = ({"value": v, "low": v, "high": v, "n": 1e6} for v in (0.0, 1.0))
_HUGE = {"value": 1e15, "low": 1e15, "high": 1e15, "n": 1e6}


@dataclass(slots=True)
class Step:
    """One thing to do. exempt: rule ids that it settles by a person's word, not by a fact; settles: all it is for."""

    text: str
    command: str
    cost: str = ""
    minutes: float = 10.0
    evidence: str = ""
    dimension: Dimension = Dimension.GOVERNANCE
    because: str = ""
    weight: float = 0.0
    supposes: Supposition = field(default_factory=dict)
    exempt: set[str] = field(default_factory=set)
    impossible: str = ""
    settles: set[str] = field(default_factory=set)

    @property
    def key(self) -> str:
        return self.command or self.text


@dataclass(frozen=True, slots=True)
class WaysForward:
    unlocks: tuple[Unlock, ...]
    missing: tuple[Missing, ...]


def ways_forward(
    assessor: Assessor, targets: Mapping[ArtefactKind, Tier], permitted: Mapping[ArtefactKind, Tier]
) -> WaysForward:
    """For every kind that is below its target: the steps, and the evidence ranked by what it would buy."""
    finder = _StepFinder(assessor)
    shares: dict[str, float] = defaultdict(float)
    best: dict[str, Step] = {}
    groups: dict[tuple[tuple[str, ...], str], list[ArtefactKind]] = defaultdict(list)
    climbs = 0
    for kind in sorted(targets):
        if permitted[kind].rank >= targets[kind].rank:
            continue
        needed: dict[str, Step] = {}
        for tier in assessor.docket.tiers(kind, targets[kind].rank):
            for blocker in assessor.blockers(kind, tier):
                step = finder.step(blocker)
                if step.key not in needed:
                    needed[step.key] = step
            if tier.rank > permitted[kind].rank:
                climbs += 1
                total = sum(step.weight for step in needed.values())
                for key, step in needed.items():
                    shares[key] += step.weight / total
        best.update(needed)
        groups[tuple(sorted(needed)), targets[kind].id].append(kind)
    unlocks = tuple(
        _unlock(assessor, finder, kinds, assessor.docket.ladder.tier(tier)) for (_, tier), kinds in groups.items()
    )
    missing = [
        Missing(
            evidence=step.evidence,
            dimension=step.dimension,
            buys=min(1.0, significant(shares[key] / climbs)),
            command=step.command or step.text,
            because=step.because,
            cost=step.cost,
        )
        for key, step in best.items()
        if step.evidence
    ]
    minutes = {step.evidence: step.minutes for step in best.values()}
    missing.sort(key=lambda each: (-each.buys, minutes[each.evidence], each.evidence, each.command))
    return WaysForward(unlocks, tuple(missing))


def _unlock(assessor: Assessor, finder: _StepFinder, kinds: Sequence[ArtefactKind], target: Tier) -> Unlock:
    climb = _Climb(assessor, kinds, target)
    steps: dict[str, Step] = {}
    left = list(climb.blockers(()))
    for round_ in range(MAX_ROUNDS):
        supposed = climb.supposing(steps.values()) if round_ else None
        for blocker in left:
            step = finder.step(blocker, supposed)
            steps[step.key] = step
        # A supposition can make another rule apply, so the case is judged again before it is believed.
        left = list(climb.blockers(steps.values()))
        if not left:
            break
    lost = sorted({step.impossible for step in steps.values() if step.impossible})
    if not lost and left:
        lost = sorted({f"`{blocker.id}` would still be in the way" for blocker in left})
    if lost:
        return Unlock(kinds=tuple(kinds), tier=target.id, steps=(), possible=False, because="; ".join(lost))
    kept = climb.without_needless(list(steps.values()))
    kept.sort(key=lambda step: (step.minutes, step.text))
    return Unlock(
        kinds=tuple(kinds),
        tier=target.id,
        steps=tuple(step.text for step in kept),
        commands=tuple(dict.fromkeys(step.command for step in kept if step.command)),
        cost=_about(sum(step.minutes for step in kept)),
        because="judged again as if each of these came out well; none of them can be spared",
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question on the way: a rule, or the scenarios of a dimension; with every fact that its answer can rest on."""

    reads: frozenset[str]
    whole_sections: frozenset[str]
    kind: ArtefactKind
    tier: Tier
    rule: PackRule | None = None
    stories: tuple[Scenario, ...] = ()
    dimension: Dimension = Dimension.GOVERNANCE

    def rests_on(self, step: Step) -> bool:
        """Could the answer be another without this step?"""
        if self.rule is not None and self.rule.id in step.exempt:
            return True
        if not self.reads.isdisjoint(step.supposes):
            return True
        return (
            any(name.partition(".")[0] in self.whole_sections for name in step.supposes)
            if self.whole_sections
            else False
        )


class _Climb:
    """Everything that is asked of some kinds up to a tier, judged again under suppositions."""

    def __init__(self, assessor: Assessor, kinds: Sequence[ArtefactKind], target: Tier) -> None:
        self._assessor = assessor
        self._asked = list(_questions(assessor, kinds, target))

    def supposing(self, steps: Iterable[Step]) -> Assessor:
        """As if each of these steps had come out well."""
        supposed: Supposition = {}
        for step in steps:
            _join(supposed, step.supposes)
        return self._assessor.supposing(replace(self._assessor.conditions.book, supposed=supposed))

    def blockers(self, steps: Collection[Step], touching: Step | None = None) -> Iterator[Blocker]:
        """What is in the way after these steps; with `touching`, only what that step could bear on."""
        exempt = {rule for step in steps for rule in step.exempt}
        supposed = self.supposing(steps)
        for asked in self._asked:
            if touching is not None and not asked.rests_on(touching):
                continue
            found = (
                supposed.blocking_rule(asked.rule, asked.kind, asked.tier)
                if asked.rule
                else supposed.blocking_scenarios(asked.stories, asked.dimension, asked.kind, asked.tier)
            )
            yield from (blocker for blocker in found if blocker.id not in exempt)

    def without_needless(self, steps: list[Step]) -> list[Step]:
        """Nothing is in the way after all of them; the most costly that can be spared goes first."""
        kept = steps
        for step in sorted(steps, key=lambda each: (-each.minutes, each.text)):
            others = [each for each in kept if each is not step]
            if next(self.blockers(others, touching=step), None) is None:
                kept = others
        return kept


def _questions(assessor: Assessor, kinds: Sequence[ArtefactKind], target: Tier) -> Iterator[_Asked]:
    """Each question once for all kinds and tiers at which its answer must be the same, at the highest of them."""
    docket = assessor.docket
    rules: dict[tuple[object, ...], _Asked] = {}
    for kind in kinds:
        for tier in docket.tiers(kind, target.rank):
            for dimension in Dimension:
                told, stories = docket.asked.get((kind, tier.id, dimension), ((), ()))
                for rule in told:
                    reads = reads_of_rule(rule.when, rule.requires, rule.unless)
                    rules[rule.id, *place_of(reads, kind, tier)] = _Asked(*_split(reads), kind, tier, rule)
                if stories:
                    reads_all = {name for story in stories for name in reads_of_scenario(story)}
                    for line in docket.pack.thresholds:
                        reads_all.update(reads_of(line.when) if line.dimension is dimension else ())
                    yield _Asked(*_split(reads_all), kind, tier, None, stories, dimension)
    yield from rules.values()


def _split(reads: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """(all of them, those that are a whole section of the book)."""
    names = frozenset(reads)
    return names, frozenset(name for name in names if "." not in name)


def _about(minutes: float) -> str:
    if minutes < 90:
        return f"about {max(1, round(minutes))} minutes"
    hours = minutes / 60
    return f"about {round(hours)} hours" if hours < 48 else f"about {round(hours / 24)} days"


class _StepFinder:
    """From a blocker to its step; remembers, so that one rule yields one step for all kinds and tiers."""

    def __init__(self, assessor: Assessor) -> None:
        self._assessor = assessor
        self._by_key: dict[str, Step] = {}
        self._known: dict[tuple[str, Verdict, ArtefactKind], Step] = {}

    def step(self, blocker: Blocker, under: Assessor | None = None) -> Step:
        """The step for a blocker. Several that ask for the same thing are one step, which supposes what all need."""
        place = (blocker.id, blocker.verdict, blocker.kind)
        if under is None and place in self._known:
            return self._known[place]
        assessor = under or self._assessor
        found = self._of_rule(blocker, blocker.rule, assessor) if blocker.rule else self._of_scenario(blocker, assessor)
        step = self._by_key.setdefault(found.key, found)
        if step is not found:
            _join(step.supposes, found.supposes)
            step.exempt |= found.exempt
            if blocker.id not in step.settles:
                step.weight += found.weight
        step.settles.add(blocker.id)
        self._known[place] = step
        return step

    def _of_rule(self, blocker: Blocker, rule: PackRule, assessor: Assessor) -> Step:
        supposes = _suppose(rule, assessor, blocker.kind, blocker.tier)
        reads = reads_of_rule(rule.when, rule.requires, rule.unless)
        exempt: set[str] = set()
        if supposes is None:
            fixed = all(name.startswith(("tier", "kind", "as_of")) for name in reads)
            if fixed or not (rule.produces or rule.remedy):
                return _waived(rule, blocker.tier) if rule.waivable else _impossible(rule)
            # Something can be done about it, but its outcome cannot be written down as facts: it is taken on trust.
            supposes, exempt = {}, {rule.id}
        if blocker.verdict is Verdict.UNKNOWN:
            facts = assessor.conditions.read(reads, blocker.kind, blocker.tier)
            step = _evidence_for(rule, [name for name, fact in facts.items() if not fact.known])
        elif rule.remedy or rule.produces is None:
            step = Step(text=rule.remedy or rule.message, command="", minutes=30.0)
        else:
            step = _collected(rule.produces)
        step.dimension, step.because, step.weight = rule.dimension, rule.message, 1.0
        step.supposes, step.exempt = supposes, exempt
        return step

    def _of_scenario(self, blocker: Blocker, assessor: Assessor) -> Step:
        stated = blocker.stated
        assert stated is not None
        scenario = stated.scenario
        told = _what_it_is(stated, assessor, blocker)
        if told is not None:
            return told
        weight, telling = _worth(stated)
        supposes = _suppose_measures(stated)
        if supposes is None:
            why = f"nothing may override `{scenario.id}`: {blocker.because}"
            return Step(text=why, command="", dimension=scenario.dimension, weight=1.0, impossible=why)
        failing = blocker.verdict is Verdict.FAIL
        text = (
            f"lower the risk of `{scenario.id}` with safeguards that survive at {blocker.tier.id}, and measure again"
            if failing
            else _collect(scenario.produces)
        )
        return Step(
            text=text,
            command=scenario.produces.command,
            cost=scenario.produces.cost,
            minutes=scenario.produces.cost_minutes,
            evidence="" if failing else scenario.produces.evidence,
            dimension=scenario.dimension,
            because=f"{blocker.because}{telling}",
            weight=weight,
            supposes=supposes,
        )


def _join(supposed: Supposition, more: Supposition) -> None:
    """Add suppositions: of two lists both stand, of two other values the first."""
    for name, value in more.items():
        known = supposed.get(name)
        if isinstance(known, list) and isinstance(value, list):
            supposed[name] = sorted({*known, *value})
        else:
            supposed.setdefault(name, value)


def _collect(produces: Produces) -> str:
    return f"collect {produces.evidence}"


def _collected(produces: Produces) -> Step:
    return Step(_collect(produces), produces.command, produces.cost, produces.cost_minutes)


def _evidence_for(rule: PackRule, unknown: Sequence[str]) -> Step:
    """What answers a rule that was not answered: the context where only that is blank, else what the pack names."""
    context = [name for name in unknown if name.startswith("context.")]
    if context and len(context) == len(unknown):
        return _stated_context(context)
    if rule.produces is not None:
        step = _collected(rule.produces)
        step.evidence = rule.produces.evidence
        return step
    text = rule.remedy or rule.message
    return Step(text, REVIEW_AGAIN, minutes=30.0, evidence=", ".join(unknown) or rule.title)


def _stated_context(names: Sequence[str]) -> Step:
    shown = ", ".join(f"`{name}`" for name in names)
    return Step(
        text=f"state {shown} in the context",
        command="bascule review REF --context FILE",
        minutes=2.0,
        evidence=f"how it is used ({shown})",
    )


def _waived(rule: PackRule, tier: Tier) -> Step:
    return Step(
        text=f"a waiver of `{rule.id}` by a named person, with what compensates: {rule.message}",
        command=f"bascule waiver grant {rule.id} REF --tier {tier.id}",
        cost="a person",
        minutes=240.0,
        dimension=rule.dimension,
        weight=1.0,
        exempt={rule.id},
    )


def _impossible(rule: PackRule) -> Step:
    why = f"nothing may override `{rule.id}`, and no fact can change it: {rule.message}"
    return Step(text=why, command="", dimension=rule.dimension, weight=1.0, impossible=why)


def _what_it_is(stated: Stated, assessor: Assessor, blocker: Blocker) -> Step | None:
    """Where it is unknown whether the scenario applies at all, saying so is the shorter way."""
    if stated.applies is not None:
        return None
    scenario = stated.scenario
    reads = reads_of(scenario.when)
    facts = assessor.conditions.read(reads, blocker.kind, blocker.tier)
    unknown = [name for name, fact in facts.items() if not fact.known]
    for supposes in _suppositions({name: _candidates(name, None, scenario.when) for name in unknown}):
        under = assessor.supposing(replace(assessor.conditions.book, supposed=_merged(assessor, supposes)))
        if under.conditions.holds(scenario.when, blocker.kind, blocker.tier) is False:
            if not _all_context(supposes) and assessor.conditions.holds(
                "subject.black_box", blocker.kind, blocker.tier
            ):
                return None  # there is no repository to say it in: only what the endpoint does can be shown
            step = _stated_context(list(supposes)) if _all_context(supposes) else _told(supposes)
            step.dimension, step.weight, step.supposes = scenario.dimension, 1.0, supposes
            step.because = "it is unknown whether every scenario applies"
            return step
    return None


def _all_context(names: Iterable[str]) -> bool:
    return all(name.startswith("context.") for name in names)


def _told(names: Iterable[str]) -> Step:
    shown = ", ".join(f"`{name}`" for name in names)
    return Step(
        text=f"say in the repository what the model is, so that {shown} can be read, and review again",
        command=READ_WHAT_IT_IS,
        evidence=f"what the model is, in its config or card ({shown})",
    )


def _worth(stated: Stated) -> tuple[float, str]:
    """(share of the upper risk that the most telling quantity holds, in words)."""
    assert stated.inputs is not None
    heard = stated.heard
    worst = heard.risk.high if heard else 0.0
    values = value_of_information(stated.scenario, stated.inputs)
    if not values or worst <= 0:
        return 1.0, ""
    name, value = max(sorted(values.items()), key=lambda item: item[1])
    share = min(1.0, max(0.05, value / worst))
    return share, f"; most telling: `{name}`, whose midpoint would take away {value / worst:.0%} of the upper risk"


def _suppose_measures(stated: Stated) -> Supposition | None:
    """Measures as they would be if all went well: first those that nobody knows, then safeguards, then the capability.
    None where a capability measured at the critical level stands in the way."""
    scenario = stated.scenario
    good: Supposition = {}
    for name in (scenario.capability, scenario.joint_bypass):
        if name:
            good[name] = _NEVER
    for name in (*(guard.measure for guard in scenario.safeguards), scenario.baseline):
        if name:
            good[name] = _ALWAYS
    unmeasured = {name: good[name] for name in stated.missing if name in good}
    inputs = stated.inputs
    assert inputs is not None
    critical = scenario.critical is not None and inputs.capability.low >= scenario.critical
    measured = stated.quantities[scenario.capability].standing is Standing.MEASURED
    if critical and measured:
        return None
    chosen = {scenario.capability: _NEVER} | unmeasured
    return {f"measure.{key_of(name)}": value for name, value in chosen.items()}


def _suppose(rule: PackRule, assessor: Assessor, kind: ArtefactKind, tier: Tier) -> Supposition | None:
    """Facts under which the rule no longer blocks: unknown ones first, then those that a person can change."""
    reads = reads_of_rule(rule.when, rule.requires, rule.unless)
    facts = assessor.conditions.read(reads, kind, tier)
    text = f"{rule.when} {rule.requires} {rule.unless}"
    unknown = {name: _candidates(name, None, text) for name, fact in facts.items() if not fact.known}
    changeable = {name: _candidates(name, fact.value, text) for name, fact in facts.items() if fact.known}
    for supposes in (*_suppositions(unknown), *_suppositions(unknown | changeable)):
        under = assessor.supposing(replace(assessor.conditions.book, supposed=_merged(assessor, supposes)))
        if verdict_of(rule, under.conditions, kind, tier) in (Verdict.PASS, Verdict.NOT_APPLICABLE):
            return supposes
    return None


def _merged(assessor: Assessor, supposes: Supposition) -> Supposition:
    return {**assessor.conditions.book.supposed, **supposes}


def _suppositions(candidates: Mapping[str, Sequence[Any]]) -> Iterator[Supposition]:
    open_ = {name: values for name, values in candidates.items() if values}
    if open_:
        for values in islice(product(*open_.values()), MAX_SUPPOSITIONS):
            yield dict(zip(open_, values, strict=True))


def _candidates(name: str, known: Any, text: str) -> Sequence[Any]:
    """Values that a fact could come to have, the most welcome first. What a model is, once read, is not wished away."""
    section, _, key = name.partition(".")
    words = list(dict.fromkeys(a or b for a, b in _STRINGS.findall(text)))
    match section:
        case "finding" | "here" | "declared_only":
            return (False,)
        case "may":
            return (True,)
        case "severity":
            return (-1,)
        case "measure":
            return (_NEVER, _ALWAYS, _HUGE)
        case "licence":
            return _licence_candidates(key, words)
        case "subject" if key == "kinds":
            return (sorted({*known, *(word for word in words if word in set(ArtefactKind))}),)
        case "subject":
            return (0,) if key == "blocked_parts" else ()
        case "reading" if known is None:
            return (True, False, words, *words, 0.0)
        case "reading" if isinstance(known, list):
            return (sorted({*known, *words}),)
        case "context" if isinstance(known, list):
            return (sorted({*known, *words}),)
        case "context":
            return (*(word for word in words if word != known), True, False, "named", 0.0, 1e12)
    return ()


def _licence_candidates(key: str, words: list[str]) -> Sequence[Any]:
    match key:
        case "open" | "redistribution" | "commercial" | "exact":
            return (True, False)
        case "contradictory":
            return (False, True)
        case "class":
            return ("permissive", *words)
        case "ids":
            return (words or ["Apache-2.0"],)
    return (*words, "Apache-2.0")
