"""Numbers for people and for digests."""

from __future__ import annotations

from math import isfinite


def number(value: float | None) -> str:
    """Three significant digits, thousands grouped; a dash for none."""
    if value is None or not isfinite(value):
        return "–"
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
