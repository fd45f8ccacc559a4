"""Questions that a licensing engineer is asked, and the answers that the texts give (`licence_cases.yaml`)."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from bascule.journeys.licence import solve_case
from packs import shipped_pack

CASES = yaml.safe_load(Path(__file__).with_name("licence_cases.yaml").read_text(encoding="utf-8"))["cases"]


def written_out(row: dict[str, Any]) -> dict[str, Any]:
    """The case file that a row is short for."""
    artefacts: dict[str, Any] = {"model": {"licence": row["is"]} if "is" in row else {}}
    edges = []
    for place, (licence, act) in enumerate(row.get("of", {}).items()):
        artefacts[f"parent{place}"] = {"licence": licence}
        edges.append({"from": f"parent{place}", "to": "model", "act": act})
    if "generated_by" in row:
        artefacts |= {"teacher": {"licence": row["generated_by"]}, "texts": {}}
        edges += [
            {"from": "teacher", "to": "texts", "act": "generate"},
            {"from": "texts", "to": "model", "act": "train_on"},
        ]
    if "chain" in row:
        names = ["base", *(f"step{place}" for place in range(len(row["chain"]["acts"]) - 1)), "model"]
        artefacts |= {name: {} for name in names[1:-1]} | {"base": {"licence": row["chain"]["licence"]}}
        edges += [
            {"from": one, "to": other, "act": act}
            for one, other, act in zip(names, names[1:], row["chain"]["acts"], strict=False)
        ]
    use = {"act": row["to"], "commercial": row["commercial"]} | ({"as": row["as"]} if "as" in row else {})
    return {
        "artefacts": artefacts,
        "edges": edges,
        "use": use,
        "context": row.get("context", {}),
        "policy": row.get("policy"),
    }


@pytest.mark.parametrize("row", CASES, ids=lambda row: str(row["id"]))
def test_the_answer_is_that_of_the_texts(row: dict[str, Any]) -> None:
    case = yaml.safe_dump(written_out(row)).encode()
    answer = solve_case(case, "case.yaml", shipped_pack("default"), date(2026, 11, 25))
    assert answer.verdict == row["answer"], f"{row['why']}; it says: {answer.because}"
    assert set(row.get("duties", ())) <= {duty.kind for duty in answer.obligations}
    assert answer.clauses
    assert all(clause.because for clause in answer.clauses)


def test_every_case_is_told_once_and_says_which_text_was_read() -> None:
    assert len({row["id"] for row in CASES}) == len(CASES) >= 60
    assert all(row["why"] and row["read"] for row in CASES)
