"""What stands on the symbolic machine's stack.

Constants stand for themselves. The rest says where a thing would come from: a global, an object that a call or a class
would give, a payload too large to hold. Rules: a value never holds more than the machine's budget lets in; showing one
is bounded in length and depth, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from bascule.kernel.text import visible

Value: TypeAlias = Any
"""None, bool, int, float, str, bytes, a tuple of values, or one of the classes below."""

CONSTANTS = frozenset({type(None), bool, int, float, str, bytes})
"""Types whose values do nothing when they are built, hashed or compared."""

KEPT_ITEMS = 64
KEPT_WHOLE = 1 << 24
"""room in a container where the result is wanted and not only what building it would run"""


class Computed(str):
    """Text that a call would give: as a module or a name, it is a name that does not stand in the file."""

    __slots__ = ()


class Unknown:
    """Something that only a real load would show."""

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what


UNKNOWN = Unknown("a value that only a load would show")


class Blob:
    """Bytes or text too large to hold: where they lie, how they begin, and all of them where a call may need them."""

    __slots__ = ("head", "is_text", "offset", "size_bytes", "whole")

    def __init__(self, offset: int, size_bytes: int, head: bytes, whole: bytes | None, is_text: bool) -> None:
        self.offset = offset
        self.size_bytes = size_bytes
        self.head = head
        self.whole = whole
        self.is_text = is_text


class Global:
    """What `module` and `name` reach; an empty name is the module itself. `hidden`: the name was computed."""

    __slots__ = ("hidden", "module", "name", "offset")

    def __init__(self, module: str, name: str, offset: int, hidden: bool = False) -> None:
        self.module = module
        self.name = name
        self.offset = offset
        self.hidden = hidden

    @property
    def path(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


class Built:
    """An object that calling `maker` would give, or that `maker.__new__` would.

    `attributes`: those that were written onto it and are not constants; `state`: what BUILD gave it last. Only where a
    machine keeps all: `items`, what was put into it, and `inline`, where joblib's array behind it begins.
    """

    __slots__ = ("arguments", "attributes", "inline", "items", "maker", "state")

    def __init__(self, maker: Value, arguments: Value = ()) -> None:
        self.maker = maker
        self.arguments = arguments
        self.attributes: dict[str, Value] | None = None
        self.inline: int | None = None
        self.items: Items | None = None
        self.state: Value = None


class Bound:
    """A callable that carries arguments: functools.partial, operator.attrgetter, a method of an object."""

    __slots__ = ("arguments", "function", "kind")

    def __init__(self, kind: str, function: Value, arguments: tuple[Value, ...] = ()) -> None:
        self.kind = kind
        self.function = function
        self.arguments = arguments


class Items:
    """A list, dict or set. It keeps its first `room` items, then only those that are not constants, up to a bound."""

    __slots__ = ("count", "items", "kind", "room")

    def __init__(self, kind: str, room: int = KEPT_ITEMS) -> None:
        self.kind = kind
        self.room = room
        self.items: list[Value] = []
        self.count = 0

    def add(self, values: list[Value]) -> None:
        """Take in values; for a dict, keys and values in turn."""
        self.count += len(values)
        room = self.room - len(self.items)
        if room > 0:
            if self.kind == "dict":
                room += room % 2
            self.items += values[:room]
            values = values[room:]
        if values and len(self.items) < max(4 * KEPT_ITEMS, self.room):
            step = 2 if self.kind == "dict" else 1
            for index in range(0, len(values) - step + 1, step):
                pair = values[index : index + step]
                if any(type(value) not in CONSTANTS for value in pair):
                    self.items += pair
                    if len(self.items) >= 4 * KEPT_ITEMS:
                        break

    def pairs(self) -> Iterator[tuple[Value, Value]]:
        """The keys and values that are kept, of a dict."""
        return zip(self.items[::2], self.items[1::2], strict=False)


def parts(value: Value, limit: int = 256) -> Iterator[Value]:
    """A value and what it holds that is no constant, nearest first, at most `limit` of them, each object once."""
    seen: set[int] = set()
    queue = [value]
    for item in queue:
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        if len(seen) >= limit:
            return
        if len(queue) < 4 * limit:
            queue += [held for held in _held(item) if type(held) not in CONSTANTS]


def _held(item: Value) -> tuple[Value, ...]:
    held: tuple[Value, ...] = ()
    kind = type(item)
    if kind is tuple:
        held = item[: 4 * KEPT_ITEMS]
    elif kind is Items:
        held = tuple(item.items)
    elif kind is Built:
        held = (*item.arguments, *(item.attributes or {}).values())
    elif kind is Bound:
        held = (item.function, *item.arguments)
    return held


def show(value: Value, limit: int = 160) -> str:
    """One line for people, at most about `limit` characters."""
    pieces: list[str] = []
    _show(value, pieces, [limit], 0)
    return visible("".join(pieces), limit)


def _show(value: Value, pieces: list[str], room: list[int], depth: int) -> None:
    def put(text: str) -> None:
        pieces.append(text)
        room[0] -= len(text)

    if room[0] <= 0:
        return
    if depth > 6:
        put("…")
        return
    kind = type(value)
    if kind is Computed or kind is str:
        put(repr(str(value[:120])) + ("…" if len(value) > 120 else ""))
    elif kind is bytes:
        put(repr(value[:60]) + ("…" if len(value) > 60 else ""))
    elif kind is int and value.bit_length() > 256:
        put(f"an integer of {value.bit_length()} bits")
    elif kind in CONSTANTS:
        put(repr(value))
    elif kind is Global:
        put(value.path)
    elif kind is Blob:
        put(f"{value.size_bytes} bytes {value.head[:24]!r}…")
    elif kind is Built:
        _show(value.maker, pieces, room, depth + 1)
        put("(…)")
    elif kind is Bound:
        put(f"{value.kind} ")
        _show(value.function, pieces, room, depth + 1)
        _show(value.arguments, pieces, room, depth + 1)
    elif kind is tuple or kind is Items:
        _show_items(value, pieces, room, depth)
    else:
        put("?")


_BRACKETS = {"list": ("[", "]"), "dict": ("{", "}"), "set": ("{", "}"), "frozenset": ("{", "}")}


def _show_items(value: Value, pieces: list[str], room: list[int], depth: int) -> None:
    items = value if type(value) is tuple else value.items
    opening, closing = ("(", ")") if type(value) is tuple else _BRACKETS[value.kind]
    pieces.append(opening)
    for index, item in enumerate(items[:16]):
        if index:
            pieces.append(", ")
            room[0] -= 2
        _show(item, pieces, room, depth + 1)
    if len(items) > 16:
        pieces.append(", …")
    if type(value) is tuple and len(items) == 1:
        pieces.append(",")
    pieces.append(closing)
