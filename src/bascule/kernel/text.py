"""Text from outside, made safe to show; and the nearest known word to a mistyped one."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


def visible(text: str, limit: int = 200) -> str:
    """One line in which every control, format or lone-surrogate character is written as an escape.

    A file name or a pickled string may carry terminal escapes, line breaks or bidirectional overrides; what
    a report shows must be what is there. Longer text ends in `…`.
    """
    shown = text[:limit]
    safe = "".join(char if char.isprintable() else _escape(char) for char in shown)
    return safe + ("…" if len(text) > limit else "")


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# Letters of other scripts, small ones, that nobody tells from these Latin ones; and those whose capitals look so.
_LOOKS_LIKE = str.maketrans(
    "авеікмнорстухѕјԁԛԝһӏ" + "αβεζηικμνορτυχ" + "ɑɡıℓ",
    "abeikmhopctyxsjdqwhl" + "abezhikmnoptyx" + "agil",
)


def looks(name: str) -> str:
    """What a reader sees of a name: equal for two that differ only in case, accents, spacing, punctuation, characters
    that are not shown, or letters of other scripts that look the same.

    Law: looks(looks(n)) == looks(n). A name without a letter or digit is itself.
    """
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold()).translate(_LOOKS_LIKE)
    return "".join(char for char in folded if char.isalnum()) or name


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint's tail: `did you mean …?`, or the empty string."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else ""


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number and its noun: `1 file`, `2 files`, `0 entries`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
