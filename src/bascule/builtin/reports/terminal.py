"""The terminal: the answer first (granted tier per artefact, what blocks, the cheapest steps), then detail."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bascule.kernel.numbers import number
from bascule.kernel.text import visible
from bascule.plugins.meta import Meta
from bascule.records import ReviewDocument
from bascule.records.summary import (
    act_at,
    blockers,
    headline,
    licence_rows,
    next_steps,
    next_tier,
    principal_kind,
)

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
_SIGN_OF = {"allow": "✓", "deny": "✕", "unknown": "?"}
_COLOUR_OF = {"allow": "green", "deny": "red", "unknown": "yellow"}
_SOFT = "bright_black"
_BLOCKERS, _FINDINGS, _OBLIGATIONS, _LIMITS, _LICENCES = 6, 12, 8, 3, 6


class TerminalReport:
    """ANSI text; the command line strips the colours where stdout is a file."""

    meta = Meta(id="terminal", title="Terminal")
    file_name = ""

    def render(self, document: ReviewDocument) -> bytes:
        buffer = io.StringIO()
        width = max(72, min(shutil.get_terminal_size((100, 24)).columns, 120))
        console = Console(file=buffer, force_terminal=True, width=width, color_system="standard", highlight=False)
        for part in (_answer, _dimensions, _findings, _duties, _footer):
            part(console, document)
        return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()).encode() + b"\n"


def _title(console: Console, text: str) -> None:
    console.print(Text(f"\n{text}", style="bold"))


def _hanging(console: Console, rows: Iterable[tuple[Text | str, Text | str]]) -> None:
    """Rows with a mark and a text that wraps under itself."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for mark, text in rows:
        grid.add_row(mark, text)
    console.print(grid)


def _rest(shown: int, found: int) -> list[tuple[Text | str, Text | str]]:
    return [("", Text(f"and {found - shown} more: --json, or --out DIR", style=_SOFT))] if found > shown else []


def _answer(console: Console, d: ReviewDocument) -> None:
    console.print(Text(headline(d), style=f"bold {_COLOUR[d.verdict]}"))
    console.print(Text(visible(d.subject.ref, 200), style=_SOFT))
    tiers = Table.grid(padding=(0, 2, 0, 0))
    for kind, tier in d.granted.items():
        name = Text(d.ladder.tier(tier).name, style=_SOFT)
        tiers.add_row(f"  {kind.replace('_', ' ')}", Text(tier, style="bold"), name)
    console.print(tiers)
    blocking = blockers(d)
    if blocking and next_tier(d):
        _title(console, f"What blocks {principal_kind(d).replace('_', ' ')} at {next_tier(d)}")
        rows: list[tuple[Text | str, Text | str]] = []
        for reason in blocking[:_BLOCKERS]:
            mark = Text("  ✕", style="red") if reason.effect == "deny" else Text("  ?", style="yellow")
            rows.append((mark, Text.assemble(visible(reason.because, 300), (f"  [{reason.rule}]", _SOFT))))
        _hanging(console, rows + _rest(_BLOCKERS, len(blocking)))
    steps = next_steps(d)
    if steps:
        _title(console, "What to do first")
        rows = []
        for position, step in enumerate(steps, 1):
            cost = f"  ({visible(step.cost, 80)})" if step.cost else ""
            command = f"\n{visible(step.command, 300)}" if step.command else ""
            text = Text.assemble(visible(step.what, 300), (cost, _SOFT), (command, "cyan"))
            rows.append((f"  {position}.", text))
        _hanging(console, rows)
    if d.verdict == "granted" and d.approvals_needed:
        need = d.approvals_needed[-1]
        signers = "1 person signs" if need.quorum == 1 else f"{need.quorum} persons sign"
        command = f"bascule approve {d.decision} --person … --role …"
        console.print(Text(f"\nIn effect once {signers}: {command}", style=_SOFT))
        signed = ", ".join(f"{visible(each.person, 80)} as {visible(each.role, 80)}" for each in d.approvals)
        if signed:
            console.print(Text(f"Signed so far: {signed}", style=_SOFT))


def _dimensions(console: Console, d: ReviewDocument) -> None:
    _title(console, f"Eight dimensions at {d.requested_tier}")
    table = Table.grid(padding=(0, 2, 0, 0))
    for item in d.dimensions:
        verdict = item.verdict.value
        interval = limit = unit = ""
        if item.low is not None and item.high is not None:
            interval, unit = f"[{number(item.low)}, {number(item.high)}]", item.unit
            limit = f"against {number(item.threshold)}" if item.threshold is not None else ""
        answer = Text(f"  {_SIGN[verdict]} {verdict}", style=_COLOUR[verdict])
        table.add_row(answer, item.dimension.value, Text(interval), limit, Text(unit, style=_SOFT))
    console.print(table)


def _findings(console: Console, d: ReviewDocument) -> None:
    if not d.findings:
        return
    _title(console, f"Findings ({len(d.findings)})")
    rows: list[tuple[Text | str, Text | str]] = []
    for finding in d.findings[:_FINDINGS]:
        place = finding.artefact + (f" {finding.location}" if finding.location else "")
        outcome = "" if finding.outcome.value == "true" else f" ({finding.outcome.value})"
        text = Text.assemble(
            f"{finding.rule}{outcome}  ", (visible(place, 160), _SOFT), f"\n{visible(finding.message, 300)}"
        )
        rows.append((Text(f"  {finding.severity.value}", style=_SEVERITY[finding.severity]), text))
    _hanging(console, rows + _rest(_FINDINGS, len(d.findings)))


def _duties(console: Console, d: ReviewDocument) -> None:
    rows: list[tuple[Text | str, Text | str]]
    if d.licences:
        _title(console, "Licences")
        seen = sorted({(visible(item.id, 60), item.match) for item in d.licences})
        _hanging(console, [("  ", ", ".join(f"{name} ({match})" for name, match in seen))])
    act = act_at(d.ladder.tier(d.requested_tier))
    answers = licence_rows(d, act)
    if answers:
        _title(console, f"May we {act} it, by its licences and their lineage?")
        rows = []
        for row in answers[:_LICENCES]:
            kinds = ", ".join(kind.replace("_", " ") for kind in row.kinds)
            under = f" under {visible(row.licence, 60)}" if row.licence else ""
            why = "" if row.verdict == "allow" else f"\n{visible(row.because, 300)}"
            text = Text.assemble(f"{kinds}{under}", (why, _SOFT))
            rows.append((Text(f"  {_SIGN_OF[row.verdict]}", style=_COLOUR_OF[row.verdict]), text))
        _hanging(console, rows + _rest(_LICENCES, len(answers)))
    if d.obligations:
        _title(console, "Obligations")
        rows = [(f"  {item.kind}", visible(item.text, 300)) for item in d.obligations[:_OBLIGATIONS]]
        _hanging(console, rows + _rest(_OBLIGATIONS, len(d.obligations)))


def _footer(console: Console, d: ReviewDocument) -> None:
    _title(console, "Record")
    rows: list[tuple[Text | str, Text | str]] = [
        ("  openness", f"Model Openness Framework class {d.openness.mof_class}"),
        ("  decision", d.decision),
        ("  policy", f"{d.policy_pack.id} {d.policy_pack.version} {d.policy}"),
    ]
    rows += [("  limit", Text(visible(line, 300), style=_SOFT)) for line in d.limits[:_LIMITS]]
    _hanging(console, rows + _rest(_LIMITS, len(d.limits)))


plugin = TerminalReport()
