"""What a repository says of its licence, all of it together: texts, names, headers and parents."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bascule.records.licences import LicencesDocument
from builders import write
from commands import Said, here


def installed(distribution: str, name: str) -> bytes:
    for file in importlib.metadata.files(distribution) or ():
        if file.name == name and ".dist-info" in str(file):
            return Path(str(file.locate())).read_bytes()
    pytest.skip(f"{distribution} ships no {name}")


def mit() -> bytes:
    return installed("pydantic", "LICENSE")


def apache() -> bytes:
    return installed("packaging", "LICENSE.APACHE")


def card(*front: str, text: str = "# A model\n\nIt answers.\n") -> bytes:
    return "\n".join(["---", *front, "---", text]).encode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


class Detect:
    """`bascule licence detect` over built files."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder, self.asked = home, folder, 0

    def said(self, files: Mapping[str, bytes], *flags: str) -> Said:
        self.asked += 1
        return here("licence", "detect", write(self.folder / f"repo-{self.asked}", files), *flags, home=self.home)

    def json(self, files: Mapping[str, bytes], code: int) -> Any:
        said = self.said(files, "--json")
        assert said.code == code, said.out[-1500:] + said.err[-500:]
        return said.json

    def rules(self, files: Mapping[str, bytes], code: int) -> list[str]:
        return [finding["rule"] for finding in self.json(files, code)["findings"]]


@pytest.fixture
def detect(home: Path, tmp_path: Path) -> Detect:
    return Detect(home, tmp_path)


def test_one_text_and_the_card_that_names_it_are_identified(detect: Detect) -> None:
    found = detect.json({"LICENSE": mit(), "README.md": card("license: mit")}, 0)
    assert (found["schema"], found["verdict"]) == ("bascule.licences/v1", "identified")
    text, named = found["licences"]
    assert (text["artefact"], text["id"], text["match"], text["spdx"]) == ("LICENSE", "MIT", "exact", "MIT")
    assert (named["id"], named["match"], named["names"]["hub"]) == ("MIT", "declared", ["mit"])
    assert (found["findings"], found["contradictions"]) == ([], [])
    assert "not legal advice" in found["advice"]


def test_the_document_fits_its_schema(detect: Detect) -> None:
    found = detect.json({"LICENSE": mit() + b"\nNo military use.\n", "README.md": card("license: gemma")}, 1)
    Draft202012Validator(LicencesDocument.model_json_schema(by_alias=True, mode="serialization")).validate(found)


def test_a_card_that_names_another_licence_than_the_file_contradicts_it(detect: Detect) -> None:
    found = detect.json({"LICENSE": apache(), "README.md": card("license: mit")}, 1)
    (clash,) = found["contradictions"]
    assert clash["kind"] == "text-and-declared"
    assert {(one["artefact"], one["id"]) for one in clash["says"]} == {("LICENSE", "Apache-2.0"), ("README.md", "MIT")}
    assert [finding["rule"] for finding in found["findings"]] == ["licence-contradiction"]


def test_a_changed_text_shows_its_own_sentence_and_the_number_of_the_one_it_lacks(detect: Detect) -> None:
    changed = apache().replace(b"perpetual,", b"revocable,", 1)
    assert changed != apache()
    found = detect.json({"LICENSE": changed}, 1)
    (row,) = found["licences"]
    assert (row["id"], row["match"], row["added"], row["missing"]) == ("Apache-2.0", "variant", 1, 1)
    assert row["missing_at"] == [row["passages"][0]["after"] + 1]
    assert "revocable" in row["passages"][0]["text"]
    assert row["similarity"] < 1
    assert row["known_sentences"] > 40


def test_a_lawyer_reads_why_and_where(detect: Detect) -> None:
    said = detect.said({"LICENSE": mit() + b"\nNo military use.\n", "COPYING": apache()})
    assert "COPYING\n  is Apache-2.0\n" in said.out
    assert "LICENSE\n  is NOT MIT, and resembles it\n" in said.out
    assert "“No military use.”" in said.out
    assert said.out.rstrip().endswith("This is engineering evidence, not legal advice.")


def test_no_sentence_of_a_known_licence_is_printed_that_the_file_does_not_hold(detect: Detect) -> None:
    text = apache()
    without = text[: text.index(b"3. Grant of Patent")] + text[text.index(b"4. Redistribution") :]
    said = detect.said({"LICENSE": without})
    assert "not there: sentence" in said.out
    assert "patent license" not in said.out.lower()


def test_an_unknown_text_is_unknown_and_never_a_guess(detect: Detect) -> None:
    found = detect.json({"LICENSE": b"You may look at the weights on weekdays if you bring cake.\n"}, 2)
    assert (found["verdict"], found["licences"][0]["id"], found["licences"][0]["spdx"]) == ("unknown", "unknown", None)


def test_nothing_that_names_a_licence_is_a_finding(detect: Detect) -> None:
    assert detect.rules({"model.py": b"x = 1\n"}, 2) == ["licence-none-found"]


def test_a_name_that_nobody_knows_suggests_the_nearest(detect: Detect) -> None:
    found = detect.json({"README.md": card("license: apache-2.O")}, 2)
    assert "did you mean `apache-2.0`" in found["findings"][0]["message"].lower()


def test_other_without_a_text_is_unknown(detect: Detect) -> None:
    assert detect.rules({"README.md": card("license: other")}, 2) == ["licence-unknown-name"]
    assert detect.rules({"README.md": card("license: other"), "LICENSE": mit()}, 0) == []


def test_a_choice_agrees_with_the_texts_of_its_sides(detect: Detect) -> None:
    both = {"LICENSE-MIT": mit(), "LICENSE-APACHE": apache()}
    assert detect.rules({**both, "package.json": b'{"license": "MIT OR Apache-2.0"}'}, 0) == []
    assert detect.rules({"LICENSE": mit(), "package.json": b'{"license": "MIT OR Apache-2.0"}'}, 0) == []
    assert detect.rules({"LICENSE": mit(), "package.json": b'{"license": "MIT AND Apache-2.0"}'}, 1) == [
        "licence-contradiction"
    ]


def test_two_texts_that_nothing_binds_together_contradict_each_other(detect: Detect) -> None:
    found = detect.json({"LICENSE-MIT": mit(), "LICENSE-APACHE": apache()}, 1)
    assert found["contradictions"][0]["kind"] == "texts"


def test_the_licence_of_the_code_is_not_held_against_that_of_the_model(detect: Detect) -> None:
    files = {"LICENSE-CODE": mit(), "LICENSE-MODEL": apache(), "model.gguf": b""}
    assert detect.rules({**files, "README.md": card("license: apache-2.0")}, 0) == []
    rows = {row["artefact"]: row["covers"] for row in detect.json(files, 0)["licences"]}
    assert rows == {"LICENSE-CODE": "code", "LICENSE-MODEL": "model"}


def test_models_that_lie_side_by_side_are_judged_apart(detect: Detect) -> None:
    one = {"a/LICENSE": mit(), "a/README.md": card("license: mit")}
    two = {"b/LICENSE": apache(), "b/README.md": card("license: apache-2.0")}
    assert detect.rules({**one, **two}, 0) == []
    assert detect.rules({**one, "b/LICENSE": apache(), "b/README.md": card("license: mit")}, 1) == [
        "licence-contradiction"
    ]


def test_a_wheel_that_says_mit_over_a_card_that_says_apache_contradicts_itself(detect: Detect) -> None:
    files = {"m-1.dist-info/METADATA": b"Name: m\nLicense: MIT\n", "m/data/README.md": card("license: apache-2.0")}
    assert detect.rules(files, 1) == ["licence-contradiction"]


def test_a_parent_whose_terms_bind_its_derivatives_is_held_against_them(detect: Detect) -> None:
    front = ("license: apache-2.0", "base_model: meta-llama/Llama-3.1-8B")
    found = detect.json({"README.md": card(*front), "LICENSE": apache()}, 1)
    (clash,) = found["contradictions"]
    assert (clash["kind"], clash["says"][-1]["id"]) == ("base-model", "Llama-3.1")
    assert detect.rules({"README.md": card("license: llama3.1", front[1])}, 0) == []


def test_a_parent_that_binds_nothing_or_that_nobody_knows_is_no_finding(detect: Detect) -> None:
    assert detect.rules({"README.md": card("license: mit", "base_model: nobody/knows-it")}, 0) == []


def test_headers_that_nothing_else_names_are_shown_and_change_no_exit_code(detect: Detect) -> None:
    files = {"LICENSE": mit(), "a.py": b"# SPDX-License-Identifier: GPL-3.0-or-later\nx = 1\n", "b.py": b"x = 2\n"}
    found = detect.json(files, 0)
    assert [finding["rule"] for finding in found["findings"]] == ["licence-header-differs"]
    assert found["licences"][-1]["covers"] == "file"
    assert detect.rules({**files, "a.py": b"# SPDX-License-Identifier: MIT\nx = 1\n"}, 0) == []


def test_what_is_vendored_does_not_speak_for_the_repository(detect: Detect) -> None:
    assert detect.rules({"LICENSE": mit(), "third_party/x/LICENSE": apache()}, 0) == []
    assert "licence-none-found" in detect.rules({"x.py": b"", "third_party/x/package.json": b'{"license":"MIT"}'}, 2)


def test_a_link_to_a_file_that_is_not_there_is_a_finding(detect: Detect) -> None:
    front = ("license: other", "license_name: llama3.1", "license_link: LICENSE.txt")
    assert detect.rules({"README.md": card(*front)}, 2) == ["licence-file-absent"]


def test_families_and_their_members_agree(detect: Detect) -> None:
    metadata = b"Name: m\nLicense: BSD\nClassifier: License :: OSI Approved :: BSD License\n"
    bsd = installed("Jinja2", "LICENSE.txt")
    assert detect.rules({"m-1.dist-info/METADATA": metadata, "m-1.dist-info/licenses/LICENSE.txt": bsd}, 0) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("LICENSE", mit().replace(b"without restriction", "without\u202e restriction".encode())),
        ("LICENSE", bytes(range(256)) * 64),
        ("LICENSE", b"MIT License\n\n" + b"Permission is hereby granted\n" * 400_000),
        ("README.md", b"---\nlicense: " + b"[" * 20_000 + b"\n---\n"),
        ("README.md", b"---\nlicense: &a [mit]\nx: [*a, *a]\nlicense: apache-2.0\n---\n"),
        ("LICENSE", b"<a " + b" " * 900_000),
        ("LICENSE", b"<1" * 400_000),
        ("LICENSE", b"\xff\xfeM"),
    ],
    ids=["bidi", "garbage", "ten-megabytes", "deep", "twice", "open-tag", "comparisons", "half-a-letter"],
)
@pytest.mark.usefixtures("must_end")
def test_a_hostile_file_is_an_error_unknown_or_a_variant_and_never_exact(
    detect: Detect, name: str, data: bytes
) -> None:
    said = detect.said({name: data, "x.py": b"x = 1\n"}, "--json")
    assert said.code in (1, 2), said.out[-800:]
    assert not [row for row in json.loads(said.out)["licences"] if row["match"] == "exact"]
    assert said.json["table"].startswith("sha256:")
    assert said.json["findings"]
