"""A framework answered from facts: unknown is never met, the day picks the controls, and every answer says on what."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from bascule.judge.comply import parse_framework
from bascule.judge.comply.desk import licence_verdicts
from bascule.judge.facts.book import Page
from bascule.judge.facts.fact import Fact, unknown
from bascule.judge.policy.cel import compile_expression
from bascule.kernel.errors import InputError
from bascule.records import Context
from bascule.records.compliance import Basis, Status
from bascule.records.evidence import Independence
from complying import MANIFEST, answered, control, desk, files, framework, only
from judging import CARD as CARD_KIND
from judging import WEIGHTS, alarm, ask, lapsed, number, pack, rule, said, seen, withheld

POLICY = pack(rule("safe", "!finding.calls_code"))
CLEAN = seen("scanner", asks=["calls-code"])
CARD = seen("card", said("doc.provider", "Example Ltd", measured=False), said("doc.energy", "", measured=False))


# --- answers -------------------------------------------------------------------------------------------------------


def test_a_condition_that_holds_is_met_and_cites_what_it_was_read_from() -> None:
    view = only(ask(POLICY, CLEAN), met="!finding.calls_code")
    assert (view.status, view.evidence, view.basis) == (Status.MET, (CLEAN.digest,), (Basis.MEASURED,))
    assert [(fact.name, fact.value) for fact in view.facts] == [("finding.calls_code", False)]


def test_a_condition_that_fails_is_not_met() -> None:
    view = only(ask(POLICY, seen("scanner", alarm("calls-code"))), met="!finding.calls_code")
    assert view.status is Status.NOT_MET
    assert "finding.calls_code" in view.because


@pytest.mark.parametrize("evidence", [(), (withheld(CLEAN),), (lapsed(CLEAN),)], ids=["none", "withheld", "expired"])
def test_what_nobody_says_is_unknown_and_names_who_must_supply_it(evidence: tuple) -> None:
    question = ask(POLICY, *evidence, vocabulary=ask(POLICY, CLEAN).vocabulary)
    view = only(question, met="!finding.calls_code", supply="the security team", command="bascule review REF")
    assert (view.status, view.supply, view.command) == (Status.UNKNOWN, "the security team", "bascule review REF")
    assert "`finding.calls_code` is unknown: " in view.because
    assert view.evidence == ()


def test_an_item_is_filled_by_any_of_its_facts_or_by_all_that_it_needs() -> None:
    question = ask(POLICY, CARD, context=Context(contact="safety@example.com"))
    facts = ["context.contact", "reading.doc_provider", "reading.doc_model_name"]
    some = only(question, answer=facts)
    assert some.status is Status.MET
    assert [fact.value for fact in some.answers] == ["safety@example.com", "Example Ltd"]
    assert only(question, answer=facts, need="all").status is Status.UNKNOWN


def test_a_blank_answer_is_no_answer() -> None:
    question = ask(POLICY, CARD)
    assert only(question, answer=["reading.doc_energy"]).status is Status.UNKNOWN
    assert only(question, answer=["context.distribution_channels"]).status is Status.UNKNOWN


def test_an_item_with_a_condition_needs_both() -> None:
    question = ask(POLICY, CARD, seen("scanner", alarm("calls-code")))
    assert only(question, answer=["reading.doc_provider"], met="!finding.calls_code").status is Status.NOT_MET
    assert only(question, answer=["reading.doc_energy"], met="finding.calls_code").status is Status.UNKNOWN
    assert only(question, answer=["reading.doc_provider"], met="finding.calls_code").status is Status.MET


def test_a_control_that_nothing_answers_waits_for_a_person() -> None:
    view = only(ask(POLICY, CLEAN))
    assert view.status is Status.UNKNOWN
    assert "waits for a person" in view.because


def test_who_says_it_is_told_measured_from_judged_from_declared_from_stated() -> None:
    question = ask(
        POLICY, CARD, CLEAN, seen("sizes", number("params", 7)), context=Context(provider="Example Ltd", region="EU")
    )

    def basis(met: str) -> tuple[Basis, ...]:
        return only(question, met=met).basis

    assert basis("measure.params.value > 1.0") == (Basis.MEASURED,)
    assert basis("decision.verdict == 'granted'") == (Basis.JUDGED,)
    assert basis("reading.doc_provider != ''") == (Basis.DECLARED,)
    assert basis("context.region == 'EU'") == (Basis.STATED,)
    mixed = basis("reading.doc_provider == context.provider && !finding.calls_code")
    assert mixed == (Basis.MEASURED, Basis.DECLARED, Basis.STATED)


def test_words_of_the_developer_alone_support_nothing_where_a_copy_leaves_the_house() -> None:
    own = seen("card", said("doc.provider", "Example Ltd"), by=Independence.SELF_REPORTED)
    assert only(ask(POLICY, own, tier="T3"), answer=["reading.doc_provider"]).status is Status.MET
    assert only(ask(POLICY, own, tier="T6"), answer=["reading.doc_provider"]).status is Status.UNKNOWN


# --- when and since when -------------------------------------------------------------------------------------------


def test_a_condition_that_is_false_takes_a_control_out() -> None:
    question = ask(POLICY, CLEAN, context=Context(region="US"))
    view = only(question, when="context.region == 'EU'", met="finding.calls_code")
    assert (view.status, view.applies) == (Status.NOT_APPLICABLE, "no")
    assert "US" in view.applies_because
    assert view.reason.startswith("it does not apply: ")


def test_a_control_whose_condition_is_unknown_is_taken_to_apply_and_says_so() -> None:
    view = only(ask(POLICY, CLEAN), when="context.region == 'EU'", met="finding.calls_code")
    assert (view.status, view.applies) == (Status.NOT_MET, "unknown")
    assert "taken to apply" in view.reason
    assert "context.region" in view.applies_because


def test_the_day_picks_the_controls() -> None:
    controls = (
        control("always", met="!finding.calls_code"),
        control("later", met="!finding.calls_code", applies_from="2027-08-02"),
        control("sooner", met="!finding.calls_code", applies_from="2026-12-02"),
        control("gone", met="!finding.calls_code", applies_until="2026-11-24"),
        control("last-day", met="!finding.calls_code", applies_until="2026-11-25"),
    )
    today = answered(ask(POLICY, CLEAN), *controls)
    assert [each.id for each in today.controls] == ["always", "last-day"]
    assert [(each.id, each.status) for each in today.upcoming] == [("sooner", Status.MET), ("later", Status.MET)]
    assert today.lapsed == ("gone",)
    then = answered(ask(POLICY, CLEAN, as_of=datetime(2027, 8, 2, tzinfo=UTC)), *controls)
    assert [each.id for each in then.controls] == ["always", "later", "sooner"]
    assert then.upcoming == ()


def test_a_date_in_the_context_can_be_compared() -> None:
    question = ask(POLICY, CLEAN, context=Context(union_release_date=date(2025, 6, 1)))
    old = "timestamp(context.union_release_date + 'T00:00:00Z') < timestamp('2025-08-02T00:00:00Z')"
    assert only(question, met=old).status is Status.MET


@pytest.mark.parametrize(
    ("met", "verdict"),
    [
        (["!finding.calls_code"], Status.MET),
        (["!finding.calls_code", "finding.calls_code"], Status.NOT_MET),
        (["!finding.calls_code", "finding.unheard"], Status.UNKNOWN),
        (["finding.unheard", "finding.calls_code"], Status.NOT_MET),
    ],
)
def test_the_whole_is_as_its_worst_part(met: list[str], verdict: Status) -> None:
    parts = [control(f"c{number}", met=text) for number, text in enumerate(met)]
    whole = answered(ask(POLICY, CLEAN), *parts)
    assert whole.verdict is verdict
    assert sum(whole.counts.values()) == len(met)


def test_where_nothing_applies_nothing_is_met() -> None:
    whole = answered(ask(POLICY, CLEAN), control("later", met="!finding.calls_code", applies_from="2030-01-01"))
    assert whole.verdict is Status.NOT_APPLICABLE


# --- what was decided ----------------------------------------------------------------------------------------------


def test_what_was_decided_is_a_fact_and_cites_the_decision() -> None:
    question = ask(POLICY, CLEAN)
    view = only(question, met="decision.verdict == 'granted' && decision.granted.weights == 'T8'")
    assert view.status is Status.MET
    assert len(view.evidence) == 1
    assert only(question, approvals=2, met="decision.approvals >= 2").status is Status.MET
    assert only(question, approvals=1, met="decision.approvals >= 2").status is Status.NOT_MET
    assert only(question, met="decision.dimension_security == 'pass'").status is Status.MET
    assert only(question, met="size(decision.dimensions_unknown) == 0").status is Status.MET


def test_a_verdict_that_is_unknown_is_an_unknown_fact_and_no_word() -> None:
    question = ask(POLICY, withheld(CLEAN), vocabulary=ask(POLICY, CLEAN).vocabulary)
    for met in (
        "decision.verdict != 'granted'",
        "decision.dimension_security == 'unknown'",
        "!('misuse' in decision.dimensions_unknown)",
    ):
        assert only(question, met=met).status is Status.UNKNOWN, met


def test_a_licence_is_declared_until_its_text_is_there() -> None:
    words = seen("licences", said("licence.declared", "MIT", measured=False))
    assert only(ask(POLICY, words), answer=["licence.id"]).basis == (Basis.DECLARED,)
    text = seen("licences", said("licence.declared", "MIT"), said("licence.text", "MIT", artefact="LICENSE"))
    assert only(ask(POLICY, text), answer=["licence.id"]).basis == (Basis.MEASURED,)


@pytest.mark.parametrize(
    ("host", "by_data", "verdict"),
    [
        (True, True, True),
        (True, False, False),
        (False, None, False),
        (True, None, None),
        (None, True, None),
        (None, False, False),
    ],
)
def test_a_subject_may_be_hosted_when_every_kind_in_it_may(
    host: bool | None, by_data: bool | None, verdict: bool | None
) -> None:
    def fact(value: bool | None) -> Fact:
        return unknown("no terms") if value is None else Fact(value)

    free = {"host": Fact(True), "host_by_data": Fact(True)}
    may = {CARD_KIND: free, WEIGHTS: {"host": fact(host), "host_by_data": fact(by_data)}}
    verdicts = licence_verdicts(Page(sections={}, here={}, otherwise={}, may=may))
    assert verdicts["may_host"].value is verdict
    assert not verdicts["may_distribute"].known, "nobody was asked"
    assert not licence_verdicts(Page(sections={}, here={}, otherwise={}))["may_host"].known


def test_a_policy_cannot_read_the_decision() -> None:
    with pytest.raises(InputError) as caught:
        compile_expression("decision.verdict == 'granted'")
    assert caught.value.code == "policy.not-cel"


def test_a_fact_that_is_not_there_is_unknown_by_itself() -> None:
    view = desk(ask(POLICY, CLEAN)).view("measure.params.high")
    assert (view.value, view.basis, view.why) == (None, None, "no evidence answers it")


# --- reading a framework -------------------------------------------------------------------------------------------


def faults(folder: dict[str, bytes]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_framework(folder, "under-test")
    assert caught.value.code == "comply.invalid-framework"
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def test_a_framework_is_its_files_in_any_order() -> None:
    more = b"controls:\n- {id: b, title: B, section: second, source: s, met: finding.x}\n"
    folder = {**files(control("a", met="finding.x")), "controls/more.yaml": more, "NOTICE": b"not read"}
    read = parse_framework(folder, "small")
    assert [(each.id, each.reviewed_by) for each in read.controls] == [("a", "nobody yet"), ("b", "nobody yet")]
    assert parse_framework(dict(reversed(list(folder.items()))), "small") == read
    assert parse_framework({**folder, "controls/more.yaml": more + b"# note\n"}, "small").digest != read.digest


def test_what_a_control_leaves_out_the_defaults_say() -> None:
    read = framework(control("a", supply="legal"), control("b", applies_from="2026-08-02"))
    assert [each.supply for each in read.controls] == ["legal", "the provider"]
    assert [each.applies_from for each in read.controls] == [date(2025, 8, 2), date(2026, 8, 2)]


def test_a_framework_without_defaults_says_everything_in_its_controls() -> None:
    whole = control("a", met="finding.x", supply="legal", applies_from="2026-08-02")
    folder = {
        "framework.yaml": json.dumps(
            {k: v for k, v in MANIFEST.items() if k != "defaults"} | {"controls": [whole]}
        ).encode()
    }
    assert parse_framework(folder, "small").controls[0].supply == "legal"


def test_an_audience_gets_its_own_controls_and_those_for_everybody() -> None:
    read = framework(
        control("all"), control("office", audience=["aio"]), control("both", audience=["aio", "downstream"])
    )
    assert [each.id for each in read.for_audience("downstream").controls] == ["all", "both"]
    assert read.for_audience("aio") == read
    with pytest.raises(InputError) as caught:
        read.for_audience("downstrem")
    assert (caught.value.code, caught.value.hint) == ("comply.unknown-audience", "did you mean `downstream`?")


def test_every_fault_is_told_at_once_with_its_file_and_line() -> None:
    folder = {
        "framework.yaml": b"""\
schema: bascule.framework/1
id: small
title: t
publisher: p
version: "1"
link: l
rights: r
raed: typo
sections: [{id: first, title: First}]
defaults: {applies_from: 2025-08-02, suply: me}
controls:
  - {id: a, title: A, section: frst, source: s, supply: x, met: "decison.verdict == 'granted'"}
""",
        "controls/b.yaml": b"""\
controls:
  - {id: a, title: again, section: first, source: s, supply: x, met: "has(finding.x)"}
  - {id: c, title: C, section: first, supply: x, met: "context.regoin == 'EU'"}
  - {id: "d e", title: D, section: first, source: s, supply: x}
  - {id: f, title: F, section: first, source: s, supply: x, met: "true", answer: [provider]}
  - {id: g, title: G, section: first, source: s, supply: x, met: "here.bad && tier.rank > 1"}
  - {id: h, title: H, section: first, source: s, supply: x, met: finding.x, applies_until: 2024-01-01}
""",
        "controls/c.yaml": b"controls: [",
        "controls/d.yaml": b"rules: []\n",
    }
    told = "\n".join(faults(folder))
    for expected in (
        "framework.yaml:8: unknown key `raed`, did you mean `read`?",
        "framework.yaml:10: unknown key `suply`, did you mean `supply`?",
        "framework.yaml:12: control `a`: no section is called `frst`, did you mean `first`?",
        "did you mean `decision`?",
        "`read`: field required",
        "controls/b.yaml:2: control `a`: the id is already used at framework.yaml:12",
        "controls/b.yaml:2: control `a`: `met`: `has(finding.x)` tests whether a fact is there",
        "controls/b.yaml:3: control `c`: `source`: field required",
        "controls/b.yaml:4: control `d e`: `id`: value error, an id is made of",
        "controls/b.yaml:5: control `f`: `met` reads no fact",
        "`provider` is no fact: write its dotted name",
        "controls/b.yaml:6: control `g`: `met`: `here` is a policy's",
        "`tier` is a policy's",
        "controls/b.yaml:7: control `h`: it ends before it begins",
        "controls/c.yaml:",
        "controls/d.yaml:1: unknown key `rules`",
    ):
        assert expected in told, (expected, told)


@pytest.mark.parametrize(
    ("met", "told"),
    [
        ("context.regoin == 'EU'", "there is no fact `context.regoin`, did you mean `context.region`?"),
        ("decision.approval > 1", "there is no fact `decision.approval`, did you mean `decision.approvals`?"),
        ("'x' in decision", "`decision` is used as a whole"),
        ("size(finding) > 0", "`finding` is used as a whole"),
        ("decision.verdict != null", "`null` is no fact"),
    ],
)
def test_a_condition_names_facts_that_are_there(met: str, told: str) -> None:
    assert told in "\n".join(faults(files(control("a", met=met))))


@pytest.mark.parametrize(
    "changes",
    [{"controls": []}, {"controls": {}}, {"controls": ["a"]}, {"defaults": []}, {"sections": "x"}, {"id": "A b"}],
)
def test_a_shape_that_is_none_is_a_fault(changes: dict) -> None:
    assert faults(files(control("a", met="finding.x"), **changes))


def test_a_folder_without_its_manifest_is_no_framework() -> None:
    assert faults({"controls/a.yaml": b"controls: []"}) == ["framework.yaml: the folder holds none"]
    assert MANIFEST["schema"] in faults(files(control("a", met="finding.x"), schema="other"))[0]
