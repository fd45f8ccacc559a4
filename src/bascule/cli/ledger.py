"""`bascule ledger`: verify, replay, export and list the truth."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from bascule.cli.output import Common, print_json, print_text, say
from bascule.cli.session import open_session
from bascule.journeys.parts import Parts
from bascule.journeys.replay import replay_decisions
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import as_digest
from bascule.kernel.text import counted

_MARK = {"true": "equal", "false": "DIFFERS", "not-available": "not available"}


def verify_command(*, head: str | None = None, common: Common | None = None) -> int:
    """Recompute every leaf, the tree, the signed heads, the blobs and the read models. Exit 1 names the faults.

    Parameters
    ----------
    head
        A head that you kept, as a review prints it: the ledger must still begin with what that head covered. Only so
        is it found that the last entries were taken away.
    """
    common = common or Common()
    known_root = None if head is None else as_digest(head)
    with open_session(common) as session:
        faults = session.parts.store.verify(known_root)
        size, root = _head(session.parts) if not faults else (0, None)
    if common.json:
        verdict = "failed" if faults else "verified"
        rows = [str(fault) for fault in faults]
        print_json(
            {"schema": "bascule.ledger-verify/v1", "verdict": verdict, "entries": size, "head": root, "faults": rows}
        )
        return 1 if faults else 0
    for fault in faults:
        print_text(f"fault: {fault}")
    if any(fault.what == "head-unverified" for fault in faults):
        print_text("trust whoever signed, if you do: `bascule keys trust FILE --name NAME`, and verify again")
    print_text("NOT verified" if faults else f"verified: {counted(size, 'entry', 'entries')}, head {root or 'none'}")
    return 1 if faults else 0


def replay_command(*, common: Common | None = None) -> int:
    """Rebuild the read models from the ledger, then judge every past decision again and compare the digests.

    A decision of which something is no longer at hand is listed as `not available`, not as equal.
    """
    common = common or Common()
    with open_session(common) as session:
        session.parts.store.replay()
        rows = replay_decisions(session.parts)
    different = [row for row in rows if row.outcome == "false"]
    untold = [row for row in rows if row.outcome == "not-available"]
    if common.json:
        print_json({"schema": "bascule.ledger-replay/v1", "decisions": [row.as_json() for row in rows]})
    else:
        for row in rows:
            print_text(f"{_MARK[row.outcome]:<14} {row.decision} {row.detail}")
        equal = len(rows) - len(different) - len(untold)
        print_text(
            f"{counted(len(rows), 'decision')}: {equal} equal, {len(different)} differ, {len(untold)} not available"
        )
    return 1 if different else 2 if untold else 0


def export_command(path: Path, /, *, common: Common | None = None) -> int:
    """Write the whole ledger as JSON lines that verify without a database.

    Parameters
    ----------
    path
        The file to write.
    """
    common = common or Common()
    with open_session(common) as session:
        session.parts.store.export(path)
        size, root = _head(session.parts)
    if common.json:
        print_json({"schema": "bascule.ledger-export/v1", "path": str(path), "entries": size, "head": root})
    else:
        say(f"wrote {path}: {counted(size, 'entry', 'entries')}")
    return 0


def show_command(*, kind: str | None = None, limit: int = 50, common: Common | None = None) -> int:
    """List what the ledger holds, newest first.

    Parameters
    ----------
    kind
        evidence, decision, waiver, approval, subject, policy or context.
    limit
        At most this many.
    """
    common = common or Common()
    with open_session(common) as session:
        rows = list(islice(reversed(list(session.parts.store.ledger.entries(kind=kind))), limit))
    if common.json:
        entries = [
            {
                "seq": row.seq,
                "kind": row.kind,
                "digest": row.digest,
                "record": row.record,
                "subject": row.subject,
                "slot": row.slot,
                "appended_at": format_instant(row.appended_at),
            }
            for row in rows
        ]
        print_json({"schema": "bascule.ledger/v1", "entries": entries})
        return 0
    for row in rows:
        print_text(
            f"{row.seq:>6} {format_instant(row.appended_at)} {row.kind:<9} {row.record or row.digest} {row.slot or ''}"
        )
    if not rows:
        print_text("the ledger holds nothing of that kind; `bascule review REF` fills it")
    return 0


def _head(parts: Parts) -> tuple[int, str | None]:
    head = parts.store.head()
    return (head.size, head.root) if head else (0, None)
