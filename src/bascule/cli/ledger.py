"""`bascule ledger`: verify, replay, export and list the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bascule.cli.output import Common, print_json, print_text, say
from bascule.cli.session import open_session
from bascule.journeys.external import import_results
from bascule.journeys.foreign import take_over
from bascule.journeys.parts import Parts
from bascule.journeys.replay import replay_decisions
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import as_digest
from bascule.kernel.files import write_whole
from bascule.kernel.text import counted, visible
from bascule.records import Outcome

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
        evidence, result, decision, waiver, approval, subject, policy or context.
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


def import_command(
    *paths: Path,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    about: str | None = None,
    common: Common | None = None,
) -> int:
    """Record evidence that others signed, e.g. an auditor's tests. Their key must be trusted: `bascule keys trust`.

    With `--from`, record what another scanner printed. Its alarms count; its silence never does.

    Parameters
    ----------
    paths
        DSSE envelopes, as `bascule ledger envelope` writes them; with `--from`, what the scanner printed.
    from_
        The scanner that the results are of: modelscan, picklescan, fickling, modelaudit, hayward.
    about
        With `--from`: the reference that was scanned, as it was last reviewed here, or its digest.
    """
    common = common or Common()
    if not paths:
        say("error: nothing to import\nhint: give the files of signed envelopes, or of results with `--from`")
        return 2
    if (from_ is None) is not (about is None):
        say("error: `--from` and `--about` belong together\nhint: --from modelscan --about ./model")
        return 2
    with open_session(common) as session:
        if from_ is not None and about is not None:
            return _import_results(paths, from_, about, session.parts, common)
        taken = take_over(paths, session.parts)
        known = {item.digest for item in taken if session.parts.store.subject(item.slot.subject) is not None}
    if common.json:
        rows = [
            {
                "digest": item.digest,
                "subject": item.slot.subject,
                "tool": item.slot.tool,
                "producer": item.producer.key_id if item.producer else None,
                "expires_at": format_instant(item.expires_at),
                "subject_known": item.digest in known,
            }
            for item in taken
        ]
        print_json({"schema": "bascule.ledger-import/v1", "evidence": rows})
        return 0
    for item in taken:
        about = item.slot.subject + ("" if item.digest in known else ", which was not reviewed here")
        print_text(f"recorded {item.digest}: {visible(item.slot.tool)} on {about}")
    return 0


def _import_results(paths: Sequence[Path], peer: str, about: str, parts: Parts, common: Common) -> int:
    imported = import_results(paths, peer, about, parts)
    evidence = imported.evidence
    seen = evidence.observations
    alarms = sum(finding.outcome is Outcome.TRUE for finding in seen.findings) if seen is not None else 0
    if common.json:
        row = {
            "digest": evidence.digest,
            "subject": evidence.slot.subject,
            "tool": evidence.slot.tool,
            "producer": evidence.producer.key_id if evidence.producer else None,
            "expires_at": format_instant(evidence.expires_at),
            "subject_known": True,
            "alarms": alarms,
            "results": [{"digest": digest, "verdict": says.verdict} for digest, says in imported.results],
        }
        print_json({"schema": "bascule.ledger-import/v1", "evidence": [row]})
        return 0
    told = counted(alarms, "alarm") if alarms else "no alarm, which counts for nothing"
    print_text(f"recorded {evidence.digest}: {peer} on {visible(imported.subject.ref)}: {told}")
    return 0


def envelope_command(digest: str, path: Path, /, *, common: Common | None = None) -> int:
    """Write one signed envelope, byte for byte, so that others can import and verify it.

    Parameters
    ----------
    digest
        The evidence's digest, as reports and `bascule ledger show` print it.
    path
        The file to write.
    """
    common = common or Common()
    with open_session(common) as session:
        data = session.parts.store.envelope(as_digest(digest))
    write_whole(path, data)
    if common.json:
        print_json({"schema": "bascule.ledger-envelope/v1", "digest": digest, "path": str(path), "bytes": len(data)})
    else:
        say(f"wrote {path}: {len(data)} bytes")
    return 0


def _head(parts: Parts) -> tuple[int, str | None]:
    head = parts.store.head()
    return (head.size, head.root) if head else (0, None)
