"""Is this the package that was meant? A name near a well-known one, or one that was published to harm.

Rules: what is itself well known is never taken for something else; near means one slip of a finger (a letter more,
less, other, or two swapped) in a name of five letters and more, or the same name to the eye: other separators, digits
for letters, letters of another script.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.utils import canonicalize_name

from bascule.kernel.text import looks

_MIN_LETTERS = 5
_MAX_LETTERS = 64
_TO_THE_EYE = str.maketrans("01345", "oleas")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """harmful: known to have been published to harm, not only near."""

    message: str
    harmful: bool = False
    meant: str = ""


def suspicion(name: str, version: str = "") -> Suspicion | None:
    """What is wrong with a name, if anything. It asks no index: what is not near anything known is not judged."""
    data = _data()
    canonical = canonicalize_name(name)
    if canonical in data["malicious"]:
        return Suspicion(f"`{canonical}` was published to harm: it {data['malicious'][canonical]}", harmful=True)
    bad = data["compromised"].get(canonical)
    if bad and version in bad["versions"]:
        return Suspicion(f"`{canonical}` {version} is one of the {bad['what']}", harmful=True)
    if canonical in data["mistaken"]:
        meant = data["mistaken"][canonical]
        return Suspicion(f"`{canonical}` is not the package that its name promises; that is `{meant}`", meant=meant)
    if canonical in _known():
        return None
    same = _by_look().get(_look(canonical))
    if same is not None:
        return Suspicion(f"`{name}` looks like `{same}` and is another package", meant=same)
    near = _neighbour(canonical)
    return Suspicion(f"`{name}` is one letter away from `{near}`", meant=near) if near else None


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(importlib.resources.files(__package__).joinpath("names.toml").read_text("utf-8"))


@cache
def _popular() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_data()["popular"].split()))


@cache
def _known() -> frozenset[str]:
    return frozenset((*_popular(), *_data()["known"].split()))


def _look(name: str) -> str:
    return looks(name).translate(_TO_THE_EYE).replace("rn", "m").replace("vv", "w")


@cache
def _by_look() -> dict[str, str]:
    return {_look(name): name for name in reversed(_popular())}


def _shorter(name: str) -> set[str]:
    return {name[:at] + name[at + 1 :] for at in range(len(name))}


@cache
def _index() -> dict[str, tuple[str, ...]]:
    """Popular names by what is left of them with one letter less."""
    table: dict[str, list[str]] = {}
    for name in _popular():
        if len(name) >= _MIN_LETTERS:
            for left in (name, *_shorter(name)):
                table.setdefault(left, []).append(name)
    return {left: tuple(names) for left, names in table.items()}


def _neighbour(name: str) -> str:
    if not _MIN_LETTERS <= len(name) <= _MAX_LETTERS:
        return ""
    found = {near for left in (name, *_shorter(name)) for near in _index().get(left, ()) if _one_slip(name, near)}
    return min(found, default="")


def _one_slip(left: str, right: str) -> bool:
    """Damerau-Levenshtein distance 1; a number that differs at the end is another edition, not a slip."""
    if abs(len(left) - len(right)) > 1 or left == right:
        return False
    if left.rstrip("0123456789") == right.rstrip("0123456789"):
        return False
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    a, b = left[start:], right[start:]
    if len(a) == len(b):
        return a[1:] == b[1:] or (len(a) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:])
    return a[1:] == b if len(a) > len(b) else a == b[1:]
