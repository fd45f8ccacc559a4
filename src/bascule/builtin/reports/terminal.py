"""The terminal: the answer first (granted tier per artefact, what blocks, the cheapest steps), then detail."""

from __future__ import annotations

import io
import shutil

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bascule.kernel.text import visible
from bascule.plugins.meta import Meta
from bascule.records import ReviewDocument
from bascule.records.summary import blockers, headline, next_steps, next_tier, principal_kind

_COLOUR = {
    "granted": "green",
    "refused": "red",
    "unknown": "yellow",
    "pass": "green",
    "fail": "red",
    "not-applicable": "bright_black",
}
_SIGN = {"pass": "✓", "fail": "✕", "unknown": "?", "not-applicable": "–"}
_SEVERITY = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "bright_black"}


class TerminalReport:
    """ANSI text; the command line strips the colours where stdout is a file."""

    meta = Meta(id="terminal", title="Terminal")
    file_name = ""

    def render(self, document: ReviewDocument) -> bytes:
        buffer = io.StringIO()
        width = max(72, min(shutil.get_terminal_size((100, 24)).columns, 120))
        console = Console(file=buffer, force_terminal=True, width=width, color_system="standard", highlight=False)
        _answer(console, document)
        _dimensions(console, document)
        _findings(console, document)
        _rest(console, document)
        return buffer.getvalue().encode()


def _answer(console: Console, d: ReviewDocument) -> None:
    console.print(Text(headline(d), style=f"bold {_COLOUR[d.verdict]}"))
    console.print(Text(visible(d.subject.ref, 200), style="bright_black"))
    tiers = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for kind, tier in d.granted.items():
        tiers.add_row(
            Text(kind.replace("_", " ")), Text(tier, style="bold"), Text(d.ladder.tier(tier).name, style="bright_black")
        )
    console.print(tiers)
    blocking = blockers(d)
    if blocking and next_tier(d):
        console.print(Text(f"\nWhat blocks {principal_kind(d).replace('_', ' ')} at {next_tier(d)}", style="bold"))
        for reason in blocking[:6]:
            fails = reason.effect == "deny"
            console.print(
                Text.assemble(
                    ("  ✕ " if fails else "  ? ", "red" if fails else "yellow"),
                    visible(reason.because, 300),
                    (f"  [{reason.rule}]", "bright_black"),
                )
            )
        if len(blocking) > 6:
            console.print(Text(f"  and {len(blocking) - 6} more", style="bright_black"))
    steps = next_steps(d)
    if steps:
        console.print(Text("\nWhat to do first", style="bold"))
        for position, step in enumerate(steps, 1):
            cost = f"  ({visible(step.cost, 80)})" if step.cost else ""
            console.print(Text.assemble(f"  {position}. {visible(step.what, 300)}", (cost, "bright_black")))
            if step.command:
                console.print(Text(f"     {visible(step.command, 300)}", style="cyan"))
    if d.verdict == "granted" and d.approvals_needed:
        need = d.approvals_needed[-1]
        signers = "1 person signs" if need.quorum == 1 else f"{need.quorum} persons sign"
        command = f"bascule approve {d.decision} --person … --role …"
        console.print(Text(f"\nIn effect once {signers}: {command}", style="bright_black"))


def _dimensions(console: Console, d: ReviewDocument) -> None:
    table = Table(
        title=f"\nEight dimensions at {d.requested_tier}",
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
    )
    for name in ("", "dimension", "interval", "threshold", "unit"):
        table.add_column(name, style="bright_black" if name == "unit" else "")
    for item in d.dimensions:
        verdict = item.verdict.value
        interval = f"[{item.low:.4g}, {item.high:.4g}]" if item.low is not None and item.high is not None else ""
        limit = f"{item.threshold:.4g}" if item.threshold is not None else ""
        table.add_row(
            Text(f"{_SIGN[verdict]} {verdict}", style=_COLOUR[verdict]),
            item.dimension.value,
            Text(interval),
            limit,
            item.unit,
        )
    console.print(table)


def _findings(console: Console, d: ReviewDocument) -> None:
    if not d.findings:
        return
    console.print(Text(f"\nFindings ({len(d.findings)})", style="bold"))
    for finding in d.findings[:15]:
        place = finding.artefact + (f" {finding.location}" if finding.location else "")
        outcome = "" if finding.outcome.value == "true" else f" ({finding.outcome.value})"
        console.print(
            Text.assemble(
                (f"  {finding.severity.value:<8} ", _SEVERITY[finding.severity.value]),
                f"{finding.rule}{outcome}  ",
                (visible(place, 160), "bright_black"),
            )
        )
        console.print(Text(f"           {visible(finding.message, 300)}"))
    if len(d.findings) > 15:
        console.print(Text(f"  and {len(d.findings) - 15} more (--json, or --out DIR)", style="bright_black"))


def _rest(console: Console, d: ReviewDocument) -> None:
    if d.licences:
        seen = sorted({f"{visible(item.id, 60)} ({item.match})" for item in d.licences})
        console.print(Text.assemble(("\nLicences  ", "bold"), ", ".join(seen)))
    if d.obligations:
        console.print(Text("\nObligations", style="bold"))
        for item in d.obligations[:8]:
            console.print(Text(f"  {item.kind}: {visible(item.text, 300)}"))
    console.print(Text.assemble(("\nOpenness  ", "bold"), f"Model Openness Framework class {d.openness.mof_class}"))
    for line in d.limits:
        console.print(Text(f"Limit     {visible(line, 300)}", style="bright_black"))
    console.print(
        Text(
            f"Decision  {d.decision}\nPolicy    {d.policy_pack.id} {d.policy_pack.version} {d.policy}",
            style="bright_black",
        )
    )


plugin = TerminalReport()
