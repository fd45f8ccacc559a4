"""What a framework may read: the judge's book of facts, and beside it what was decided.

Rules:
- `decision` is for frameworks alone: a policy's rule that could read the decision would decide from it.
- What lost evidence makes unknown is an unknown fact here too, never the word `unknown`: no condition can come true
  because somebody withheld something.
- A framework asks about the whole subject, so `here`, `may`, `tier` and `kind` are no facts of its language;
  `decision.may_host` and `decision.may_distribute` say what every kind of artefact in it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bascule.judge.facts.book import BLANK, FactBook, Page
from bascule.judge.facts.fact import Fact, unknown
from bascule.judge.policy.cel import Expression, fact_at
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest
from bascule.records import ArtefactKind, Dimension, ReviewDocument, Tier
from bascule.records.compliance import Basis, FactView
from bascule.records.summary import principal_kind

BESIDE = ("decision",)
"""The namespaces that a framework's conditions have over a policy's."""
NOT_HERE = ("here", "may", "tier", "kind")
"""What only one kind of artefact at one tier can be asked."""

DECISION_FACTS = (
    *("verdict", "granted", "tier", "approvals", "dimensions_unknown", "obligations", "openness"),
    *("may_host", "may_distribute", "licence", "review_by", "subject", "digest"),
    *(f"dimension_{dimension.value}" for dimension in Dimension),
)

_SECTION_BASIS = {
    "finding": Basis.MEASURED,
    "severity": Basis.MEASURED,
    "measure": Basis.MEASURED,
    "subject": Basis.MEASURED,
    "decision": Basis.JUDGED,
    "context": Basis.STATED,
    "as_of": Basis.STATED,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """The facts that lie open for one subject, at the tier that was asked for."""

    page: Page
    decided: Mapping[str, Fact]

    @classmethod
    def of(cls, book: FactBook, tier: Tier, document: ReviewDocument, approvals: int) -> Desk:
        """approvals: how many signatures count for the decision at that tier."""
        page = book.pages[tier.distributes]
        return cls(page, decision_facts(document, approvals) | licence_verdicts(page))

    def fact(self, name: str) -> Fact:
        """The fact of a dotted name, its dates as text."""
        section, _, key = name.partition(".")
        if section == "decision":
            return self.decided.get(key) or unknown("the decision does not say")
        fact = self.page.fact(name, ArtefactKind.WEIGHTS)  # the kind matters to `here` alone
        if section == "context" and fact.value in ([], {}):
            return BLANK
        return Fact(fact.value.isoformat(), fact.evidence) if isinstance(fact.value, date) else fact

    def facts_for(self, expression: Expression) -> dict[str, Any]:
        """The known facts that an expression reads, and no others."""
        facts: dict[str, Any] = {}
        for name in expression.reads:
            section, _, key = name.partition(".")
            fact = self.fact(name)
            if fact.known and key:
                facts.setdefault(section, {})[key] = fact.value
            elif fact.known:
                facts[section] = fact.value
        return facts

    def view(self, path: str) -> FactView:
        """A fact, or a part of one (`measure.x.high`), as the document shows it."""
        section, key, *rest = path.split(".") if "." in path else (path, "")
        fact = self.fact(f"{section}.{key}" if key else section)
        value = fact_at({"value": fact.value}, ".".join(["value", *rest])) if fact.known else None
        known = value is not None
        return FactView(
            name=path,
            value=value,
            basis=self._basis(section, key) if known else None,
            evidence=fact.evidence,
            why="" if known else fact.why or f"`{section}.{key}` has no such part",
        )

    def _basis(self, section: str, key: str) -> Basis:
        if section == "licence":
            return Basis.MEASURED if self.fact("licence.exact").value is True else Basis.DECLARED
        if section in ("reading", "declared_only"):
            return Basis.MEASURED if self.fact(f"declared_only.{key}").value is False else Basis.DECLARED
        return _SECTION_BASIS[section]


def decision_facts(document: ReviewDocument, approvals: int) -> dict[str, Fact]:
    """The namespace `decision`. Each fact cites the decision, and a dimension's the evidence that it rests on."""
    cites = (Digest(document.decision),)
    facts: dict[str, Any] = {
        "verdict": None if document.verdict == "unknown" else document.verdict,
        "granted": dict(document.granted),
        "tier": document.requested_tier,
        "approvals": approvals,
        "obligations": sorted({obligation.kind for obligation in document.obligations}),
        "openness": document.openness.mof_class,
        "review_by": format_instant(document.review_by) if document.review_by else None,
        "licence": licence_of_release(document),
        "subject": document.subject.digest,
        "digest": document.decision,
    }
    found = {
        name: Fact(value, cites) if value is not None else unknown("the decision could not tell", cites)
        for name, value in facts.items()
    }
    open_ends = [view.dimension.value for view in document.dimensions if view.verdict == "unknown"]
    found["dimensions_unknown"] = unknown(f"not known: {', '.join(open_ends)}", cites) if open_ends else Fact([], cites)
    for view in document.dimensions:
        evidence = (*cites, *(Digest(digest) for digest in view.evidence))
        found[f"dimension_{view.dimension.value}"] = (
            unknown("; ".join(view.because[:2]) or "its verdict is unknown", evidence)
            if view.verdict == "unknown"
            else Fact(view.verdict.value, evidence)
        )
    return found


def licence_of_release(document: ReviewDocument) -> str | None:
    """The licence over the artefact that the release is about, where it is settled."""
    kind = principal_kind(document)
    return next((one.licence for one in document.licensing if one.kind == kind and one.licence), None)


def licence_verdicts(page: Page) -> dict[str, Fact]:
    """May every kind of artefact be hosted, be distributed, by its own licences and those of its data?"""
    return {f"may_{act}": _every(page.may.values(), (act, f"{act}_by_data")) for act in ("host", "distribute")}


def _every(kinds: Iterable[Mapping[str, Fact]], names: tuple[str, ...]) -> Fact:
    facts = [each.get(name) or unknown("the licence solver does not say") for each in kinds for name in names]
    evidence = tuple(sorted({digest for fact in facts for digest in fact.evidence}))
    if any(fact.value is False for fact in facts):
        return Fact(False, evidence)
    why = dict.fromkeys(fact.why for fact in facts if not fact.known)
    if why or not facts:
        return unknown("; ".join(why) or "nothing here has a licence", evidence)
    return Fact(True, evidence)
