"""Places that speak of a licence agree, or it is said which do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.licensing.agreement import Voice, disagreements
from bascule.plugins.readers.licences import choices, same


def text(licence: str, covers: str = "repository") -> Voice:
    return Voice(f"LICENSE.{licence}", licence, True, covers)


def named(licence: str, covers: str = "repository", by: str = "README.md") -> Voice:
    return Voice(by, licence, False, covers)


def kinds(*voices: Voice, main: str = "model") -> list[str]:
    return [clash.kind for clash in disagreements(voices, main, choices, same)]


@pytest.mark.parametrize(
    "voices",
    [
        [text("MIT"), named("MIT")],
        [text("MIT"), text("Apache-2.0"), named("MIT OR Apache-2.0")],
        [text("MIT"), text("Apache-2.0"), named("MIT AND Apache-2.0")],
        [text("MIT"), named("MIT OR Apache-2.0"), named("MIT", by="package.json")],
        [text("GPL-3.0"), named("GPL-3.0-or-later")],
        [text("LGPL-3.0"), text("GPL-3.0")],
        [text("LGPL-3.0"), text("GPL-3.0"), named("LGPL-3.0-or-later")],
        [text("BSD-3-Clause"), named("BSD")],
        [text("MIT", "code"), text("Llama-3.1", "model"), named("Llama-3.1")],
        [text("MIT", "use policy"), named("Gemma")],
        [named("other"), text("MIT")],
        [named("variant:MIT"), text("Apache-2.0")],
        [],
    ],
)
def test_these_agree(voices: list[Voice]) -> None:
    assert kinds(*voices) == []


@pytest.mark.parametrize(
    ("voices", "kind"),
    [
        ([text("Apache-2.0"), named("MIT")], "text-and-declared"),
        ([text("MIT"), text("Apache-2.0"), named("MIT")], "text-and-declared"),
        ([text("MIT"), named("MIT AND Apache-2.0")], "text-and-declared"),
        ([named("MIT"), named("Apache-2.0", by="package.json")], "declared"),
        ([named("GPL-3.0-only"), named("GPL-3.0-or-later", by="b")], "declared"),
        ([text("MIT"), text("Apache-2.0")], "texts"),
        ([text("MIT", "code"), text("Llama-3.1", "model"), named("MIT")], "text-and-declared"),
        ([text("Llama-3"), named("Llama-3.1")], "text-and-declared"),
    ],
)
def test_these_contradict_each_other(voices: list[Voice], kind: str) -> None:
    assert kinds(*voices) == [kind]


IDS = ("MIT", "Apache-2.0", "GPL-3.0", "GPL-3.0-or-later", "BSD", "BSD-3-Clause", "MIT OR Apache-2.0", "other", "Gemma")
VOICES = st.builds(
    Voice,
    st.sampled_from(("LICENSE", "README.md", "package.json")),
    st.sampled_from(IDS),
    st.booleans(),
    st.sampled_from(("repository", "model", "code")),
)


@given(st.lists(VOICES, max_size=6).flatmap(lambda voices: st.tuples(st.just(voices), st.permutations(voices))))
def test_the_order_of_the_voices_changes_nothing(pair: tuple[list[Voice], list[Voice]]) -> None:
    before, after = (disagreements(voices, "model", choices, same) for voices in pair)
    assert before == after


@given(st.sampled_from(IDS), st.sampled_from(IDS))
def test_sameness_goes_both_ways(one: str, other: str) -> None:
    assert same(one, other) == same(other, one)
    assert same(one, one)
