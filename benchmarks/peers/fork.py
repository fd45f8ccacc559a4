"""Runs inside a peer's environment: `python fork.py JOBS`. Standard library only.

JOBS is a JSON file: {"program", "seconds", "calls": [[argument, …], …]}. For each call a fork of this process becomes
the peer's command line, in an empty folder; a line of JSON on stdout tells its exit code (null when its time was up),
output and seconds. What the first call imported is imported here before the others, so that they do not pay for it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

OUTPUT_BYTES = 4 << 20


def main() -> None:
    """Answer every call, in order."""
    os.nice(19)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name=jobs["program"])
    command = entry.load()
    for index, arguments in enumerate(jobs["calls"]):
        folder = Path(tempfile.mkdtemp(prefix="call-"))
        answer = ask(command, [jobs["program"], *arguments], folder, jobs["seconds"])
        if index == 0:
            warm(folder / "modules")
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def ask(command: Callable[[], object], arguments: list[str], folder: Path, seconds: float) -> dict[str, object]:
    """One call in a fork."""
    (folder / "work").mkdir()
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        become(command, arguments, folder)
    watch = os.pidfd_open(child)
    ended, _, _ = select.select([watch], [], [], seconds)
    os.close(watch)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status) if ended else None,
        "stdout": text(folder / "out"),
        "stderr": text(folder / "err"),
        "seconds": round(time.perf_counter() - started, 4),
    }


def become(command: Callable[[], object], arguments: list[str], folder: Path) -> NoReturn:
    """The peer's command line, as its own script would start it. Does not return."""
    os.setsid()
    os.chdir(folder / "work")
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = arguments
    code: object = 1
    try:
        code = command()
    except SystemExit as left:
        code = left.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
            (folder / "modules").write_text("\n".join(sys.modules))
        os._exit(0 if code is None else code & 255 if isinstance(code, int) else 1)


def warm(modules: Path) -> None:
    """Import what a call had to import."""
    with contextlib.suppress(OSError):
        for name in modules.read_text().split("\n"):
            if name not in sys.modules and not name.startswith("__"):
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)


def text(path: Path) -> str:
    """What was printed, up to a limit."""
    try:
        with path.open("rb") as file:
            return file.read(OUTPUT_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


if __name__ == "__main__":
    main()
