"""The unpickler's stack machine, with symbols for objects.

It follows the opcodes of protocols 0 to 5 as both real unpicklers do: a stack that MARK sets aside, a memo, frames that
are only hints. It tells an `Observer` of every global that is named, every call, and every write onto something that is
not a fresh object; what a call would give, `effects` answers.

Rules:
- Ends at STOP with the number of bytes used; raises `Malformed` or `Truncated` where a real load would fail, and at
  the budget's bounds. What was observed before stands: a load that fails has run its calls by then.
- In doubt about the order of a stream (joblib writes raw arrays between opcodes) the caller runs it once in each way.

Source: CPython Lib/pickle.py and Modules/_pickle.c, 3.11-3.14; joblib numpy_pickle.py 1.5.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.pickles import effects, numbers
from bascule.plugins.readers.pickles.arrays import inline_array
from bascule.plugins.readers.pickles.encoded import LEAST_CHARACTERS, begins_as_pickle
from bascule.plugins.readers.pickles.names import reach
from bascule.plugins.readers.pickles.stream import Stream
from bascule.plugins.readers.pickles.values import (
    KEPT_ITEMS,
    KEPT_WHOLE,
    Blob,
    Built,
    Computed,
    Global,
    Items,
    Unknown,
    Value,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one stream may cost."""

    program_bytes: int = 512 << 20
    """bytes of opcodes and of short arguments; payloads that are stepped over do not count"""
    held_values: int = 8_000_000
    """values on the stack and in the memo"""
    marks: int = 100_000
    kept_bytes: int = 16 << 20
    """bytes of large payloads held because a call may need them"""
    depth: int = 4
    """pickles within pickles"""


class Observer(Protocol):
    """Hears what a load would do, in order."""

    def named(self, reached: Global) -> None:
        """A global was imported."""

    def called(self, function: Value, arguments: tuple[Value, ...], shape: str, offset: int) -> None:
        """Something was called, by the opcode `shape`."""

    def wrote(self, target: Value, what: Value, offset: int) -> None:
        """Something that is not a fresh object was changed."""

    def given(self, target: Built, state: Value, offset: int) -> None:
        """An object was given its state."""

    def payload(self, value: Value, offset: int, *, promised: bool = False) -> None:
        """Bytes, or text, that begin like a pickle were pushed; `promised`: a call will load them."""


_LOOKAHEAD = 300
_LARGE_BYTES = 1 << 12
_HEAD_BYTES = 256
_PICKLE_STARTS = frozenset(b"\x80c(]}i")

Handler = Callable[["Machine", int], int]
_TABLE: list[Handler] = []


class Contradiction(Malformed):
    """Loaders would read different programs from these bytes. No honest pickler writes such a stream."""


class _Stop(Exception):
    """STOP was reached."""


class Machine:
    """One pickle of a stream, from its first opcode to STOP.

    keeps_all: the result is wanted whole, for its tensors, and not only for what building it would run.
    """

    __slots__ = (
        "_budget",
        "_frame_end",
        "_keeps_all",
        "_kept_bytes",
        "_memo",
        "_observer",
        "_parked",
        "_parked_values",
        "_program_bytes",
        "_with_arrays",
        "contradiction",
        "met_arrays",
        "reached",
        "result",
        "room",
        "stack",
        "stream",
    )

    def __init__(
        self,
        stream: Stream,
        observer: Observer,
        budget: Budget,
        *,
        with_arrays: bool = True,
        keeps_all: bool = False,
    ) -> None:
        self.stream = stream
        self.room = KEPT_WHOLE if keeps_all else KEPT_ITEMS
        self.stack: list[Value] = []
        self.result: Value = None
        self.met_arrays = False
        self.contradiction: Contradiction | None = None
        self.reached = 0
        self._observer = observer
        self._budget = budget
        self._with_arrays = with_arrays
        self._keeps_all = keeps_all
        self._memo: dict[int, Value] = {}
        self._parked: list[list[Value]] = []
        self._parked_values = 0
        self._program_bytes = 0
        self._kept_bytes = 0
        self._frame_end = 0

    def run(self, position: int) -> int:
        """Interpret from `position` of the stream's window; the position after STOP. Raises Malformed, Truncated."""
        table, stream = _TABLE, self.stream
        at = position
        try:
            while True:
                window, begun = stream.window, at
                # Short arguments are sliced without a check, so the window must reach beyond the longest of them;
                # at the end of the bytes a short slice is harmless, because the next opcode is then missing.
                limit = len(window) - (0 if stream.ended else _LOOKAHEAD)
                if at < (frame := self._frame_end - stream.base) < limit:
                    limit = frame
                stream.turned = False
                while at < limit:
                    at = table[window[at]](self, at + 1)
                    if stream.turned:
                        break
                self._spend(min(at - begun, _LARGE_BYTES) if stream.turned else at - begun)
                if 0 < self._frame_end <= stream.base + at:
                    self._leave_frame(stream.base + at)
                elif not stream.turned:
                    if stream.ended and at >= len(window):
                        raise Truncated(f"the pickle ends at {stream.base + at} without STOP")
                    at = stream.more(at)
        except _Stop as stop:
            after: int = stop.args[0]
            return after
        except IndexError as error:
            raise Malformed(f"an opcode near {stream.base + at} finds too little on the stack") from error
        except RecursionError as error:
            raise Malformed(f"the pickle nests too deeply near {stream.base + at}") from error
        finally:
            self.reached = stream.base + at
            self.stack = []

    def _leave_frame(self, offset: int) -> None:
        """Frames end between opcodes. Where one does not, loaders go different ways: from memory straight on, from a
        file over what is left of the frame, and in Python not at all."""
        if self._frame_end < offset:
            self.contradiction = Contradiction(f"the frame that ends at {self._frame_end} ends within an opcode")
        self._frame_end = 0

    def _spend(self, program_bytes: int) -> None:
        self._program_bytes += program_bytes
        if self._program_bytes > self._budget.program_bytes:
            raise Malformed(f"over budget: more than {self._budget.program_bytes} bytes of opcodes")
        if len(self.stack) + self._parked_values + len(self._memo) > self._budget.held_values:
            raise Malformed(f"over budget: more than {self._budget.held_values} values on the stack and in the memo")

    # -- what several opcodes share --------------------------------------------------------------------------------

    def offset(self, at: int) -> int:
        """Where in the stream the opcode before `at` stands."""
        return self.stream.base + at - 1

    def number(self, at: int, size: int) -> int:
        return int.from_bytes(self.stream.window[at : at + size], "little")

    def mark(self) -> None:
        self._parked.append(self.stack)
        self._parked_values += len(self.stack)
        if len(self._parked) > self._budget.marks:
            raise Malformed(f"over budget: more than {self._budget.marks} marks")
        self.stack = []

    def pop_mark(self) -> list[Value]:
        """What stands above the last mark."""
        items = self.stack
        self.stack = self._parked.pop()
        self._parked_values -= len(self.stack)
        return items

    def payload(self, at: int, size: int, *, text: bool = False) -> int:
        """Push bytes or text of that length: whole when small, as a `Blob` when large."""
        offset = self.stream.base + at
        if size <= _LARGE_BYTES:
            data, at = self.stream.take(at, size)
            if text:
                value = _utf8(data, offset)
                if size >= LEAST_CHARACTERS and begins_as_pickle(value):
                    self._observer.payload(value, offset)
                self.stack.append(value)
                return at
            if size > 4 and data[0] in _PICKLE_STARTS:
                self._observer.payload(data, offset)
            self.stack.append(data)
            return at
        span = self.stream.part(offset, size)
        if span is not None:
            after = self.stream.skip(at, size)
            blob = Blob(offset, size, span.head(_HEAD_BYTES), None, text)
        elif size <= self._budget.kept_bytes - self._kept_bytes:
            whole, after = self.stream.take(at, size)
            self._kept_bytes += size
            blob = Blob(offset, size, whole[:_HEAD_BYTES], whole, text)
        else:
            head, at = self.stream.take(at, _HEAD_BYTES)
            after = self.stream.skip(at, size - _HEAD_BYTES)
            blob = Blob(offset, size, head, None, text)
        if begins_as_pickle(blob.head.decode("utf-8", "replace")) if text else blob.head[0] in _PICKLE_STARTS:
            self._observer.payload(blob, offset)
        self.stack.append(blob)
        return after

    def memo_put(self, index: int) -> None:
        self._memo[index] = self.stack[-1]

    def memo_get(self, index: int, at: int) -> None:
        try:
            self.stack.append(self._memo[index])
        except KeyError:
            raise Malformed(f"memo {index} is read at {self.offset(at)} and was never written") from None

    def memoise(self) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def import_global(self, module: Value, name: Value, offset: int) -> None:
        """Push what a module and a name reach."""
        hidden = type(module) is Computed or type(name) is Computed
        if not isinstance(module, str) or not isinstance(name, str):
            if not any(isinstance(part, (Built, Unknown, Blob, str)) for part in (module, name)):
                raise Malformed(f"the global at {offset} is not named by text")
            module = module if isinstance(module, str) else "?"
            name = name if isinstance(name, str) else "?"
            hidden = True
        reached = reach(str(module), str(name), offset, hidden)
        self._observer.named(reached)
        self.stack.append(reached)

    def call(self, function: Value, arguments: Value, shape: str, offset: int) -> None:
        """Push what a call would give."""
        self.stack.append(effects.call(self._observer, function, effects.spread(arguments, offset), shape, offset))

    def extend(self, target: Value, values: list[Value], method: str, offset: int) -> None:
        """append, extend, add, update or item assignment, on whatever stands there."""
        kind = type(target)
        if kind is Items:
            target.add(values)
        elif kind is Built:
            if self._keeps_all:
                if target.items is None:
                    target.items = Items("dict" if method == "__setitem__" else "list", self.room)
                target.items.add(values)
            override = (target.attributes or {}).get(method)
            if override is not None:
                effects.call(self._observer, override, tuple(values), "CALL", offset)
        elif kind is Global or kind is Unknown:
            self._observer.wrote(target, tuple(values[:8]), offset)
        elif values and kind not in (bytes, Blob):  # which may be a bytearray
            raise Malformed(f"items are added at {offset} to something that takes none")

    def build(self, target: Value, state: Value, at: int) -> int:
        """Give an object its state, as `__setstate__` or by its attributes; the position after any inline array."""
        offset = self.offset(at)
        if type(target) is not Built:
            effects.rebind(self._observer, target, state, offset)
            return at
        effects.set_state(self._observer, target, state, offset)
        if not self._with_arrays:
            return at
        array = inline_array(target, state)
        if array is None:
            return at
        self.met_arrays = True
        if self.stream.base + at < self._frame_end:
            self.contradiction = Contradiction(f"a frame reaches over the array at {offset}")
            raise self.contradiction
        self._frame_end = 0
        if array.is_aligned:
            padding, at = self.stream.take(at, 1)
            at = self.stream.skip(at, padding[0])
        target.inline = self.stream.base + at
        if not array.is_pickle:
            return self.stream.skip(at, array.size_bytes)
        if len(self._parked) > self._budget.marks or self._budget.depth <= 0:
            raise Malformed("over budget: object arrays nest too deeply")
        inner = Machine(self.stream, self._observer, _one_less(self._budget))
        at = inner.run(at)
        self.stream.turned = True
        return at

    def frame(self, at: int) -> int:
        if self._frame_end > self.offset(at):
            self.contradiction = Contradiction(f"a frame begins at {self.offset(at)} within another one")
        self._frame_end = self.stream.base + at + 8 + self.number(at, 8)
        self.stream.turned = True
        return at + 8


def _one_less(budget: Budget) -> Budget:
    return Budget(budget.program_bytes, budget.held_values, budget.marks, budget.kept_bytes, budget.depth - 1)


def _utf8(data: bytes, offset: int) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise Malformed(f"the text at {offset} is not UTF-8") from error


def _escaped(line: bytes, offset: int) -> str:
    """The text of an `S` line: a Python 2 string literal."""
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise Malformed(f"the string at {offset} has no quotes")
    try:
        data, _ = codecs.escape_decode(line[1:-1])
    except ValueError as error:
        raise Malformed(f"the string at {offset} has a broken escape") from error
    return data.decode("latin-1")


# -- the opcodes, in the order of their protocols ---------------------------------------------------------------------


def _unknown_opcode(machine: Machine, at: int) -> int:
    offset = machine.offset(at)
    raise Malformed(f"{machine.stream.window[at - 1]:#04x} at {offset} is no opcode")


_TABLE.extend([_unknown_opcode] * 256)


def _opcode(code: bytes) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        _TABLE[code[0]] = handler
        return handler

    return register


def _constant(code: bytes, value: Value) -> None:
    def push(machine: Machine, at: int) -> int:
        machine.stack.append(value)
        return at

    _TABLE[code[0]] = push


def _fresh(code: bytes, kind: str) -> None:
    def push(machine: Machine, at: int) -> int:
        machine.stack.append(Items(kind, machine.room))
        return at

    _TABLE[code[0]] = push


_constant(b"N", None)
_constant(b"\x88", True)
_constant(b"\x89", False)
_constant(b")", ())
_constant(b"\x97", Unknown("a buffer from outside the stream"))
_fresh(b"]", "list")
_fresh(b"}", "dict")
_fresh(b"\x8f", "set")


@_opcode(b"(")
def _mark(machine: Machine, at: int) -> int:
    machine.mark()
    return at


@_opcode(b".")
def _stop(machine: Machine, at: int) -> int:
    machine.result = machine.stack.pop()
    raise _Stop(at)


@_opcode(b"0")
def _pop(machine: Machine, at: int) -> int:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_mark()
    return at


@_opcode(b"1")
def _pop_mark(machine: Machine, at: int) -> int:
    machine.pop_mark()
    return at


@_opcode(b"2")
def _dup(machine: Machine, at: int) -> int:
    machine.stack.append(machine.stack[-1])
    return at


@_opcode(b"F")
def _float(machine: Machine, at: int) -> int:
    line, at = machine.stream.line(at)
    machine.stack.append(numbers.real(line))
    return at


@_opcode(b"I")
def _int(machine: Machine, at: int) -> int:
    line, at = machine.stream.line(at)
    machine.stack.append(numbers.integer(line))
    return at


@_opcode(b"L")
def _long(machine: Machine, at: int) -> int:
    line, at = machine.stream.line(at)
    machine.stack.append(numbers.long_integer(line))
    return at


@_opcode(b"J")
def _binint(machine: Machine, at: int) -> int:
    machine.stack.append(int.from_bytes(machine.stream.window[at : at + 4], "little", signed=True))
    return at + 4


@_opcode(b"K")
def _binint1(machine: Machine, at: int) -> int:
    machine.stack.append(machine.number(at, 1))
    return at + 1


@_opcode(b"M")
def _binint2(machine: Machine, at: int) -> int:
    machine.stack.append(machine.number(at, 2))
    return at + 2


@_opcode(b"G")
def _binfloat(machine: Machine, at: int) -> int:
    data = machine.stream.window[at : at + 8]
    if len(data) < 8:
        raise Truncated(f"8 bytes are promised at {machine.stream.base + at}, the bytes end before")
    machine.stack.append(struct.unpack(">d", data)[0])
    return at + 8


@_opcode(b"\x8a")
def _long1(machine: Machine, at: int) -> int:
    return _push_long(machine, at + 1, machine.number(at, 1))


@_opcode(b"\x8b")
def _long4(machine: Machine, at: int) -> int:
    return _push_long(machine, at + 4, _length(machine, at, 4, signed=True))


def _push_long(machine: Machine, at: int, size: int) -> int:
    if size > _LARGE_BYTES:
        machine.stack.append(Unknown("a very long number"))
        return machine.stream.skip(at, size)
    data, at = machine.stream.take(at, size)
    machine.stack.append(int.from_bytes(data, "little", signed=True))
    return at


def _length(machine: Machine, at: int, size: int, *, signed: bool = False) -> int:
    length = int.from_bytes(machine.stream.window[at : at + size], "little", signed=signed)
    if not 0 <= length < 1 << 63:
        raise Malformed(f"a length of {length} bytes at {machine.stream.base + at}")
    return length


@_opcode(b"S")
def _string(machine: Machine, at: int) -> int:
    offset = machine.offset(at)
    line, at = machine.stream.line(at)
    machine.stack.append(_escaped(line, offset))
    return at


@_opcode(b"T")
def _binstring(machine: Machine, at: int) -> int:
    return _old_string(machine, at + 4, _length(machine, at, 4, signed=True))


@_opcode(b"U")
def _short_binstring(machine: Machine, at: int) -> int:
    return _old_string(machine, at + 1, machine.number(at, 1))


def _old_string(machine: Machine, at: int, size: int) -> int:
    """A Python 2 `str`: text to Python 3, bytes to whoever asks for them."""
    at = machine.payload(at, size)
    if type(machine.stack[-1]) is bytes:
        machine.stack[-1] = machine.stack[-1].decode("latin-1")
    return at


@_opcode(b"V")
def _unicode(machine: Machine, at: int) -> int:
    offset = machine.offset(at)
    line, at = machine.stream.line(at)
    try:
        machine.stack.append(line.decode("raw-unicode-escape"))
    except UnicodeDecodeError as error:
        raise Malformed(f"the text at {offset} has a broken escape") from error
    return at


@_opcode(b"X")
def _binunicode(machine: Machine, at: int) -> int:
    return machine.payload(at + 4, _length(machine, at, 4), text=True)


@_opcode(b"\x8c")
def _short_binunicode(machine: Machine, at: int) -> int:
    return machine.payload(at + 1, machine.number(at, 1), text=True)


@_opcode(b"\x8d")
def _binunicode8(machine: Machine, at: int) -> int:
    return machine.payload(at + 8, _length(machine, at, 8), text=True)


@_opcode(b"B")
def _binbytes(machine: Machine, at: int) -> int:
    return machine.payload(at + 4, _length(machine, at, 4))


@_opcode(b"C")
def _short_binbytes(machine: Machine, at: int) -> int:
    return machine.payload(at + 1, machine.number(at, 1))


@_opcode(b"\x8e")
@_opcode(b"\x96")
def _binbytes8(machine: Machine, at: int) -> int:
    return machine.payload(at + 8, _length(machine, at, 8))


@_opcode(b"\x98")
def _readonly_buffer(machine: Machine, at: int) -> int:
    machine.stack[-1] = machine.stack[-1]
    return at


@_opcode(b"t")
def _tuple(machine: Machine, at: int) -> int:
    items = machine.pop_mark()
    machine.stack.append(tuple(items))
    return at


@_opcode(b"\x85")
def _tuple1(machine: Machine, at: int) -> int:
    machine.stack[-1] = (machine.stack[-1],)
    return at


@_opcode(b"\x86")
def _tuple2(machine: Machine, at: int) -> int:
    second = machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second)
    return at


@_opcode(b"\x87")
def _tuple3(machine: Machine, at: int) -> int:
    third = machine.stack.pop()
    second = machine.stack.pop()
    machine.stack[-1] = (machine.stack[-1], second, third)
    return at


def _collected(code: bytes, kind: str) -> None:
    def push(machine: Machine, at: int) -> int:
        items = Items(kind, machine.room)
        items.add(machine.pop_mark())
        machine.stack.append(items)
        return at

    _TABLE[code[0]] = push


_collected(b"l", "list")
_collected(b"d", "dict")
_collected(b"\x91", "frozenset")


@_opcode(b"a")
def _append(machine: Machine, at: int) -> int:
    value = machine.stack.pop()
    machine.extend(machine.stack[-1], [value], "append", machine.offset(at))
    return at


@_opcode(b"e")
def _appends(machine: Machine, at: int) -> int:
    values = machine.pop_mark()
    machine.extend(machine.stack[-1], values, "extend", machine.offset(at))
    return at


@_opcode(b"s")
def _setitem(machine: Machine, at: int) -> int:
    value = machine.stack.pop()
    key = machine.stack.pop()
    machine.extend(machine.stack[-1], [key, value], "__setitem__", machine.offset(at))
    return at


@_opcode(b"u")
def _setitems(machine: Machine, at: int) -> int:
    values = machine.pop_mark()
    machine.extend(machine.stack[-1], values, "__setitem__", machine.offset(at))
    return at


@_opcode(b"\x90")
def _additems(machine: Machine, at: int) -> int:
    values = machine.pop_mark()
    machine.extend(machine.stack[-1], values, "update", machine.offset(at))
    return at


@_opcode(b"p")
def _put(machine: Machine, at: int) -> int:
    line, at = machine.stream.line(at)
    index = numbers.memo_index(line)
    if index < 0:
        raise Malformed(f"memo {index} is written before {machine.stream.base + at}")
    machine.memo_put(index)
    return at


@_opcode(b"q")
def _binput(machine: Machine, at: int) -> int:
    machine.memo_put(machine.number(at, 1))
    return at + 1


@_opcode(b"r")
def _long_binput(machine: Machine, at: int) -> int:
    machine.memo_put(machine.number(at, 4))
    return at + 4


@_opcode(b"\x94")
def _memoize(machine: Machine, at: int) -> int:
    machine.memoise()
    return at


@_opcode(b"g")
def _get(machine: Machine, at: int) -> int:
    line, after = machine.stream.line(at)
    machine.memo_get(numbers.memo_index(line), after)
    return after


@_opcode(b"h")
def _binget(machine: Machine, at: int) -> int:
    machine.memo_get(machine.number(at, 1), at)
    return at + 1


@_opcode(b"j")
def _long_binget(machine: Machine, at: int) -> int:
    machine.memo_get(machine.number(at, 4), at)
    return at + 4


@_opcode(b"c")
def _global(machine: Machine, at: int) -> int:
    offset = machine.offset(at)
    module, at = machine.stream.line(at)
    name, at = machine.stream.line(at)
    machine.import_global(_utf8(module, offset), _utf8(name, offset), offset)
    return at


@_opcode(b"\x93")
def _stack_global(machine: Machine, at: int) -> int:
    name = machine.stack.pop()
    module = machine.stack.pop()
    machine.import_global(module, name, machine.offset(at))
    return at


@_opcode(b"i")
def _inst(machine: Machine, at: int) -> int:
    offset = machine.offset(at)
    module, at = machine.stream.line(at)
    name, at = machine.stream.line(at)
    arguments = tuple(machine.pop_mark())
    machine.import_global(_utf8(module, offset), _utf8(name, offset), offset)
    machine.call(machine.stack.pop(), arguments, "INST", offset)
    return at


@_opcode(b"o")
def _obj(machine: Machine, at: int) -> int:
    items = machine.pop_mark()
    machine.call(items[0], tuple(items[1:]), "OBJ", machine.offset(at))
    return at


@_opcode(b"R")
def _reduce(machine: Machine, at: int) -> int:
    arguments = machine.stack.pop()
    machine.call(machine.stack.pop(), arguments, "REDUCE", machine.offset(at))
    return at


@_opcode(b"\x81")
def _newobj(machine: Machine, at: int) -> int:
    arguments = machine.stack.pop()
    machine.call(machine.stack.pop(), arguments, "NEWOBJ", machine.offset(at))
    return at


@_opcode(b"\x92")
def _newobj_ex(machine: Machine, at: int) -> int:
    keywords = machine.stack.pop()
    positional = machine.stack.pop()
    offset = machine.offset(at)
    arguments = (*effects.spread(positional, offset), keywords)
    machine.call(machine.stack.pop(), arguments, "NEWOBJ_EX", offset)
    return at


@_opcode(b"b")
def _build(machine: Machine, at: int) -> int:
    state = machine.stack.pop()
    return machine.build(machine.stack[-1], state, at)


def _extension(code: bytes, size: int) -> None:
    def push(machine: Machine, at: int) -> int:
        number = int.from_bytes(machine.stream.window[at : at + size], "little", signed=size == 4)
        if number <= 0:
            raise Malformed(f"extension code {number} at {machine.offset(at)}")
        machine.import_global("copyreg extension", str(number), machine.offset(at))
        return at + size

    _TABLE[code[0]] = push


_extension(b"\x82", 1)
_extension(b"\x83", 2)
_extension(b"\x84", 4)


@_opcode(b"P")
def _persid(machine: Machine, at: int) -> int:
    _, at = machine.stream.line(at)
    machine.stack.append(Built(Unknown("what the loader keeps under a persistent id")))
    return at


@_opcode(b"Q")
def _binpersid(machine: Machine, at: int) -> int:
    identity = machine.stack.pop()
    machine.stack.append(Built(Unknown("what the loader keeps under a persistent id"), (identity,)))
    return at


@_opcode(b"\x80")
def _proto(machine: Machine, at: int) -> int:
    protocol = machine.number(at, 1)
    if protocol > 5:
        raise Malformed(f"protocol {protocol} at {machine.offset(at)}: there is none above 5")
    return at + 1


@_opcode(b"\x95")
def _frame(machine: Machine, at: int) -> int:
    return machine.frame(at)
