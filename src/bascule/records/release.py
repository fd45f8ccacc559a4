"""A release: what is planned, part by part, and what a bundle holds.

Rules: for every kind of artefact a plan says what is published, who may use it, how its use is observed and how it can
be taken back, and who answers; a blank among these is refused. A bundle's manifest lists every file with its digest;
what it does not list is not part of the release.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bascule.records.artefact import ArtefactKind, DigestField, Sha256Field
from bascule.records.base import Record
from bascule.records.decision import Obligation

TierField = Annotated[str, StringConstraints(pattern=r"^[TA][0-9]$")]
Given = Literal["nothing", "access", "gated copies", "copies"]
"""What leaves the house: nothing; use on our machines; copies for whoever is let in; copies for all."""


class PlannedSafeguard(Record):
    """Something that stops misuse, and who keeps it in force."""

    name: str = Field(min_length=1)
    enforced_by: str = Field(min_length=1)


class PlannedItem(Record):
    """One kind of artefact in a plan."""

    kind: ArtefactKind
    tier: TierField
    granted: TierField = Field(description="the highest tier that the decision grants it")
    published: str = Field(min_length=1, description="what of it is published, in words")
    given: Given
    may_use: str = Field(min_length=1, description="who may use it")
    observed: str = Field(min_length=1, description="how use is observed, or that it cannot be")
    taken_back: str = Field(min_length=1, description="how it can be taken back, or that it cannot be")
    licence: str = ""
    safeguards: tuple[PlannedSafeguard, ...] = ()
    owner: str = Field(min_length=1)
    steward: str = Field(min_length=1, description="the accountable person or office")
    files: int = Field(ge=0)
    size_bytes: int = Field(ge=0)


class Stage(Record):
    """One step of a staged release: `vetted testers → API → gated weights → open`."""

    tier: TierField
    name: str
    entry: tuple[str, ...] = Field(description="what must hold before it begins")
    exit: tuple[str, ...] = Field(description="what must hold before the next")
    roll_back: str = Field(min_length=1)


class ReleasePlan(Record):
    """What `bascule release plan` writes. Its digest is what a bundle is built from."""

    schema_: Literal["bascule.release-plan/v1"] = Field(default="bascule.release-plan/v1", alias="schema")
    name: str
    version: str
    subject: DigestField
    decision: DigestField
    policy: DigestField
    policy_id: str
    context: DigestField
    ladder: str
    tier: TierField
    as_of: datetime
    expires_at: datetime | None = Field(description="when the decision lapses; None: not before somebody decides again")
    items: tuple[PlannedItem, ...] = Field(min_length=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    monetisation: Literal["free", "paid support", "metered API", "licence fee"]
    obligations: tuple[Obligation, ...] = ()
    contact: str = Field(min_length=1)

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class BundleFile(Record):
    """One file of a bundle. role: artefact, document, bom, evidence, attestation or trust."""

    path: str
    sha256: Sha256Field
    size_bytes: int = Field(ge=0)
    role: Literal["artefact", "document", "bom", "evidence", "attestation", "trust"]
    kind: str = Field(default="", description="of an artefact")


class BundleManifest(Record):
    """`release.json`: every file of a bundle but itself and the signature over it, sorted by path."""

    schema_: Literal["bascule.release/v1"] = Field(default="bascule.release/v1", alias="schema")
    name: str
    version: str
    plan: DigestField
    subject: DigestField
    decision: DigestField
    policy: DigestField
    tier: TierField
    expires_at: datetime | None
    ledger_root: DigestField
    ledger_size: int = Field(ge=1)
    tool_version: str
    files: tuple[BundleFile, ...]

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class VerifyCheck(Record):
    """One thing that was checked."""

    name: str
    outcome: Literal["true", "false", "not-available"]
    detail: str = ""


class VerifyDocument(Record):
    """What `bascule verify --json` prints. verified: every check that must be made was made, and holds."""

    schema_: Literal["bascule.verify/v1"] = Field(default="bascule.verify/v1", alias="schema")
    verdict: Literal["verified", "failed"]
    checks: tuple[VerifyCheck, ...]
    release: str = ""
    tier: str = ""
    decision: str = ""
    expires_at: datetime | None = None

    model_config = {"populate_by_name": True, "serialize_by_alias": True}
