"""Public chat templates by the digest of their syntax tree.

The table holds digests and names only, no template. `tools/known_templates.py` computes it from templates that packages
publish under permissive licences; NOTICE names them. A template that is in it says what a public one says; one that is
not is no worse for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from importlib import resources

MAX_NAMES = 8


def known_name(identity: str) -> tuple[str, ...]:
    """The names of the public templates of that identity, at most `MAX_NAMES`; none when there are none."""
    return _table().get(identity, ())[:MAX_NAMES]


def published_with(model: str) -> frozenset[str]:
    """The identities of the templates that are known to come with a model of the hub; none when none is known."""
    return _by_model().get(model.casefold(), frozenset())


@cache
def _table() -> dict[str, tuple[str, ...]]:
    text = resources.files(__package__).joinpath("known.json").read_text("utf-8")
    return {digest: tuple(names) for digest, names in json.loads(text)["templates"].items()}


@cache
def _by_model() -> dict[str, frozenset[str]]:
    """Names with an owner are the hub's; a bare one could be anybody's."""
    found: dict[str, set[str]] = defaultdict(set)
    for digest, names in _table().items():
        for name in names:
            if "/" in name:
                found[name.casefold()].add(digest)
    return {name: frozenset(digests) for name, digests in found.items()}
