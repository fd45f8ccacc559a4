"""A compliance document for people: Markdown to read and CSV to fill in.

Rules: what came from an artefact, a card or a context is literal text in both: no markup, no link, no HTML, and no cell
that a spreadsheet would run. The sentence on legal advice is on the page, and in every row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from bascule.kernel.clock import format_instant
from bascule.kernel.markdown import code, text
from bascule.kernel.text import counted, visible
from bascule.records.compliance import NOBODY, ComplianceDocument, ControlView, FactView, Status

SIGNS = {Status.MET: "✓", Status.NOT_MET: "✕", Status.UNKNOWN: "?", Status.NOT_APPLICABLE: "–"}
COLUMNS = (
    *(
        "framework",
        "version",
        "id",
        "section",
        "title",
        "status",
        "applies",
        "applies_because",
        "answer",
        "basis",
        "because",
        "supply",
    ),
    *("command", "evidence", "audience", "dimensions", "kinds_of_evidence", "applies_from", "applies_until", "source"),
    *("note", "read", "reviewed_by", "as_of", "notice"),
)
_RUNS = ("=", "+", "-", "@", "\t", "\r")


def markdown(document: ComplianceDocument) -> bytes:
    """The answer first, then what is wanting and from whom, then every control."""
    framework = document.framework
    counts = ", ".join(f"{count} {status}" for status, count in document.counts.items())
    lines = [
        f"# {text(framework.title)}",
        "",
        f"{code(document.ref)} as of {format_instant(document.as_of)}: **{document.verdict.value}** ({counts}).",
        "",
        f"*{document.notice}*",
        "",
        f"- text: {text(framework.publisher)}, {text(framework.version)}, {_link(framework.link)}",
        f"- read: {text(framework.read)}",
        f"- rights: {text(framework.rights)}",
        f"- compared with the text by a second reader: {_reviewed(document)}",
        *([f"- for: {text(document.audience)}"] if document.audience else []),
        f"- subject {code(document.subject)}",
        f"- decision {code(document.decision)} at {code(document.tier)}, policy {code(document.policy)}",
        *([f"- stands until {format_instant(document.review_by)}"] if document.review_by else []),
        "",
        *_wanting(document),
        *_tables(document),
        *_later(document),
        *(
            ["## What this cannot show", "", *(f"- {text(limit)}" for limit in document.limits), ""]
            if document.limits
            else []
        ),
        "## What it rests on",
        "",
        *(
            f"- {code(view.digest)} {text(view.tool)} {text(view.version)}, {format_instant(view.issued_at)} "
            f"to {format_instant(view.expires_at)}"
            for view in document.evidence
        ),
        "",
    ]
    return "\n".join(lines).encode()


def _reviewed(document: ComplianceDocument) -> str:
    controls = (*document.controls, *document.upcoming)
    done = sum(control.reviewed_by != NOBODY for control in controls)
    return f"{done} of {counted(len(controls), 'control')}"


def _link(address: str) -> str:
    safe = address.startswith(("https://", "http://")) and not set(address) & set(" <>()[]\"'`")
    return f"<{visible(address)}>" if safe else code(address)


def _wanting(document: ComplianceDocument) -> Iterator[str]:
    """Who must supply what, the same person's together."""
    by_whom: dict[str, list[ControlView]] = {}
    for control in document.controls:
        if control.status in (Status.NOT_MET, Status.UNKNOWN):
            by_whom.setdefault(control.supply, []).append(control)
    if not by_whom:
        return
    yield from ("## What is wanting, and from whom", "")
    for person, controls in by_whom.items():
        yield f"- {text(person)}"
        for control in controls:
            command = f" ({code(control.command)})" if control.command else ""
            yield f"  - {SIGNS[control.status]} {text(control.id)} {text(control.title)}{command}"
    yield ""


def _tables(document: ComplianceDocument) -> Iterator[str]:
    for section in document.framework.sections:
        rows = [control for control in document.controls if control.section == section.id]
        if not rows:
            continue
        yield from (f"## {text(section.title)}", "")
        yield from ("| | id | control | answer | rests on | source |", "|---|---|---|---|---|---|")
        for control in rows:
            cells = (
                f"{SIGNS[control.status]} {control.status.value}",
                text(control.id),
                text(control.title),
                text(answer_of(control, 300) or control.reason, 400),
                text(", ".join([*control.basis, *(digest[7:19] for digest in control.evidence[:3])])),
                _source(control),
            )
            yield "| " + " | ".join(cells) + " |"
        yield ""


def _source(control: ControlView) -> str:
    parts = [
        control.source,
        control.note,
        f"for {', '.join(control.audience)}" if control.audience else "",
        control.read,
    ]
    return text("; ".join(part for part in parts if part))


def _later(document: ComplianceDocument) -> Iterator[str]:
    if document.upcoming:
        yield from ("## What applies later", "")
        for control in document.upcoming:
            yield (
                f"- from {control.applies_from}: {text(control.id)} {text(control.title)} "
                f"(today {control.status.value}; {text(control.source)})"
            )
        yield ""


def table(document: ComplianceDocument) -> bytes:
    """CSV (RFC 4180, UTF-8), a row per control, those to come at the end."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for control in (*document.controls, *document.upcoming):
        writer.writerow([harmless(value) for value in _row(control, document)])
    return out.getvalue().encode()


def _row(control: ControlView, document: ComplianceDocument) -> Iterable[object]:
    return (
        document.framework.id,
        document.framework.version,
        control.id,
        document.section_title(control.section),
        control.title,
        control.status.value if control in document.controls else f"later: {control.status.value}",
        control.applies,
        control.applies_because,
        answer_of(control, 2_000),
        " ".join(control.basis),
        control.because,
        control.supply,
        control.command,
        " ".join(control.evidence),
        " ".join(control.audience),
        " ".join(control.dimensions),
        " ".join(control.kinds_of_evidence),
        control.applies_from,
        control.applies_until or "",
        control.source,
        control.note,
        control.read,
        control.reviewed_by,
        format_instant(document.as_of),
        document.notice,
    )


def answer_of(control: ControlView, limit: int = 300) -> str:
    """The words that fill an item, each fact's cut to `limit` characters; empty where it is not filled."""
    given = (_words(fact) for fact in control.answers if fact.value not in (None, "", [], {}))
    return "; ".join(visible(words, limit) for words in dict.fromkeys(given))


def _words(fact: FactView) -> str:
    return ", ".join(map(_word, fact.value)) if isinstance(fact.value, list) else _word(fact.value)


def _word(value: object) -> str:
    # CEL has no whole numbers among its measures; people do.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def harmless(value: object) -> str:
    """A cell that no spreadsheet runs: what begins like a formula gets an apostrophe before it."""
    shown = visible(str(value), 4_000)
    return f"'{shown}" if shown.lstrip().startswith(_RUNS) else shown
