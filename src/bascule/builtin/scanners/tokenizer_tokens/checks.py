"""Where tokens are not what they seem. Each check gives (severity, place, sentence, what it rests on).

    shared      one id, two contents; one content, two ids
    plain       a special token that is an ordinary word: decoding drops it, so it vanishes from what is said
    alike       two special tokens that look the same: characters nobody sees, or compatible forms
    rewritten   a step that puts words where others stood, or a template that adds ordinary tokens to every prompt
    between     two files that give one id to two contents, or one name to two tokens

Rules: what a tokenizer's training commonly leaves behind (markers in brackets, language codes, runs of blanks, reserved
places) is none of these.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bascule.builtin.scanners.tokenizer_tokens.claims import Claims
from bascule.records import Severity

_WORD = re.compile(r"[^\W\d_]{3,}[.!?]?|[^\W\d_]+(?: [^\W\d_]+){1,8}[.!?]?")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Oddity:
    """One thing that a person should look at; `what` is a sentence's end."""

    severity: Severity
    place: str
    what: str
    seen: dict[str, object] = field(default_factory=dict)


def within(claims: Claims) -> Iterator[Oddity]:
    """What one file alone shows."""
    yield from _shared(claims)
    yield from _plain(claims)
    yield from _alike(claims)
    yield from _rewritten(claims)


def _shared(claims: Claims) -> Iterator[Oddity]:
    by_id: dict[int, set[str]] = defaultdict(set)
    by_content: dict[str, set[int]] = defaultdict(set)
    for token in claims.added:
        if token.id >= 0:
            by_id[token.id].add(token.content)
            by_content[token.content].add(token.id)
    for number, contents in by_id.items():
        if len(contents) > 1:
            yield _odd(f"id {number}", f"gives the id {number} to {_quoted(contents)}")
    for content, numbers in by_content.items():
        if len(numbers) > 1:
            yield _odd(
                f"id {max(numbers)}", f"gives {_quoted([content])} the ids {', '.join(map(str, sorted(numbers)))}"
            )
    if claims.twins:
        shown = _quoted(claims.twins[:5])
        yield _odd("model.vocab", f"has {len(claims.twins)} tokens that share an id with another, such as {shown}")
    told = {number: content for content, number in claims.vocabulary.items() if number in by_id}
    for token in claims.added:
        held = told.get(token.id)
        if held is not None and held != token.content and _as_bytes(token.content) != held:
            what = f"puts the added token {_quoted([token.content])} over {_quoted([held])} of the vocabulary"
            yield _odd(f"id {token.id}", what)


def _as_bytes(content: str) -> str:
    return content.replace(" ", "Ġ").replace("\n", "Ċ").replace("\t", "ĉ")


def _plain(claims: Claims) -> Iterator[Oddity]:
    for token in claims.added:
        if token.special and _WORD.fullmatch(token.content):
            place = f"id {token.id}" if token.id >= 0 else "additional_special_tokens"
            yield _odd(
                place, f"makes the ordinary word {_quoted([token.content])} a special token, which is never shown"
            )
    for name, content in claims.named.items():
        if _WORD.fullmatch(content):
            yield _odd(name, f"has the ordinary word {_quoted([content])} for its `{name}`")


def _alike(claims: Claims) -> Iterator[Oddity]:
    looks: dict[str, set[str]] = defaultdict(set)
    for content in {token.content for token in claims.added if token.special} | set(claims.named.values()):
        if _LETTERS.search(content):
            looks[_look(content)].add(content)
    for contents in looks.values():
        if len(contents) > 1:
            yield _odd("special tokens", f"has special tokens that look the same: {_quoted(contents)}")


_SAME = str.maketrans("аеорсухіјѕԁɡ", "aeopcyxijsdg")


def _look(content: str) -> str:
    seen = "".join(character for character in content if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFKC", seen).translate(_SAME)


def _rewritten(claims: Claims) -> Iterator[Oddity]:
    numbers = {token.content: token.id for token in claims.added}
    for place, step in claims.steps:
        kind, content = step.get("type"), step.get("content")
        if kind == "Replace" and isinstance(content, str) and _LETTERS.search(content):
            pattern = step.get("pattern")
            words = next(iter(pattern.values()), "") if isinstance(pattern, dict) and pattern else ""
            yield _odd(place, f"replaces {_quoted([str(words)])} by {_quoted([content])} in every text")
        elif kind == "Prepend" and isinstance(step.get("prepend"), str) and _LETTERS.search(step["prepend"]):
            yield _odd(place, f"puts {_quoted([step['prepend']])} before every text")
        elif kind == "TemplateProcessing":
            special = step.get("special_tokens")
            for name, item in (special if isinstance(special, dict) else {}).items():
                ids = item.get("ids") if isinstance(item, dict) else None
                if not isinstance(ids, list):
                    continue
                if len(ids) > 1:
                    yield _odd(place, f"adds {len(ids)} tokens to every text under the name {_quoted([name])}")
                elif ids and numbers.get(name, ids[0]) not in (ids[0], -1):
                    yield _odd(
                        place, f"adds the token of id {ids[0]} under the name {_quoted([name])}, which has another"
                    )


def between(claims: Claims, other: Claims, path: str) -> Iterator[Oddity]:
    """What this file says otherwise than the one at `path`."""
    theirs = {token.id: token.content for token in other.added if token.id >= 0}
    for token in claims.added:
        held = theirs.get(token.id)
        if token.id >= 0 and held is not None and held != token.content:
            what = f"gives the id {token.id} to {_quoted([token.content])}, and `{path}` to {_quoted([held])}"
            yield _odd(f"id {token.id}", what, {"other": path})
    ids = {token.content: token.id for token in other.added if token.id >= 0}
    for token in claims.added:
        number = ids.get(token.content, token.id)
        if token.id >= 0 and number != token.id and theirs.get(token.id) is None:
            what = f"gives {_quoted([token.content])} the id {token.id}, and `{path}` gives it {number}"
            yield _odd(f"id {token.id}", what, {"other": path})
    for name, content in claims.named.items():
        held = other.named.get(name, content)
        if held != content:
            what = f"has {_quoted([content])} for its `{name}`, and `{path}` has {_quoted([held])}"
            yield Oddity(Severity.LOW, name, what, {"other": path})


def _odd(place: str, what: str, seen: dict[str, object] | None = None) -> Oddity:
    return Oddity(Severity.MEDIUM, place, what, seen or {})


def _quoted(contents: object) -> str:
    assert isinstance(contents, list | set)
    return " and ".join(f"`{content[:_SHOWN]}`" for content in sorted(contents)[:5])
