"""What is wrong with a pack that loads: facts nobody declares, rules that cannot bite, numbers without a source.

Rules:
- A fact must be known: a field that is always there, a rule, measure or reading of a plug-in, or one that the pack
  itself declares under `facts`, because the plug-in that will leave it is yet to come.
- Reachability is propositional: each comparison counts as a free proposition. What cannot hold even then never can.
- A fault of level `error` should keep a pack from being used; a `warning` is for its author to settle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import product
from typing import Literal, Protocol

from bascule.judge.licensing.lint import lint_table
from bascule.judge.licensing.reviewed import KEYS
from bascule.judge.licensing.terms import WORKS
from bascule.judge.policy import monotone, syntax
from bascule.judge.policy.cel import Expression, compile_expression
from bascule.judge.policy.pack import PackRule, PolicyPack, Scenario
from bascule.judge.policy.parse import expressions_of
from bascule.judge.policy.tiers import tiers_of
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion
from bascule.records import Context, Ladder, Record, Tier

MAX_PROPOSITIONS = 14

_SUBJECT = ("kinds", "blocked_parts", "size_bytes", "black_box", "files")
_LICENCE = ("id", "ids", "contradictory", "exact", "class", "open", "redistribution", "commercial")
_MEASURE = ("value", "low", "high", "n")
_KNOWN_SECTIONS = ("subject", "tier", "kind", "as_of")


class Words(Protocol):
    """What one tool may leave, by name. `judge.question.Vocabulary` is one."""

    @property
    def rules(self) -> Collection[str]: ...
    @property
    def measures(self) -> Collection[str]: ...
    @property
    def readings(self) -> Collection[str]: ...


class Fault(Record):
    """One thing wrong with a pack."""

    code: str
    level: Literal["error", "warning"]
    where: str
    message: str
    hint: str = ""


def lint(pack: PolicyPack, vocabulary: Mapping[str, Words], as_of: date | None = None) -> tuple[Fault, ...]:
    """Every fault, errors first, then in the pack's order. as_of: the day that dated rules are held against."""
    known = known_facts(pack, vocabulary)
    faults: list[Fault] = []
    for rule in pack.rules:
        where = f"rule `{rule.id}`"
        faults += _expressions(rule, where, known)
        faults += _rule(rule, where, pack, as_of)
    for scenario in pack.scenarios:
        where = f"scenario `{scenario.id}`"
        faults += _expressions(scenario, where, known)
        faults += _scenario(scenario, where, pack, known)
    for number, threshold in enumerate(pack.thresholds):
        where = f"threshold {number + 1} (`{threshold.dimension}`)"
        faults += _expressions(threshold, where, known)
        if not threshold.source.strip():
            faults.append(_fault("policy.uncited", where, "has no source", "cite one, or write `our judgement`"))
    faults += _thresholds(pack)
    for assumption in pack.economics:
        faults += _expressions(assumption, f"assumption `{assumption.id}`", known)
    faults += _shadowed(pack)
    return tuple(sorted(faults, key=lambda fault: fault.level))


def lint_whole(pack: PolicyPack, vocabulary: Mapping[str, Words], as_of: date) -> tuple[Fault, ...]:
    """The same with the clause table, every file of which is read for it."""
    works = pack.clause_table.get(WORKS, "")
    table = [
        _fault("policy.clause-table", fault.where, fault.message, fault.hint)
        for fault in lint_table(pack.terms, pack.licence_classes, works, as_of)
    ]
    return tuple(sorted((*lint(pack, vocabulary, as_of), *table), key=lambda fault: fault.level))


def check_facts(pack: PolicyPack, vocabulary: Mapping[str, Words]) -> None:
    """Refuse a pack that reads facts nobody declares. Raises InputError `policy.unknown-facts` with all of them."""
    faults = [fault for fault in lint(pack, vocabulary) if fault.code == "policy.undeclared-fact"]
    if faults:
        raise InputError.from_faults(
            "policy.unknown-facts",
            f"policy pack `{pack.id}` reads facts that nothing declares",
            [f"{fault.where}: {fault.message}" + (f", {fault.hint}" if fault.hint else "") for fault in faults],
            "correct the name, install the plug-in that leaves it, or declare it under `facts` in pack.yaml",
        )


def known_facts(pack: PolicyPack, vocabulary: Mapping[str, Words]) -> frozenset[str]:
    """Every fact name that a condition of this pack may mention, as `section.name`."""
    rules = {*pack.facts.findings, *(name for words in vocabulary.values() for name in words.rules)}
    measures = {*pack.facts.measures, *(name for words in vocabulary.values() for name in words.measures)}
    readings = {*pack.facts.readings, *(name for words in vocabulary.values() for name in words.readings)}
    names = {"kind", "as_of"}
    names |= {f"{section}.{_key(rule)}" for rule in rules for section in ("finding", "here", "severity")}
    names |= {f"measure.{_key(measure)}" for measure in measures}
    names |= {f"{section}.{_key(name)}" for name in readings for section in ("reading", "declared_only")}
    return frozenset(names) | fixed_facts()


def fixed_facts() -> frozenset[str]:
    """The fact names that are there whatever looks at a subject."""
    names = {f"subject.{field}" for field in _SUBJECT} | {f"licence.{field}" for field in _LICENCE}
    names |= {f"may.{key}" for key in KEYS}
    names |= {f"context.{field}" for field in Context.model_fields}
    return frozenset(names | {f"tier.{field}" for field in (*Tier.model_fields, "rank")})


def _key(name: str) -> str:
    return name.replace(".", "_").replace("-", "_")


def _fault(code: str, where: str, message: str, hint: str = "", level: Literal["error", "warning"] = "error") -> Fault:
    return Fault(code=code, level=level, where=where, message=message, hint=hint)


# --- facts -----------------------------------------------------------------------------------------------------


def _expressions(record: Record, where: str, known: frozenset[str]) -> Iterator[Fault]:
    for field, text in expressions_of(record):
        expression = compile_expression(text)
        place = f"{where}, `{field}`"
        for why in monotone.faults_of(expression):
            yield _fault("policy.not-monotone", place, why, "losing evidence must never open a door: compare the value")
        yield from _undeclared(expression, place, known)


def _undeclared(expression: Expression, place: str, known: frozenset[str]) -> Iterator[Fault]:
    for name in expression.reads:
        if name not in known:
            section = name.split(".")[0]
            near = suggestion(name, [fact for fact in known if fact.startswith(f"{section}.")])
            yield _fault("policy.undeclared-fact", place, f"nothing declares the fact `{name}`", near)
    for path in expression.paths:
        parts = path.split(".")
        if parts[0] == "measure" and len(parts) > 2 and parts[2] not in _MEASURE:
            near = suggestion(parts[2], _MEASURE)
            yield _fault("policy.undeclared-fact", place, f"a measure has no `{parts[2]}` (`{path}`)", near)


# --- rules -----------------------------------------------------------------------------------------------------


def _rule(rule: PackRule, where: str, pack: PolicyPack, as_of: date | None) -> Iterator[Fault]:
    if not rule.cites and "source" not in rule.model_fields_set:
        yield _fault("policy.uncited", where, "cites nothing and names no source", "cite, or write `our judgement`")
    if rule.effect == "deny":
        if not rule.remedy.strip():
            yield _fault("policy.no-remedy", where, "refuses without a way forward", "say what would change the answer")
        if rule.obligation:
            yield _fault("policy.odd-obligation", where, "denies, and names an obligation", "set `effect: oblige`")
        if rule.produces is None and _may_be_unknown(rule):
            hint = "name the command or the person under `produces`"
            yield _fault("policy.no-produces", where, "may be unknown, and does not say how to find out", hint)
    elif not rule.obligation:
        yield _fault("policy.odd-obligation", where, "obliges to nothing in particular", "name it under `obligation`")
    yield from _dates(rule, where, as_of)
    yield from _unreachable_tiers(rule, where, pack)
    if not satisfiable(compile_expression(rule.when).tree):
        yield _fault("policy.unreachable", where, "`when` can never be true")
    elif rule.effect == "deny" and not satisfiable(_biting(rule)):
        yield _fault("policy.unreachable", where, "can never deny: `requires` or `unless` holds whenever `when` does")


def _may_be_unknown(rule: PackRule) -> bool:
    names = {name for _, text in expressions_of(rule) for name in compile_expression(text).reads}
    return any(name.split(".")[0] not in _KNOWN_SECTIONS for name in names)


def _dates(rule: PackRule, where: str, as_of: date | None) -> Iterator[Fault]:
    starts, ends = rule.applies_from, rule.applies_until
    if starts and ends and ends < starts:
        yield _fault("policy.unreachable", where, f"ends on {ends}, before it starts on {starts}")
    elif ends and as_of and ends < as_of:
        yield _fault("policy.expired", where, f"applied until {ends}", "remove or renew it", "warning")
    if (starts or ends) and not rule.reviewed_by.strip():
        hint = "name who read the source under `reviewed_by`, or write `nobody yet`"
        yield _fault("policy.unreviewed", where, "is dated, and nobody is named who read its source", hint, "warning")


def _unreachable_tiers(record: PackRule | Scenario, where: str, pack: PolicyPack) -> Iterator[Fault]:
    ladders = [ladder for ladder in pack.ladders if ladder.name in record.ladders]
    for ladder in ladders:
        if not tiers_of(record.tiers, _reachable(ladder, record)):
            message = f"`{record.tiers}` matches no tier of the ladder `{ladder.name}` that its kinds can reach"
            yield _fault(
                "policy.unreachable", where, message, f"the ladder has {ladder.tiers[0].id}-{ladder.tiers[-1].id}"
            )


def _reachable(ladder: Ladder, record: PackRule | Scenario) -> tuple[str, ...]:
    """The tiers above the lowest, which asks for nothing, up to the highest ceiling of the kinds."""
    tops = [ladder.tier(ladder.ceilings[kind]).rank if kind in ladder.ceilings else 9 for kind in record.kinds] or [9]
    return tuple(tier.id for tier in ladder.tiers[1:] if tier.rank <= max(tops))


def _shadowed(pack: PolicyPack) -> Iterator[Fault]:
    """Two rules that ask the same, one of them everywhere that the other does."""
    order = [tier.id for ladder in pack.ladders for tier in ladder.tiers[1:]]  # the lowest asks for nothing
    by_question: dict[tuple[object, ...], list[PackRule]] = {}
    for rule in pack.rules:
        texts = tuple(syntax.unparse(compile_expression(text).tree) for _, text in expressions_of(rule))
        same = (rule.effect, rule.obligation, rule.dimension, texts, rule.applies_from, rule.applies_until)
        by_question.setdefault((*same, rule.message if rule.effect == "oblige" else ""), []).append(rule)
    for rules in by_question.values():
        for index, rule in enumerate(rules):
            for other in rules[:index] + rules[index + 1 :]:
                if _covers(other, rule, order) and not (_covers(rule, other, order) and rules.index(other) > index):
                    yield _fault("policy.shadowed", f"rule `{rule.id}`", f"asks only what `{other.id}` asks already")
                    break


def _covers(wide: PackRule, narrow: PackRule, order: Iterable[str]) -> bool:
    tiers = tuple(order)
    return (
        set(narrow.ladders) <= set(wide.ladders)
        and set(tiers_of(narrow.tiers, tiers)) <= set(tiers_of(wide.tiers, tiers))
        and (not wide.kinds or (bool(narrow.kinds) and set(narrow.kinds) <= set(wide.kinds)))
    )


# --- scenarios and thresholds ----------------------------------------------------------------------------------


def _scenario(scenario: Scenario, where: str, pack: PolicyPack, known: frozenset[str]) -> Iterator[Fault]:
    names = [scenario.capability, scenario.joint_bypass, scenario.baseline]
    names += [safeguard.measure for safeguard in scenario.safeguards]
    for name in dict.fromkeys(filter(None, names)):
        if f"measure.{_key(name)}" not in known:
            near = suggestion(name, [fact.removeprefix("measure.") for fact in known if fact.startswith("measure.")])
            yield _fault("policy.undeclared-fact", where, f"nothing declares the measure `{name}`", near)
    if scenario.when != "true" and not scenario.not_applicable_because.strip():
        hint = "say which fact puts it out of the question"
        yield _fault("policy.no-reason", where, "may not apply, and does not say why", hint)
    if not scenario.sources:
        yield _fault("policy.uncited", where, "names no source", "cite, or write `our judgement`")
    for word, bound in (("attempts", scenario.attempts), ("residual", scenario.residual), ("loss", scenario.loss)):
        if not bound.source.strip():
            yield _fault("policy.uncited", where, f"its {word} have no source", "cite, or write `our judgement`")
    if not scenario.produces.command.strip():
        yield _fault("policy.no-produces", where, "does not say how its evidence would be had")
    if scenario.baseline and not scenario.baseline_set:
        yield _fault("policy.uncited", where, "has a baseline of no named substitutes", "freeze it in `baseline_set`")
    units = {each.unit for each in pack.thresholds if each.dimension == scenario.dimension}
    if not units:
        hint = f"give a threshold for `{scenario.dimension}`"
        yield _fault("policy.no-threshold", where, "has nothing to be held against, and so always denies", hint)
    elif scenario.loss_unit not in units:
        message = (
            f"counts `{scenario.loss_unit}`, and its threshold counts {', '.join(f'`{u}`' for u in sorted(units))}"
        )
        yield _fault("policy.units-differ", where, message)
    if not satisfiable(compile_expression(scenario.when).tree):
        yield _fault("policy.unreachable", where, "`when` can never be true")
    yield from _unreachable_tiers(scenario, where, pack)


def _thresholds(pack: PolicyPack) -> Iterator[Fault]:
    certain: set[str] = set()
    for number, threshold in enumerate(pack.thresholds):
        where = f"threshold {number + 1} (`{threshold.dimension}`)"
        if threshold.dimension in certain:
            yield _fault("policy.shadowed", where, "stands after one that always holds, and is never reached")
        elif not falsifiable(compile_expression(threshold.when).tree):
            certain.add(threshold.dimension)
    for dimension in dict.fromkeys(threshold.dimension for threshold in pack.thresholds):
        if dimension not in certain:
            hint = "end with one without `when`"
            yield _fault("policy.no-threshold", f"thresholds of `{dimension}`", "leave a context without any", hint)


# --- propositions ----------------------------------------------------------------------------------------------


def _biting(rule: PackRule) -> syntax.Node:
    """`when && !(requires || unless)`"""
    when, requires, unless = (compile_expression(text).tree for text in (rule.when, rule.requires, rule.unless))
    return syntax.Call("_&&_", (when, syntax.Call("!_", (syntax.Call("_||_", (requires, unless)),))))


def satisfiable(tree: syntax.Node) -> bool:
    """Can it be true, if each comparison may be true or false by itself? True as well where there are too many."""
    return any(_worlds(tree))


def falsifiable(tree: syntax.Node) -> bool:
    """Can it be anything but true?"""
    return not all(_worlds(tree)) or bool(_propositions(tree))


def _worlds(tree: syntax.Node) -> Iterator[bool]:
    names = _propositions(tree)
    if len(names) > MAX_PROPOSITIONS:
        yield True
        return
    for values in product((False, True), repeat=len(names)):
        yield _value(tree, dict(zip(names, values, strict=True)))


def _propositions(tree: syntax.Node) -> tuple[str, ...]:
    match tree:
        case syntax.Literal(value=bool()):
            return ()
        case syntax.Call(function="_&&_" | "_||_" | "!_", args=args):
            return tuple(dict.fromkeys(name for arg in args for name in _propositions(arg)))
        case _:
            return (syntax.unparse(tree),)


def _value(tree: syntax.Node, world: Mapping[str, bool]) -> bool:
    match tree:
        case syntax.Literal(value=bool() as value):
            return value
        case syntax.Call(function="_&&_", args=args):
            return all(_value(arg, world) for arg in args)
        case syntax.Call(function="_||_", args=args):
            return any(_value(arg, world) for arg in args)
        case syntax.Call(function="!_", args=(operand,)):
            return not _value(operand, world)
        case _:
            return world[syntax.unparse(tree)]
