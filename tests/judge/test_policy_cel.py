"""Conditions: three values, what they read, and why they answered as they did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.policy import monotone, syntax
from bascule.judge.policy.cel import FALSE, TRUE, Truth, compile_expression, fact_at
from bascule.kernel.errors import InputError

FACTS: dict[str, Any] = {
    "finding": {"bad": True, "good": False},
    "measure": {"rate": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 100.0}},
    "reading": {"tags": ["a", "b"], "generative": False},
    "context": {"safeguards": ["content_filter"], "revenue_usd": 3},
    "kind": "weights",
    "as_of": "2026-11-25T12:00:00Z",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("finding.bad", Truth.TRUE),
        ("finding.good", Truth.FALSE),
        ("finding.absent", Truth.UNKNOWN),
        ("!finding.absent", Truth.UNKNOWN),
        ("finding.absent || finding.bad", Truth.TRUE),
        ("finding.absent && finding.good", Truth.FALSE),
        ("finding.absent || finding.good", Truth.UNKNOWN),
        ("finding.absent && finding.bad", Truth.UNKNOWN),
        ("measure.rate.high < 0.7", Truth.TRUE),
        ("measure.absent.high < 0.7", Truth.UNKNOWN),
        ("reading.generative && reading.absent == 'x'", Truth.FALSE),
        ("reading.tags.exists(t, t == 'b')", Truth.TRUE),
        ("reading.absent.exists(t, t == 'b')", Truth.UNKNOWN),
        ("'content_filter' in context.safeguards", Truth.TRUE),
        ("timestamp(as_of) >= timestamp('2026-08-02T00:00:00Z')", Truth.TRUE),
        ("kind in ['weights', 'adapter']", Truth.TRUE),
        ("kind", Truth.UNKNOWN),
        ("reading.tags", Truth.UNKNOWN),
        ("context.revenue_usd.size() > 2", Truth.UNKNOWN),
        ("true", Truth.TRUE),
        ("false", Truth.FALSE),
    ],
)
def test_a_condition_is_true_false_or_unknown(text: str, value: Truth) -> None:
    assert compile_expression(text).evaluate(FACTS).value is value


def test_an_amount_is_a_number() -> None:
    assert compile_expression("double(context.revenue_usd) * 0.5").evaluate(FACTS).value == 1.5


def test_missing_namespaces_count_as_empty() -> None:
    assert compile_expression("finding.bad").evaluate({}).unknown
    assert compile_expression("kind == 'weights'").evaluate({}).unknown


def test_an_unknown_answer_names_the_facts_that_are_missing() -> None:
    answer = compile_expression("measure.absent.high < 1.0 && finding.nowhere").evaluate(FACTS)
    assert answer.because == "`finding.nowhere`, `measure.absent` are unknown"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("finding.a && !here.b", ("finding.a", "here.b")),
        ("measure.x.high < measure.y.low", ("measure.x", "measure.y")),
        ("reading['tags'].size() > 0", ("reading.tags",)),
        ("reading.tags.exists(t, t == kind)", ("kind", "reading.tags")),
        ("['a', 'b'].all(k, subject.kinds.exists(s, s == k))", ("subject.kinds",)),
        ("timestamp(as_of) > timestamp('2026-01-01T00:00:00Z')", ("as_of",)),
        ("has(reading.tags)", ("reading.tags",)),
        ("true", ()),
    ],
)
def test_an_expression_says_which_facts_it_reads(text: str, reads: tuple[str, ...]) -> None:
    assert compile_expression(text).reads == reads


def test_a_misspelt_namespace_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="undeclared reference") as caught:
        compile_expression("findng.a")
    assert caught.value.code == "policy.not-cel"
    assert caught.value.hint == "did you mean `finding`?"


@pytest.mark.parametrize(
    "text", ["", "finding.a >", "finding.a > 3", "finding.a ? 1 : 'x'", "measure.x > 1", "nope(1)"]
)
def test_what_cannot_mean_anything_does_not_compile(text: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_expression(text)
    assert caught.value.code == "policy.not-cel"


def test_an_expression_has_a_length_limit() -> None:
    with pytest.raises(InputError, match="characters"):
        compile_expression("true || " * 1000 + "true")


def test_nesting_without_end_is_an_error_not_a_crash() -> None:
    with pytest.raises(InputError):
        compile_expression("(" * 1500 + "true" + ")" * 1500)


def test_an_explanation_names_the_parts_that_decide() -> None:
    expression = compile_expression("finding.good || (measure.rate.high < 0.55 && kind == 'weights')")
    explanation = expression.explain(FACTS)
    assert explanation.answer == FALSE
    assert (
        explanation.because == "`finding.good` is false; `measure.rate.high < 0.55` is false (measure.rate.high = 0.6)"
    )
    assert explanation.facts == {"finding.good": False, "measure.rate.high": 0.6, "kind": "weights"}
    assert [step.text for step in explanation.steps][:2] == [
        'finding.good || measure.rate.high < 0.55 && kind == "weights"',
        "finding.good",
    ]


def test_threads_share_an_expression() -> None:
    expression = compile_expression("measure.rate.high < 0.7 && finding.bad")
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda _: expression.evaluate(FACTS), range(2000)))
    assert answers == {TRUE}


# --- the tree is the engine's own ------------------------------------------------------------------------------

_ATOMS = st.sampled_from(
    [
        "finding.a",
        "finding.b",
        "here.c",
        "measure.x.high < 0.5",
        "reading.y == 'text'",
        "reading.tags.exists(t, t == 'a')",
        "true",
        "false",
        "kind in ['weights']",
    ]
)
_CONDITIONS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]}) ? ({t[1]}) : ({t[2]})"),
    ),
    max_leaves=8,
)
_VALUES: dict[str, Any] = {
    "finding.a": st.booleans(),
    "finding.b": st.booleans(),
    "here.c": st.booleans(),
    "measure.x": st.floats(0, 1).map(lambda value: {"value": value, "low": 0.0, "high": value, "n": 1.0}),
    "reading.y": st.sampled_from(["text", "image"]),
    "reading.tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
}


def flat(tree: Any) -> Any:
    """The same tree with chains of one logical operator as one: the compiler balances long ones as it likes."""
    if not isinstance(tree, syntax.Call):
        return tree
    arguments = [flat(argument) for argument in tree.args]
    if tree.function in ("_||_", "_&&_"):
        arguments = [
            part
            for argument in arguments
            for part in (argument[1] if isinstance(argument, tuple) and argument[0] == tree.function else [argument])
        ]
    return (tree.function, arguments, flat(tree.target))


@given(text=_CONDITIONS)
def test_unparsing_and_compiling_gives_the_same_tree(text: str) -> None:
    tree = compile_expression(text).tree
    assert flat(compile_expression(syntax.unparse(tree)).tree) == flat(tree)


@given(text=_CONDITIONS, data=st.data())
def test_learning_a_fact_never_changes_a_decided_answer(text: str, data: st.DataObject) -> None:
    expression = compile_expression(text)
    assert monotone.faults_of(expression) == ()
    full: dict[str, Any] = {"kind": "weights"}
    part: dict[str, Any] = {"kind": "weights"}
    for name, values in _VALUES.items():
        section, key = name.split(".")
        value = data.draw(values, label=name)
        full.setdefault(section, {})[key] = value
        if data.draw(st.booleans(), label=f"keep {name}"):
            part.setdefault(section, {})[key] = value
    before, after = expression.evaluate(part), expression.evaluate(full)
    assert before.unknown or before == after
    assert not after.unknown


@given(text=_CONDITIONS, data=st.data())
def test_the_explanation_agrees_with_the_answer(text: str, data: st.DataObject) -> None:
    facts: dict[str, Any] = {"kind": "weights"}
    for name, values in _VALUES.items():
        section, key = name.split(".")
        if data.draw(st.booleans()):
            facts.setdefault(section, {})[key] = data.draw(values)
    expression = compile_expression(text)
    explanation = expression.explain(facts)
    assert explanation.answer == expression.evaluate(facts)
    assert explanation.facts == {path: fact_at(facts, path) for path in expression.paths}


@pytest.mark.parametrize(
    "text",
    [
        "has(finding.a)",
        "!has(finding.a)",
        "'a' in finding",
        "size(reading) == 0",
        "reading.size() == 0",
        "finding.exists(k, k == 'a')",
        "finding.all(k, finding[k])",
        "finding == {}",
        "measure.x.size() < 4",
        "'low' in measure.x",
        "reading.x == null",
        "type(reading.x) == string",
        "reading[kind] == 'x'",
        "context.safeguards.exists(s, s in finding)",
    ],
)
def test_whatever_could_notice_an_absence_is_refused(text: str) -> None:
    try:
        expression = compile_expression(text)
    except InputError:
        return  # the engine's own types refuse it first
    assert monotone.faults_of(expression)


@pytest.mark.parametrize(
    "text",
    [
        "'content_filter' in context.safeguards",
        "reading.tags.exists(t, t == 'a') && reading.tags.size() > 1",
        "['a'].all(k, subject.kinds.exists(s, s == k))",
        "licence.ids[0] == 'MIT'",
        "measure['x'].high < 1.0",
    ],
)
def test_lists_inside_facts_may_be_looked_into(text: str) -> None:
    assert monotone.faults_of(compile_expression(text)) == ()
