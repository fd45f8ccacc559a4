"""Scanners over untrusted bytes, in processes that are held: hash and findings in one pass.

    examine(inventory, scanners, options) → Examined(artefacts, observations, failed)

`worker` is the process that reads, `file` how it reads; `sandbox` (over `landlock` and `seccomp`) is what holds it;
`wire` is how it is spoken to; `crew`, `task` and `engine` start, hear and time it; `gather` makes records of what was
said. `in_process` makes the same pass with nothing that holds it, for those who trust what they scan.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bascule.collect.scan.crew import capabilities
    from bascule.collect.scan.engine import examine
    from bascule.collect.scan.gather import Examined
    from bascule.collect.scan.in_process import examine_in_process
    from bascule.collect.scan.options import ScanOptions
    from bascule.collect.scan.sandbox import Held

__all__ = ["Examined", "Held", "ScanOptions", "capabilities", "examine", "examine_in_process"]

_HOMES = {
    "Examined": "gather",
    "Held": "sandbox",
    "ScanOptions": "options",
    "capabilities": "crew",
    "examine": "engine",
    "examine_in_process": "in_process",
}


def __getattr__(name: str) -> Any:
    # Found when asked for: every worker imports this package, and what it does not need it should not pay for.
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
