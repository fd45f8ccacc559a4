"""What a model card, a technical report or a README says, by its headings, labels and sentences.

Rules: a label or heading speaks for what it is called; its own words count before those under deeper headings; where no
heading answers, a sentence may, from a section where such a sentence belongs; a README that is no card is believed on
little more than how to use the thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice

from bascule.builtin.scanners.documentation import words
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.fields import FIELDS, NUMBERED, OPTIONAL, Field, Take
from bascule.plugins.readers import prose
from bascule.plugins.readers.card import Card, says_something

MAX_PARTS = 4_000
MAX_BELOW = 200
MAX_SENTENCES = 3_000
MAX_SENTENCE = 800
"""characters of a sentence in which its kind is looked for"""

_LABEL = 8

_GENERIC = re.compile(
    r"^(model card|model|readme|overview|introduction|usage|card|description|untitled|license|licence|table of contents"
    r"|model overview|model details|about|contents|model id|model name|content|output|checkpoint|tmp)$"
)
_FOR = re.compile(r"^model card (for|of) | model card$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A heading or label and its own words. level: 1 to 7, `_LABEL` for a label; place: its number in the document;
    answers: the fields that a title like this one answers."""

    title: str
    plain: str
    line: int
    own: str
    level: int
    from_column: bool = False
    place: int = 0
    answers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence and the headings that it stands under, in plain words."""

    text: str
    under: str
    title: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A text taken apart once, for all fields."""

    path: str
    is_card: bool
    parts: tuple[Part, ...]
    told: tuple[Told, ...] = field(repr=False)


def document(path: str, card: Card, is_card: bool, about: str = "") -> Document:
    """Takes a card apart. about: what every sentence is about, as if it stood under that heading."""
    lines = card.text.splitlines()
    labelled = list(islice(prose.labels(card.text, card.first_line), MAX_PARTS))
    label_lines = {label.line for label in labelled}
    heads = [part for part in card.sections[:MAX_PARTS] if part.level < 7 or part.line not in label_lines]
    first = heads[0].line - card.first_line if heads else len(lines)
    told = [Told(text, about, "", card.first_line) for text in prose.sentences("\n".join(lines[:first]))]
    parts: list[Part] = []
    above: list[tuple[int, str]] = []
    for index, section in enumerate(heads):
        end = heads[index + 1].line if index + 1 < len(heads) else len(lines) + card.first_line
        own = "\n".join(lines[section.line - card.first_line + 1 : end - card.first_line])
        plain = plain_title(section.title)
        above = [*((level, name) for level, name in above if level < section.level), (section.level, plain)]
        parts.append(Part(section.title, plain, section.line, own, section.level))
        if len(told) < MAX_SENTENCES:
            under = " / ".join(filter(None, [about, *(name for level, name in above if level > 1)]))
            told += [Told(text, under, section.title, section.line) for text in prose.sentences(own)]
    parts += [Part(one.key, plain_title(one.key), one.line, one.value, _LABEL, one.from_column) for one in labelled]
    parts.sort(key=lambda part: part.line)
    named = tuple(replace(part, place=place, answers=_answers(part, place)) for place, part in enumerate(parts))
    return Document(path, is_card, named, tuple(told[:MAX_SENTENCES]))


def claims(text: Document) -> Iterator[Claim]:
    """All that the document says, at most one claim for each name."""
    for one in FIELDS:
        if text.is_card or one.any_readme:
            yield from islice(_field(text, one), 1)
    if text.is_card:
        yield from _title(text)
        yield from _io(text)
        yield from _training_data(text)
        yield from _operations(text)


def is_generic(name: str) -> bool:
    """Is this a word that stands where a model's name should?"""
    return _GENERIC.match(plain_title(name)) is not None


def plain_title(title: str) -> str:
    """A heading as patterns see it: lower case, words alone, without its number and `[optional]`."""
    plain = " ".join(re.findall(r"[^\W_]+", title[:200].casefold().replace("'", "")))
    return OPTIONAL.sub("", NUMBERED.sub("", plain))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _field(text: Document, one: Field) -> Iterator[Claim]:
    for pattern in one.titles:
        for part in text.parts:
            if part.from_column and not one.columns:
                continue
            if _is_called(part, pattern) and (value := _taken(text, part, one)):
                yield Claim(one.name, value, text.path, _place(part.title, part.line))
    if not one.says:
        return
    found = [
        told
        for told in text.told
        if (not one.within or _pattern(one.within).search(told.under)) and _says(told.text[:MAX_SENTENCE], one)
    ]
    if found:
        value = prose.joined(told.text for told in found if told.title == found[0].title)
        yield Claim(one.name, value, text.path, _place(found[0].title, found[0].line))


def _taken(text: Document, part: Part, one: Field) -> str:
    """What a part says on a field, empty where it says nothing that fits."""
    value = _words(_own(text, part, one), part, one)
    if not value and part.level < _LABEL:
        value = next(
            filter(None, (_words(_own(text, below, one), below, one) for below in _below(text, part, one))), ""
        )
    if not value or (one.need and not _pattern(one.need).search(value)):
        return ""
    return "" if one.unless and _pattern(one.unless).search(value) else value


def _below(text: Document, part: Part, one: Field) -> Iterator[Part]:
    """The parts under a heading, those left out that speak of something else that is looked for."""
    for other in islice(text.parts, part.place + 1, part.place + MAX_BELOW):
        if other.level <= part.level:
            return
        if not other.answers - {one.name}:
            yield other


def _own(text: Document, part: Part, one: Field) -> str:
    """A part's own words, without the labels among them that speak of something else that is looked for."""
    foreign = {
        other.line - part.line - 1
        for other in islice(text.parts, part.place + 1, part.place + MAX_BELOW)
        if other.level == _LABEL and other.answers - {one.name}
    }
    if part.level == _LABEL or not foreign:
        return part.own
    return "\n".join("" if index in foreign else line for index, line in enumerate(part.own.splitlines()))


def _answers(part: Part, place: int) -> frozenset[str]:
    at = replace(part, place=place)
    return frozenset(one.name for one in FIELDS if any(_is_called(at, pattern) for pattern in one.titles))


def _is_called(part: Part, pattern: str) -> bool:
    """The first heading names the whole, so that a word in it says nothing of what stands under it."""
    if part.place == 0 and part.level == 1:
        return _pattern(pattern).fullmatch(part.plain) is not None
    return _pattern(pattern).search(part.plain) is not None


def _words(own: str, part: Part, one: Field) -> str:
    if part.level == _LABEL:
        value = prose.phrase(own, address=one.take is not Take.PHRASE)
        bare = value and one.take is not Take.PHRASE and not re.search(r"[^\W\d_]{2}", value)
        return prose.phrase(f"{part.title}: {value}") if bare else value
    if one.take is Take.PHRASE:
        return prose.phrase(next(iter(prose.sentences(own)), "") or own)
    if one.take is Take.MEANS:
        return _means(own)
    return prose.extract(own) if says_something(own) else ""


def _means(own: str) -> str:
    """Instructions, and the code that they announce."""
    told = list(prose.sentences(own))
    plain = [sentence for sentence in told if not sentence.endswith(":")]
    return prose.joined([*(plain or told[:1]), *filter(None, [prose.code(own)])])


def _says(sentence: str, one: Field) -> bool:
    if one.unless and _pattern(one.unless).search(sentence):
        return False
    return all(_pattern(pattern).search(sentence) for pattern in one.says)


def _place(title: str, line: int) -> str:
    return f"{prose.phrase(title, 120)}, line {line}" if title else f"line {line}"


def _title(text: Document) -> Iterator[Claim]:
    """The first heading, where it is a name and not the name of a section."""
    for part in text.parts:
        if part.level != 1:
            continue
        name = prose.phrase(_FOR.sub("", part.title), 120)
        if name and not is_generic(name):
            yield Claim("model_name", name, text.path, _place("first heading", part.line))
        return


_IO = (
    ("input_modalities", r"^(model )?inputs?( modalit(y|ies)| types?| formats?| data)?$"),
    ("output_modalities", r"^(model )?outputs?( modalit(y|ies)| types?| formats?)?$"),
)
_LENGTH = r"^(maximum |max )?(context|sequence|input) (length|window|size)$|^context$|^max(imum)? (input|tokens)$"


def _io(text: Document) -> Iterator[Claim]:
    for name, pattern in _IO:
        for part in text.parts:
            if _pattern(pattern).search(part.plain) and (kinds := words.modalities(_taken(text, part, _AS_IT_IS))):
                yield Claim(name, kinds, text.path, _place(part.title, part.line))
                break
    for part in text.parts:
        if _pattern(_LENGTH).search(part.plain) and re.search(r"\d", value := _taken(text, part, _AS_IT_IS)):
            yield Claim("max_input", value, text.path, _place(part.title, part.line))
            break


_AS_IT_IS = Field("")
_DATA = (
    r"\b(training|tuning) (and \w+ )?(data|datasets?|corpus|corpora|sets?)\b|^data(set)?s?\b"
    r"|\bdata (sources?|collection)\b"
)


def _training_data(text: Document) -> Iterator[Claim]:
    """Modality and provenance of the data, where the words of a section on data name them."""
    told = [one for one in text.told if _pattern(_DATA).search(one.under)]
    labels = [part for part in text.parts if part.level == _LABEL and _pattern(_DATA).search(part.plain)]
    said = [one.text[:MAX_SENTENCE] for one in told] + [prose.phrase(part.own) for part in labels]
    if not said:
        return
    place = _place(told[0].title, told[0].line) if told else _place(labels[0].title, labels[0].line)
    for name, kinds in (
        ("data_modality", words.modalities(" ".join(said)[:4_000])),
        ("data_provenance", words.provenance(said)),
    ):
        if kinds:
            yield Claim(name, kinds, text.path, place)


_TRAINS = r"\btrain\w*|\bcomput\w+"
_ONE_RUN = r"\b(per|each|every) (token|image|frame|inference|forward|sample|query|request|sequence)|\binference\b"


def _operations(text: Document) -> Iterator[Claim]:
    """Operations spent on training, where a sentence or label on training states their number."""
    spoken = [(f"{one.under} {one.text[:MAX_SENTENCE]}", one.title, one.line) for one in text.told]
    spoken += [
        (f"{part.plain}: {prose.phrase(part.own)}", part.title, part.line)
        for part in text.parts
        if part.level == _LABEL
    ]
    found: dict[float, tuple[str, int]] = {}
    for said, title, line in spoken:
        if not _pattern(r"flop").search(said) or _pattern(_ONE_RUN).search(said) or not _pattern(_TRAINS).search(said):
            continue
        if (number := words.flop(said)) is not None:
            found.setdefault(number, (title, line))
    if len(found) == 1:
        [(number, (title, line))] = found.items()
        yield Claim("compute_flop", number, text.path, _place(title, line))
