"""Faults of a clause table: rows that cannot be read, names that lead nowhere, and rows that say two things.

Rules: every file is read; every id that a row names is one that the pack knows; a licence's class, as rules on openness
read it, agrees with what its own clauses come to for somebody who earns with it and for somebody who passes it on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bascule.judge.licensing.case import Node, build_case
from bascule.judge.licensing.solver import solve
from bascule.judge.licensing.terms import LicenceTerms, Terms, read_works
from bascule.judge.licensing.when import leaves
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible


@dataclass(frozen=True, slots=True)
class TableFault:
    """One thing wrong with the table."""

    where: str
    message: str
    hint: str = ""


def lint_table(terms: Terms, classes: Mapping[str, Mapping[str, Any]], works: str, as_of: date) -> Iterator[TableFault]:
    """Every fault, file by file. works: the text of `works.yaml`."""
    for name in terms.files:
        try:
            found = terms.of(name)
        except InputError as error:
            yield TableFault(f"licences/{name}.yaml", error.message, error.hint)
            continue
        if found is not None:
            where = f"licences/{name}.yaml"
            yield from _names(where, found, terms, classes)
            yield from _class(where, found, terms, classes.get(name), as_of)
    for name, row in classes.items():
        pointed = row.get("terms")
        if pointed is not None and pointed not in terms.files:
            yield TableFault(
                f"licence `{visible(name)}`",
                f"`terms` points at `{visible(str(pointed))}`, and there is no such file",
                suggestion(str(pointed), terms.files),
            )
    try:
        rows = [row for _, row in read_works(works)]
    except InputError as error:
        yield TableFault("works.yaml", error.message, error.hint)
        return
    for work in rows:
        if work.licence != "unknown" and work.licence not in classes and terms.of(work.licence) is None:
            yield TableFault(
                "works.yaml",
                f"`{visible(work.name)}` stands under `{visible(work.licence)}`, which the pack does not know",
                suggestion(work.licence, classes),
            )


def _names(
    where: str, found: LicenceTerms, terms: Terms, classes: Mapping[str, Mapping[str, Any]]
) -> Iterator[TableFault]:
    named = set(found.relicense.to) if found.relicense and isinstance(found.relicense.to, tuple) else set[str]()
    conditions = [clause.when for clause in found.clauses] + [duty.when for duty in found.duties]
    conditions += [duty.check for duty in found.duties if duty.check is not None]
    for condition in conditions:
        named |= {name for leaf in leaves(condition) if leaf.field in ("base", "as") for name in _values(leaf.value)}
    for name in sorted(named):
        if name not in classes and name not in terms.files:
            yield TableFault(where, f"names `{visible(name)}`, which the pack does not know", suggestion(name, classes))


def _values(value: Any) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset({str(value)})


def _class(
    where: str, found: LicenceTerms, terms: Terms, row: Mapping[str, Any] | None, as_of: date
) -> Iterator[TableFault]:
    if row is None:
        yield TableFault(where, "has no row in `licence_classes`", "add its class, whether it is open, and its source")
        return
    give = "distribute_data" if found.covers == ("data",) else "distribute_weights"
    facts = {"commercial": False, "monetised": False, "purpose": "research", "sector": "research"}
    passed_on = solve(build_case([Node("it", found.id)], [], use=give, facts=facts), terms, as_of).verdict
    earning = {"commercial": True, "monetised": True, "purpose": "production", "sector": "finance"}
    sold = solve(build_case([Node("it", found.id)], [], use=give, facts=earning), terms, as_of).verdict
    if row.get("redistribution") is True and passed_on == "deny":
        yield TableFault(where, "its class says that copies may be passed on, and its clauses forbid it to researchers")
    if row.get("redistribution") is False and passed_on == "allow":
        yield TableFault(where, "its class says that copies may not be passed on, and its clauses allow it")
    if row.get("commercial") is False and sold == "allow":
        yield TableFault(where, "its class forbids commerce, and its clauses allow copies in commerce")
    if row.get("open") is True and sold != "allow":
        yield TableFault(where, f"its class says that it is open, and copies in commerce come to {sold}")
