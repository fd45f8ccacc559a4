"""What a Markdown text says, as words fit to quote: sentences, labelled values, tables. Nothing is ever rendered.

Rules: code, pictures, markup and comments are no words; a placeholder, and the sentences that a card template brings
along, say nothing; an extract is whole sentences while they fit and ends in `…` where one does not; whatever comes out
is one line, bounded, and safe to show. Every pattern is bounded, so that time grows with the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from bascule.kernel.text import visible

MAX_EXTRACT = 300
MAX_READ = 20_000
"""characters of one section that are looked at"""
MAX_LINE = 4_000
MAX_CELLS = 40
MAX_ROWS = 20
MAX_TABLE = 4_000
"""rows of one table"""


@dataclass(frozen=True, slots=True)
class Label:
    """A value with its name, as in `**Developed by:** Ada` or a table. from_column: read under a table's heading."""

    key: str
    value: str
    line: int
    from_column: bool = False


def extract(text: str, limit: int = MAX_EXTRACT, *, address: bool = False) -> str:
    """The first sentences that say something; the rows of a table where there are none, or where one announces them.

    address: links keep their address, where that is what a reader needs.
    """
    words = without_announcement(joined(sentences(text, address=address), limit))
    if words and not words.endswith(":"):
        return words
    table = list(islice(_rows_in_words(text), MAX_ROWS))
    return joined([words, *table] if words else table, limit) if table else ""


def without_announcement(words: str) -> str:
    """Sentences without a last one that only announces what follows, unless there is no other."""
    if not words.endswith(":"):
        return words
    before = list(_SENTENCE_END.split(words))[:-1]
    return " ".join(before) if before and not before[-1].endswith(":") else words


def joined(parts: Iterable[str], limit: int = MAX_EXTRACT) -> str:
    """Parts in order while they fit, with `; ` after one that ends like no sentence; a first one too long is cut."""
    kept = ""
    for part in parts:
        between = " " if kept.endswith((".", "!", "?", ":", ";")) else "; "
        longer = f"{kept}{between}{part}" if kept else part
        if len(shown := visible(longer, len(longer))) > limit:
            return visible(kept, limit) if kept else _cut(shown, limit)
        kept = longer
    return visible(kept, limit)


def phrase(text: str, limit: int = MAX_EXTRACT, *, address: bool = False) -> str:
    """A short value, such as a name, on one line; empty when it is a placeholder or holds no word.

    address: links keep their address.
    """
    words = _bare(text[:MAX_LINE], address)
    if not _WORD.search(words) or is_placeholder(words):
        return ""
    return _cut(visible(words, len(words)), limit)


def sentences(text: str, *, address: bool = False) -> Iterator[str]:
    """The sentences of a text in order, outside code and tables, those that say nothing left out."""
    for paragraph in _paragraphs(text[:MAX_READ], address):
        for sentence in _SENTENCE_END.split(paragraph):
            words = sentence.strip()
            if len(_WORD.findall(words)) >= 2 and not is_placeholder(words) and not _BOILERPLATE.match(words):
                yield words


def is_placeholder(words: str) -> bool:
    """`TODO`, `[More Information Needed]` and their like, alone or with nothing that adds to it."""
    return not _WORD.search(_PLACEHOLDER.sub(" ", words))


def labels(text: str, first_line: int = 1) -> Iterator[Label]:
    """Every labelled value outside code, in order."""
    table: list[tuple[int, list[str]]] = []
    opens = True
    for number, line, is_code in rows(text, first_line):
        if not is_code and (cells := _cells(line)):
            if len(table) < MAX_TABLE:
                table.append((number, cells))
            continue
        yield from _of_table(table)
        table = []
        if not is_code:
            match = _LABEL.match(line) or _PLAIN_LABEL.match(line) or (opens and _OPENING.match(line))
            if match:
                yield Label(_bare(match[1]), match[2].strip(), number)
        opens = not line.strip() or _HEADING.match(line) is not None
    yield from _of_table(table)


def rows(text: str, first_line: int = 1) -> Iterator[tuple[int, str, bool]]:
    """(line number, line, is it code?) of every line; the fences themselves count as code."""
    fence = ""
    for number, line in enumerate(text.splitlines(), first_line):
        shown = line[:MAX_LINE]
        if match := _FENCE.match(shown):
            if not fence:
                fence = match[1]
            elif match[1].startswith(fence):
                fence = ""
            yield number, shown, True
        else:
            yield number, shown, bool(fence)


def code(text: str, limit: int = MAX_EXTRACT) -> str:
    """The first lines of the first code that a section shows."""
    found: list[str] = []
    for _, line, is_code in rows(text[:MAX_READ]):
        if not is_code and found:
            break
        if is_code and not _FENCE.match(line) and line.strip() and not line.lstrip().startswith(("#", "//")):
            found.append(" ".join(line.split()))
    return joined(found, limit)


def _paragraphs(text: str, address: bool) -> Iterator[str]:
    pieces: list[str] = []
    for _, line, is_code in rows(text):
        item = _ITEM.match(line)
        ends = (
            is_code
            or not line.strip()
            or _HEADING.match(line)
            or _DEFINITION.match(line)
            or ("|" in line[:200] and bool(_cells(line)))
        )
        if (ends or item) and pieces:
            yield " ".join(pieces)
            pieces = []
        if ends:
            continue
        if bare := _bare(line[item.end() :] if item else line, address):
            pieces.append(bare)
    if pieces:
        yield " ".join(pieces)


def with_plain_tables(text: str) -> str:
    """The text with its HTML tables written as Markdown ones, every line where it was. Linear in the text."""
    pieces, position = [], 0
    lower = text.lower()  # as long as the text, or places would not agree
    if len(lower) != len(text):
        return text
    while (start := lower.find("<table", position)) >= 0 and (end := lower.find("</table>", start)) >= 0:
        pieces += [text[position:start], _plain_table(text[start:end])]
        position = end + len("</table>")
    return "".join([*pieces, text[position:]])


def _plain_table(table: str) -> str:
    found = []
    for row in _ROW.split(table)[1:]:
        cells = [" ".join(_TAG.sub(" ", f"<{cell}").split()).replace("|", "/") for cell in _CELL.split(row)[1:]]
        if cells:
            found.append(f"| {' | '.join(cells[:MAX_CELLS])} |")
    breaks = table.count("\n")
    kept = found[: max(0, breaks - 1)]  # a table of one line has no room for rows
    return "\n" * min(1, breaks) + "\n".join(kept) + "\n" * (breaks - max(1, len(kept)) if breaks else 0)


def _of_table(table: list[tuple[int, list[str]]]) -> Iterator[Label]:
    """A table of two columns holds a label a row; a wider one is read by the headings over its first row."""
    body = [(number, cells) for number, cells in table if not all(_RULE.fullmatch(cell.strip()) for cell in cells)]
    if len(body) < 2:
        return
    if all(len(cells) == 2 for _, cells in body) and body[0][1][0].strip():
        yield from (Label(_bare(cells[0]), cells[1].strip(), number) for number, cells in body if cells[0].strip())
    else:
        (_, names), (number, first) = body[0], body[1]
        for name, cell in zip(names, first, strict=False):
            if name.strip() and cell.strip():
                yield Label(_bare(name), cell.strip(), number, from_column=True)


def _rows_in_words(text: str) -> Iterator[str]:
    for _, line, is_code in rows(text[:MAX_READ]):
        if is_code or not (cells := _cells(line)) or all(_RULE.fullmatch(cell.strip()) for cell in cells):
            continue
        words = ", ".join(bare for cell in cells if (bare := _bare(cell)) and _WORD.search(bare))
        if words and not is_placeholder(words):
            yield words


def _cells(line: str) -> list[str]:
    bare = line.strip()
    if not bare.startswith("|") or bare.count("|") < 2:
        return []
    return re.split(r"(?<!\\)\|", bare.removeprefix("|").removesuffix("|"), maxsplit=MAX_CELLS)


def _bare(text: str, address: bool = False) -> str:
    """Words without markup, on one line; with `address`, the addresses of links behind them."""

    def words_of(link: re.Match[str]) -> str:
        shown = link[1] or link[2]
        return f"{shown} ({link[2]})" if address and "://" in link[2] and link[2] not in shown else shown

    text = _REFERENCE.sub(r"\1", _LINK.sub(words_of, _IMAGE.sub(" ", text)))
    text = _AUTOLINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _FOOTNOTE.sub("", text)
    text = _ESCAPED.sub(r"\1", _EMPHASIS.sub("", text).replace("`", ""))
    return _QUOTED.sub("", " ".join(text.split()))


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    whole = text[: limit - 1].rpartition(" ")[0]
    return (whole if len(whole) > limit // 2 else text[: limit - 1]) + "…"


_WORD = re.compile(r"[^\W_]+")
_FENCE = re.compile(r" {0,12}(?:(?:[-*+]|\d{1,3}[.)])[ \t]{1,4})?(`{3,}(?=[^`]*$)|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]|\s*<h[1-6]\b| {0,3}(=+|-{2,}|\*{3,}|_{3,})[ \t]*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?")
_LABEL = re.compile(
    r"\s*(?:[-*+]\s+|>\s*)?(?:\*\*|__)([^*_\n]{2,120}?)"
    r"(?::(?:\*\*|__)|(?:\*\*|__)[ \t]*:|(?:\*\*|__) [-–])[ \t]*(\S.*)$"
)
# Bold words that open a paragraph are a label without a colon too.
_OPENING = re.compile(r"(?:\*\*|__)([A-Z][\w -]{2,60})(?:\*\*|__)[ \t]+([A-Z]\S.*)$")
_PLAIN_LABEL = re.compile(r"\s*[-*+]\s+([A-Z][\w /(),-]{1,48}?):[ \t]+(\S.*)$")
_QUOTED = re.compile(r"^(?:> )+|^>$")
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_CELL = re.compile(r"<(?=t[dh]\b)", re.IGNORECASE)
_RULE = re.compile(r":?-*:?")
_IMAGE = re.compile(r"!\[[^\[\]\n]{0,400}\]\([^()\n]{0,1000}\)")
_LINK = re.compile(r"\[([^\[\]\n]{0,400})\]\(([^()\s]{0,1000}(?:\([^()\s]{0,100}\)[^()\s]{0,200})?)[^()\n]{0,200}\)")
_REFERENCE = re.compile(r"\[([^\[\]\n]{1,400})\]\[[^\[\]\n]{0,200}\]")
_DEFINITION = re.compile(r" {0,3}\[[^\[\]\n]{1,200}\]:\s")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)?[^<>\s]{3,300}[.@][^<>\s]{1,100})>")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,400}>")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\n]{1,40}\]")
_EMPHASIS = re.compile(r"(?<!\\)\*{1,3}|(?<![\w\\])_{1,3}(?=\w)|(?<=\w)_{1,3}(?!\w)|~~")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!et al\.)(?<!cf\.)(?<!vs\.)\s+(?=[A-Z0-9\"'“(\[])")

_PLACEHOLDER = re.compile(
    r"\[?\(?\b(?:more information (?:is )?needed(?: for further recommendations)?|information (?:is )?needed"
    r"|to be (?:added|completed|determined|announced|done)|coming soon|work in progress|fill (?:this |me )?in"
    r"|add (?:text|content|description|details|more information) here|(?:your|insert) \w+ here"
    r"|not (?:yet )?(?:available|specified|provided|documented|disclosed|known)"
    r"|no information(?: (?:available|provided))?|lorem ipsum|to ?do|tba|tbd|n/a|none|null|unknown|undefined|wip|xxx+)"
    r"(?!\w)\]?\)?\.?",
    re.IGNORECASE,
)
# What the hub's templates and trainers write into every card, whoever publishes it.
_BOILERPLATE = re.compile(
    r"(?:carbon emissions can be estimated using the "
    r"|this model ?card aims to be a base template|it has been generated using (?:this )?raw template"
    r"|users \(both direct and downstream\) should be made aware"
    r"|use the code below to get started"
    r"|this is the model card of a \W{0,3}\s*transformers model that has been pushed"
    r"|this model ?card has been (?:automatically )?generated"
    r"|this model card has been generated automatically"
    r"|you should probably proofread"
    r"|provide (?:a|the) (?:quick|longer|basic) "
    r"|this section (?:is meant|addresses|describes|provides|should)"
    r"|the following (?:hyperparameters|parameters|results) (?:were|are)"
    r"|(?:please )?(?:refer to|for (?:more|further) (?:information|details)|more (?:information|details))\b"
    r"(?!.{0,300}(?:polic|https?:|@))"
    r"|see also\b|click to expand|table of contents)",
    re.IGNORECASE,
)
