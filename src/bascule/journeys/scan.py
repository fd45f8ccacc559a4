"""Supply-chain evidence alone: what is in these files?

`unsafe` = at least one finding of severity medium or above with outcome `true`; `error` = a question could not be
answered, by a fault or because nobody here can read such bytes; `clean` = every question that applies was answered
`false`; `not-applicable` = no scanner reads such a file. An answer about the subject as a whole counts for every file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import bascule
from bascule.collect.after import conclude, given_of
from bascule.collect.intake import Inventory, take_in
from bascule.collect.scan import examine
from bascule.collect.scan.gather import Looked
from bascule.journeys.choosing import choose, fetch
from bascule.journeys.document import finding_order
from bascule.journeys.parts import Parts, Progress, silent
from bascule.journeys.peers import NOBODY, Asked
from bascule.kernel.scratch import held_folder
from bascule.plugins.kinds import Workspace
from bascule.records import (
    Confidence,
    Coverage,
    Finding,
    FindingView,
    Observations,
    Outcome,
    PeerView,
    ScanDocument,
    ScannedFile,
    Severity,
)
from bascule.records.artefact import IntakeNote
from bascule.records.coverage import whole

FileOutcome = Literal["clean", "unsafe", "error", "not-applicable"]


def scan(
    refs: tuple[str, ...],
    parts: Parts,
    *,
    only: tuple[str, ...] = (),
    beside: Asked = NOBODY,
    hashes: tuple[str, ...] = ("sha256",),
    everything: bool = False,
    progress: Progress = silent,
) -> ScanDocument:
    """Scan each reference. Paths are relative to it; with several references they are prefixed by its name, and a file
    that was given by its own name keeps that.

    beside: other scanners to hear about each file; what they say changes nothing of what we say. hashes: the digests to
    compute, none or more of `sha256` and `blake3`. everything: fetch a remote subject whole; otherwise its bytes stay
    where they are, and those come that a scanner asks for.
    """
    files: list[ScannedFile] = []
    notes: list[str] = []
    scanners, steps = choose(parts, only)
    for ref in refs:
        with held_folder(parts.scratch, "review-") as folder:
            inventory = take_in(
                fetch(ref, parts.sources, Workspace(folder, progress), ranges=not everything),
                Workspace(folder, progress),
                parts.intake,
            )
            examined = examine(inventory, scanners, replace(parts.scan, hashes=hashes), progress)
            given = given_of(inventory, examined, examined.observations.values())
            concluded = conclude(given, steps)
            peers = beside.about(inventory, folder, progress)
        prefix = _prefix(ref, inventory) if len(refs) > 1 else ""
        said = _by_file(examined.observations.values())
        _add_conclusions(said, concluded.values())
        declared = inventory.shelf.declared if inventory.shelf is not None else {}
        files += [
            _scanned(looked, said, prefix, peers.get(looked.path, ()), declared.get(looked.path))
            for looked in examined.looked
        ]
        files += [_not_taken(note, prefix) for note in (*inventory.notes, *examined.failed) if note.blocks]
        seen = (*inventory.notes, *(inventory.shelf.notes() if inventory.shelf is not None else ()))
        notes += [f"{prefix}{note.path}: {note.what}: {note.detail}" for note in seen if not note.blocks]
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


def _prefix(ref: str, inventory: Inventory) -> str:
    paths = [entry.path for entry in inventory.entries]
    if len(paths) == 1 and f"/{ref}".endswith(f"/{paths[0]}"):
        return ref.removesuffix(paths[0])
    return f"{ref.rstrip('/')}/"


@dataclass(slots=True)
class _Said:
    """What all scanners said of one file."""

    outcomes: set[Outcome] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)


def _by_file(seen: Iterable[Observations]) -> dict[str, _Said]:
    said: dict[str, _Said] = defaultdict(_Said)
    for observations in seen:
        for answer in observations.answers:
            said[answer.artefact].outcomes.add(answer.outcome)
        for finding in observations.findings:
            if finding.outcome is not Outcome.FALSE:
                said[finding.artefact].findings.append(finding)
        for row in observations.coverage:
            said[row.artefact].coverage.append(row)
    return said


def _add_conclusions(said: dict[str, _Said], concluded: Iterable[Observations]) -> None:
    """What followed the scan. It may alarm; `false` of it makes no file clean that no scanner could read."""
    for path, after in _by_file(concluded).items():
        said[path].outcomes |= after.outcomes - {Outcome.FALSE}
        said[path].findings += after.findings


def _scanned(
    looked: Looked, said: dict[str, _Said], prefix: str, peers: tuple[PeerView, ...], declared: str | None
) -> ScannedFile:
    here, whole_subject = said[looked.path], said[""]
    findings = [FindingView.of(finding, None) for finding in (*here.findings, *whole_subject.findings)]
    findings.sort(key=finding_order)
    return ScannedFile(
        path=prefix + looked.path,
        sha256=looked.sha256,
        media_type=looked.media_type,
        outcome=_outcome(findings, here.outcomes | whole_subject.outcomes),
        findings=tuple(findings),
        size_bytes=looked.size_bytes,
        kind=looked.kind.value,
        blake3=looked.blake3,
        declared_sha256=declared,
        coverage=whole(here.coverage, looked.size_bytes),
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
