"""Less evidence never opens more: 10,000 random evidence sets under random policies, and Hypothesis to shrink.

The policies are arbitrary formulas over every namespace, negations included, so the laws do not lean on how rules
happen to be written. Where a law needs a certain shape of policy, the test says which.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.judge import Question, Vocabulary, judge
from bascule.judge.decide import permitted
from bascule.judge.policy.pack import PackRule, PolicyPack, Safeguard, Scenario
from bascule.records import (
    ArtefactKind,
    Dimension,
    Evidence,
    Ladder,
    Outcome,
    Severity,
    Waiver,
)
from bascule.records.evidence import Independence
from judging import (
    CARD,
    LADDER,
    NOW,
    SUBJECT,
    WEIGHTS,
    alarm,
    ask,
    bound,
    lapsed,
    number,
    pack,
    proportion,
    rule,
    said,
    scenario,
    seen,
    subject,
    threshold,
    withheld,
)

SETS = 10_000
BATCHES = 8
PACK_EVERY = 25
SHORT = Ladder(name="release", title="short", tiers=LADDER.tiers[:7])

RULES = ("rule-a", "rule-b", "rule-c")
PROPORTIONS = ("p.capability", "p.stopped", "p.joint", "p.baseline")
WORDS = ("x", "y")
TOOLS = {
    "first": Vocabulary(("rule-a", "rule-b"), PROPORTIONS, ("r.word", "licence.declared")),
    "second": Vocabulary(("rule-b", "rule-c"), PROPORTIONS, ("r.word", "r.flag", "r.list", "licence.text")),
    "third": Vocabulary(RULES, ("p.capability", "p.joint", "m.size"), ("r.list", "r.flag", "licence.declared")),
    "fourth": Vocabulary((), ("p.capability", "p.stopped", "p.baseline"), ()),
}
UNLISTED = "fifth"
PARENT = subject(("parent.safetensors", WEIGHTS))
CLASSES = {
    "MIT": {"class": "permissive", "open": True, "redistribution": True, "commercial": True},
    "NC-1": {"class": "non-commercial", "open": False, "redistribution": True, "commercial": False},
}


# --- policies ------------------------------------------------------------------------------------------------------


def atom(rng: random.Random, numbers: bool) -> str:
    """A condition over one fact."""
    name = rng.choice(RULES).replace("-", "_")
    choices = [
        f"finding.{name}",
        f"here.{name}",
        f"severity.{name} >= {rng.randint(0, 4)}",
        f"reading.r_word == '{rng.choice(WORDS)}'",
        "reading.r_flag",
        f"'{rng.choice(WORDS)}' in reading.r_list",
        "declared_only.r_word",
        "licence.open",
        f"licence.id == '{rng.choice(list(CLASSES))}'",
        "licence.contradictory",
        "licence.exact",
        "size(licence.ids) > 0",
        f"licence.class == '{rng.choice(['permissive', 'non-commercial'])}'",
        "context.monetised",
        f"kind == '{rng.choice(['weights', 'model_card'])}'",
        f"tier.rank >= {rng.randint(1, 6)}",
    ]
    if numbers:
        measure = rng.choice(PROPORTIONS).replace(".", "_")
        end, sign = rng.choice(("value", "low", "high", "n")), rng.choice(("<", ">"))
        choices += [f"measure.{measure}.{end} {sign} {rng.choice((0.05, 0.3, 0.7, 40))}"] * 3
        choices += [f"measure.m_size.high {sign} {rng.choice((5, 50))}.0"]
    return rng.choice(choices)


def formula(rng: random.Random, numbers: bool = True, depth: int = 2) -> str:
    if depth == 0 or rng.random() < 0.4:
        return atom(rng, numbers)
    match rng.randrange(3):
        case 0:
            return f"!({formula(rng, numbers, depth - 1)})"
        case 1:
            return f"({formula(rng, numbers, depth - 1)} && {formula(rng, numbers, depth - 1)})"
    return f"({formula(rng, numbers, depth - 1)} || {formula(rng, numbers, depth - 1)})"


def alarming(rng: random.Random, depth: int = 2) -> str:
    """A formula that an alarm can only make truer."""
    if depth == 0 or rng.random() < 0.4:
        name = rng.choice(RULES).replace("-", "_")
        return rng.choice((f"finding.{name}", f"here.{name}", f"severity.{name} >= {rng.randint(0, 4)}"))
    return f"({alarming(rng, depth - 1)} {rng.choice(('&&', '||'))} {alarming(rng, depth - 1)})"


def tiers(rng: random.Random) -> str:
    return rng.choice((">=T1", ">=T2", ">=T4", "T3-T5", ">=T5", "T6"))


def random_rule(rng: random.Random, index: int, numbers: bool) -> PackRule:
    return rule(
        f"r-{index}",
        formula(rng, numbers),
        when=rng.choice(("true", formula(rng, numbers, 1))),
        unless=rng.choice(("false", "false", formula(rng, numbers, 1))),
        tiers=tiers(rng),
        kinds=rng.choice(((), (), (WEIGHTS,), (CARD,))),
        dimension=rng.choice((Dimension.SECURITY, Dimension.LICENSING, Dimension.MISUSE)),
    )


def random_scenario(rng: random.Random, index: int, condition: str) -> Scenario:
    guards = (
        Safeguard(id="filter", measure="p.stopped", where="provider", in_force=rng.choice(("true", condition))),
        Safeguard(id="refusal", measure="p.baseline", where="artefact", removable_by_finetuning=rng.random() < 0.5),
    )
    return scenario(
        f"s-{index}",
        "p.capability",
        tiers=tiers(rng),
        kinds=rng.choice(((), (WEIGHTS,))),
        when=rng.choice(("true", condition)),
        safeguards=guards[: rng.randint(0, 2)],
        joint_bypass=rng.choice(("", "p.joint")),
        baseline=rng.choice(("", "p.baseline")),
        critical=rng.choice((None, None, 0.6)),
        absolute_cap=rng.choice((None, None, 0.5)),
        actor_budget=rng.choice((None, None, 10.0)),
        attempts=bound(0.5, 1),
    )


def random_pack(rng: random.Random, numbers: bool = True) -> PolicyPack:
    """numbers: may the logical rules read measures? (Scenarios always do.)"""
    return pack(
        *(random_rule(rng, index, numbers) for index in range(rng.randint(1, 4))),
        *(random_scenario(rng, index, formula(rng, False, 1)) for index in range(rng.randint(0, 2))),
        threshold(rng.choice((0.05, 0.2)), when=formula(rng, False, 1)),
        threshold(rng.choice((0.1, 0.5, 0.9))),
        ladders=(SHORT,),
        licence_classes=CLASSES,
    )


# --- evidence ------------------------------------------------------------------------------------------------------


def random_evidence(rng: random.Random, tool: str) -> Evidence:
    words = TOOLS.get(tool, Vocabulary(RULES, PROPORTIONS, ("r.word", "r.flag")))
    parts: list[Any] = []
    answers: dict[str, Outcome] = {}
    for name in words.rules:
        chance = rng.random()
        if chance < 0.12:
            parts.append(alarm(name, rng.choice(("model.safetensors", "README.md", "")), rng.choice(list(Severity))))
        elif chance < 0.2:
            answers[name] = rng.choice((Outcome.ERROR, Outcome.NOT_AVAILABLE, Outcome.NOT_APPLICABLE))
    for name in words.measures:
        if rng.random() < 0.5:
            continue
        if name == "m.size":
            parts.append(number(name, rng.choice((1.0, 100.0))))
        else:
            n = rng.choice((1, 20, 500))
            budget = rng.choice((None, 1.0, 20.0))
            parts.append(proportion(name, rng.choice((0, 0, n // 10, n // 2, n)), n, attack_budget=budget))
    for name in words.readings:
        if rng.random() < 0.4:
            continue
        value: Any = {
            "r.word": rng.choice(WORDS),
            "r.flag": rng.random() < 0.5,
            "r.list": tuple(rng.sample(WORDS, rng.randint(0, 2))),
            "licence.declared": rng.choice(("MIT", "MIT", "NC-1")),
            "licence.text": rng.choice(("MIT", "MIT", "variant:MIT", "unknown")),
        }[name]
        parts.append(said(name, value, measured=rng.random() < 0.5))
    related = rng.random() < 0.1
    return seen(
        tool,
        *parts,
        asks=words.rules,
        answers=answers,
        by=rng.choice((Independence.INTERNAL, Independence.INTERNAL, *Independence)),
        age_days=rng.choice((0, 10, 400)),
        expires=NOW + timedelta(days=rng.choice((1, 30, 400))),
        about=PARENT if related else SUBJECT,
        relation=rng.choice(("quantised", "finetune")) if related else "same",
    )


def random_question(rng: random.Random, policy: PolicyPack) -> Question:
    tools = [tool for tool in (*TOOLS, UNLISTED) if rng.random() < 0.75]
    evidence = [random_evidence(rng, tool) for tool in tools]
    if evidence and rng.random() < 0.1:
        evidence.append(random_evidence(rng, evidence[0].slot.tool))
    return ask(policy, *evidence, tier="T6", vocabulary=TOOLS)


def questions(seed: int, count: int, numbers: bool = True) -> Iterator[tuple[random.Random, Question]]:
    rng = random.Random(seed)
    policy = random_pack(rng, numbers)
    for index in range(count):
        if index % PACK_EVERY == 0:
            policy = random_pack(rng, numbers)
        yield rng, random_question(rng, policy)


def ranks(question: Question) -> dict[ArtefactKind, int]:
    return {kind: tier.rank for kind, tier in permitted(question).items()}


def never_higher(more: Question, less: Question) -> None:
    before, after = ranks(more), ranks(less)
    assert all(after[kind] <= before[kind] for kind in before), (before, after, more, less)


# --- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(BATCHES))
def test_withholding_evidence_never_raises_a_tier(seed: int) -> None:
    raised = 0
    for rng, question in questions(seed, SETS // BATCHES):
        gone = tuple(withheld(each) if rng.random() < 0.4 else each for each in question.evidence)
        never_higher(question, replace(question, evidence=gone))
        raised += any(ranks(question).values())
    assert raised > SETS // BATCHES // 20, "the policies are so strict that the law says nothing"


@pytest.mark.parametrize("seed", range(2))
def test_evidence_that_expires_never_raises_a_tier(seed: int) -> None:
    for rng, question in questions(100 + seed, SETS // BATCHES):
        gone = tuple(lapsed(each) if rng.random() < 0.4 else each for each in question.evidence)
        never_higher(question, replace(question, evidence=gone))


@pytest.mark.parametrize("seed", range(2))
def test_waiting_never_raises_a_tier(seed: int) -> None:
    """Counts lose weight with age, so this holds for policies whose logical rules read no measure, or read only the
    end of it that ageing makes worse."""
    for rng, question in questions(200 + seed, SETS // BATCHES, numbers=False):
        never_higher(question, replace(question, as_of=NOW + timedelta(days=rng.choice((1, 5, 35, 500)))))


@pytest.mark.parametrize("seed", range(2))
def test_losing_a_slot_that_nobody_would_hide_never_raises_a_tier(seed: int) -> None:
    tried = 0
    for rng, question in questions(300 + seed, SETS // BATCHES):
        harmless = [each for each in question.evidence if not adverse(each, question)]
        if not harmless:
            continue
        tried += 1
        lost = rng.choice(harmless)
        never_higher(question, replace(question, evidence=tuple(e for e in question.evidence if e is not lost)))
    assert tried > 100


def adverse(evidence: Evidence, question: Question) -> bool:
    """Could somebody gain by losing this slot altogether? If it raises or fails to answer a question, disagrees with
    what others say, is all that stands between a convenient silence and an answer, or pulls a pooled number."""
    seen_ = evidence.observations
    others = [
        (each, each.observations)
        for each in question.evidence
        if each is not evidence and each.observations is not None and each.slot.subject == SUBJECT.digest
    ]
    if seen_ is None or sum(each.slot == evidence.slot for each in question.evidence) > 1:
        return True
    if any(finding.outcome is not Outcome.FALSE for finding in seen_.findings):
        return True
    if any(answer.outcome in (Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE) for answer in seen_.answers):
        return True
    shared = {
        measure.name
        for each in question.evidence
        if each is not evidence and each.observations is not None
        for measure in each.observations.measures
    }
    if any(measure.name in shared or measure.name == "p.joint" for measure in seen_.measures):
        return True
    for reading in seen_.readings:
        same = [
            other
            for each, observations in others
            for other in observations.readings
            if other.name == reading.name
            and (other.value, other.source) == (reading.value, reading.source)
            and each.producer == evidence.producer
        ]
        family = ("licence.declared", "licence.text") if reading.name.startswith("licence.") else (reading.name,)
        alone = not any(
            name in TOOLS.get(each.slot.tool, Vocabulary(readings=family)).readings
            for each, _ in others
            for name in family
        )
        if not same and not alone:
            return True
    # A tool that looked for licences and found none is an answer, too: without it, `ids` is unknown, which is less.
    return False


@pytest.mark.parametrize("seed", range(2))
def test_an_alarm_more_never_raises_a_tier(seed: int) -> None:
    """For policies in which an alarm can only count against: requires !W, with W growing in alarms. It is added where
    the question was asked already: a question answered for the first time may well open something."""
    rng = random.Random(400 + seed)
    for _ in range(SETS // BATCHES):
        policy = pack(
            *(
                rule(f"r-{index}", f"!({alarming(rng)})", when=rng.choice(("true", alarming(rng, 1))), tiers=tiers(rng))
                for index in range(3)
            ),
            ladders=(SHORT,),
        )
        question = random_question(rng, policy)
        if not question.evidence:
            continue
        chosen = rng.choice(question.evidence)
        assert chosen.observations is not None
        if not chosen.observations.rules:
            continue
        finding = alarm(rng.choice(chosen.observations.rules), severity=rng.choice(list(Severity)))
        louder = chosen.observations.model_copy(update={"findings": (*chosen.observations.findings, finding)})
        evidence = tuple(
            each.model_copy(update={"observations": louder}) if each is chosen else each for each in question.evidence
        )
        never_higher(question, replace(question, evidence=evidence))


def test_taking_a_waiver_away_never_raises_a_tier() -> None:
    helped = 0
    for rng, question in questions(500, SETS // BATCHES):
        waivers = tuple(random_waiver(rng, question) for _ in range(3))
        with_all = replace(question, waivers=waivers)
        never_higher(with_all, replace(question, waivers=waivers[1:]))
        never_higher(with_all, question)
        helped += ranks(with_all) != ranks(question)
    assert helped > 10


def random_waiver(rng: random.Random, question: Question) -> Waiver:
    issued_at: datetime = NOW - timedelta(days=rng.choice((0, 10, 80)))
    return Waiver(
        rule=rng.choice(question.pack.rules).id,
        subject=SUBJECT.digest,
        tier=f"T{rng.randint(1, 6)}",
        reason="a reason",
        safeguard="a safeguard",
        owner="Ada",
        issued_at=issued_at,
        expires_at=issued_at + timedelta(days=rng.choice((20, 90))),
    )


def test_the_order_of_evidence_never_matters() -> None:
    for rng, question in questions(600, 150):
        shuffled = list(question.evidence)
        rng.shuffle(shuffled)
        one, two = judge(question), judge(replace(question, evidence=tuple(shuffled)))
        assert one.decision.to_json() == two.decision.to_json()
        assert one.assessment.to_json() == two.assessment.to_json()
        assert one == two


def test_the_short_way_to_the_tiers_and_the_long_way_agree() -> None:
    for _, question in questions(700, 300):
        granted = {kind: tier.id for kind, tier in permitted(question).items()}
        assert judge(question).decision.granted == granted


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False), st.data())
def test_withholding_shrinks_to_a_small_case_if_it_ever_fails(rng: random.Random, data: st.DataObject) -> None:
    question = random_question(rng, random_pack(rng))
    keep = data.draw(st.lists(st.booleans(), min_size=len(question.evidence), max_size=len(question.evidence)))
    gone = tuple(each if kept else withheld(each) for each, kept in zip(question.evidence, keep, strict=True))
    never_higher(question, replace(question, evidence=gone))
