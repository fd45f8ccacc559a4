"""A scan as a person reads it at a terminal."""

from __future__ import annotations

from bascule.kernel.text import counted, visible
from bascule.records import FindingView, Outcome, ScanDocument, ScannedFile
from bascule.records.review import ScanChanges


def scan_text(document: ScanDocument) -> str:
    """Findings, worst first within each file; then the counts, and the name for `--since`."""
    lines: list[str] = []
    for file in document.files:
        for finding in file.findings:
            if finding.outcome is Outcome.TRUE or file.outcome == "error":
                lines += _finding(finding, file.path)
    counts = ", ".join(f"{count} {name}" for name, count in document.summary.items())
    lines.append(f"{counted(len(document.files), 'file')}: {counts}")
    if document.baseline is not None:
        lines.append(f"compare with this scan another time: --since {document.baseline}")
    return "\n".join(lines)


def peers_text(document: ScanDocument) -> str:
    """Ours and each peer's verdict, file by file, with the first thing that it says."""
    lines = []
    for file in document.files:
        lines.append(f"{visible(file.path)}")
        lines.append(
            f"  {'bascule ' + document.tool_version:<22} {file.outcome:<14} {_counted_findings(file)}".rstrip()
        )
        for peer in file.peers:
            name = f"{peer.peer} {visible(peer.version, 20)}"
            first = visible(peer.lines[0], 160) if peer.lines else ""
            lines.append(f"  {name:<22} {peer.verdict:<14} {first}".rstrip())
    return "\n".join(lines)


def _counted_findings(file: ScannedFile) -> str:
    rules = dict.fromkeys(finding.rule for finding in file.findings if finding.outcome is Outcome.TRUE)
    return ", ".join(rules)


def changes_text(changes: ScanChanges) -> str:
    """What is new and gone, by name."""
    lines = [f"since {changes.since}:"]
    for what, paths in (("added", changes.added), ("removed", changes.removed), ("changed", changes.changed)):
        lines += [f"  {what} file: {visible(path)}" for path in paths]
    for what, findings in (("new", changes.new), ("gone", changes.gone)):
        lines += [
            f"  {what}: {finding.severity.value} {finding.rule}: {visible(finding.artefact)}: "
            f"{visible(finding.message, 200)}"
            for finding in findings
        ]
    lines.append(
        f"  {len(changes.new)} new, {len(changes.gone)} gone, {changes.still} as before"
        if len(lines) > 1
        else "  nothing changed"
    )
    return "\n".join(lines)


def _finding(finding: FindingView, path: str) -> list[str]:
    place = f" at {visible(finding.location)}" if finding.location else ""
    lines = [
        f"{finding.severity.value:<8} {finding.rule}: {visible(path)}{place}",
        f"         {visible(finding.message, 400)}",
    ]
    if loader := finding.details.get("loader"):
        lines.append(f"         taken by: {visible(str(loader), 200)}")
    if finding.remedy:
        lines.append(f"         remedy: {visible(finding.remedy, 300)}")
    if finding.references:
        lines.append(f"         see: {visible(', '.join(finding.references), 300)}")
    return lines
