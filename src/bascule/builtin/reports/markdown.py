"""Markdown: for pull requests, tickets and mail. Whatever came from an artefact is escaped."""

from __future__ import annotations

from bascule.kernel.clock import format_instant
from bascule.kernel.markdown import cell, code, text
from bascule.plugins.meta import Meta
from bascule.records import ReviewDocument
from bascule.records.summary import blockers, headline, licence_rows, next_steps, next_tier, principal_kind

_SIGN = {"pass": "✓", "fail": "✕", "unknown": "?", "not-applicable": "–"}


class MarkdownReport:
    """The answer first, then tables."""

    meta = Meta(id="markdown", title="Markdown")
    file_name = "report.md"

    def render(self, document: ReviewDocument) -> bytes:
        d = document
        lines = [
            f"# {text(headline(d))}",
            "",
            f"Review of {code(d.subject.ref)} as of {format_instant(d.as_of)}, policy {code(d.policy_pack.id)} "
            f"{text(d.policy_pack.version)}, verdict **{d.verdict}**.",
            "",
            "| kind | granted |",
            "|---|---|",
            *(f"| {text(kind)} | {tier} |" for kind, tier in d.granted.items()),
            "",
        ]
        blocking = blockers(d)
        if blocking and next_tier(d):
            lines += [f"## What blocks {text(principal_kind(d))} at {next_tier(d)}", ""]
            lines += [
                f"- {'✕' if r.effect == 'deny' else '?'} {text(r.because)} ({r.dimension.value}, {code(r.rule)})"
                for r in blocking
            ]
            lines.append("")
        steps = next_steps(d)
        if steps:
            lines += ["## What to do first", ""]
            for position, step in enumerate(steps, 1):
                lines.append(
                    f"{position}. {text(step.what)}"
                    + (f": {code(step.command)}" if step.command else "")
                    + (f" ({text(step.cost)})" if step.cost else "")
                )
            lines.append("")
        lines += [
            f"## Dimensions at {d.requested_tier}",
            "",
            "| dimension | answer | interval | threshold | unit |",
            "|---|---|---|---|---|",
        ]
        for item in d.dimensions:
            interval = (
                f"{item.low:.4g} to {item.high:.4g}" if item.low is not None and item.high is not None else "none"
            )
            limit = f"{item.threshold:.4g}" if item.threshold is not None else ""
            answer = f"{_SIGN[item.verdict.value]} {item.verdict.value}"
            lines.append(f"| {item.dimension.value} | {answer} | {interval} | {limit} | {text(item.unit)} |")
        lines.append("")
        if d.findings:
            lines += ["## Findings", "", "| severity | rule | where | what |", "|---|---|---|---|"]
            for f in d.findings:
                place = f.artefact + (f" {f.location}" if f.location else "")
                outcome = "" if f.outcome.value == "true" else f" ({f.outcome.value})"
                lines.append(
                    f"| {f.severity.value}{outcome} | {cell(f.rule)} | {text(place, 160)} | {text(f.message)} |"
                )
            lines.append("")
        if d.licences:
            lines += ["## Licences", "", "| where | licence | match |", "|---|---|---|"]
            lines += [f"| {text(item.artefact, 160)} | {text(item.id)} | {item.match} |" for item in d.licences]
            lines.append("")
        if d.licensing:
            lines += ["## What licences and lineage allow", "", "| acts | kinds | answer | licence | why |"]
            lines.append("|---|---|---|---|---|")
            for row in licence_rows(d):
                acts, kinds = ", ".join(row.acts), ", ".join(kind.replace("_", " ") for kind in row.kinds)
                lines.append(f"| {acts} | {kinds} | {row.verdict} | {text(row.licence)} | {text(row.because, 400)} |")
            lines += ["", "Engineering evidence, not legal advice.", ""]
        if d.obligations:
            lines += [
                "## Obligations",
                "",
                *(f"- **{text(o.kind)}**: {text(o.text, 600)} ({text(o.source)})" for o in d.obligations),
                "",
            ]
        if d.missing:
            lines += ["## What to measure next", "", "| evidence | dimension | buys | how |", "|---|---|---|---|"]
            lines += [
                f"| {text(m.evidence)} | {m.dimension.value} | {m.buys:.2g} | {cell(m.command)} |" for m in d.missing
            ]
            lines.append("")
        if d.limits:
            lines += ["## Limits", "", *(f"- {text(line, 600)}" for line in d.limits), ""]
        lines += [
            f"Decision {code(d.decision)}, policy {code(d.policy)}, ledger head {code(d.ledger_head or 'none')}.",
            "",
        ]
        return "\n".join(lines).encode()


plugin = MarkdownReport()
