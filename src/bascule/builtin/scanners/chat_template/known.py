"""Public chat templates by the digest of their syntax tree.

The table holds digests and names only, no template. `tools/known_templates.py` computes it from templates that packages
publish under permissive licences; NOTICE names them. A template that is in it says what a public one says; one that is
not is no worse for it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources


def known_name(identity: str) -> tuple[str, ...]:
    """The names of the public templates of that identity; none when there are none."""
    return _table().get(identity, ())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("known.json").read_text("utf-8")
    return {digest: tuple(names) for digest, names in json.loads(text)["templates"].items()}
