"""Half-open ranges of bytes that are held, and those between that are not."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Disjoint and sorted. Law: `missing(a, b)` and what is held cover [a, b) without overlap."""

    def __init__(self, held: Iterable[tuple[int, int]] = ()) -> None:
        self.held = _joined(held)

    def add(self, start: int, end: int) -> None:
        """Hold one more range."""
        if start < end:
            self.held = _joined([*self.held, (start, end)])

    def missing(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The parts of [start, end) that are not held, in order."""
        at = start
        for low, high in self.held[max(0, bisect_right(self.held, (start, 1 << 63)) - 1) :]:
            if low >= end:
                break
            if high <= at:
                continue
            if low > at:
                yield at, low
            at = high
        if at < end:
            yield at, end

    @property
    def total(self) -> int:
        """Bytes held."""
        return sum(high - low for low, high in self.held)


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if joined and low <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
