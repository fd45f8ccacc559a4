"""The same pickle, written otherwise. Each rewrite is proved by `stub.deeds`: the same imports, calls and states in order.

A rewrite works on a stream cut into opcodes; one that does not apply to a stream gives it back as it was.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

Op = tuple[bytes, bytes]
"""opcode, argument bytes"""

_FIXED = {
    0x80: 1,
    0x95: 8,
    0x47: 8,
    0x4A: 4,
    0x4B: 1,
    0x4D: 2,
    0x68: 1,
    0x6A: 4,
    0x71: 1,
    0x72: 4,
    0x82: 1,
    0x83: 2,
    0x84: 4,
}
_LINES = {0x49: 1, 0x4C: 1, 0x46: 1, 0x53: 1, 0x56: 1, 0x67: 1, 0x70: 1, 0x63: 2, 0x69: 2, 0x50: 1}
_COUNTED = {
    0x55: "<B",
    0x54: "<i",
    0x58: "<I",
    0x8C: "<B",
    0x8D: "<Q",
    0x43: "<B",
    0x42: "<I",
    0x8E: "<Q",
    0x96: "<Q",
    0x8A: "<B",
    0x8B: "<i",
}
_BARE = set(b".(012N)]}tldaesubRo\x81\x92\x93\x94\x85\x86\x87\x88\x89\x8f\x90\x91\x97\x98Q")


class Cannot(Exception):
    """The stream cannot be cut into opcodes."""


def cut(data: bytes) -> list[Op]:
    """Raises Cannot."""
    ops: list[Op] = []
    at = 0
    while at < len(data):
        code, start = data[at], at
        at += 1
        if code in _FIXED:
            at += _FIXED[code]
        elif code in _LINES:
            for _ in range(_LINES[code]):
                end = data.find(b"\n", at)
                if end < 0:
                    raise Cannot
                at = end + 1
        elif code in _COUNTED:
            size = struct.calcsize(_COUNTED[code])
            if at + size > len(data):
                raise Cannot
            at += size + max(0, struct.unpack(_COUNTED[code], data[at : at + size])[0])
        elif code not in _BARE:
            raise Cannot
        if at > len(data):
            raise Cannot
        ops.append((data[start : start + 1], data[start + 1 : at]))
    return ops


def joined(ops: list[Op]) -> bytes:
    return b"".join(op + argument for op, argument in ops)


def plain(ops: list[Op]) -> list[Op]:
    """Without frames, which say nothing."""
    return [row for row in ops if row[0] != b"\x95"]


def without_protocol(ops: list[Op]) -> list[Op]:
    return [row for row in plain(ops) if row[0] != b"\x80"]


def other_protocol(ops: list[Op]) -> list[Op]:
    return [(op, bytes([(argument[0] + 2) % 6]) if op == b"\x80" else argument) for op, argument in plain(ops)]


def framed(ops: list[Op]) -> list[Op]:
    """A frame round every opcode."""
    out: list[Op] = []
    for row in plain(ops):
        if row[0] not in b".\x80":
            out.append((b"\x95", struct.pack("<Q", len(joined([row])))))
        out.append(row)
    return out


def wrong_frames(ops: list[Op]) -> list[Op]:
    """Frame lengths that the Python unpickler does not mind."""
    return (
        [(b"\x95", struct.pack("<Q", 0)), *plain(ops)]
        if not ops or ops[0][0] != b"\x80"
        else [ops[0], (b"\x95", struct.pack("<Q", 1 << 20)), *plain(ops[1:])]
    )


def noise(ops: list[Op]) -> list[Op]:
    """No-ops between any two opcodes: values pushed and popped, empty marks, duplicates."""
    source = random.Random(5)
    kinds: list[list[Op]] = [
        [(b"N", b""), (b"0", b"")],
        [(b"(", b""), (b"0", b"")],
        [(b"(", b""), (b"N", b""), (b"N", b""), (b"1", b"")],
        [(b"K", b"\x07"), (b"0", b"")],
        [(b"X", struct.pack("<I", 9) + b"os.system"), (b"0", b"")],
        [(b"I", b"0x10\n"), (b"0", b"")],
        [(b"L", b"0x10L\n"), (b"0", b"")],
        [(b"]", b""), (b"2", b""), (b"0", b""), (b"0", b"")],
        [(b"c", b"collections\nOrderedDict\n"), (b"0", b"")],
    ]
    out: list[Op] = []
    for row in plain(ops):
        if row[0] != b"\x80":
            out += source.choice(kinds[:-1])
        out.append(row)
    return out


def memo_text(ops: list[Op]) -> list[Op]:
    """Memo by text opcodes, with other numbers."""
    return _memo(ops, lambda number: number * 7 + 1000, b"p", b"g", lambda number: b"%d\n" % number)


def memo_long(ops: list[Op]) -> list[Op]:
    """Memo by four bytes, far apart."""
    return _memo(ops, lambda number: number + 70_000, b"r", b"j", lambda number: struct.pack("<I", number))


def _memo(
    ops: list[Op], renumbered: Callable[[int], int], put: bytes, get: bytes, written: Callable[[int], bytes]
) -> list[Op]:
    out: list[Op] = []
    held: set[int] = set()
    for op, argument in plain(ops):
        if op in b"pg":
            number = int(argument)
        elif op in b"qh":
            number = argument[0]
        elif op in b"rj":
            number = struct.unpack("<I", argument)[0]
        elif op == b"\x94":
            number = len(held)
        else:
            out.append((op, argument))
            continue
        if op in b"pqr\x94":
            held.add(number)
        out.append((put if op in b"pqr\x94" else get, written(renumbered(number))))
    return out


def texts_long(ops: list[Op]) -> list[Op]:
    """Texts with eight bytes of length."""
    return _texts(ops, lambda raw: (b"\x8d", struct.pack("<Q", len(raw)) + raw))


def texts_line(ops: list[Op]) -> list[Op]:
    """Texts as lines, every letter escaped."""
    return _texts(ops, lambda raw: (b"V", b"".join(b"\\u%04x" % ord(c) for c in raw.decode("utf-8")) + b"\n"))


def _texts(ops: list[Op], write: Callable[[bytes], Op]) -> list[Op]:
    out: list[Op] = []
    for op, argument in plain(ops):
        if op in b"X\x8c" and len(argument) < 2000:
            raw = argument[struct.calcsize(_COUNTED[op[0]]) :]
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                out.append((op, argument))
                continue
            out.append(write(raw))
        else:
            out.append((op, argument))
    return out


def globals_stacked(ops: list[Op]) -> list[Op]:
    """GLOBAL as two texts and STACK_GLOBAL."""
    out: list[Op] = []
    for op, argument in plain(ops):
        if op == b"c":
            module, name = argument[:-1].split(b"\n")
            out += [(b"X", struct.pack("<I", len(part)) + part) for part in (module, name)]
            out.append((b"\x93", b""))
        else:
            out.append((op, argument))
    return out


def tuples_marked(ops: list[Op]) -> list[Op]:
    """TUPLE1 of a text as MARK, text, TUPLE."""
    out: list[Op] = []
    for row in plain(ops):
        if row[0] == b"\x85" and out and out[-1][0] in b"X\x8cSU":
            text = out.pop()
            out += [(b"(", b""), text, (b"t", b"")]
        else:
            out.append(row)
    return out


def numbers_long(ops: list[Op]) -> list[Op]:
    """Small integers as LONG1."""
    out: list[Op] = []
    for op, argument in plain(ops):
        if op == b"K":
            out.append((b"\x8a", b"\x02" + argument + b"\0"))
        elif op == b"J":
            out.append((b"\x8a", b"\x04" + argument))
        else:
            out.append((op, argument))
    return out


def twice_held(ops: list[Op]) -> list[Op]:
    """Everything that a call makes is put into the memo, dropped and taken again."""
    out: list[Op] = []
    for row in plain(ops):
        out.append(row)
        if row[0] in b"R\x93c":
            out += [(b"r", b"\xfe\xff\0\0"), (b"0", b""), (b"j", b"\xfe\xff\0\0")]
    return out


def behind_another(ops: list[Op]) -> list[Op]:
    """A harmless pickle first."""
    return [(b"\x80", b"\x04"), (b"}", b""), (b".", b""), *plain(ops)]


REWRITES: dict[str, Callable[[list[Op]], list[Op]]] = {
    "without protocol": without_protocol,
    "another protocol": other_protocol,
    "a frame an opcode": framed,
    "frames that lie": wrong_frames,
    "noise": noise,
    "memo by text": memo_text,
    "memo by long": memo_long,
    "long texts": texts_long,
    "escaped texts": texts_line,
    "stacked globals": globals_stacked,
    "marked tuples": tuples_marked,
    "long numbers": numbers_long,
    "held twice": twice_held,
    "behind another": behind_another,
}


def rewritten(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each rewrite that changes the stream; none for a stream that cannot be cut."""
    try:
        ops = cut(data)
    except Cannot:
        return
    for name, rewrite in REWRITES.items():
        other = joined(rewrite(ops))
        if other != data:
            yield name, other
    yield "noise, escaped, framed", joined(framed(texts_line(noise(ops))))
