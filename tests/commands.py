"""Running `bascule` from a test: in a process of its own, or, where only the answer matters, in this one."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bascule.cli import main

ROOT = Path(__file__).resolve().parents[1]
CONTEXTS = ROOT / "examples" / "contexts"
SECONDS = 120


@dataclass(frozen=True)
class Said:
    """What one command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; a second one, or a word beside it, is a fault."""
        return json.loads(self.out)

    def refuses(self, code: str) -> str:
        """Asserts a clear error: exit code 2, no traceback, a hint, and that code in the JSON. Returns the message."""
        assert self.code == 2, (self.code, self.err[-2000:])
        assert "Traceback" not in self.err, self.err[-3000:]
        assert "error: " in self.err, self.err
        assert "hint: " in self.err, self.err
        told = self.json
        assert (told["schema"], told["code"]) == ("bascule.error/v1", code), told
        assert told["hint"], told
        return str(told["message"])


def run(
    *arguments: str | Path,
    home: Path | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Said:
    """In a process of its own."""
    command = [python, "-m", "bascule", *map(str, arguments), *(["--home", str(home)] if home else [])]
    done = subprocess.run(
        command, cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


def here(*arguments: str | Path, home: Path | None = None) -> Said:
    """In this process: the same parsing, journey, output and exit code, without the start of an interpreter."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*map(str, arguments), *(["--home", str(home)] if home else [])])
    return Said(code, out.getvalue(), err.getvalue())


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without the settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BASCULE_")}
    return {**kept, **(more or {})}
