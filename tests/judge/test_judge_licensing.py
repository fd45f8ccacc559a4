"""What licences come to together."""

from __future__ import annotations

from typing import Any

from bascule.judge.facts.book import FactBook, build_book
from bascule.judge.licensing.consensus import consensus
from bascule.judge.question import Vocabulary
from judging import LADDER, WEIGHTS, ask, pack, rule, said, seen, withheld

TIER = LADDER.tier("T4")
PERMISSIVE = {"class": "permissive", "open": True, "redistribution": True, "commercial": True}
CLASSES: dict[str, dict[str, Any]] = {
    "MIT": PERMISSIVE,
    "Apache-2.0": PERMISSIVE,
    "CC-BY-NC-4.0": {"class": "non-commercial", "open": False, "redistribution": True, "commercial": False},
    "House-1": {"class": "unknown", "open": None},
}
POLICY = pack(rule("always"), licence_classes=CLASSES)
TOOL = {"licences": Vocabulary(readings=["licence.declared", "licence.text"])}


def licences(*ids: tuple[str, str], gone: bool = False) -> tuple[FactBook, dict[str, Any]]:
    """ids: (`declared` or `text`, id) pairs, each in a file of its own."""
    readings = [said(f"licence.{what}", each, f"{what}-{index}") for index, (what, each) in enumerate(ids)]
    evidence = seen("licences", *readings)
    book = build_book(ask(POLICY, withheld(evidence) if gone else evidence, vocabulary=TOOL))
    return book, book.section("licence", WEIGHTS, TIER)


def test_a_text_and_a_declaration_that_agree_are_an_exact_identity() -> None:
    _, facts = licences(("declared", "MIT"), ("text", "MIT"))
    assert facts == {"ids": ["MIT"], "id": "MIT", "contradictory": False, "exact": True, **PERMISSIVE}


def test_words_alone_are_an_identity_that_is_not_exact() -> None:
    assert licences(("declared", "MIT"))[1]["exact"] is False


def test_a_contradiction_yields_no_identity_and_says_where() -> None:
    book, facts = licences(("declared", "Apache-2.0"), ("text", "MIT"))
    assert facts["contradictory"] is True
    assert "id" not in facts
    assert "text-1" in book.fact("licence.id", WEIGHTS, TIER).why


def test_a_property_that_all_candidates_share_is_known_without_an_identity() -> None:
    assert licences(("declared", "Apache-2.0"), ("text", "MIT"))[1]["open"] is True
    mixed = licences(("declared", "MIT"), ("declared", "CC-BY-NC-4.0"))[1]
    assert "open" not in mixed
    assert mixed["redistribution"] is True


def test_a_variant_or_an_unknown_text_settles_nothing() -> None:
    for text in ("variant:MIT", "unknown"):
        book, facts = licences(("declared", "MIT"), ("text", text))
        assert facts == {"ids": ["MIT"]}
        assert "text-1" in book.fact("licence.open", WEIGHTS, TIER).why


def test_looking_and_finding_none_is_an_answer_and_not_looking_is_not() -> None:
    assert licences()[1] == {"ids": []}
    nobody = build_book(ask(POLICY))
    assert nobody.section("licence", WEIGHTS, TIER) == {}


def test_a_silent_scanner_makes_every_licence_fact_unknown() -> None:
    assert licences(("declared", "MIT"), gone=True)[1] == {}


def test_a_licence_that_the_policy_does_not_list_has_no_properties() -> None:
    assert licences(("declared", "Unheard-Of"))[1] == {
        "ids": ["Unheard-Of"],
        "id": "Unheard-Of",
        "contradictory": False,
        "exact": False,
    }
    assert "class" not in licences(("declared", "House-1"))[1]


def test_a_choice_agrees_with_a_text_of_one_side_and_takes_the_better_one() -> None:
    facts = licences(("declared", "CC-BY-NC-4.0 OR MIT"), ("text", "MIT"))[1]
    assert facts["id"] == "CC-BY-NC-4.0 OR MIT"
    assert facts["exact"] is True
    assert facts["class"] == "permissive"


def test_a_conjunction_takes_the_worse_part() -> None:
    facts = licences(("declared", "MIT AND CC-BY-NC-4.0"))[1]
    assert (facts["class"], facts["commercial"]) == ("non-commercial", False)


def test_every_text_and_declaration_is_a_row() -> None:
    rows = licences(("declared", "Apache-2.0"), ("text", "MIT"), ("text", "variant:MIT"), ("text", "unknown"))[
        0
    ].licences
    assert [(row.artefact, row.id, row.match) for row in rows] == [
        ("text-1", "MIT", "exact"),
        ("text-2", "MIT", "variant"),
        ("text-3", "unknown", "unknown"),
        ("declared-0", "Apache-2.0", "declared"),
    ]


def test_a_familys_name_says_less_than_a_licence_of_it_and_contradicts_none() -> None:
    assert consensus(["Apache", "Apache-2.0"]) == ["Apache-2.0"]
    assert consensus(["Apache", "MIT"]) == ["Apache", "MIT"]
    assert consensus(["BSD", "BSD-2-Clause", "BSD-3-Clause"]) == ["BSD-2-Clause", "BSD-3-Clause"]
