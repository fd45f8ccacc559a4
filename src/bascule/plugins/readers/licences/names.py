"""One name for each licence, whatever it is called: SPDX where there is an id, else the vendor's name and version.

Rules: a name that is not known stays as it is written, since a guess would be an identity; SPDX expressions are read
with `license_expression` and keep their operators; the versionless names (`bsd`, `gpl`, `cc`) are ids of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.readers.licences.data import load
from bascule.plugins.readers.licences.table import known_ids, table

MAX_NAME = 200
MAX_CHOICES = 64


@dataclass(frozen=True, slots=True)
class OtherNames:
    """One licence under the names that others use.

    hub: tags of the model hub. spdx: an SPDX id, else a `LicenseRef-`; None for a name that nobody knows. scancode:
    keys of scancode's list. texts: sha256 of the normal forms that are known for it, whole, without its title, ….
    """

    hub: tuple[str, ...] = ()
    spdx: str | None = None
    scancode: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def licence_id(name: str) -> str:
    """Our id for a licence as somebody named it, or the name itself, made safe to show.

    `apache-2.0` and `Apache License, Version 2.0` are Apache-2.0; `llama3.1` is Llama-3.1; `mit or gpl-3.0+` is
    MIT OR GPL-3.0-or-later. Law: licence_id(licence_id(n)) == licence_id(n).
    """
    name = " ".join(name.split())
    if not name:
        return "unknown"
    if len(name) > MAX_NAME or "\\" in name:  # an escape that was made safe to show is no name of its letters
        return visible(name, MAX_NAME)
    if (found := _aliases().get(_folded(name))) and not _says_more(name):
        return found
    return _expression(name) or visible(name, MAX_NAME)


def is_known(licence: str) -> bool:
    """Is this id one of ours, or an SPDX expression of such?"""
    known = _aliases().get(_folded(licence)) is not None and not _says_more(licence)
    return known or _expression(licence) is not None


def linked_licence(url: str) -> str | None:
    """The licence that a `license_link` points at, where the address tells."""
    bare = re.sub(r"^https?://", "", url.strip().casefold()).rstrip("/")
    bare = re.sub(r"\.(txt|html|php|md|en)$|/(legalcode|deed)(\.[a-z]{2})?$", "", bare).rstrip("/")
    return _links().get(bare)


def symbols(expression: str) -> tuple[str, ...]:
    """The ids in an expression, in order, each once; the whole where it is no expression."""
    parsed = _parse(expression)
    if parsed is None:
        return (expression,)
    # An exception only adds permissions: `GPL-2.0-only WITH X` is read as GPL-2.0-only.
    licences = [getattr(symbol, "license_symbol", symbol) for symbol in parsed.symbols]
    return tuple(dict.fromkeys(licence_id(symbol.key) for symbol in licences))


def choices(expression: str) -> tuple[frozenset[str], ...]:
    """The alternatives of an expression, each the ids that hold together: `MIT OR (ISC AND 0BSD)` is {MIT} and
    {ISC, 0BSD}.

    What is no expression is one id; one with more than 64 alternatives is taken as a name of its own.
    """
    parsed = _parse(expression) if re.search(r"\s(?:and|or|with)\s", expression, re.IGNORECASE) else None
    if parsed is None:
        return (frozenset((expression,)),)
    sides = _sides(parsed)
    return sides if len(sides) <= MAX_CHOICES else (frozenset((expression,)),)


def _sides(parsed: Any) -> tuple[frozenset[str], ...]:
    operator = getattr(parsed, "operator", "").strip().upper()
    if operator not in ("AND", "OR"):
        symbol = getattr(parsed, "license_symbol", parsed)  # an exception only adds permissions
        return (frozenset((licence_id(symbol.key),)),)
    parts = [_sides(part) for part in parsed.args]
    if operator == "OR":
        return tuple(dict.fromkeys(side for part in parts for side in part))
    sides: list[frozenset[str]] = [frozenset()]
    for part in parts:
        sides = [left | right for left in sides for right in part][: MAX_CHOICES + 1]
    return tuple(dict.fromkeys(sides))


def same(one: str, other: str) -> bool:
    """May two ids be one licence, one of them named less exactly?

    `GPL-3.0`, the text's id, and `GPL-3.0-or-later` may; `GPL-3.0-only` and `GPL-3.0-or-later` may not; a family and
    its member may, `BSD` and `BSD-3-Clause`. Law: symmetric, and every id is the same as itself.
    """
    if one == other:
        return True
    families = load("names.yaml")["families"]
    pairs = ((one, other), (other, one))
    return any(a == re.sub(r"(\+|-only|-or-later)$", "", b) or b in families.get(a, ()) for a, b in pairs)


def other_names(licence: str) -> OtherNames:
    """The crosswalk of one id: hub tags, SPDX, scancode keys, text hashes. Empty for an id that is not known."""
    rows = load("names.yaml")["names"]
    refs = [name for name in rows.get(licence, ()) if name.startswith("LicenseRef-")]
    keys = [ref.removeprefix("LicenseRef-scancode-") for ref in refs if ref.startswith("LicenseRef-scancode-")]
    spdx_keys = _scancode_keys()
    if licence in spdx_keys:
        spdx: str | None = licence
        keys = [spdx_keys[licence], *keys]
    elif refs:
        spdx = refs[0]
    elif licence in rows and licence not in ("other", "unknown"):
        spdx = f"LicenseRef-{re.sub(r'[^A-Za-z0-9.-]+', '-', licence)}"
    else:
        spdx = None
    return OtherNames(_hub_tags().get(licence, ()), spdx, tuple(dict.fromkeys(keys)), _forms().get(licence, ()))


def spdx_expression(licence: str) -> str | None:
    """An id or expression of ours as SPDX writes it, by its ids or `LicenseRef-`; None where it is not known."""
    if _parse(licence) is None:
        return other_names(licence).spdx
    words = re.split(r"(\s+(?:AND|OR|WITH)\s+|[()])", licence)
    if len(words) == 1:
        return other_names(licence).spdx or licence
    return "".join(word if re.fullmatch(r"\s+\w+\s+|[()]|", word) else other_names(word).spdx or word for word in words)


def all_names() -> tuple[str, ...]:
    """Every id of ours and every hub tag: what a mistyped name may have meant."""
    return tuple(dict.fromkeys((*load("names.yaml")["names"], *known_ids(), *load("names.yaml")["hub"])))


@lru_cache(maxsize=1)
def _hub_tags() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tag in load("names.yaml")["hub"]:
        found[licence_id(tag)] = (*found.get(licence_id(tag), ()), tag)
    return found


@lru_cache(maxsize=1)
def _forms() -> Mapping[str, tuple[str, ...]]:
    return {known.id: tuple(form.sha256 for form in known.forms) for known in table().licences}


@lru_cache(maxsize=1)
def _scancode_keys() -> Mapping[str, str]:
    """SPDX id to the key that scancode has for it, from the index that `license_expression` ships."""
    import license_expression

    found: dict[str, str] = {}
    for row in license_expression.get_license_index():
        for name in (row.get("spdx_license_key"), *row.get("other_spdx_license_keys", ())):
            if name and not name.startswith("LicenseRef-") and not row.get("is_exception"):
                found.setdefault(name, row["license_key"])
    return found


def _says_more(name: str) -> bool:
    """Has it letters that folding loses? `MIT 非商用` is not MIT."""
    return any(each.isalnum() and not each.isascii() for each in name)


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9.+]+", "", name.casefold())


def _expression(name: str) -> str | None:
    parsed = _parse(name)
    if parsed is None:
        return None
    words = re.split(r"(\s+(?:AND|OR|WITH)\s+|[()])", parsed.render())
    if len(words) == 1:
        return words[0]
    return "".join(_aliases().get(_folded(word), word) for word in words)


def _parse(name: str) -> Any:
    """The parsed expression when every id in it is known, else None."""
    import license_expression

    if not re.fullmatch(r"[\w.+()\-: ]+", name):
        return None
    try:
        parsed = _licensing().parse(name)
    except (license_expression.ExpressionError, RecursionError, AttributeError, TypeError, IndexError):
        return None
    if parsed is None:
        return None
    known = _licensing().known_symbols
    keys = [symbol.key for symbol in _licensing().license_symbols(parsed, decompose=True)]
    return parsed if all(key in known or _folded(key) in _aliases() for key in keys) else None


@lru_cache(maxsize=1)
def _licensing() -> Any:
    import license_expression

    return license_expression.get_spdx_licensing()


@lru_cache(maxsize=1)
def _aliases() -> Mapping[str, str]:
    """folded name to id: rows of ours first, then every id whose text we know"""
    aliases: dict[str, str] = {}
    for licence, names in load("names.yaml")["names"].items():
        for name in (str(licence), *names):
            aliases[_folded(name)] = str(licence)
    for licence in known_ids():
        aliases.setdefault(_folded(licence), licence)
    return aliases


@lru_cache(maxsize=1)
def _links() -> Mapping[str, str]:
    return {str(link): str(licence) for link, licence in load("names.yaml")["links"].items()}
