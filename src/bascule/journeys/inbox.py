"""A folder that models arrive in: each is scanned once it has stopped growing, and its answer laid beside the others.

Rules: what lies directly in the folder is one model, file or folder; hidden names and those that downloads give to what
is not yet whole wait; two looks that see the same names, sizes and times make it whole. An answer is named after the
model and that look, so that a restart scans nothing twice and a changed model is scanned again; an answer is written
whole or not at all, and a model that cannot be taken in has an answer that says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bascule.kernel.canonical import canonical_json
from bascule.kernel.digests import digest_of_json
from bascule.kernel.errors import BasculeError, InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import visible
from bascule.records import ScanDocument

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".incomplete", ".download", ".filepart")
Scan = Callable[[Path], ScanDocument]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One model that was scanned, where its answer lies, and what it is; `why` instead, when it could not be."""

    path: Path
    answer: Path
    document: ScanDocument | None = None
    why: BasculeError | None = None


def watch(
    folder: Path,
    answers: Path,
    scan: Scan,
    *,
    seconds: float = 2.0,
    rounds: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Arrival]:
    """Each model as it becomes whole, for ever or for so many looks.

    Raises InputError `scan.no-inbox` when the folder is none, or the answers would lie in it.
    """
    if not folder.is_dir():
        raise InputError("scan.no-inbox", f"`{visible(str(folder))}` is not a folder", "give the folder to watch")
    if answers.resolve().is_relative_to(folder.resolve()):
        raise InputError("scan.no-inbox", "the answers would lie in the watched folder", "give another `--results`")
    before: dict[Path, str] = {}
    looks = 0
    while rounds is None or looks < rounds:
        now = {path: _look(path) for path in _models(folder)}
        for path, look in now.items():
            if before.get(path) == look and not _answered(answers, path, look):
                yield _answer(path, answers, look, scan)
        before = now
        looks += 1
        if rounds is None or looks < rounds:
            sleep(seconds)


def _models(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if not path.name.startswith(".") and not path.name.endswith(UNFINISHED)
    )


def _look(path: Path) -> str:
    """Names, sizes and times of everything there; no link is followed."""
    rows: list[list[object]] = []
    if path.is_dir() and not path.is_symlink():
        for place, folders, names in os.walk(path):
            folders.sort()
            rows += [_row(Path(place, name), path) for name in sorted(names)]
    rows.append(_row(path, path.parent))
    return digest_of_json(rows).split(":")[1][:16]


def _row(path: Path, root: Path) -> list[object]:
    try:
        seen = path.lstat()
    except OSError:
        return [os.fsencode(path.relative_to(root)).hex()]
    return [os.fsencode(path.relative_to(root)).hex(), seen.st_size, str(seen.st_mtime_ns), seen.st_mode]


def _place(answers: Path, path: Path, look: str) -> Path:
    return answers / f"{visible(path.name, 100).replace('/', '_')}.{look}.json"


def _answered(answers: Path, path: Path, look: str) -> bool:
    return _place(answers, path, look).exists()


def _answer(path: Path, answers: Path, look: str, scan: Scan) -> Arrival:
    place = _place(answers, path, look)
    try:
        document = scan(path)
    except BasculeError as error:
        told = {"schema": "bascule.error/v1", "code": error.code, "message": error.message, "hint": error.hint}
        write_whole(place, canonical_json(told))
        return Arrival(path, place, why=error)
    write_whole(place, canonical_json(document.as_json()))
    return Arrival(path, place, document)
