"""The book of facts: what conditions may read, and where each fact comes from.

Rules: a fact that is not in the book is unknown, and a condition that reads it is neither true nor false; each fact
cites the envelopes it was read from; there are two books, because at tiers where a copy leaves the house what only
the developer says supports nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bascule.judge.context import context_facts
from bascule.judge.facts.answers import Answers, answers
from bascule.judge.facts.fact import Fact, unknown
from bascule.judge.facts.measures import Measures, Quantity, measure_facts
from bascule.judge.facts.readings import LICENCE_READINGS, Heard, heard_readings, readings
from bascule.judge.facts.voices import Hearing, hear
from bascule.judge.licensing.consensus import Declaration, licence_facts, licence_views
from bascule.judge.licensing.coverage import licences_by_path
from bascule.judge.licensing.reviewed import LINEAGE_READINGS, Lineage, Named, answer_kinds, relation_way
from bascule.judge.question import Question
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, LicenceView, Outcome, Subject, Tier
from bascule.records.licence_answers import KindLicence

FAMILIES = {
    "finding": "rules",
    "here": "rules",
    "severity": "rules",
    "measure": "measures",
    "reading": "readings",
    "declared_only": "readings",
}
"""Which part of a tool's vocabulary each section of the book rests on."""

BY_KIND = ("here", "may")

BLANK = unknown("the context leaves it blank")


@dataclass(frozen=True, slots=True)
class Page:
    """All facts at one class of tiers: `finding`, `severity`, `measure`, …, and `here` and `may` by kind.

    otherwise: by section, why a name that is not there is unknown.
    """

    sections: Mapping[str, Mapping[str, Fact]]
    here: Mapping[ArtefactKind, Mapping[str, Fact]]
    otherwise: Mapping[str, Fact]
    may: Mapping[ArtefactKind, Mapping[str, Fact]] = field(default_factory=dict)
    licensing: tuple[KindLicence, ...] = ()

    def by_kind(self, section: str, kind: ArtefactKind) -> Mapping[str, Fact]:
        """A namespace that differs by kind."""
        return (self.here if section == "here" else self.may).get(kind, {})

    def fact(self, name: str, kind: ArtefactKind) -> Fact:
        """The fact of a dotted name."""
        section, _, key = name.partition(".")
        facts = self.by_kind(section, kind) if section in BY_KIND else self.sections.get(section, {})
        return facts.get(key) or self.otherwise.get(section, BLANK)


@dataclass(frozen=True, slots=True)
class FactBook:
    """Two pages and the pools of counts. `supposed` holds hypothetical values, by dotted name, over what is known."""

    pages: Mapping[bool, Page]
    measures: Measures
    licences: tuple[LicenceView, ...]
    limits: tuple[str, ...]
    covering: Mapping[str, str] = field(default_factory=dict)
    """path to the licence that covers it, where that is settled"""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """path to why reading it failed"""
    supposed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def licensing(self) -> tuple[KindLicence, ...]:
        """What licences come to, by kind and act; for a copy that leaves, as the tiers see it where one does."""
        near, far = self.pages[False].licensing, self.pages[True].licensing
        return tuple(b if a.act == "distribute" else a for a, b in zip(near, far, strict=True))

    def fact(self, name: str, kind: ArtefactKind, tier: Tier) -> Fact:
        """The fact of a dotted name as it stands for a kind at a tier."""
        if name in self.supposed:
            return Fact(self.supposed[name])
        if name == "kind":
            return Fact(str(kind))
        if name.startswith("tier."):
            return Fact(tier_facts(tier).get(name[5:]), why="no tier has it")
        return self.pages[tier.distributes].fact(name, kind)

    def section(self, name: str, kind: ArtefactKind, tier: Tier) -> dict[str, Any]:
        """A whole namespace, known facts only."""
        if name == "tier":
            return tier_facts(tier)
        page = self.pages[tier.distributes]
        facts = page.by_kind(name, kind) if name in BY_KIND else page.sections.get(name, {})
        known = {key: fact.value for key, fact in facts.items() if fact.known}
        prefix = f"{name}."
        known.update({key[len(prefix) :]: value for key, value in self.supposed.items() if key.startswith(prefix)})
        return known

    def proportion(self, name: str, tier: Tier, actor_budget: float | None) -> Quantity:
        """A scenario's quantity at a tier."""
        return self.measures.proportion(name, tier.distributes, actor_budget)

    def flat(self) -> dict[str, Any]:
        """Every fact by its dotted name, null where unknown; for the report."""
        return {
            f"{section}.{key}": fact.value
            for section, facts in sorted(self.pages[False].sections.items())
            for key, fact in sorted(facts.items())
            if section != "as_of"
        }


def tier_facts(tier: Tier) -> dict[str, Any]:
    """What a condition may ask about the tier that is judged."""
    return {
        "id": tier.id,
        "rank": tier.rank,
        "revocable": tier.revocable,
        "monitorable": tier.monitorable,
        "provider_enforceable": tier.provider_enforceable,
        "modifiable_by_user": tier.modifiable_by_user,
        "identity_known": tier.identity_known,
        "external": tier.external,
        "distributes": tier.distributes,
    }


def build_book(question: Question) -> FactBook:
    """Evidence to facts. Law: less evidence leaves each fact as it was, or unknown."""
    hearing = hear(question.subject.digest, question.evidence, question.as_of, question.vocabulary)
    measures = Measures(hearing, question.pack.weights, question.as_of)
    strict_differs = any(voice.self_reported for voice in hearing.voices)
    lenient = _page(question, hearing, measures, distributes=False)
    strict = _page(question, hearing, measures, distributes=True) if strict_differs else lenient
    hashes = {artefact.path: artefact.sha256 for artefact in question.subject.artefacts}
    said = _declarations(heard_readings(hearing, False))
    return FactBook(
        pages={False: lenient, True: strict},
        measures=measures,
        licences=licence_views(said, hashes),
        limits=hearing.limits,
        covering=licences_by_path(question.subject.artefacts, said),
        unreadable=_unreadable(hearing),
    )


def _unreadable(hearing: Hearing) -> dict[str, str]:
    """The message of the first error about each file."""
    found: dict[str, str] = {}
    for voice in hearing.voices:
        for finding in voice.observations.findings if voice.same_subject else ():
            if finding.outcome is Outcome.ERROR:
                found[finding.artefact] = min(found.get(finding.artefact, finding.message), finding.message)
    return found


def _page(question: Question, hearing: Hearing, measures: Measures, distributes: bool) -> Page:
    answered: Answers = answers(hearing, question.subject, distributes)
    heard = heard_readings(hearing, distributes)
    values, declared = readings(hearing, heard)
    silent = tuple(dict.fromkeys(d for name in LICENCE_READINGS for d in hearing.silence.over("readings", name)))
    modality = values.get("model_modality")
    licensing = answer_kinds(
        question.subject,
        _declarations(heard),
        lineage_of(hearing, heard, distributes),
        question.context,
        modality.value if modality is not None and modality.known else None,
        question.pack.terms,
        question.pack.licensing.contested,
        question.as_of.date(),
        hearing.silence.reason(silent),
    )
    return Page(
        sections={
            "finding": answered.finding,
            "severity": answered.severity,
            "measure": measure_facts(measures, distributes),
            "reading": values,
            "declared_only": declared,
            "licence": licence_facts(
                _declarations(heard),
                _asked(hearing, distributes, LICENCE_READINGS),
                silent,
                hearing.silence.reason(silent),
                question.pack.licence_classes,
            ),
            "subject": _plain(subject_facts(question.subject)),
            "context": _plain(context_facts(question.context)),
            "as_of": _plain({"": _instant(question.as_of)}),
        },
        here=answered.here,
        otherwise={section: _otherwise(hearing, family) for section, family in FAMILIES.items()}
        | {"licence": unknown("no licence was found")},
        may=licensing.facts,
        licensing=licensing.views,
    )


def lineage_of(hearing: Hearing, heard: Mapping[str, list[Heard]], distributes: bool) -> Lineage:
    """The parents that files name, and whether anything that looks for them has spoken."""
    silent = tuple(dict.fromkeys(d for name in LINEAGE_READINGS for d in hearing.silence.over("readings", name)))
    asked = _asked(hearing, distributes, LINEAGE_READINGS)
    said = heard.get("lineage.relation", ())
    found = [
        Named(name, way)
        for what in ("lineage.base_models", "lineage.datasets")
        for one in heard.get(what, ())
        for way in (("train_on",) if what.endswith("datasets") else _ways(one, said))
        for name in _as_ids(one.reading.value)
    ]
    why = hearing.silence.reason(silent) if silent else "" if asked else "no evidence looked for what it was made from"
    return Lineage(tuple(sorted(set(found), key=lambda one: (one.name, one.way))), why, (*silent, *asked))


def _ways(parent: Heard, said: Sequence[Heard]) -> tuple[str, ...]:
    """How it derives from a parent: as the same file says, else as the same tool does; all of it, where several do."""
    by_tool = [one for one in said if one.voice.digest == parent.voice.digest]
    by_file = [one for one in by_tool if one.reading.artefact == parent.reading.artefact]
    return tuple(sorted({relation_way(str(one.reading.value)) for one in by_file or by_tool})) or (relation_way(""),)


def _otherwise(hearing: Hearing, family: str) -> Fact:
    silent = tuple(hearing.silence.everything[family])
    return unknown(hearing.silence.reason(silent) if silent else "no evidence answers it", silent)


def subject_facts(subject: Subject) -> dict[str, Any]:
    """What intake knows without anybody's evidence. black_box: nothing but an endpoint."""
    return {
        "kinds": [str(kind) for kind in subject.kinds],
        "blocked_parts": sum(note.blocks for note in subject.notes),
        "size_bytes": sum(artefact.size_bytes for artefact in subject.artefacts),
        "black_box": subject.kinds == (ArtefactKind.ENDPOINT,),
        "files": len(subject.artefacts),
    }


def _instant(as_of: datetime) -> str:
    return format_instant(as_of)


def _plain(values: Mapping[str, Any]) -> dict[str, Fact]:
    return {key: Fact(value) for key, value in values.items()}


def _declarations(heard: Mapping[str, list[Heard]]) -> list[Declaration]:
    return [
        Declaration(
            artefact=one.reading.artefact,
            id=licence,
            is_text=name == "licence.text",
            evidence=one.voice.digest,
            supports=one.supports,
            location=one.reading.location,
        )
        for name in LICENCE_READINGS
        for one in heard.get(name, ())
        for licence in _as_ids(one.reading.value)
    ]


def _as_ids(value: Any) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)


def _asked(hearing: Hearing, distributes: bool, names: tuple[str, ...]) -> list[Digest]:
    """Voices whose tool looks for these readings: with one of them speaking, finding none is an answer."""
    return [
        voice.digest
        for voice in hearing.voices
        if voice.same_subject
        and not (distributes and voice.self_reported)
        and (
            any(name in voice.vocabulary.readings for name in names)
            if voice.vocabulary
            else any(reading.name in names for reading in voice.observations.readings)
        )
    ]
