"""The YAML that is shipped beside these modules."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml


@lru_cache(maxsize=4)
def load(name: str) -> Any:
    """A shipped file, read once. The C loader where there is one: ours is trusted, and read in every worker."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((files(__package__) / name).read_bytes(), loader)  # noqa: S506 - both are safe loaders
