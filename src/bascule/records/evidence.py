"""Evidence: what one tool saw in one subject, signed.

On the wire it is an in-toto Statement v1 in a DSSE envelope, and its identity is the sha256 of the envelope's
bytes; a signed thing is never serialised again. `Evidence` is how the rest of the house reads one.

Rules:
- A **slot** is a question's place: one tool (or one person's statement) on one subject. The newest envelope that
  the ledger records in a slot is the one that speaks. If it is withheld, expired or unreadable, the slot is
  silent; an older envelope never speaks again. So nothing is gained by losing evidence.
- Expired evidence is absent, and absent evidence never grants.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from bascule.records.artefact import DigestField
from bascule.records.base import Record
from bascule.records.coverage import Coverage
from bascule.records.finding import Finding, Outcome, RuleId
from bascule.records.measure import Measure, Reading

PREDICATE_OBSERVATIONS = "https://bascule.dev/attestation/observations/v1"


class Independence(StrEnum):
    """Who produced the evidence, as seen from the one who asks for the release; sets its weight."""

    SELF_REPORTED = "self-reported"
    INTERNAL = "internal"
    INDEPENDENT = "independent"


class Tool(Record):
    """What looked: plug-in id, its distribution and version, and the digest of its configuration and rules."""

    id: str
    distribution: str
    version: str
    config_digest: DigestField


class Producer(Record):
    """Who signed, and how independent they are."""

    key_id: str
    independence: Independence = Independence.INTERNAL
    name: str = ""


class Answer(Record):
    """One rule's answer for one artefact: the coverage map that makes silence visible."""

    rule: RuleId
    artefact: str
    outcome: Outcome


class Observations(Record):
    """The predicate: everything that one tool saw in one subject."""

    tool: Tool
    rules: tuple[RuleId, ...] = Field(description="the questions the tool asks, answered or not")
    answers: tuple[Answer, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    measures: tuple[Measure, ...] = ()
    readings: tuple[Reading, ...] = ()
    limits: tuple[str, ...] = Field(default=(), description="what this evidence cannot show")
    environment: dict[str, Any] = Field(default_factory=dict, description="sandbox and limits in force")


class Slot(Record):
    """A question's place; see the module's rules."""

    subject: DigestField
    tool: str


class Evidence(Record):
    """A slot as the judge sees it: the envelope that speaks, or the digest of one that should and is silent."""

    digest: DigestField
    slot: Slot
    issued_at: datetime
    expires_at: datetime
    producer: Producer | None = None
    observations: Observations | None = Field(default=None, description="None: known to exist, not to be had")
    relation: str = Field(
        default="same",
        description="how the evidence's subject relates to ours: same, quantised, finetune, adapter, none",
    )

    def speaks(self, as_of: datetime) -> bool:
        """Present and not expired at that instant."""
        return self.observations is not None and as_of < self.expires_at
