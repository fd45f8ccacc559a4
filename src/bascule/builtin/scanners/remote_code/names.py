"""What a name in a Python module stands for, as far as its text tells.

`os.system` is also `s` after `from os import system as s`, `getattr(os, "sys" + "tem")`, `__import__("os").system`
and `sys.modules["os"].__dict__["system"]`. Aliases are collected over the whole module, whatever the scope: that can
only make more names known. Nothing is imported and nothing runs.
"""

from __future__ import annotations

import ast
import base64
import binascii
import builtins
import codecs
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

_MAX_CHARS = 1 << 16
_MAX_ALTERNATIVES = 8
_ROUNDS = 3
_BUILT_INS = frozenset(dir(builtins))
# Stands for what `operator.methodcaller` made: the method's name follows.
_BY_METHOD = "operator.methodcaller:"
_Value = str | bytes | int | None
_COMPOUND = (
    ast.Attribute,
    ast.Subscript,
    ast.Call,
    ast.BinOp,
    ast.BoolOp,
    ast.IfExp,
    ast.JoinedStr,
    ast.NamedExpr,
    ast.Await,
)


class Names:
    """Resolves the expressions of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._aliases: dict[str, set[str]] = defaultdict(set)
        self._strings: dict[str, set[str]] = defaultdict(set)
        self._stars: set[str] = set()
        self._local: set[str] = set()
        self._known_dotted: dict[int, frozenset[str]] = {}
        self._known_values: dict[int, _Value] = {}
        assignments: list[tuple[str, ast.expr]] = []
        expressions: list[ast.expr] = []
        for node, in_class in _walk_scopes(tree):
            self._note(node, in_class)
            assignments.extend(_bindings(node))
            if isinstance(node, _COMPOUND):
                expressions.append(node)
        for _ in range(_ROUNDS):
            self._resolve(expressions)
            before = self._count()
            for name, value in assignments:
                self._aliases[name] |= self.dotted(value)
                text = self.text(value)
                if text is not None and len(self._strings[name]) < _MAX_ALTERNATIVES:
                    self._strings[name].add(text)
            if before == self._count():
                return
        self._resolve(expressions)

    def _resolve(self, expressions: list[ast.expr]) -> None:
        # Innermost first, so that each finds its parts resolved and the depth of a module's nesting does not matter.
        self._known_dotted.clear()
        self._known_values.clear()
        for node in reversed(expressions):
            self.dotted(node)
            self._value(node)

    def _count(self) -> int:
        return sum(map(len, self._aliases.values())) + sum(map(len, self._strings.values()))

    def _note(self, node: ast.AST, in_class: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import a.b` binds `a`; `import a.b as c` binds `a.b`.
                self._aliases[alias.asname or alias.name.partition(".")[0]].add(
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                if alias.name == "*":
                    self._stars.add(module)
                else:
                    self._aliases[alias.asname or alias.name].add(f"{module}.{alias.name}")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not in_class:
            self._local.add(node.name)

    def dotted(self, node: ast.expr) -> frozenset[str]:
        """The dotted names that an expression may stand for; empty when none is known."""
        key = id(node)
        if key not in self._known_dotted:
            self._known_dotted[key] = frozenset(sorted(set(self._dotted(node)))[:_MAX_ALTERNATIVES])
        return self._known_dotted[key]

    def called(self, node: ast.Call) -> frozenset[str]:
        """The dotted names of what a call calls: `methodcaller("system", "x")(os)` calls `os.system`."""
        callees = self.dotted(node.func)
        found = set(callees)
        for callee in callees:
            if callee.startswith(_BY_METHOD) and node.args:
                found |= {_member(base, callee.removeprefix(_BY_METHOD)) for base in self.dotted(node.args[0])}
        return frozenset(found)

    def _dotted(self, node: ast.expr) -> Iterable[str]:
        if isinstance(node, ast.Name):
            return self._of_name(node.id)
        if isinstance(node, ast.Attribute):
            return {_member(base, node.attr) for base in self.dotted(node.value)}
        if isinstance(node, ast.Subscript):
            key = self.text(node.slice)
            return {_entry(base, key) for base in self.dotted(node.value)} if key is not None else ()
        if isinstance(node, ast.Call):
            return self._of_call(node)
        if isinstance(node, ast.NamedExpr | ast.Await):
            return self.dotted(node.value)
        if isinstance(node, ast.IfExp):
            return self.dotted(node.body) | self.dotted(node.orelse)
        if isinstance(node, ast.BoolOp):
            return {name for value in node.values for name in self.dotted(value)}
        return ()

    def _of_name(self, name: str) -> set[str]:
        known = set(self._aliases.get(name, ()))
        if name == "__builtins__":
            known.add("builtins")
        elif name in _BUILT_INS and name not in self._local and not known:
            known.add(f"builtins.{name}")
        elif not known and name not in self._local:
            known.update(f"{module}.{name}" for module in self._stars)
        return known

    def _of_call(self, node: ast.Call) -> set[str]:
        found: set[str] = set()
        for callee in self.dotted(node.func):
            if callee in ("builtins.__import__", "importlib.import_module", "importlib.__import__") and node.args:
                module = self.text(node.args[0])
                if module is not None:
                    found.add(module if callee == "importlib.import_module" else module.partition(".")[0])
            elif callee == "builtins.getattr" and len(node.args) >= 2:
                attribute = self.text(node.args[1])
                if attribute is not None:
                    found |= {_member(base, attribute) for base in self.dotted(node.args[0])}
            elif callee == "builtins.vars" and node.args:
                found |= {f"{base}.__dict__" for base in self.dotted(node.args[0])}
            elif callee in ("builtins.globals", "builtins.locals"):
                found.add(callee)
            elif callee == "operator.methodcaller" and node.args:
                method = self.text(node.args[0])
                if method is not None:
                    found.add(_BY_METHOD + method)
            elif callee == "functools.partial" and node.args:
                found |= self.dotted(node.args[0])
            elif callee in ("sys.modules.get", "sys.modules.__getitem__") and node.args:
                module = self.text(node.args[0])
                if module is not None:
                    found.add(module)
        # operator.attrgetter("system")(os)
        if isinstance(node.func, ast.Call) and "operator.attrgetter" in self.dotted(node.func.func) and node.args:
            attribute = self.text(node.func.args[0]) if node.func.args else None
            if attribute is not None:
                found |= {_member(base, attribute) for base in self.dotted(node.args[0])}
        return found

    def text(self, node: ast.expr) -> str | None:
        """The string that an expression comes to, where its constants tell; of several, the first in order."""
        value = self._value(node)
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return value if isinstance(value, str) else None

    def _value(self, node: ast.expr) -> _Value:
        key = id(node)
        if key not in self._known_values:
            self._known_values[key] = self._evaluate(node)
        return self._known_values[key]

    def _evaluate(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str | bytes | int) else None
        if isinstance(node, ast.Name):
            return min(self._strings[node.id]) if self._strings.get(node.id) else None
        if isinstance(node, ast.BinOp):
            return _operate(node.op, self._value(node.left), self._value(node.right))
        if isinstance(node, ast.JoinedStr):
            return _concatenate(
                self.text(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values
            )
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self._sliced(node.value, node.slice)
        if isinstance(node, ast.Call):
            return self._called(node)
        return None

    def _sliced(self, base: ast.expr, ends: ast.Slice) -> str | None:
        value = self.text(base)
        bounds = [_whole(end) for end in (ends.lower, ends.upper, ends.step)]
        if value is None or 0 in bounds[2:]:
            return None
        return value[slice(*bounds)]

    def _called(self, node: ast.Call) -> _Value:
        arguments = node.args
        if isinstance(node.func, ast.Attribute):
            base = self._value(node.func.value)
            if base is not None and node.func.attr == "join" and isinstance(base, str) and len(arguments) == 1:
                return self._joined(base, arguments[0])
            if isinstance(base, str | bytes) and node.func.attr == "decode":
                return base.decode("latin-1") if isinstance(base, bytes) else base
            if isinstance(base, str) and node.func.attr in ("lower", "upper", "strip", "encode"):
                return base if node.func.attr == "encode" else str(getattr(base, node.func.attr)())
            if isinstance(base, str) and node.func.attr == "replace" and len(arguments) >= 2:
                old, new = self.text(arguments[0]), self.text(arguments[1])
                return base.replace(old, new)[:_MAX_CHARS] if old and new is not None and len(new) < 64 else None
        callees = self.dotted(node.func)
        if "builtins.chr" in callees and arguments:
            code = self._value(arguments[0])
            return chr(code) if isinstance(code, int) and 0 <= code < 0x110000 else None
        for callee in sorted(callees):
            if callee in _DECODERS and arguments:
                given = self.text(arguments[0])
                return _decoded(_DECODERS[callee], given) if given is not None else None
        if "builtins.bytes" in callees and arguments and isinstance(arguments[0], ast.List | ast.Tuple):
            numbers = [self._value(item) for item in arguments[0].elts]
            return bytes(n for n in numbers if isinstance(n, int) and 0 <= n < 256)
        return None

    def _joined(self, separator: str, items: ast.expr) -> str | None:
        if isinstance(items, ast.Call) and "builtins.reversed" in self.dotted(items.func) and items.args:
            whole = self.text(items.args[0])
            return separator.join(reversed(whole)) if whole is not None else None
        if isinstance(items, ast.Call) and "builtins.map" in self.dotted(items.func) and len(items.args) == 2:
            numbers = items.args[1]
            if "builtins.chr" in self.dotted(items.args[0]) and isinstance(numbers, ast.List | ast.Tuple):
                codes = [self._value(item) for item in numbers.elts]
                return separator.join(chr(c) for c in codes if isinstance(c, int) and 0 <= c < 0x110000)
        if isinstance(items, ast.List | ast.Tuple):
            parts = [self.text(item) for item in items.elts]
            return separator.join(part for part in parts if part is not None) if None not in parts else None
        return None


def _walk_scopes(tree: ast.Module) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, with whether it stands directly in a class body, where a name is not a module's."""
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, in_class = stack.pop()
        yield node, in_class
        inside = isinstance(node, ast.ClassDef)
        stack.extend((child, inside) for child in ast.iter_child_nodes(node))


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _pairs(node.target, node.value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple | ast.List):
        for inner, item in zip(target.elts, value.elts, strict=False):
            yield from _pairs(inner, item)


def _member(base: str, attribute: str) -> str:
    # A module's dictionary and `globals()` hold what the module holds.
    return f"{base.removesuffix('.__dict__')}.{attribute}"


def _entry(base: str, key: str) -> str:
    if base == "sys.modules":
        return key
    if base in ("builtins.globals", "builtins.locals") and key == "__builtins__":
        return "builtins"
    return _member(base, key)


def _operate(operator: ast.operator, left: _Value, right: _Value) -> str | int | None:
    if isinstance(operator, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return (left + right)[:_MAX_CHARS]
    if isinstance(left, int) and isinstance(right, int) and abs(left) < 1 << 40 and abs(right) < 1 << 20:
        if isinstance(operator, ast.Add):
            return left + right
        if isinstance(operator, ast.Sub):
            return left - right
        if isinstance(operator, ast.BitXor):
            return left ^ right
    return None


def _concatenate(parts: Iterable[str | None]) -> str | None:
    pieces = list(parts)
    return "".join(piece for piece in pieces if piece is not None)[:_MAX_CHARS] if None not in pieces else None


def _whole(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _whole(node.operand)
        return -inner if inner is not None else None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


_DECODERS: dict[str, Callable[[str], str]] = {
    "base64.b64decode": lambda text: base64.b64decode(text).decode("latin-1"),
    "base64.urlsafe_b64decode": lambda text: base64.urlsafe_b64decode(text).decode("latin-1"),
    "base64.b32decode": lambda text: base64.b32decode(text).decode("latin-1"),
    "base64.b16decode": lambda text: base64.b16decode(text).decode("latin-1"),
    "builtins.bytes.fromhex": lambda text: bytes.fromhex(text).decode("latin-1"),
    "builtins.bytearray.fromhex": lambda text: bytes.fromhex(text).decode("latin-1"),
    "binascii.unhexlify": lambda text: bytes.fromhex(text).decode("latin-1"),
    "binascii.a2b_base64": lambda text: base64.b64decode(text).decode("latin-1"),
    "codecs.decode": lambda text: codecs.encode(text, "rot13"),
    "codecs.encode": lambda text: codecs.encode(text, "rot13"),
}


def _decoded(decode: Callable[[str], str], given: str) -> str | None:
    try:
        return decode(given[:_MAX_CHARS])
    except (ValueError, binascii.Error, UnicodeError):
        return None
