"""What a condition must not do: look whether a fact is there.

With a presence test, losing evidence could turn a false condition true and so open a door. Hence a fact map may only
be selected from by a fixed name, and a fact's absence can only ever make an answer unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from bascule.judge.policy import syntax
from bascule.judge.policy.cel import NAMESPACES, SCALARS, Expression

_MAPS = frozenset(NAMESPACES) - frozenset(SCALARS)
_TYPE_TESTS = {"type", "dyn"}


def faults_of(expression: Expression) -> tuple[str, ...]:
    """Every construct in an expression that could notice an absence, as a sentence; empty when there is none."""
    return tuple(dict.fromkeys(_faults(expression.tree, frozenset())))


def _faults(node: syntax.Node, bound: frozenset[str]) -> Iterator[str]:
    match node:
        case syntax.Select(test=True):
            yield f"`{syntax.unparse(node)}` tests whether a fact is there"
            return
        case syntax.Select() | syntax.Call(function="_[_]"):
            path = syntax.path_of(node)
            if path is not None:
                yield from _path_faults(path, bound)
                return
        case syntax.Name():
            yield from _path_faults(node.name, bound)
            return
        case syntax.Literal(value=None):
            yield "`null` is no fact: an unknown fact is absent, and makes the answer unknown by itself"
        case syntax.Macro():
            yield from _faults(node.over, bound)
            yield from _faults(node.body, bound | {node.variable, "@result"})
            return
        case syntax.Call() if node.function in _TYPE_TESTS:
            yield f"`{node.function}()` looks at a fact's type instead of its value"
    for child in syntax.children(node):
        yield from _faults(child, bound)


def _path_faults(path: str, bound: frozenset[str]) -> Iterator[str]:
    head, *rest = path.split(".")
    if head in bound or head in SCALARS:
        return
    if head in _MAPS and not rest:
        yield f"`{head}` is used as a whole: name one of its facts, as in `{head}.name`"
    elif head == "measure" and len(rest) == 1:
        yield f"`{path}` is used as a whole: name `value`, `low`, `high` or `n`"
