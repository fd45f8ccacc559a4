"""Which licence a text is, against a table of hashes; the texts themselves are not shipped.

Rules: an identity is an exact hash of the whole normal form, or of whole licences that together leave nothing over;
what is merely near (Jaccard of five-word runs at or above 0.6) is a variant, and no nearness makes it an identity,
since CC-BY and CC-BY-NC share 94 % of theirs; the rest is unknown. A variant is shown by the file's own sentences that
the licence does not hold, and by the numbers of the licence's sentences that are not there, counted in the published
text that is nearest.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.text import visible
from bascule.plugins.readers.licences.normal import (
    DIGEST_SIZE,
    NormalText,
    Sentence,
    digest_words,
    normalise,
    sentence_digest,
    shingles,
)

SKETCH_SIZE = 64
OPENING = 5
MAX_TITLE = 16
NEAR = 0.6
PASSAGES_SHOWN = 6
NUMBERS_SHOWN = 60
PASSAGE_LENGTH = 480
MAX_TEXT = 1 << 20
"""Longer texts are not licences but collections; they are unknown without being read whole."""

# A name put above a text that many publishers share; never decides which text it is.
_COMMON_TITLES = ("license", "software license", "license agreement", "software license agreement", "the license")


@dataclass(frozen=True, slots=True)
class Added:
    """A sentence of the file that the nearest text does not hold, shortened.

    after: the number of the known sentence that it follows, 0 where it stands before all of them.
    """

    text: str
    after: int


@dataclass(frozen=True, slots=True)
class Match:
    """What a text is.

    ids: the licences whose whole texts make up the file (exact), or the nearest one (variant), or none (unknown).
    similarity: estimated Jaccard of five-word runs, 1.0 when exact. passages: the file's sentences that the nearest
    text does not hold, the first few. added_count, missing_count: sentences added and missing. missing_at: the numbers
    of those missing, of `known_count`. holds: licences whose whole text stands somewhere in it, beside other text.
    """

    kind: Literal["exact", "variant", "unknown"]
    ids: tuple[str, ...] = ()
    similarity: float = 0.0
    passages: tuple[Added, ...] = ()
    added_count: int = 0
    missing_count: int = 0
    missing_at: tuple[int, ...] = ()
    known_count: int = 0
    holds: tuple[str, ...] = ()

    @property
    def added(self) -> tuple[str, ...]:
        """The passages' texts."""
        return tuple(passage.text for passage in self.passages)

    @property
    def names(self) -> tuple[str, ...]:
        """As readings state it: ids, `variant:<id>`, or `unknown`."""
        if self.kind == "exact":
            return self.ids
        return (f"variant:{self.ids[0]}",) if self.kind == "variant" else ("unknown",)


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which a licence's whole text is published."""

    sha256: str
    length: int
    """in words"""
    opening: int
    """hash of the first five words, so that few places need the full hash"""


@dataclass(frozen=True, slots=True)
class Known:
    """One licence of the table."""

    id: str
    forms: tuple[Form, ...]
    """with and without title, preamble and appendix"""
    sentences: tuple[bytes, ...]
    """of all published texts, each once"""
    texts: tuple[tuple[int, ...], ...]
    """each published text as indices of its sentences"""
    sketch: tuple[int, ...]
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Every licence known by its hashes."""

    licences: tuple[Known, ...]
    by_hash: Mapping[str, str]
    openings: Mapping[int, tuple[Form, ...]]
    """opening to forms, the longest first"""
    titles: Mapping[str, frozenset[str]]
    """normal form of a title to the ids that carry it"""

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(known.id for known in self.licences)


@lru_cache(maxsize=1)
def table() -> Table:
    """The shipped table, read once."""
    return parse_table(_shipped())


@lru_cache(maxsize=1)
def _by_run() -> Mapping[int, tuple[int, ...]]:
    """run of a sketch to the places of the licences that have it"""
    found: dict[int, list[int]] = {}
    for place, licence in enumerate(table().licences):
        for run in licence.sketch:
            found.setdefault(run, []).append(place)
    return {run: tuple(places) for run, places in found.items()}


@lru_cache(maxsize=1)
def known_ids() -> tuple[str, ...]:
    """The ids of the shipped table, in its order: who asks for names alone does not wait for forty thousand hashes.

    Law: set(known_ids()) == table().ids.
    """
    return tuple(row["id"] for row in json.loads(_shipped())["licences"])


def table_digest() -> Digest:
    """Which table identities rest on."""
    return digest_of(_shipped())


def _shipped() -> bytes:
    return (files(__package__) / "texts.json").read_bytes()


def parse_table(data: bytes) -> Table:
    """A table from the bytes that `tools/build_licence_hashes.py` writes."""
    licences = []
    for row in json.loads(data)["licences"]:
        sentences, sketch = base64.b64decode(row["sentences"]), base64.b64decode(row["sketch"])
        texts = [base64.b64decode(text) for text in row["texts"]]
        licences.append(
            Known(
                row["id"],
                parse_forms(row["forms"]),
                tuple(sentences[i : i + DIGEST_SIZE] for i in range(0, len(sentences), DIGEST_SIZE)),
                tuple(tuple(int.from_bytes(t[i : i + 2], "big") for i in range(0, len(t), 2)) for t in texts),
                tuple(int.from_bytes(sketch[i : i + 4], "big") for i in range(0, len(sketch), 4)),
                tuple(row["titles"]),
            )
        )
    forms = sorted((form for known in licences for form in known.forms), key=lambda form: -form.length)
    by_hash = {form.sha256: known.id for known in licences for form in known.forms}
    openings: dict[int, list[Form]] = {}
    for form in forms:
        openings.setdefault(form.opening, []).append(form)
    titles: dict[str, set[str]] = {}
    for known in licences:
        for title in title_forms(known.titles):
            titles.setdefault(title, set()).add(known.id)
    for title in _COMMON_TITLES:
        titles[title] = {known.id for known in licences}
    return Table(
        tuple(licences),
        by_hash,
        {opening: tuple(found) for opening, found in openings.items()},
        {title: frozenset(ids) for title, ids in titles.items()},
    )


def parse_forms(rows: Iterable[tuple[str, int, int]]) -> tuple[Form, ...]:
    """Forms from the rows that the tool writes."""
    return tuple(Form(sha256, length, first) for sha256, length, first in rows)


def title_forms(names: Iterable[str]) -> Iterator[str]:
    """The titles that a licence of these names is published under, in normal form."""
    for name in names:
        for title in (name, f"{name} license"):
            yield from (title, f"the {title}")


def opening(words: tuple[str, ...]) -> int:
    """The hash of a text's first five words."""
    return min(shingles(words[:OPENING], OPENING), default=0)


def identify(text: str) -> Match:
    """Which licence this text is. Never raises.

    Law: a text that gains, loses or changes a word outside the places named in `normal` is never `exact` for the same
    licence.
    """
    if len(text) > MAX_TEXT:
        return Match("unknown")
    normal = normalise(text)
    if not normal.words:
        return Match("unknown")
    known = table()
    spans = list(_whole_texts(normal, known))
    left_over = _left_over(normal, spans, known)
    ids = tuple(sorted({span.id for span in spans}))
    if spans and not left_over:
        return Match("exact", ids, 1.0)
    there = frozenset(sentence.digest for sentence in normal.sentences)
    nearest, similarity = _nearest(normal, there, frozenset(ids), known)
    if nearest is None or similarity < NEAR:
        return Match("unknown", similarity=similarity, holds=ids)
    return _variant(normal, nearest, similarity, spans, known)


def _variant(normal: NormalText, nearest: Known, similarity: float, spans: list[_Span], known: Table) -> Match:
    """How the text differs from the nearest licence, in the published form of it that differs least."""
    there = frozenset(sentence.digest for sentence in normal.sentences)
    whole = [span for span in spans if span.id == nearest.id]
    held = frozenset(nearest.sentences)
    own = [
        (start, sentence)
        for start, sentence in _placed(normal)
        if nearest.id not in known.titles.get(" ".join(sentence.words), frozenset())
        and not any(span.start <= start < span.end for span in whole)
    ]
    added_count = sum(1 for _, sentence in own if sentence.digest not in held)
    titles = frozenset(map(sentence_digest, title_forms(nearest.titles)))
    published = min(
        (_Published(nearest, text, titles) for text in nearest.texts),
        key=lambda text: (len(text.missing(there)), len(text.digests)),
    )
    missing = () if whole else published.missing(there)
    passages: list[Added] = []
    place = 0
    for _, sentence in own:
        if sentence.digest in held:
            place = published.number_of(sentence.digest, place)
        elif len(passages) < PASSAGES_SHOWN:
            passages.append(Added(visible(sentence.text, PASSAGE_LENGTH), place))
    return Match(
        "variant",
        (nearest.id,),
        similarity,
        tuple(passages),
        added_count,
        len(missing),
        missing[:NUMBERS_SHOWN],
        len(published.digests),
        tuple(sorted({span.id for span in spans})),
    )


class _Published:
    """One published text of a licence: its sentences, numbered from 1, without its titles."""

    def __init__(self, known: Known, text: tuple[int, ...], titles: frozenset[bytes]) -> None:
        self.digests = [digest for index in text if (digest := known.sentences[index]) not in titles]
        self._numbers: dict[bytes, list[int]] = {}
        for number, digest in enumerate(self.digests, 1):
            self._numbers.setdefault(digest, []).append(number)

    def missing(self, there: frozenset[bytes]) -> tuple[int, ...]:
        """The numbers of those that are not there."""
        return tuple(number for number, digest in enumerate(self.digests, 1) if digest not in there)

    def number_of(self, digest: bytes, after: int) -> int:
        """Its first number behind `after`, else its first; `after` where this text does not have it."""
        numbers = self._numbers.get(digest, [after])
        return next((number for number in numbers if number > after), numbers[0])


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    id: str


def _whole_texts(normal: NormalText, known: Table) -> Iterator[_Span]:
    """Whole licences that stand in the text one after another, the longest first at each place where one can begin."""
    if found := known.by_hash.get(normal.sha256):
        yield _Span(0, len(normal.words), found)
        return
    position = 0
    for start in starts(normal, known):
        if start < position:
            continue
        for form in known.openings.get(opening(normal.words[start : start + OPENING]), ()):
            end = start + form.length
            if end <= len(normal.words) and digest_words(normal.words[start:end]) == form.sha256:
                yield _Span(start, end, known.by_hash[form.sha256])
                position = end
                break


def _placed(normal: NormalText) -> Iterator[tuple[int, Sentence]]:
    """(index of its first word, sentence)"""
    position = 0
    for sentence in normal.sentences:
        yield position, sentence
        position += len(sentence.words)


def starts(normal: NormalText, known: Table) -> list[int]:
    """Where sentences begin, and where one begins after a title that no empty line parts from it."""
    found = set()
    for position, _ in _placed(normal):
        found.add(position)
        found.update(
            position + length
            for length in range(1, MAX_TITLE + 1)
            if " ".join(normal.words[position : position + length]) in known.titles
        )
    return sorted(found)


def _left_over(normal: NormalText, spans: list[_Span], known: Table) -> bool:
    """Does anything remain beside the spans and the titles that name the span they stand before?"""
    position = 0
    for span in spans:
        between = " ".join(normal.words[position : span.start])
        if between and span.id not in known.titles.get(between, frozenset()):
            return True
        position = span.end
    return position < len(normal.words)


def _nearest(
    normal: NormalText, there: frozenset[bytes], whole: frozenset[str], known: Table
) -> tuple[Known | None, float]:
    """The licence that shares most runs; among the close, one that stands whole in the text, then one that leaves the
    fewest sentences unexplained."""
    runs = shingles(normal.words)
    smallest = sorted(runs)[:SKETCH_SIZE]
    estimates: list[tuple[float, Known]] = []
    # A licence with no run in common would come to 0, and need not be asked.
    for place in sorted({place for run in runs for place in _by_run().get(run, ())}):
        licence = known.licences[place]
        union = sorted({*smallest, *licence.sketch})[:SKETCH_SIZE]
        sketch = frozenset(licence.sketch)
        shared = sum(1 for run in union if run in runs and run in sketch)
        estimates.append((shared / len(union), licence))
    best = max((estimate for estimate, _ in estimates), default=0.0)
    if best == 0.0:
        return None, 0.0
    # Two sketches of 64 runs tell similarities apart to about 0.06, and an appendix shifts them by as much again; what
    # stands whole in the text is never far.
    close = [pair for pair in estimates if pair[0] >= best - 0.12 or (pair[1].id in whole and pair[0] >= NEAR)]

    def closeness(pair: tuple[float, Known]) -> tuple[bool, int, float, float, str]:
        held = frozenset(pair[1].sentences)
        return pair[1].id in whole, -len(there - held), len(held & there) / len(held | there), pair[0], pair[1].id

    estimate, licence = max(close, key=closeness)
    return licence, estimate
