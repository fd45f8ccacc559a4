"""Supply-chain evidence alone: what is in these files?

`unsafe` = at least one finding of severity medium or above with outcome `true`; `error` = a question could not be
answered, by a fault or because nobody here can read such bytes; `clean` = every question that applies was answered
`false`; `not-applicable` = no scanner reads such a file. An answer about the subject as a whole counts for every file.
"""

from __future__ import annotations

from typing import Literal

import bascule
from bascule.collect.intake import take_in
from bascule.collect.scan import Examined, examine
from bascule.journeys.document import finding_order
from bascule.journeys.parts import Parts, Progress, silent
from bascule.journeys.peers import NOBODY, Asked
from bascule.journeys.review import choose_scanners, fetch
from bascule.kernel.scratch import held_folder
from bascule.plugins.kinds import Workspace
from bascule.records import Artefact, Confidence, FindingView, Outcome, PeerView, ScanDocument, ScannedFile, Severity
from bascule.records.artefact import IntakeNote

FileOutcome = Literal["clean", "unsafe", "error", "not-applicable"]


def scan(
    refs: tuple[str, ...],
    parts: Parts,
    *,
    only: tuple[str, ...] = (),
    beside: Asked = NOBODY,
    progress: Progress = silent,
) -> ScanDocument:
    """Scan each reference. Paths are relative to it; with several references they are prefixed by its name.

    beside: other scanners to hear about each file; what they say changes nothing of what we say.
    """
    files: list[ScannedFile] = []
    notes: list[str] = []
    scanners = choose_scanners(parts.scanners, only)
    for ref in refs:
        with held_folder(parts.scratch, "review-") as folder:
            inventory = take_in(
                fetch(ref, parts.sources, Workspace(folder, progress)), Workspace(folder, progress), parts.intake
            )
            examined = examine(inventory, scanners, parts.scan, progress)
            peers = beside.about(inventory, folder, progress)
        prefix = f"{ref.rstrip('/')}/" if len(refs) > 1 else ""
        files += [_scanned(artefact, examined, prefix, peers.get(artefact.path, ())) for artefact in examined.artefacts]
        files += [_not_taken(note, prefix) for note in (*inventory.notes, *examined.failed) if note.blocks]
        notes += [f"{prefix}{note.path}: {note.what}: {note.detail}" for note in inventory.notes if not note.blocks]
    counted = {
        name: sum(1 for file in files if file.outcome == name)
        for name in ("clean", "unsafe", "error", "not-applicable")
    }
    return ScanDocument(
        files=tuple(sorted(files, key=lambda file: file.path)),
        summary=counted,
        tool_version=bascule.__version__,
        notes=tuple(notes),
    )


def _scanned(artefact: Artefact, examined: Examined, prefix: str, peers: tuple[PeerView, ...]) -> ScannedFile:
    findings: list[FindingView] = []
    outcomes: set[Outcome] = set()
    here = (artefact.path, "")
    for observations in examined.observations.values():
        outcomes.update(answer.outcome for answer in observations.answers if answer.artefact in here)
        findings += [
            FindingView.of(finding, None)
            for finding in observations.findings
            if finding.artefact in here and finding.outcome is not Outcome.FALSE
        ]
    findings.sort(key=finding_order)
    return ScannedFile(
        path=prefix + artefact.path,
        sha256=artefact.sha256,
        media_type=artefact.media_type,
        outcome=_outcome(findings, outcomes),
        findings=tuple(findings),
        size_bytes=artefact.size_bytes,
        kind=artefact.kind.value,
        peers=peers,
    )


def _outcome(findings: list[FindingView], outcomes: set[Outcome]) -> FileOutcome:
    if any(f.outcome is Outcome.TRUE and f.severity.rank >= Severity.MEDIUM.rank for f in findings):
        return "unsafe"
    if any(
        outcome in (Outcome.ERROR, Outcome.NOT_AVAILABLE) for outcome in (*outcomes, *(f.outcome for f in findings))
    ):
        return "error"
    return "clean" if outcomes - {Outcome.NOT_APPLICABLE} else "not-applicable"


def _not_taken(note: IntakeNote, prefix: str) -> ScannedFile:
    finding = FindingView(
        rule="not-taken-in",
        outcome=Outcome.ERROR,
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        artefact=note.path,
        location="",
        message=f"{note.what}: {note.detail}",
        remedy="remove it from the repository, or replace it by a regular file",
    )
    return ScannedFile(
        path=prefix + note.path, sha256=None, media_type="inode/x-not-taken", outcome="error", findings=(finding,)
    )
