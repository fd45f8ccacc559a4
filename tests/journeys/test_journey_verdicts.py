"""What each kind of model is granted, what one missing thing changes, and what the answer says to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from builders import (
    adapter,
    card,
    embedding_model,
    falcon_model,
    generative_model,
    pickle_that_would_call,
    research_only_model,
    speech_model,
    unfit_model,
)
from commands import CONTEXTS, Said

pytestmark = pytest.mark.xdist_group("journey-verdicts")
Place = Callable[[str, Mapping[str, bytes]], Path]
Review = Callable[..., Said]


def blocking(document: Any, tier: str) -> set[str]:
    """Rules that stand in the way at a tier."""
    return {row["rule"] for row in document["reasons"] if row["effect"] != "oblige" and tier in row["tiers"]}


def rank(tier: str) -> int:
    return int(tier[1:])


def test_an_embedding_model_with_a_complete_card_is_open_from_one_review(review: Review, place: Place) -> None:
    said = review(place("embedding", embedding_model()), "--tier", "T7")
    assert said.code == 0, said.json["reasons"]
    assert said.json["verdict"] == "granted"
    assert said.json["granted"]["weights"] == "T7"
    assert not blocking(said.json, "T7")


SECRET = "aws_access_key_id = " + "AKIA" + "Z7QX4MPL2RTN6WVC\n"
NO_LICENCE = card().replace(b"license: apache-2.0\n", b"")
NO_DATA = card(datasets=(), sections=("intended", "limits", "evaluation", "contact")).replace(b"- none", b"")
NO_LIMITS = card(sections=("intended", "data", "evaluation", "contact"))
NEAR_MISSES: dict[str, tuple[dict[str, bytes | None], str, str]] = {
    # name: what is changed, the rule that stops it, the kind that it stops
    "no licence": ({"README.md": NO_LICENCE, "LICENSE": None}, "licence-known", "weights"),
    "no named data": ({"README.md": NO_DATA}, "data-sources-named", "weights"),
    "a card without limitations": ({"README.md": NO_LIMITS}, "intended-use-stated", "weights"),
    "a pickle with a call": (
        {"model.safetensors": None, "pytorch_model.bin": pickle_that_would_call()},
        "no-code-on-load",
        "weights",
    ),
    "a secret": ({"notes.txt": SECRET.encode()}, "no-secrets", "unclassified"),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_a_near_miss_is_not_granted_and_says_why(name: str, review: Review, place: Place) -> None:
    changes, rule, kind = NEAR_MISSES[name]
    said = review(place(name, embedding_model(**changes)), "--tier", "T7")
    document = said.json
    assert document["verdict"] != "granted"
    assert said.code in (1, 2)
    assert rule in blocking(document, "T7")
    assert rank(document["granted"][kind]) < 7
    assert document["missing"] or any(row["remedy"] for row in document["reasons"] if row["rule"] == rule)


def test_a_generative_model_without_behavioural_evidence_is_capped_and_told_what_to_measure(
    review: Review, place: Place
) -> None:
    document = review(place("generative", generative_model()), "--tier", "T6").json
    assert document["verdict"] == "unknown"
    assert rank(document["granted"]["weights"]) < 5
    # What is not judged by its behaviour goes as far as it may.
    assert rank(document["granted"]["model_card"]) >= 6
    commands = [row["command"] for row in document["missing"]]
    assert all(command.startswith("bascule ") for command in commands)
    assert any("--suite misuse" in command for command in commands)
    assert any(command.startswith("bascule memorise") for command in commands)
    buys = [row["buys"] for row in document["missing"]]
    assert buys == sorted(buys, reverse=True)


def test_an_unfit_model_is_refused_for_the_call_and_told_what_would_open_it(review: Review, place: Place) -> None:
    said = review(place("unfit", unfit_model()), "--tier", "T6")
    document = said.json
    assert said.code == 1
    assert document["granted"]["weights"] == "T0"
    assert any(row["rule"] == "pickle-calls-code" and row["outcome"] == "true" for row in document["findings"])
    (reason,) = [row for row in document["reasons"] if row["rule"] == "no-code-on-load"]
    assert reason["effect"] == "deny"
    assert reason["facts"]
    assert reason["evidence"]
    assert "safetensors" in reason["remedy"]
    assert not reason["waivable"]


def test_three_contexts_lead_the_same_evidence_to_three_decisions(review: Review, place: Place) -> None:
    terms = card(licence="cc-by-nc-4.0", pipeline_tag="text-generation")
    model = place("non-commercial", generative_model(**{"LICENSE": None, "README.md": terms}))
    found = {
        name: review(model, "--tier", "T4", "--context", CONTEXTS / f"{name}.yaml").json
        for name in ("eu-health", "us-research", "intranet")
    }
    assert len({document["subject"]["digest"] for document in found.values()}) == 1
    assert len({tuple(line["digest"] for line in document["evidence"]) for document in found.values()}) == 1
    assert len({document["decision"] for document in found.values()}) == 3
    # A firm may not use it at all; a hospital must know more about it than a laboratory does.
    assert found["intranet"]["verdict"] == "refused"
    assert found["eu-health"]["verdict"] == found["us-research"]["verdict"] == "unknown"
    firm, health, research = (blocking(found[name], "T4") for name in ("intranet", "eu-health", "us-research"))
    assert "licence-terms-allow" in firm - health - research
    assert {"biased-recommendation", "harmful-advice"} <= health - research
    assert rank(found["intranet"]["granted"]["weights"]) < rank(found["us-research"]["granted"]["weights"])
    duties = [{row["text"] for row in document["obligations"]} for document in found.values()]
    assert duties[0] > duties[1], "Union law binds in Germany, not in the United States"


ENDPOINTS = {
    "ChatGPT": "https://api.openai.com/v1#gpt-5",
    "Claude": "https://api.anthropic.com/v1#claude-opus-4-1",
    "Gemini": "https://generativelanguage.googleapis.com/v1beta#gemini-2.5-pro",
    "Mistral": "https://api.mistral.ai/v1#mistral-large-latest",
    "Copilot": "https://api.githubcopilot.com#gpt-4.1",
    "Midjourney": "https://www.midjourney.com#v7",
    "Whisper": "https://api.openai.com/v1#whisper-1",
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_closed_model_is_limited_to_what_a_black_box_can_show(name: str, review: Review) -> None:
    said = review(f"endpoint:{ENDPOINTS[name]}", "--tier", "T8")
    document = said.json
    assert said.code in (1, 2)
    assert list(document["granted"]) == ["endpoint"]
    assert rank(document["granted"]["endpoint"]) <= 4
    # What a scanner of files would tell is not to be had, so nobody is sent to one.
    assert not [row["command"] for row in document["missing"] if "--only" in row["command"]]
    assert any("from outside only" in line for line in document["limits"]), document["limits"]


def test_an_address_with_a_credential_is_refused_and_not_repeated(review: Review) -> None:
    token = "sk-" + "notarealkey0123456789"
    said = review(f"endpoint:https://user:{token}@api.openai.com/v1#gpt-5", "--tier", "T4")
    said.refuses("source.bad-reference")
    assert token not in said.out + said.err


def test_whisper_falcon_and_mistral_weights_are_told_apart_by_licence_and_harm(review: Review, place: Place) -> None:
    speech = review(place("speech", speech_model()), "--tier", "T6").json
    assert speech["facts"]["reading.model_modality"] == "audio"
    assert "eavesdropping-at-scale" in blocking(speech, "T6")
    assert "influence-and-market-spam" not in blocking(speech, "T6")

    falcon = review(place("falcon", falcon_model()), "--tier", "T7").json
    assert "Falcon-180B" in {row["id"] for row in falcon["licences"]}
    assert falcon["verdict"] == "refused"
    assert "licence-open" in blocking(falcon, "T7")

    mistral = review(place("mistral", research_only_model()), "--tier", "T6").json
    assert {("Mistral-Research", "declared"), ("unknown", "unknown")} <= {
        (row["id"], row["match"]) for row in mistral["licences"]
    }
    assert "licence-text-known" in blocking(mistral, "T6")


def test_an_adapter_is_judged_as_one_and_names_its_base(review: Review, place: Place) -> None:
    document = review(place("adapter", adapter()), "--tier", "T6").json
    assert "adapter" in document["granted"]
    edges = {(edge["relation"], edge["parent"]) for edge in document["subject"]["edges"]}
    assert ("adapter_of", "mistralai/Mistral-7B-v0.1") in edges


def test_the_adopt_ladder_asks_another_question(review: Review, place: Place) -> None:
    model = place("embedding", embedding_model())
    sandbox = review(model, "--ladder", "adopt", "--tier", "A2")
    assert sandbox.code == 0, sandbox.json["reasons"]
    customers = review(model, "--ladder", "adopt").json
    assert customers["requested_tier"] == "A3"
    assert customers["verdict"] == "unknown"
    assert "accepted-on-own-cases" in blocking(customers, "A3")
    assert set(customers["granted"].values()) <= {"A0", "A1", "A2", "A3", "A4"}
