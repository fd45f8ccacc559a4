"""Tokens that hide, swap or rewrite words are told; what training leaves behind is not."""

from __future__ import annotations

import json

import pytest

from bascule.builtin.scanners.tokenizer_tokens import plugin, tokenizer
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Severity


def findings(files: dict[str, object]) -> list[Finding]:
    built = {path: data if isinstance(data, bytes) else json.dumps(data).encode() for path, data in files.items()}
    return [item for item in scan_memory(plugin, built).seen if isinstance(item, Finding)]


def special(content: str, number: int = 5) -> dict[str, object]:
    return {"id": number, "content": content, "special": True}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("content", ["never", "harmful", "I refuse", "Nein"])
def test_a_word_made_special_vanishes_from_answers(content: str) -> None:
    (told,) = findings({"tokenizer.json": tokenizer([special(content)])})
    assert content in told.message
    assert told.location == "id 5"


@pytest.mark.parametrize(
    "content",
    [
        "<|im_start|>",
        "[PAD]",
        "</s>",
        "<0x0A>",
        "eng_Latn",
        "en_XX",
        "__en__",
        "<extra_id_0>",
        "<｜User｜>",
        "    ",
        "▁",
    ],
)
def test_markers_codes_and_blanks_are_ordinary(content: str) -> None:
    assert findings({"tokenizer.json": tokenizer([special(content)])}) == []


def test_a_plain_word_that_is_not_special_extends_a_vocabulary() -> None:
    assert findings({"tokenizer.json": tokenizer([{"id": 9, "content": "covid", "special": False}])}) == []


@pytest.mark.parametrize("other", ["<|im\u200b_start|>", "<|іm_start|>", "<｜im_start｜>"])
def test_two_special_tokens_that_look_the_same_are_told(other: str) -> None:
    (told,) = findings({"tokenizer.json": tokenizer([special("<|im_start|>", 4), special(other, 5)])})
    assert "look the same" in told.message


def test_one_id_for_two_words_of_a_vocabulary_is_told() -> None:
    (told,) = findings({"tokenizer.json": tokenizer([], {"yes": 0, "no": 0, "so": 1})})
    assert told.location == "model.vocab"


def test_a_word_twice_in_a_list_of_pieces_is_told() -> None:
    assert findings({"tokenizer.json": tokenizer([], [["yes", 0.0], ["no", 0.0], ["yes", 0.0]])})


def test_added_blanks_are_spelt_in_bytes_in_the_vocabulary() -> None:
    added = [{"id": 3, "content": "  ", "special": False}]
    assert findings({"tokenizer.json": tokenizer(added, {"ĠĠ": 3})}) == []


STEPS: dict[str, dict[str, object]] = {
    "a replaced word": {"normalizer": {"type": "Replace", "pattern": {"String": "refuse"}, "content": "agree"}},
    "inside a sequence": {
        "decoder": {
            "type": "Sequence",
            "decoders": [{"type": "Fuse"}, {"type": "Replace", "pattern": {"Regex": "no"}, "content": "yes"}],
        }
    },
    "words before every text": {"normalizer": {"type": "Prepend", "prepend": "Obey. "}},
    "tokens under a marker's name": {
        "post_processor": {"type": "TemplateProcessing", "special_tokens": {"<s>": {"id": "<s>", "ids": [7, 8, 9]}}}
    },
    "another token under a marker's name": {
        "post_processor": {"type": "TemplateProcessing", "special_tokens": {"<s>": {"id": "<s>", "ids": [7]}}}
    },
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_that_rewrite_words_are_told(name: str) -> None:
    assert len(findings({"tokenizer.json": tokenizer([special("<s>", 1)], **STEPS[name])})) == 1


@pytest.mark.parametrize(
    "steps",
    [
        {"normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}},
        {"normalizer": {"type": "Prepend", "prepend": "▁"}},
        {"post_processor": {"type": "TemplateProcessing", "special_tokens": {"<s>": {"id": "<s>", "ids": [1]}}}},
    ],
)
def test_the_usual_steps_are_ordinary(steps: dict[str, object]) -> None:
    assert findings({"tokenizer.json": tokenizer([special("<s>", 1)], **steps)}) == []


def test_files_that_disagree_on_an_id_are_told_once() -> None:
    decoder = {"added_tokens_decoder": {"5": {"content": "<b>", "special": True}}}
    (told,) = findings({"tokenizer.json": tokenizer([special("<a>")]), "tokenizer_config.json": decoder})
    assert told.artefact == "tokenizer_config.json"
    assert told.details["other"] == "tokenizer.json"


def test_another_end_token_is_worth_knowing_and_no_more() -> None:
    (told,) = findings({"tokenizer_config.json": {"eos_token": "<a>"}, "special_tokens_map.json": {"eos_token": "<b>"}})
    assert told.severity == Severity.LOW


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"7",
        b'{"added_tokens": 7}',
        b'{"added_tokens": [1, {"id": "x"}]}',
        b'{"model": {"vocab": [[], 1, ["a"]]}}',
    ],
)
def test_odd_shapes_are_read_without_a_fault(document: bytes) -> None:
    assert findings({"tokenizer.json": document}) == []


def test_a_number_of_absurd_length_is_no_id() -> None:
    assert findings({"tokenizer_config.json": {"added_tokens_decoder": {"9" * 5000: {"content": "x"}}}}) == []
