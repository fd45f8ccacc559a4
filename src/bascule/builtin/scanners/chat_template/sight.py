"""What an analysis of one template saw, before it becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from bascule.records import Confidence, Severity

RUNS_CODE = "template-runs-code"
SUSPICIOUS = "template-suspicious"
DIFFERS = "template-differs"


@dataclass(frozen=True, slots=True)
class Sight:
    """`what` is one sentence's end for people; `seen` is the evidence, shown as it stands in the template."""

    rule: str
    severity: Severity
    line: int
    what: str
    seen: str = ""
    confidence: Confidence = field(default=Confidence.HIGH)
