"""Which licence to give: for a wanted openness, those that allow it, the duties each creates, and why not others.

    wanted: who may do what, and what must be bound on everybody → every licence → fits or not, with its reasons

Rules: a licence fits when it allows recipients every act that is wanted, forbids what is to be forbidden, binds what is
to be bound, and may be given on top of what the work was made from; whatever is unknown about it keeps it from fitting.
Those that fit come first, the fewest duties first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from bascule.judge.licensing.answer import duty_view
from bascule.judge.licensing.case import Case, Edge, Node, build_case
from bascule.judge.licensing.consensus import FAMILIES
from bascule.judge.licensing.solver import Solution, solve
from bascule.judge.licensing.terms import LicenceTerms, Terms
from bascule.records.licence_answers import Suggested, Suggestions

ACTS = ("use", "host", "modify", "distribute_weights", "use_outputs_to_train")
BINDINGS = ("attribution", "share-alike", "use-policy", "naming")


@dataclass(frozen=True, slots=True)
class Wanted:
    """covers: model, data or code. acts: what recipients shall be allowed. commercial: may they earn with it?

    bind: kinds of duties that recipients must be bound to; open_only: open licences alone; on_top_of: what the work was
    made from, as a case whose target is to be licensed, or None.
    """

    covers: str = "model"
    acts: tuple[str, ...] = ("use", "modify", "distribute_weights")
    commercial: bool = True
    bind: tuple[str, ...] = ()
    open_only: bool = False
    on_top_of: Case | None = None


def suggest(wanted: Wanted, terms: Terms, classes: Mapping[str, Mapping[str, Any]], as_of: date) -> Suggestions:
    """Every licence of the table that covers such a work, those that fit first."""
    rows = []
    for name in terms.ids:
        found = terms.of(name)
        if found is None or found.id != name or name in FAMILIES or wanted.covers not in found.covers:
            continue
        rows.append(_judged(wanted, found, terms, classes.get(name, {}), as_of))
    rows.sort(key=lambda row: (not row.fits, len(row.against), len(row.obligations), row.licence))
    return Suggestions(wanted=_words(wanted), suggestions=tuple(rows), as_of=as_of.isoformat())


def _judged(wanted: Wanted, found: LicenceTerms, terms: Terms, row: Mapping[str, Any], as_of: date) -> Suggested:
    given = _given(wanted, found, terms, as_of)
    against = [*_against(wanted, found, terms, row, given)]
    if wanted.on_top_of is not None:
        solution = solve(replace(wanted.on_top_of, use="relicense", relicense_as=found.id), terms, as_of)
        if solution.verdict != "allow":
            against.append(f"on top of what it is made from: {solution.because}")
    duties = {one.kind + one.text: one for solution in given.values() for one in solution.duties}
    return Suggested(
        licence=found.id,
        title=found.title,
        fits=not against,
        because="allows what is wanted" if not against else against[0],
        open=row.get("open") if isinstance(row.get("open"), bool) else None,
        commercial=row.get("commercial") if isinstance(row.get("commercial"), bool) else None,
        obligations=tuple(duty_view(duties[key]) for key in sorted(duties)),
        against=tuple(dict.fromkeys(against)),
    )


def _given(wanted: Wanted, found: LicenceTerms, terms: Terms, as_of: date) -> dict[str, Solution]:
    """What a recipient under this licence is answered, act by act."""
    facts: dict[str, Any] = {"commercial": wanted.commercial, "monetised": wanted.commercial}
    answers: dict[str, Solution] = {}
    for act in wanted.acts:
        use = "distribute_data" if act == "distribute_weights" and wanted.covers == "data" else act
        case = _recipient(found.id, use, facts)
        answers[act] = solve(case, terms, as_of)
    gives = "distribute_data" if wanted.covers == "data" else "distribute_weights"
    if "modify" in wanted.acts and "distribute_weights" in wanted.acts:
        answers["modify, then distribute"] = solve(_recipient(found.id, "modify", facts, gives), terms, as_of)
    return answers


def _recipient(licence: str, act: str, facts: Mapping[str, Any], then: str = "use") -> Case:
    made = {"modify": "finetune", "use_outputs_to_train": "distil"}
    if act in made:
        return build_case(
            [Node("work", licence), Node("theirs")],
            [Edge("work", "theirs", made[act])],
            use=then,
            facts=dict(facts),
        )
    return build_case([Node("work", licence)], [], use=act, facts=dict(facts))


def _against(
    wanted: Wanted, found: LicenceTerms, terms: Terms, row: Mapping[str, Any], given: Mapping[str, Solution]
) -> Iterator[str]:
    if found.vendor and not _is_under(wanted.on_top_of, found, terms):
        yield f"it is {found.vendor}'s own, written for its own works"
    if wanted.open_only and row.get("open") is not True:
        yield "it is not an open licence"
    for act, solution in given.items():
        if solution.verdict != "allow":
            yield f"`{act}`: {solution.because}"
    if not wanted.commercial and row.get("commercial") is True:
        yield "it lets recipients earn with the work, which is to be kept"
    bound = {duty.kind for duty in found.duties if duty.flows or duty.kind in ("attribution", "naming")}
    bound |= {"attribution"} if any(duty.kind == "notice" for duty in found.duties) else set()
    for kind in wanted.bind:
        if kind not in bound:
            yield f"it does not bind recipients to {kind}"


def _is_under(case: Case | None, found: LicenceTerms, terms: Terms) -> bool:
    """Is what the work was made from under these terms already? Then they are not only their vendor's to give."""
    own = (terms.of(node.licence) for node in case.nodes.values() if node.licence) if case else ()
    return any(each is not None and each.id == found.id for each in own)


def _words(wanted: Wanted) -> dict[str, str]:
    return {
        "covers": wanted.covers,
        "acts": ", ".join(wanted.acts),
        "commercial": "yes" if wanted.commercial else "no",
        "bind": ", ".join(wanted.bind),
        "open_only": "yes" if wanted.open_only else "no",
    }
