"""What licences allow: the answer to a case, and the same for each part of a reviewed subject.

Rules: every answer cites the clauses that it rests on, with the licence, the place in its text and a link; what is
owed is typed; what would settle an unknown is named. Engineering evidence, not legal advice.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bascule.records.base import Record

NOT_ADVICE = "engineering evidence, not legal advice"


class ClauseView(Record):
    """A clause that bears on the answer, and what it came to."""

    licence: str
    clause: str = Field(description="where in the licence's text: `§2`; empty where no clause speaks")
    effect: Literal["allow", "deny", "contested", "unknown"]
    because: str
    act: str = Field(default="", description="what was asked of it: host, finetune, distil, …")
    artefact: str = Field(default="", description="whose licence it is")
    link: str = ""
    needs: tuple[str, ...] = Field(default=(), description="facts that would settle it")


class DutyView(Record):
    """What has to be done where it may be done."""

    kind: str
    text: str
    source: str = Field(description="licence and place in its text")
    licence: str
    status: Literal["owed", "kept", "broken", "unknown"]
    flows: bool = Field(default=False, description="recipients must be bound to it too")
    link: str = ""
    needs: tuple[str, ...] = ()


class LicenceAnswer(Record):
    """What one use of one thing comes to."""

    verdict: Literal["allow", "deny", "unknown"]
    because: str
    clauses: tuple[ClauseView, ...] = ()
    obligations: tuple[DutyView, ...] = ()
    needs: tuple[str, ...] = Field(default=(), description="undeclared facts that keep it unknown")
    chosen: dict[str, str] = Field(default_factory=dict, description="the side taken of each choice of licences")


class LicenceVerdict(LicenceAnswer):
    """What `bascule licence solve --json` prints."""

    schema_: Literal["bascule.licence-verdict/v1"] = Field(default="bascule.licence-verdict/v1", alias="schema")
    use: str
    contested: Literal["strict", "lenient", "unset"] = "unset"
    as_of: str
    policy: str = ""
    note: str = NOT_ADVICE

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class Suggested(Record):
    """A licence that could be given, or why it could not."""

    licence: str
    title: str
    fits: bool
    because: str
    open: bool | None = None
    commercial: bool | None = None
    obligations: tuple[DutyView, ...] = ()
    against: tuple[str, ...] = Field(default=(), description="why not, or what it gives up")


class Suggestions(Record):
    """What `bascule licence suggest --json` prints: those that fit first."""

    schema_: Literal["bascule.licence-suggestions/v1"] = Field(default="bascule.licence-suggestions/v1", alias="schema")
    wanted: dict[str, str]
    suggestions: tuple[Suggested, ...]
    as_of: str
    note: str = NOT_ADVICE

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class KindLicence(LicenceAnswer):
    """The answer for one kind of artefact in a review, for one act."""

    kind: str
    act: str
    licence: str = Field(default="", description="its own; empty where none is settled")
    parents: tuple[str, ...] = Field(default=(), description="what it was made from and how, as its files name it")
    known_by: dict[str, str] = Field(
        default_factory=dict,
        description="by parent: its licence, and whether the context or `works.yaml` says so",
    )
