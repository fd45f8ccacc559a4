"""What an expression in a template can come to, as far as its constants tell.

`x.__class__` has many spellings: `x["__cla" ~ "ss__"]`, `x|attr("%c%cclass__" % (95, 95))`, a name kept in a
variable, a namespace or a macro and put together in a loop. Each expression folds to a few possible values, regardless
of the order of execution, which can only add possibilities. A string that is known in part keeps its known parts around
a `HOLE`.

Rules: nothing of the template is executed; every operation is ours, on plain values, and bounded in size and number.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, product
from typing import Any

from jinja2 import nodes

from bascule.builtin.scanners.chat_template.grammar import walk
from bascule.plugins.readers import Malformed

HOLE = "\ufffc"
"""Stands for a part of a string that is not known."""

MAX_ALTERNATIVES = 16
MAX_COMBINATIONS = 64
MAX_CHARS = 4096
MAX_ITEMS = 256
MAX_DEPTH = 80
MAX_STEPS = 300_000
ROUNDS = 6


class Unknown:
    """The value that nothing is known of."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
Alternatives = tuple[Any, ...]
_NOTHING: Alternatives = (UNKNOWN,)


class Folder:
    """Folds the expressions of one template. Raises `Malformed` when that takes more steps than a template deserves."""

    def __init__(self, tree: nodes.Template) -> None:
        self._steps = 0
        self._bindings: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self._macros: dict[str, nodes.Macro] = {}
        self._memo: dict[int, Alternatives] = {}
        self._folding: set[int] = set()
        self.bound: set[str] = set()
        """Every name that the template itself binds somewhere."""
        statements = [node for node in walk(tree) if isinstance(node, _BINDERS)]
        for node in statements:
            self._note_names(node)
        for _ in range(ROUNDS):
            before = {key: len(values) for key, values in self._bindings.items()}
            self._memo.clear()
            for node in statements:
                self._bind(node)
            if before == {key: len(values) for key, values in self._bindings.items()}:
                break
        self._memo.clear()

    def fold(self, node: nodes.Node, depth: int = 0) -> Alternatives:
        """The values that an expression can come to; `UNKNOWN` among them when there may be others."""
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Malformed(f"folding its constants takes more than {MAX_STEPS} steps")
        key = id(node)
        if key in self._memo:
            return self._memo[key]
        if depth > MAX_DEPTH or key in self._folding:
            return _NOTHING
        self._folding.add(key)
        try:
            values = _few(self._fold(node, depth + 1))
        finally:
            self._folding.discard(key)
        self._memo[key] = values
        return values

    def strings(self, node: nodes.Node) -> tuple[str, ...]:
        """The strings among an expression's values, known at least in part."""
        return tuple(value for value in self.fold(node) if isinstance(value, str))

    def numbers(self, node: nodes.Node) -> tuple[int, ...]:
        """The whole numbers among an expression's values."""
        return tuple(v for v in self.fold(node) if isinstance(v, int) and not isinstance(v, bool))

    # Names

    def _note_names(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Macro):
            self._macros[node.name] = node
            self.bound.update((node.name, *(argument.name for argument in node.args)))
        elif isinstance(node, nodes.CallBlock):
            self.bound.update(argument.name for argument in node.args)
        targets = node.targets if isinstance(node, nodes.With) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, nodes.Node):
                self.bound.update(name.name for name in walk(target) if isinstance(name, nodes.Name))

    def _bind(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Assign):
            self._bind_target(node.target, node.node)
        elif isinstance(node, nodes.AssignBlock):
            self._add_to(node.target, self._fold_body(node.body, 0))
        elif isinstance(node, nodes.For):
            items: list[Any] = []
            for value in self.fold(node.iter):
                items.extend(_items_of(value))
            self._add_to(node.target, tuple(items) or _NOTHING)
        elif isinstance(node, nodes.With):
            for target, value in zip(node.targets, node.values, strict=False):
                self._bind_target(target, value)
        elif isinstance(node, nodes.Macro):
            for argument, default in zip(reversed(node.args), reversed(node.defaults), strict=False):
                self._add((argument.name, ""), self.fold(default))
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in self._macros:
            parameters = [argument.name for argument in self._macros[node.node.name].args]
            for name, value in zip(parameters, node.args, strict=False):
                self._add((name, ""), self.fold(value))
            for pair in node.kwargs:
                self._add((pair.key, ""), self.fold(pair.value))

    def _bind_target(self, target: nodes.Node, value: nodes.Node) -> None:
        if isinstance(target, nodes.Name) and _calls(value, "namespace"):
            assert isinstance(value, nodes.Call)
            for pair in value.kwargs:
                self._add((target.name, pair.key), self.fold(pair.value))
        elif isinstance(target, nodes.Tuple) and isinstance(value, nodes.Tuple | nodes.List):
            for inner, item in zip(target.items, value.items, strict=False):
                self._bind_target(inner, item)
        else:
            self._add_to(target, self.fold(value))

    def _add_to(self, target: nodes.Node, values: Alternatives) -> None:
        if isinstance(target, nodes.Name):
            self._add((target.name, ""), values)
        elif isinstance(target, nodes.NSRef):
            self._add((target.name, target.attr), values)
        elif isinstance(target, nodes.Tuple):
            for index, inner in enumerate(target.items):
                picked = [v[index] for v in values if isinstance(v, list | tuple) and index < len(v)]
                self._add_to(inner, tuple(picked) or _NOTHING)

    def _add(self, key: tuple[str, str], values: Iterable[Any]) -> None:
        held = self._bindings[key]
        for value in values:
            if len(held) < MAX_ALTERNATIVES and not any(_same(value, other) for other in held):
                held.append(value)

    # Expressions

    def _fold(self, node: nodes.Node, depth: int) -> Iterable[Any]:
        if isinstance(node, nodes.Const):
            return (node.value,)
        if isinstance(node, nodes.TemplateData):
            return (node.data,)
        if isinstance(node, nodes.Name):
            return tuple(self._bindings.get((node.name, ""), _NOTHING))
        if isinstance(node, nodes.List | nodes.Tuple):
            return self._each(node.items, depth, lambda *items: list(items))
        if isinstance(node, nodes.Dict):
            parts = [part for pair in node.items for part in (pair.key, pair.value)]
            return self._each(parts, depth, _dict_of)
        if isinstance(node, nodes.CondExpr):
            branches = (node.expr1, node.expr2) if node.expr2 is not None else (node.expr1,)
            return [value for branch in branches for value in self.fold(branch, depth)]
        if isinstance(node, nodes.And | nodes.Or):
            return [*self.fold(node.left, depth), *self.fold(node.right, depth)]
        if isinstance(node, nodes.Concat):
            return self._each(node.nodes, depth, lambda *parts: _join("", parts))
        if isinstance(node, nodes.BinExpr) and node.operator in _OPERATORS:
            return self._each([node.left, node.right], depth, _OPERATORS[node.operator])
        if isinstance(node, nodes.Neg):
            return self._each([node.node], depth, lambda value: -value if _is_number(value) else UNKNOWN)
        if isinstance(node, nodes.Pos):
            return self.fold(node.node, depth)
        if isinstance(node, nodes.Getattr):
            return self._fold_attribute(node, depth)
        if isinstance(node, nodes.Getitem):
            return self._fold_item(node, depth)
        if isinstance(node, nodes.Filter):
            return self._fold_filter(node, depth)
        if isinstance(node, nodes.Call):
            return self._fold_call(node, depth)
        return _NOTHING

    def _each(self, parts: Sequence[nodes.Node], depth: int, combine: Callable[..., Any]) -> list[Any]:
        if len(parts) > MAX_ITEMS:
            return [UNKNOWN]
        choices = [self.fold(part, depth) for part in parts]
        return [_bounded(combine, *chosen) for chosen in islice(product(*choices), MAX_COMBINATIONS)]

    def _fold_attribute(self, node: nodes.Getattr, depth: int) -> Iterable[Any]:
        if isinstance(node.node, nodes.Name) and (node.node.name, node.attr) in self._bindings:
            return tuple(self._bindings[(node.node.name, node.attr)])
        return [
            value.get(node.attr, UNKNOWN) if isinstance(value, dict) else UNKNOWN
            for value in self.fold(node.node, depth)
        ]

    def _fold_item(self, node: nodes.Getitem, depth: int) -> Iterable[Any]:
        if isinstance(node.arg, nodes.Slice):
            ends = [node.arg.start, node.arg.stop, node.arg.step]
            choices = [self.fold(end, depth) if end is not None else (None,) for end in ends]
            bases = self.fold(node.node, depth)
            return [_bounded(_slice, *chosen) for chosen in islice(product(bases, *choices), MAX_COMBINATIONS)]
        return self._each([node.node, node.arg], depth, _item)

    def _fold_filter(self, node: nodes.Filter, depth: int) -> Iterable[Any]:
        if node.node is None:
            return _NOTHING
        if node.name in ("default", "d") and node.args:
            return [*self.fold(node.node, depth), *self.fold(node.args[0], depth)]
        if node.name == "map" and node.args:
            apply = _FILTERS.get(next(iter(self.strings(node.args[0])), ""))
            if apply is None:
                return _NOTHING
            return self._each([node.node, *node.args[1:]], depth, lambda items, *rest: _map(apply, items, rest))
        if node.name == "random":
            return [item for value in self.fold(node.node, depth) for item in _items_of(value)]
        known = _FILTERS.get(node.name)
        if known is None:
            return _NOTHING
        arguments = [node.node, *node.args, *(pair.value for pair in node.kwargs)]
        return self._each(arguments, depth, known)

    def _fold_call(self, node: nodes.Call, depth: int) -> Iterable[Any]:
        callee = node.node
        if isinstance(callee, nodes.Name):
            if callee.name == "dict":
                keys = [pair.key for pair in node.kwargs]
                values = [pair.value for pair in node.kwargs]
                return self._each(values, depth, lambda *items: dict(zip(keys, items, strict=True)))
            if callee.name == "range":
                return self._each(node.args, depth, _range)
            if callee.name in self._macros:
                return self._fold_body(self._macros[callee.name].body, depth)
            return _NOTHING
        if isinstance(callee, nodes.Getattr) and callee.attr in _METHODS:
            method = _METHODS[callee.attr]
            return self._each([callee.node, *node.args, *(pair.value for pair in node.kwargs)], depth, method)
        return _NOTHING

    def _fold_body(self, body: Sequence[nodes.Node], depth: int) -> Alternatives:
        parts: list[nodes.Node] = []
        for statement in body:
            parts.extend(statement.nodes if isinstance(statement, nodes.Output) else [statement])
        return _few(self._each(parts, depth, lambda *values: _join("", values)))


_BINDERS = (
    nodes.Assign,
    nodes.AssignBlock,
    nodes.For,
    nodes.With,
    nodes.Macro,
    nodes.CallBlock,
    nodes.Call,
)


def _calls(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == name


def _few(values: Iterable[Any]) -> Alternatives:
    kept: list[Any] = []
    for value in values:
        if not any(_same(value, other) for other in kept):
            kept.append(value)
        if len(kept) == MAX_ALTERNATIVES:
            break
    return tuple(kept) or _NOTHING


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (one is other or one == other)


def _bounded(combine: Callable[..., Any], *values: Any) -> Any:
    try:
        result = combine(*values)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, ZeroDivisionError, AttributeError):
        return UNKNOWN
    if isinstance(result, str):
        return result[:MAX_CHARS]
    if isinstance(result, list):
        return result[:MAX_ITEMS]
    if isinstance(result, int) and result.bit_length() > 64:
        return UNKNOWN
    return result


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is UNKNOWN or isinstance(value, float | dict | list | tuple):
        return HOLE
    return str(value)


def _join(separator: Any, parts: Iterable[Any]) -> Any:
    pieces = [_text(part) for part in parts]
    joined = _text(separator).join(pieces)[:MAX_CHARS]
    return joined if joined.strip(HOLE) or not joined else UNKNOWN


def _items_of(value: Any) -> list[Any]:
    if isinstance(value, str | list | tuple | dict):
        return list(value)[:MAX_ITEMS]
    return [UNKNOWN]


def _dict_of(*parts: Any) -> Any:
    return {key: value for key, value in zip(parts[::2], parts[1::2], strict=True) if isinstance(key, str | int)}


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, str) or isinstance(right, str):
        return _join("", (left, right))
    if isinstance(left, list) and isinstance(right, list):
        return left + right
    return left + right if _is_number(left) and _is_number(right) else UNKNOWN


def _multiply(left: Any, right: Any) -> Any:
    if isinstance(right, str | list):
        left, right = right, left
    if isinstance(left, str | list) and isinstance(right, int):
        return left[:MAX_CHARS] * max(0, min(right, MAX_CHARS // max(1, len(left))))
    return left * right if _is_number(left) and _is_number(right) else UNKNOWN


def _power(left: Any, right: Any) -> Any:
    small = _is_number(left) and _is_number(right) and abs(left) < 1 << 32 and 0 <= right <= 64
    return left**right if small else UNKNOWN


_PERCENT = re.compile(r"%(?:%|[-0 ]?\d{0,3}[sdciuxX])")


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        return _percent_format(left, tuple(right) if isinstance(right, list | tuple) else (right,))
    return left % right if _is_number(left) and _is_number(right) else UNKNOWN


def _percent_format(template: str, values: Sequence[Any]) -> str:
    left = iter(values)

    def fill(match: re.Match[str]) -> str:
        if match.group() == "%%":
            return "%"
        value = next(left, UNKNOWN)
        if isinstance(value, int) and match.group()[-1] in "cdiuxX":
            return str(match.group() % value)
        return _text(value)

    return _PERCENT.sub(fill, template)


_BRACES = re.compile(r"\{\{|\}\}|\{(\w*)(?::([<>^]?\d{0,3}[cdsxX]?))?\}")


def _brace_format(template: Any, *values: Any) -> Any:
    if not isinstance(template, str):
        return UNKNOWN
    counter = iter(range(len(values)))

    def fill(match: re.Match[str]) -> str:
        if match.group() in ("{{", "}}"):
            return match.group()[0]
        index = next(counter, -1) if not match.group(1) else int(match.group(1)) if match.group(1).isdigit() else -1
        value = values[index] if 0 <= index < len(values) else UNKNOWN
        if isinstance(value, int) and match.group(2):
            return format(value, match.group(2))
        return _text(value)

    return _BRACES.sub(fill, template)


def _divide(left: Any, right: Any) -> Any:
    return left / right if _is_number(left) and _is_number(right) else UNKNOWN


def _floor_divide(left: Any, right: Any) -> Any:
    return left // right if _is_number(left) and _is_number(right) else UNKNOWN


def _subtract(left: Any, right: Any) -> Any:
    return left - right if _is_number(left) and _is_number(right) else UNKNOWN


_OPERATORS: dict[str, Callable[..., Any]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _floor_divide,
    "%": _remainder,
    "**": _power,
}


def _slice(base: Any, start: Any, stop: Any, step: Any) -> Any:
    return base[start:stop:step] if isinstance(base, str | list | tuple) else UNKNOWN


def _item(base: Any, key: Any) -> Any:
    if isinstance(base, dict):
        return base[key]
    return base[key] if isinstance(base, str | list | tuple) and isinstance(key, int) else UNKNOWN


def _range(*ends: Any) -> Any:
    if not all(isinstance(end, int) for end in ends):
        return UNKNOWN
    return list(range(*ends)[:MAX_ITEMS])


def _map(apply: Callable[..., Any], items: Any, rest: Sequence[Any]) -> Any:
    if not isinstance(items, str | list | tuple):
        return UNKNOWN
    return [_bounded(apply, item, *rest) for item in items[:MAX_ITEMS]]


def _on_text(method: str) -> Callable[..., Any]:
    def call(value: Any, *arguments: Any) -> Any:
        if not isinstance(value, str) or not all(isinstance(a, str | int | None) for a in arguments):
            return UNKNOWN
        return getattr(value, method)(*arguments)

    return call


def _reverse(value: Any) -> Any:
    return value[::-1] if isinstance(value, str | list | tuple) else UNKNOWN


def _first(value: Any) -> Any:
    return next(iter(_items_of(value)), UNKNOWN)


def _last(value: Any) -> Any:
    return next(reversed(_items_of(value)), UNKNOWN)


def _list(value: Any) -> Any:
    return _items_of(value) if value is not UNKNOWN else UNKNOWN


def _joined(value: Any, separator: Any = "", *_: Any) -> Any:
    return _join(separator, _items_of(value)) if value is not UNKNOWN else UNKNOWN


def _same_text(value: Any, *_: Any) -> Any:
    return value if isinstance(value, str) else UNKNOWN


def _string(value: Any) -> Any:
    return _text(value) if isinstance(value, str | int) else UNKNOWN


def _whole(value: Any, *_: Any) -> Any:
    return int(value) if isinstance(value, str | int | float) else UNKNOWN


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, str | list | tuple | dict) else UNKNOWN


def _to_json(value: Any, *_: Any) -> Any:
    return json.dumps(value) if isinstance(value, str | int) else UNKNOWN


def _sorted(value: Any, *_: Any) -> Any:
    return sorted(value) if isinstance(value, str | list | tuple) else UNKNOWN


def _replace(value: Any, old: Any, new: Any, *_: Any) -> Any:
    if not (isinstance(value, str) and isinstance(old, str) and isinstance(new, str)):
        return UNKNOWN
    return value[:MAX_CHARS].replace(old, new[:64])


_TEXT_FILTERS = ("lower", "upper", "capitalize", "title")
_FILTERS: dict[str, Callable[..., Any]] = {
    **{name: _on_text(name) for name in _TEXT_FILTERS},
    "trim": _on_text("strip"),
    "reverse": _reverse,
    "first": _first,
    "last": _last,
    "list": _list,
    "join": _joined,
    "replace": _replace,
    "string": _string,
    "int": _whole,
    "length": _length,
    "count": _length,
    "tojson": _to_json,
    "format": lambda value, *rest: _percent_format(value, rest) if isinstance(value, str) else UNKNOWN,
    "sort": _sorted,
    "unique": _list,
    "safe": _same_text,
    "e": _same_text,
    "escape": _same_text,
    "forceescape": _same_text,
    "striptags": _same_text,
    "indent": _same_text,
    "batch": lambda value, *_: [_items_of(value)],
}

_METHODS: dict[str, Callable[..., Any]] = {
    **{
        name: _on_text(name)
        for name in (
            *_TEXT_FILTERS,
            "strip",
            "lstrip",
            "rstrip",
            "swapcase",
            "casefold",
            "removeprefix",
            "removesuffix",
            "split",
            "rsplit",
            "splitlines",
            "partition",
        )
    },
    "replace": _replace,
    "format": _brace_format,
    "join": lambda separator, items: _joined(items, separator) if isinstance(separator, str) else UNKNOWN,
    "get": lambda base, key, *_: base.get(key, UNKNOWN) if isinstance(base, dict) else UNKNOWN,
    "keys": _list,
    "values": lambda base: list(base.values()) if isinstance(base, dict) else UNKNOWN,
    "items": lambda base: [list(pair) for pair in base.items()] if isinstance(base, dict) else UNKNOWN,
}
