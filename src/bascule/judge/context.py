"""The context of a decision: what the asker states, and the pack's defaults for what it leaves blank.

Rules: a stated value always stands; a blank takes the pack's default; a blank with no default stays blank, and a
condition that reads it is unknown.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from bascule.records import Context


def merge_context(stated: Context, defaults: Context) -> Context:
    """`stated`, its blanks filled from `defaults`.

    Law: merge_context(merge_context(s, d), d) == merge_context(s, d).
    """
    filled: dict[str, Any] = {}
    for name in Context.model_fields:
        value = getattr(stated, name)
        blank = value is None or value in ((), "", {})
        filled[name] = getattr(defaults, name) if blank else value
    return Context(**filled)


def context_facts(context: Context) -> dict[str, Any]:
    """The fields that are not blank, as plain values; lists are always there."""
    return {
        name: list(value) if isinstance(value, tuple) else value.isoformat() if isinstance(value, date) else value
        for name in Context.model_fields
        if (value := getattr(context, name)) is not None
    }
