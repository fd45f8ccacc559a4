"""Our writer of plain values and the library: the same bytes, or neither."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.errors import InputError

numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner) | st.dictionaries(words, inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(values)
def test_plain_values_are_written_as_the_library_writes_them(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(values)
def test_what_is_read_back_has_the_same_bytes(value: Any) -> None:
    once = canonical_json(value)
    assert canonical_json(parse_json(once, "the value")) == once


@pytest.mark.parametrize("flop", [1e16, 1.7e19, 1e20, 9.9e20, 1e21, 2.5e25, -1e20])
def test_a_count_of_operations_is_read_back_as_it_was_written(flop: float) -> None:
    assert parse_json(canonical_json(flop), "the count") == flop


@pytest.mark.parametrize("digits", ["9007199254740993", "12345678901234567891", "1" + "0" * 21])
def test_an_integer_that_no_float_is_written_as_stays_one_and_is_refused(digits: str) -> None:
    number = parse_json(digits, "the number")
    assert number == int(digits)
    with pytest.raises(InputError, match="no canonical JSON"):
        canonical_json(number)


class Word(StrEnum):
    HERE = "here"


@pytest.mark.parametrize(
    "value",
    [
        {"\U0001f600": 1, "\ue000": 2},
        {"é": 1, "e": 2},
        Word.HERE,
        {Word.HERE: [Word.HERE]},
        [1e21, 1e-7, -0.0, 5e-324, 1.0],
        '\u2028\x7f\x00\\"/',
    ],
)
def test_what_is_out_of_the_ordinary_is_written_as_the_library_writes_it(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53, {1: 2}, {1, 2}, b"x", "\ud800", {"\ud800": 1}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="no canonical JSON"):
        canonical_json(value)
