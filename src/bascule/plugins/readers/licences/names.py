"""One name for each licence, whatever it is called: SPDX where there is an id, else the vendor's name and version.

Rules: a name that is not known stays as it is written, since a guess would be an identity; SPDX expressions are read
with `license_expression` and keep their operators; the versionless names (`bsd`, `gpl`, `cc`) are ids of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.readers.licences.data import load
from bascule.plugins.readers.licences.table import known_ids

MAX_NAME = 200


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
    if found := _aliases().get(_folded(name)):
        return found
    return _expression(name) or visible(name, MAX_NAME)


def is_known(licence: str) -> bool:
    """Is this id one of ours, or an SPDX expression of such?"""
    return _aliases().get(_folded(licence)) is not None or _expression(licence) is not None


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
    except (license_expression.ExpressionError, RecursionError, AttributeError, TypeError):
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
