"""Licences: which one a text is, what its names are, and what it lets one do.

    normal    a text without what carries no terms: case, wrapping, marks, the holder's name
    table     the identity of a text by its exact hash; a near one is a variant, never an identity
    names     hub tags, SPDX ids and expressions, vendors' names: one id for each
    classes   permissive, copyleft, use-restricted, non-commercial, … with the clause that says so

`texts.json` holds hashes only; `tools/build_licence_hashes.py` makes it. `names.yaml` and `classes.yaml` are written by
hand and reviewed.
"""

from bascule.plugins.readers.licences.classes import Freedom, LicenceClass, class_of, classes
from bascule.plugins.readers.licences.names import is_known, licence_id, linked_licence
from bascule.plugins.readers.licences.table import MAX_TEXT, Match, identify

__all__ = [
    "MAX_TEXT",
    "Freedom",
    "LicenceClass",
    "Match",
    "class_of",
    "classes",
    "identify",
    "is_known",
    "licence_id",
    "linked_licence",
]
