"""`bascule ledger`: verify, replay, export and list the truth."""

from __future__ import annotations

from pathlib import Path

from bascule.cli.output import Common, print_json, print_text, say
from bascule.cli.session import open_session
from bascule.journeys.replay import replay_decisions
from bascule.kernel.clock import format_instant


def verify_command(*, common: Common | None = None) -> int:
    """Recompute every leaf, the tree, the signed heads, the blobs and the read models. Exit 1 names the first fault."""
    common = common or Common()
    with open_session(common) as session:
        faults = session.parts.store.verify()
        head = session.parts.store.head()
        size = session.parts.store.size()
    if common.json:
        print_json(
            {
                "schema": "bascule.ledger-verify/v1",
                "verdict": "failed" if faults else "verified",
                "entries": size,
                "head": head,
                "faults": [str(fault) for fault in faults],
            }
        )
    else:
        for fault in faults:
            print_text(f"fault: {fault}")
        print_text(f"{size} entries, head {head or 'none'}: " + ("NOT verified" if faults else "verified"))
    return 1 if faults else 0


def replay_command(*, common: Common | None = None) -> int:
    """Rebuild the read models from the ledger, then judge every past decision again and compare the digests.

    A decision whose policy pack is no longer at hand is listed as `not-available`, not as equal.
    """
    common = common or Common()
    with open_session(common) as session:
        session.parts.store.replay()
        rows = replay_decisions(session.parts, session.policy)
    different = [row for row in rows if row.outcome == "false"]
    untold = [row for row in rows if row.outcome == "not-available"]
    if common.json:
        print_json({"schema": "bascule.ledger-replay/v1", "decisions": [row.as_json() for row in rows]})
    else:
        for row in rows:
            mark = {"true": "equal", "false": "DIFFERS", "not-available": "not available"}[row.outcome]
            print_text(f"{mark:<14} {row.decision} {row.detail}")
        print_text(
            f"{len(rows)} decisions: {len(rows) - len(different) - len(untold)} equal, {len(different)} differ, {len(untold)} not available"
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
        size = session.parts.store.size()
    if common.json:
        print_json({"schema": "bascule.ledger-export/v1", "path": str(path), "entries": size})
    else:
        say(f"wrote {path}: {size} entries")
    return 0


def show_command(*, kind: str | None = None, limit: int = 50, common: Common | None = None) -> int:
    """List what the ledger holds, newest first.

    Parameters
    ----------
    kind
        evidence, decision, waiver, approval or subject.
    limit
        At most this many.
    """
    common = common or Common()
    with open_session(common) as session:
        rows = list(session.parts.store.entries(kind=kind, limit=limit))
    if common.json:
        print_json(
            {
                "schema": "bascule.ledger/v1",
                "entries": [
                    {"seq": r.seq, "kind": r.kind, "digest": r.digest, "appended_at": format_instant(r.appended_at)}
                    for r in rows
                ],
            }
        )
        return 0
    for row in rows:
        print_text(f"{row.seq:>6} {format_instant(row.appended_at)} {row.kind:<9} {row.digest}")
    if not rows:
        print_text("the ledger is empty; `bascule review REF` fills it")
    return 0
