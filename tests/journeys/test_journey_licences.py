"""What a review says of licences: part by part, over the lineage that the files name, with clauses and duties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from builders import card, embedding_model, generative_model
from commands import Said, here

pytestmark = pytest.mark.xdist_group("journey-licences")
Place = Callable[[str, Mapping[str, bytes]], Path]
Review = Callable[..., Said]

MIT_TEXT = b"""MIT License

Copyright (c) 2024 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""
PAID = "name: paid\nregion: EU\ndomicile: DE\nsector: general\ncommercial: true\nmonetised: true\n"


def answer(document: Any, kind: str, act: str) -> Any:
    """The licence answer for one kind and act."""
    [row] = [each for each in document["licensing"] if (each["kind"], each["act"]) == (kind, act)]
    return row


@pytest.fixture
def context(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a context with more lines than `PAID`."""

    def write(more: str = "") -> Path:
        path = tmp_path / "context.yaml"
        path.write_text(PAID + more)
        return path

    return write


def test_each_part_stands_under_what_lies_nearest_to_it(review: Review, place: Place) -> None:
    files = embedding_model(**{"src/modeling.py": b"x = 1\n", "src/LICENSE": MIT_TEXT})
    document = review(place("two-licences", files)).json
    assert answer(document, "weights", "distribute")["licence"] == "Apache-2.0"
    assert answer(document, "inference_code", "distribute")["licence"] == "MIT"
    assert answer(document, "weights", "distribute")["verdict"] == "allow"
    assert {"notice", "attribution"} <= {row["kind"] for row in document["obligations"]}


def test_a_llama_fine_tune_on_non_commercial_data_is_unknown_for_money_and_says_which_clause(
    review: Review, place: Place, context: Callable[[str], Path]
) -> None:
    lineage = "base_model: meta-llama/Llama-3.1-8B"
    files = generative_model(
        **{"LICENSE": None, "README.md": card(licence="llama3.1", datasets=("example/tickets",), extra=lineage)}
    )
    model = place("llama-fine-tune", files)
    more = "licences: {example/tickets: cc-by-nc-4.0}\n"
    unsaid = answer(review(model, "--context", context(more)).json, "weights", "host")
    assert (unsaid["verdict"], "mau" in unsaid["needs"]) == ("unknown", True)
    said = review(model, "--context", context(more + "monthly_active_users: 200000\n")).json
    hosted = answer(said, "weights", "host")
    assert hosted["verdict"] == "unknown"
    first = hosted["clauses"][0]
    assert (first["licence"], first["effect"]) == ("CC-BY-NC-4.0", "contested")
    assert all(row["clause"] for row in hosted["clauses"])
    assert hosted["known_by"] == {
        "meta-llama/Llama-3.1-8B (finetune)": "Llama-3.1, by its name, from works.yaml",
        "example/tickets (train_on)": "CC-BY-NC-4.0, stated in the context",
    }
    assert set(hosted["parents"]) == {"meta-llama/Llama-3.1-8B (finetune)", "example/tickets (train_on)"}
    assert "data-terms-allow" in {row["rule"] for row in said["reasons"] if row["effect"] != "oblige"}
    assert {"naming", "use-policy", "notice"} <= {row["kind"] for row in said["obligations"]}
    strict = review(model, "--context", context(more + "monthly_active_users: 200000\n"), "--policy", "regulated").json
    assert answer(strict, "weights", "host")["verdict"] == "deny"


def test_a_gemma_fine_tune_given_away_as_apache_is_refused(review: Review, place: Place) -> None:
    readme = card(licence="apache-2.0", pipeline_tag="text-generation", extra="base_model: google/gemma-2-9b")
    document = review(place("gemma-as-apache", generative_model(**{"README.md": readme}))).json
    row = answer(document, "weights", "distribute")
    assert row["verdict"] == "deny"
    assert (row["clauses"][0]["licence"], row["clauses"][0]["act"]) == ("Gemma", "relicense")
    reasons = {each["rule"]: each for each in document["reasons"]}
    assert reasons["licence-terms-allow"]["effect"] == "deny"
    assert not reasons["licence-terms-allow"]["waivable"]


def test_a_parent_that_nobody_knows_is_unknown_until_the_context_says(
    review: Review, place: Place, context: Callable[[str], Path]
) -> None:
    readme = card(extra="base_model: example/nobody-knows")
    model = place("unknown-parent", embedding_model(**{"README.md": readme}))
    row = answer(review(model, "--context", context("")).json, "weights", "host")
    assert (row["verdict"], row["needs"]) == ("unknown", ["licence of example/nobody-knows"])
    told = review(model, "--context", context("licences: {example/nobody-knows: MIT License}\n")).json
    assert answer(told, "weights", "host")["verdict"] == "allow"


def test_a_folder_without_a_licence_may_not_be_shown_to_anybody(review: Review, place: Place) -> None:
    readme = card().replace(b"license: apache-2.0\n", b"")
    document = review(place("nothing", embedding_model(**{"README.md": readme, "LICENSE": None}))).json
    row = answer(document, "weights", "host")
    assert row["verdict"] == "unknown"
    assert "no licence" in row["because"]
    assert document["granted"]["weights"] == "T1"


def test_every_report_shows_the_answer_and_says_what_it_is_not(
    review: Review, place: Place, home: Path, tmp_path: Path
) -> None:
    readme = card(licence="apache-2.0", pipeline_tag="text-generation", extra="base_model: google/gemma-2-9b")
    model = place("gemma-reported", generative_model(**{"README.md": readme}))
    terminal = here("review", model, "--out", tmp_path / "out", home=home).out
    assert "May we distribute it, by its licences and their lineage?" in terminal
    assert "Gemma §3.1" in terminal
    for name in ("report.md", "report.html"):
        text = (tmp_path / "out" / name).read_text()
        assert "Gemma" in text
        assert "not legal advice" in text
