"""YAML without surprises, and with bounds."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.judge.policy.yaml_text import MAX_BYTES, load_document, load_yaml
from bascule.kernel.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("country: NO", {"country": "NO"}),
        ("on: yes", {"on": "yes"}),
        ("day: 2026-08-02", {"day": "2026-08-02"}),
        ("clock: 1:30", {"clock": "1:30"}),
        ("mode: 0o17", {"mode": "0o17"}),
        ("old: 010", {"old": 10}),
        ("n: 1e3", {"n": 1000.0}),
        ("n: .5", {"n": 0.5}),
        ("n: .nan", {"n": ".nan"}),
        ("n: ~", {"n": None}),
        ("n:", {"n": None}),
        ("t: true", {"t": True}),
        ("t: True", {"t": "True"}),
        ("n: 12345678901234567890123", {"n": 1.2345678901234568e22}),
        ("a: &x {b: 1}\nc: {<<: *x, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}", {"a": {"b": 1}, "c": {"b": 2}}),
        ("", None),
    ],
)
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    assert load_yaml(text.encode(), "x.yaml") == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: 2\na: 3", "`x.yaml` line 3: key `a` appears twice"),
        ("a: [1", "x.yaml"),
        ("a: !!python/object:os.system {}", "not plain data"),
        ("a: !!binary aGk=", "not plain data"),
        ("? [1, 2]\n: x", "a key must be a word"),
        ("1: x", "a key must be a word"),
        ("a: &x [*x]", "contains itself"),
        ("a: &x {b: *x}", "contains itself"),
        ("a: &x {<<: *x}", "takes a mapping"),
        ("a: {<<: 3}", "takes a mapping"),
        ("a: 1\n---\nb: 2", "x.yaml"),
        ("a: 1e999", "too large"),
        ("a: \x00", "x.yaml"),
    ],
)
def test_what_is_not_plain_data_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        load_yaml(text.encode(), "x.yaml")
    assert caught.value.code == "policy.not-yaml"
    assert why in caught.value.message


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InputError, match="values"):
        load_yaml("\n".join(lines).encode(), "bomb.yaml")


def test_a_merge_bomb_is_refused() -> None:
    lines = ["a0: &a0 {k: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 9)]
    with pytest.raises(InputError):
        load_yaml("\n".join(lines).encode(), "bomb.yaml")


@pytest.mark.parametrize("data", [b"[" * 5000, b"\xff\xfe\xff", b"a" * (MAX_BYTES + 1), b"- " * 3000 + b"x"])
def test_hostile_bytes_are_an_error_not_a_crash(data: bytes) -> None:
    with pytest.raises(InputError):
        load_yaml(data, "x.yaml")


def test_every_value_knows_its_line() -> None:
    document = load_document(b"rules:\n  - id: a\n    when: x\n  - id: b\n", "r.yaml")
    assert document.at(("rules", 1, "id")) == "r.yaml:4"
    assert document.at(("rules", 0, "when")) == "r.yaml:3"
    assert document.at(("rules", 0, "nothing")) == "r.yaml:2"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=40), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_json_is_yaml(value: object) -> None:
    assert load_yaml(json.dumps(value).encode(), "x.yaml") == value


@given(st.binary(max_size=300))
def test_any_bytes_are_a_value_or_an_input_error(data: bytes) -> None:
    with contextlib.suppress(InputError):
        load_yaml(data, "x.yaml")
