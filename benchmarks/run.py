"""Run every benchmark in this folder and print their tables: `make bench`, or `python benchmarks/run.py NAME…`.

Each module has `table() -> str`, a Markdown table of ratios measured in one run, side by side. Nothing here is a test:
no time is asserted.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Every benchmark, by module name."""
    return sorted(
        path.stem for path in FOLDER.glob("*.py") if path.stem not in ("run",) and not path.stem.startswith("_")
    )


def main() -> int:
    wanted = sys.argv[1:] or names()
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"error: no benchmark is called `{unknown[0]}`\nhint: there are: {', '.join(names())}", file=sys.stderr)
        return 2
    load = os.getloadavg()[0]
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.1f} at the start\n")
    sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "tests")]  # peers, and the corpus
    for name in wanted:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        print(f"## {name}\n", flush=True)
        print(module.table(), flush=True)
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
