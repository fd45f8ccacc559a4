"""What a card states in kinds and numbers: input and output, the kinds of data, the operations of training."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bascule.builtin.scanners.documentation import words
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.document import LABEL, MAX_SENTENCE, Document, Part, pattern
from bascule.builtin.scanners.documentation.fields import ONE_USE, TRAINED_ON
from bascule.plugins.readers import prose

_IO = (
    ("input_modalities", r"^(model )?inputs?( modalit(y|ies)| types?| formats?| data)?$"),
    ("output_modalities", r"^(model )?outputs?( modalit(y|ies)| types?| formats?)?$"),
)
_LENGTH = r"^(maximum |max )?(context|sequence|input) (length|window|size)$|^context$|^max(imum)? (input|tokens)$"
_DATA = (
    r"\b(training|tuning) (and \w+ )?(data|datasets?|corpus|corpora|sets?)\b|^data(set)?s?\b"
    r"|\bdata (sources?|collection)\b"
)
MAX_ON_DATA = 400
"""sentences on data whose words are weighed"""
_TRAINING = r"\btrain\w*|\bcomput\w+"


def input_and_output(text: Document) -> Iterator[Claim]:
    """Modalities and the longest input, under headings and labels that are called so."""
    for name, title in _IO:
        for part in text.parts:
            if part.is_called(title) and (kinds := words.modalities(_value(part))):
                yield Claim(name, kinds, text.path, part.place)
                break
    for part in text.parts:
        if part.is_called(_LENGTH) and re.search(r"\d", value := _value(part)):
            yield Claim("max_input", value, text.path, part.place)
            break


def data_kinds(text: Document) -> Iterator[Claim]:
    """Modality and provenance of the data: as sections and labels on data name them, else as `trained on` does."""
    said = [(one.text[:MAX_SENTENCE], one.place) for one in text.told if pattern(_DATA).search(one.under)]
    said += [(_value(part), part.place) for part in text.labels if pattern(_DATA).search(part.plain)]
    if not said:
        found = ((pattern(TRAINED_ON).search(one.text[:MAX_SENTENCE]), one) for one in text.told)
        said = [(one.text[match.end() : match.end() + 120], one.place) for match, one in found if match]
    for name, kinds_of in (("data_modality", words.modalities), ("data_provenance", words.provenance)):
        named = [(kinds, where) for sentence, where in said[:MAX_ON_DATA] if (kinds := kinds_of(sentence))]
        if named:
            yield Claim(
                name, tuple(dict.fromkeys(kind for kinds, _ in named for kind in kinds)), text.path, named[0][1]
            )


def operations(text: Document) -> Iterator[Claim]:
    """Operations spent on training, where sentences or labels on training state their number and no two differ."""
    spoken = [(f"{one.under} {one.text[:MAX_SENTENCE]}", one.place) for one in text.told]
    spoken += [(f"{part.plain}: {_value(part)}", part.place) for part in text.labels]
    found: dict[float, str] = {}
    for said, where in spoken:
        if pattern("flop").search(said) and pattern(_TRAINING).search(said) and not pattern(ONE_USE).search(said):
            number = words.flop(said)
            if number is not None:
                found.setdefault(number, where)
    if len(found) == 1:
        [(number, where)] = found.items()
        yield Claim("compute_flop", number, text.path, where)


def _value(part: Part) -> str:
    return prose.phrase(part.own) if part.level == LABEL else prose.extract(part.own)
