"""Configurations against tensors: contradictions are told, and what writers may do is not one."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners.tensor_config import CONTRADICTS, plugin
from bascule.builtin.scanners.tensor_config.families import FAMILIES
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity

Shapes = Mapping[str, tuple[int, ...]]

BERT = {"model_type": "bert", "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "intermediate_size": 16}
BERT_SHAPES = {
    "embeddings.word_embeddings.weight": (20, 8),
    "encoder.layer.0.intermediate.dense.weight": (16, 8),
}


def safe(shapes: Shapes, dtype: str = "F32") -> bytes:
    width, rows, at = {"F32": 4, "F16": 2}[dtype], {}, 0
    for name, shape in shapes.items():
        size = width
        for length in shape:
            size *= length
        rows[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(rows).encode()
    return struct.pack("<Q", len(text)) + text + bytes(at)


def found(config: Mapping[str, object], shapes: Shapes, **files: bytes) -> list[Finding]:
    built = {"m/config.json": json.dumps(config).encode(), "m/model.safetensors": safe(shapes)}
    built |= {f"m/{name}.json": data for name, data in files.items()}
    return [item for item in scan_memory(plugin, built).seen if isinstance(item, Finding)]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_a_config_that_fits_says_nothing_below_any_head(prefix: str) -> None:
    assert found(BERT, {prefix + name: shape for name, shape in BERT_SHAPES.items()}) == []


@pytest.mark.parametrize(
    ("key", "value"), [("vocab_size", 21), ("hidden_size", 9), ("intermediate_size", 15), ("num_hidden_layers", 2)]
)
def test_each_number_that_the_tensors_contradict_is_named(key: str, value: int) -> None:
    (one,) = found({**BERT, key: value}, BERT_SHAPES)
    assert (one.outcome, one.severity) == (Outcome.TRUE, Severity.MEDIUM)
    assert one.location == f"`{key}`"


def test_more_rows_than_tokens_are_padding() -> None:
    assert found({**BERT, "vocab_size": 13}, BERT_SHAPES) == []


@pytest.mark.parametrize("value", [None, "8", True, [8], 8.5])
def test_a_value_that_is_no_number_contradicts_nothing(value: object) -> None:
    assert found({**BERT, "hidden_size": value}, BERT_SHAPES) == []


def test_an_element_type_that_differs_is_information() -> None:
    (one,) = found({**BERT, "torch_dtype": "float16"}, BERT_SHAPES)
    assert one.severity is Severity.INFO


def test_a_token_beyond_the_embedding_is_low_as_many_fine_tunes_have_one() -> None:
    tokenizer = json.dumps({"added_tokens": [{"id": 19}, {"id": 20}]}).encode()
    (one,) = found(BERT, BERT_SHAPES, tokenizer=tokenizer)
    assert one.severity is Severity.LOW


def test_a_broken_tokenizer_is_left_to_its_own_scanner() -> None:
    assert found(BERT, BERT_SHAPES, tokenizer=b"{") == []


def test_layers_are_not_counted_while_shards_are_missing() -> None:
    built = {
        "config.json": json.dumps({**BERT, "num_hidden_layers": 2}).encode(),
        "model-00001-of-00002.safetensors": safe(BERT_SHAPES),
    }
    assert scan_memory(plugin, built).answers == {CONTRADICTS: Outcome.FALSE}


def test_shards_are_taken_together() -> None:
    names = list(BERT_SHAPES)
    built = {
        "config.json": json.dumps(BERT).encode(),
        "model-00001-of-00002.safetensors": safe({names[0]: BERT_SHAPES[names[0]]}),
        "model-00002-of-00002.safetensors": safe({names[1]: BERT_SHAPES[names[1]]}),
    }
    assert scan_memory(plugin, built).answers == {CONTRADICTS: Outcome.FALSE}


def test_a_cut_tensor_file_leaves_the_question_open() -> None:
    built = {"config.json": json.dumps(BERT).encode(), "model.safetensors": safe(BERT_SHAPES)[:-1]}
    assert scan_memory(plugin, built).answers == {CONTRADICTS: Outcome.ERROR}


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_every_family_names_the_embedding_that_its_sizes_speak_of(kind: str) -> None:
    family = FAMILIES[kind]
    assert {size.names for size in family.sizes} >= {family.embedding}
    assert all(pattern.groups == 1 for pattern, _key in family.layers)
