"""A question, answered about one artefact.

Rules: the question is put so that `true` calls for action; `error` means that the question could not be answered
and is never counted as clean; there is no suppression field, because letting something pass is a `Waiver`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from bascule.kernel.digests import Digest
from bascule.records.base import Record

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]


class Outcome(StrEnum):
    TRUE = "true"
    FALSE = "false"
    NOT_APPLICABLE = "not-applicable"
    NOT_AVAILABLE = "not-available"
    ERROR = "error"


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """4 for critical down to 0 for info."""
        return 4 - list(Severity).index(self)


class Confidence(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def _cut_to(characters: int) -> BeforeValidator:
    """A text that the bytes under scan made too long is cut, not refused: a finding is never lost to its own place."""

    def cut(value: Any) -> Any:
        return f"{value[: characters - 1]}…" if isinstance(value, str) and len(value) > characters else value

    return BeforeValidator(cut)


class Finding(Record):
    """One answer worth a person's attention: `true`, or why there is none."""

    rule: RuleId
    outcome: Outcome
    severity: Severity
    message: Annotated[str, _cut_to(2000)]
    artefact: str = Field(default="", description="path of the artefact; the subject as a whole when empty")
    location: Annotated[str, _cut_to(1000)] = Field(
        default="", description="where inside: `member!inner`, `line 12`, `offset 0x40`, a key"
    )
    confidence: Confidence = Confidence.HIGH
    remedy: Annotated[str, _cut_to(1000)] = ""
    references: tuple[str, ...] = Field(
        default=(), description="CVE, CWE, MITRE ATLAS or a page; the rule's own where a finding names none"
    )
    details: dict[str, Any] = Field(default_factory=dict, description="what was seen, e.g. {'callable': 'os.system'}")

    @property
    def id(self) -> Digest:
        """Stable over runs: of the rule, the place and what was seen."""
        return self.content_digest()
