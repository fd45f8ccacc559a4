"""What a model card says, and what a reader would look for in vain."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.builtin.scanners.model_card import plugin
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.card import parse_card, says_something, topics_of
from bascule.plugins.testing import scan_memory
from bascule.records import Finding, Outcome

RULE = "card-incomplete"


def answer(files: Mapping[str, bytes]) -> Outcome:
    return scan_memory(plugin, files).answers[RULE]


def sections(text: str) -> tuple[str, ...]:
    return parse_card(text).present


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Uses", "intended_use"),
        ("Direct Use", "intended_use"),
        ("Intended uses & limitations", "intended_use"),
        ("Intended uses & limitations", "limitations"),
        ("Out-of-Scope Use", "out_of_scope"),
        ("Bias, Risks, and Limitations", "limitations"),
        ("Ethical considerations", "limitations"),
        ("Training Data", "training_data"),
        ("Pre-training data", "training_data"),
        ("Datasets", "training_data"),
        ("Results", "evaluation"),
        ("Evaluation results", "evaluation"),
        ("Benchmarks", "evaluation"),
        ("Training procedure", "training_procedure"),
        ("Environmental Impact", "environmental_impact"),
        ("Model Card Contact", "contact"),
        ("License", "licence"),
        ("Responsible disclosure", "disclosure"),
    ],
)
def test_a_heading_is_known_by_the_words_that_publishers_use(title: str, expected: str) -> None:
    assert expected in topics_of(title)


@pytest.mark.parametrize("title", ["Usage (Sentence-Transformers)", "How to use", "Installation", "Citation", "Model"])
def test_a_heading_about_something_else_is_no_section(title: str) -> None:
    assert topics_of(title) == ()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[More Information Needed]",
        "TODO",
        "<!-- Say here who should use it, and for what. -->",
        "N/A",
        "![a picture](x.png)",
        "Coming soon.",
        "- **Who:** [More Information Needed]\n- **What:** TBD",
        "### Direct use\n\n[More Information Needed]",
    ],
)
def test_a_heading_without_content_does_not_count(body: str) -> None:
    assert not says_something(body)
    card = parse_card(f"# Model card\n## Uses\n{body}\n## Next\ntext text text\n")
    assert "intended_use" not in card.present
    assert "intended_use" in card.empty


def test_content_under_a_deeper_heading_counts_for_the_one_above() -> None:
    assert sections("# T\n## Uses\n### For whom\nPeople who sort tickets.\n") == ("intended_use",)


@pytest.mark.parametrize(
    "text",
    [
        "Limitations\n===========\nWeak on short tickets.\n",
        "Limitations\n-----------\nWeak on short tickets.\n",
        "<h2 align='left'>Limitations</h2>\nWeak on short tickets.\n",
        "**Limitations**\n\nWeak on short tickets.\n",
        "- **Limitations:** weak on short tickets\n",
    ],
)
def test_headings_of_any_style_are_seen(text: str) -> None:
    assert sections(text) == ("limitations",)


def test_a_heading_inside_a_code_block_is_code() -> None:
    assert sections("```\n# Limitations\nweak on short tickets\n```\n") == ()


def test_front_matter_counts_for_what_it_names() -> None:
    front = "license: mit\ndatasets: [a/b]\nco2_eq_emissions: 12\nmodel-index:\n- results: [{metrics: []}]\n"
    found = sections(f"---\n{front}---\n# T\n")
    assert found == ("training_data", "evaluation", "licence", "environmental_impact")
    assert sections("---\nlicense: ''\ndatasets: []\nmodel-index: [{name: x}]\n---\n") == ()


def test_the_finding_names_what_is_missing_and_what_is_hollow() -> None:
    card = b"---\nlicense: mit\n---\n# M\n## Limitations\n[More Information Needed]\n"
    finding = next(item for item in scan_memory(plugin, {"README.md": card}).seen if isinstance(item, Finding))
    assert finding.details["missing"] == ["intended_use", "limitations", "training_data", "evaluation"]
    assert finding.details["empty"] == ["limitations"]


def test_one_card_speaks_for_the_subject_the_one_nearest_the_weights() -> None:
    bare, weights = b"---\nlicense: mit\n---\n# M\n", b"\x80\x04N."
    files = {"README.md": b"# Package\n\nInstall it.\n", "model/README.md": bare, "model/weights.bin": weights}
    seen = scan_memory(plugin, files).seen
    outcomes = {item.artefact: item.outcome for item in seen if isinstance(item, Finding)}
    assert outcomes == {"README.md": Outcome.NOT_APPLICABLE, "model/README.md": Outcome.TRUE}


def test_a_file_named_model_card_is_one_whatever_it_says() -> None:
    assert (
        answer({"MODEL_CARD.md": b"# Small\n\nWe made it.\n", "README.md": b"---\nlicense: mit\n---\n"}) == Outcome.TRUE
    )


def test_a_language_code_that_yaml_reads_as_a_truth_value_is_a_language() -> None:
    report = scan_memory(plugin, {"README.md": b"---\nlanguage: no\n---\n# M\n"})
    assert report.readings()["card.languages"] == ("no",)


@pytest.mark.parametrize(
    "front",
    [
        "a: &a [x]\nb: [" + "*a, " * 50 + "]",
        "[" * 5000,
        "{" * 5000,
        "a: 1\na: 2",
        "- a list",
        "x: !!python/object/apply:os.system [id]",
        "n: " + "9" * 6000,
        "? {a: b}\n: c",
        "\tx: y",
        "d: 2024-99-99",
        "x: " + "y" * 600_000,
    ],
    ids=lambda front: front[:12],
)
def test_front_matter_that_is_not_plain_yaml_is_an_error_not_clean(front: str) -> None:
    with pytest.raises(Malformed):
        parse_card(f"---\n{front}\n---\n# M\n")
    assert answer({"README.md": f"---\n{front}\n---\n# M\n".encode()}) == Outcome.ERROR


@given(st.text(max_size=600), st.text(max_size=300))
def test_any_text_is_a_card_or_malformed(front: str, body: str) -> None:
    for text in (body, f"---\n{front}\n---\n{body}"):
        try:
            card = parse_card(text)
        except Malformed:
            continue
        assert set(card.present).isdisjoint(card.empty)


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("unit", ["<", "<!--", "![", "# a\n", "- **a:** b\n", "*", "---\n", "<h1>", "[(", "> # a\n"])
def test_hostile_markup_is_read_to_its_end(unit: str) -> None:
    # Were it read in quadratic time, this would not end.
    card = parse_card(unit * (2_000_000 // len(unit)))
    assert isinstance(card.present, tuple)
