"""`bascule verify`: is a bundle what its signer released, and does its decision still stand?"""

from __future__ import annotations

from pathlib import Path

from bascule.cli.output import Common, print_json, print_text
from bascule.cli.session import open_session
from bascule.journeys.verify import verify_release
from bascule.kernel.clock import parse_instant
from bascule.kernel.errors import InputError
from bascule.kernel.files import head_of
from bascule.kernel.text import visible
from bascule.records.release import VerifyDocument

MAX_LIST_BYTES = 16 << 20
_MARKS = {"true": "✓", "false": "✕", "not-available": "?"}


def verify_command(
    bundle: Path,
    /,
    *,
    key: tuple[Path, ...] = (),
    threshold: int = 1,
    revoked: Path | None = None,
    as_of: str | None = None,
    common: Common | None = None,
) -> int:
    """Check a bundle offline: layout, signatures, every file, plan, decision, evidence, expiry. Exit code 1: it fails.

    Parameters
    ----------
    bundle
        The folder of a bundle.
    key
        Public keys (PEM) to go by; without any, those that this home trusts.
    threshold
        How many trusted keys must have signed.
    revoked
        A file with the digests that were taken back, one a line.
    as_of
        Check as on this date.
    """
    common = common or Common()
    taken = _lines(revoked) if revoked else None
    with open_session(common) as session:
        document = verify_release(
            bundle,
            session.parts,
            keys=key,
            as_of=parse_instant(as_of) if as_of else None,
            revoked=taken,
            threshold=threshold,
        )
    if common.json:
        print_json(document.as_json())
    else:
        print_text(show(document))
    return 0 if document.verdict == "verified" else 1


def show(document: VerifyDocument) -> str:
    """The answer first, then each check."""
    head = f"{document.verdict}: {visible(document.release, 120)}" if document.release else document.verdict
    lines = [head + (f" at {document.tier}" if document.tier else "")]
    for check in document.checks:
        detail = f": {visible(check.detail, 400)}" if check.detail else ""
        lines.append(f"  {_MARKS[check.outcome]} {check.name}{detail}")
    return "\n".join(lines)


def _lines(path: Path) -> tuple[str, ...]:
    try:
        text = head_of(path, MAX_LIST_BYTES).decode("utf-8")
        if len(text) > MAX_LIST_BYTES:
            raise OSError
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "release.unreadable-list", f"`{path}` cannot be read", "give a file of digests, one a line"
        ) from error
    return tuple(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
