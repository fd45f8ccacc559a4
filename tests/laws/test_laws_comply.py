"""Less evidence never meets a control, whatever its condition says, negations included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.judge import Vocabulary
from bascule.judge.comply import parse_framework
from bascule.kernel.errors import InputError
from bascule.records import Context, Evidence, Outcome
from bascule.records.compliance import Status
from complying import MANIFEST, answered, control, files
from judging import alarm, ask, lapsed, number, pack, proportion, rule, said, scenario, seen, threshold, withheld

POLICY = pack(
    rule("safe", "!finding.rule_a && finding.rule_b == false"),
    rule("worded", "reading.r_word == 'x'"),
    scenario("harm", "p.capability"),
    threshold(0.5),
)
TOOLS = {
    "first": Vocabulary(("rule-a",), ("p.capability",), ("r.word",)),
    "second": Vocabulary(("rule-a", "rule-b"), ("m.size",), ("r.word", "r.list")),
    "third": Vocabulary(("rule-b",), ("p.capability", "m.size"), ("licence.text", "licence.declared")),
}
ATOMS = (
    *("finding.rule_a", "finding.rule_b", "severity.rule_a > 1", "measure.p_capability.high < 0.4"),
    *("measure.m_size.value >= 2.0", "reading.r_word == 'x'", "'x' in reading.r_list", "declared_only.r_word"),
    *("licence.contradictory", "licence.id == 'MIT'", "context.region == 'EU'", "subject.files > 1"),
    *("decision.verdict == 'granted'", "decision.verdict == 'refused'", "decision.dimension_misuse == 'fail'"),
    *("decision.dimension_security == 'pass'", "size(decision.dimensions_unknown) == 0"),
)
FACTS = ("reading.r_word", "reading.r_list", "measure.m_size.value", "licence.id", "context.region", "finding.rule_a")

WORDS = (
    *("schema", "id", "title", "version", "link", "rights", "read", "sections", "defaults", "controls", "section"),
    *("met", "when", "answer", "need", "applies_from", "applies_until", "supply", "audience", "dimensions"),
)

conditions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from(("&&", "||")), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: "(({}) ? ({}) : ({}))".format(*parts)),
    ),
    max_leaves=6,
)


@st.composite
def evidence(draw: st.DrawFn) -> tuple[Evidence, ...]:
    """At most one envelope of each tool, saying something inside its vocabulary."""
    found = []
    for tool, words in TOOLS.items():
        if not draw(st.booleans()):
            continue
        parts: list[Any] = [alarm(name) for name in words.rules if draw(st.integers(0, 3)) == 0]
        for name in words.measures:
            if draw(st.booleans()):
                parts.append(number(name, 3) if name == "m.size" else proportion(name, draw(st.integers(0, 20)), 20))
        for name in words.readings:
            if draw(st.booleans()):
                values = ("MIT", "Apache-2.0") if name.startswith("licence") else ("x", "y")
                value: Any = draw(st.sampled_from(values))
                parts.append(said(name, (value,) if name == "r.list" else value, measured=draw(st.booleans())))
        raised = {part.rule for part in parts if hasattr(part, "rule")}
        outcomes = {
            name: draw(st.sampled_from((Outcome.FALSE, Outcome.FALSE, Outcome.ERROR)))
            for name in words.rules
            if name not in raised
        }
        found.append(seen(tool, *parts, answers=outcomes))
    return tuple(found)


def statuses(controls: Sequence[dict[str, Any]], envelopes: Sequence[Evidence]) -> list[Status]:
    question = ask(POLICY, *envelopes, vocabulary=TOOLS, context=Context(region="EU"))
    return [view.status for view in answered(question, *controls).controls]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    full=evidence(),
    conditions=st.lists(st.tuples(conditions, conditions), min_size=1, max_size=4),
    facts=st.lists(st.sampled_from(FACTS), min_size=1, max_size=3, unique=True),
    need=st.sampled_from(("any", "all")),
    losing=st.sampled_from((withheld, lapsed)),
    data=st.data(),
)
def test_withheld_or_expired_evidence_never_meets_a_control(
    full: tuple[Evidence, ...], conditions: list[tuple[str, str]], facts: list[str], need: str, losing: Any, data: Any
) -> None:
    controls = [control(f"c{index}", met=met, when=when) for index, (met, when) in enumerate(conditions)]
    controls.append(control("filled", answer=facts, need=need))
    lost = data.draw(st.sets(st.sampled_from(range(len(full)))) if full else st.just(set()))
    less = [losing(each) if index in lost else each for index, each in enumerate(full)]
    for before, after in zip(statuses(controls, full), statuses(controls, less), strict=True):
        assert after is not Status.MET or before in (Status.MET, Status.NOT_APPLICABLE)


@settings(max_examples=40, deadline=None)
@given(full=evidence(), condition=conditions, data=st.data())
def test_the_order_of_evidence_does_not_matter(full: tuple[Evidence, ...], condition: str, data: Any) -> None:
    controls = [control("c", met=condition)]
    assert statuses(controls, full) == statuses(controls, data.draw(st.permutations(full)))


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(ATOMS)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=120, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(WORDS), anything, max_size=3), row=anything, field=anything)
def test_whatever_a_framework_holds_it_is_read_or_refused_with_its_faults(changes: Any, row: Any, field: Any) -> None:
    whole = MANIFEST | {"controls": [control("a", met="finding.x"), row, control("b", when=field)]} | changes
    folder = {"framework.yaml": json.dumps(whole).encode(), "controls/more.yaml": json.dumps(row).encode()}
    assert fault_of(folder) in ("", "comply.invalid-framework")


def fault_of(folder: dict[str, bytes]) -> str:
    """The code of what it is refused with, empty when it is read."""
    try:
        parse_framework(folder, "any")
    except InputError as refused:
        return refused.code if len(refused.message.splitlines()) > 1 else "no fault is named"
    return ""


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200), at=st.integers(0, 400))
def test_damaged_bytes_are_refused_and_never_a_crash(data: bytes, at: int) -> None:
    whole = files(control("a", met="finding.x"))["framework.yaml"]
    folder = {"framework.yaml": whole[:at] + data + whole[at + len(data) :]}
    assert fault_of(folder) in ("", "comply.invalid-framework")
