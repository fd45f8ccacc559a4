"""A policy pack: the whole of an organisation's appetite for risk, as dated, signed, versioned data.

A pack is a folder: `pack.yaml` (identity, ladders, weights, thresholds, context defaults, benefits, economics),
`rules/*.yaml` (logical rules), `scenarios.yaml` (the scenario library), `cases.yaml` (table cases that must hold).
Its digest covers every file, so a decision names exactly the policy it was made under.

Rules of the language:
- Every condition is CEL over declared facts. An expression that reads an unknown fact is neither true nor false; a
  rule that is neither is UNKNOWN, and UNKNOWN denies.
- Presence tests (`has(...)`, `in` on a fact map, comprehension over a fact map) are refused by the linter: with them,
  losing evidence could open a door.
- A threshold, bound or default carries its source, or the words "our judgement".
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from bascule.judge.licensing.terms import FOLDER, WORKS, Terms
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Context, Dimension, Ladder, Record


class Produces(Record):
    """How a missing fact would be had: what it is called, the command or the person, and the price."""

    evidence: str
    command: str
    cost: str = ""
    cost_minutes: float = Field(default=10.0, ge=0, description="rough effort, for ranking only")


class PackRule(Record):
    """A logical rule. For `deny`: where `when` holds, `requires` must be TRUE (or `unless` TRUE)."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    dimension: Dimension
    ladders: tuple[str, ...] = ("release",)
    tiers: str = Field(default=">=T0", description="`>=T5`, `T2-T4`, `T7` or a comma list of these; A-tiers alike")
    kinds: tuple[ArtefactKind, ...] = Field(default=(), description="empty: every kind")
    when: str = "true"
    requires: str = "true"
    unless: str = "false"
    effect: Literal["deny", "oblige"] = "deny"
    obligation: str = Field(default="", description="kind of the obligation when `effect: oblige`: notice, disclose, …")
    message: str = Field(description="why, as one sentence a release owner understands")
    remedy: str = ""
    produces: Produces | None = Field(default=None, description="what to collect when the answer is unknown")
    cites: tuple[str, ...] = ()
    source: str = "our judgement"
    reviewed_by: str = ""
    waivable: bool = True
    applies_from: date | None = None
    applies_until: date | None = None


class Bound(Record):
    """An interval with its source: the pessimistic bound that fills a blank."""

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("needs low ≤ high")
        return self


class Safeguard(Record):
    """Something that stops an attempt: where it acts, and whether it survives what a tier gives away."""

    id: str
    measure: str = Field(description="proportion of attempts stopped, a measure name")
    where: Literal["provider", "artefact"] = Field(
        description="provider-side safeguards count 0 where none is enforceable"
    )
    removable_by_finetuning: bool = False
    in_force: str = Field(default="true", description="CEL: is it switched on in this context?")


class Scenario(Record):
    """Who could do what to whom, and what it would cost. Kapoor et al.'s six elements: threat, existing risk,
    existing defences, marginal evidence, ease of defence, uncertainty."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    title: str
    dimension: Dimension
    actor: str
    vector: str
    target: Literal["user", "system", "market"]
    harm: str
    loss_unit: str
    ladders: tuple[str, ...] = ("release",)
    tiers: str = ">=T2"
    kinds: tuple[ArtefactKind, ...] = ()
    when: str = Field(default="true", description="CEL: can it apply at all? FALSE needs a fact")
    not_applicable_because: str = ""
    capability: str = Field(description="measure: proportion of attempts that succeed without safeguards")
    joint_bypass: str = Field(
        default="", description="measure: jointly measured bypass of the safeguards enforceable here"
    )
    safeguards: tuple[Safeguard, ...] = ()
    baseline: str = Field(
        default="", description="measure: success of the best open substitute, frozen per pack version"
    )
    baseline_set: tuple[str, ...] = ()
    critical: float | None = Field(
        default=None, description="kappa: capability at or above this fails whatever the marginal risk"
    )
    absolute_cap: float | None = Field(
        default=None, description="cap on capability that does not move with the baseline"
    )
    attempts: Bound
    residual: Bound = Field(description="rho: share not stopped by society's own defences")
    loss: Bound
    actor_budget: float | None = Field(
        default=None, description="attempts the actor can afford; evidence tested below it weighs less"
    )
    produces: Produces
    sources: tuple[str, ...] = ()


class Threshold(Record):
    """tau for one dimension, in the scenarios' loss unit; the first whose `when` is TRUE holds."""

    dimension: Dimension
    when: str = "true"
    value: float = Field(ge=0)
    unit: str
    source: str


class Weights(Record):
    """How much a trial counts: q by producer, a half-life, r by relation. Method §3.1."""

    independence: dict[str, float] = Field(
        default_factory=lambda: {"self-reported": 0.25, "internal": 0.6, "independent": 1.0}
    )
    half_life_days: float = Field(default=183.0, gt=0)
    relation: dict[str, float] = Field(
        default_factory=lambda: {"same": 1.0, "quantised": 0.7, "finetune": 0.2, "adapter": 0.2, "none": 0.0}
    )
    alpha: float = Field(default=0.1, gt=0, lt=1)
    one_way_margin: float = Field(default=2.0, ge=1, description="m for tiers that cannot be taken back")


class BenefitRow(Record):
    """What tiers give: reproducibility, audit, adoption, freedom from lock-in."""

    name: str
    levels: dict[str, str] = Field(description="tier id → none | some | most | full")
    because: str


class Assumption(Record):
    """One line of the economics: an amount per year as an interval, where it applies."""

    id: str
    title: str
    tiers: str
    when: str = "true"
    low: str = Field(description="CEL number, may read context; a blank context value makes the bound the pack's")
    high: str
    blank_low: float
    blank_high: float
    source: str


class ApprovalRule(Record):
    tiers: str
    quorum: int = Field(ge=0)
    roles: tuple[str, ...] = ()


class Case(Record):
    """A table case: facts in, decision out."""

    id: str
    title: str
    given: dict[str, Any] = Field(
        default_factory=dict, description="kinds, findings, readings, measures, context, as_of, ladder, tier"
    )
    expect: dict[str, Any] = Field(
        description="granted: {kind: tier}, verdict, blocked_by: [rule ids], obligations: [kinds]"
    )


class ExpectedFacts(Record):
    """Facts that the pack reads though no installed plug-in may leave them yet: name to what it says.

    Names are a rule's id, a measure's or a reading's dotted name; what is declared here needs no plug-in to lint,
    and stays unknown until one answers.
    """

    findings: dict[str, str] = Field(default_factory=dict)
    measures: dict[str, str] = Field(default_factory=dict)
    readings: dict[str, str] = Field(default_factory=dict)


class Licensing(Record):
    """How clauses are read on which lawyers differ, such as whether non-commercial terms of data reach the model."""

    contested: Literal["strict", "lenient", "unset"] = Field(
        default="unset", description="strict: what is contested is forbidden; lenient: allowed; unset: unknown"
    )


class PolicyPack(Record):
    """A pack, parsed and checked."""

    id: str
    version: str
    title: str
    description: str
    ladders: tuple[Ladder, ...]
    weights: Weights = Weights()
    thresholds: tuple[Threshold, ...]
    context_defaults: Context = Context()
    rules: tuple[PackRule, ...]
    scenarios: tuple[Scenario, ...]
    benefits: tuple[BenefitRow, ...] = ()
    economics: tuple[Assumption, ...] = ()
    approvals: tuple[ApprovalRule, ...] = ()
    licence_classes: dict[str, dict[str, Any]] = Field(default_factory=dict)
    licensing: Licensing = Licensing()
    clause_table: dict[str, str] = Field(default_factory=dict, repr=False, description="files of `licences/` by path")
    cases: tuple[Case, ...] = ()
    facts: ExpectedFacts = ExpectedFacts()
    extends: str = Field(default="", description="the pack that this one was written on top of")
    digest: Digest = Field(description="over every file of the folder, and of the packs it extends")

    @cached_property
    def terms(self) -> Terms:
        """The clauses of licences, each read when it is first asked for."""
        texts = {
            path.removeprefix(FOLDER).removesuffix(".yaml"): text
            for path, text in self.clause_table.items()
            if path.startswith(FOLDER)
        }
        return Terms(texts, self.licence_classes, self.clause_table.get(WORKS, ""))

    def ladder(self, name: str) -> Ladder:
        """The ladder of that name. Raises KeyError."""
        for ladder in self.ladders:
            if ladder.name == name:
                return ladder
        raise KeyError(name)
