"""Which bytes of an artefact somebody looked at, and what came of it.

Rules: a scanner states the ranges that it read for their meaning, not those that it skipped; what nobody states is not
covered, and that is said. Where two statements overlap, a finding beats "not understood", and that beats "clean".
"""

from __future__ import annotations

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
