"""Conditions: CEL over declared facts, in three values.

Rules:
- A fact that is absent makes the part that reads it neither true nor false. `||` and `&&` absorb that where the other
  side decides; what is left over is UNKNOWN.
- An expression is compiled once, against the fact namespaces below; a misspelt namespace or a comparison of a flag
  with a number is an error then, not a wrong answer later.
- Whatever is not true or false where a condition is asked for (a string, a list) is UNKNOWN.

Google's cel-cpp stands behind the `Evaluator` protocol; nothing outside this module knows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Protocol

from bascule.judge.policy import syntax
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible

MAX_EXPRESSION_CHARS = 4_000

FLAGS = ("finding", "here", "declared_only", "may")
"""Namespaces whose facts are true or false."""
NAMESPACES: dict[str, str] = {
    "finding": "answers over the whole subject, by rule id with `_`",
    "here": "the same over the artefacts of the kind that is judged",
    "severity": "4 critical … 0 info, -1 where the answer is false",
    "measure": "numbers with `value`, `low`, `high`, `n`, by name with `_`",
    "reading": "words read off an artefact, by name with `_`",
    "declared_only": "true where no measured reading supports the declared one",
    "subject": "kinds, blocked_parts, size_bytes, black_box, files",
    "tier": "the tier that is judged, with its properties",
    "context": "where, for whom and under which terms",
    "licence": "what the licences seen agree on",
    "may": "what licences let one do with the kind that is judged: use, host, distribute, and each `_by_data`",
    "kind": "the kind of artefact that is judged",
    "as_of": "the instant of judgement, RFC 3339: `timestamp(as_of)`",
}
"""Every name that an expression may start with."""
SCALARS = ("kind", "as_of")


class Truth(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression came to: a truth, or a number where one was asked for; and why it is unknown."""

    value: Truth | float
    because: str = ""

    @property
    def holds(self) -> bool:
        return self.value is Truth.TRUE

    @property
    def unknown(self) -> bool:
        return self.value is Truth.UNKNOWN


TRUE = Answer(Truth.TRUE)
FALSE = Answer(Truth.FALSE)


class Unanswered(Exception):
    """The engine could not come to a value: a fact is absent, or a type does not fit."""


class Program(Protocol):
    """A compiled expression. `run` raises Unanswered."""

    @property
    def tree(self) -> syntax.Node: ...
    @property
    def type_name(self) -> str: ...
    def run(self, facts: Mapping[str, Any]) -> Any: ...


class Evaluator(Protocol):
    """An engine for CEL. `compile` raises ValueError with a one-line reason."""

    def compile(self, text: str) -> Program: ...


@dataclass(frozen=True, slots=True)
class Step:
    """A part of an expression and what it came to."""

    text: str
    answer: Answer
    depth: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an expression answered as it did. `facts`: what it read, None where unknown. `steps`: its parts, outermost
    first. `because`: the parts that decide, in one sentence."""

    answer: Answer
    facts: dict[str, Any]
    steps: tuple[Step, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. Two of the same text are equal.

    reads: the facts it mentions, `measure.misuse_phishing_success`, sorted; for `kind` and `as_of` the name alone.
    paths: the same with what is taken from them, `measure.misuse_phishing_success.high`.
    Law: adding a fact to an UNKNOWN expression may decide it; adding one to a decided expression never changes it,
    as long as the linter finds no presence test in it.
    """

    text: str
    reads: tuple[str, ...] = field(compare=False)
    paths: tuple[str, ...] = field(compare=False)
    tree: syntax.Node = field(compare=False, repr=False)
    _program: Program = field(compare=False, repr=False)
    beside: tuple[str, ...] = ()

    def evaluate(self, facts: Mapping[str, Any]) -> Answer:
        """The expression's value under these facts; a namespace that is left out counts as empty."""
        if isinstance(self.tree, syntax.Literal) and isinstance(self.tree.value, bool):
            return TRUE if self.tree.value else FALSE
        try:
            value = self._program.run(facts)
        except Unanswered as reason:
            return Answer(Truth.UNKNOWN, self._why(facts) or visible(str(reason)))
        if isinstance(value, bool):
            return TRUE if value else FALSE
        if isinstance(value, int | float):
            return Answer(float(value))
        return Answer(Truth.UNKNOWN, f"`{visible(self.text, 80)}` is neither true, false nor a number")

    def explain(self, facts: Mapping[str, Any]) -> Explanation:
        """Evaluate each part again and say which of them decide."""
        answer = self.evaluate(facts)
        read = {path: fact_at(facts, path) for path in self.paths}
        parts = _Parts(facts, self.beside)
        steps = tuple(parts.steps(self.tree, 0))
        return Explanation(answer, read, steps, "; ".join(parts.deciding(self.tree, answer)))

    def unknown_facts(self, facts: Mapping[str, Any]) -> tuple[str, ...]:
        """The facts it mentions that are absent, sorted."""
        return tuple(sorted({fact for fact in self.reads if fact_at(facts, fact) is None}))

    def _why(self, facts: Mapping[str, Any]) -> str:
        absent = self.unknown_facts(facts)
        if not absent:
            return ""
        names = ", ".join(f"`{name}`" for name in absent)
        return f"{names} {'is' if len(absent) == 1 else 'are'} unknown"


def fact_at(facts: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None where any part of it is absent."""
    value: Any = facts
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


@lru_cache(maxsize=8192)
def compile_expression(text: str, beside: tuple[str, ...] = ()) -> Expression:
    """Compile a condition or an amount.

    beside: namespaces of facts that this caller's language has and a policy's has not.
    Raises InputError `policy.not-cel` with the place and, for a misspelt name, the nearest known one.
    """
    names = (*NAMESPACES, *beside)
    if len(text) > MAX_EXPRESSION_CHARS:
        raise InputError(
            "policy.not-cel", f"an expression has {len(text)} characters", f"keep it under {MAX_EXPRESSION_CHARS}"
        )
    try:
        program = default_evaluator(beside).compile(text)
        tree = program.tree
    except (ValueError, RecursionError) as error:
        reason = str(error) or "nested too deeply"
        unknown = re.search(r"undeclared reference to '([\w.]+)'", reason)
        hint = suggestion(unknown[1].split(".")[0], names) if unknown else ""
        raise InputError(
            "policy.not-cel",
            f"`{visible(text)}` is not a condition: {reason}",
            hint or f"expressions read {', '.join(names)}",
        ) from error
    paths = tuple(sorted(set(_paths(tree, frozenset()))))
    reads = tuple(sorted({".".join(path.split(".")[:2]) for path in paths}))
    return Expression(text, reads, paths, tree, program, beside)


def _paths(node: syntax.Node, bound: frozenset[str]) -> Iterator[str]:
    path = syntax.path_of(node)
    if path is not None:
        if path.split(".")[0] not in bound:
            yield path
        return
    if isinstance(node, syntax.Select) and node.test:
        inner = syntax.path_of(node.operand)
        if inner is not None and inner.split(".")[0] not in bound:
            yield f"{inner}.{node.field}"
            return
    if isinstance(node, syntax.Macro):
        yield from _paths(node.over, bound)
        yield from _paths(node.body, bound | {node.variable, "@result"})
        return
    for child in syntax.children(node):
        yield from _paths(child, bound)


_CONNECTIVES = ("_&&_", "_||_", "!_", "_?_:_")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of an expression, each evaluated by itself under the same facts."""

    facts: Mapping[str, Any]
    beside: tuple[str, ...]

    def steps(self, node: syntax.Node, depth: int) -> Iterator[Step]:
        if isinstance(node, syntax.Literal):
            return
        yield Step(syntax.unparse(node), self.answer(node), depth)
        if isinstance(node, syntax.Call) and node.function in _CONNECTIVES:
            for arg in node.args:
                yield from self.steps(arg, depth + 1)

    def answer(self, node: syntax.Node) -> Answer:
        try:
            return compile_expression(syntax.unparse(node), self.beside).evaluate(self.facts)
        except InputError:  # a sketch of `map` or `filter`, which has no text of its own
            return Answer(Truth.UNKNOWN, "not evaluated by itself")

    def deciding(self, node: syntax.Node, answer: Answer) -> Iterator[str]:
        """The innermost parts that make the whole what it is."""
        match node:
            case syntax.Call(function="_&&_" | "_||_", args=args):
                # Both sides count where the sign needs both; otherwise only a side that equals the whole.
                parts = [(arg, self.answer(arg)) for arg in args]
                for arg, value in parts:
                    if value.value == answer.value:
                        yield from self.deciding(arg, value)
            case syntax.Call(function="!_", args=(operand,)):
                yield from self.deciding(operand, self.answer(operand))
            case syntax.Literal():
                return
            case _:
                yield _sentence(node, self.facts, answer)


def _sentence(node: syntax.Node, facts: Mapping[str, Any], answer: Answer) -> str:
    text = syntax.unparse(node)
    if answer.unknown:
        return answer.because or f"`{text}` is unknown"
    word = answer.value if isinstance(answer.value, Truth) else f"{answer.value:g}"
    read = {path: fact_at(facts, path) for path in _paths(node, frozenset())}
    shown = ", ".join(f"{path} = {_shown(value)}" for path, value in read.items() if path != text)
    return f"`{text}` is {word}" + (f" ({shown})" if shown else "")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return visible(str(value), 60)


# --- the engine ------------------------------------------------------------------------------------------------


class _CelCpp:
    """cel-cpp, by way of `cel-expr-python`."""

    def __init__(self, beside: tuple[str, ...]) -> None:
        from cel_expr_python import cel  # 16 MB of native code: loaded when the first expression is

        facts = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        types = dict.fromkeys((*NAMESPACES, *beside), facts)
        types |= {name: cel.Type.Map(cel.Type.STRING, cel.Type.BOOL) for name in FLAGS}
        types |= {"measure": cel.Type.Map(cel.Type.STRING, facts), "kind": cel.Type.STRING, "as_of": cel.Type.STRING}
        self._environment = cel.NewEnv(variables=types)
        self._empty: dict[str, Any] = {name: {} for name in types if name not in SCALARS}

    def compile(self, text: str) -> Program:
        try:
            compiled = self._environment.compile(text)
        except RuntimeError as error:
            raise ValueError(_first_line(str(error))) from error
        return _CelCppProgram(compiled, self._empty)


class _CelCppProgram:
    __slots__ = ("_compiled", "_empty")

    def __init__(self, compiled: Any, empty: dict[str, Any]) -> None:
        self._compiled = compiled
        self._empty = empty

    @property
    def tree(self) -> syntax.Node:
        return syntax.decode(self._compiled.serialize())

    @property
    def type_name(self) -> str:
        return str(self._compiled.return_type().name())

    def run(self, facts: Mapping[str, Any]) -> Any:
        try:
            result = self._compiled.eval(data=self._empty | dict(facts))
            value = result.plain_value()
        except (RuntimeError, TypeError, ValueError) as error:
            raise Unanswered(_first_line(str(error))) from error
        if result.type().name() in ("ERROR", "*error*"):
            raise Unanswered(str(value))
        return value


def _first_line(text: str) -> str:
    """`1:4: undeclared reference to 'foo'` out of the engine's several lines."""
    line = text.splitlines()[0] if text else ""
    line = re.sub(r"^\w+: (ERROR: )?(<input>:)?", "", line)
    return re.sub(r" \(in container ''\)| \[\w+\]$", "", line)


@cache
def default_evaluator(beside: tuple[str, ...] = ()) -> Evaluator:
    """The engine that conditions run on. beside: namespaces over those that every policy may read."""
    return _CelCpp(beside)
