"""Where a model says it came from."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners.lineage import is_model_id, plugin
from bascule.plugins.testing import scan_memory
from bascule.records import Reading, Relation


def values(files: Mapping[str, bytes]) -> dict[str, object]:
    return scan_memory(plugin, files).readings()


def card(front: str) -> dict[str, bytes]:
    return {"README.md": f"---\n{front}\n---\n# M\n".encode()}


@pytest.mark.parametrize(
    ("word", "relation"),
    [
        ("finetune", Relation.FINETUNE_OF),
        ("adapter", Relation.ADAPTER_OF),
        ("merge", Relation.MERGE_OF),
        ("quantized", Relation.QUANTISED_FROM),
    ],
)
def test_a_card_states_the_relation_in_the_hubs_words(word: str, relation: Relation) -> None:
    found = values(card(f"base_model: org/a\nbase_model_relation: {word}"))
    assert found == {"lineage.base_models": ("org/a",), "lineage.relation": relation.value}


def test_a_relation_that_is_not_stated_follows_from_the_files() -> None:
    front = card("base_model: org/a")
    assert values(front)["lineage.relation"] == "finetune_of"
    assert values(card("base_model: [org/a, org/b]"))["lineage.relation"] == "merge_of"
    assert values(front | {"adapter_config.json": b"{}"})["lineage.relation"] == "adapter_of"


def test_a_card_that_names_nothing_leaves_nothing() -> None:
    assert values(card("license: mit")) == {}
    assert values(card("base_model_relation: unheard-of")) == {}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("nreimers/MiniLM-L6-H384-uncased", True),
        ("bert-base-uncased", True),
        ("xlm-roberta-large", True),
        ("gpt2", True),
        ("/home/me/llama", False),
        ("./llama", False),
        ("../llama", False),
        ("C:\\models\\llama", False),
        ("output/checkpoint-500", False),
        ("results/run-1", False),
        ("models/llama", False),
        ("my-finetuned-model", False),
        ("", False),
        ("a/b/c", False),
    ],
)
def test_a_path_on_a_disk_is_no_parent(name: str, known: bool) -> None:
    assert is_model_id(name) is known
    found = values({"config.json": json.dumps({"_name_or_path": name}).encode()})
    assert ("lineage.base_models" in found) is known


def test_a_configuration_names_a_parent_but_not_how() -> None:
    assert values({"config.json": b'{"_name_or_path": "org/a"}'}) == {"lineage.base_models": ("org/a",)}


def test_an_adapter_keeps_its_relation_where_its_base_is_a_local_path() -> None:
    data = json.dumps({"base_model_name_or_path": "/mnt/base"}).encode()
    assert values({"adapter_config.json": data}) == {"lineage.relation": "adapter_of"}


def test_a_merge_names_every_parent_however_deep() -> None:
    config = b"""
merge_method: ties
base_model: org/base
models:
- model: org/one+org/lora
- model: {model: {path: org/two, revision: main}}
- model: ./local
slices:
- sources:
  - model: org/three
"""
    found = values({"mergekit_config.yml": config})
    assert found["lineage.base_models"] == ("org/base", "org/one", "org/two", "org/three")


def test_data_is_named_once_and_in_order() -> None:
    found = values(card("datasets: [org/b, org/a, org/b]"))
    assert found == {"lineage.datasets": ("org/b", "org/a")}


def test_parents_in_a_gguf_header_are_read() -> None:
    def text(value: str) -> bytes:
        return len(value.encode()).to_bytes(8, "little") + value.encode()

    def string(key: str, value: str) -> bytes:
        return text(key) + (8).to_bytes(4, "little") + text(value)

    keys = [
        text("general.base_model.count") + (4).to_bytes(4, "little") + (2).to_bytes(4, "little"),
        string("general.base_model.0.repo_url", "https://huggingface.co/org/a"),
        string("general.base_model.1.name", "B 7B"),
        string("general.source.huggingface.repository", "org/a"),
    ]
    data = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + len(keys).to_bytes(8, "little")
    found = values({"m.gguf": data + b"".join(keys)})
    assert found == {"lineage.base_models": ("org/a", "B 7B")}


def test_every_reading_says_where_it_stands() -> None:
    seen = scan_memory(plugin, card("base_model: org/a\ndatasets: [d]")).seen
    assert all(isinstance(item, Reading) and item.location for item in seen)
