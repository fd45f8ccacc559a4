"""Built cases: a writer of R's serialisation just large enough for them."""

from __future__ import annotations

import gzip
import struct

from bascule.plugins.meta import Example
from bascule.records import Outcome

RUNS, CODE = "rds-runs-code", "rds-holds-code"

NULL, UNBOUND, GLOBAL = b"\0\0\0\xfe", b"\0\0\0\xfc", b"\0\0\0\xfd"


def rds(item: bytes) -> bytes:
    """A file of version 3 in XDR."""
    return b"X\n" + struct.pack(">iiii", 3, 0x00040401, 0x00030500, 5) + b"UTF-8" + item


def chars(text: str) -> bytes:
    """A CHARSXP."""
    return struct.pack(">ii", 0x00040009, len(text)) + text.encode()


def symbol(name: str) -> bytes:
    """A SYMSXP."""
    return struct.pack(">i", 1) + chars(name)


def strings(*texts: str) -> bytes:
    """A STRSXP."""
    return struct.pack(">ii", 16, len(texts)) + b"".join(chars(text) for text in texts)


def call(name: str, *arguments: bytes) -> bytes:
    """A LANGSXP."""
    rest = b"".join(struct.pack(">i", 2) + argument for argument in arguments)
    return struct.pack(">i", 6) + symbol(name) + rest + NULL


def promise(value: bytes, expression: bytes) -> bytes:
    """A PROMSXP with its environment."""
    return struct.pack(">i", 0x405) + GLOBAL + value + expression


def function(body: bytes) -> bytes:
    """A CLOSXP without arguments."""
    return struct.pack(">i", 0x403) + GLOBAL + NULL + body


def vector(*numbers: float) -> bytes:
    """A REALSXP."""
    return struct.pack(f">ii{len(numbers)}d", 14, len(numbers), *numbers)


def _list(*items: bytes) -> bytes:
    return struct.pack(">ii", 19, len(items)) + b"".join(items)


def _byte_code(constant: bytes) -> bytes:
    """A BCODESXP with two instructions and one constant."""
    instructions = struct.pack(">iiii", 13, 2, 12, 1)
    return struct.pack(">ii", 21, 1) + instructions + struct.pack(">ii", 1, 0) + constant


_SHELL = call("system", strings("id"))
_CLEAN = {RUNS: Outcome.FALSE, CODE: Outcome.FALSE}
_TRUE = Outcome.TRUE

EXAMPLES = (
    Example("numbers and names", lambda: {"m.rds": rds(_list(vector(1, 2), strings("a", "b")))}, _CLEAN),
    Example("numbers, packed", lambda: {"m.rds": gzip.compress(rds(vector(1, 2)), mtime=0)}, _CLEAN),
    Example("a formula", lambda: {"m.rds": rds(call("~", symbol("y"), symbol("x")))}, _CLEAN),
    Example(
        "a promise that waits (CVE-2024-27322)",
        lambda: {"m.rds": gzip.compress(rds(promise(UNBOUND, _SHELL)), mtime=0)},
        {RUNS: _TRUE},
    ),
    Example(
        "a promise in an image", lambda: {"m.rda": b"RDX3\n" + rds(_list(promise(UNBOUND, _SHELL)))}, {RUNS: _TRUE}
    ),
    Example("a promise that was kept", lambda: {"m.rds": rds(promise(vector(1), symbol("x")))}, _CLEAN),
    Example("a function", lambda: {"m.rds": rds(function(_SHELL))}, {RUNS: Outcome.FALSE, CODE: _TRUE}),
    Example("a compiled function", lambda: {"m.rds": rds(function(_byte_code(_SHELL)))}, {CODE: _TRUE}),
    Example("a call of a shell", lambda: {"m.rds": rds(_list(_SHELL))}, {RUNS: Outcome.FALSE, CODE: _TRUE}),
    Example("bytes behind the object", lambda: {"m.rds": rds(vector(1)) + b"x"}, {CODE: _TRUE}),
    Example("a file cut short", lambda: {"m.rds": rds(vector(1, 2))[:-3]}, {RUNS: Outcome.ERROR}),
    Example("words", lambda: {"words.rds": b"the\n"}, {RUNS: Outcome.NOT_APPLICABLE}),
)
