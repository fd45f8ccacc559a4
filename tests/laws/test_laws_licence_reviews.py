"""Laws of the licence answers of a review: evidence that is gone, late or the developer's own never makes one a yes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge import Question, Vocabulary
from bascule.judge.facts.book import build_book
from bascule.judge.licensing.reviewed import KEYS, TARGET
from bascule.records import ArtefactKind, Context, Evidence
from bascule.records.evidence import Independence
from judging import LADDER, ask, lapsed, said, seen, subject, withheld
from packs import shipped_pack

K = ArtefactKind
POLICY = shipped_pack("default")
SUBJECT = subject(
    ("model.safetensors", K.WEIGHTS), ("adapter/a.safetensors", K.ADAPTER), ("README.md", K.MODEL_CARD),
    ("tokenizer.json", K.TOKENIZER), ("train.jsonl", K.DATASET),
)  # fmt: skip
NAMES = ("licence.declared", "licence.text", "lineage.base_models", "lineage.datasets", "lineage.relation")
TOOLS = {tool: Vocabulary(readings=frozenset(NAMES)) for tool in ("one", "two", "three")}
PARENTS = ("meta-llama/Llama-2-7b", "google/gemma-2-9b", "mistralai/Mistral-7B-v0.1", "nobody/knows", TARGET)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "licence.declared": st.sampled_from(["MIT", "Apache-2.0", "Llama-2", "CC-BY-NC-4.0", "MIT OR Gemma", "Nobody-1.0"]),
    "licence.text": st.sampled_from(["MIT", "Apache-2.0", "variant:MIT", "unknown"]),
    "lineage.base_models": st.lists(st.sampled_from(PARENTS), min_size=1, max_size=2, unique=True).map(tuple),
    "lineage.datasets": st.lists(
        st.sampled_from([*PARENTS, "databricks/databricks-dolly-15k", "tatsu-lab/alpaca"]), min_size=1, max_size=2
    ).map(tuple),
    "lineage.relation": st.sampled_from(["finetune_of", "quantised_from", "distilled_from", "adapter_of"]),
}
PLACES = st.sampled_from(["README.md", "LICENSE", "adapter/README.md", "adapter/LICENSE"])
CONTEXTS = st.builds(
    Context,
    commercial=st.sampled_from([None, True, False]),
    monthly_active_users=st.sampled_from([None, 10.0, 9e8]),
    domicile=st.sampled_from([None, "DE", "Germany"]),
    licences=st.sampled_from([{}, {"nobody/knows": "MIT"}, {TARGET: "MIT"}]),
)


Row = tuple[str, Any, str]
ROWS = st.one_of(*(st.tuples(st.just(name), VALUES[name], PLACES) for name in NAMES))
VOICES = st.dictionaries(
    st.sampled_from(sorted(TOOLS)), st.tuples(st.booleans(), st.lists(ROWS, max_size=5)), min_size=1
)
"""What each tool says, and whether the developer ran it."""
Voices = dict[str, tuple[bool, list[Row]]]


def question(voices: Voices, context: Context, more: tuple[Row, ...] = ()) -> Question:
    """more: what the first tool says beside the rest."""
    evidence = []
    for tool, (own, rows) in sorted(voices.items()):
        by = Independence.SELF_REPORTED if own else Independence.INTERNAL
        evidence.append(seen(tool, *(said(*row) for row in (*rows, *more)), by=by, about=SUBJECT))
        more = ()
    return ask(POLICY, *evidence, subject=SUBJECT, context=context, vocabulary=TOOLS)


def answers(asked: Question) -> dict[tuple[ArtefactKind, str, bool], Any]:
    """True, False or None, for each kind, key, and whether a copy leaves."""
    book = build_book(asked)
    tiers = (LADDER.tier("T3"), LADDER.tier("T6"))
    return {
        (kind, key, tier.distributes): book.fact(f"may.{key}", kind, tier).value
        for kind in asked.subject.kinds
        for key in KEYS
        for tier in tiers
    }


def changed(asked: Question, which: list[bool], how: Callable[[Evidence], Evidence]) -> Question:
    kept = [how(each) if chosen else each for each, chosen in zip(asked.evidence, which, strict=False)]
    return replace(asked, evidence=(*kept, *asked.evidence[len(kept) :]))


def never_more(before: Question, after: Question) -> None:
    was, now = answers(before), answers(after)
    assert not [place for place, value in now.items() if value is True and was[place] is not True]


def own(each: Evidence) -> Evidence:
    """The same, of the developer's own making."""
    producer = each.producer.model_copy(update={"independence": Independence.SELF_REPORTED})
    return each.model_copy(update={"producer": producer})


@pytest.mark.parametrize("how", [withheld, lapsed, own])
@given(VOICES, CONTEXTS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_evidence_that_is_gone_or_the_developers_own_never_makes_a_licence_allow(
    how: Callable[[Evidence], Evidence], voices: Voices, context: Context, which: list[bool]
) -> None:
    asked = question(voices, context)
    never_more(asked, changed(asked, which, how))


@given(VOICES, CONTEXTS, st.sampled_from(PARENTS), st.sampled_from(["lineage.base_models", "lineage.datasets"]))
def test_a_parent_more_never_makes_a_licence_allow(voices: Voices, context: Context, parent: str, what: str) -> None:
    never_more(question(voices, context), question(voices, context, ((what, (parent,), "extra/README.md"),)))


@given(VOICES, CONTEXTS, st.sampled_from(["commercial", "monthly_active_users", "domicile", "licences"]))
def test_a_blank_in_the_context_never_makes_a_licence_allow(voices: Voices, context: Context, blank: str) -> None:
    fields = {name: value for name, value in context.as_json().items() if name not in (blank, "schema")}
    never_more(question(voices, context), question(voices, Context.model_validate(fields)))


@given(VOICES, CONTEXTS)
def test_every_answer_that_is_not_yes_says_why(voices: Voices, context: Context) -> None:
    book = build_book(question(voices, context))
    for kind in SUBJECT.kinds:
        for key in KEYS:
            fact = book.fact(f"may.{key}", kind, LADDER.tier("T6"))
            assert fact.value is True or fact.why
