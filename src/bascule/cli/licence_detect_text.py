"""Detected licences as a lawyer reads them at a terminal: per file the id, why, and the passages that differ."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bascule.kernel.text import counted, visible
from bascule.records import FindingView, Outcome
from bascule.records.licences import LicencesDocument, LicenceSeen

WIDTH = 110
_VERDICTS = {
    "identified": "every text and name is known, and they agree",
    "findings": "something differs: read the findings",
    "unknown": "something could not be told",
}
# What the rows above already show.
_SHOWN_RULES = ("licence-variant-text", "licence-unknown-text")


def licences_text(document: LicencesDocument) -> str:
    """Texts, names, headers by licence, findings, and the verdict."""
    lines: list[str] = []
    for row in document.licences:
        if row.match != "declared":
            lines += _text(row)
    lines += _names([row for row in document.licences if row.match == "declared" and row.covers != "file"])
    lines += _headers([row for row in document.licences if row.covers == "file"])
    for finding in document.findings:
        if finding.rule not in _SHOWN_RULES or finding.outcome is Outcome.ERROR:
            lines += _finding(finding)
    lines += [
        "",
        f"{document.verdict}: {_VERDICTS[document.verdict]} ({counted(document.files, 'file')})",
        document.advice,
    ]
    return "\n".join(lines).lstrip("\n")


def _text(row: LicenceSeen) -> Iterator[str]:
    covers = "" if row.covers == "repository" else f", covers: {row.covers}"
    yield ""
    yield f"{visible(row.artefact)}"
    if row.match == "exact":
        yield f"  is {row.id}{covers}"
        yield f"  why: {row.detail}"
        return
    if row.match == "unknown":
        yield f"  is no licence that is known{covers}"
        yield from _wrapped(f"why: {row.detail}", "  ")
        return
    yield f"  is NOT {row.id}, and resembles it{covers}"
    similarity = f"{row.similarity:.0%} of its five-word runs are shared; " if row.similarity is not None else ""
    yield from _wrapped(
        f"why: {similarity}{counted(row.added, 'sentence')} of its own, {counted(row.missing, 'sentence')} of the "
        f"{row.known_sentences} in {row.id} not there. Nearness is no identity.",
        "  ",
    )
    for passage in row.passages:
        place = {None: "somewhere", 0: "at the beginning"}.get(passage.after, f"after sentence {passage.after}")
        yield from _wrapped(f"+ {place}: “{passage.text}”", "  ")
    if row.added > len(row.passages):
        yield f"  + and {row.added - len(row.passages)} more"
    if row.missing_at:
        more = "" if row.missing <= len(row.missing_at) else f", and {row.missing - len(row.missing_at)} more"
        yield from _wrapped(f"- not there: sentence {runs(row.missing_at)} of {row.id}{more}", "  ")


def _names(rows: Sequence[LicenceSeen]) -> Iterator[str]:
    if rows:
        yield ""
        yield "named, not read:"
    for row in rows:
        spdx = f" = {row.spdx}" if row.spdx not in (None, row.id) else ""
        yield f"  {visible(row.id)}{spdx} by {visible(row.artefact)}, {visible(row.location)}"


def _headers(rows: Sequence[LicenceSeen]) -> Iterator[str]:
    files: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        files[row.id].append(row.artefact)
    if files:
        yield ""
        yield "headers of source files:"
    for licence, paths in sorted(files.items()):
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"  {visible(licence)}: {visible(paths[0])}{more}"


def _finding(finding: FindingView) -> Iterator[str]:
    place = f": {visible(finding.artefact)}" if finding.artefact else ""
    yield ""
    yield f"{finding.severity.value:<8} {finding.rule}{place}"
    yield from _wrapped(visible(finding.message, 600), "         ")
    said = finding.details.get("says")
    for one in said if isinstance(said, list) else ():
        yield f"           {visible(str(one), 160)}"
    if finding.remedy:
        yield from _wrapped(f"remedy: {visible(finding.remedy, 300)}", "         ")


def runs(numbers: Sequence[int]) -> str:
    """Numbers as a person writes them: `3, 7-9 and 12`."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    words = [f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False)
