"""Table cases: facts in, decision out. What a pack promises, in a form that a reviewer can read and a machine can run.

    given:                                     expect:
      kinds: [weights, model_card]               verdict: granted
      size_bytes: 90000000                       granted: {weights: T6}
      blocked_parts: 0                           blocked_by: [rails-demonstrated]
      scans: clean                               not_blocked_by: [no-secrets]
      findings: {secret-in-file: true}           obligations: [notice]
      readings: {model.generative: false}        missing: [canary and extraction tests]
      measures: {privacy.extraction.rate: {k: 0, n: 500, by: independent}}
      context: {sector: general}
      ladder: release        tier: T6        as_of: 2026-11-25
      waivers: [{rule: no-unknown-globals, tier: T5}]

Rules:
- `scans: clean` answers every question that the pack asks of scanners with false; without it, only the findings named
  are answered. `unknown` is an answer that could not be had.
- Evidence is built as the ledger would hold it, and judged by the same judge. `expect` names only what matters.
- `use: [name, …]` lays fixtures under a case; null takes a key away again. The parser has resolved it by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from bascule.judge.context import merge_context
from bascule.judge.decide import judge
from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.pack import Case, PolicyPack
from bascule.judge.policy.parse import expressions_of
from bascule.judge.question import Judgement, Question, Vocabulary
from bascule.kernel.clock import parse_instant
from bascule.kernel.digests import digest_of_json, sha256_of
from bascule.kernel.errors import BasculeError
from bascule.kernel.text import suggestion, visible
from bascule.records import (
    Answer,
    Artefact,
    Context,
    Evidence,
    Finding,
    Measure,
    Observations,
    Outcome,
    Producer,
    Reading,
    Severity,
    Slot,
    Subject,
    Tool,
    Waiver,
)
from bascule.records.artefact import IntakeNote, subject_digest

DEFAULT_AS_OF = "2026-11-25"
PER_PLACE = ("licence.declared", "licence.text")
"""Readings of which a list means several places, not one list."""

_GIVEN = (
    "kinds", "size_bytes", "blocked_parts", "scans", "findings", "readings", "measures", "context", "ladder", "tier",
    "as_of", "waivers",
)  # fmt: skip
_EXPECT = ("verdict", "granted", "blocked_by", "not_blocked_by", "obligations", "no_obligations", "missing")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case came to. faults: each expectation that was not met, or why the case cannot be asked."""

    case: Case
    faults: tuple[str, ...]
    judgement: Judgement | None = field(default=None, repr=False)

    @property
    def passed(self) -> bool:
        return not self.faults


def run_cases(pack: PolicyPack) -> tuple[CaseResult, ...]:
    """Every case of a pack, in its order."""
    return tuple(run_case(pack, case) for case in pack.cases)


def run_case(pack: PolicyPack, case: Case) -> CaseResult:
    """One case. A case that cannot be built or asked has faults; it never raises for what a pack's author wrote."""
    unknown = [*_unknown_keys("given", case.given, _GIVEN), *_unknown_keys("expect", case.expect, _EXPECT)]
    if unknown:
        return CaseResult(case, tuple(unknown))
    try:
        question = question_of(pack, case)
        judgement = judge(question)
    except BasculeError as error:
        return CaseResult(case, (error.message,))
    except ValidationError as error:
        return CaseResult(case, tuple(f"`given`: {item['msg']} ({item['loc']})" for item in error.errors()))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        return CaseResult(case, (f"`given` cannot be read: {type(error).__name__}: {visible(str(error))}",))
    return CaseResult(case, tuple(_unmet(case.expect, judgement)), judgement)


def _unknown_keys(where: str, given: Mapping[str, Any], known: Iterable[str]) -> Iterator[str]:
    for key in given:
        if key not in known:
            near = suggestion(key, known)
            yield f"`{where}`: unknown key `{visible(key)}`" + (f", {near}" if near else "")


# --- given -----------------------------------------------------------------------------------------------------


def question_of(pack: PolicyPack, case: Case) -> Question:
    """The question that a case asks. Raises InputError, KeyError or ValidationError for what cannot be built."""
    given = case.given
    as_of = parse_instant(str(given.get("as_of", DEFAULT_AS_OF)))
    subject = _subject(case)
    builder = _EvidenceBuilder(subject, as_of)
    builder.scan(pack, given)
    builder.measure(given.get("measures", {}))
    context = Context.from_value(given.get("context", {}), f"the context of case `{case.id}`")
    ladder = pack.ladder(str(given.get("ladder", "release")))
    return Question(
        subject=subject,
        requested_tier=str(given.get("tier", ladder.tiers[-1].id)),
        ladder=ladder,
        evidence=tuple(builder.evidence),
        context=merge_context(context, pack.context_defaults),
        pack=pack,
        as_of=as_of,
        vocabulary=builder.vocabulary,
        waivers=tuple(_waiver(subject, row, as_of) for row in given.get("waivers", ())),
    )


def _subject(case: Case) -> Subject:
    kinds = list(case.given.get("kinds", ["weights"]))
    size = int(case.given.get("size_bytes", 1000 * len(kinds)))
    share, rest = divmod(size, len(kinds)) if kinds else (0, 0)
    artefacts = tuple(
        Artefact(
            path=f"{kind}/1",
            kind=kind,
            media_type="application/octet-stream",
            size_bytes=share + (rest if index == 0 else 0),
            sha256=sha256_of(f"{case.id}/{kind}".encode()),
        )
        for index, kind in enumerate(kinds)
    )
    notes = tuple(
        IntakeNote(path=f"left-out/{index}", what="symlink", detail="given by the case", blocks=True)
        for index in range(int(case.given.get("blocked_parts", 0)))
    )
    return Subject(ref=f"case:{case.id}", digest=subject_digest(artefacts, notes), artefacts=artefacts, notes=notes)


def _waiver(subject: Subject, row: Mapping[str, Any], as_of: datetime) -> Waiver:
    return Waiver(
        rule=row["rule"],
        subject=subject.digest,
        tier=row["tier"],
        reason=row.get("reason", "given by the case"),
        safeguard=row.get("safeguard", "given by the case"),
        owner=row.get("owner", "case@example.org"),
        issued_at=as_of - timedelta(days=1),
        expires_at=as_of + timedelta(days=int(row.get("days", 30))),
    )


class _EvidenceBuilder:
    """Envelopes as the ledger would hold them: one for the scan, one per standing of a measurement."""

    def __init__(self, subject: Subject, as_of: datetime) -> None:
        self._subject = subject
        self._as_of = as_of
        self.evidence: list[Evidence] = []
        self.vocabulary: dict[str, Vocabulary] = {}

    def scan(self, pack: PolicyPack, given: Mapping[str, Any]) -> None:
        clean = given.get("scans") == "clean"
        findings, named = given.get("findings", {}), given.get("readings", {})
        asked, read = facts_asked(pack) if clean else ((), ())
        rules = tuple(sorted({*asked, *findings}))
        if not (rules or named or clean):
            return
        answers, seen = [], []
        for rule in rules:
            outcome, severity, place = _finding(findings.get(rule, False))
            if outcome is not Outcome.FALSE:
                seen.append(
                    Finding(rule=rule, outcome=outcome, severity=severity, message="given by the case", artefact=place)
                )
            answers.append(Answer(rule=rule, artefact=place, outcome=outcome))
        self._add(
            "case-scan",
            Observations(
                tool=_tool("case-scan"),
                rules=rules,
                answers=tuple(answers),
                findings=tuple(seen),
                readings=tuple(_readings(named)),
            ),
            Vocabulary(rules, (), tuple(sorted({*read, *named}))),
        )

    def measure(self, named: Mapping[str, Any]) -> None:
        groups: dict[tuple[str, float, str], list[Measure]] = {}
        for name, row in named.items():
            standing, measure = _measure(name, row)
            groups.setdefault(standing, []).append(measure)
        for index, ((independence, age_days, relation), measures) in enumerate(sorted(groups.items())):
            tool = f"case-measures-{index}"
            self._add(
                tool,
                Observations(tool=_tool(tool), rules=(), measures=tuple(measures)),
                Vocabulary((), tuple(measure.name for measure in measures), ()),
                independence,
                age_days,
                relation,
            )

    def _add(
        self,
        tool: str,
        observations: Observations,
        words: Vocabulary,
        independence: str = "internal",
        age_days: float = 1.0,
        relation: str = "same",
    ) -> None:
        related = self._subject.digest if relation == "same" else digest_of_json(["parent", self._subject.digest])
        self.vocabulary[tool] = words
        self.evidence.append(
            Evidence.model_validate(
                {
                    "digest": digest_of_json([observations.as_json(), self._subject.digest, independence, age_days]),
                    "slot": Slot(subject=related, tool=tool),
                    "issued_at": self._as_of - timedelta(days=age_days),
                    "expires_at": self._as_of + timedelta(days=180),
                    "producer": Producer.model_validate({"key_id": "case", "independence": independence}),
                    "observations": observations,
                    "relation": relation,
                }
            )
        )


def facts_asked(pack: PolicyPack) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(rule ids, reading names) that a pack's conditions read. Underscores stand for what they were made from."""
    rules: set[str] = set()
    readings: set[str] = set(PER_PLACE)
    for record in (*pack.rules, *pack.scenarios, *pack.thresholds, *pack.economics):
        for _, text in expressions_of(record):
            for name in compile_expression(text).reads:
                section, _, key = name.partition(".")
                if section in ("finding", "here", "severity"):
                    rules.add(key.replace("_", "-"))
                elif section in ("reading", "declared_only"):
                    readings.add(key.replace("_", ".", 1))
    return tuple(sorted(rules)), tuple(sorted(readings))


def _tool(name: str) -> Tool:
    return Tool(id=name, distribution="case", version="1", config_digest=digest_of_json(name))


def _finding(row: Any) -> tuple[Outcome, Severity, str]:
    fields = row if isinstance(row, dict) else {"outcome": row}
    word = fields["outcome"]
    text = str(word).lower() if isinstance(word, bool) else "not-available" if word == "unknown" else str(word)
    place = f"{fields['kind']}/1" if "kind" in fields else ""
    return Outcome(text), Severity(fields.get("severity", "high")), place


def _readings(named: Mapping[str, Any]) -> Iterator[Reading]:
    for name, row in named.items():
        fields = row if isinstance(row, dict) else {"value": row}
        value, source = fields["value"], fields.get("source", "measured")
        values = value if name in PER_PLACE and isinstance(value, list) else [value]
        for index, each in enumerate(values):
            yield Reading.model_validate(
                {
                    "name": name,
                    "value": tuple(each) if isinstance(each, list) else each,
                    "artefact": f"place-{index + 1}",
                    "source": source,
                }
            )


def _measure(name: str, row: Any) -> tuple[tuple[str, float, str], Measure]:
    fields = dict(row) if isinstance(row, dict) else {"value": row, "unit": "count"}
    standing = (
        str(fields.pop("by", "internal")),
        float(fields.pop("age_days", 1)),
        str(fields.pop("relation", "same")),
    )
    if "k" in fields:
        k, n = float(fields["k"]), float(fields["n"])
        fields = {"value": k / n, "low": 0.0, "high": 1.0, "method": "counted", **fields}
    else:
        value = float(fields["value"])
        fields = {"low": value, "high": value, "n": 1, "method": "exact", **fields}
    return standing, Measure.model_validate({"name": name, **fields})


# --- expect ----------------------------------------------------------------------------------------------------


def _unmet(expect: Mapping[str, Any], judgement: Judgement) -> Iterator[str]:
    decision = judgement.decision
    if "verdict" in expect and decision.verdict != expect["verdict"]:
        yield f"verdict is {decision.verdict}, expected {expect['verdict']}"
    for kind, tier in expect.get("granted", {}).items():
        got = {str(each): granted for each, granted in decision.granted.items()}.get(kind, "nothing")
        if got != tier:
            yield f"`{kind}` is granted {got}, expected {tier}"
    blocking = {reason.rule for reason in decision.reasons if reason.effect != "oblige"}
    yield from _membership("blocked by", blocking, expect.get("blocked_by", ()), expect.get("not_blocked_by", ()))
    duties = {obligation.kind for obligation in decision.obligations}
    yield from _membership("obliged to", duties, expect.get("obligations", ()), expect.get("no_obligations", ()))
    yield from _membership("missing", {each.evidence for each in decision.missing}, expect.get("missing", ()), ())


def _membership(word: str, found: set[str], wanted: Iterable[str], unwanted: Iterable[str]) -> Iterator[str]:
    for each in wanted:
        if each not in found:
            yield f"not {word} `{each}`; {word} {', '.join(f'`{name}`' for name in sorted(found)) or 'nothing'}"
    for each in unwanted:
        if each in found:
            yield f"{word} `{each}`, which was not expected"
