"""A framework: the controls of one text, each dated, sourced, and with the facts that answer it.

Rules:
- A title is our own paraphrase where the text's rights do not let us show its words; `rights` and `read` are shown
  with every export.
- A control is answered by a condition (`met`), by facts that fill an item (`answer`), or by both; one with neither
  waits for a person, and is unknown.
- `when` says whether it applies, `applies_from` and `applies_until` (its last day) since when and until when.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records import Dimension, Record
from bascule.records.compliance import NOBODY

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._()-]*")


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("an id is made of letters, digits, `.`, `-`, `_`, `(` and `)`")
    return text


Id = Annotated[str, AfterValidator(_id)]
Words = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class Section(Record):
    """A part of the framework, for people to find their way."""

    id: Id
    title: Words


class Control(Record):
    """One thing that the framework asks."""

    id: Id
    title: Words
    section: Words
    source: Words = Field(description="document, section, link: where the text asks it")
    applies_from: date
    applies_until: date | None = None
    when: str = "true"
    met: str = ""
    answer: tuple[Words, ...] = ()
    need: Literal["any", "all"] = "any"
    supply: Words = Field(description="who must supply what is unknown")
    command: str = ""
    audience: tuple[Words, ...] = ()
    dimensions: tuple[Dimension, ...] = ()
    evidence: tuple[Words, ...] = Field(default=(), description="kinds of evidence that answer it")
    note: str = ""
    read: str = ""
    reviewed_by: Words = NOBODY

    def in_force(self, day: date) -> bool:
        """Does it apply on that day?"""
        return self.applies_from <= day and not self.lapsed(day)

    def lapsed(self, day: date) -> bool:
        """Did it apply until an earlier day?"""
        return self.applies_until is not None and day > self.applies_until


class Framework(Record):
    """A text with its controls, in the text's order. digest: over every file that it was read from."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    title: Words
    publisher: Words
    version: Words
    link: Words
    rights: Words = Field(description="may its words be shown?")
    read: Words = Field(description="which text was read, or `not read here`")
    sections: tuple[Section, ...]
    controls: tuple[Control, ...]
    digest: Digest

    def for_audience(self, audience: str) -> Framework:
        """The part of it that one audience gets: its own controls, and those that are for everybody.

        Raises InputError `comply.unknown-audience`.
        """
        audiences = sorted({name for control in self.controls for name in control.audience})
        if audience not in audiences:
            near = suggestion(audience, audiences) or (
                f"it has: {', '.join(audiences)}" if audiences else "it tells none apart: leave `--audience` out"
            )
            raise InputError(
                "comply.unknown-audience", f"framework `{self.id}` has no audience `{visible(audience)}`", near
            )
        theirs = tuple(each for each in self.controls if not each.audience or audience in each.audience)
        return self.model_copy(update={"controls": theirs})
