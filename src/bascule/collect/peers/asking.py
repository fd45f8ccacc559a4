"""One peer, one path, one answer.

Rules: the peer is told nothing of ours: an environment of four variables and its own, a home and a working folder that
are empty and then gone; it is alone in a network of its own where the machine can give it one, and where not, its
answer says so; it is killed with all that it started when its time is up; whatever way it ends, that is an answer, and
never an exception.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from bascule.collect.peers import alone
from bascule.plugins.kinds import Peer, PeerSays
from bascule.plugins.peers import version_beside

_OUTPUT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class AskLimits:
    """seconds: wall time for one path. memory_bytes: address space."""

    seconds: float = 120.0
    memory_bytes: int = 16 << 30


@dataclass(frozen=True, slots=True)
class Found:
    """A peer that is installed: its program, and its version, empty where the environment does not tell."""

    program: Path
    version: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended. code: None when its time was up."""

    code: int | None
    stdout: str
    stderr: str


def find_program(peer: Peer, folders: Sequence[Path], path: str | None = None) -> Found | None:
    """In `FOLDER/PEER/bin`, then in any `FOLDER/*/bin`, then on PATH (of this process when `path` is None)."""
    for folder in folders:
        places = [folder / peer.meta.id / "bin", folder / "bin", *sorted(folder.glob("*/bin"))]
        for program in (place / name for place in places for name in peer.programs):
            if program.is_file() and os.access(program, os.X_OK):
                return Found(program, version_beside(program, peer.distribution))
    for name in peer.programs:
        if (found := shutil.which(name, path=path)) is not None:
            return Found(Path(found), version_beside(Path(found), peer.distribution))
    return None


def ask(peer: Peer, found: Found, path: Path, limits: AskLimits = AskLimits()) -> PeerSays:
    """What the peer says of a file or folder."""
    ran = run([*peer.command(str(found.program.absolute()), str(path))], peer.environment, limits)
    if ran.code is None:
        return PeerSays("error", lines=(f"it did not end within {limits.seconds:g} seconds",), version=found.version)
    says = peer.parse(ran.code, ran.stdout, ran.stderr)
    lines = (
        says.lines if can_be_alone() else (*says.lines, "it could reach the network, which nothing here can prevent")
    )
    return replace(says, lines=lines, version=says.version or found.version)


@cache
def can_be_alone() -> bool:
    """Can this machine take the network away from a process? Asked once, by doing it."""
    return run([sys.executable, "-I", "-S", "-c", ""], {}, AskLimits(seconds=30.0), required=True).code == 0


def run(
    command: Sequence[str],
    environment: Mapping[str, str],
    limits: AskLimits,
    *,
    required: bool = False,
    folder: Path | None = None,
) -> Ran:
    """The command alone with itself: see the module's rules. required: and not at all where that cannot be had.
    folder: where it works, instead of in an empty one."""
    with tempfile.TemporaryDirectory(prefix="peer-") as scratch, contextlib.ExitStack() as files:
        work, home = Path(scratch, "work"), Path(scratch, "home")
        work.mkdir()
        home.mkdir()
        out, err = (files.enter_context(Path(scratch, name).open("w+b")) for name in ("out", "err"))
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", alone.__name__, str(limits.memory_bytes), str(int(required)), *command],
            cwd=folder or work,
            env={"HOME": str(home), "TMPDIR": str(work), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return Ran(code, _text(Path(out.name)), _text(Path(err.name)))


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_OUTPUT_BYTES).decode("utf-8", "replace")
