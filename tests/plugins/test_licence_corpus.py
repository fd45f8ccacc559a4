"""A licence stays itself however it is laid out, and is another one once a term of it is changed.

With the texts that lie here already: of installed packages, of the system, our own. `benchmarks/licence_detection.py`
asks the same of 76 licences, 44 of them models', whose texts are not ours to keep.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bascule.plugins.readers.licences import identify
from bascule.plugins.readers.licences.normal import is_ownership, normalise
from commands import ROOT
from corpus.licences import Mutant, layouts, mutants, words

COMMON = Path("/usr/share/common-licenses")
# (where it lies, its name there, what it is): one text of each kind that is short enough to be changed often.
PACKAGES = (
    ("pydantic", "LICENSE", "MIT"),
    ("Jinja2", "LICENSE.txt", "BSD-3-Clause"),
    ("packaging", "LICENSE.BSD", "BSD-2-Clause"),
)


def known_texts() -> Iterator[tuple[str, str]]:
    """(id, text)"""
    yield "Apache-2.0", (ROOT / "LICENSE").read_text("utf-8")
    for distribution, name, licence in PACKAGES:
        for file in importlib.metadata.files(distribution) or ():
            if file.name == name and ".dist-info" in str(file):
                yield licence, Path(str(file.locate())).read_text("utf-8")
    for name in ("MPL-2.0", "CC0-1.0"):
        if (COMMON / name).is_file():
            yield name, (COMMON / name).read_text("utf-8")


@cache
def texts() -> dict[str, str]:
    return dict(known_texts())


def changed() -> list[tuple[str, Mutant]]:
    return [(licence, mutant) for licence, text in texts().items() for mutant in mutants(text, each=1)]


@pytest.mark.parametrize("licence", texts())
def test_a_text_laid_out_otherwise_is_the_same_licence_or_honestly_unknown(licence: str) -> None:
    answers = {name: identify(text) for name, text in layouts(texts()[licence]).items()}
    exact = {name for name, match in answers.items() if (match.kind, match.ids) == ("exact", (licence,))}
    assert all(match.kind != "exact" for name, match in answers.items() if name not in exact)
    assert len(exact) >= len(answers) - 1, sorted(set(answers) - exact)


@pytest.mark.parametrize("licence", texts())
def test_a_text_whose_terms_were_changed_is_never_that_licence(licence: str) -> None:
    made = list(mutants(texts()[licence], each=1))
    taken = [mutant.name for mutant in made if identify(mutant.text).kind == "exact"]
    assert taken == []
    assert len(made) >= 15


def test_the_corpus_has_at_least_a_hundred_changed_texts() -> None:
    made = changed()
    assert len(made) >= 100
    assert len({(licence, mutant.name) for licence, mutant in made}) == len(made)


def test_the_same_text_gives_the_same_mutants() -> None:
    text = texts()["MIT"]
    assert list(mutants(text)) == list(mutants(text))


# Where the templates of BSD's kind leave a name open; `test_a_term_where_a_template_leaves_the_name_open_is_seen`.
OPEN = re.compile(
    r"(?:name of|provided by|no event shall|as is['\"]* and)(?P<name>.{1,200}?)"
    r"(?:nor the|may not be|['\"]*as is|be liable)",
    re.IGNORECASE | re.DOTALL,
)


def terms(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word of the terms: in no short block, in no holder's line, where no name is left open."""
    holes = [found.span("name") for found in OPEN.finditer(text)]
    found = []
    for block in re.finditer(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+", text):
        lines = block[0].splitlines()
        if len(block[0].split()) < 16 or any(is_ownership(line.casefold()) for line in lines):
            continue
        spans = [match.span() for match in re.finditer(r"[A-Za-z]{3,}", block[0])]
        found += [(block.start() + start, block.start() + end) for start, end in spans]
    return [(start, end) for start, end in found if not any(first <= start < last for first, last in holes)]


INSTEAD = st.one_of(st.sampled_from(["", "not", "only", "fee", "700"]), st.text(min_size=1, max_size=8))


@given(st.data())
def test_a_word_of_the_terms_that_is_gone_or_another_makes_another_licence(data: st.DataObject) -> None:
    licence = data.draw(st.sampled_from(sorted(texts())))
    text = texts()[licence]
    start, end = data.draw(st.sampled_from(terms(text)))
    instead = data.draw(INSTEAD)
    other = text[:start] + instead + text[end:]
    assume(words(other) != words(text))
    assert identify(other).kind != "exact", (text[max(0, start - 40) : end + 40], instead)


@given(st.sampled_from(sorted(texts())), st.integers(0, 1 << 16), st.integers(1, 4))
def test_case_line_ends_and_white_space_carry_no_terms(licence: str, seed: int, spaces: int) -> None:
    text = texts()[licence].replace(" ", " " * spaces).replace("\n", "\r\n" if seed % 2 else "\n")
    chance = Random(seed)
    cased = "".join(char.upper() if chance.random() < 0.5 else char.lower() for char in text)
    assert identify(cased).ids == (licence,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("at most 1-5 users", "at most 15 users"),
        ("revenue < $10 a year", "revenue > $10 a year"),
        ("GPL version 2+ applies", "GPL version 2 applies"),
        ("you may ~~not~~ sell it", "you may not sell it"),
        ("you may <del>not</del> sell it", "you may not sell it"),
        ("<!-- you may not sell it -->", "you may not sell it"),
        ("[//]: # (you may not sell it)", "you may not sell it"),
        ("10% of it", "10 of it"),
        ("$10 of it", "10 of it"),
        ("1.5 million", "15 million"),
    ],
)
def test_two_lines_that_say_different_things_have_two_normal_forms(one: str, other: str) -> None:
    assert normalise(one).sha256 != normalise(other).sha256


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000,000 users", "1000000 users"),
        ('<p align="center">You may <b>sell</b> it.</p>', "You may sell it."),
        ("You may &quot;sell&quot; it", 'You may "sell" it'),
        ("> You may sell\n> it", "You may sell it"),
        ("Licence, licence", "LICENSE license"),
        ("non-commercial", "noncommercial"),
    ],
)
def test_two_lines_that_say_the_same_have_one_normal_form(one: str, other: str) -> None:
    assert normalise(one).sha256 == normalise(other).sha256
