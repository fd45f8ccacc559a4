"""Which bytes of an artefact somebody looked at, and what came of it.

Rules: a scanner states the ranges that it read for their meaning, not those that it skipped; what nobody states is not
covered, and that is said. Where two statements overlap, a finding beats "not understood", and that beats "clean".
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from bascule.records.base import Record


class State(StrEnum):
    """The four verdicts about a range of bytes. `NOT_COVERED` is what is left when all have spoken."""

    CLEAN = "clean"
    FINDING = "finding"
    NOT_UNDERSTOOD = "not-understood"
    NOT_COVERED = "not-covered"


class Coverage(Record):
    """One range of an artefact's bytes, from `start` up to and without `end`."""

    start: int = Field(ge=0)
    end: int = Field(ge=0)
    state: State
    what: str = Field(default="", max_length=200, description="the part as its format calls it: `header`, `member x`")
    artefact: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError("needs start ≤ end")
        return self


MOST_RANGES = 1000
_WEIGHT = {State.CLEAN: 0, State.NOT_UNDERSTOOD: 1, State.FINDING: 2}


def whole(stated: Iterable[Coverage], size_bytes: int) -> tuple[Coverage, ...]:
    """Every byte of a file once, in order, from what scanners stated of it; the rest is not covered.

    Beyond `MOST_RANGES` ranges names are dropped first, then everything but findings becomes "not covered": what is
    left says less, and nothing better than is true.
    Law: the ranges partition [0, size_bytes), and no byte has a better state than the worst that anybody stated.
    """
    rows = [row for row in stated if row.start < min(row.end, size_bytes)]
    edges = sorted({0, size_bytes, *(row.start for row in rows), *(min(row.end, size_bytes) for row in rows)})
    opens = sorted(rows, key=lambda row: row.start)
    active: list[tuple[int, int, int, Coverage]] = []
    ranges: list[Coverage] = []
    taken = 0
    for start, end in itertools.pairwise(edges):
        while taken < len(opens) and opens[taken].start <= start:
            row = opens[taken]
            heapq.heappush(active, (-_WEIGHT.get(row.state, 0), -row.end, taken, row))
            taken += 1
        while active and active[0][3].end <= start:
            heapq.heappop(active)
        state, what = (active[0][3].state, active[0][3].what) if active else (State.NOT_COVERED, "")
        if ranges and (ranges[-1].state, ranges[-1].what) == (state, what):
            ranges[-1] = ranges[-1].model_copy(update={"end": end})
        else:
            ranges.append(Coverage(start=start, end=end, state=state, what=what))
    return tuple(_fewer(ranges))


def _fewer(ranges: list[Coverage]) -> list[Coverage]:
    if len(ranges) <= MOST_RANGES:
        return ranges
    joined: list[Coverage] = []
    for row in ranges:
        if joined and joined[-1].state is row.state:
            joined[-1] = joined[-1].model_copy(update={"end": row.end, "what": ""})
        else:
            joined.append(row)
    if len(joined) <= MOST_RANGES:
        return joined
    coarse: list[Coverage] = []
    for row in joined:
        state = row.state if row.state is State.FINDING else State.NOT_COVERED
        if coarse and coarse[-1].state is state:
            coarse[-1] = coarse[-1].model_copy(update={"end": row.end})
        else:
            coarse.append(Coverage(start=row.start, end=row.end, state=state))
    if len(coarse) <= MOST_RANGES:
        return coarse
    rest = coarse[MOST_RANGES - 1 :]
    return [
        *coarse[: MOST_RANGES - 1],
        Coverage(start=rest[0].start, end=rest[-1].end, state=State.FINDING, what="more findings than are listed"),
    ]
