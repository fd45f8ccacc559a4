"""What it costs to start: CPU seconds of `bascule --help` and of a bare interpreter, and what is imported."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 7


def cpu_seconds(command: list[str]) -> float:
    """User and system time of a child, median of several."""
    spent = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "100"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(spent)


def table() -> str:
    """Rows: a bare interpreter, `import bascule`, `bascule --help`, `bascule rules`."""
    bascule = str(Path(sys.executable).with_name("bascule"))
    rows = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import bascule": [sys.executable, "-c", "import bascule"],
        "bascule --help": [bascule, "--help"],
        "bascule review --help": [bascule, "review", "--help"],
        "bascule rules": [bascule, "rules"],
    }
    bare = cpu_seconds(rows["python -c pass"])
    lines = ["| command | CPU s (median of 7) | over a bare interpreter |", "|---|---|---|"]
    for name, command in rows.items():
        spent = cpu_seconds(command)
        lines.append(f"| `{name}` | {spent:.3f} | {spent / bare:.1f}x |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
