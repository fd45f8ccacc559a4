"""`bascule licence solve -`: a case from standard input."""

from __future__ import annotations

import io

import pytest

from commands import here


@pytest.mark.parametrize(("licence", "code"), [("MIT", 0), ("CC-BY-NC-4.0", 1), ("Nobody-1.0", 2)])
def test_a_case_from_standard_input_is_answered(licence: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = f"artefacts: {{m: {{licence: {licence}}}}}\nuse: {{act: host, commercial: true}}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(case.encode())))
    said = here("licence", "solve", "-", "--json")
    assert said.code == code
    assert said.json["verdict"] == {0: "allow", 1: "deny", 2: "unknown"}[code]
