"""Asking other scanners that are installed here what they make of a file.

    find_program(peer, folders) → Found | None      ask(peer, found, path, scratch) → PeerSays

`alone` is the process that becomes the peer: it gives up the network first, then runs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bascule.collect.peers.asking import AskLimits, Found, ask, find_program

__all__ = ["AskLimits", "Found", "ask", "find_program"]


def __getattr__(name: str) -> Any:
    # Found when asked for: the process that becomes a peer imports this package, and needs nothing of it.
    if name not in __all__:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(importlib.import_module(f"{__name__}.asking"), name)
