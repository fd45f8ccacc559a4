"""The clause table is held to what it says: every file, name, class and work."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from bascule.judge.licensing.lint import TableFault, lint_table
from bascule.judge.licensing.terms import Terms, read_terms
from bascule.kernel.errors import InputError

ROW: dict[str, Any] = {
    "schema": "bascule.licence-terms/1",
    "id": "Own-1.0",
    "title": "A licence of our own",
    "covers": ["model"],
    "link": "https://example.org/own",
    "read": "written for this test",
    "reviewed_by": ["nobody yet", "nobody yet"],
    "clauses": [{"id": "all", "acts": ["*"], "effect": "allow", "cite": "§1", "because": "it allows everything"}],
}
CLASS = {"class": "permissive", "open": True, "redistribution": True, "commercial": True, "source": "§1"}


def faults(
    changes: dict[str, Any] | None = None, classes: dict[str, dict[str, Any]] | None = None, works: str = ""
) -> list[TableFault]:
    known = {"Own-1.0": CLASS} if classes is None else classes
    terms = Terms({"Own-1.0": yaml.safe_dump(ROW | (changes or {}))}, known, works)
    return list(lint_table(terms, known, works, date(2026, 11, 25)))


def clause(**changes: Any) -> dict[str, Any]:
    return {"clauses": [ROW["clauses"][0], {**ROW["clauses"][0], "id": "more", **changes}]}


def test_a_row_that_agrees_with_its_class_has_no_fault() -> None:
    assert faults() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"link": ""}, "link"),
        ({"read": ""}, "read"),
        ({"reviewed_by": ["nobody yet"]}, "reviewed_by"),
        ({"id": "Other"}, "named for"),
        ({"clause": []}, "did you mean `clauses`"),
        (clause(cite=""), "cite"),
        (clause(because=""), "because"),
        (clause(acts=["hots"]), "acts"),
        (clause(id="all"), "already there"),
        (clause(when={"revenue": 1}), "did you mean `revenue_usd`"),
        (clause(when={"mau": {"over": 1}}), "cannot be tested by `over`"),
        (clause(when={"mau": {"above": "many"}}), "needs a number"),
        (clause(when={"mau": {"above": 1, "on": "monday"}}), "can only be `published`"),
        (clause(when={"domicile": {"in": "Mars"}}), "needs one of EU"),
        (clause(when={"any": []}), "list of conditions"),
        ({"relicense": {"to": ["Gema"], "cite": "§1", "because": "so"}}, "does not know"),
        (clause(when={"base": {"only": ["Gema"]}}), "does not know"),
    ],
)
def test_a_row_without_its_source_or_with_a_word_that_is_not_known_is_a_fault(
    changes: dict[str, Any], said: str
) -> None:
    found = faults(changes)
    assert len(found) == 1
    assert said in found[0].message + found[0].hint


def test_the_line_of_a_fault_is_named() -> None:
    text = "schema: bascule.licence-terms/1\nid: Own-1.0\ntitle: T\ncovers: [modle]\n"
    with pytest.raises(InputError) as caught:
        read_terms(text, "licences/Own-1.0.yaml", "Own-1.0")
    assert "licences/Own-1.0.yaml:4: " in caught.value.message


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "has no row"),
        (CLASS | {"redistribution": False}, "may not be passed on"),
        (CLASS | {"commercial": False}, "forbids commerce"),
    ],
)
def test_a_class_that_says_otherwise_than_the_clauses_is_a_fault(row: dict[str, Any] | None, said: str) -> None:
    found = faults(classes={"Own-1.0": row} if row else {})
    assert [said in fault.message for fault in found] == [True]


def test_an_open_class_over_a_clause_that_forbids_commerce_is_a_fault() -> None:
    found = faults(clause(effect="deny", when={"commercial": True}))
    assert ["come to deny" in fault.message for fault in found] == [True]


def test_a_pointer_and_a_work_that_lead_nowhere_are_faults() -> None:
    found = faults(classes={"Own-1.0": CLASS, "Other": CLASS | {"terms": "Own-1.1"}})
    assert [(fault.where, "did you mean `Own-1.0`" in fault.hint) for fault in found] == [("licence `Other`", True)]
    works = "schema: bascule.known-works/1\nworks:\n  - {name: a/b, licence: Nobody, kind: model, source: here}\n"
    assert ["does not know" in fault.message for fault in faults(works=works)] == [True]
    assert ["works.yaml" in fault.message for fault in faults(works="works: 3\n")] == [True]
