"""What one judgement costs: CPU milliseconds for 1,000 evidence records and 100 rules. The limit is 50 ms.

1,000 slots of as many tools, each asking 2 of 200 questions (what our scanners ask on average) about a subject of
four kinds, with a measure every fourth and a reading every second; 90 logical rules and 10 scenarios over the nine
tiers of the release ladder. Rows: everything good; a tenth of the slots withheld; alarms in ten of them; and the
tiers alone, as comparing many past decisions uses them. First the conditions by themselves, once each: what no
judge could do without.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bascule.judge import Question, judge
from bascule.judge.conditions import Conditions
from bascule.judge.decide import permitted
from bascule.judge.facts.book import build_book
from bascule.judge.policy.pack import PolicyPack, Safeguard
from bascule.records import ArtefactKind, Evidence
from judging import (
    LADDER,
    alarm,
    ask,
    bound,
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

ROUNDS = 15
RECORDS, ASKS, QUESTIONS, RULES, SCENARIOS = 1_000, 2, 200, 90, 10
LIMIT_MS = 50

SUBJECT = subject(
    ("model.safetensors", ArtefactKind.WEIGHTS),
    ("README.md", ArtefactKind.MODEL_CARD),
    ("config.json", ArtefactKind.ARCHITECTURE),
    ("tokenizer.json", ArtefactKind.TOKENIZER),
)


def question_ids(rng: random.Random) -> list[str]:
    return [f"question-{number}" for number in rng.sample(range(QUESTIONS), ASKS)]


def evidence(rng: random.Random, loud: int = 0) -> list[Evidence]:
    """loud: how many raise an alarm."""
    records = []
    for index in range(RECORDS):
        asks = question_ids(rng)
        parts = [alarm(asks[0])] if index < loud else []
        measures = [proportion(f"measure.of_{index % 40}", 0, 400)] if index % 4 == 0 else []
        readings = [said(f"reading.of_{index % 50}", True)] if index % 2 == 0 else []
        records.append(seen(f"tool-{index}", *parts, *measures, *readings, asks=asks, about=SUBJECT))
    return records


def policy() -> PolicyPack:
    """Rules of four shapes from T1, T3, T5 and T7 up; scenarios with a filter and a substitute."""
    rules = []
    for index in range(RULES):
        requires = [
            f"!finding.question_{index}",
            f"!here.question_{index} && severity.question_{index} < 3",
            f"reading.reading_of_{index % 50 // 2 * 2} || !finding.question_{index}",
            f"measure.measure_of_{index % 10 * 4}.high < 0.2",
        ][index % 4]
        rules.append(rule(f"rule-{index}", requires, tiers=f">=T{1 + 2 * (index % 4)}"))
    guard = Safeguard(id="filter", measure="measure.of_4", where="provider")
    stories = [
        scenario(
            f"scenario-{index}",
            f"measure.of_{index * 4}",
            tiers=">=T2",
            kinds=(ArtefactKind.WEIGHTS,),
            safeguards=(guard,),
            baseline="measure.of_8",
            attempts=bound(1, 10),
        )
        for index in range(SCENARIOS)
    ]
    return pack(*rules, *stories, threshold(10.0), ladders=(LADDER,))


def milliseconds(act: Callable[[], object]) -> tuple[float, float]:
    """(median, worst) CPU time of several rounds after a warm-up."""
    act()
    spent = []
    for _ in range(ROUNDS):
        before = time.process_time()
        act()
        spent.append((time.process_time() - before) * 1e3)
    return statistics.median(spent), max(spent)


def conditions_alone(question: Question) -> Callable[[], object]:
    book, tier = build_book(question), LADDER.tier("T4")
    texts = [each.requires for each in question.pack.rules]

    def act() -> object:
        conditions = Conditions(book)
        return [conditions.ask(text, ArtefactKind.WEIGHTS, tier) for text in texts]

    return act


def table() -> str:
    """A Markdown table."""
    rng = random.Random(7)
    good = ask(policy(), *evidence(rng), tier="T7", subject=SUBJECT)
    gone = [withheld(each) if index % 10 == 0 else each for index, each in enumerate(good.evidence)]
    held = replace(good, evidence=tuple(gone))
    loud = replace(good, evidence=tuple(evidence(random.Random(7), loud=10)))
    rows: list[tuple[str, Callable[[], object], str]] = [
        ("the conditions alone, once each", conditions_alone(good), ""),
        ("everything good", lambda: judge(good), judge(good).decision.verdict),
        ("a tenth of the slots withheld", lambda: judge(held), judge(held).decision.verdict),
        ("alarms in ten slots", lambda: judge(loud), judge(loud).decision.verdict),
        ("the tiers alone, everything good", lambda: permitted(good), ""),
    ]
    lines = [
        f"{RECORDS:,} evidence records, {RULES} rules and {SCENARIOS} scenarios, {len(SUBJECT.kinds)} kinds, "
        f"{len(LADDER.tiers)} tiers; limit {LIMIT_MS} ms",
        "",
        "| case | verdict | CPU ms, median | worst | of the limit |",
        "|---|---|---:|---:|---:|",
    ]
    for name, act, verdict in rows:
        median, worst = milliseconds(act)
        lines.append(f"| {name} | {verdict} | {median:.1f} | {worst:.1f} | {median / LIMIT_MS:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
