"""The corpus through the scanners: what harms is found, what is honest passes, and no way of writing changes that."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache

import pytest

from bascule.plugins.registry import find
from bascule.plugins.testing import scan_memory
from bascule.records import Finding, Outcome, Severity
from corpus.case import Case
from corpus.held_out import CASES as HELD_OUT
from corpus.pickles import CASES as PICKLES
from corpus.rewrites import rewritten
from corpus.stub import deeds
from corpus.whole import PICKLE_FAMILY, all_cases
from scanning import said_of

pytestmark = pytest.mark.xdist_group("corpus")
# Behind a million opcodes: its rewrites prove nothing more, and take long.
LONG_BYTES = 100_000


@cache
def answers() -> dict[str, tuple[bool, bool, bool]]:
    """Of each case: is there a finding of medium or above, one of high or above, and is every file called clean?"""
    return {case.name: _answer(case) for case in all_cases()}


def _answer(case: Case) -> tuple[bool, bool, bool]:
    seen = said_of(case.files())
    found = [item for item in seen if item.outcome is Outcome.TRUE]
    unclear = [item for item in seen if item.outcome in (Outcome.ERROR, Outcome.NOT_AVAILABLE)]
    ranks = [item.severity.rank for item in found]
    high = any(rank >= Severity.HIGH.rank for rank in ranks)
    medium = any(rank >= Severity.MEDIUM.rank for rank in ranks)
    return medium, high, not medium and not unclear


def by_class(label: str) -> dict[str, list[Case]]:
    grouped: dict[str, list[Case]] = defaultdict(list)
    for case in all_cases():
        if case.label == label:
            grouped[case.klass].append(case)
    return grouped


def test_the_corpus_is_as_wide_as_it_claims() -> None:
    counted = Counter(case.label for case in all_cases())
    assert counted["malicious"] >= 600
    assert counted["benign"] >= 130
    assert counted["grey"] >= 12
    assert counted["secret"] >= 26
    assert len(by_class("malicious")) >= 17


def test_at_least_95_of_100_harmful_cases_of_each_class_are_found() -> None:
    for klass, cases in by_class("malicious").items():
        missed = [case.name for case in cases if not answers()[case.name][0]]
        assert len(missed) <= 0.05 * len(cases), (klass, missed)


def test_at_least_99_of_100_harmful_cases_are_found_and_every_pickle() -> None:
    cases = [case for group in by_class("malicious").values() for case in group]
    missed = [case.name for case in cases if not answers()[case.name][0]]
    assert len(missed) <= 0.01 * len(cases), missed
    assert [case.name for case in cases if case.klass in PICKLE_FAMILY and not answers()[case.name][0]] == []


def test_nothing_harmful_is_ever_called_clean() -> None:
    assert [case.name for group in by_class("malicious").values() for case in group if answers()[case.name][2]] == []


def test_at_most_one_of_100_honest_cases_alarms() -> None:
    cases = [case for group in by_class("benign").values() for case in group]
    alarms = [case.name for case in cases if answers()[case.name][0]]
    assert len(alarms) <= 0.01 * len(cases), alarms


def test_every_secret_is_found_and_no_look_alike() -> None:
    assert [case.name for group in by_class("secret").values() for case in group if not answers()[case.name][0]] == []
    assert [case.name for case in by_class("benign")["secrets-clean"] if answers()[case.name][0]] == []


def test_what_was_found_of_the_held_out_set_is_still_found() -> None:
    assert [case.name for case in HELD_OUT if not _answer(case)[0]] == []


def test_what_is_declared_is_reported_and_not_called_malicious() -> None:
    assert [case.name for case in by_class("grey")["grey"] if answers()[case.name][1]] == []


def test_no_way_of_writing_a_pickle_loses_its_finding() -> None:
    lost, tried = [], 0
    loaded = find("scanners", "pickle_opcodes")
    assert loaded is not None
    for case in PICKLES:
        ((path, data),) = case.files().items()
        if len(data) > LONG_BYTES:
            continue
        meant = deeds(data)
        for name, other in rewritten(data):
            assert deeds(other) == meant, (case.name, name)
            tried += 1
            seen = scan_memory(loaded.plugin, {path: other}).seen
            found = [item for item in seen if isinstance(item, Finding) and item.outcome is Outcome.TRUE]
            if not any(item.severity.rank >= Severity.MEDIUM.rank for item in found):
                lost.append((case.name, name))
    assert lost == []
    assert tried > 3000
