"""Conditions asked of the book, each only as often as its answer can differ.

Rules: an expression sees the facts that it reads and no others; an answer is remembered for the kinds and tiers at
which it must be the same; a supposition asks again only what reads a supposed fact.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bascule.judge.facts.book import FactBook
from bascule.judge.facts.fact import Fact
from bascule.judge.policy.cel import Answer, Expression, Truth, compile_expression
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Tier

_Place = tuple[str, str, str, bool]


class Conditions:
    """Asks expressions of one book."""

    def __init__(self, book: FactBook, parent: Conditions | None = None) -> None:
        self.book = book
        self._parent = parent
        self._answers: dict[_Place, Answer] = {}
        self._touched: dict[tuple[str, ...], bool] = {}
        self._sections = frozenset(name.partition(".")[0] for name in book.supposed)

    def supposing(self, book: FactBook) -> Conditions:
        """The same, over a book with suppositions."""
        return Conditions(book, self)

    def touched(self, names: tuple[str, ...]) -> bool:
        """Does any supposition bear on these facts?"""
        answer = self._touched.get(names)
        if answer is None:
            supposed, sections = self.book.supposed, self._sections
            answer = any(name in supposed or ("." not in name and name in sections) for name in names)
            self._touched[names] = answer
        return answer

    def ask(self, text: str, kind: ArtefactKind, tier: Tier) -> Answer:
        """The expression's answer for a kind at a tier."""
        expression = compile_expression(text)
        if self._parent is not None and not self.touched(expression.reads):
            return self._parent.ask(text, kind, tier)
        place = (text, *place_of(expression.reads, kind, tier))
        answer = self._answers.get(place)
        if answer is None:
            answer = self._answers[place] = expression.evaluate(self._facts_for(expression, kind, tier))
        return answer

    def holds(self, text: str, kind: ArtefactKind, tier: Tier) -> bool | None:
        """True, False, or None where unknown."""
        value = self.ask(text, kind, tier).value
        return None if value not in (Truth.TRUE, Truth.FALSE) else value is Truth.TRUE

    def read(self, names: tuple[str, ...], kind: ArtefactKind, tier: Tier) -> dict[str, Fact]:
        """The facts of these names, as they stand."""
        return {name: self.book.fact(name, kind, tier) for name in names if "." in name or name in ("kind", "as_of")}

    def _facts_for(self, expression: Expression, kind: ArtefactKind, tier: Tier) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for name in expression.reads:
            section, _, key = name.partition(".")
            if key:
                fact = self.book.fact(name, kind, tier)
                if fact.known:
                    facts.setdefault(section, {})[key] = fact.value
            elif section in ("kind", "as_of"):
                facts[section] = self.book.fact(section, kind, tier).value
            else:
                facts[section] = self.book.section(section, kind, tier)
        return facts


def reads_of(*texts: str) -> tuple[str, ...]:
    """Every fact that these expressions mention, sorted."""
    return tuple(sorted({name for text in texts for name in compile_expression(text).reads}))


def place_of(reads: tuple[str, ...], kind: ArtefactKind, tier: Tier) -> tuple[str, str, bool]:
    """What of (kind, tier) an answer that reads these facts can depend on."""
    by_kind, by_tier = _depends(reads)
    return (kind.value if by_kind else "", tier.id if by_tier else "", tier.distributes)


@lru_cache(maxsize=8192)
def _depends(reads: tuple[str, ...]) -> tuple[bool, bool]:
    sections = {name.partition(".")[0] for name in reads}
    return bool(sections & {"kind", "here", "may"}), "tier" in sections


def cited(facts: dict[str, Fact]) -> tuple[Digest, ...]:
    """The envelopes behind these facts, sorted."""
    return tuple(sorted({digest for fact in facts.values() for digest in fact.evidence}))
