"""Numbers as text, with the union of what the C and the Python unpickler accept.

The C one cuts a line at its first NUL, tries `strtol` with base 0 (so `010` is octal) and then Python's own grammar
with base 0 (so `0x10`, `0b101`, `1_000` and surrounding blanks pass); the Python one uses `int(text, 0)` and
`float(text)`. Scanners that read decimal digits alone are passed by `I0x10`.

Source: CPython Modules/_pickle.c (load_int, load_long, load_float, load_get, load_put) and Lib/pickle.py, 3.11-3.14.
"""

from __future__ import annotations

import re

from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.values import UNKNOWN, Value

_OCTAL = re.compile(rb"[ \t-\r]*[+-]?0[0-7]+")
# CPython refuses longer decimal text; longer hexadecimal text is legal, and worth nothing to us.
_MAX_DIGITS = 4300


def integer(line: bytes) -> Value:
    """The value of an `I` line: `00` and `01` are booleans. Raises Malformed."""
    if line in (b"00", b"01"):
        return line == b"01"
    if line.startswith(b"\0"):
        # What `strtol` makes of nothing; the C unpickler takes it.
        return 0
    return _integer(line)


def long_integer(line: bytes) -> Value:
    """The value of an `L` line, whose last letter may be `L`. Raises Malformed."""
    return _integer(line.removesuffix(b"L"))


def memo_index(line: bytes) -> int:
    """The index of a `g` or `p` line: base 10. Raises Malformed."""
    text = line.partition(b"\0")[0]
    try:
        return int(text[:_MAX_DIGITS])
    except ValueError as error:
        raise Malformed(f"`{line[:20]!r}` is no memo index") from error


def real(line: bytes) -> Value:
    """The value of an `F` line. Raises Malformed."""
    try:
        return float(line.partition(b"\0")[0])
    except ValueError as error:
        raise Malformed(f"`{line[:20]!r}` is no number") from error


def _integer(line: bytes) -> Value:
    text = line.partition(b"\0")[0]
    if len(text) > _MAX_DIGITS:
        return UNKNOWN
    try:
        return int(text, 0)
    except ValueError:
        if _OCTAL.fullmatch(text):
            return int(text, 8)
        raise Malformed(f"`{line[:20]!r}` is no number") from None
