"""Could an unpickler start here? Told by stepping over opcodes, without building or importing anything.

The two bytes that open protocol 2 and later are optional: an unpickler takes any stream whose opcodes make sense, and a
pickle may hide its first call behind another format's magic, or behind a string longer than what we look at. So the
opcodes are walked with their stack, as far as the sample goes.

Rules:
- A walk that reaches a call, or a global that the rest makes sense of, is `CALLS`, whatever else the bytes look like.
- A global whose names a sentence could hold counts only once it is called: text begins with `c` or `(i` too.
- One that ends in STOP, or leaves the sample with nothing wrong so far, is `PLAUSIBLE`; when it left within its first
  opcodes only `FAINT`, because raw numbers do that too. Some other format may explain these better.
- One that meets a byte that is no opcode, or an empty stack, is `NO`. A persistent id ends the walk too: a plain
  unpickler refuses it.
Source: the opcode tables of CPython's pickle protocols 0 to 5.
"""

from __future__ import annotations

import re
from enum import IntEnum

_MAX_OPCODES = 4096
_FAINT_OPCODES = 4
# Four letters read as a length are more than this: a long text is not a pickle that begins with a huge string.
_MAX_STRING_BYTES = 1 << 29


class Shape(IntEnum):
    """How far the bytes go as a pickle."""

    NO = 0
    FAINT = 1
    PLAUSIBLE = 2
    CALLS = 3


# opcode → (argument, values it needs on the stack, values it leaves in their place).
# Argument: a number of bytes; "L4" a length in 4 bytes and so many bytes; "digits", "text" or "quoted" a line.
_Step = tuple[int | str, int, int]
_STEPS: dict[int, _Step] = {
    **{ord(code): ("digits", 0, 1) for code in "ILFg"},
    **dict.fromkeys(b"N]})\x88\x89\x8f", (0, 0, 1)),
    ord("S"): ("quoted", 0, 1),
    ord("V"): ("text", 0, 1),
    ord("p"): ("digits", 1, 1),
    **{ord(code): (1, 0, 1) for code in "Kh"},
    ord("M"): (2, 0, 1),
    **{ord(code): (4, 0, 1) for code in "Jj"},
    ord("G"): (8, 0, 1),
    ord("q"): (1, 1, 1),
    ord("r"): (4, 1, 1),
    **dict.fromkeys(b"UC\x8c\x8a", ("L1", 0, 1)),
    **dict.fromkeys(b"TBX\x8b", ("L4", 0, 1)),
    **dict.fromkeys(b"\x8d\x8e\x96", ("L8", 0, 1)),
    0x95: (8, 0, 0),
    0x80: (1, 0, 0),
    # Extension codes: nobody registers any, but msgpack maps begin with the same bytes.
    0x82: (1, 0, 1),
    0x83: (2, 0, 1),
    0x84: (4, 0, 1),
    0x97: (0, 0, 1),
    0x94: (0, 1, 1),
    0x85: (0, 1, 1),
    0x86: (0, 2, 1),
    0x87: (0, 3, 1),
    0x98: (0, 1, 1),
    ord("0"): (0, 1, 0),
    ord("2"): (0, 1, 2),
    ord("a"): (0, 2, 1),
    ord("s"): (0, 3, 1),
}
# These take everything down to the last mark: → (what must lie beneath it, what is left in place of mark and all).
_TO_MARK = {
    ord("1"): (0, 0),
    ord("t"): (0, 1),
    ord("l"): (0, 1),
    ord("d"): (0, 1),
    0x91: (0, 1),
    ord("e"): (1, 1),
    ord("u"): (1, 1),
    0x90: (1, 1),
}
_CALLS = {ord("R"): 2, ord("b"): 2, 0x81: 2, 0x92: 3}
_MARK, _STOP, _GLOBAL, _INST, _OBJ, _STACK_GLOBAL = ord("("), ord("."), ord("c"), ord("i"), ord("o"), 0x93
_NAME_LINE = re.compile(rb"[^\s\x00-\x20\x7f]+")
_DIGIT_LINE = re.compile(rb"[-+0-9.eEaAfFiInNxXlL]*")


def pickle_shape(head: bytes, size_bytes: int | None = None) -> Shape:
    """How far the first bytes of a file of that size go as a pickle, or as several in a row.

    Law: appending bytes to a stream whose shape is `CALLS` leaves it so.
    """
    return _Walk(head, len(head) if size_bytes is None else size_bytes).run()


class _Beyond(Exception):
    """An argument reaches past the sample, and lies within the file."""


class _Wrong(Exception):
    """No unpickler gets past here."""


class _Walk:
    def __init__(self, head: bytes, size_bytes: int) -> None:
        self._head = head
        self._size = size_bytes
        self._at = 0
        self._depth = 0
        self._marks: list[int] = []
        self._globals = 0
        self._stops = 0

    def run(self) -> Shape:
        for steps in range(_MAX_OPCODES):
            try:
                if self._at >= len(self._head):
                    cut = self._size > len(self._head)
                    return self._so_far(steps) if cut else (Shape.PLAUSIBLE if self._stops else Shape.NO)
                if self._step():
                    return Shape.CALLS
            except _Beyond:
                return self._so_far(steps)
            except _Wrong:
                # Raw bytes may follow a finished pickle; prose after a chance `N.` is prose.
                return Shape.PLAUSIBLE if self._stops and not _is_prose(self._head) else Shape.NO
        return self._so_far(_MAX_OPCODES)

    def _so_far(self, steps: int) -> Shape:
        if self._globals:
            return Shape.CALLS
        return Shape.PLAUSIBLE if self._stops or steps >= _FAINT_OPCODES else Shape.FAINT

    def _step(self) -> bool:
        """One opcode; true when it calls something, or ends a pickle that named something."""
        code = self._head[self._at]
        self._at += 1
        if code in _STEPS:
            argument, needs, leaves = _STEPS[code]
            self._skip(argument)
            # POP also takes a mark away, when that is what lies on top.
            if code == ord("0") and self._marks and self._marks[-1] == self._depth:
                self._marks.pop()
            else:
                self._need(needs)
                self._depth += leaves - needs
        elif code in _TO_MARK:
            beneath, left = _TO_MARK[code]
            self._mark(beneath)
            self._depth += left - beneath
        elif code == _MARK:
            self._marks.append(self._depth)
        elif code == _GLOBAL:
            self._globals += self._names()
            self._depth += 1
        elif code == _STACK_GLOBAL:
            self._need(2)
            self._depth -= 1
            self._globals += 1
        elif code == _INST:
            named = self._names()
            self._mark(0)
            self._depth += 1
            return named
        elif code == _OBJ:
            self._mark(0)
            return True
        elif code in _CALLS:
            self._need(_CALLS[code])
            return True
        elif code == _STOP:
            self._need(1)
            self._stops += 1
            self._depth, self._marks = 0, []
            return self._globals > 0
        else:
            raise _Wrong
        return False

    def _need(self, values: int) -> None:
        if self._depth - (self._marks[-1] if self._marks else 0) < values:
            raise _Wrong

    def _mark(self, beneath: int) -> None:
        if not self._marks or self._marks[-1] < beneath:
            raise _Wrong
        self._depth = self._marks.pop()

    def _skip(self, argument: int | str) -> None:
        if isinstance(argument, int):
            self._forward(argument)
        elif argument.startswith("L"):
            width = int(argument[1:])
            length = self._head[self._at : self._at + width]
            if len(length) < width:
                raise _Beyond if self._at + width <= self._size else _Wrong
            if int.from_bytes(length, "little") > _MAX_STRING_BYTES:
                raise _Wrong
            self._forward(width + int.from_bytes(length, "little"))
        else:
            line = self._line()
            if argument == "digits" and not _DIGIT_LINE.fullmatch(line):
                raise _Wrong
            if argument == "quoted" and (len(line) < 2 or line[:1] not in b"'\"" or line[-1:] != line[:1]):
                raise _Wrong

    def _names(self) -> bool:
        """A module's name and one in it; false where these read like words of a sentence, as a file may be called."""
        lines = [self._line(_NAME_LINE) for _ in range(2)]
        if all(_NAME_LINE.fullmatch(line) for line in lines):
            return True
        if not all(line and b"\0" not in line and _is_utf8(line) for line in lines):
            raise _Wrong
        return False

    def _line(self, shape: re.Pattern[bytes] | None = None) -> bytes:
        end = self._head.find(b"\n", self._at)
        if end < 0:
            rest = self._head[self._at :]
            if self._size <= len(self._head) or (shape and rest and not shape.fullmatch(rest)):
                raise _Wrong
            raise _Beyond
        line = self._head[self._at : end]
        self._at = end + 1
        return line.rstrip(b"\r")

    def _forward(self, size: int) -> None:
        if self._at + size > self._size:
            raise _Wrong
        if self._at + size > len(self._head):
            raise _Beyond
        self._at += size


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_prose(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 4  # a character cut by the end of the sample
    return True
