"""Questions for the judge, built on the spot: a small ladder, a subject, evidence, and packs written as Python.

`rule(...)`, `scenario(...)` and `pack(...)` leave out what a test does not care about; `seen(...)` is one envelope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bascule.judge import Question, Vocabulary
from bascule.judge.policy.pack import Bound, PackRule, PolicyPack, Produces, Scenario, Threshold, Weights
from bascule.kernel.digests import digest_of_json
from bascule.records import (
    Answer,
    Artefact,
    ArtefactKind,
    Context,
    Dimension,
    Evidence,
    Finding,
    Ladder,
    Measure,
    Observations,
    Outcome,
    Producer,
    Reading,
    ReadingSource,
    Severity,
    Slot,
    Subject,
    Tier,
    Tool,
)
from bascule.records.artefact import subject_digest
from bascule.records.evidence import Independence

NOW = datetime(2026, 11, 25, tzinfo=UTC)
WEIGHTS, CARD, ENDPOINT = ArtefactKind.WEIGHTS, ArtefactKind.MODEL_CARD, ArtefactKind.ENDPOINT

_HOSTED = {
    "revocable": True,
    "monitorable": True,
    "provider_enforceable": True,
    "modifiable_by_user": False,
    "identity_known": True,
}
_GIVEN_AWAY = {
    "revocable": False,
    "monitorable": False,
    "provider_enforceable": False,
    "modifiable_by_user": True,
    "identity_known": False,
    "distributes": True,
    "people_to_approve": 2,
}


def ladder(name: str = "release") -> Ladder:
    """T0 to T4 on our machines, T5 to T8 as copies; an endpoint goes no further than T4."""
    tiers = [
        Tier(
            id=f"T{rank}",
            name=f"tier {rank}",
            description="",
            external=rank >= 2,
            **(_HOSTED if rank <= 4 else _GIVEN_AWAY),
        )
        for rank in range(9)
    ]
    return Ladder(name=name, title=name, tiers=tuple(tiers), ceilings={ENDPOINT: "T4"})


LADDER = ladder()


def subject(*parts: tuple[str, ArtefactKind], ref: str = "./model", notes: tuple[Any, ...] = ()) -> Subject:
    """By default weights and a card."""
    artefacts = tuple(
        Artefact(path=path, kind=kind, media_type="application/x", size_bytes=10, sha256=f"{index + 1:064x}")
        for index, (path, kind) in enumerate(parts or (("model.safetensors", WEIGHTS), ("README.md", CARD)))
    )
    return Subject(ref=ref, digest=subject_digest(artefacts, notes), artefacts=artefacts, notes=notes)


SUBJECT = subject()


def rule(rule_id: str, requires: str = "true", **changes: Any) -> PackRule:
    """A security rule from T1 up."""
    known: dict[str, Any] = {
        "title": f"{rule_id} holds",
        "dimension": Dimension.SECURITY,
        "tiers": ">=T1",
        "message": f"{rule_id} does not hold",
        "remedy": f"mend {rule_id}",
        "produces": Produces(evidence=f"evidence on {rule_id}", command=f"bascule review REF --only {rule_id}"),
    }
    return PackRule(id=rule_id, requires=requires, **(known | changes))


def bound(value: float, high: float | None = None) -> Bound:
    return Bound(low=value, high=value if high is None else high, source="our judgement")


def scenario(scenario_id: str, capability: str, **changes: Any) -> Scenario:
    """A misuse scenario from T1 up, at most one person harmed a year."""
    known: dict[str, Any] = {
        "title": scenario_id,
        "dimension": Dimension.MISUSE,
        "actor": "somebody",
        "vector": "a prompt",
        "target": "user",
        "harm": "harm",
        "loss_unit": "people",
        "tiers": ">=T1",
        "attempts": bound(1),
        "residual": bound(1),
        "loss": bound(1),
        "produces": Produces(evidence=f"test of {scenario_id}", command=f"bascule eval TARGET --suite {scenario_id}"),
    }
    return Scenario(id=scenario_id, capability=capability, **(known | changes))


def threshold(value: float, dimension: Dimension = Dimension.MISUSE, **changes: Any) -> Threshold:
    known = {"unit": "people", "source": "our judgement"}
    return Threshold(dimension=dimension, value=value, **(known | changes))


def pack(*parts: PackRule | Scenario | Threshold, **changes: Any) -> PolicyPack:
    """A pack of these parts, with a digest over what it says."""
    known: dict[str, Any] = {
        "id": "test",
        "version": "1",
        "title": "test",
        "description": "",
        "ladders": (LADDER,),
        "weights": Weights(),
        "rules": tuple(part for part in parts if isinstance(part, PackRule)),
        "scenarios": tuple(part for part in parts if isinstance(part, Scenario)),
        "thresholds": tuple(part for part in parts if isinstance(part, Threshold)),
    }
    made = known | changes
    body = [part.as_json() for part in (*made["rules"], *made["scenarios"], *made["thresholds"])]
    return PolicyPack(**made, digest=digest_of_json(body))


def alarm(rule_id: str, artefact: str = "model.safetensors", severity: Severity = Severity.HIGH) -> Finding:
    return Finding(rule=rule_id, outcome=Outcome.TRUE, severity=severity, message="seen", artefact=artefact)


def proportion(name: str, k: float, n: float, **changes: Any) -> Measure:
    """k of n."""
    return Measure(name=name, value=k / n if n else 0.5, low=0, high=1, k=k, n=n, method="counted", **changes)


def number(name: str, value: float, **changes: Any) -> Measure:
    """An exact number."""
    known: dict[str, Any] = {"low": value, "high": value, "n": 1, "unit": "things", "method": "exact"}
    return Measure(name=name, value=value, **(known | changes))


def said(name: str, value: Any, artefact: str = "README.md", measured: bool = True) -> Reading:
    source = ReadingSource.MEASURED if measured else ReadingSource.DECLARED
    return Reading(name=name, value=value, artefact=artefact, source=source)


def seen(
    tool: str,
    *parts: Finding | Measure | Reading,
    asks: Iterable[str] = (),
    answers: Mapping[str, Outcome] | None = None,
    by: Independence = Independence.INTERNAL,
    age_days: float = 0,
    expires: datetime = NOW + timedelta(days=90),
    about: Subject = SUBJECT,
    relation: str = "same",
    **changes: Any,
) -> Evidence:
    """What one tool saw. asks: the rules it answers, false unless an alarm says otherwise."""
    rules = tuple(dict.fromkeys([*asks, *(part.rule for part in parts if isinstance(part, Finding)), *(answers or ())]))
    observations = Observations(
        tool=Tool(id=tool, distribution="bascule", version="1", config_digest=digest_of_json(tool)),
        rules=rules,
        answers=tuple(Answer(rule=r, artefact="model.safetensors", outcome=o) for r, o in (answers or {}).items()),
        findings=tuple(part for part in parts if isinstance(part, Finding)),
        measures=tuple(part for part in parts if isinstance(part, Measure)),
        readings=tuple(part for part in parts if isinstance(part, Reading)),
    )
    issued_at = NOW - timedelta(days=age_days)
    identity = {"tool": tool, "by": str(by), "at": issued_at.isoformat(), "seen": observations.as_json()}
    known: dict[str, Any] = {
        "digest": digest_of_json(identity),
        "slot": Slot(subject=about.digest, tool=tool),
        "issued_at": issued_at,
        "expires_at": expires,
        "producer": Producer(key_id=f"key-of-{by}", independence=by),
        "observations": observations,
        "relation": relation,
    }
    return Evidence(**(known | changes))


def withheld(evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"observations": None})


def lapsed(evidence: Evidence) -> Evidence:
    return evidence.model_copy(update={"expires_at": min(NOW, evidence.expires_at) - timedelta(seconds=1)})


def ask(policy: PolicyPack, *evidence: Evidence, tier: str = "T4", **changes: Any) -> Question:
    """Open the default subject to a tier?"""
    vocabulary: dict[str, Vocabulary] = {}
    for each in evidence:
        if each.observations is not None:
            vocabulary[each.slot.tool] = words_of(each)
    known: dict[str, Any] = {
        "subject": SUBJECT,
        "requested_tier": tier,
        "ladder": policy.ladders[0],
        "evidence": evidence,
        "context": Context(),
        "pack": policy,
        "as_of": NOW,
        "vocabulary": vocabulary,
    }
    return Question(**(known | changes))


def words_of(evidence: Evidence) -> Vocabulary:
    """The vocabulary of a tool that can say just what it said here."""
    observations = evidence.observations
    assert observations is not None
    return Vocabulary(
        rules=frozenset(observations.rules),
        measures=frozenset(measure.name for measure in observations.measures),
        readings=frozenset(reading.name for reading in observations.readings),
    )
