"""The normal form of a licence text: what is left when everything that carries no terms is taken away.

Two texts are one licence when their normal forms are equal, word for word. Taken away, in this order:

1. Unicode form (NFKC), letter case, a byte order mark, wrapping and white space; HTML tags that only lay text out;
2. punctuation: quotes, dashes, rules, comment and list markers; a hyphen or apostrophe inside a word joins it;
3. the number or letter that opens a list item, where an item can begin;
4. lines that only say whose the work is (`Copyright (c) 2024 Somebody`, `All rights reserved.`);
5. the names that a template leaves open (`neither the name of … nor the names of its contributors`);
6. spelling pairs without a difference in law (licence, license; https, http).

Rules 4 and 5 are where a term could hide, so a holder is short, holds no word that terms are made of, and ends with its
sentence: lines such as `Copyright 2024 Somebody, for academic use only` and `Copyright 2024 Somebody. Keep out` stay,
and the text is a variant. Numbers, `%`, money signs, a `+` behind a word and a `<` before a number are words. What is
shown in another way than it is written stays too: characters that are not shown (bidirectional marks, zero-width
joiners, backspaces), and marks that strike a word out or hide it (`~~`, `<del>`, `<!--`, `[//]: #`). Text that reads
one way and hashes another is nobody's licence.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from bascule.kernel.text import looks

HOLDER = "HOLDER"
"""Stands for a name that a template leaves open. Upper case, so that no folded text contains it."""

_SPELLING = {
    "acknowledgement": "acknowledgment",
    "acknowledgements": "acknowledgments",
    "authorisation": "authorization",
    "authorised": "authorized",
    "https": "http",
    "licence": "license",
    "licences": "licenses",
    "organisation": "organization",
    "organisations": "organizations",
    "sublicence": "sublicense",
}

# What a holder's name never needs and a condition always does.
_TERMS = """
academia academic academically academics agree agreed agreement allowed anybody anyone approval aup but charge
charges clause commercial commercialise commercialize commercially condition conditional conditions consent
copied copy copying declare deny derivative derivatives disallowed distribute distributed distributing
distribution educational employ evaluate evaluation everybody everyone except exclude excluding fee fees forbid
forbidden free grant granted if internal internally law laws licence licences license licensed licensee licenses
licensing limit may military modification modifications modified modify must no nobody noncommercial nonprofit
not notice notices only permission permissions permit permitted prior profit prohibit prohibited prohibits
provided publish purpose purposes redistribute redistributed redistribution require required requires restrict
restricted restriction restrictions revenue royalties royalty sale save sell selling sells shall should sold
subject sublicense terminate terms than unless unlicensed use used user users uses using void warranty without
you your yours
"""
_TERM_WORDS = frozenset(_TERMS.split())
_HARMLESS = re.compile(
    r"all rights reserved|free software foundation|(?:see|in) (?:the )?authors(?: file)?|no(?:r)? rights reserved"
)
_HOLDER_WORDS = 18
_SENTENCE_END = re.compile(r"(?P<before>[^\s.!?;:。]*)[.!?;:。][\"'”’)\]>]*\s+(?=\S)")
# Stops that end no sentence: after an initial, a title, a number, and a company's form where the list goes on.
_SHORT = re.compile(r"\W*(?:(?:\w-)?\w|dr|mrs?|ms|prof|st|[js]r|al|univ|dept|\d+(?:-\d+)?)?")
_FORM = r"(?:inc|ltd|limited|co|corp|llc|gmbh|sa|bv|pty|pte|plc|kg|ag)\b"
_GOES_ON = re.compile(r"\W*(?:and|or|und|et|by)\b|[&(,]")
_NEXT_HOLDER = re.compile(r"\W*(?:portions?\b|copyright|\(c\)|©|(?:19|20)\d\d)")
# What may follow a holder's sentence and says nothing: where to find them, and words that the next line ends.
_CONTACT = re.compile(
    rf"<[^>]*>|\S+@\S+|https?:\S+|\b{_FORM}|\ball(?: rights?)?\W*$"
    r"|\d+ (?:\w+ ){1,2}(?:st|street|place|ave|avenue|road)\b(?:, [\w -]{1,24}){0,4}"
)

_OWNERSHIP = re.compile(
    r"""\W*(?:portions?\W+(?:are\W+)?|parts?\W+)?
    (?: (?:copyright|copyrighted|copr)\b[\s.,:]* (?P<mark>(?:\(c\)|©|\[c\]|&copy;?)[\s.,:]*)* (?:(?:by|of)\s+)?
      | (?P<bare>(?:\(c\)|©)\W*(?:copyright\b\W*)?) )
    (?P<rest>.*)""",
    re.VERBOSE,
)
_DATED = re.compile(r"\W*(?:(?:19|20)\d\d|present|<?\[?\{?(?:yyyy|year|years|date)s?\b)")
_RESERVED = re.compile(r"\W*all\W+rights?\W+reserved\W*")
# Tags that lay text out and show all of it, with the attributes that change nothing of that.
_TAG = re.compile(
    r"</?(?:a|article|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|hr|html|i|li|main|ol|p|pre"
    r"|section|small|span|strong|sub|sup|table|tbody|td|th|thead|tr|tt|u|ul)"
    r"(?:\s+(?:align|href|id|lang|name|rel|target)\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*\s*/?>",
    re.IGNORECASE,
)
_LINE_BREAK = re.compile(r"<br[ \t]{0,3}/?>[ \t]{0,20}\r?\n", re.IGNORECASE)
# Inside a line; all others begin a paragraph.
_INLINE = ("a", "b", "big", "code", "em", "font", "i", "small", "span", "strong", "sub", "sup", "tt", "u")
_NEW_LINES = {"br": "\n"} | dict.fromkeys(_INLINE, "")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,8});", re.IGNORECASE)
# What strikes out or hides the words beside it is a word itself, and so no text that holds it is a known one.
_HIDING = re.compile(r"~~|<!--|(?m:^\s{0,3}\[[^\]\n]{1,40}\]:(?=\s))")
HIDES = "hiddenbymarkup"

_ITEM = re.compile(r"\W*?\(?(?:\d{1,2}|[a-z]|[ivx]{1,5})[.)]\W*\s+(?=\S)")
_ENDS_SENTENCE = re.compile(r"(?:[.;:,]|\b(?:and|or))[\s\"'”’*_)\]]*$")
_BREAK = re.compile(r"(?<=[.;:])[\"'”’)\]]*\s+")

# Where a template names the holder. Each hole is bounded and may hold no term.
_HOLES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?<=\bneither the name of )(.{1,160}?)(?= nor the names? of (?:its|their|the|any|his|HOLDER)\b)",
        r"(?<=\bneither the names of )(.{1,160}?)(?= nor the names? of (?:its|their|the|any|his|HOLDER)\b)",
        r"(?<=\bthe name of )(.{1,160}?)(?= may not be used to endorse or promote\b)",
        r"(?<=\bthis software is provided by )(.{1,160}?)(?= as is\b)",
        r"(?<=\bin no event shall )(.{1,200}?)(?= be liable\b)",
        r"(?<=\bsoftware is provided as is and )(.{1,160}?)(?= disclaims? all warranties\b)",
    )
)


DIGEST_SIZE = 6


@dataclass(frozen=True, slots=True)
class Sentence:
    """A stretch of text up to a full stop, semicolon, colon or empty line.

    text: as it stands in the file, white space folded; words: its normal form; opens: does a paragraph begin with it?
    """

    text: str
    words: tuple[str, ...]
    opens: bool = False

    @property
    def digest(self) -> bytes:
        """6 bytes that stand for the normal form: they show what differs, and identify nothing."""
        return sentence_digest(" ".join(self.words))


@dataclass(frozen=True, slots=True)
class NormalText:
    """A text in normal form. Law: the words stay the same however the text is cased, wrapped, quoted or indented."""

    words: tuple[str, ...]
    sentences: tuple[Sentence, ...]

    @property
    def sha256(self) -> str:
        """Identity of the whole text: 64 hex digits over the words."""
        return digest_words(self.words)


def sentence_digest(words: str) -> bytes:
    """The digest of a sentence in normal form."""
    return hashlib.blake2b(words.encode(), digest_size=DIGEST_SIZE).digest()


def digest_words(words: tuple[str, ...]) -> str:
    """sha256 of a normal form, 64 hex digits."""
    return hashlib.sha256(" ".join(words).encode()).hexdigest()


def normalise(text: str) -> NormalText:
    """The normal form of a text of any length and content; never raises."""
    sentences = []
    for paragraph in _paragraphs(text):
        opens = True
        for raw in _BREAK.split(paragraph):
            if words := _fill(_words(raw)):
                sentences.append(Sentence(" ".join(raw.split()), words, opens))
                opens = False
    stream = tuple(word for sentence in sentences for word in sentence.words)
    return NormalText(_fill(stream), tuple(sentences))


def shingles(words: tuple[str, ...], width: int = 5) -> set[int]:
    """32-bit hashes of every run of `width` words: what near texts share."""
    runs = {" ".join(words[i : i + width]) for i in range(max(1, len(words) - width + 1))} if words else set()
    return {int.from_bytes(hashlib.blake2b(run.encode(), digest_size=4).digest(), "big") for run in runs}


def _paragraphs(text: str) -> list[str]:
    """Paragraphs and items before their words are taken: ownership lines and item markers are gone."""
    paragraphs: list[str] = []
    current: list[str] = []
    at_start = fresh = True
    for line in unicodedata.normalize("NFKC", _shown(text.removeprefix("\ufeff"))).splitlines():
        if not (_PLAIN.search(line) or _words(line.casefold())):
            if current:
                paragraphs.append(_join(current))
                current = []
            at_start = fresh = True
            continue
        folded = line.casefold()
        if is_ownership(folded, unmarked=fresh, undated=at_start):
            at_start = fresh = True
            continue
        fresh = False
        if at_start and (marker := _ITEM.match(folded)):
            if current:
                paragraphs.append(_join(current))
                current = []
            # Casefolding may lengthen a line, but never before the marker's ASCII end.
            line = line[marker.end() :]
        current.append(line)
        at_start = _ENDS_SENTENCE.search(folded) is not None
    if current:
        paragraphs.append(_join(current))
    return paragraphs


def _shown(text: str) -> str:
    """Layout in HTML as layout in lines; what hides text marked as a word of its own."""
    if "<" in text or "&" in text:
        text = _LINE_BREAK.sub("<br>", text)
        text = _TAG.sub(lambda found: _NEW_LINES.get(_tag_name(found[0]), "\n\n"), text)
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    return _HIDING.sub(f" {HIDES} ", _SURROGATES.sub("\ufffd", text))


def _tag_name(tag: str) -> str:
    return re.split(r"[\s/>]", tag.lstrip("</"), maxsplit=1)[0].casefold()


def _join(lines: list[str]) -> str:
    # A word broken by a hyphen at the line's end is one word.
    return re.sub(r"(?<=\w)[-\u2010\u2011]\n\W*(?=\w)", "-", "\n".join(lines))


def is_ownership(folded: str, *, unmarked: bool = True, undated: bool = True) -> bool:
    """Does this case-folded line only say whose the work is, with no term in it?

    unmarked: may both year and `(c)` be missing? Only where a paragraph begins. undated: may the year be missing? Only
    where a sentence begins, since elsewhere the line may be the rest of one.
    """
    if _RESERVED.fullmatch(folded):
        return undated
    match = _OWNERSHIP.match(folded)
    if match is None:
        return False
    if match["bare"] is not None:
        named = _DATED.match(match["rest"]) is not None  # `(c) You must…` is a list item
    else:
        named = unmarked or (undated and match["mark"] is not None) or _DATED.match(match["rest"]) is not None
    return named and _is_holder(_words(match["rest"])) and not _says_more(match["rest"])


def _is_holder(words: tuple[str, ...]) -> bool:
    plain = _HARMLESS.sub(" ", " ".join(words)).split()
    return len(plain) <= _HOLDER_WORDS and not any(word in _TERM_WORDS or looks(word) in _TERM_WORDS for word in plain)


def _says_more(rest: str) -> bool:
    """Does another sentence follow the one that names the holder? No list of words knows what it could say."""
    for stop in _SENTENCE_END.finditer(rest):
        before, after = stop["before"], _CONTACT.sub("", rest[stop.end() :])
        more = _HARMLESS.sub("", " ".join(_words(after))).strip()
        listed = re.fullmatch(_FORM, before) is not None and _GOES_ON.match(after) is not None
        if more and not listed and not _SHORT.fullmatch(before) and not _NEXT_HOLDER.match(after):
            return True
    return False


def _fill(words: tuple[str, ...]) -> tuple[str, ...]:
    stream = " ".join(words)
    if " name" not in stream and " shall " not in stream and "provided" not in stream:
        return words
    for hole in _HOLES:
        stream = hole.sub(lambda found: HOLDER if _is_holder(tuple(found[1].split())) else found[0], stream)
    return tuple(stream.split())


_PLAIN = re.compile(r"[A-Za-z0-9%]")
"""Characters that are in a word wherever they stand."""
# Between two digits a hyphen is a range: `1-5` is not 15. The mark stands first, and what is around it after: so the
# engine looks at marks alone.
_INSIDE = re.compile(
    r"""['’\u2010\u2011.,-](?:
    (?<=[^\W_]['’])(?=[^\W_])
    | (?<=[^\W\d_][\u2010\u2011-])(?=[^\W_])
    | (?<=\d[\u2010\u2011-])(?=[^\W\d_])
    | (?<=[^\W_][.])(?=[^\W_])
    | (?<=\d,)(?=\d{3}) )""",
    re.VERBOSE,
)
# Lone surrogates: no text that was decoded has them.
_KEPT_DOT, _KEPT_PLUS = "\ud800", "\ud801"
_SURROGATES = re.compile("[\ud800-\udfff]")
_PLUS = re.compile(r"(?<=[^\W_])\++")
# Behind a word: at a line's beginning `>` quotes.
_COMPARED = re.compile(r"(?P<before>[^\s<>][ \t]{0,3})(?P<sign>[<>])[ \t]{0,3}(?=[$€£]?\d)(?!\S{0,40}>)")
_COMPARISON = {"<": " below ", ">": " above "}


def _words(raw: str) -> tuple[str, ...]:
    folded = _INSIDE.sub(lambda found: _KEPT_DOT if found[0] == "." else "", raw.casefold())
    if "+" in folded:
        folded = _PLUS.sub(lambda found: _KEPT_PLUS * len(found[0]), folded)
    if "<" in folded or ">" in folded:
        folded = _COMPARED.sub(lambda found: found["before"] + _COMPARISON[found["sign"]], folded)
    spaced = folded.translate(_separators(folded)).replace(_KEPT_DOT, ".").replace(_KEPT_PLUS, "+")
    return tuple(_SPELLING.get(word, word) for word in spaced.split())


def _separators(text: str) -> dict[int, str]:
    return {ord(char): " " for char in set(text) if _separates(char)}


@lru_cache(maxsize=4096)
def _separates(char: str) -> bool:
    """White space, control and punctuation but for `%`; and the symbols that only decorate."""
    if char in (_KEPT_DOT, _KEPT_PLUS) or char.isalnum() or char == "%":
        return False
    return unicodedata.category(char)[0] in "PZ" or char.isspace() or char in "=`~^|<>+©®™"
