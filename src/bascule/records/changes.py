"""What two scans of the same place say differently.

Rules: files are the same by path and differ by digest; findings are the same by rule, outcome, place and what was seen,
so that a reworded message is no news. Nothing is left out of the later scan because an earlier one knew it: what is not
to count is a waiver, with a name and a date.
"""

from __future__ import annotations

from bascule.kernel.digests import Digest, digest_of_json
from bascule.records.review import FindingView, ScanChanges, ScanDocument, ScannedFile


def baseline_of(document: ScanDocument) -> Digest:
    """The name under which a scan is kept and found again: of what it saw; not of what it was compared with, nor of
    what other scanners said."""
    told = document.as_json()
    told["files"] = [{key: value for key, value in file.items() if key != "peers"} for file in told["files"]]
    return digest_of_json({key: value for key, value in told.items() if key not in ("baseline", "changes")})


def changes_since(before: ScanDocument, after: ScanDocument) -> ScanChanges:
    """What is new, gone and different in `after`. Law: swapping the two swaps added with removed and new with gone."""
    old = {file.path: file for file in before.files}
    new = {file.path: file for file in after.files}
    known, seen = _findings(before), _findings(after)
    return ScanChanges(
        since=baseline_of(before),
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(path for path in new.keys() & old.keys() if _digest(new[path]) != _digest(old[path]))),
        new=tuple(seen[key] for key in seen if key not in known),
        gone=tuple(known[key] for key in known if key not in seen),
        still=sum(1 for key in seen if key in known),
    )


def _digest(file: ScannedFile) -> list[object]:
    return [file.sha256 or file.declared_sha256, file.blake3, file.size_bytes]


def _findings(document: ScanDocument) -> dict[str, FindingView]:
    return {
        digest_of_json([file.path, finding.rule, finding.outcome, finding.location, finding.details]): finding
        for file in document.files
        for finding in file.findings
    }
