"""Licence texts as people lay them out, and texts whose terms somebody changed. Built from a text, never stored.

    layouts(text)  → {name: the same terms, laid out otherwise}
    mutants(text)  → Mutant(name, text)…, each with other terms

Rules: a mutant differs in its words, by a reading of words that shares no code with the product's; a place is chosen by
counting, so that the same text always gives the same mutants; lines that name a holder are left alone, but for the
mutants that hide a term in one.
"""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HOLDER = re.compile(r"copyright|\(c\)|©|all rights reserved", re.IGNORECASE)


def layouts(text: str) -> Mapping[str, str]:
    """The same terms as editors, mailers, hubs and web pages lay them out."""
    blocks = paragraphs(text)
    title, rest = ("", blocks) if not _is_title(blocks[0]) else (blocks[0], blocks[1:])
    return {
        "as it is": text,
        "narrow": "\n\n".join(_wrapped(block, 56) for block in blocks),
        "one line a paragraph": "\n\n".join(" ".join(block.split()) if _flows(block) else block for block in blocks),
        "CRLF": text.replace("\n", "\r\n"),
        "byte order mark": "\ufeff" + text,
        "indented": textwrap.indent(text, "      "),
        "comment of hashes": "".join(f"# {line}\n" for line in text.splitlines()),
        "comment in a box": "/*\n" + "".join(f" * {line}\n" for line in text.splitlines()) + " */\n",
        "quoted mail": "".join(f"> {line}\n" for line in text.splitlines()),
        "curly quotes": re.sub(r'"([^"\n]{1,200})"', "\u201c\\1\u201d", text).replace("'", "\u2019"),
        "straight quotes": text.translate(str.maketrans("\u201c\u201d\u2018\u2019", "\"\"''")),
        "capitals": text.upper(),
        "spaces that do not break": text.replace(" ", "\u00a0"),
        "two spaces, trailing spaces": "".join(f"{line.replace('. ', '.  ')}   \n" for line in text.splitlines()),
        "Markdown": _markdown(title, rest),
        "HTML": _html(title, rest),
        "title added": f"# License\n\n{text}",
        "holder added": f"Copyright (c) 2026 Example Research Ltd.\n\n{text}",
    }


@dataclass(frozen=True)
class Mutant:
    """A text whose terms are not those of the text it was made from."""

    name: str
    text: str


# (what is done, what is looked for, what stands there instead)
_SWAPS: tuple[tuple[str, str, str], ...] = (
    ("a `not` dropped", r"\bnot ", ""),
    ("a `not` added", r"\b(shall|may|must|will|is|are) (?!not\b)", r"\1 not "),
    ("`no` for `any`", r"\bany\b", "no"),
    ("`or` for `and`", r"\band\b", "or"),
    ("`and` for `or`", r"\bor\b", "and"),
    ("`may` for `shall`", r"\b(shall|must)\b", "may"),
    ("`must` for `may`", r"\bmay\b", "must"),
    ("commercial for non-commercial", r"\bnon-?commercial", "commercial"),
    ("non-commercial for commercial", r"(?<!non-)(?<!non)\bcommercial", "non-commercial"),
    ("revocable", r"\birrevocable\b", "revocable"),
    ("not for ever", r"\bperpetual\b", "annual"),
    ("not everywhere", r"\bworldwide\b", "domestic"),
    ("not for nothing", r"\broyalty-free\b|\bfree of charge\b", "royalty-bearing"),
    ("`without` for `with`", r"\bwith\b", "without"),
    ("`with` for `without`", r"\bwithout\b", "with"),
    ("a number", r"(?<=[a-z($] )\d[\d,.]*\d(?= [a-z])|(?<=[a-z] )[2-9](?= [a-z])", "77"),
    ("ten times more", r"\bmillion\b", "billion"),
    ("another law", r"\b(California|Delaware|England|France|Singapore|China|New York)\b", "Ruritania"),
    ("research only", r"\bfor any purpose\b|\bto use\b", "to use for research only"),
)
_MARKS: tuple[tuple[str, str], ...] = (
    ("a letter of another script", r"(?<=\bn)o(?=t\b)|(?<=\bm)o(?=dif)|(?<=\bt)o(?=\b)"),
    ("a character that is not shown", r"(?<=\bany)(?= )|(?<=\bthe)(?= )"),
)
RESTRICTIONS = (
    "You may not use the Work for commercial purposes.",
    "Use in the European Union is prohibited.",
    "Each deployment requires the prior written consent of the licensor.",
)
GRANT = "Notwithstanding the above, all conditions are waived for Example Ltd."


def mutants(text: str, *, each: int = 2) -> Iterator[Mutant]:
    """At most `each` places for every kind of change: the first, and one in the middle of the others."""
    for name, pattern, instead in _SWAPS:
        for place, found in _spread(_outside_holders(text, pattern), each):
            yield from _told(text, f"{name}, place {place}", _at(text, found, found.expand(instead)))
    for (name, pattern), mark in zip(_MARKS, ("\u043e", "\u200b"), strict=True):
        for _, found in _spread(_outside_holders(text, pattern), 1):
            yield Mutant(name, _at(text, found, mark))
    blocks = paragraphs(text)
    long = [place for place, block in enumerate(blocks) if len(block.split()) > 12 and not _HOLDER.search(block)]
    for place in {*long[len(long) // 2 : len(long) // 2 + 1], *long[-1:]}:
        yield from _told(text, f"paragraph {place} gone", _joined(blocks[:place], blocks[place + 1 :]))
        for restriction in RESTRICTIONS:
            added = _joined(blocks[:place], [restriction], blocks[place:])
            yield from _told(text, f"before paragraph {place}: {restriction[:24]}", added)
        yield Mutant(
            f"paragraph {place} struck out", _joined(blocks[:place], [f"~~{blocks[place]}~~"], blocks[place + 1 :])
        )
        yield Mutant(
            f"paragraph {place} hidden", _joined(blocks[:place], [f"<!-- {blocks[place]} -->"], blocks[place + 1 :])
        )
    if len(long) > 1:
        first, second = long[0], long[1]
        order = [*blocks[:first], blocks[second], *blocks[first + 1 : second], blocks[first], *blocks[second + 1 :]]
        yield from _told(text, "two paragraphs change places", "\n\n".join(order))
    yield Mutant("a grant at the end", f"{text.rstrip()}\n\n{GRANT}\n")
    yield Mutant("a term in a holder's line", f"Copyright (c) 2026 Example Ltd., for academic use only\n\n{text}")
    yield Mutant("a term behind a holder", f"Copyright (c) 2026 Example Ltd. Others must pay.\n\n{text}")


def paragraphs(text: str) -> list[str]:
    """Blocks between empty lines."""
    return [block for block in re.split(r"\n[ \t]*\n", text.strip("\n")) if block.strip()]


def words(text: str) -> list[str]:
    """Words in the plainest sense; the test's own reading, not the product's."""
    return re.findall(r"[^\W_]+|[%$€£+]", text.casefold())


def _told(text: str, name: str, changed: str) -> Iterator[Mutant]:
    if words(changed) != words(text):
        yield Mutant(name, changed)


def _outside_holders(text: str, pattern: str) -> list[re.Match[str]]:
    found = []
    for match in re.finditer(pattern, text, re.IGNORECASE):
        start, end = text.rfind("\n\n", 0, match.start()), text.find("\n", match.end())
        if not _HOLDER.search(text[max(start, 0) : end if end >= 0 else len(text)].rsplit("\n", 1)[-1]):
            found.append(match)
    return found


def _spread(found: list[re.Match[str]], each: int) -> Iterator[tuple[int, re.Match[str]]]:
    places = dict.fromkeys([0, *(len(found) * part // each for part in range(1, each))])
    return ((place, found[place]) for place in places if place < len(found))


def _at(text: str, found: re.Match[str], instead: str) -> str:
    return text[: found.start()] + instead + text[found.end() :]


def _joined(*parts: list[str]) -> str:
    return "\n\n".join(block for part in parts for block in part) + "\n"


def _is_title(block: str) -> bool:
    return len(block.split()) <= 14 and not block.rstrip().endswith((".", ",", ";"))


def _flows(block: str) -> bool:
    """Is it a paragraph, not a list, a heading or a line of a holder?"""
    lines = block.splitlines()
    return not any(re.match(r"\s*(?:\W|\(?\w{1,3}[.)]\s|copyright)", line, re.IGNORECASE) for line in lines[1:])


def _wrapped(block: str, width: int) -> str:
    if not _flows(block) or _HOLDER.search(block):
        return block
    return textwrap.fill(" ".join(block.split()), width, break_long_words=False, break_on_hyphens=False)


def _markdown(title: str, blocks: list[str]) -> str:
    head = [f"# **{' '.join(title.split())}**", "---"] if title else []
    body = [f"**{block.strip()}**" if _is_title(block) and "\n" not in block.strip() else block for block in blocks]
    return "\n\n".join([*head, *body]) + "\n"


def _html(title: str, blocks: list[str]) -> str:
    head = [f"<h1>{html.escape(title.strip())}</h1>"] if title else []
    body = ["<p>" + html.escape(block).replace("\n", "<br>\n") + "</p>" for block in blocks]
    return "\n".join([*head, *body]) + "\n"
