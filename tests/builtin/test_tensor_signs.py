"""Signs of tampering in weights: every known hiding place is found, and trained-looking numbers are left in peace."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.builtin.scanners.tensor_signs import EXECUTABLE, PAYLOAD, STATISTICS, looks, places, plugin
from bascule.plugins.kinds import Made
from bascule.plugins.readers.tensors import Layout, Tensor
from bascule.plugins.testing import check_scanner, memory_files, scan_memory
from bascule.records import Coverage, Finding, Outcome, Severity, State

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
TEXT = b"Meet at the old pier at nine; bring the second key, and do not write any of this down again. " * 4


def weights(count: int = 40_000, seed: int = 3) -> numpy.ndarray:
    return (numpy.random.default_rng(seed).standard_normal(count) * 0.04).astype("<f4")


def safe(tensors: dict[str, bytes], dtype: str = "F32", behind: bytes = b"") -> bytes:
    width = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1, "F64": 8}[dtype]
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": dtype, "shape": [len(data) // width // 8, 8], "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(tensors.values()) + behind


def findings(data: bytes, name: str = "model.safetensors") -> list[Finding]:
    return [item for item in scan_memory(plugin, {name: data}).seen if isinstance(item, Finding)]


def bits_of(message: bytes, per_element: int, lowest_first: bool) -> Iterator[int]:
    for byte in message:
        parts = [byte >> shift & (1 << per_element) - 1 for shift in range(0, 8, per_element)]
        yield from parts if lowest_first else parts[::-1]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
def test_numbers_that_look_trained_show_nothing(dtype: str) -> None:
    kind = {"F32": "<f4", "F16": "<f2", "F64": "<f8"}
    values = weights()
    data = (
        (values.view("<u4") >> 16).astype("<u2").tobytes() if dtype == "BF16" else values.astype(kind[dtype]).tobytes()
    )
    assert findings(safe({"w": data}, dtype)) == []


@pytest.mark.parametrize("order", ["in the file's order", "in the number's order"])
@pytest.mark.parametrize("kept", [3, 2])
def test_a_program_in_the_low_bytes_is_found(kept: int, order: str) -> None:
    raw = weights().view("u1").reshape(-1, 4).copy()
    message = (ELF + bytes(2000))[: 2000 // kept * kept]
    rows = numpy.frombuffer(message, "u1").reshape(-1, kept)
    raw[: len(rows), :kept] = rows if order == "in the file's order" else rows[:, ::-1]
    (found,) = findings(safe({"w": raw.tobytes()}))
    assert (found.rule, found.severity) == (EXECUTABLE, Severity.HIGH)
    assert f"the low {kept} bytes" in found.message


@pytest.mark.parametrize("lowest_first", [False, True])
@pytest.mark.parametrize("per_element", [1, 2, 4])
@pytest.mark.parametrize("message", [TEXT, ELF], ids=["text", "program"])
def test_low_bits_that_spell_something_are_found(message: bytes, per_element: int, lowest_first: bool) -> None:
    raw = weights().view("<u4").copy()
    parts = numpy.array(list(bits_of(message, per_element, lowest_first)), "<u4")
    raw[: len(parts)] = raw[: len(parts)] & ~numpy.uint32((1 << per_element) - 1) | parts
    (found,) = findings(safe({"w": raw.tobytes()}))
    assert (found.rule, found.severity) == (PAYLOAD, Severity.MEDIUM)
    assert ("text" if message is TEXT else "an ELF program") in found.message


def test_text_for_floats_is_found_where_it_stands() -> None:
    data = bytearray(weights().tobytes())
    data[8192 : 8192 + 300] = TEXT[:300]
    (found,) = findings(safe({"w": bytes(data)}))
    assert found.rule == PAYLOAD
    assert found.details["seen"].startswith(TEXT[:40].decode())


def test_text_in_a_tensor_of_bytes_may_be_a_tokenizer() -> None:
    assert findings(safe({"spiece_model": TEXT * 4}, "U8")) == []


@pytest.mark.parametrize(
    ("behind", "rule", "severity"),
    [
        (ELF, EXECUTABLE, Severity.HIGH),
        (b"#!/bin/sh\ncurl x\n", EXECUTABLE, Severity.HIGH),
        (TEXT, PAYLOAD, Severity.MEDIUM),
        (bytes(100) + bytes(range(1, 201)), PAYLOAD, Severity.MEDIUM),
        (b"\x01\x02", PAYLOAD, Severity.LOW),
    ],
    ids=["program", "script", "text", "filled", "two bytes"],
)
def test_bytes_that_no_tensor_uses_are_looked_at_whole(behind: bytes, rule: str, severity: Severity) -> None:
    (found,) = findings(safe({"w": weights(512).tobytes()}, behind=behind))
    assert (found.rule, found.severity) == (rule, severity)


def test_zeros_behind_the_tensors_are_padding() -> None:
    assert findings(safe({"w": weights(512).tobytes()}, behind=bytes(500))) == []


def test_a_second_array_in_one_file_is_told_as_such_and_no_more() -> None:
    head = (
        b"\x93NUMPY\x01\x00"
        + struct.pack("<H", 118)
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }".ljust(118)
    )
    (found,) = findings((head + bytes(8)) * 2, "a.npy")
    assert (found.rule, found.severity) == (PAYLOAD, Severity.LOW)


def test_one_layer_unlike_its_siblings_is_information() -> None:
    layers = {f"layers.{at}.w": weights(4096, at).tobytes() for at in range(8)}
    layers["layers.5.w"] = (weights(4096) * 64).tobytes()
    (found,) = findings(safe(layers))
    assert (found.rule, found.severity) == (STATISTICS, Severity.INFO)
    assert "layers.5.w" in found.message


def test_a_row_far_larger_than_the_others_is_information() -> None:
    rows = weights(200 * 64).reshape(200, 64)
    rows[17] *= 30
    header = {"embed_tokens.weight": {"dtype": "F32", "shape": [200, 64], "data_offsets": [0, rows.nbytes]}}
    text = json.dumps(header).encode()
    (found,) = findings(struct.pack("<Q", len(text)) + text + rows.tobytes())
    assert found.rule == STATISTICS
    assert "row 17" in found.message


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf, -numpy.inf])
@pytest.mark.parametrize(("dtype", "kind"), [("F32", "<f4"), ("F16", "<f2"), ("F64", "<f8")])
def test_numbers_that_are_none_are_counted(dtype: str, kind: str, value: float) -> None:
    values = weights(5000).astype(kind)
    values[[3, 77]] = value
    assert looks.not_finite(values.tobytes(), dtype) == 2
    (found,) = findings(safe({"w": values.tobytes()}, dtype))
    assert found.rule == STATISTICS


@pytest.mark.parametrize(("dtype", "kind"), [("F32", "<f4"), ("F16", "<f2"), ("F64", "<f8")])
def test_the_scale_is_the_logarithm_of_the_median(dtype: str, kind: str) -> None:
    values = weights(512).astype(kind)
    truth = float(numpy.log2(numpy.median(numpy.abs(values.astype("f8")))))
    found = looks.scale(values.tobytes(), dtype)
    assert found is not None
    assert abs(found - truth) < 0.15


def test_what_was_read_is_covered_and_no_more() -> None:
    data = safe({"w": ELF.ljust(4096, b"\1") + weights(2_000_000).tobytes()})
    seen = scan_memory(plugin, {"model.safetensors": data}).seen
    ranges = [item for item in seen if isinstance(item, Coverage)]
    assert State.FINDING in {item.state for item in ranges}
    assert sum(item.end - item.start for item in ranges) < 2 * places.BUDGET_BYTES < len(data)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 40 << 20), max_size=40), st.integers(0, 1 << 20))
def test_the_plan_stays_in_its_tensors_and_its_budget(sizes: list[int], gap: int) -> None:
    tensors, at = [], gap
    for number, size in enumerate(sizes):
        tensors.append(Tensor(f"t{number}", "F32", (size // 4,), at, size))
        at += size
    plan = list(places.plan(Layout(tuple(tensors), ((0, gap),) if gap else ())))
    assert all(place.start < place.end for place in plan)
    assert all(place.tensor.start <= place.start and place.end <= place.tensor.end for place in plan if place.tensor)
    ordered = sorted((place.start, place.end) for place in plan)
    assert all(before[1] <= after[0] for before, after in pairwise(ordered))
    assert sum(place.end - place.start for place in plan if place.tensor) <= 2 * places.BUDGET_BYTES
    heads = {place.tensor.name for place in plan if place.tensor and place.is_head}
    assert heads == {tensor.name for tensor in tensors if tensor.size_bytes}


def test_a_model_of_two_gigabytes_costs_a_few_megabytes_of_reading() -> None:
    asked: list[int] = []
    size = 1 << 31
    text = json.dumps({"w": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    head = struct.pack("<Q", len(text)) + text
    noise = weights(1 << 18).tobytes()
    (file,) = memory_files({"model.safetensors": head + bytes(8)})

    class Huge:
        path, kind, media_type, listing = file.path, file.kind, file.media_type, file.listing
        size_bytes = len(head) + size

        def read(self, offset: int, count: int) -> bytes:
            asked.append(count)
            return (head + noise)[offset : offset + count] if offset < len(head) else noise[:count]

        def windows(self, size: int = 1 << 20, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
            raise AssertionError("the whole file is never walked")

        def kept(self, what: str, make: Callable[[], Made]) -> Made:
            return make()

        def neighbour(self, path: str) -> None:
            return None

    seen = list(plugin.scan(Huge()))
    assert not [item for item in seen if isinstance(item, Finding) and item.outcome is Outcome.TRUE]
    assert sum(asked) < 2 * places.BUDGET_BYTES


def converted(count: int = 40_000) -> numpy.ndarray:
    """Numbers that were half as long once: their low bytes are zero."""
    return weights(count).astype("<f2").astype("<f4")


def test_noise_where_a_conversion_left_zeros_is_told_with_low_confidence() -> None:
    raw = converted().view("u1").reshape(-1, 4).copy()
    raw[:3000, 0] = numpy.random.default_rng(1).integers(0, 256, 3000)
    (found,) = findings(safe({"w": raw.tobytes()}))
    assert (found.rule, found.severity) == (PAYLOAD, Severity.LOW)


def test_one_layer_with_noise_where_its_siblings_have_zeros_is_told() -> None:
    layers = {f"layers.{at}.w": converted(4096).tobytes() for at in range(8)}
    layers["layers.5.w"] = weights(4096).tobytes()
    (found,) = findings(safe(layers))
    assert found.rule == PAYLOAD
    assert "layers.5.w" in found.message


def test_a_converted_model_is_left_in_peace() -> None:
    assert findings(safe({f"layers.{at}.w": converted(4096).tobytes() for at in range(8)})) == []
