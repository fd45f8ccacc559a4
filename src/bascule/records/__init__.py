"""The nouns: frozen, validated, and the same in memory, in the ledger and in the JSON that users rely on.

A subject is what was pointed at; an artefact is one part of it. Scanners and evaluators leave findings
(questions answered), measures (numbers with intervals) and readings (words read off an artefact). Signed, they
are evidence. Judged, they are an assessment; decided on, a decision; waivers and approvals are what named
people add. Every record forbids unknown fields, except foreign statements, whose bytes are kept as they came.

What scanners leave is here at once; the rest is imported when somebody asks for it, so that no worker waits for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bascule.records.artefact import Artefact, ArtefactKind, Edge, Relation, Subject
from bascule.records.base import Record
from bascule.records.coverage import Coverage, State
from bascule.records.finding import Confidence, Finding, Outcome, Severity
from bascule.records.measure import Measure, Reading, ReadingSource

if TYPE_CHECKING:
    from bascule.records.decision import (
        Approval,
        ApprovalNeed,
        Assessment,
        Benefit,
        Decision,
        Dimension,
        DimensionResult,
        Missing,
        MoneyInterval,
        Obligation,
        Reason,
        RuleResult,
        ScenarioResult,
        Unlock,
        Verdict,
        Waiver,
    )
    from bascule.records.evidence import Answer, Evidence, Observations, Producer, Slot, Tool
    from bascule.records.ladder import Ladder, Tier
    from bascule.records.openness import Openness
    from bascule.records.review import FindingView, LicenceView, PeerView, ReviewDocument, ScanDocument, ScannedFile
    from bascule.records.scope import Context

__all__ = [
    "Answer",
    "Approval",
    "ApprovalNeed",
    "Artefact",
    "ArtefactKind",
    "Assessment",
    "Benefit",
    "Confidence",
    "Context",
    "Coverage",
    "Decision",
    "Dimension",
    "DimensionResult",
    "Edge",
    "Evidence",
    "Finding",
    "FindingView",
    "Ladder",
    "LicenceView",
    "Measure",
    "Missing",
    "MoneyInterval",
    "Obligation",
    "Observations",
    "Openness",
    "Outcome",
    "PeerView",
    "Producer",
    "Reading",
    "ReadingSource",
    "Reason",
    "Record",
    "Relation",
    "ReviewDocument",
    "RuleResult",
    "ScanDocument",
    "ScannedFile",
    "ScenarioResult",
    "Severity",
    "Slot",
    "State",
    "Subject",
    "Tier",
    "Tool",
    "Unlock",
    "Verdict",
    "Waiver",
]

_LATER = ("decision", "evidence", "ladder", "openness", "review", "scope")


def __getattr__(name: str) -> Any:
    for home in _LATER if name in __all__ else ():
        module = importlib.import_module(f"{__name__}.{home}")
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
