"""`bascule comply`: a framework, control by control, from the evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bascule.cli.output import Judging, print_json, print_text, progress_display, say
from bascule.cli.session import open_judging, review_request
from bascule.journeys.comply import comply
from bascule.judge.comply.oscal import assessment_results, catalogue, catalogue_name
from bascule.judge.comply.sheets import SIGNS, answer_of, table
from bascule.judge.comply.sheets import markdown as page
from bascule.kernel.errors import BasculeError, InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import counted, visible
from bascule.plugins.registry import discover
from bascule.records.compliance import ComplianceDocument, ControlView, Status
from bascule.wiring import load_framework

EXIT = {Status.MET: 0, Status.NOT_APPLICABLE: 0, Status.NOT_MET: 1, Status.UNKNOWN: 2}


def comply_command(
    framework: str,
    ref: str | None = None,
    /,
    *,
    tier: str | None = None,
    ladder: str = "release",
    audience: str = "",
    oscal: Path | None = None,
    markdown: Path | None = None,
    csv: Path | None = None,
    out: Path | None = None,
    common: Judging | None = None,
) -> int:
    """Answer a framework control by control: met, not met, unknown or not applicable, and on which evidence.

    A subject that the ledger knows is answered from its evidence, and no file is read; another is reviewed first. Exit
    code 0 when everything that applies is met, 1 when something is not, 2 when something is not known. This is
    engineering evidence, not legal advice.

    Parameters
    ----------
    framework
        A framework's id or folder; `list` says which there are.
    ref
        What `bascule review` takes, or the digest of a subject in the ledger.
    tier
        The tier that the decision is asked for.
    ladder
        `release` or `adopt`.
    audience
        Only what this audience gets, where the framework tells them apart: `downstream`, `aio`, …
    oscal
        Write OSCAL assessment results to this file, and the framework's catalogue beside it.
    markdown
        Write Markdown to this file.
    csv
        Write CSV to this file.
    out
        Write all of them, and the JSON document, to this folder.
    """
    common = common or Judging()
    if framework == "list" and ref is None:
        return _list(common)
    if ref is None:
        raise InputError(
            "comply.no-subject", "a framework is asked of something", f"write `bascule comply {visible(framework)} REF`"
        )
    asked = load_framework(framework)
    with progress_display(quiet=common.json) as progress, open_judging(common) as session:
        request = review_request(session, ref, tier, ladder, common)
        document = comply(asked, request, session.policy, session.parts, progress, audience)
    if common.json:
        print_json(document.as_json())
    else:
        print_text("\n".join(_lines(document)))
    for path in _written(document, oscal, markdown, csv, out):
        say(f"wrote {path}")
    return EXIT[document.verdict]


def _list(common: Judging) -> int:
    rows: list[dict[str, Any]] = []
    for loaded in discover("frameworks"):
        try:
            read = load_framework(loaded.id)
        except BasculeError as error:
            rows.append({"id": loaded.id, "distribution": loaded.distribution, "error": error.message})
            continue
        rows.append(
            {
                "id": read.id,
                "distribution": loaded.distribution,
                "title": read.title,
                "publisher": read.publisher,
                "version": read.version,
                "controls": len(read.controls),
                "rights": read.rights,
                "read": read.read,
                "link": read.link,
                "digest": read.digest,
            }
        )
    if common.json:
        print_json({"schema": "bascule.frameworks/v1", "frameworks": rows})
    else:
        for row in rows:
            if "error" in row:
                print_text(f"{row['id']:<24} {row['error']}")
            else:
                print_text(f"{row['id']:<24} {visible(row['title'])}, {counted(row['controls'], 'control')}")
        if not rows:
            print_text("there is no framework; give a folder that holds framework.yaml")
    return 1 if any("error" in row for row in rows) else 0


def _lines(document: ComplianceDocument) -> list[str]:
    """For a terminal: the answer, what is wanting and from whom, what comes later."""
    counts = ", ".join(f"{count} {status}" for status, count in document.counts.items())
    lines = [
        f"{visible(document.framework.title)} ({visible(document.framework.version)})",
        f"{visible(document.ref)}: {document.verdict.value} ({counts})",
        document.notice,
    ]
    told: set[str] = set()
    for section in document.framework.sections:
        controls = [control for control in document.controls if control.section == section.id]
        if controls:
            lines += ["", visible(section.title), *(line for control in controls for line in _control(control, told))]
    if document.upcoming:
        lines += ["", "Later"]
        lines += [f"  {each.applies_from}  {each.id} {visible(each.title)}" for each in document.upcoming]
    return lines


def _control(control: ControlView, told: set[str]) -> list[str]:
    """told: why something applies or not, as far as it was said further up; each reason is given once."""
    said = f" [{', '.join(control.basis)}]" if control.basis and control.status is Status.MET else ""
    lines = [f"  {SIGNS[control.status]} {control.id}  {visible(control.title)}{said}"]
    if control.status in (Status.NOT_MET, Status.UNKNOWN):
        lines.append(f"      {visible(control.because, 300)}")
        lines.append(
            f"      from: {visible(control.supply)}" + (f"; {visible(control.command, 400)}" if control.command else "")
        )
    if control.applies_because and control.applies_because not in told:
        told.add(control.applies_because)
        lines.append(f"      {visible(control.applies_because, 400)}")
    if control.status is Status.MET and control.answers:
        lines.append(f"      {visible(answer_of(control), 300)}")
    return lines


def _written(
    document: ComplianceDocument, oscal: Path | None, markdown: Path | None, csv: Path | None, out: Path | None
) -> list[Path]:
    """Every file that was asked for, each written whole."""
    name = document.framework.id
    files: dict[Path, bytes] = {}
    for path in (oscal, out / f"{name}.oscal.json" if out else None):
        if path is not None:
            files[path] = _json(assessment_results(document))
            files[path.parent / catalogue_name(document)] = _json(catalogue(document))
    for path in (markdown, out / f"{name}.md" if out else None):
        if path is not None:
            files[path] = page(document)
    for path in (csv, out / f"{name}.csv" if out else None):
        if path is not None:
            files[path] = table(document)
    if out is not None:
        files[out / f"{name}.json"] = _json(document.as_json())
    for path, data in files.items():
        write_whole(path, data)
    return list(files)


def _json(document: object) -> bytes:
    return (json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()
