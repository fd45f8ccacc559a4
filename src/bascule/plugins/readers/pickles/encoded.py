"""Pickles written as text: base64, hexadecimal digits, or a character for each byte.

No loader unpacks them by itself; whoever reads the outer pickle may be told to. So the beginning is what a protocol
mark looks like in each of the three, and the rest must decode.
"""

from __future__ import annotations

import base64
import binascii
import re

LEAST_CHARACTERS = 16
MAX_CHARACTERS = 4 << 20
_STARTS = ("gA", "80", "\x80")
_START = re.compile(r"gA[I-X]|800[2-5]|\x80[\x02-\x05]")


def begins_as_pickle(text: str) -> bool:
    """May this text be a pickle of protocol 2 or above? Cheap, for it is asked of every text."""
    return text.startswith(_STARTS) and len(text) >= LEAST_CHARACTERS and _START.match(text) is not None


def decoded(text: str) -> tuple[str, bytes] | None:
    """(how it is written, the bytes); None where it is no such text, or longer than is looked at."""
    if len(text) > MAX_CHARACTERS or not begins_as_pickle(text):
        return None
    try:
        if text[0] == "\x80":
            return "characters", text.encode("latin-1")
        if text[0] == "8":
            return "hexadecimal digits", bytes.fromhex(text)
        whole = re.sub(r"\s", "", text).rstrip("=")
        return "base64", base64.b64decode(whole + "=" * (-len(whole) % 4), altchars=_altchars(whole), validate=True)
    except (ValueError, binascii.Error):
        return None


def _altchars(text: str) -> bytes | None:
    return b"-_" if "-" in text or "_" in text else None
