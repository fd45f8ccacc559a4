"""What a source file's header says of its licence: SPDX tags, and notices and short licences that stand there whole.

Rules: a tag counts where it begins a line, behind nothing but a comment's marks, so that code about tags is none; a
notice is known by its exact hash or not at all, as texts are, and fills its paragraphs, so that nothing is said before
or behind it in one breath; what is only near says nothing. `REUSE-IgnoreStart` to
`REUSE-IgnoreEnd` is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from bascule.kernel.text import visible
from bascule.plugins.readers.licences.names import MAX_NAME, licence_id
from bascule.plugins.readers.licences.normal import NormalText, digest_words, normalise
from bascule.plugins.readers.licences.table import OPENING, Form, opening, parse_forms, table

MAX_HEADER = 32 << 10
"""characters at a file's beginning that are a header"""
MAX_HEADER_TEXT = 700
"""words of a licence that is kept in headers; longer ones have files of their own"""
MAX_HOLDERS = 20

_MARKS = (
    r"""[ \t]{0,40}(?:"[ \t]{0,8})?(?:\#+|//+!?|/?\*+|--+|;+|%+|<!--|\"\"\"|'''|\.\.|dnl\b|rem\b|::|!)?[ \t]{0,40}"""
)
_TAG = re.compile(rf"^{_MARKS}SPDX-License-Identifier:[ \t]*(?P<id>[^\r\n]{{1,200}})", re.MULTILINE | re.IGNORECASE)
_HOLDER = re.compile(
    rf"^{_MARKS}SPDX-(?:File|Snippet)CopyrightText:[ \t]*(?P<who>[^\r\n]{{1,200}})", re.MULTILINE | re.IGNORECASE
)
_END_OF_COMMENT = re.compile(r"\s*(?:\*+/|-->|\"\"\"|'''|\\n|[\"',])+\s*$")
_IGNORED = re.compile(r"REUSE-IgnoreStart.*?(?:REUSE-IgnoreEnd|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Header:
    """tags: ids that SPDX tags name, each once. notices: ids of notices and short licences that stand there word for
    word. holders: who SPDX tags say holds the copyright."""

    tags: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


def read_header(text: str) -> Header:
    """The header at the beginning of a source file. Never raises."""
    head = _IGNORED.sub("", text[:MAX_HEADER])
    tags = [licence_id(value) for found in _TAG.finditer(head) if (value := _END_OF_COMMENT.sub("", found["id"]))]
    holders = [visible(_END_OF_COMMENT.sub("", found["who"]).strip(), MAX_NAME) for found in _HOLDER.finditer(head)]
    return Header(
        tuple(dict.fromkeys(tags)), whole_notices(head), tuple(dict.fromkeys(filter(None, holders)))[:MAX_HOLDERS]
    )


def whole_notices(text: str) -> tuple[str, ...]:
    """Notices and short licences that stand in the text as whole paragraphs, sorted."""
    normal = normalise(text)
    bounds = paragraph_bounds(normal)
    found: set[str] = set()
    position = 0
    for start in bounds:
        if start < position:
            continue
        for form in _openings().get(opening(normal.words[start : start + OPENING]), ()):
            end = start + form.length
            if end in bounds and digest_words(normal.words[start:end]) == form.sha256:
                found.add(_owners()[form.sha256])
                position = end
                break
    return tuple(sorted(found))


def paragraph_bounds(normal: NormalText) -> dict[int, None]:
    """Where paragraphs begin and end, in words, in order."""
    position = 0
    bounds: dict[int, None] = {}
    for sentence in normal.sentences:
        if sentence.opens:
            bounds[position] = None
        position += len(sentence.words)
    return bounds | {position: None}


@lru_cache(maxsize=1)
def _owners() -> Mapping[str, str]:
    """hash to id: short licences, then notices, which name the way in which a licence is given"""
    owners = {
        form.sha256: known.id for known in table().licences for form in known.forms if form.length <= MAX_HEADER_TEXT
    }
    rows = json.loads((files(__package__) / "notices.json").read_bytes())["notices"]
    return owners | {form.sha256: row["id"] for row in rows for form in parse_forms(row["forms"])}


@lru_cache(maxsize=1)
def _openings() -> Mapping[int, tuple[Form, ...]]:
    """opening to forms, the longest first"""
    rows = json.loads((files(__package__) / "notices.json").read_bytes())["notices"]
    forms = [form for known in table().licences for form in known.forms if form.length <= MAX_HEADER_TEXT]
    forms += [form for row in rows for form in parse_forms(row["forms"])]
    found: dict[int, list[Form]] = {}
    for form in sorted(forms, key=lambda form: -form.length):
        found.setdefault(form.opening, []).append(form)
    return {start: tuple(same) for start, same in found.items()}
