"""What an analysis of one file saw, before it becomes a finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bascule.records import Confidence, Severity

REMOTE_CODE = "remote-code"
DANGEROUS_CALL = "code-dangerous-call"


@dataclass(frozen=True, slots=True)
class Sight:
    """`what` is a sentence for people; `seen` is what it rests on."""

    rule: str
    severity: Severity
    place: str
    what: str
    seen: Mapping[str, object] = field(default_factory=dict)
    confidence: Confidence = Confidence.HIGH
