"""What one template says and asks that another does not: the difference in meaning, not in spelling.

    literals     words that the template itself puts out, by line
    conditions   what it branches on, written short
    roles        the roles that it tells apart

Rules: what is compared are sets, so order and repetition do not count; a literal weighs when it is prose, a condition
when it looks at the clock or at what a message says; a role that is no longer told apart is a role dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from bascule.builtin.scanners.chat_template.grammar import walk
from bascule.builtin.scanners.chat_template.poison import is_prose, reads_clock, reads_content, texts
from bascule.builtin.scanners.chat_template.roles import reads_role

MAX_TOLD = 10
_BRIEF_CHARS = 200


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a template says, asks and tells apart. `triggers`: the conditions on the clock or a message's words."""

    literals: frozenset[str]
    conditions: frozenset[str]
    triggers: frozenset[str]
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the one has and the other has not; `dropped_roles` the other way round."""

    literals: tuple[str, ...]
    conditions: tuple[str, ...]
    dropped_roles: tuple[str, ...]
    grave: bool
    """Is there prose, a condition on the clock or on what is said, or no word of the system role any more?"""


def meaning_of(tree: nodes.Template) -> Meaning:
    """Sets that can be compared with those of another template."""
    conditions, triggers = set(), set()
    for test in _tests(tree):
        told = brief(test)
        conditions.add(told)
        if reads_clock(test) or (reads_content(test) and any(is_word(node) for node in walk(test))):
            triggers.add(told)
    literals = {
        line for _, text in texts(tree) for line in (" ".join(row.split()) for row in text.splitlines()) if line
    }
    return Meaning(frozenset(literals), frozenset(conditions), frozenset(triggers), frozenset(_roles(tree)))


def difference(one: Meaning, other: Meaning) -> Difference:
    """From `other` to `one`."""
    literals = sorted(one.literals - other.literals)
    dropped = sorted(other.roles - one.roles)
    prose = any(is_prose(words) and not any(words in known for known in other.literals) for words in literals)
    grave = prose or bool(one.triggers - other.triggers) or "system" in dropped
    return Difference(
        tuple(words[:_BRIEF_CHARS] for words in literals[:MAX_TOLD]),
        tuple(sorted(one.conditions - other.conditions)[:MAX_TOLD]),
        tuple(dropped[:MAX_TOLD]),
        grave,
    )


def _tests(tree: nodes.Template) -> Iterator[nodes.Node]:
    for node in walk(tree):
        test = node.test if isinstance(node, nodes.If | nodes.CondExpr | nodes.For) else None
        if test is not None:
            yield test


def _roles(tree: nodes.Template) -> Iterator[str]:
    for node in walk(tree):
        if isinstance(node, nodes.Compare):
            sides = [node.expr, *(operand.expr for operand in node.ops)]
            if any(reads_role(side) for side in sides):
                for side in sides:
                    yield from (
                        inner.value
                        for inner in walk(side)
                        if isinstance(inner, nodes.Const) and isinstance(inner.value, str) and inner.value != "role"
                    )


def is_word(node: nodes.Node) -> bool:
    """Is this a constant with letters in it?"""
    return isinstance(node, nodes.Const) and isinstance(node.value, str) and any(c.isalpha() for c in node.value)


def brief(node: nodes.Node, depth: int = 12) -> str:
    """An expression in a line for people; what is deeper or longer is `…`."""
    return _brief(node, depth)[:_BRIEF_CHARS]


_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}


def _brief(node: nodes.Node, depth: int) -> str:
    if depth == 0:
        return "…"
    if isinstance(node, nodes.Name):
        return str(node.name)
    if isinstance(node, nodes.Const):
        return repr(node.value)[:_BRIEF_CHARS]
    if isinstance(node, nodes.Getattr):
        return f"{_brief(node.node, depth - 1)}.{node.attr}"
    if isinstance(node, nodes.Getitem):
        key = node.arg
        if isinstance(key, nodes.Const) and isinstance(key.value, str) and key.value.isidentifier():
            return f"{_brief(node.node, depth - 1)}.{key.value}"  # Jinja takes either for the other
        return f"{_brief(node.node, depth - 1)}[{_brief(key, depth - 1)}]"
    if isinstance(node, nodes.Compare):
        parts = [_brief(node.expr, depth - 1)]
        for operand in node.ops:
            parts += [_OPERATORS.get(operand.op, operand.op), _brief(operand.expr, depth - 1)]
        return " ".join(parts)
    if isinstance(node, nodes.Not):
        return f"not {_brief(node.node, depth - 1)}"
    if isinstance(node, nodes.And | nodes.Or):
        word = "and" if isinstance(node, nodes.And) else "or"
        return f"({_brief(node.left, depth - 1)} {word} {_brief(node.right, depth - 1)})"
    if isinstance(node, nodes.Call):
        inner = ", ".join(_brief(argument, depth - 1) for argument in node.args)
        return f"{_brief(node.node, depth - 1)}({inner})"
    inner = ", ".join(_brief(child, depth - 1) for child in node.iter_child_nodes())
    name = getattr(node, "name", type(node).__name__.lower())
    return f"{name}({inner})"
