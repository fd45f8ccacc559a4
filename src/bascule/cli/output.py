"""What commands share: common flags, one JSON document to stdout, errors with their hint, progress on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

from cyclopts import Parameter

from bascule.kernel.clock import parse_instant
from bascule.kernel.errors import BasculeError


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Flags that every command takes."""

    home: Path | None = None
    "Where ledger, blobs and keys live (or BASCULE_HOME)."
    json: Annotated[bool, Parameter(negative="")] = False
    "Print exactly one JSON document to stdout."


@Parameter(name="*")
@dataclass(frozen=True)
class Judging(Common):
    """Flags of the commands that judge."""

    policy: str | None = None
    "A policy pack: its id, or its folder."
    context: Path | None = None
    "A context.yaml: region, sector, users, whether it is monetised."
    as_of: str | None = None
    "Judge as on this date: laws, expiry and ageing follow it."

    def instant(self) -> datetime | None:
        """The date asked for, or None for now. Raises InputError `kernel.not-a-date`."""
        return parse_instant(self.as_of) if self.as_of else None


def print_json(document: Any) -> None:
    """One JSON document to stdout, keys in document order, text readable."""
    json.dump(document, sys.stdout, ensure_ascii=False, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def print_text(text: str) -> None:
    """Data for people, to stdout."""
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


def say(text: str) -> None:
    """Talk, to stderr."""
    print(text, file=sys.stderr)


def print_error(error: BasculeError, *, as_json: bool) -> None:
    """An error as a person reads it, and as one document when asked for JSON."""
    say(f"error: {error.message}")
    if error.hint:
        say(f"hint: {error.hint}")
    if as_json:
        print_json({"schema": "bascule.error/v1", "code": error.code, "message": error.message, "hint": error.hint})


class Progress(Protocol):
    """How far a long job is. total None: not known."""

    def __call__(self, done: float, total: float | None, what: str) -> None: ...


@contextmanager
def progress_display(*, quiet: bool = False) -> Iterator[Progress]:
    """A live line on a terminal; a plain line per step where stderr is a file; nothing when quiet."""
    if quiet:
        yield lambda _done, _total, _what: None
        return
    if not sys.stderr.isatty():
        yield _PlainProgress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(done: float, total: float | None, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield show


class _PlainProgress:
    """One line for each new step, so that logs stay short."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, done: float, total: float | None, what: str) -> None:  # noqa: ARG002 - a shape to keep
        step = what.split(" ", 1)[0].rstrip(":")
        if step != self._last:
            self._last = step
            say(f"… {step}")
