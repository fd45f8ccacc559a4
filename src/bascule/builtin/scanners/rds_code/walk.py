"""R's serialisation format, walked item by item without building an object.

Rules: the walk is a loop over a stack of what is still to come, so that no depth of nesting exhausts anything; vectors
of numbers are stepped over; the name at the head of a call is kept. A type that the format does not have, and a
reference to what was not there, are `Malformed`; an early end is `Truncated`.

Source: "Serialization Formats" of R Internals, and `src/main/serialize.c` as its documentation of the flags.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bascule.plugins.readers import Malformed, Truncated

MAX_ITEMS = 1 << 22
MAX_STACK = 1 << 20
MAX_WORD = 1 << 20
MAX_CALLED = 4096

_SYMBOL, _PAIRS, _CLOSURE, _ENVIRONMENT, _PROMISE, _CALL, _SPECIAL, _BUILTIN, _CHARS = 1, 2, 3, 4, 5, 6, 7, 8, 9
_LOGICAL, _INTEGER, _REAL, _COMPLEX, _STRINGS, _DOTS, _LIST, _EXPRESSION = 10, 13, 14, 15, 16, 17, 19, 20
_BYTE_CODE, _POINTER, _WEAK, _RAW, _S4 = 21, 22, 23, 24, 25
_ALTREP, _ATTRIBUTED_PAIRS, _ATTRIBUTED_CALL, _REPEATED, _TO_REPEAT = 238, 239, 240, 243, 244
_UNBOUND, _REFERENCE = 252, 255
_PLAIN = frozenset([241, 242, 250, 251, _UNBOUND, 253, 254])
"""The base, empty and base namespace's environment, the missing argument, no value, the global environment, NULL:
nothing follows."""
_NAMESPACES = frozenset([247, 248, 249])
_ITEM_BYTES = {_LOGICAL: 4, _INTEGER: 4, _REAL: 8, _COMPLEX: 16, _RAW: 1}


@dataclass(slots=True)
class Told:
    """What the walk met. promises: those without a value. Offsets count the unpacked bytes. called: what calls name."""

    ascii: bool = False
    promises: list[int] = field(default_factory=list)
    pointers: list[int] = field(default_factory=list)
    functions: int = 0
    byte_codes: int = 0
    items: int = 0
    size_bytes: int = 0
    followed: bool = False
    called: set[str] = field(default_factory=set)


def walk(head: bytes, chunks: Iterator[bytes]) -> Told:
    """Walk the bytes of one unpacked file. Raises Malformed and Truncated."""
    told = Told()
    source = _Source(head, chunks)
    if source.peek(3)[:3] in (b"RDX", b"RDB", b"RDA"):
        source.take(5)
    form = source.take(2)
    if form[:1] == b"A":
        told.ascii = True
        return told
    if form not in (b"X\n", b"B\n"):
        raise Malformed("no form of R's serialisation")
    source.order = "big" if form == b"X\n" else "little"
    version = source.number()
    source.take(8)
    if version == 3:
        source.take(source.length())
    elif version != 2:
        raise Malformed(f"a serialisation of version {version}")
    _Walk(source, told).run()
    told.size_bytes = source.offset
    told.followed = source.left
    return told


class _Source:
    """Bytes in order."""

    def __init__(self, head: bytes, chunks: Iterator[bytes]) -> None:
        self._window, self._at, self._base = head, 0, 0
        self._chunks = chunks
        self.order = "big"

    @property
    def offset(self) -> int:
        return self._base + self._at

    def _fill(self, size: int) -> None:
        parts, have = [self._window[self._at :]], len(self._window) - self._at
        self._base += self._at
        while have < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                raise Truncated(f"{size} bytes promised at offset {self._base:#x}, {have} left")
            parts.append(chunk)
            have += len(chunk)
        self._window, self._at = b"".join(parts), 0

    @property
    def left(self) -> bool:
        """Does anything follow?"""
        return self._at < len(self._window) or bool(next(self._chunks, b""))

    def peek(self, size: int) -> bytes:
        return self._window[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        if size > MAX_WORD:
            raise Malformed(f"a word of {size} bytes at offset {self.offset:#x}")
        if self._at + size > len(self._window):
            self._fill(size)
        self._at += size
        return self._window[self._at - size : self._at]

    def skip(self, size: int) -> None:
        while size > (left := len(self._window) - self._at):
            size -= left
            self._base += len(self._window)
            self._window, self._at = next(self._chunks, b""), 0
            if not self._window:
                raise Truncated(f"{size} bytes promised at offset {self._base:#x}, none left")
        self._at += size

    def number(self) -> int:
        return int.from_bytes(self.take(4), self.order, signed=True)  # type: ignore[arg-type]

    def length(self) -> int:
        """A length, of 31 bits or of 63."""
        value = self.number()
        if value == -1:
            value = (self.number() << 32) + (self.number() & 0xFFFFFFFF)
        if value < 0:
            raise Malformed(f"a negative length at offset {self.offset:#x}")
        return value


@dataclass(frozen=True, slots=True)
class _Next:
    """So many more of one kind to come.

    item: any object. head: the first of a call, whose name is kept. value: what a promise came to, if anything.
    code: instructions and constants. constants: how many, then so many of constant: a type, then an object or a call
    in byte code's own form. part, part-head: the parts of such a call.
    """

    kind: str
    left: int


class _Walk:
    def __init__(self, source: _Source, told: Told) -> None:
        self.source, self.told = source, told
        self.names: list[str] = []
        """By number of what can be referred to: the names of symbols, empty for all else."""
        self.stack: list[_Next] = []

    def run(self) -> None:
        self.stack = [_Next("item", 1)]
        while self.stack:
            self.told.items += 1
            if self.told.items > MAX_ITEMS or len(self.stack) > MAX_STACK:
                raise Malformed(f"more than {MAX_ITEMS} items, or {MAX_STACK} in one another")
            top = self.stack.pop()
            if top.left > 1:
                self.stack.append(_Next(top.kind, top.left - 1))
            if top.kind in ("item", "head", "value"):
                self._item(top.kind)
            elif top.kind == "code":
                self._later(("item", 1), ("constants", 1))
            elif top.kind == "constants":
                self._later(("constant", self.source.length()))
            else:
                self._of_code(top.kind)

    def _later(self, *kinds: tuple[str, int]) -> None:
        """What follows, in the order of the file."""
        self.stack.extend(_Next(kind, count) for kind, count in reversed(kinds) if count)

    def _item(self, role: str) -> None:
        at = self.source.offset
        flags = self.source.number()
        kind = flags & 0xFF
        attributed, tagged = bool(flags & 0x200), bool(flags & 0x400)
        if kind in _ITEM_BYTES:
            self.source.skip(self.source.length() * _ITEM_BYTES[kind])
            self._later(("item", attributed))
        elif kind == _CHARS:
            self.source.skip(max(self.source.number(), 0))
        elif kind in (_STRINGS, _LIST, _EXPRESSION):
            self._later(("item", self.source.length()), ("item", attributed))
        elif kind in (_PAIRS, _CALL, _CLOSURE, _PROMISE, _DOTS):
            self._pairs(kind, attributed, tagged)
        elif kind in _PLAIN:
            if role == "value" and kind == _UNBOUND:
                self.told.promises.append(at)
        elif kind == _REFERENCE:
            index = flags >> 8 or self.source.number()
            if not 1 <= index <= len(self.names):
                raise Malformed(f"a reference to object {index} of {len(self.names)} at offset {at:#x}")
            self._called(self.names[index - 1], role)
        elif kind == _SYMBOL:
            if self.source.number() & 0xFF != _CHARS:
                raise Malformed(f"a symbol without a name at offset {at:#x}")
            self.names.append(self._word())
            self._called(self.names[-1], role)
        elif kind in (_SPECIAL, _BUILTIN):
            self._called(self._word(), role)
        else:
            self._rare(kind, at, attributed)

    def _rare(self, kind: int, at: int, attributed: bool) -> None:
        if kind == _ALTREP:
            self._later(("item", 3))
        elif kind == _S4:
            self._later(("item", attributed))
        elif kind == _BYTE_CODE:
            self.told.byte_codes += 1
            self.source.number()
            self._later(("code", 1), ("item", attributed))
        elif kind in (_ENVIRONMENT, _POINTER, _WEAK, *_NAMESPACES):
            self.names.append("")
            if kind == _ENVIRONMENT:
                self.source.number()
                self._later(("item", 4))
            elif kind == _POINTER:
                self.told.pointers.append(at)
                self._later(("item", 2 + attributed))
            elif kind == _WEAK:
                self._later(("item", attributed))
            else:
                self.source.number()
                self._later(("item", self.source.length()))
        else:
            raise Malformed(f"an item of type {kind} at offset {at:#x}")

    def _pairs(self, kind: int, attributed: bool, tagged: bool) -> None:
        """Attributes, tag or environment, first and rest; of a function its arguments and body, of a promise its value
        and expression."""
        self.told.functions += kind == _CLOSURE
        first = {_CALL: "head", _PROMISE: "value"}.get(kind, "item")
        self._later(("item", attributed + tagged), (first, 1), ("item", 1))

    def _of_code(self, role: str) -> None:
        """A constant, or a part of a call among the constants: its type stands before it."""
        kind = self.source.number()
        if kind == _BYTE_CODE and role == "constant":
            self._later(("code", 1))
        elif kind == _REPEATED:
            self.source.number()
        elif kind in (_TO_REPEAT, _PAIRS, _CALL, _ATTRIBUTED_PAIRS, _ATTRIBUTED_CALL):
            if kind == _TO_REPEAT:
                self.source.number()
                kind = self.source.number()
            attributed = kind in (_ATTRIBUTED_PAIRS, _ATTRIBUTED_CALL)
            first = "part-head" if kind in (_CALL, _ATTRIBUTED_CALL) else "part"
            self._later(("item", attributed + 1), (first, 1), ("part", 1))
        else:
            self._later(("head" if role == "part-head" else "item", 1))

    def _word(self) -> str:
        return self.source.take(max(self.source.number(), 0)).decode("utf-8", "replace")

    def _called(self, name: str, role: str) -> None:
        if role == "head" and name and len(self.told.called) < MAX_CALLED:
            self.told.called.add(name)
