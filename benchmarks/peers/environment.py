"""An environment for a peer: made from its lock when it is first needed, and again when the lock has changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CACHE = FOLDER.parents[1] / ".cache" / "peers"


class Skipped(Exception):
    """This peer cannot be asked here; the message says why."""


def lock_digest(name: str) -> str:
    """What names the installed versions."""
    return hashlib.sha256((FOLDER / "locks" / f"{name}.txt").read_bytes()).hexdigest()


def prepare(name: str, minors: Sequence[int]) -> Path:
    """The folder of a ready environment. minors: of Python 3, in the order of preference. Raises Skipped."""
    folder, digest = CACHE / name, lock_digest(name)
    ready = folder / ".ready"
    if ready.is_file() and ready.read_text() == digest:
        return folder
    python = _interpreter(minors)
    print(f"installing {name} into {folder.relative_to(CACHE.parents[1])}", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    lock = FOLDER / "locks" / f"{name}.txt"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "-qq"]
    for command in (
        [python, "-m", "venv", str(folder)],
        [*pip, "install", "--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", str(lock)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Skipped(f"it cannot be installed: {why}")
    ready.write_text(digest)
    return folder


def _interpreter(minors: Sequence[int]) -> str:
    for minor in minors:
        for candidate in _candidates(minor):
            if _minor_of(candidate) == minor:
                return candidate
    wanted = " or ".join(f"3.{minor}" for minor in minors)
    raise Skipped(f"it needs Python {wanted}, and there is none here")


def _candidates(minor: int) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python3.{minor}"):
        yield found
    for root in (Path.home() / ".pyenv" / "versions", Path("/opt/python")):
        yield from (str(path) for path in sorted(root.glob(f"*3.{minor}.*/bin/python")))


def _minor_of(python: str) -> int | None:
    if python == sys.executable:
        return sys.version_info.minor
    ask = [python, "-c", "import sys; print(sys.version_info.minor)"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 else None
