"""`bascule scan`: supply-chain evidence alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bascule.cli.output import Common, print_json, print_text, progress_display, say
from bascule.cli.session import open_session
from bascule.journeys.scan import scan
from bascule.kernel.files import write_whole
from bascule.kernel.text import counted, visible
from bascule.records import Outcome, ScanDocument
from bascule.records.sarif import sarif_log


def scan_command(
    *paths: str,
    sarif: Path | None = None,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    common: Common | None = None,
) -> int:
    """Scan files in a sandbox; nothing of them is ever executed.

    Exit code 0: every file clean; 1: at least one unsafe; 2: none unsafe, but something could not be told.

    Parameters
    ----------
    paths
        Folders, files, archives or references.
    sarif
        Also write the findings as SARIF 2.1.0 to this file.
    only
        These scanners or rules alone.
    """
    common = common or Common()
    if not paths:
        say("error: nothing to scan\nhint: give a folder, a file, or `pypi:name`")
        return 2
    with progress_display(quiet=common.json) as progress, open_session(common) as session:
        document = scan(paths, session.parts, only=only, progress=progress)
    if sarif is not None:
        findings = [finding for file in document.files for finding in file.findings]
        write_whole(sarif, sarif_log(findings, document.tool_version))
        say(f"wrote {sarif}")
    if common.json:
        print_json(document.as_json())
    else:
        print_text(_text(document))
    if document.summary["unsafe"]:
        return 1
    return 2 if document.summary["error"] else 0


def _text(document: ScanDocument) -> str:
    lines = []
    for file in document.files:
        for finding in file.findings:
            if finding.outcome is Outcome.TRUE or file.outcome == "error":
                place = f" at {visible(finding.location)}" if finding.location else ""
                lines.append(f"{finding.severity.value:<8} {finding.rule}: {visible(file.path)}{place}")
                lines.append(f"         {visible(finding.message, 400)}")
                if finding.remedy:
                    lines.append(f"         remedy: {visible(finding.remedy, 300)}")
    counts = ", ".join(f"{count} {name}" for name, count in document.summary.items())
    lines.append(f"{counted(len(document.files), 'file')}: {counts}")
    return "\n".join(lines)
