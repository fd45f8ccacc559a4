"""Kinds and numbers that words state: modalities, where data came from, operations counted.

Rules: a kind counts when a word for it stands there and the words before it do not deny it; a number counts when its
unit stands with it, and no number is ever worked out from others.
"""

from __future__ import annotations

import re

MODALITIES: tuple[tuple[str, str], ...] = (
    (
        "text",
        r"texts?|textual|tokens?|sentences?|documents?|words?|prose|strings?|prompts?|articles?|web ?pages?|captions?"
        r"|conversations?|questions?|books?|tickets?|messages?",
    ),
    ("image", r"images?|photos?|photographs?|pictures?|pixels?"),
    ("audio", r"audio|speech|sounds?|recordings?|voices?|music|utterances?|waveforms?"),
    ("video", r"videos?|film clips?"),
    ("code", r"code|source code|programs?|repositories"),
    ("tabular", r"tabular|tables?|csv|spreadsheets?"),
)
PROVENANCE: tuple[tuple[str, str], ...] = (
    (
        "web",
        r"web[- ](crawl\w*|scrap\w*|pages?|data|text|documents)|webpages?|common ?crawl|crawled|scraped"
        r"|from the (public )?(web|internet)|(the|public) internet",
    ),
    (
        "private third-party",
        r"(licensed|purchased|bought|acquired) (\w+ )?(data|datasets?|content|corpora|from)|third[- ]part(y|ies)"
        r"|commercially licensed|proprietary (data|datasets?|corpora)",
    ),
    (
        "user",
        r"user[- ](data|conversations|interactions|generated|submitted|provided|uploaded)"
        r"|data from (our |its )?(users|customers)|customer data|(users|customers) who (agreed|consented|opted)",
    ),
    (
        "public",
        r"public(ly)?[- ](available|accessible|released)|public (data|data ?sets?|corpora|corpus|domain|sources?)"
        r"|open(ly)?[- ](available|source|licensed|access) (data|data ?sets?|corpora|corpus|sources?|text)"
        r"|open data ?sets?",
    ),
    (
        "synthetic",
        r"synthetic(ally)?|(machine|model|llm|gpt[\w.-]*|ai)[- ]generated"
        r"|generated (by|with|using) (an? )?(\w+ )?(large )?(language )?(models?|llms?|gpt[\w.-]*|claude\w*)"
        r"|self[- ]instruct",
    ),
    (
        "other",
        r"crowd[- ]?(sourc\w+|workers?)|annotators|human[- ](written|annotated)"
        r"|(written|recorded|collected) (for this purpose )?(by|in)[- ](us|hand|house|our|people|experts|\w+ people)"
        r"|volunteers|in[- ]house",
    ),
)

_KINDS = {
    what: tuple((kind, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE)) for kind, pattern in table)
    for what, table in (("modality", MODALITIES), ("provenance", PROVENANCE))
}
_DENIED = re.compile(
    r"\b(no|not|never|without|exclud\w+|neither|nor|none|doesn.t|don.t|isn.t|aren.t|removed?|except)\b[^.;]{0,60}$",
    re.IGNORECASE,
)


def modalities(text: str) -> tuple[str, ...]:
    """The modalities that a short text names."""
    return _kinds("modality", text)


def provenance(text: str) -> tuple[str, ...]:
    """Where data came from, by the six kinds of the EU form, as far as a sentence says so."""
    return _kinds("provenance", text)


def _kinds(what: str, text: str) -> tuple[str, ...]:
    return tuple(
        kind
        for kind, pattern in _KINDS[what]
        if any(not _DENIED.search(text[max(0, m.start() - 80) : m.start()]) for m in pattern.finditer(text))
    )


_NUMBER = r"(?P<number>\d{1,6}(?:[.,]\d{1,6})*)"
_POWER = (
    r"(?:\s?[eE]\s?\+?(?P<e>\d{1,2})"
    r"|\s?(?:[x×*·.]|\\times)\s?10\s?(?:\^|\*\*)?\s?\{?(?P<p>\d{1,2}|[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,2})\}?)?"
)
_SCALE = {"": 0, "k": 3, "kilo": 3, "m": 6, "mega": 6, "g": 9, "giga": 9, "t": 12, "tera": 12}
_SCALE |= {"p": 15, "peta": 15, "e": 18, "exa": 18, "z": 21, "zetta": 21, "y": 24, "yotta": 24}
_FLOP = re.compile(
    rf"(?:10\s?(?:\^|\*\*)\s?\{{?(?P<bare>\d{{1,2}})\}}?|{_NUMBER}{_POWER})"
    r"\s?(?P<scale>kilo|mega|giga|tera|peta|exa|zetta|yotta|[kKMGTPEZY])?[- ]?(?P<unit>FLOPs?|flops?|FLOPS)\b"
    r"(?P<rate>\s?(?:/|per )\s?s(?:ec(?:ond)?)?\b(?P<days>[- ]?days?)?|[- ]days?\b)?"
)
_UNDER = {ord(digit): str(index) for index, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
LEAST_TRAINING_FLOP = 1e13
"""below this a count is that of one run of a model, whatever stands beside it"""


def flop(text: str) -> float | None:
    """The operations that a text on training states, e.g. `1.7e23 FLOPs`, `3.3 × 10^24 FLOP`, `5 petaflop/s-days`.

    None where it states none, states a speed, or states several that differ.
    """
    found = {number for match in _FLOP.finditer(text) if (number := _operations(match)) is not None}
    return found.pop() if len(found) == 1 else None


def _operations(match: re.Match[str]) -> float | None:
    if match["unit"] == "FLOPS" and match["scale"] and not match["rate"]:
        return None  # `312 TFLOPS` is what a chip does in a second
    raw = match["number"] or "1"
    grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", raw)
    plain = raw.replace(",", "") if grouped else raw
    if not re.fullmatch(r"\d+(\.\d+)?", plain):
        return None
    power = int((match["e"] or match["p"] or match["bare"] or "0").translate(_UNDER))
    number = float(plain) * 10.0 ** (power + _SCALE[(match["scale"] or "").lower()])
    if rate := match["rate"]:
        if not match["days"] and "day" not in rate:
            return None
        number *= 86_400
    return number if LEAST_TRAINING_FLOP <= number < 1e40 else None
