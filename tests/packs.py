"""The packs that ship, as the parser is given them."""

from __future__ import annotations

import importlib.resources
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path

from bascule.judge.policy.pack import PolicyPack
from bascule.judge.policy.parse import parse_pack

EXAMPLES = Path(__file__).parent.parent / "examples"
SHIPPED = ("default", "research", "regulated")


def files_under(folder: Path | Traversable, prefix: str = "") -> dict[str, bytes]:
    """Every YAML file below a folder, by relative path."""
    found: dict[str, bytes] = {}
    for item in folder.iterdir():
        if item.is_dir():
            found |= files_under(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".yaml"):
            found[prefix + item.name] = item.read_bytes()
    return found


@cache
def pack_files(name: str) -> dict[str, bytes]:
    """The files of a pack that ships."""
    return files_under(importlib.resources.files("bascule.builtin.policies") / name)


@cache
def shipped_pack(name: str) -> PolicyPack:
    """A pack that ships, parsed once."""
    return parse_pack(pack_files(name), name, pack_files)
