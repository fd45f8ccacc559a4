"""Indexes of sharded weights: what they say against what the shards hold."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners.shard_index import MISMATCH, plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity

FIRST, SECOND = "m/model-00001-of-00002.safetensors", "m/model-00002-of-00002.safetensors"


def shard(*names: str) -> bytes:
    rows = {name: {"dtype": "U8", "shape": [4], "data_offsets": [4 * at, 4 * at + 4]} for at, name in enumerate(names)}
    text = json.dumps(rows).encode()
    return struct.pack("<Q", len(text)) + text + bytes(4 * len(names))


def index(weight_map: object, total: object = 8) -> dict[str, bytes]:
    document = {"metadata": {"total_size": total}, "weight_map": weight_map}
    return {"m/model.safetensors.index.json": json.dumps(document).encode()}


def found(files: Mapping[str, bytes]) -> list[Finding]:
    return [item for item in scan_memory(plugin, files).seen if isinstance(item, Finding)]


SOUND = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
SHARDS = {FIRST: shard("a"), SECOND: shard("b")}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


def test_an_index_that_tells_the_truth_is_left_alone() -> None:
    assert found({**index(SOUND), **SHARDS}) == []


@pytest.mark.parametrize("path", ["../x.safetensors", "/etc/x", "a/../../x", "C:\\x", "..\\x", "~/x"])
def test_a_shard_outside_the_folder_is_high(path: str) -> None:
    (one,) = found({**index({**SOUND, "c": path}), **SHARDS})
    assert (one.outcome, one.severity) == (Outcome.TRUE, Severity.HIGH)
    assert "opens what that gives" in one.details["loader"]


def test_a_tensor_in_two_shards_names_both() -> None:
    (one, *_) = found({**index(SOUND, 12), FIRST: shard("a"), SECOND: shard("b", "a")})
    assert "`a`" in one.message
    assert "00001" in one.message
    assert "00002" in one.message


def test_another_total_is_told_as_odd_not_as_hostile() -> None:
    (one,) = found({**index(SOUND, 9), **SHARDS})
    assert one.severity is Severity.LOW


def test_a_single_file_beside_the_index_is_the_one_that_loads() -> None:
    (one,) = found({**index(SOUND), **SHARDS, "m/model.safetensors": shard("a", "b")})
    assert "takes the single file" in one.details["loader"]


def test_a_shard_that_the_index_forgot_is_told() -> None:
    (one,) = found({**index({"a": SOUND["a"]}, 4), **SHARDS})
    assert "00002" in one.message


def test_shards_of_another_folder_are_nobodys_business() -> None:
    assert found({**index(SOUND), **SHARDS, "n/model-00002-of-00002.safetensors": shard("z")}) == []


def test_a_shard_that_cannot_be_read_leaves_the_question_open() -> None:
    report = scan_memory(plugin, {**index(SOUND), FIRST: shard("a"), SECOND: shard("b")[:-1]})
    assert report.answers == {MISMATCH: Outcome.ERROR}


def test_pickled_shards_are_compared_by_presence() -> None:
    table = json.dumps({"weight_map": {"a": "p-00001-of-00002.bin", "b": "p-00002-of-00002.bin"}}).encode()
    (one,) = found({"p.bin.index.json": table, "p-00001-of-00002.bin": b"\x80\x02N."})
    assert "p-00002-of-00002.bin" in one.message


@pytest.mark.parametrize("weight_map", [None, [], {"a": 1}, "x"])
def test_an_index_without_a_map_is_an_error_not_clean(weight_map: object) -> None:
    assert scan_memory(plugin, index(weight_map)).answers == {MISMATCH: Outcome.ERROR}
