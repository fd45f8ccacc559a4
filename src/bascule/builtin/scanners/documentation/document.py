"""A Markdown text taken apart once: headings and labels with their own words, and every sentence with its headings.

Rules: a heading's own words end at the next heading; what a heading of the first level names is the whole, so sentences
are not held to stand under it; counts are bounded, and what lies beyond is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice

from bascule.builtin.scanners.documentation.fields import FIELDS
from bascule.plugins.readers import prose
from bascule.plugins.readers.card import Card

MAX_PARTS = 4_000
MAX_BELOW = 200
MAX_SENTENCES = 3_000
MAX_SENTENCE = 800
"""characters of a sentence in which its kind is looked for"""
LABEL = 8

_NUMBERED = re.compile(r"^(\d+ )+(?=[a-z])")
_OPTIONAL = re.compile(r" optional$")


@dataclass(frozen=True, slots=True)
class Part:
    """A heading or label and its own words.

    level: 1 to 7, `LABEL` for a label; under: the headings above it, in plain words; index: its number in the document;
    answers: the fields that its title answers.
    """

    title: str
    plain: str
    line: int
    own: str
    level: int
    from_column: bool = False
    under: str = ""
    index: int = 0
    answers: frozenset[str] = frozenset()

    @property
    def place(self) -> str:
        return place(self.title, self.line)

    def is_called(self, title: str) -> bool:
        """Does the title fit? The first heading names the whole, so a word in it says nothing of what follows."""
        if self.index == 0 and self.level == 1:
            return pattern(title).fullmatch(self.plain) is not None
        return pattern(title).search(self.plain) is not None


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence, the headings above it in plain words, and the nearest of them as it is written."""

    text: str
    under: str
    title: str
    line: int

    @property
    def place(self) -> str:
        return place(self.title, self.line)

    def says(self, words: str) -> bool:
        """Is it in the sentence, as far as that is looked at?"""
        return pattern(words).search(self.text[:MAX_SENTENCE]) is not None


@dataclass(frozen=True, slots=True)
class Document:
    """is_card: it may be believed on everything, and not only on how the thing is used."""

    path: str
    is_card: bool
    parts: tuple[Part, ...]
    told: tuple[Told, ...] = field(repr=False)

    @property
    def labels(self) -> Iterator[Part]:
        return (part for part in self.parts if part.level == LABEL)

    def below(self, part: Part, name: str) -> Iterator[Part]:
        """The headings under a heading, those left out that answer another field than the one of that name."""
        for other in self.parts[part.index + 1 : part.index + MAX_BELOW]:
            if other.level <= part.level:
                return
            if other.level < LABEL and not other.answers - {name}:
                yield other

    def own(self, part: Part, name: str) -> str:
        """A part's own words, without the labels among them that answer another field."""
        if part.level == LABEL:
            return part.own
        foreign = {
            other.line - part.line - 1
            for other in self.parts[part.index + 1 : part.index + MAX_BELOW]
            if other.level == LABEL and other.answers - {name}
        }
        if not foreign:
            return part.own
        return "\n".join("" if row in foreign else line for row, line in enumerate(part.own.splitlines()))


def document(path: str, card: Card, is_card: bool, about: str = "") -> Document:
    """Takes a card apart. about: what every sentence is about, as if it stood under that heading."""
    text = prose.with_plain_tables(card.text)
    lines = text.splitlines()
    labels = list(islice(prose.labels(text, card.first_line), MAX_PARTS))
    label_lines = {label.line for label in labels}
    heads = [part for part in card.sections[:MAX_PARTS] if part.level < 7 or part.line not in label_lines]
    first = heads[0].line - card.first_line if heads else len(lines)
    told = [Told(words, about, "", card.first_line) for words in prose.sentences("\n".join(lines[:first]))]
    parts = [Part(one.key, plain_title(one.key), one.line, one.value, LABEL, one.from_column) for one in labels]
    above: list[tuple[int, str]] = []
    for index, head in enumerate(heads):
        end = heads[index + 1].line if index + 1 < len(heads) else len(lines) + card.first_line
        own = "\n".join(lines[head.line - card.first_line + 1 : end - card.first_line])
        plain = plain_title(head.title)
        above = [*((level, name) for level, name in above if level < head.level), (head.level, plain)]
        under = " / ".join(filter(None, [about, *(name for level, name in above if level > 1)]))
        parts.append(Part(head.title, plain, head.line, own, head.level, under=under))
        if len(told) < MAX_SENTENCES:
            told += [Told(words, under, head.title, head.line) for words in prose.sentences(own)]
    return Document(path, is_card, tuple(_in_order(parts)), tuple(told[:MAX_SENTENCES]))


def _in_order(parts: list[Part]) -> Iterator[Part]:
    """Parts by line; a label stands under what the heading before it stands under."""
    under = ""
    for index, part in enumerate(sorted(parts, key=lambda part: part.line)):
        under = part.under if part.level < LABEL else under
        placed = replace(part, index=index, under=under)
        answers = (one.name for one in FIELDS if any(placed.is_called(title) for title in one.titles))
        yield replace(placed, answers=frozenset(answers))


def plain_title(title: str) -> str:
    """A heading as patterns see it: lower case, words alone, without its number and `[optional]`."""
    plain = " ".join(re.findall(r"[^\W_]+", title[:200].casefold().replace("'", "")))
    return _OPTIONAL.sub("", _NUMBERED.sub("", plain))


def place(title: str, line: int) -> str:
    """Where that is, for people."""
    shown = prose.phrase(title, 120)
    return f"{shown}, line {line}" if shown else f"line {line}"


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern of the tables, compiled once."""
    return re.compile(text, re.IGNORECASE)
