"""The syntax tree of a compiled expression, read from the compiler's own output.

A second parser could read an expression otherwise than the engine that runs it, and a linter built on that would
vouch for something else. So the tree is decoded from the `cel.expr.CheckedExpr` message that the engine serialises:
what is linted and explained is what is evaluated.

Source: google/cel-spec, proto/cel/expr/{checked,syntax}.proto, for the field numbers below.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    value: bool | int | float | str | bytes | None


@dataclass(frozen=True, slots=True)
class Name:
    """A variable: a fact namespace, or the bound variable of a macro."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; `test` is a presence test, `has(operand.field)`."""

    operand: Node
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function, method or operator; operators are named `_&&_`, `!_`, `@in`, `_?_:_`, …"""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Macro:
    """`over.exists(variable, body)` and its like. `name` is `exists`, `all`, or `macro` for the others."""

    name: str
    variable: str
    over: Node
    body: Node


Node: TypeAlias = Literal | Name | Select | Call | Sequence | Mapping | Macro


def decode(checked: bytes) -> Node:
    """The tree inside a serialised expression. Raises ValueError when the bytes have another shape."""
    message = _only(_fields(checked), 2)  # google.protobuf.Any.value
    return _node(_only(_fields(message), 4))  # CheckedExpr.expr


def children(node: Node) -> tuple[Node, ...]:
    """A node's parts, in the order in which they are written."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return (*((node.target,) if node.target is not None else ()), *node.args)
        case Sequence():
            return node.items
        case Mapping():
            return tuple(part for entry in node.entries for part in entry)
        case Macro():
            return (node.over, node.body)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and everything under it, outermost first."""
    yield node
    for child in children(node):
        yield from walk(child)


def path_of(node: Node) -> str | None:
    """`measure.x.high` for a chain of selections that starts at a name; None for anything else."""
    match node:
        case Name():
            return node.name
        case Select(test=False):
            inner = path_of(node.operand)
            return None if inner is None else f"{inner}.{node.field}"
        case Call(function="_[_]", args=(operand, Literal(value=str() as key))):
            inner = path_of(operand)
            return None if inner is None else f"{inner}.{key}"
        case _:
            return None


_INFIX = {
    "_||_": ("||", 1),
    "_&&_": ("&&", 2),
    "_==_": ("==", 3),
    "_!=_": ("!=", 3),
    "_<_": ("<", 3),
    "_<=_": ("<=", 3),
    "_>_": (">", 3),
    "_>=_": (">=", 3),
    "@in": ("in", 3),
    "_+_": ("+", 4),
    "_-_": ("-", 4),
    "_*_": ("*", 5),
    "_/_": ("/", 5),
    "_%_": ("%", 5),
}
_TIGHTEST = 9


def unparse(node: Node) -> str:
    """CEL text of a tree. Law: compiling it gives the same tree (of `map` and `filter`, a sketch in words)."""
    return _text(node)[0]


def _text(node: Node) -> tuple[str, int]:
    match node:
        case Literal():
            return _literal(node.value), _TIGHTEST
        case Name():
            return node.name, _TIGHTEST
        case Select(test=True):
            return f"has({_bound(node.operand, _TIGHTEST)}.{node.field})", _TIGHTEST
        case Select():
            return f"{_bound(node.operand, _TIGHTEST)}.{node.field}", _TIGHTEST
        case Sequence():
            return f"[{', '.join(unparse(item) for item in node.items)}]", _TIGHTEST
        case Mapping():
            return "{" + ", ".join(f"{unparse(k)}: {unparse(v)}" for k, v in node.entries) + "}", _TIGHTEST
        case Macro():
            over = _bound(node.over, _TIGHTEST)
            return f"{over}.{node.name}({node.variable}, {unparse(node.body)})", _TIGHTEST
        case Call(function="_?_:_", args=(test, yes, no)):
            return f"{_bound(test, 1)} ? {_bound(yes, 1)} : {_bound(no, 0)}", 0
        case Call(function="!_" | "-_", args=(operand,)):
            # `!(!x)` with its brackets: CEL's parser takes `!!x` for `x`.
            return f"{node.function[0]}{_bound(operand, 7)}", 6
        case Call(function="_[_]", args=(operand, index)):
            return f"{_bound(operand, _TIGHTEST)}[{unparse(index)}]", _TIGHTEST
        case Call(args=(left, right)) if node.function in _INFIX and node.target is None:
            sign, level = _INFIX[node.function]
            return f"{_bound(left, level)} {sign} {_bound(right, level + 1)}", level
        case Call():
            head = f"{_bound(node.target, _TIGHTEST)}." if node.target is not None else ""
            return f"{head}{node.function}({', '.join(unparse(arg) for arg in node.args)})", _TIGHTEST


def _bound(node: Node, level: int) -> str:
    text, own = _text(node)
    return text if own >= level else f"({text})"


def _literal(value: bool | int | float | str | bytes | None) -> str:
    if isinstance(value, bytes):
        return "b" + json.dumps(value.decode("latin-1"))
    # JSON's spelling of strings, booleans, null and floats is also CEL's.
    return json.dumps(value, ensure_ascii=False)


# --- protobuf wire format, as far as an expression needs it ---------------------------------------------------

_Value: TypeAlias = int | bytes


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def _fields(data: bytes) -> dict[int, list[_Value]]:
    """Every field of a message by number, in order. Raises ValueError when the bytes end early."""
    found: dict[int, list[_Value]] = {}
    at = 0
    try:
        while at < len(data):
            key, at = _varint(data, at)
            value: _Value
            match key & 7:
                case 0:
                    value, at = _varint(data, at)
                case 1:
                    value, at = data[at : at + 8], at + 8
                case 2:
                    size, at = _varint(data, at)
                    value, at = data[at : at + size], at + size
                case 5:
                    value, at = data[at : at + 4], at + 4
                case wire:
                    raise ValueError(f"wire type {wire}")
            found.setdefault(key >> 3, []).append(value)
    except IndexError:
        raise ValueError("an expression's message ends early") from None
    return found


def _only(fields: dict[int, list[_Value]], number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise ValueError(f"field {number} is no message")
    return value


def _many(fields: dict[int, list[_Value]], number: int) -> tuple[bytes, ...]:
    return tuple(value for value in fields.get(number, ()) if isinstance(value, bytes))


def _string(fields: dict[int, list[_Value]], number: int) -> str:
    return _only(fields, number).decode("utf-8")


def _node(data: bytes) -> Node:
    fields = _fields(data)
    if 3 in fields:
        return Literal(_constant(_fields(_only(fields, 3))))
    if 4 in fields:
        return Name(_string(_fields(_only(fields, 4)), 1))
    if 5 in fields:
        select = _fields(_only(fields, 5))
        return Select(_node(_only(select, 1)), _string(select, 2), bool(select.get(3, [0])[-1]))
    if 6 in fields:
        call = _fields(_only(fields, 6))
        target = _node(_only(call, 1)) if 1 in call else None
        return Call(_string(call, 2), tuple(_node(arg) for arg in _many(call, 3)), target)
    if 7 in fields:
        return Sequence(tuple(_node(item) for item in _many(_fields(_only(fields, 7)), 1)))
    if 8 in fields:
        entries = [_fields(entry) for entry in _many(_fields(_only(fields, 8)), 2)]
        return Mapping(tuple((_node(_only(entry, 3)), _node(_only(entry, 4))) for entry in entries))
    if 9 in fields:
        return _macro(_fields(_only(fields, 9)))
    raise ValueError("an expression of an unknown kind")


def _macro(fold: dict[int, list[_Value]]) -> Macro:
    variable, over, step = _string(fold, 1), _node(_only(fold, 2)), _node(_only(fold, 6))
    match step:
        case Call(function="_||_", args=(Name(), body)):
            return Macro("exists", variable, over, body)
        case Call(function="_&&_", args=(Name(), body)):
            return Macro("all", variable, over, body)
        case _:
            return Macro("macro", variable, over, step)


def _constant(fields: dict[int, list[_Value]]) -> bool | int | float | str | bytes | None:
    for number, values in fields.items():
        value = values[-1]
        if isinstance(value, int):
            match number:
                case 2:
                    return bool(value)
                case 3:
                    return value - (1 << 64) if value >> 63 else value
                case 4:
                    return value
                case _:
                    return None
        match number:
            case 5:
                return float(struct.unpack("<d", value)[0])
            case 6:
                return value.decode("utf-8")
            case 7:
                return value
    return None
