"""Scans that are kept, so that a later one can say what changed."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import ValidationError

from bascule.kernel.canonical import canonical_json
from bascule.kernel.digests import DIGEST_PATTERN
from bascule.kernel.errors import BasculeError, InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import visible
from bascule.records import ScanDocument
from bascule.records.changes import baseline_of, changes_since


def keep(document: ScanDocument, folder: Path) -> ScanDocument:
    """The document with its name, under which it now lies in the folder."""
    name = baseline_of(document)
    path = _place(folder, name)
    if not path.exists():
        write_whole(path, canonical_json(document.as_json()))
    return document.model_copy(update={"baseline": name})


def compare(document: ScanDocument, since: str, folder: Path) -> ScanDocument:
    """The document with what changed since an earlier scan: the digest of a kept one, or a file that `--json` wrote.

    Raises InputError `scan.no-such-baseline` or `scan.bad-baseline`.
    """
    return document.model_copy(update={"changes": changes_since(recall(since, folder), document)})


def recall(since: str, folder: Path) -> ScanDocument:
    """An earlier scan. Raises as `compare` does."""
    path = _place(folder, since) if re.fullmatch(DIGEST_PATTERN, since) else Path(since)
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            "scan.no-such-baseline",
            f"there is no earlier scan `{visible(since, 100)}`",
            "give the digest that a scan in this home ended with, or a file that `bascule scan --json` wrote",
        ) from error
    try:
        document = ScanDocument.model_validate_json(data)
    except (ValidationError, ValueError, BasculeError) as error:
        raise _bad(since) from error
    if re.fullmatch(DIGEST_PATTERN, since) and baseline_of(document) != since:
        raise _bad(since)
    return document


def _place(folder: Path, digest: str) -> Path:
    return folder / f"{digest.split(':')[1]}.json"


def _bad(since: str) -> InputError:
    return InputError(
        "scan.bad-baseline",
        f"`{visible(since, 100)}` is not a scan as it was written",
        "scan again with `--json` and keep that file",
    )
