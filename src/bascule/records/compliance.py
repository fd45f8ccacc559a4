"""The document `bascule.compliance/v1`: a framework answered control by control, and what each answer rests on.

Rules: unknown is never met; an answer names the facts that it read, who says each of them and in which envelope; what
is wanting names who must supply it. Fields may be added; none is renamed or dropped.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from bascule.records.artefact import DigestField
from bascule.records.base import Record
from bascule.records.decision import Dimension
from bascule.records.review import EvidenceView

NOT_ADVICE = "This is engineering evidence, not legal advice."
"""The sentence that every form of the document carries."""

NOBODY = "nobody yet"
"""Who has compared a control with its text, until somebody has."""


class Status(StrEnum):
    """How a control stands."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Basis(StrEnum):
    """Who says a fact, the firmest first."""

    MEASURED = "measured"
    """A tool read it off the artefact itself, or intake counted it."""
    JUDGED = "judged"
    """The decision says it, from evidence, under a policy."""
    DECLARED = "declared"
    """The model's own papers say it, and nothing measured supports it."""
    STATED = "stated"
    """The asker's context says it."""


class FactView(Record):
    """A fact that a control read. value: null where unknown, and then `why` says so."""

    name: str
    value: Any = None
    basis: Basis | None = None
    evidence: tuple[DigestField, ...] = ()
    why: str = ""


class ControlView(Record):
    """One control and its answer."""

    id: str
    title: str
    section: str
    status: Status
    because: str
    applies: Literal["yes", "unknown", "no"] = Field(
        description="whether its condition holds; `unknown` is taken to apply"
    )
    applies_because: str = Field(default="", description="why it does not apply, or why that is not known")
    answers: tuple[FactView, ...] = Field(default=(), description="what fills the item, for items that ask for words")
    facts: tuple[FactView, ...] = Field(default=(), description="every other fact that it read")
    basis: tuple[Basis, ...] = Field(default=(), description="who says what is known of it, the firmest first")
    evidence: tuple[DigestField, ...] = Field(default=(), description="the envelopes and decisions that it rests on")
    supply: str = Field(description="who must supply what is missing")
    command: str = ""
    audience: tuple[str, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    kinds_of_evidence: tuple[str, ...] = ()
    applies_from: date
    applies_until: date | None = Field(default=None, description="the last day on which it applies")
    source: str
    note: str = ""
    read: str = ""
    reviewed_by: str = ""

    @property
    def reason(self) -> str:
        """Why it stands as it does, and why it applies where that is not sure."""
        if self.status is Status.NOT_APPLICABLE:
            return f"it does not apply: {self.applies_because}"
        return self.because + (f"; {self.applies_because}" if self.applies_because else "")


class SectionView(Record):
    id: str
    title: str


class FrameworkView(Record):
    """Which text was asked, and what of it was read."""

    id: str
    title: str
    publisher: str
    version: str
    link: str
    rights: str
    read: str
    digest: DigestField
    sections: tuple[SectionView, ...]


class ComplianceDocument(Record):
    """A framework, asked of one subject on one day."""

    schema_: Literal["bascule.compliance/v1"] = Field(default="bascule.compliance/v1", alias="schema")
    notice: str = NOT_ADVICE
    framework: FrameworkView
    ref: str
    subject: DigestField
    as_of: datetime
    audience: str = Field(default="", description="whose part of the framework it is; empty: all of it")
    verdict: Status = Field(description="met: all that apply are; not-met: one is not; unknown: one is not known")
    counts: dict[str, int]
    controls: tuple[ControlView, ...] = Field(description="those in force on that day, in the framework's order")
    upcoming: tuple[ControlView, ...] = Field(
        default=(), description="those that will apply later, as they would stand today, soonest first"
    )
    lapsed: tuple[str, ...] = Field(default=(), description="ids of those that applied until an earlier day")
    decision: DigestField
    policy: DigestField
    ladder: str
    tier: str
    evidence: tuple[EvidenceView, ...] = ()
    limits: tuple[str, ...] = ()
    review_by: datetime | None = Field(default=None, description="the first instant at which cited evidence expires")
    tool_version: str

    model_config = {"populate_by_name": True, "serialize_by_alias": True}

    def section_title(self, section: str) -> str:
        """The title of a section by its id."""
        return next((each.title for each in self.framework.sections if each.id == section), section)
