"""A peer can make us more careful and never less: over random outputs of every peer, under random policies."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bascule.attest import KeyRing, sign_observations
from bascule.attest.observations import read_evidence
from bascule.journeys.external import observations, place_of
from bascule.journeys.parts import vocabulary_of
from bascule.judge import Question, Vocabulary
from bascule.judge.decide import permitted
from bascule.judge.policy.pack import PackRule
from bascule.kernel.digests import digest_of
from bascule.plugins.registry import Loaded, discover
from bascule.records import ArtefactKind, Evidence, Outcome
from judging import CARD, NOW, SUBJECT, WEIGHTS, alarm, ask, pack, rule, seen
from peering import PRINTS

PEERS: dict[str, Loaded] = {loaded.id: loaded for loaded in discover("peers")}
OURS = ("rule-a", "rule-b")
ROUNDS = 400


def output(rng: random.Random, peer: str) -> str:
    """Something like what that peer prints: a sample with its words shuffled, cut, or another's altogether."""
    text = rng.choice([*PRINTS[peer].values(), PRINTS[peer]["finding"], PRINTS[rng.choice(list(PRINTS))]["finding"]])
    for _ in range(rng.randint(0, 2)):
        match rng.randrange(4):
            case 0:
                text = text[: rng.randrange(len(text) + 1)]
            case 1:
                text = text.replace("model.pt", rng.choice(("model.safetensors", "README.md", "/x/README.md", "")))
            case 2:
                text = text.replace("critical", rng.choice(("info", "clean", "false"))).replace("1", "0", 1)
            case _:
                text = json.dumps({"issues": [], "summary": {"total_issues": 0}, "findings": [], "verdict": "false"})
    return text


def imported(rng: random.Random, name: str, before: Evidence | None = None, age_days: int = 0) -> Evidence:
    """What an import of some such outputs leaves."""
    loaded = PEERS[name]
    results = [(digest_of(text.encode()), loaded.plugin.parse(None, text, "")) for text in (output(rng, name),) * 2]
    seen_ = observations(loaded, SUBJECT, results, before)
    made = seen(seen_.tool.id, age_days=age_days, expires=NOW + timedelta(days=rng.choice((-1, 1, 90))))
    return made.model_copy(update={"observations": seen_, "digest": digest_of(seen_.to_json())})


def alarming(rng: random.Random, depth: int = 2) -> str:
    """A formula that an alarm, ours or a peer's, can only make truer."""
    if depth == 0 or rng.random() < 0.4:
        name = rng.choice((*OURS, *(f"peer-{peer}-alarm" for peer in PEERS))).replace("-", "_")
        return rng.choice((f"finding.{name}", f"here.{name}", f"severity.{name} >= {rng.randint(0, 4)}"))
    return f"({alarming(rng, depth - 1)} {rng.choice(('&&', '||'))} {alarming(rng, depth - 1)})"


def random_rules(rng: random.Random) -> list[PackRule]:
    return [
        rule(
            f"r-{index}",
            f"!({alarming(rng)})",
            when=rng.choice(("true", alarming(rng, 1))),
            kinds=rng.choice(((), (WEIGHTS,), (CARD,))),
            tiers=rng.choice((">=T1", ">=T3", "T2-T4")),
        )
        for index in range(rng.randint(1, 3))
    ]


def ours(rng: random.Random) -> Evidence:
    parts: list[Any] = [
        alarm(name, rng.choice(("model.safetensors", "README.md"))) for name in OURS if rng.random() < 0.2
    ]
    return seen("scanner", *parts, asks=OURS)


@pytest.mark.parametrize("name", PEERS)
def test_importing_a_peers_result_never_raises_a_tier(name: str) -> None:
    rng = random.Random(f"raise {name}")
    opened = alarmed = 0
    for _ in range(ROUNDS):
        question = ask(
            pack(*random_rules(rng)),
            ours(rng),
            *(imported(rng, other) for other in PEERS if other != name and rng.random() < 0.3),
            vocabulary=vocabulary_of((), tuple(PEERS.values())),
        )
        question = replace(question, vocabulary={**question.vocabulary, "scanner": Vocabulary(rules=OURS)})
        first = imported(rng, name, age_days=2)
        more = replace(question, evidence=(*question.evidence, first))
        most = replace(question, evidence=(*question.evidence, imported(rng, name, first, age_days=1)))
        before, after, later = (_ranks(each) for each in (question, more, most))
        assert all(after[kind] <= before[kind] for kind in before), (before, after, more)
        if first.speaks(NOW):
            assert all(later[kind] <= after[kind] for kind in before), (after, later, most)
        opened += any(before.values())
        alarmed += bool(first.observations and first.observations.findings)
    assert opened > ROUNDS // 20, "the policies are so strict that the law says nothing"
    assert alarmed > ROUNDS // 10


def _ranks(question: Question) -> dict[ArtefactKind, int]:
    return {kind: tier.rank for kind, tier in permitted(question).items()}


@pytest.mark.parametrize("name", PEERS)
def test_no_output_of_a_peer_makes_an_answer_of_false_and_no_alarm_is_forgotten(name: str) -> None:
    rng = random.Random(f"false {name}")
    before: Evidence | None = None
    told: set[tuple[str, str, str]] = set()
    for _ in range(100):
        before = imported(rng, name, before)
        assert before.observations is not None
        seen_ = before.observations
        assert {answer.outcome for answer in seen_.answers} == {Outcome.NOT_AVAILABLE}
        assert {finding.outcome for finding in seen_.findings} <= {Outcome.TRUE}
        now = {(finding.artefact, finding.location, finding.message) for finding in seen_.findings}
        assert told <= now
        told = now


def test_what_is_imported_can_be_signed_and_read_back(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    rng = random.Random("sign")
    for name in PEERS:
        made = imported(rng, name).observations
        assert made is not None
        envelope = sign_observations(SUBJECT, made, NOW, NOW + timedelta(days=1), ring)
        assert read_evidence(envelope, ring).observations == made


PLACES = frozenset(("model.pt", "sub/model.pt", "README.md", "a: b.pt"))


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("model.pt", ("model.pt", "")),
        ("/tmp/x/sub/model.pt", ("sub/model.pt", "")),
        ("x/model.pt:archive/data.pkl", ("model.pt", "archive/data.pkl")),
        ("model.pt (pos 35)", ("model.pt", "(pos 35)")),
        (r"C:\models\README.md", ("README.md", "")),
        ("mymodel.pt", ("", "mymodel.pt")),
        ("model.pt2", ("", "model.pt2")),
        ("/x/a: b.pt:data.pkl", ("a: b.pt", "data.pkl")),
        ("", ("", "")),
    ],
)
def test_a_peers_path_is_found_in_the_subject_or_means_all_of_it(said: str, place: tuple[str, str]) -> None:
    assert place_of(said, PLACES) == place
