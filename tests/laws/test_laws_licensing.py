"""Laws of the licence solver, over the clause table that ships and whatever lineage, use and context can be drawn."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.licensing.case import Case, Edge, Node, build_case
from bascule.judge.licensing.solver import Solution, solve
from bascule.judge.licensing.terms import EDGE_ACTS, USE_ACTS, Clause, LicenceTerms, Terms
from packs import shipped_pack

DAY = date(2026, 11, 25)
TERMS = shipped_pack("default").terms
ORDER = {"deny": 0, "unknown": 1, "allow": 2}
LICENCES = st.sampled_from([*TERMS.ids, "MIT OR AGPL-3.0", "Apache-2.0 AND CC-BY-NC-4.0", "Nobody-1.0"])
FACTS: dict[str, st.SearchStrategy[Any]] = {
    "commercial": st.booleans(),
    "monetised": st.booleans(),
    "hosted": st.booleans(),
    "mau": st.sampled_from([10.0, 5e6, 1.5e8, 9e8]),
    "mau_as_of": st.sampled_from([date(2023, 7, 1), date(2026, 10, 1)]),
    "revenue_usd": st.sampled_from([1e4, 5e6, 1e9]),
    "domicile": st.sampled_from(["DE", "US", "KR", "CN"]),
    "modality": st.sampled_from(["text", "image", "multimodal"]),
    "sector": st.sampled_from(["research", "finance"]),
    "purpose": st.sampled_from(["research", "production"]),
    "name": st.sampled_from(["Llama-Support", "Support"]),
    "safeguards": st.sampled_from([("content_filter", "output_disclosure"), ("redaction",)]),
    "user_of_product": st.booleans(),
}
CHECKED = ("name", "safeguards")
"""Facts that show a duty kept or broken: not naming them leaves the duty owed."""


class Another(Terms):
    """The table with one licence's terms put in the place of others."""

    def __init__(self, changed: LicenceTerms) -> None:
        self._changed = changed

    @property
    def ids(self) -> tuple[str, ...]:
        return TERMS.ids

    def of(self, licence: str) -> LicenceTerms | None:
        return self._changed if licence == self._changed.id else TERMS.of(licence)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = [f"n{index}" for index in range(draw(st.integers(1, 6)))]
    nodes = [Node(name, draw(st.none() | LICENCES)) for name in names]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []
    edges = [Edge(a, b, draw(st.sampled_from(EDGE_ACTS))) for a, b in chosen]
    facts = draw(st.fixed_dictionaries({}, optional=FACTS))
    use = draw(st.sampled_from(USE_ACTS))
    given_as = draw(st.sampled_from(["Apache-2.0", "Gemma", "Nobody-1.0"])) if use == "relicense" else None
    contested = draw(st.sampled_from(["strict", "lenient", "unset"]))
    return build_case(nodes, edges, use=use, facts=facts, relicense_as=given_as, contested=contested)


def answered(case: Case, terms: Terms = TERMS) -> Solution:
    return solve(case, terms, DAY)


@given(cases(), st.sampled_from(sorted(FACTS)))
def test_removing_a_fact_never_turns_unknown_into_allow(case: Case, fact: str) -> None:
    before = answered(case).verdict
    after = answered(replace(case, facts={key: value for key, value in case.facts.items() if key != fact})).verdict
    assert not (before == "unknown" and after == "allow")
    if fact not in CHECKED:
        assert not (before == "deny" and after == "allow")


@given(cases(), st.data())
def test_a_second_licence_on_top_never_allows_more(case: Case, data: st.DataObject) -> None:
    licensed = sorted(name for name, node in case.nodes.items() if node.licence)
    if not licensed:
        return
    name = data.draw(st.sampled_from(licensed))
    more = f"({case.nodes[name].licence}) AND {data.draw(st.sampled_from(TERMS.ids))}"
    stricter = replace(case, nodes={**case.nodes, name: Node(name, more)})
    assert ORDER[answered(stricter).verdict] <= ORDER[answered(case).verdict]


@given(cases(), st.data())
def test_a_clause_that_forbids_never_allows_more(case: Case, data: st.DataObject) -> None:
    present = sorted({node.licence for node in case.nodes.values() if node.licence and TERMS.of(node.licence)})
    if not present:
        return
    terms = TERMS.of(data.draw(st.sampled_from(present)))
    assert terms is not None
    # Read leniently, what is contested is no restriction.
    effect = data.draw(st.sampled_from(["deny", "unknown"] + ["contested"] * (case.contested != "lenient")))
    when = data.draw(st.sampled_from([{}, {"commercial": True}, {"mau": {"above": 1e8}}, {"domicile": {"in": "EU"}}]))
    acts = data.draw(st.sampled_from([["*"], ["host"], ["modify"], ["train_on", "distil"]]))
    clause = Clause.model_validate(
        {"id": "added", "acts": acts, "effect": effect, "when": when, "cite": "§99", "because": "it is forbidden"}
    )
    stricter = Another(terms.model_copy(update={"clauses": (*terms.clauses, clause)}))
    assert ORDER[answered(case, stricter).verdict] <= ORDER[answered(case).verdict]


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_edges_and_artefacts_never_matters(case: Case, shuffle: random.Random) -> None:
    nodes, edges = list(case.nodes.values()), list(case.edges)
    shuffle.shuffle(nodes)
    shuffle.shuffle(edges)
    again = build_case(
        nodes,
        [*edges, *edges[:1]],
        use=case.use,
        facts=case.facts,
        targets=sorted(case.targets, reverse=True),
        relicense_as=case.relicense_as,
        contested=case.contested,
    )
    assert answered(again) == answered(case)


@given(cases())
def test_the_strict_reading_allows_no_more_than_the_lenient_one(case: Case) -> None:
    strict, unset, lenient = (
        ORDER[answered(replace(case, contested=reading)).verdict] for reading in ("strict", "unset", "lenient")
    )
    assert strict <= unset <= lenient


@given(cases())
def test_every_answer_cites_what_decides_it(case: Case) -> None:
    solution = answered(case)
    assert solution.because
    assert solution.clauses
    worst = min(solution.clauses, key=lambda one: {"deny": 0, "unknown": 1, "contested": 2, "allow": 3}[one.effect])
    assert {"deny": "deny", "allow": "allow"}.get(worst.effect, "unknown") == solution.verdict
