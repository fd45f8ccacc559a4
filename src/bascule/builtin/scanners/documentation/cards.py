"""What a model card, a technical report or a README says, by its headings, labels and sentences.

Rules: a label or heading speaks for what it is called; its own words count before those under deeper headings; where no
heading answers, a sentence may, from a section where such a sentence belongs; a README that is no card is believed on
little more than how to use the thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from bascule.builtin.scanners.documentation import stated
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.document import LABEL, Document, Part, Told, pattern, place, plain_title
from bascule.builtin.scanners.documentation.fields import FIELDS, Field, Take
from bascule.plugins.readers import prose
from bascule.plugins.readers.card import says_something

_GENERIC = re.compile(
    r"^(model card|model|readme|overview|introduction|usage|card|description|untitled|license|licence|table of contents"
    r"|model overview|model details|about|contents|model id|model name|content|output|checkpoint|tmp)$"
)
_CARD_OF = re.compile(r"^model card( for| of|:| -) | model card$", re.IGNORECASE)


def claims(text: Document) -> Iterator[Claim]:
    """All that the document says, the best of each name first."""
    for one in FIELDS:
        if text.is_card or one.any_readme:
            yield from islice(_field(text, one), 1)
    if text.is_card:
        yield from _title(text)
        yield from stated.input_and_output(text)
        yield from stated.data_kinds(text)
        yield from stated.operations(text)


def is_generic(name: str) -> bool:
    """Is this a word that stands where a model's name should?"""
    return _GENERIC.match(plain_title(name)) is not None


def _field(text: Document, one: Field) -> Iterator[Claim]:
    for title in one.titles:
        for part in text.parts:
            if not part.is_called(title) or (part.from_column and not one.columns):
                continue
            if one.not_under and pattern(one.not_under).search(part.under):
                continue
            if value := _taken(text, part, one):
                yield Claim(one.name, value, text.path, part.place)
    found = [told for told in text.told if _says(told, one)]
    if found:
        value = prose.joined(told.text for told in found if told.title == found[0].title)
        yield Claim(one.name, value, text.path, found[0].place)


def _says(told: Told, one: Field) -> bool:
    if not one.says or (one.within and not pattern(one.within).search(told.under)):
        return False
    return all(told.says(words) for words in one.says) and not (one.unless and told.says(one.unless))


def _taken(text: Document, part: Part, one: Field) -> str:
    """What a part says on a field, empty where it says nothing that fits."""
    value = _words(text.own(part, one.name), part, one)
    if (value and _fits(value, one)) or part.level == LABEL:
        return value if _fits(value, one) else ""
    if value and one.unless and pattern(one.unless).search(value):
        return ""
    found = filter(None, (_words(text.own(below, one.name), below, one) for below in text.below(part, one.name)))
    value = prose.joined(found) if one.take is Take.SENTENCES else next(found, "")
    return value if _fits(value, one) else ""


def _fits(value: str, one: Field) -> bool:
    if one.unless and pattern(one.unless).search(value):
        return False
    return not one.need or pattern(one.need).search(value) is not None


def _words(own: str, part: Part, one: Field) -> str:
    if part.level == LABEL:
        return _of_label(own, part, one)
    if one.take is Take.PHRASE:
        return prose.phrase(next(prose.sentences(own, address=one.address), "") or own, address=one.address)
    if one.take is Take.MEANS:
        return _means(own)
    return prose.extract(own, address=one.address) if says_something(own) else ""


def _of_label(own: str, part: Part, one: Field) -> str:
    """A label's value; a bare number keeps its label, which alone tells what is counted."""
    if one.take is Take.PHRASE:
        return prose.phrase(own, address=one.address)
    value = prose.phrase(own, address=one.address)
    return value if not value or re.search(r"[^\W\d_]{2}", value) else prose.phrase(f"{part.title}: {value}")


def _means(own: str) -> str:
    """Instructions, and the code that they announce."""
    told = list(prose.sentences(own))
    plain = [sentence for sentence in told if not sentence.endswith(":")]
    first = told[:1] if told and told[0].endswith(":") else plain
    return prose.joined([*first, *filter(None, [prose.code(own)])])


def _title(text: Document) -> Iterator[Claim]:
    """The first heading, where it is a name and not the name of a section."""
    for part in text.parts:
        if part.level == 1:
            name = prose.phrase(_CARD_OF.sub("", part.title), 120)
            if name and not is_generic(name):
                yield Claim("model_name", name, text.path, place("first heading", part.line))
            return
