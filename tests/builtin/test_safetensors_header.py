"""Safetensors headers: every known attack on them is an answer, and none of them blinds the other question."""

from __future__ import annotations

import json
import struct

import pytest

from bascule.builtin.scanners.safetensors_header import MALFORMED, SUSPICIOUS, plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Coverage, Finding, Outcome, State

ONE = '"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'


def file(header: str | bytes, data: bytes = bytes(8), length: int | None = None) -> dict[str, bytes]:
    raw = header.encode() if isinstance(header, str) else header
    return {"model.safetensors": struct.pack("<Q", len(raw) if length is None else length) + raw + data}


def told(files: dict[str, bytes]) -> list[Finding]:
    return [item for item in scan_memory(plugin, files).seen if isinstance(item, Finding)]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize(
    "files",
    [
        file("{" + ONE + "}", length=(1 << 63) + 5),
        file("{" + ONE + "}", length=100_000_001),
        file("{" + ONE + ',"v":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}'),
        file('{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', bytes(16)),
        file("{" + ONE + "}", bytes(9)),
        file("{" + ONE + "," + ONE + "}"),
        file('{"__metadata__":{"n":1},' + ONE + "}"),
        file('{"__metadata__":["n"],' + ONE + "}"),
        file(b'{"\xff":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'),
        file('{"w":{"dtype":"F32","shape":[4611686018427387904,4,2],"data_offsets":[0,8]}}'),
        file('{"w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}'),
        file('{"w":{"dtype":"F4","shape":[15],"data_offsets":[0,8]}}'),
        file('{"w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}'),
        file('{"w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}'),
        file("{" + ONE + "}{}"),
    ],
    ids=[
        "length-wraps",
        "length-past-bound",
        "overlap",
        "hole",
        "bytes-behind",
        "doubled-tensor",
        "number-metadata",
        "list-metadata",
        "not-utf-8",
        "product-wraps",
        "unknown-type",
        "half-a-byte",
        "negative-size",
        "turned-offsets",
        "json-behind",
    ],
)
def test_each_attack_on_the_format_is_an_explicit_finding(files: dict[str, bytes]) -> None:
    assert scan_memory(plugin, files).answers[MALFORMED] is Outcome.TRUE


def test_a_length_that_a_cut_file_may_have_is_an_error() -> None:
    assert scan_memory(plugin, file("{" + ONE + "}", length=5000)).answers[MALFORMED] is Outcome.ERROR


def test_a_fault_does_not_hide_the_metadata() -> None:
    files = file('{"__metadata__":{"x":"<script>"},' + ONE + "}", bytes(9))
    assert scan_memory(plugin, files).answers == {MALFORMED: Outcome.TRUE, SUSPICIOUS: Outcome.TRUE}


def test_all_faults_are_told_at_once_with_what_a_loader_makes_of_each() -> None:
    header = '{"a":{"dtype":"Q","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}'
    found = told(file(header))
    assert len(found) == 2
    assert all("safetensors 0.8" in item.details["loader"] for item in found)


def test_the_payload_s_place_and_beginning_are_shown() -> None:
    (found,) = told(file('{"__metadata__":{"about":"see <script src=//x>"},' + ONE + "}"))
    assert found.location == "metadata `about`"
    assert "<script" in found.details["seen"]


def test_a_payload_in_a_key_is_found() -> None:
    header = json.dumps({"__metadata__": {"<iframe src=x>": ""}})
    assert scan_memory(plugin, file(header, b"")).answers[SUSPICIOUS] is Outcome.TRUE


def test_the_header_and_nothing_else_is_covered() -> None:
    files = file("{" + ONE + "}")
    (covered,) = [item for item in scan_memory(plugin, files).seen if isinstance(item, Coverage)]
    assert (covered.start, covered.end, covered.state) == (0, 8 + len("{" + ONE + "}"), State.CLEAN)
