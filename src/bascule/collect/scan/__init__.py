"""Scanners over untrusted bytes, in processes that are held: hash and findings in one pass.

    examine(inventory, scanners, options) → Examined(artefacts, observations, failed)

`worker` is the process that reads; `sandbox` (over `landlock` and `seccomp`) is what holds it; `wire` is how it is
spoken to; `crew`, `task` and `engine` start, hear and time it; `gather` makes records of what was said.
"""

from bascule.collect.scan.crew import capabilities
from bascule.collect.scan.engine import examine
from bascule.collect.scan.gather import Examined
from bascule.collect.scan.options import ScanOptions
from bascule.collect.scan.sandbox import Held

__all__ = ["Examined", "Held", "ScanOptions", "capabilities", "examine"]
