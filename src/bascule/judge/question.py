"""What is asked of the judge, and what it answers.

Everything that the answer depends on is in the question: the evidence, the policy, the context, the instant. The
judge has no clock, no disk and no network, so the same question has the same answer, byte for byte, anywhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bascule.judge.policy.pack import PolicyPack
from bascule.records import (
    Approval,
    ArtefactKind,
    Assessment,
    Benefit,
    Context,
    Decision,
    Evidence,
    Ladder,
    LicenceView,
    MoneyInterval,
    Openness,
    Subject,
    Waiver,
)
from bascule.records.licence_answers import KindLicence
from bascule.records.review import DimensionView

METHOD_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one tool could bear on: its rules, measures and readings by name. Silence in its slot touches all of
    them."""

    rules: Collection[str] = ()
    measures: Collection[str] = ()
    readings: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """How open may this subject be, here, now, for what is known?

    requested_tier: a tier of `ladder`. kinds: only these kinds of artefact; None for every kind present.
    evidence: one record per slot; where a slot has several, the newest speaks. context: already merged with the
    pack's defaults (`judge.context.merge_context`). vocabulary: by tool id; a tool that is not in it could have
    borne on anything. waiver_approvals: signatures over waivers' digests, for renewals.
    """

    subject: Subject
    requested_tier: str
    ladder: Ladder
    evidence: tuple[Evidence, ...]
    context: Context
    pack: PolicyPack
    as_of: datetime
    kinds: tuple[ArtefactKind, ...] | None = None
    vocabulary: Mapping[str, Vocabulary] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    waiver_approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer: what is decided, every cell it rests on, and what stands beside it without being summed into it."""

    decision: Decision
    assessment: Assessment
    openness: Openness
    benefits: tuple[Benefit, ...]
    economics: tuple[MoneyInterval, ...]
    licences: tuple[LicenceView, ...]
    licensing: tuple[KindLicence, ...]
    facts: dict[str, Any]
    dimensions: tuple[DimensionView, ...]
    limits: tuple[str, ...]
