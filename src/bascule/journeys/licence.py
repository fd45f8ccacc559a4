"""Licence questions without a subject: a case from a file, a licence for a wanted openness, the clause table itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from bascule.judge.licensing.answer import answer_fields
from bascule.judge.licensing.case import Case, parse_case
from bascule.judge.licensing.solver import solve
from bascule.judge.licensing.suggest import Wanted, suggest
from bascule.judge.licensing.terms import LicenceTerms
from bascule.judge.policy.pack import PolicyPack
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.readers.licences import licence_id
from bascule.records.licence_answers import LicenceVerdict, Suggestions


def solve_case(data: bytes, what: str, pack: PolicyPack, as_of: date, *, asked: bool = False) -> LicenceVerdict:
    """The answer to a case file. asked: the day was named by who asks, and the case's own gives way.

    Raises InputError `licence.not-a-case` with every fault as `file:line`.
    """
    case, own_day = parse_case(data, what, licence_id)
    day = as_of if asked or own_day is None else own_day
    case = settled(case, pack)
    solution = solve(case, pack.terms, day)
    return LicenceVerdict(
        use=case.use,
        contested=case.contested,
        as_of=day.isoformat(),
        policy=pack.digest,
        **answer_fields(solution),
    )


def settled(case: Case, pack: PolicyPack) -> Case:
    """The case with the pack's reading of contested clauses, where it has none of its own."""
    return case if case.contested != "unset" else replace(case, contested=pack.licensing.contested)


def suggest_licences(wanted: Wanted, pack: PolicyPack, as_of: date) -> Suggestions:
    """Every licence with clauses, those that fit first."""
    return suggest(wanted, pack.terms, pack.licence_classes, as_of)


def terms_of(name: str, pack: PolicyPack) -> LicenceTerms:
    """The clauses of a licence by any of its names. Raises InputError `licence.no-clauses`."""
    terms = pack.terms.of(licence_id(name))
    if terms is None:
        raise InputError(
            "licence.no-clauses",
            f"no clauses of `{visible(name, 60)}` are known",
            suggestion(licence_id(name), pack.terms.ids) or "`bascule licence show` lists those that are",
        )
    return terms
