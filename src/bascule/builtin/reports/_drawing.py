"""The page's drawings: a bascule bridge at the granted angle, and intervals against thresholds. Plain SVG."""

from __future__ import annotations

import math

from markupsafe import Markup, escape

from bascule.kernel.numbers import number
from bascule.records import DimensionResult, ReviewDocument
from bascule.records.review import DimensionView
from bascule.records.summary import granted_rank

_OPEN_DEGREES = 72.0
_PIVOT_X, _PIVOT_Y = 196.0, 280.0
_LEAF = 236.0
_WIDTH, _HEIGHT = 520, 352


def bridge_svg(document: ReviewDocument) -> Markup:
    """The bridge seen from the side: the leaf raised to the granted tier, the request as a dashed line."""
    tiers = document.ladder.tiers
    top = max(len(tiers) - 1, 1)
    granted = granted_rank(document)
    asked = document.ladder.tier(document.requested_tier).rank
    told = f"A bascule bridge, its leaf at {tiers[granted].id} of {tiers[-1].id}; {tiers[asked].id} was asked for."
    parts = [
        f'<svg class="bridge" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="bridge-title">',
        f'<title id="bridge-title">{escape(told)}</title>',
        *_arc(top),
        *_banks(),
        _asked(asked, top),
        *_leaf(_OPEN_DEGREES * granted / top),
        *(_mark(tier.id, tier.rank, top, held=tier.rank <= granted) for tier in tiers),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - numbers of ours and escaped words


def _point(rank: float, top: int, radius: float) -> tuple[float, float]:
    angle = math.radians(_OPEN_DEGREES * rank / top)
    return _PIVOT_X + radius * math.cos(angle), _PIVOT_Y - radius * math.sin(angle)


def _arc(top: int) -> list[str]:
    radius = _LEAF + 12
    x1, y1 = _point(0, top, radius)
    x2, y2 = _point(top, top, radius)
    return [f'<path class="arc" d="M{x1:.1f} {y1:.1f} A{radius:.0f} {radius:.0f} 0 0 0 {x2:.1f} {y2:.1f}"/>']


def _banks() -> list[str]:
    waves = "q14 -7 28 0 " + "t28 0 " * (_WIDTH // 28)
    far = _PIVOT_X + _LEAF
    return [
        f'<path class="water" d="M0 {_HEIGHT - 28} {waves}V{_HEIGHT} H0 Z"/>',
        f'<rect class="road" x="0" y="{_PIVOT_Y - 6:.0f}" width="{_PIVOT_X - 34:.0f}" height="12"/>',
        f'<rect class="road" x="{far + 4:.0f}" y="{_PIVOT_Y - 6:.0f}" width="{_WIDTH - far - 4:.0f}" height="12"/>',
        f'<path class="pier" d="M{_PIVOT_X - 52:.0f} {_PIVOT_Y + 6:.0f} h76 l8 50 h-92 Z"/>',
        f'<path class="pier" d="M{far + 8:.0f} {_PIVOT_Y + 6:.0f} h48 l6 50 h-60 Z"/>',
    ]


def _asked(rank: int, top: int) -> str:
    x, y = _point(rank, top, _LEAF + 4)
    return f'<line class="asked" x1="{_PIVOT_X:.1f}" y1="{_PIVOT_Y:.1f}" x2="{x:.1f}" y2="{y:.1f}"/>'


def _leaf(degrees: float) -> list[str]:
    x, y = _PIVOT_X, _PIVOT_Y
    return [
        f'<g transform="rotate({-degrees:.2f} {x:.1f} {y:.1f})">',
        f'<path class="leaf" d="M{x - 20:.1f} {y - 6:.1f} h{_LEAF + 20:.0f} v7 L{x + 30:.1f} {y + 12:.1f} h-50 Z"/>',
        f'<path class="truss" d="M{x + 6:.0f} {y - 6:.0f} l30 -24 l36 24 l36 -17 l34 17 l34 -10 l32 10"/>',
        f'<rect class="weight" x="{x - 62:.0f}" y="{y - 14:.0f}" width="42" height="34" rx="4"/></g>',
        f'<circle class="pivot" cx="{x:.1f}" cy="{y:.1f}" r="8"/>',
    ]


def _mark(tier_id: str, rank: int, top: int, *, held: bool) -> str:
    x1, y1 = _point(rank, top, _LEAF + 8)
    x2, y2 = _point(rank, top, _LEAF + 16)
    x, y = _point(rank, top, _LEAF + 32)
    state = "held" if held else "shut"
    lift = 4 if rank else -14  # the lowest label would lie on the road
    return (
        f'<line class="tick {state}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
        f'<text class="tier {state}" x="{x:.1f}" y="{y + lift:.1f}">{escape(tier_id)}</text>'
    )


def interval_svg(item: DimensionView | DimensionResult, width: int = 200) -> Markup:
    """An interval against its threshold. The axis ends at four thresholds; what lies beyond ends in an arrow."""
    if item.low is None or item.high is None:
        return Markup("")
    limit = item.threshold or 0.0
    span = limit * 4 if limit else max(item.high * 1.25, 1.0)
    room = width - 12

    def place(value: float) -> float:
        return 4 + min(value / span, 1.0) * room

    told = f"{number(item.low)} to {number(item.high)} {item.unit}, threshold {number(item.threshold)}"
    parts = [
        f'<svg class="interval {item.verdict.value}" viewBox="0 0 {width} 16" width="{width}" height="16" role="img"',
        f' aria-label="{escape(told)}"><line class="axis" x1="4" y1="8" x2="{width - 8}" y2="8"/>',
        f'<rect class="span" x="{place(item.low):.1f}" y="4.5" height="7" rx="2"',
        f' width="{max(place(item.high) - place(item.low), 3):.1f}"/>',
    ]
    if item.threshold is not None:
        parts.append(f'<line class="limit" x1="{place(limit):.1f}" y1="1" x2="{place(limit):.1f}" y2="15"/>')
    if item.high > span:
        parts.append(f'<path class="more" d="M{width - 8} 3 l6 5 l-6 5 Z"/>')
    return Markup("".join((*parts, "</svg>")))  # noqa: S704 - numbers of ours, the unit is escaped
