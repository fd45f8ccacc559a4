"""One self-contained, printable, accessible page; no script and no external request.

The signature picture is a bascule bridge with its leaf raised to the granted tier. Every colour is doubled by a sign
and a word, so that the page reads the same in print, in grey and aloud.
"""

from __future__ import annotations

from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

from bascule.builtin.reports._drawing import bridge_svg, interval_svg
from bascule.kernel.clock import format_instant
from bascule.kernel.numbers import number
from bascule.kernel.text import visible
from bascule.plugins.meta import Meta
from bascule.records import Benefit, Dimension, MoneyInterval, ReviewDocument, Verdict
from bascule.records.summary import blockers, cells, headline, licence_rows, next_steps, next_tier, principal_kind

SIGN = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.UNKNOWN: "?", Verdict.NOT_APPLICABLE: "–"}


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
            licensing=licence_rows(document),
            principal=principal_kind(document),
            next_tier=next_tier(document),
            blockers=blockers(document),
            asked_blockers=blockers(document, document.requested_tier),
            steps=next_steps(document),
            bridge=bridge_svg(document),
            kinds=kinds,
            cells={kind: cells(document, kind) for kind in kinds},
            dimensions=list(Dimension),
            benefits=_benefits(document),
            benefit_tiers=[
                tier.id for tier in document.ladder.tiers if any(b.tier == tier.id for b in document.benefits)
            ],
            money=_money(document),
            levels=list(dict.fromkeys(benefit.level for benefit in document.benefits)),
            sign=SIGN,
            css=Markup(_asset("report.css")),  # noqa: S704 - our own file
        )
        return page.encode()


def prose(text: object, limit: int = 400) -> Markup:
    """A sentence of ours: one safe line in which what stands in backticks is set as code."""
    parts = visible(str(text), limit).split("`")
    if len(parts) % 2 == 0:  # a lone backtick is just a character
        return escape("`".join(parts))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _benefits(document: ReviewDocument) -> dict[str, dict[str, Benefit]]:
    """By name, then by tier."""
    rows: dict[str, dict[str, Benefit]] = {}
    for benefit in document.benefits:
        rows.setdefault(benefit.name, {})[benefit.tier] = benefit
    return rows


def _money(document: ReviewDocument) -> list[tuple[list[str], MoneyInterval]]:
    """Neighbouring tiers of one interval and one set of assumptions together."""
    rows: list[tuple[list[str], MoneyInterval]] = []
    for item in document.economics:
        same = {"tier": rows[-1][1].tier} if rows else {}
        if rows and item.model_copy(update=same) == rows[-1][1]:
            rows[-1][0].append(item.tier)
        else:
            rows.append(([item.tier], item))
    return rows


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
        return ", ".join(f"{visible(str(key), 100)} {shown(item)}" for key, item in list(value.items())[:8])
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
        prose=prose,
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
