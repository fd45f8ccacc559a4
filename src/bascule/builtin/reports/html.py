"""One self-contained, printable, accessible page; no script and no external request.

The signature picture is a bascule bridge with its leaf raised to the granted tier. Every colour is doubled by a sign
and a word, so that the page reads the same in print, in grey and aloud.
"""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bascule.kernel.clock import format_instant
from bascule.kernel.text import visible
from bascule.plugins.meta import Meta
from bascule.records import Dimension, DimensionResult, ReviewDocument, Verdict
from bascule.records.review import DimensionView
from bascule.records.summary import blockers, cells, granted_rank, headline, next_steps, next_tier, principal_kind

SIGN = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?", Verdict.NOT_APPLICABLE: "–"}
_OPEN_DEGREES = 72.0
_PIVOT = (236.0, 196.0)
_LEAF = 236.0


class HtmlReport:
    """The page that reviewers read and print."""

    meta = Meta(id="html", title="HTML page")
    file_name = "report.html"

    def render(self, document: ReviewDocument) -> bytes:
        template = _environment().get_template("report.html.j2")
        kinds = sorted(document.granted, key=lambda kind: (kind != principal_kind(document), kind))
        page = template.render(
            d=document,
            headline=headline(document),
            principal=principal_kind(document),
            next_tier=next_tier(document),
            blockers=blockers(document),
            asked_blockers=blockers(document, document.requested_tier),
            steps=next_steps(document),
            bridge=bridge_svg(document),
            kinds=kinds,
            cells={kind: cells(document, kind) for kind in kinds},
            dimensions=list(Dimension),
            sign=SIGN,
            css=Markup(_asset("report.css")),  # noqa: S704 - our own file
        )
        return page.encode()


def bridge_svg(document: ReviewDocument) -> Markup:
    """A bascule bridge seen from the side: the leaf at the granted angle, the request as a dashed line."""
    tiers = document.ladder.tiers
    top = max(len(tiers) - 1, 1)
    granted = granted_rank(document)
    asked = document.ladder.tier(document.requested_tier).rank

    def point(rank: float, radius: float) -> tuple[float, float]:
        angle = math.radians(_OPEN_DEGREES * rank / top)
        return _PIVOT[0] + radius * math.cos(angle), _PIVOT[1] - radius * math.sin(angle)

    angle = _OPEN_DEGREES * granted / top
    marks = []
    for tier in tiers:
        x1, y1 = point(tier.rank, _LEAF + 8)
        x2, y2 = point(tier.rank, _LEAF + 16)
        tx, ty = point(tier.rank, _LEAF + 32)
        held = "held" if tier.rank <= granted else "shut"
        marks.append(
            f'<line class="tick {held}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
            f'<text class="tier {held}" x="{tx:.1f}" y="{ty + 4:.1f}">{escape(tier.id)}</text>'
        )
    ax, ay = point(asked, _LEAF + 4)
    gx, gy = point(0, _LEAF + 12)
    hx, hy = point(top, _LEAF + 12)
    x0, y0 = _PIVOT
    told = f"A bascule bridge with its leaf at {tiers[granted].id} of {tiers[-1].id}; {document.requested_tier} was asked for."
    return Markup(  # noqa: S704 - numbers of ours and escaped tier ids
        f'<svg class="bridge" viewBox="0 0 560 268" role="img" aria-labelledby="bridge-title">'
        f'<title id="bridge-title">{escape(told)}</title>'
        f'<path class="arc" d="M{gx:.1f} {gy:.1f} A{_LEAF + 12:.0f} {_LEAF + 12:.0f} 0 0 0 {hx:.1f} {hy:.1f}"/>'
        f'<path class="water" d="M0 240 q14 -7 28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 t28 0 V268 H0 Z"/>'
        f'<path class="road" d="M0 190 H{x0 - 34:.0f} V202 H0 Z"/><path class="road" d="M{x0 + _LEAF + 4:.0f} 190 H560 V202 H{x0 + _LEAF + 4:.0f} Z"/>'
        f'<path class="pier" d="M{x0 - 52:.0f} 202 H{x0 + 24:.0f} L{x0 + 32:.0f} 252 H{x0 - 60:.0f} Z"/>'
        f'<path class="pier" d="M{x0 + _LEAF + 8:.0f} 202 H{x0 + _LEAF + 56:.0f} L{x0 + _LEAF + 62:.0f} 252 H{x0 + _LEAF + 2:.0f} Z"/>'
        f'<line class="asked" x1="{x0:.1f}" y1="{y0:.1f}" x2="{ax:.1f}" y2="{ay:.1f}"/>'
        f'<g transform="rotate({-angle:.2f} {x0:.1f} {y0:.1f})">'
        f'<path class="leaf" d="M{x0 - 20:.1f} {y0 - 6:.1f} H{x0 + _LEAF:.1f} v7 L{x0 + 30:.1f} {y0 + 12:.1f} H{x0 - 20:.1f} Z"/>'
        f'<path class="truss" d="M{x0 + 6:.0f} {y0 - 6:.0f} l30 -24 l36 24 l36 -17 l34 17 l34 -10 l32 10"/>'
        f'<rect class="weight" x="{x0 - 62:.0f}" y="{y0 - 14:.0f}" width="42" height="34" rx="4"/></g>'
        f'<circle class="pivot" cx="{x0:.1f}" cy="{y0:.1f}" r="8"/>' + "".join(marks) + "</svg>"
    )


def interval_svg(item: DimensionView | DimensionResult, width: int = 200) -> Markup:
    """An interval against its threshold; beyond four thresholds the bar ends in an arrow."""
    if item.low is None or item.high is None:
        return Markup("")
    limit = item.threshold or 0.0
    span = max(limit * 4, 1.0) if item.threshold is not None else max(item.high, 1e-12)
    clipped = item.high > span
    low, high = min(item.low / span, 1.0), min(item.high / span, 1.0)
    x1, x2 = 4 + low * (width - 12), 4 + high * (width - 12)
    tick = 4 + min(limit / span, 1.0) * (width - 12)
    told = f"{number(item.low)} to {number(item.high)} {item.unit}, threshold {number(item.threshold)}"
    arrow = f'<path class="more" d="M{width - 8} 3 l6 5 l-6 5 Z"/>' if clipped else ""
    mark = f'<line class="limit" x1="{tick:.1f}" y1="1" x2="{tick:.1f}" y2="15"/>' if item.threshold is not None else ""
    return Markup(  # noqa: S704 - numbers of ours, the unit is escaped
        f'<svg class="interval {item.verdict.value}" viewBox="0 0 {width} 16" width="{width}" height="16" role="img"'
        f' aria-label="{escape(told)}"><line class="axis" x1="4" y1="8" x2="{width - 8}" y2="8"/>'
        f'<rect class="span" x="{x1:.1f}" y="4.5" width="{max(x2 - x1, 3):.1f}" height="7" rx="2"/>{mark}{arrow}</svg>'
    )


def number(value: object) -> str:
    """Three significant digits, thousands grouped; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    text = f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def shown(value: Any) -> str:
    """A fact's value for people: unknown for None, one safe line for text."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(shown(item) for item in value[:12]) + (" …" if len(value) > 12 else "") or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in list(value.items())[:8])
    return visible(str(value), 300)


def _asset(name: str) -> str:
    return (resources.files("bascule.builtin.reports") / "_html" / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        visible=lambda text, limit=400: visible(str(text), limit),
        short=lambda digest: str(digest).removeprefix("sha256:")[:12],
        words=lambda text: str(text).replace("_", " ").replace("-", " "),
        instant=format_instant,
        number=number,
        shown=shown,
        bar=interval_svg,
        size=_size,
    )
    return environment


def _size(size_bytes: int) -> str:
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return ""


plugin = HtmlReport()
