"""Tier specs: `>=T5`, `<=T2`, `T2-T4`, `T7`, or a comma list of these; A-tiers alike.

Law: a spec of one ladder never matches a tier of the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

from bascule.kernel.errors import InputError
from bascule.kernel.text import visible

_PART = re.compile(r"(?P<sign>>=|<=|)(?P<low>[TA][0-9])(?:-(?P<high>[TA][0-9]))?")


def tier_matches(spec: str, tier_id: str) -> bool:
    """Does a tier lie in a spec? Raises InputError `policy.bad-tiers` for a spec that says nothing."""
    return any(
        letter == tier_id[:1] and tier_id[1:].isdigit() and low <= int(tier_id[1:]) <= high
        for letter, low, high in _ranges(spec)
    )


def tiers_of(spec: str, tier_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the given tiers that lie in a spec, in their order."""
    return tuple(tier for tier in tier_ids if tier_matches(spec, tier))


def fault_of(spec: str) -> str:
    """Why a spec cannot be read; empty when it can."""
    try:
        _ranges(spec)
    except InputError as error:
        return error.message
    return ""


@lru_cache(maxsize=1024)
def _ranges(spec: str) -> tuple[tuple[str, int, int], ...]:
    ranges = []
    for part in spec.split(","):
        found = _PART.fullmatch(part.strip().replace(" ", ""))
        if found is None or (found["high"] and (found["sign"] or found["high"][0] != found["low"][0])):
            raise _bad(spec, part)
        low = int(found["low"][1:])
        high = int(found["high"][1:]) if found["high"] else low
        if low > high:
            raise _bad(spec, part)
        ranges.append((found["low"][0], 0 if found["sign"] == "<=" else low, 9 if found["sign"] == ">=" else high))
    return tuple(ranges)


def _bad(spec: str, part: str) -> InputError:
    return InputError(
        "policy.bad-tiers",
        f"`{visible(spec, 60)}` is not a range of tiers: `{visible(part.strip(), 30)}`",
        "write `>=T5`, `<=T2`, `T2-T4`, `T7`, or several with commas",
    )
