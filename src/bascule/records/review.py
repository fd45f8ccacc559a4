"""The documents that users' scripts rely on: `bascule.review/v1` and `bascule.scan/v1`.

Fields may be added; none is renamed or dropped. Reports render from these and from nothing else, so that every
form of the report says the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from bascule.records.artefact import DigestField, Sha256Field, Subject
from bascule.records.base import Record
from bascule.records.coverage import Coverage
from bascule.records.decision import (
    Approval,
    ApprovalNeed,
    Benefit,
    Dimension,
    DimensionResult,
    Missing,
    MoneyInterval,
    Obligation,
    Reason,
    Unlock,
    Verdict,
    Waiver,
)
from bascule.records.finding import Confidence, Finding, Outcome, Severity
from bascule.records.ladder import Ladder
from bascule.records.licence_answers import KindLicence
from bascule.records.openness import Openness
from bascule.records.scope import Context


class FindingView(Record):
    """A finding with the digest of the evidence that holds it."""

    rule: str
    outcome: Outcome
    severity: Severity
    confidence: Confidence
    artefact: str
    location: str
    message: str
    remedy: str
    references: tuple[str, ...] = ()
    details: dict[str, Any] = Field(default_factory=dict)
    evidence: DigestField | None = None

    @classmethod
    def of(cls, finding: Finding, evidence: str | None) -> FindingView:
        return cls.model_validate({**finding.as_json(), "evidence": evidence})


class LicenceView(Record):
    """A licence text or declaration that was seen."""

    artefact: str
    id: str
    match: Literal["exact", "variant", "unknown", "declared"]
    text_sha256: Sha256Field | None = None
    detail: str = ""


class DimensionView(Record):
    """A dimension's answer at the requested tier, the strictest over the kinds asked for."""

    dimension: Dimension
    verdict: Verdict
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    unit: str = ""
    evidence: tuple[DigestField, ...] = ()
    missing: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


class EvidenceView(Record):
    """One line of the evidence list."""

    digest: DigestField
    tool: str
    version: str = ""
    issued_at: datetime
    expires_at: datetime
    reused: bool = False
    speaks: bool = True
    rules: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


class PolicyView(Record):
    id: str
    version: str
    title: str
    digest: DigestField
    signature: str = Field(description="`built-in`, the key id that signed it, or `none`")


class ReviewDocument(Record):
    """Everything one review has to say."""

    schema_: Literal["bascule.review/v1"] = Field(default="bascule.review/v1", alias="schema")
    subject: Subject
    requested_tier: str
    verdict: Literal["granted", "refused", "unknown"]
    granted: dict[str, str]
    dimensions: tuple[DimensionView, ...]
    reasons: tuple[Reason, ...]
    findings: tuple[FindingView, ...]
    licences: tuple[LicenceView, ...]
    obligations: tuple[Obligation, ...]
    missing: tuple[Missing, ...]
    openness: Openness
    decision: DigestField
    policy: DigestField
    ledger_head: DigestField | None
    # Beyond the contract: what the reports show beside it.
    tool_version: str
    as_of: datetime
    ladder: Ladder
    context: Context
    policy_pack: PolicyView
    licensing: tuple[KindLicence, ...] = Field(
        default=(), description="per kind of artefact and act: what its licence and its lineage allow, with the clauses"
    )
    matrix: tuple[DimensionResult, ...] = Field(description="every kind × tier × dimension that was judged")
    unlocks: tuple[Unlock, ...] = ()
    benefits: tuple[Benefit, ...] = ()
    economics: tuple[MoneyInterval, ...] = ()
    approvals_needed: tuple[ApprovalNeed, ...] = ()
    approvals: tuple[Approval, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    evidence: tuple[EvidenceView, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)
    limits: tuple[str, ...] = Field(
        default=(), description="what this review cannot show, e.g. black-box evidence only"
    )
    review_by: datetime | None = None

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class PeerView(Record):
    """What another scanner says of a file, by its own default gate. It changes nothing of what we say."""

    peer: str
    verdict: Literal["finding", "clean", "not-scanned", "error", "not-available"]
    version: str = ""
    lines: tuple[str, ...] = ()


class ScannedFile(Record):
    path: str
    sha256: Sha256Field | None
    media_type: str
    outcome: Literal["clean", "unsafe", "error", "not-applicable"]
    findings: tuple[FindingView, ...] = ()
    size_bytes: int = 0
    kind: str = "unclassified"
    blake3: str | None = None
    declared_sha256: Sha256Field | None = Field(
        default=None, description="the store's word for what was not read whole"
    )
    coverage: tuple[Coverage, ...] = Field(
        default=(), description="the whole file, range by range: clean, finding, not-understood, not-covered"
    )
    peers: tuple[PeerView, ...] = Field(default=(), description="what other scanners say, where somebody asked them")


class ScanChanges(Record):
    """What a scan says that an earlier one did not. `still`: findings that both have."""

    since: DigestField
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    new: tuple[FindingView, ...] = ()
    gone: tuple[FindingView, ...] = ()
    still: int = 0


class ScanDocument(Record):
    """Supply-chain evidence alone."""

    schema_: Literal["bascule.scan/v1"] = Field(default="bascule.scan/v1", alias="schema")
    files: tuple[ScannedFile, ...]
    summary: dict[str, int]
    tool_version: str = ""
    notes: tuple[str, ...] = ()
    baseline: DigestField | None = Field(default=None, description="the name to give to `--since` another time")
    changes: ScanChanges | None = Field(default=None, description="present when it was compared with an earlier scan")

    model_config = {"populate_by_name": True, "serialize_by_alias": True}
