"""Judgement: an assessment per dimension, a decision per artefact kind, and what named people add.

A decision cites evidence. Rules: expired evidence is absent; absent evidence never grants; a waiver names a
person and a date; an approval signs one decision's digest and no other; nothing is summed into one score.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from bascule.records.artefact import ArtefactKind, DigestField
from bascule.records.base import Record


class Dimension(StrEnum):
    MISUSE = "misuse"
    SAFETY = "safety"
    PRIVACY = "privacy"
    SECURITY = "security"
    LICENSING = "licensing"
    RELIABILITY = "reliability"
    ECONOMICS = "economics"
    GOVERNANCE = "governance"


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class RuleResult(Record):
    """One policy rule at one (kind, tier)."""

    rule: str
    dimension: Dimension
    verdict: Verdict
    because: str
    expression: str = ""
    facts: dict[str, Any] = Field(default_factory=dict, description="the facts the expression read, null where unknown")
    evidence: tuple[DigestField, ...] = ()
    remedy: str = ""
    waivable: bool = True
    waived_by: str | None = None


class ScenarioResult(Record):
    """One risk scenario at one (kind, tier): R = attempts × marginal success × residual × loss, as intervals."""

    scenario: str
    dimension: Dimension
    verdict: Verdict
    because: str
    success_low: float | None = None
    success_high: float | None = None
    marginal_low: float | None = None
    marginal_high: float | None = None
    risk_low: float | None = None
    risk_high: float | None = None
    unit: str = ""
    facts: dict[str, Any] = Field(default_factory=dict)
    evidence: tuple[DigestField, ...] = ()
    sources: tuple[str, ...] = ()


class DimensionResult(Record):
    """One cell of the matrix: a dimension for a kind at a tier."""

    kind: ArtefactKind
    tier: str
    dimension: Dimension
    verdict: Verdict
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    unit: str = ""
    rules: tuple[RuleResult, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    evidence: tuple[DigestField, ...] = ()
    missing: tuple[str, ...] = ()


class Assessment(Record):
    """Every cell that was judged. Pure and replayable."""

    method_version: str
    policy: DigestField
    as_of: datetime
    cells: tuple[DimensionResult, ...]


class Reason(Record):
    """Why a tier is not granted, or what a granted one obliges to."""

    rule: str
    effect: Literal["deny", "unknown", "oblige"]
    because: str
    dimension: Dimension
    kinds: tuple[ArtefactKind, ...] = ()
    tiers: tuple[str, ...] = Field(default=(), description="the tiers at which it holds, in ladder order")
    facts: dict[str, Any] = Field(default_factory=dict)
    evidence: tuple[DigestField, ...] = ()
    remedy: str = ""
    waivable: bool = True


class Obligation(Record):
    kind: str
    text: str
    source: str
    tiers: tuple[str, ...] = ()


class Missing(Record):
    """Evidence that is not there, ranked by what it would buy."""

    evidence: str
    dimension: Dimension
    buys: float = Field(ge=0, description="how much of the requested climb it could unlock, 0 to 1")
    command: str = Field(description="the command that would produce it, or the person to ask")
    because: str = ""
    cost: str = Field(default="", description="minutes, hours, money: an estimate")


class Unlock(Record):
    """One way forward: the smallest set of changes that would flip the answer for these kinds."""

    kinds: tuple[ArtefactKind, ...]
    tier: str
    steps: tuple[str, ...]
    commands: tuple[str, ...] = ()
    cost: str = ""
    possible: bool = True
    because: str = ""


class Benefit(Record):
    """What a tier gives, beside the risks; chooses only among permitted tiers."""

    name: str
    tier: str
    level: str = Field(description="none, some, most, full")
    because: str


class MoneyInterval(Record):
    """Economics of a tier: an interval in money with its assumptions, never merged into safety."""

    tier: str
    low: float
    high: float
    currency: str = "USD per year"
    assumptions: tuple[str, ...] = ()


class ApprovalNeed(Record):
    """Who must sign before the decision takes effect at a tier."""

    tier: str
    quorum: int = Field(ge=0)
    roles: tuple[str, ...] = ()


class Decision(Record):
    """How open each kind of artefact may be. Its digest is what people sign.

    Where the bytes lay and what was decided before are not in it: the ledger's subject records and its order say so.
    """

    schema_: Literal["bascule.decision/v1"] = Field(default="bascule.decision/v1", alias="schema")
    subject: DigestField
    ladder: str
    requested_tier: str
    verdict: Literal["granted", "refused", "unknown"]
    granted: dict[ArtefactKind, str]
    policy: DigestField
    policy_id: str
    context: DigestField
    as_of: datetime
    evidence: tuple[DigestField, ...] = Field(description="every envelope read, sorted")
    reasons: tuple[Reason, ...]
    missing: tuple[Missing, ...] = ()
    unlocks: tuple[Unlock, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    approvals_needed: tuple[ApprovalNeed, ...] = ()
    waivers: tuple[DigestField, ...] = ()
    assessment: DigestField
    review_by: datetime | None = Field(description="the first instant at which cited evidence or a waiver expires")

    model_config = {"populate_by_name": True, "serialize_by_alias": True}


class Waiver(Record):
    """A named person lets one rule pass for one subject at one tier, for a while."""

    rule: str
    subject: DigestField
    tier: str
    reason: str = Field(min_length=1)
    safeguard: str = Field(min_length=1, description="what compensates")
    owner: str = Field(min_length=1)
    issued_at: datetime
    expires_at: datetime
    renewal_of: DigestField | None = None


class Approval(Record):
    """A person in a role signs a decision's digest."""

    decision: DigestField
    person: str = Field(min_length=1)
    role: str = Field(min_length=1)
    key_id: str
    issued_at: datetime
