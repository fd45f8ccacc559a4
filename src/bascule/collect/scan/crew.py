"""Workers as the frame sees them: started, given a file, listened to, ended.

Rules: a worker gets no environment, no standard input or output, no descriptor but its channel; it has its own session,
so Ctrl-C reaches the frame alone; whatever way the frame ends, no worker is left, and no scratch folder for longer than
until the next scan.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bascule.collect.scan import wire, worker
from bascule.collect.scan.options import ScanOptions
from bascule.collect.scan.sandbox import Held
from bascule.kernel.errors import UpstreamError
from bascule.kernel.scratch import held_folder
from bascule.kernel.text import visible

START_SECONDS = 60.0
SEND_SECONDS = 30.0
_RECEIVE_BYTES = 1 << 20
_COMPLAINT_BYTES = 2000
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Gone(Exception):
    """The worker is not there any more, or said what no worker says; the message tells how."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What every worker is told once.

    scanners: ids of those that some file needs. listing: path, kind, media type and size of every artefact.
    """

    scanners: tuple[str, ...]
    listing: tuple[tuple[str, str, str, int], ...]
    options: ScanOptions


class Worker:
    """One worker process. It may be given files once `take_ready` has returned True."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        """Start it. Raises Gone or OSError."""
        self._folder = folder
        self._scratch = folder / "work"
        self._scratch.mkdir(parents=True, mode=0o700)
        self._inbox = wire.Inbox()
        self._started_at = time.monotonic()
        self.held: Held | None = None
        self.channel, theirs = socket.socketpair()
        # Imported here as well, so that its bytecode is kept: the worker writes none, and would compile it each time.
        command = [sys.executable, "-I", "-B", "-m", worker.__name__]
        with theirs, (folder / "complaints").open("wb") as complaints:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid())],
                env=_ENVIRONMENT,
                cwd=self._scratch,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self.channel.settimeout(SEND_SECONDS)
        try:
            self.send(
                {
                    "say": "setup",
                    "scanners": setup.scanners,
                    "listing": setup.listing,
                    "scratch": str(self._scratch),
                    "memory_bytes": setup.options.memory_mb << 20,
                    "seconds": setup.options.seconds_per_file,
                    "plugin_paths": [str(path) for path in setup.options.plugin_paths],
                }
            )
        except BaseException:
            self.end()
            raise

    def send(self, message: wire.Message, descriptor: int | None = None) -> None:
        """Raises Gone."""
        try:
            wire.send(self.channel, message, descriptor)
        except OSError as error:
            raise Gone(self.death()) from error

    def messages(self) -> Iterator[wire.Message]:
        """What it has said by now, waiting for the first byte. Raises Gone, after what it said before it went."""
        try:
            data = self.channel.recv(_RECEIVE_BYTES)
            if not data:
                raise Gone(self.death())
            yield from self._inbox.feed(data)
        except OSError as error:
            raise Gone(self.death()) from error
        except wire.Garbled as error:
            raise Gone(str(error)) from error

    def take_ready(self, message: wire.Message) -> Held:
        """Take in the first thing it says: what holds it. Raises UpstreamError unless that is `ready`."""
        if message["say"] != "ready":
            raise no_worker("it is not ready when it speaks")
        try:
            self.held = held = Held.from_json(message["held"])
            return held
        except (KeyError, TypeError, ValueError) as error:
            raise no_worker("it does not say what holds it") from error

    @property
    def start_overdue(self) -> bool:
        return self.held is None and time.monotonic() > self._started_at + START_SECONDS

    def scratch_bytes(self) -> int:
        """What lies in its scratch folder, folders and empty files counted as a block each."""
        total = 0
        for folder, _, names in os.walk(self._scratch):
            total += 4096
            for name in names:
                with contextlib.suppress(OSError):
                    total += max(4096, Path(folder, name).lstat().st_size)
        return total

    def death(self) -> str:
        """How it ended, in words; it is ended if it still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        status = self._process.poll()
        if status is None:
            return "the worker stopped talking"
        if status < 0:
            return f"the worker was ended by signal {-status}"
        return f"the worker left with status {status}"

    def complaint(self) -> str:
        """The end of what it wrote to its standard error before it was ready."""
        with contextlib.suppress(OSError):
            return visible((self._folder / "complaints").read_text("utf-8", "replace").strip()[-_COMPLAINT_BYTES:])
        return ""

    def end(self) -> None:
        """Kill it and remove its folder. May be called twice."""
        self.channel.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def no_worker(why: str) -> UpstreamError:
    """No worker starts here, so nothing can be scanned."""
    return UpstreamError(
        "scan.no-worker",
        f"the scanners' worker process does not start: {visible(why, 500)}",
        "run `bascule doctor`; bascule must be installed in this interpreter, PYTHONPATH is not read by workers",
    )


def scratch_folder(options: ScanOptions) -> AbstractContextManager[Path]:
    """A private folder for all workers of one scan, gone afterwards; those of killed scans are removed first."""
    return held_folder(options.scratch or Path(tempfile.gettempdir()), "bascule-scan-")


def capabilities() -> Held:
    """What would hold a worker on this machine, found by starting one. Raises UpstreamError `scan.no-worker`."""
    options = ScanOptions()
    with scratch_folder(options) as folder:
        probe = Worker(Setup((), (), options), folder / "probe")
        try:
            while True:
                for message in probe.messages():
                    return probe.take_ready(message)
        except Gone as error:
            raise no_worker(f"{error} {probe.complaint()}".strip()) from error
        finally:
            probe.end()
