"""An unpickler that imports nothing and calls nothing: it writes down what a real one would do.

Used to prove that two streams mean the same. Semantics: the Python library's documentation of `pickletools`, all opcodes
of protocols 0 to 5.
"""

from __future__ import annotations

import struct
from typing import Any

Deed = tuple[str, str]


class Unknown(Exception):
    """The stream stops making sense here; what was done before stands."""


def deeds(data: bytes) -> list[Deed]:
    """(what, repr) of every import, call and state set, in order, over all pickles of the stream."""
    done: list[Deed] = []
    at = 0
    while at < len(data):
        try:
            at = _run(data, at, done)
        except (Unknown, IndexError, ValueError, struct.error):
            break
    return done


def _run(data: bytes, at: int, done: list[Deed]) -> int:
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def line() -> str:
        nonlocal at
        end = data.index(b"\n", at)
        text, at = data[at:end].decode("latin-1"), end + 1
        return text

    def take(count: int) -> bytes:
        nonlocal at
        if count < 0 or at + count > len(data):
            raise Unknown
        at += count
        return data[at - count : at]

    def number(form: str) -> int:
        return int(struct.unpack(form, take(struct.calcsize(form)))[0])

    def slice_() -> list[Any]:
        mark = marks.pop()
        values = stack[mark:]
        del stack[mark:]
        return values

    def name(module: Any, kind: Any) -> str:
        done.append(("import", f"{_shown(module)}.{_shown(kind)}"))
        return f"<{_shown(module)}.{_shown(kind)}>"

    def call(function: Any, arguments: Any) -> str:
        done.append(("call", f"{_shown(function)}{_shown(arguments)}"))
        return f"<call {_shown(function)}{_shown(arguments)}>"

    while True:
        op = take(1)
        if op == b".":
            return at
        if op in b"\x80":
            if take(1)[0] > 5:
                raise Unknown
        elif op == b"\x95":
            take(8)
        elif op == b"(":
            marks.append(len(stack))
        elif op == b"0":
            if marks and marks[-1] == len(stack):
                marks.pop()
            else:
                stack.pop()
        elif op == b"1":
            slice_()
        elif op == b"2":
            stack.append(stack[-1])
        elif op in b"N\x88\x89)]}\x8f":
            stack.append(
                {b"N": None, b"\x88": True, b"\x89": False, b")": (), b"]": [], b"}": {}, b"\x8f": {"set"}}[op]
            )
        elif op == b"I":
            text = line()
            stack.append({"00": False, "01": True}.get(text) if text in ("00", "01") else int(text, 0))
        elif op == b"L":
            stack.append(int(line().rstrip("L"), 0))
        elif op == b"F":
            stack.append(float(line()))
        elif op == b"G":
            stack.append(struct.unpack(">d", take(8))[0])
        elif op in b"JKM":
            stack.append(number({b"J": "<i", b"K": "<B", b"M": "<H"}[op]))
        elif op in b"\x8a\x8b":
            stack.append(int.from_bytes(take(number("<B" if op == b"\x8a" else "<i")), "little", signed=True))
        elif op == b"S":
            text = line()
            stack.append(text[1:-1].encode("latin-1").decode("unicode_escape"))
        elif op == b"V":
            stack.append(line().encode("latin-1").decode("raw_unicode_escape"))
        elif op in b"UTX\x8c\x8dCB\x8e\x96":
            form = {b"U": "<B", b"T": "<i", b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q", b"C": "<B", b"B": "<I"}
            raw = take(number(form.get(op, "<Q")))
            stack.append(raw.decode("utf-8", "surrogatepass") if op in b"UTX\x8c\x8d" else raw)
        elif op in b"gjh":
            stack.append(memo[int(line()) if op == b"g" else number("<I" if op == b"j" else "<B")])
        elif op in b"pqr":
            memo[int(line()) if op == b"p" else number("<I" if op == b"r" else "<B")] = stack[-1]
        elif op == b"\x94":
            memo[len(memo)] = stack[-1]
        elif op == b"c":
            stack.append(name(line(), line()))
        elif op == b"\x93":
            kind, module = stack.pop(), stack.pop()
            stack.append(name(module, kind))
        elif op == b"i":
            named = name(line(), line())
            stack.append(call(named, tuple(slice_())))
        elif op == b"o":
            first, *rest = slice_()
            stack.append(call(first, tuple(rest)))
        elif op == b"R" or op == b"\x81":
            arguments = stack.pop()
            stack.append(call(stack.pop(), arguments))
        elif op == b"\x92":
            keywords, arguments = stack.pop(), stack.pop()
            stack.append(call(stack.pop(), (arguments, keywords)))
        elif op == b"b":
            state = stack.pop()
            done.append(("state", f"{_shown(stack[-1])} {_shown(state)}"))
        elif op in b"t\x91":
            stack.append(tuple(slice_()))
        elif op in b"ld":
            stack.append(["made", *slice_()])
        elif op in b"\x85\x86\x87":
            count = op[0] - 0x84
            stack[-count:] = [tuple(stack[-count:])]
        elif op in b"ae":
            values = slice_() if op == b"e" else [stack.pop()]
            stack[-1] = _more(stack[-1], values)
        elif op in b"su\x90":
            values = [stack.pop(-2), stack.pop()] if op == b"s" else slice_()
            stack[-1] = _more(stack[-1], values)
        elif op in b"PQ":
            stack.append(call("<persistent>", (line() if op == b"P" else stack.pop(),)))
        elif op in b"\x82\x83\x84":
            code = number({b"\x82": "<B", b"\x83": "<H", b"\x84": "<i"}[op])
            stack.append(name("extension", code))
        elif op == b"\x97":
            stack.append("<buffer>")
        elif op == b"\x98":
            pass
        else:
            raise Unknown


def _more(container: Any, values: list[Any]) -> str:
    return f"{_shown(container)}+{[_shown(value) for value in values]}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ",".join(_shown(each) for each in value) + ")"
    return value if isinstance(value, str) else repr(value)
