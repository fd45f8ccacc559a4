"""Intervals: what is known of a number, as its least and greatest possible value.

Arithmetic is for quantities that are never negative. Rounding is to nine significant digits, so that a last bit
that differs between machines never reaches a record or a comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, isfinite, log10

SIGNIFICANT_DIGITS = 9


def significant(value: float) -> float:
    """`value` to nine significant digits. Law: significant(significant(x)) == significant(x)."""
    if value == 0 or not isfinite(value):
        return value + 0.0
    return round(value, SIGNIFICANT_DIGITS - 1 - floor(log10(abs(value)))) + 0.0


@dataclass(frozen=True, slots=True)
class Interval:
    """low ≤ x ≤ high."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval needs low ≤ high, not {self.low} and {self.high}")

    @classmethod
    def point(cls, value: float) -> Interval:
        return cls(value, value)

    @property
    def midpoint(self) -> float:
        return (self.low + self.high) / 2

    @property
    def width(self) -> float:
        return self.high - self.low

    def complement(self) -> Interval:
        """1 - x, for a proportion."""
        return Interval(1 - self.high, 1 - self.low)

    def times(self, other: Interval) -> Interval:
        """The product, both sides never negative."""
        return Interval(self.low * other.low, self.high * other.high)

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def rounded(self) -> Interval:
        return Interval(significant(self.low), significant(self.high))


ANY_PROPORTION = Interval(0.0, 1.0)
NOTHING = Interval(0.0, 0.0)
ALWAYS = Interval(1.0, 1.0)
