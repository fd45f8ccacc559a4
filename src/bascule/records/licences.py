"""The document of `bascule licence detect`: `bascule.licences/v1`.

Rules: one row for each licence that a file holds or names, with the reason in words; a row says what it covers, since
the code's licence is not the model's; a text that differs from the known one shows its own sentences, and counts the
known one's that are not there by their position, because those are not ours to print.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bascule.records.artefact import DigestField, Sha256Field
from bascule.records.base import Record
from bascule.records.review import FindingView

NO_ADVICE = "This is engineering evidence, not legal advice."

Covers = Literal["repository", "model", "data", "code", "file", "documentation", "use policy", "third parties"]


class Passage(Record):
    """A sentence of the file that the known text does not hold.

    after: the number of the known text's sentence that it follows, 0 at the beginning, None where that cannot be told.
    """

    text: str
    after: int | None = None


class LicenceNames(Record):
    """One licence under the names that others use: tags of the model hub, SPDX, keys of scancode's list.

    spdx: an SPDX id, or a `LicenseRef-`; None where nobody gave it one. texts: sha256 of the normal forms known for it.
    """

    hub: tuple[str, ...] = ()
    spdx: str | None = None
    scancode: tuple[str, ...] = ()
    texts: tuple[Sha256Field, ...] = ()


class LicenceSeen(Record):
    """A licence text, or a place that names a licence.

    id: ours; for a variant, of the known text that it resembles. similarity: of five-word runs, to that text. added,
    missing: sentences that the file has and the known text has not, and the other way round; missing_at: the numbers of
    the missing ones, of `known_sentences`.
    """

    artefact: str
    id: str
    match: Literal["exact", "variant", "unknown", "declared"]
    covers: Covers = "repository"
    text_sha256: Sha256Field | None = None
    similarity: float | None = None
    spdx: str | None = None
    names: LicenceNames = LicenceNames()
    passages: tuple[Passage, ...] = ()
    added: int = 0
    missing: int = 0
    missing_at: tuple[int, ...] = ()
    known_sentences: int = 0
    location: str = ""
    detail: str = ""


class LicenceSays(Record):
    """One side of a contradiction."""

    artefact: str
    id: str
    location: str = ""


class LicenceContradiction(Record):
    """Places that cannot all be right. covers: what they disagree about."""

    kind: Literal["declared", "texts", "text-and-declared", "base-model", "header"]
    covers: str
    because: str
    says: tuple[LicenceSays, ...]


class LicencesDocument(Record):
    """What licence each text is, what each place names, and whether they agree.

    verdict: `identified` when every text is known, every name is, and all agree; `findings` when something differs;
    `unknown` when something could not be told and nothing differs.
    """

    schema_: Literal["bascule.licences/v1"] = Field(default="bascule.licences/v1", alias="schema")
    ref: str
    verdict: Literal["identified", "findings", "unknown"]
    licences: tuple[LicenceSeen, ...] = ()
    findings: tuple[FindingView, ...] = ()
    contradictions: tuple[LicenceContradiction, ...] = ()
    copyright: tuple[str, ...] = Field(default=(), description="holders that headers name, each once")
    files: int = Field(default=0, description="files looked at")
    notes: tuple[str, ...] = ()
    tool_version: str = ""
    table: DigestField | None = Field(default=None, description="the table of licence hashes that was used")
    advice: str = NO_ADVICE

    model_config = {"populate_by_name": True, "serialize_by_alias": True}
