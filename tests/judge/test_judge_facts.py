"""From evidence to facts: what is true, what is false, and what is unknown because somebody is silent."""

from __future__ import annotations

from typing import Any

import pytest

from bascule.judge.facts.book import FactBook, build_book
from bascule.judge.facts.fact import Fact
from bascule.judge.question import Vocabulary
from bascule.records import ArtefactKind, Outcome, Severity
from bascule.records.evidence import Independence
from judging import (
    CARD,
    ENDPOINT,
    LADDER,
    NOW,
    WEIGHTS,
    alarm,
    ask,
    lapsed,
    number,
    pack,
    proportion,
    rule,
    said,
    seen,
    subject,
    withheld,
)

HOSTED, COPIED = LADDER.tier("T4"), LADDER.tier("T6")
POLICY = pack(rule("always"))


def book(*evidence: Any, **changes: Any) -> FactBook:
    return build_book(ask(POLICY, *evidence, **changes))


def fact(name: str, *evidence: Any, kind: ArtefactKind = WEIGHTS, tier: Any = HOSTED, **changes: Any) -> Fact:
    return book(*evidence, **changes).fact(name, kind, tier)


def test_an_alarm_is_true_and_cites_who_raised_it() -> None:
    scan = seen("scan", alarm("bad-thing"))
    assert fact("finding.bad_thing", scan) == Fact(True, (scan.digest,))


def test_false_needs_somebody_who_was_asked() -> None:
    assert fact("finding.bad_thing", seen("scan", asks=["bad-thing"])).value is False
    assert fact("finding.bad_thing").value is None


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.NOT_AVAILABLE])
def test_a_question_that_could_not_be_answered_is_unknown_not_clean(outcome: Outcome) -> None:
    found = fact("finding.bad_thing", seen("scan", answers={"bad-thing": outcome}), seen("other", asks=["bad-thing"]))
    assert found.value is None
    assert "model.safetensors" in found.why


def test_not_applicable_is_an_answer() -> None:
    assert fact("finding.bad_thing", seen("scan", answers={"bad-thing": Outcome.NOT_APPLICABLE})).value is False


def test_an_alarm_outweighs_an_error_elsewhere() -> None:
    scan = seen("scan", alarm("bad-thing"))
    assert fact("finding.bad_thing", scan, seen("other", answers={"bad-thing": Outcome.ERROR})).value is True


def test_what_is_here_is_about_the_kind_that_is_judged() -> None:
    scan = seen("scan", alarm("bad-thing", "README.md"))
    assert fact("here.bad_thing", scan, kind=CARD).value is True
    assert fact("here.bad_thing", scan, kind=WEIGHTS).value is False
    assert fact("finding.bad_thing", scan, kind=WEIGHTS).value is True


@pytest.mark.parametrize("place", ["", "a/file/nobody/listed"])
def test_an_alarm_without_a_listed_place_counts_for_every_kind(place: str) -> None:
    scan = seen("scan", alarm("bad-thing", place))
    assert fact("here.bad_thing", scan, kind=CARD).value is True
    assert fact("here.bad_thing", scan, kind=WEIGHTS).value is True


def test_a_severity_is_the_worst_seen() -> None:
    scan = seen("scan", alarm("bad-thing", severity=Severity.LOW), alarm("bad-thing", severity=Severity.HIGH))
    assert fact("severity.bad_thing", scan).value == 3
    assert fact("severity.bad_thing", seen("scan", asks=["bad-thing"])).value == -1


def test_a_severity_is_unknown_while_something_unread_could_be_worse() -> None:
    mild = seen("scan", alarm("bad-thing", severity=Severity.LOW))
    silent = seen("other", asks=["bad-thing"])
    words = {"other": Vocabulary(rules=["bad-thing"]), "scan": Vocabulary(rules=["bad-thing"])}
    assert fact("severity.bad_thing", mild, withheld(silent), vocabulary=words).value is None
    grave = seen("scan", alarm("bad-thing", severity=Severity.CRITICAL))
    assert fact("severity.bad_thing", grave, withheld(silent), vocabulary=words).value == 4


@pytest.mark.parametrize("gone", [withheld, lapsed])
def test_a_silent_slot_makes_unknown_all_that_it_could_bear_on_and_nothing_else(gone: Any) -> None:
    words = {
        "scan": Vocabulary(rules=["bad-thing"], measures=["p.rate"], readings=["r.word"]),
        "other": Vocabulary(rules=["bad-thing", "worse-thing"], measures=["p.rate"], readings=["r.word", "r.else"]),
    }
    scan = seen("scan", proportion("p.rate", 1, 10), said("r.word", "x"), asks=["bad-thing"])
    other = seen(
        "other",
        proportion("p.rate", 1, 10),
        said("r.word", "x"),
        said("r.else", "y"),
        asks=["bad-thing", "worse-thing"],
    )
    facts = book(gone(scan), other, vocabulary=words)
    for name in ("finding.bad_thing", "here.bad_thing", "measure.p_rate", "reading.r_word", "declared_only.r_word"):
        silent = facts.fact(name, WEIGHTS, HOSTED)
        assert silent.value is None, name
        assert silent.evidence == (scan.digest,), name
        assert "scan" in silent.why, name
    assert facts.fact("finding.worse_thing", WEIGHTS, HOSTED).value is False
    assert facts.fact("reading.r_else", WEIGHTS, HOSTED).value == "y"


def test_a_silent_tool_that_nobody_listed_makes_everything_unknown_but_what_is_alarming() -> None:
    scan = seen("scan", alarm("bad-thing"), said("r.word", "x"), asks=["worse-thing"])
    stranger = withheld(seen("stranger"))
    facts = book(scan, stranger, vocabulary={"scan": Vocabulary(["bad-thing", "worse-thing"], [], ["r.word"])})
    assert facts.fact("finding.bad_thing", WEIGHTS, HOSTED).value is True
    assert facts.fact("finding.worse_thing", WEIGHTS, HOSTED).value is None
    assert facts.fact("reading.r_word", WEIGHTS, HOSTED).value is None


def test_in_a_slot_only_the_newest_speaks_and_if_it_is_withheld_nobody_does() -> None:
    old, new = seen("scan", asks=["bad-thing"], age_days=10), seen("scan", alarm("bad-thing"))
    words = {"scan": Vocabulary(rules=["bad-thing"])}
    assert fact("finding.bad_thing", old, new, vocabulary=words).value is True
    assert fact("finding.bad_thing", old, withheld(new), vocabulary=words).value is None


def test_a_listed_tool_supports_nothing_outside_its_vocabulary_but_its_alarms_are_heard() -> None:
    words = {"scan": Vocabulary()}
    assert fact("finding.bad_thing", seen("scan", asks=["bad-thing"]), vocabulary=words).value is None
    assert fact("finding.bad_thing", seen("scan", alarm("bad-thing")), vocabulary=words).value is True
    assert fact("reading.r_word", seen("scan", said("r.word", "x")), vocabulary=words).value is None


def test_readings_that_differ_are_unknown_and_say_where() -> None:
    found = fact("reading.r_word", seen("a", said("r.word", "x")), seen("b", said("r.word", "y", "config.json")))
    assert found.value is None
    assert "config.json" in found.why


def test_a_flag_is_not_a_number() -> None:
    assert fact("reading.r_flag", seen("a", said("r.flag", True)), seen("b", said("r.flag", 1.0))).value is None


def test_lists_are_united_in_order() -> None:
    found = fact("reading.r_list", seen("a", said("r.list", ("b", "a"))), seen("b", said("r.list", ("c",))))
    assert found.value == ["a", "b", "c"]


def test_what_only_words_support_says_so() -> None:
    words, bytes_ = seen("a", said("r.word", "x", measured=False)), seen("b", said("r.word", "x"))
    assert fact("declared_only.r_word", words).value is True
    assert fact("declared_only.r_word", words, bytes_).value is False


def test_counts_are_pooled_and_other_numbers_stand_as_they_are() -> None:
    pooled = fact(
        "measure.p_rate",
        seen("a", proportion("p.rate", 1, 100), by=Independence.INDEPENDENT),
        seen("b", proportion("p.rate", 3, 100), by=Independence.INDEPENDENT),
    ).value
    assert pooled["value"] == 0.02
    assert pooled["n"] == 200
    assert pooled["low"] < 0.02 < pooled["high"]
    assert fact("measure.size", seen("a", number("size", 7))).value == {"value": 7, "low": 7, "high": 7, "n": 1}


def test_parts_of_a_whole_lie_between_the_largest_and_their_sum() -> None:
    shards = seen("a", number("size", 3, artefact="one"), number("size", 5, artefact="two"))
    assert fact("measure.size", shards).value == {"value": 8, "low": 5, "high": 8, "n": 1}


def test_the_same_part_measured_twice_is_counted_once() -> None:
    twice = [seen(tool, number("size", 5, artefact="one")) for tool in ("a", "b")]
    assert fact("measure.size", *twice).value["high"] == 5


def test_where_a_copy_leaves_the_house_what_only_the_developer_says_supports_nothing() -> None:
    theirs = seen(
        "card",
        proportion("p.rate", 0, 1000),
        said("r.word", "x"),
        asks=["bad-thing"],
        by=Independence.SELF_REPORTED,
    )
    facts = book(theirs)
    for name in ("finding.bad_thing", "measure.p_rate", "reading.r_word"):
        assert facts.fact(name, WEIGHTS, HOSTED).known, name
        assert not facts.fact(name, WEIGHTS, COPIED).known, name
    assert fact("finding.bad_thing", seen("card", alarm("bad-thing"), by=Independence.SELF_REPORTED), tier=COPIED).value


def test_evidence_about_a_parent_bears_on_measures_alone() -> None:
    parent = subject(("parent.bin", WEIGHTS))
    inherited = seen(
        "eval", proportion("p.rate", 0, 100), alarm("bad-thing"), about=parent, relation="quantised", asks=["bad-thing"]
    )
    facts = book(inherited)
    assert facts.fact("measure.p_rate", WEIGHTS, HOSTED).value["n"] == pytest.approx(0.6 * 0.7 * 100)
    assert not facts.fact("finding.bad_thing", WEIGHTS, HOSTED).known


def test_evidence_about_other_bytes_is_not_read_and_that_is_said() -> None:
    other = seen("scan", asks=["bad-thing"], about=subject(("other.bin", WEIGHTS)))
    facts = book(other)
    assert not facts.fact("finding.bad_thing", WEIGHTS, HOSTED).known
    assert "scan" in facts.limits[0]


def test_subject_context_and_tier_are_always_known() -> None:
    endpoint = subject(("endpoint", ENDPOINT))
    facts = book(subject=endpoint)
    assert facts.fact("subject.black_box", ENDPOINT, HOSTED).value is True
    assert facts.fact("subject.blocked_parts", ENDPOINT, HOSTED).value == 0
    assert facts.fact("tier.distributes", ENDPOINT, COPIED).value is True
    assert facts.fact("kind", ENDPOINT, HOSTED).value == "endpoint"
    assert facts.fact("as_of", ENDPOINT, HOSTED).value == "2026-11-25T00:00:00Z"
    assert facts.fact("context.safeguards", ENDPOINT, HOSTED).value == []
    assert facts.fact("context.monetised", ENDPOINT, HOSTED).value is None


def test_the_report_shows_unknown_facts_as_null() -> None:
    scan = seen("scan", asks=["bad-thing"])
    assert book(withheld(scan), vocabulary={"scan": Vocabulary(["bad-thing"])}).flat()["finding.bad_thing"] is None
    assert book(scan).flat()["finding.bad_thing"] is False


def test_evidence_speaks_until_the_instant_it_expires() -> None:
    assert fact("finding.bad_thing", seen("scan", asks=["bad-thing"], expires=NOW)).value is None
