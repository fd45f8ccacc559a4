"""How complete and how open a release is, component by component, and what would take it a class further.

Openness is a description, not a permission: no tier hangs on it by itself. A component counts for a class only when it
is verified, that is seen, what it claims to be, and under a licence that is known to be open.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bascule.records.artefact import ArtefactKind
from bascule.records.base import Record

MofClass = Literal["I", "II", "III", "none"]
ComponentStatus = Literal["verified", "documented", "unlicensed", "not-open", "unverified", "missing"]
"""verified: seen, what it claims to be, openly licensed. documented: only described, in the card or a configuration.
unlicensed: seen, no licence known. not-open: seen, the licence is not known to be open. unverified: there is such a
file, and it is not what it claims to be. missing: none was seen."""
Met = Literal["met", "not-met", "unknown"]


class ComponentView(Record):
    """How one component of the framework stands; of several artefacts of a kind, the one that stands best."""

    kind: ArtefactKind
    status: ComponentStatus
    path: str = ""
    licence: str | None = None
    fits: bool | None = Field(
        default=None, description="was the open licence made for this type of content? null where that is not known"
    )
    artefacts: int = Field(default=0, ge=0, description="how many of this kind were seen")
    because: str


class OpennessStep(Record):
    """One thing to add for the next class."""

    needs: tuple[ArtefactKind, ...] = Field(description="any one of these will do")
    because: str = Field(description="why it does not count yet")
    add: str
    licences: tuple[str, ...] = Field(description="licences that would do, the preferred first")


class ClassProgress(Record):
    """How many of the components that a class asks for, those of the classes below included, are verified."""

    mof_class: Literal["I", "II", "III"]
    have: int = Field(ge=0)
    need: int = Field(ge=1)


class OsaidAnswer(Record):
    """One element or freedom of the definition."""

    name: str
    answer: Met
    decided_by: ArtefactKind | None = Field(default=None, description="the component that decides")
    because: str


class OsaidView(Record):
    """The Open Source AI Definition: three elements, four freedoms."""

    version: Literal["1.0"] = "1.0"
    answer: Met
    elements: tuple[OsaidAnswer, ...]
    freedoms: tuple[OsaidAnswer, ...]


class IndicatorView(Record):
    """An indicator that something in the release speaks to. Whether it says enough is for a reader to judge."""

    indicator: str
    subdomain: str
    answer: Literal["evidence", "self-reported"] = Field(
        description="evidence: an artefact is the disclosure. self-reported: words of the release speak of it"
    )
    where: tuple[str, ...]


class SubdomainView(Record):
    """How many of a subdomain's indicators are spoken to."""

    domain: str
    subdomain: str
    asked: int
    evidence: int
    self_reported: int


class TransparencyView(Record):
    """A self-check against the Foundation Model Transparency Index: no score of ours, and none of the index's."""

    index: str
    source: str
    self_reported: Literal[True] = True
    answers: tuple[IndicatorView, ...]
    subdomains: tuple[SubdomainView, ...]
    unknown: tuple[str, ...] = Field(description="indicators that nothing in the release speaks to")


class Openness(Record):
    """The Model Openness Framework's class, and what stands beside it."""

    mof_class: MofClass
    gaps: tuple[str, ...] = ()
    mof_class_if_documented: MofClass = Field(
        default="none", description="the class that would be reached if what is only documented counted too"
    )
    components: tuple[ComponentView, ...] = ()
    steps: tuple[OpennessStep, ...] = ()
    progress: tuple[ClassProgress, ...] = ()
    osaid: OsaidView | None = None
    transparency: TransparencyView | None = None
