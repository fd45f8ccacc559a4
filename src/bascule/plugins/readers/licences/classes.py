"""What a licence lets one do, in one word that policies can ask for; `classes.yaml` holds the rows and their sources.

Rules: an id without a row is `unknown`; `A AND B` is as strict as the stricter; `A OR B` is as open as the more open,
since the licensee chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from bascule.plugins.readers.licences.data import load
from bascule.plugins.readers.licences.names import licence_id, symbols


class Freedom(StrEnum):
    """From the most to the least open; unknown is last, since it permits nothing."""

    PERMISSIVE = "permissive"
    WEAK_COPYLEFT = "weak-copyleft"
    STRONG_COPYLEFT = "strong-copyleft"
    USE_RESTRICTED = "use-restricted"
    CUSTOM = "custom"
    NON_COMMERCIAL = "non-commercial"
    RESEARCH_ONLY = "research-only"
    UNKNOWN = "unknown"

    @property
    def strictness(self) -> int:
        """0 for permissive up to 7 for unknown."""
        return list(Freedom).index(self)


@dataclass(frozen=True, slots=True)
class LicenceClass:
    """One row. open: meets the Open Source Definition or, for content and data, the Open Definition."""

    id: str
    freedom: Freedom
    open: bool
    redistribution: bool
    source: str
    notes: str = ""


@lru_cache(maxsize=1)
def classes() -> Mapping[str, LicenceClass]:
    """Every row, by id."""
    rows = {
        str(licence): LicenceClass(
            str(licence),
            Freedom(row["class"]),
            row["open"],
            row["redistribution"],
            row["source"],
            row.get("notes", ""),
        )
        for licence, row in load("classes.yaml")["licences"].items()
    }
    return MappingProxyType(rows)


def class_of(name: str) -> LicenceClass:
    """The class of a licence by any of its names, or of an SPDX expression; `unknown` where there is no row."""
    licence = licence_id(name)
    if found := classes().get(licence):
        return found
    parts = [classes().get(part, _unknown(part)) for part in symbols(licence)]
    if len(parts) == 1:
        return _unknown(licence) if parts[0].id == licence else _renamed(licence, parts[0])
    # Only a plain choice is a choice; anything nested is taken as all of its parts together.
    choice = " AND " not in licence
    pick = min if choice else max
    return _renamed(licence, pick(parts, key=lambda part: (part.freedom.strictness, part.id)))


def _unknown(licence: str) -> LicenceClass:
    return LicenceClass(licence, Freedom.UNKNOWN, False, False, "no row in classes.yaml")


def _renamed(licence: str, part: LicenceClass) -> LicenceClass:
    return LicenceClass(licence, part.freedom, part.open, part.redistribution, part.source, part.notes)
