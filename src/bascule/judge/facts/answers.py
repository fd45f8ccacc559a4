"""Findings as facts: is this rule's question answered `true` anywhere, nowhere, or is that unknown?

Rules: `true` from anyone is true; after that, a silence, an `error` or a `not-available` makes it unknown; `false`
needs somebody who was asked and spoke. A severity is the worst seen, and is known only when nothing unread could be
worse. An alarm without a place, or in a place that the subject does not list, counts for every kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bascule.judge.facts.fact import Fact, key_of, unknown
from bascule.judge.facts.voices import Hearing, Voice
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Outcome, Severity, Subject

CRITICAL = Severity.CRITICAL.rank
NO_SEVERITY = -1

NOBODY_ASKED = unknown("no evidence answers it")

_UNSURE = (Outcome.ERROR, Outcome.NOT_AVAILABLE)


@dataclass(slots=True)
class _Tally:
    """Everything said about one rule. By artefact: worst severity of an alarm, and who raised or could not answer."""

    asked: list[Digest] = field(default_factory=list)
    alarms: dict[str, int] = field(default_factory=dict)
    alarmed: dict[str, list[Digest]] = field(default_factory=lambda: defaultdict(list))
    unsure: dict[str, list[Digest]] = field(default_factory=lambda: defaultdict(list))

    def nowhere(self) -> Fact:
        """The answer where nothing is the matter."""
        return Fact(False, tuple(dict.fromkeys(self.asked))) if self.asked else NOBODY_ASKED


@dataclass(frozen=True, slots=True)
class Answers:
    """Facts over the whole subject, and over the artefacts of each kind."""

    finding: dict[str, Fact]
    severity: dict[str, Fact]
    here: dict[ArtefactKind, dict[str, Fact]]


def answers(hearing: Hearing, subject: Subject, distributes: bool) -> Answers:
    """distributes: at tiers where a copy leaves the house, a self-reported `false` supports nothing."""
    tallies = _tally(hearing, distributes)
    names = {*tallies, *hearing.silence.named["rules"]}
    places = {artefact.path: artefact.kind for artefact in subject.artefacts}
    finding: dict[str, Fact] = {}
    severity: dict[str, Fact] = {}
    here: dict[ArtefactKind, dict[str, Fact]] = {kind: {} for kind in subject.kinds}
    for name in sorted(names):
        tally = tallies.get(name) or _Tally()
        silent = hearing.silence.over("rules", name)
        reason = hearing.silence.reason(silent)
        key = key_of(name)
        finding[key] = _answer(tally, set(tally.alarms), set(tally.unsure), silent, reason)
        severity[key] = _severity(finding[key], tally, silent)
        for kind in subject.kinds:
            here[kind][key] = (
                _answer(tally, _in(kind, tally.alarms, places), _in(kind, tally.unsure, places), silent, reason)
                if tally.alarms or tally.unsure
                else finding[key]
            )
    return Answers(finding, severity, here)


def _tally(hearing: Hearing, distributes: bool) -> dict[str, _Tally]:
    tallies: dict[str, _Tally] = defaultdict(_Tally)
    for voice in hearing.voices:
        if not voice.same_subject:
            continue
        if not (distributes and voice.self_reported):
            for rule in _supported(voice):
                tallies[rule].asked.append(voice.digest)
        for finding in voice.observations.findings:
            if finding.outcome is Outcome.TRUE:
                tally = tallies[finding.rule]
                rank = max(finding.severity.rank, tally.alarms.get(finding.artefact, NO_SEVERITY))
                tally.alarms[finding.artefact] = rank
                tally.alarmed[finding.artefact].append(voice.digest)
            elif finding.outcome in _UNSURE:
                tallies[finding.rule].unsure[finding.artefact].append(voice.digest)
        for answer in voice.observations.answers:
            if answer.outcome is Outcome.TRUE:
                # An alarm without its finding: nothing says how bad, so the worst.
                tally = tallies[answer.rule]
                if voice.digest not in tally.alarmed.get(answer.artefact, ()):
                    tally.alarms[answer.artefact] = CRITICAL
                    tally.alarmed[answer.artefact].append(voice.digest)
            elif answer.outcome in _UNSURE:
                tallies[answer.rule].unsure[answer.artefact].append(voice.digest)
    return tallies


def _supported(voice: Voice) -> Iterable[str]:
    if voice.vocabulary is None:
        return voice.observations.rules
    return [rule for rule in voice.observations.rules if rule in voice.vocabulary.rules]


def _in(kind: ArtefactKind, by_artefact: Mapping[str, object], places: Mapping[str, ArtefactKind]) -> set[str]:
    return {artefact for artefact in by_artefact if places.get(artefact, kind) is kind}


def _answer(tally: _Tally, alarms: set[str], unsure: set[str], silent: tuple[Digest, ...], reason: str) -> Fact:
    if alarms:
        return Fact(True, _digests(tally.alarmed, alarms))
    if silent:
        return unknown(reason, silent)
    if unsure:
        where = ", ".join(f"`{place or 'the subject'}`" for place in sorted(unsure)[:3])
        return unknown(f"the question could not be answered for {where}", _digests(tally.unsure, unsure))
    return tally.nowhere()


def _severity(finding: Fact, tally: _Tally, silent: tuple[Digest, ...]) -> Fact:
    if not finding.known:
        return finding
    if finding.value is False:
        return Fact(NO_SEVERITY, finding.evidence)
    worst = max(tally.alarms.values())
    if worst < CRITICAL and (silent or tally.unsure):
        return unknown("something unread could be worse", (*finding.evidence, *silent))
    return Fact(worst, finding.evidence)


def _digests(by_artefact: Mapping[str, list[Digest]], artefacts: set[str]) -> tuple[Digest, ...]:
    return tuple(sorted({digest for artefact in artefacts for digest in by_artefact[artefact]}))
