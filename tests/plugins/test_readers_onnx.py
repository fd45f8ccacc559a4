"""The ONNX reader ends, keeps within its bounds, and tells a cut file from a broken one."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.onnx import MAX_GRAPH_DEPTH, Model, Unsupported, read_model


def varint(value: int) -> bytes:
    head, rest = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + varint(rest) if rest else bytes([head])


def part(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(dims: list[int], stored: int, kind: int = 1) -> bytes:
    return b"".join(part(1, dim) for dim in dims) + part(2, kind) + part(8, "w") + part(9, bytes(stored))


def node(kind: str, *attributes: bytes, domain: str = "") -> bytes:
    return part(4, kind) + b"".join(part(5, each) for each in attributes) + part(7, domain)


def graph(*parts: bytes) -> bytes:
    return b"".join(parts) or part(2, "g")


def model(inner: bytes, extra: bytes = b"") -> bytes:
    return part(1, 8) + part(7, inner) + part(8, part(2, 17)) + extra


def reading(data: bytes) -> Model:
    return read_model(lambda offset, size: data[offset : offset + size], len(data))


FULL = model(
    graph(
        part(1, node("If", part(1, "then_branch") + part(6, part(5, tensor([3], 12))))),
        part(1, node("Constant", part(5, tensor([5], 20)))),
        part(1, node("Fancy", part(5, tensor([7], 28)), domain="acme")),
        part(5, tensor([2, 4], 32)),
    ),
    part(14, part(1, "k") + part(2, "v")) + part(25, part(1, "F") + part(10, "own") + part(7, node("Deep"))),
)


def test_tensors_of_branches_and_constants_count_and_other_attributes_do_not() -> None:
    assert reading(FULL).parameters == 3 + 5 + 8


def test_operators_of_branches_and_functions_are_seen() -> None:
    seen = reading(FULL)
    assert {("", "If"), ("acme", "Fancy"), ("", "Deep")} <= seen.operators
    assert seen.functions == {("own", "F")}
    assert list(seen.metadata) == [("k", "v")]
    assert seen.opsets == {"": 17}


def test_packed_dimensions_are_dimensions() -> None:
    packed = part(1, varint(2) + varint(300)) + part(2, 1) + part(9, bytes(2400))
    assert reading(model(graph(part(5, packed)))).parameters == 600


def test_four_bit_elements_share_bytes() -> None:
    assert reading(model(graph(part(5, tensor([5], 3, kind=22))))).parameters == 5


@pytest.mark.parametrize(
    "inner",
    [
        part(5, tensor([4], 12)),
        part(5, tensor([4], 20)),
        part(5, part(1, 4) + part(2, 1)),
        part(5, tensor([(1 << 64) - 1], 4)),
        part(5, tensor([1 << 40, 1 << 40], 4)),
        part(1, varint(4 << 3 | 2) + varint(99) + b"Add"),
        part(1, part(4, 7)),
        varint(3 << 3 | 3),
        b"\x00\x01",
        b"\xff" * 11,
    ],
)
def test_what_contradicts_itself_is_malformed(inner: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        reading(model(inner))
    assert not isinstance(caught.value, Truncated | Unsupported)


def test_a_model_without_a_graph_is_malformed() -> None:
    with pytest.raises(Malformed, match="no graph"):
        reading(part(1, 8))


def test_an_unknown_element_type_is_not_an_accusation() -> None:
    with pytest.raises(Unsupported):
        reading(model(graph(part(5, tensor([4], 16, kind=99)))))


def test_graphs_nested_without_end_are_refused_before_the_stack_is() -> None:
    inner = graph()
    for _ in range(MAX_GRAPH_DEPTH + 1):
        inner = part(1, node("Loop", part(6, inner)))
    with pytest.raises(Unsupported):
        reading(model(inner))


@given(st.integers(1, len(FULL) - 1))
def test_a_cut_file_is_never_more_than_its_beginning(cut: int) -> None:
    try:
        seen = reading(FULL[:cut])
    except Malformed:
        return
    # A cut between two outer fields is a whole, smaller message: nothing in it can tell.
    assert seen.operators <= reading(FULL).operators


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(FULL)))
def test_any_bytes_end_in_an_answer(noise: bytes, at: int) -> None:
    for data in (noise, FULL[:at] + noise + FULL[at + len(noise) :]):
        with contextlib.suppress(Malformed):
            reading(data)
