"""Who speaks: one voice per slot, and what each silence could have borne on.

Rules:
- In a slot the newest envelope speaks; an older one never speaks again. So evidence is not improved by losing some.
- A slot that is withheld, expired or unreadable is silent, and whatever its tool could have said is unknown.
- A tool that the vocabulary does not list could have said anything.
- A listed tool supports only facts inside its vocabulary; an alarm that it raises outside is heard all the same.
- Evidence about another subject bears on measures alone, by its relation to ours; about no related one, on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bascule.judge.question import Vocabulary
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest
from bascule.records import Evidence, Observations
from bascule.records.evidence import Independence

SAME = "same"


@dataclass(frozen=True, slots=True)
class Voice:
    """A slot that speaks."""

    digest: Digest
    evidence: Evidence
    observations: Observations
    independence: str
    same_subject: bool
    vocabulary: Vocabulary | None

    @property
    def self_reported(self) -> bool:
        return self.independence == Independence.SELF_REPORTED.value

    def may_support(self, family: str, name: str) -> bool:
        """Can this voice support a fact of that name? family: rules, measures or readings."""
        return self.vocabulary is None or name in getattr(self.vocabulary, family)


@dataclass(slots=True)
class Silence:
    """Which facts a silence could have borne on, with the digests of what is silent and why."""

    named: dict[str, dict[str, list[Digest]]] = field(
        default_factory=lambda: {"rules": {}, "measures": {}, "readings": {}}
    )
    everything: dict[str, list[Digest]] = field(default_factory=lambda: {"rules": [], "measures": [], "readings": []})
    why: dict[Digest, str] = field(default_factory=dict)

    def over(self, family: str, name: str) -> tuple[Digest, ...]:
        """The silent envelopes that could have borne on that name; empty when none could."""
        return (*self.named[family].get(name, ()), *self.everything[family])

    def reason(self, digests: Iterable[Digest]) -> str:
        return "; ".join(dict.fromkeys(self.why[digest] for digest in digests))


@dataclass(frozen=True, slots=True)
class Hearing:
    """All voices in a stable order, and the silences between them."""

    voices: tuple[Voice, ...]
    silence: Silence
    limits: tuple[str, ...]


def hear(
    subject: Digest, evidence: Iterable[Evidence], as_of: datetime, vocabulary: Mapping[str, Vocabulary]
) -> Hearing:
    """One voice or one silence per slot. Law: the order of `evidence` does not matter."""
    voices: list[Voice] = []
    silence = Silence()
    limits: set[str] = set()
    sets = {tool: _as_sets(words) for tool, words in vocabulary.items()}
    for record in _newest_by_slot(evidence):
        relation = _relation(record, subject)
        if relation is None:
            limits.add(f"evidence of `{record.slot.tool}` about another, unrelated subject was not read")
            continue
        words = sets.get(record.slot.tool)
        if record.observations is None or not record.speaks(as_of):
            _fall_silent(silence, record, words, relation == SAME)
            continue
        if record.observations.limits:
            limits.update(f"{record.slot.tool}: {limit}" for limit in record.observations.limits)
        producer = record.producer
        voices.append(
            Voice(
                digest=record.digest,
                evidence=record,
                observations=record.observations,
                independence=(producer.independence if producer else Independence.SELF_REPORTED).value,
                same_subject=relation == SAME,
                vocabulary=words,
            )
        )
    return Hearing(tuple(voices), silence, tuple(sorted(limits)))


def _as_sets(words: Vocabulary) -> Vocabulary:
    return Vocabulary(frozenset(words.rules), frozenset(words.measures), frozenset(words.readings))


def _newest_by_slot(evidence: Iterable[Evidence]) -> list[Evidence]:
    newest: dict[tuple[str, str], Evidence] = {}
    for record in evidence:
        slot = (record.slot.subject, record.slot.tool)
        rival = newest.get(slot)
        if rival is None or (record.issued_at, record.digest) > (rival.issued_at, rival.digest):
            newest[slot] = record
    return sorted(newest.values(), key=lambda record: record.digest)


def _relation(record: Evidence, subject: Digest) -> str | None:
    if record.slot.subject == subject:
        return SAME
    return None if record.relation in (SAME, "none") else record.relation


def _fall_silent(silence: Silence, record: Evidence, words: Vocabulary | None, same_subject: bool) -> None:
    if record.observations is None:
        why = f"evidence of `{record.slot.tool}` is known to exist and was not given"
    else:
        why = f"evidence of `{record.slot.tool}` expired on {format_instant(record.expires_at)}"
    silence.why[record.digest] = why
    for family in ("rules", "measures", "readings") if same_subject else ("measures",):
        if words is None:
            silence.everything[family].append(record.digest)
        else:
            for name in getattr(words, family):
                silence.named[family].setdefault(name, []).append(record.digest)
