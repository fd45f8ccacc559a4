"""Canonical JSON (RFC 8785): one value, one sequence of bytes.

Rules: NaN and infinities are refused; integers beyond ±(2^53 - 1) are refused, because a JavaScript reader
would change them; keys are strings. Digests of our own documents are taken over these bytes.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Any

import rfc8785

from bascule.kernel.errors import InputError

type_json = "dict, list, str, int, float, bool or None"


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value.

    Raises InputError `kernel.not-canonical` for NaN, infinities, big integers and foreign types.
    Law: canonical_json(parse_json(canonical_json(v), "v")) == canonical_json(v).
    """
    try:
        try:
            return _write(value).encode()
        except _NotPlain:
            return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise InputError(
            "kernel.not-canonical",
            f"this value has no canonical JSON: {str(error) or type(error).__name__}",
            f"use {type_json}; write a missing number as null, not NaN",
        ) from error


class _NotPlain(Exception):
    """Something that needs the library's care: a foreign type, a subclass, a key or a number out of the ordinary."""


def _write(value: Any) -> str:
    """Plain values at several times the library's speed; the same bytes, which a property test holds it to."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is dict:
        # By code point; the library sorts by UTF-16 unit, which differs only beyond ASCII.
        try:
            if not "".join(value).isascii():
                raise _NotPlain
        except TypeError:
            raise _NotPlain from None
        return "{" + ",".join([f"{encode_basestring(key)}:{_write(value[key])}" for key in sorted(value)]) + "}"
    if kind is list or kind is tuple:
        items = [encode_basestring(item) if type(item) is str else _write(item) for item in value]
        return "[" + ",".join(items) + "]"
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int and -_BIGGEST_INT <= value <= _BIGGEST_INT:
        return str(value)
    if kind is float:
        if value.is_integer() and abs(value) <= _BIGGEST_INT:
            return str(int(value))
        if 1e-4 <= abs(value) < 1e15:  # here Python and JavaScript write the same shortest digits
            return repr(value)
        return rfc8785.dumps(value).decode()
    raise _NotPlain


_BIGGEST_INT = 2**53 - 1
_LONGEST_PLAIN = len("-100000000000000000000")
"""Characters of the longest float that canonical JSON writes without an exponent."""


def parse_json(data: bytes | str, what: str) -> Any:
    """Strict JSON: duplicate keys, NaN and trailing text are errors. Digits that a float beyond 2^53 is written with in
    canonical JSON, such as those of 1e20, are read as that float.

    Raises InputError `kernel.not-json` naming `what` and the place.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"key `{twice}` appears twice")
        return seen

    def refuse(token: str) -> Any:
        raise ValueError(f"`{token}` is not JSON")

    try:
        return json.loads(data, object_pairs_hook=unique, parse_constant=refuse, parse_int=_whole_number)
    except (ValueError, RecursionError) as error:
        raise InputError("kernel.not-json", f"{what} is not JSON: {error}", "check the file at that place") from error


def _whole_number(digits: str) -> int | float:
    number = int(digits)
    if len(digits) < 16 or -_BIGGEST_INT <= number <= _BIGGEST_INT or len(digits) > _LONGEST_PLAIN:
        return number
    return float(number) if rfc8785.dumps(float(number)).decode() == digits else number
