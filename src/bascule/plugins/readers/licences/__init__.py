"""Licences: which one a text is, and what its names are. What one lets people do is policy, and stands in the packs.

    normal    a text without what carries no terms: case, wrapping, marks, the holder's name
    table     the identity of a text by its exact hash; a near one is a variant, never an identity
    names     hub tags, SPDX ids and expressions, vendors' names: one id for each

`texts.json` holds hashes only; `tools/build_licence_hashes.py` makes it. `names.yaml` is written by hand.
"""

from bascule.plugins.readers.licences.names import (
    OtherNames,
    all_names,
    choices,
    is_known,
    licence_id,
    linked_licence,
    other_names,
    same,
    spdx_expression,
)
from bascule.plugins.readers.licences.table import MAX_TEXT, Match, identify, table_digest

__all__ = [
    "MAX_TEXT",
    "Match",
    "OtherNames",
    "all_names",
    "choices",
    "identify",
    "is_known",
    "licence_id",
    "linked_licence",
    "other_names",
    "same",
    "spdx_expression",
    "table_digest",
]
