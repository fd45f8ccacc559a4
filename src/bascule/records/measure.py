"""Numbers with intervals, and words read off an artefact.

Rules: a number without an interval says why (`exact`, `counted`); a reading says whether bytes were measured or
somebody's words repeated.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from bascule.records.base import Record

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=80)]


class Measure(Record):
    """A number. For a proportion, `k` of `n` are its counts and low ≤ value ≤ high a 90 % interval."""

    name: Name
    value: float
    low: float
    high: float
    n: float = Field(ge=0, description="trials, samples or things counted")
    k: float | None = Field(default=None, ge=0, description="successes among n, for a proportion")
    unit: str = "proportion"
    method: str = Field(description="how the interval came about: clopper-pearson-90, exact, counted, …")
    artefact: str = ""
    attack_budget: float | None = Field(
        default=None, ge=0, description="attempts or cost spent by the tester, where an attacker was imitated"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError("needs low ≤ value ≤ high")
        if self.k is not None and self.k > self.n:
            raise ValueError("needs k ≤ n")
        return self


class ReadingSource(StrEnum):
    MEASURED = "measured"
    """follows from the bytes themselves"""
    DECLARED = "declared"
    """somebody's words, repeated"""


class Reading(Record):
    """A word, flag or list read off an artefact: the architecture in a config, the licence in a card."""

    name: Name
    value: bool | float | str | tuple[str, ...]
    artefact: str = ""
    location: str = ""
    source: ReadingSource = ReadingSource.DECLARED
