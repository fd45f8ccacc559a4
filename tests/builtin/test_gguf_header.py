"""The GGUF scanner: what the header says of the model, and when it lies."""

from __future__ import annotations

import struct

import pytest

from bascule.builtin.scanners.gguf_header import plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Measure, Outcome, Reading, ReadingSource, Severity


def string(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def header(architecture: str = "llama", shape: tuple[int, ...] = (32, 4), data: int = 512) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += string("general.architecture") + struct.pack("<I", 8) + string(architecture)
    head += (
        string("w") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", 0, 0)
    )
    return head + bytes(-len(head) % 32) + bytes(data)


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


def test_parameters_are_counted_exactly() -> None:
    report = scan_memory(plugin, {"m.gguf": header()})
    (measure,) = [item for item in report.seen if isinstance(item, Measure)]
    assert (measure.value, measure.low, measure.high, measure.unit) == (128, 128, 128, "parameters")
    assert measure.method == "exact"


def test_architecture_is_read_and_shown_without_control_characters() -> None:
    report = scan_memory(plugin, {"m.gguf": header("lla\x1bma")})
    assert report.readings()["model.architecture"] == "lla\\x1bma"
    assert {item.source for item in report.seen if isinstance(item, Reading)} == {ReadingSource.MEASURED}


def test_a_lie_is_high_and_leaves_neither_measure_nor_reading() -> None:
    lie, unread = scan_memory(plugin, {"m.gguf": header(shape=(1 << 40, 1 << 40))}).seen
    assert isinstance(lie, Finding)
    assert (lie.outcome, lie.severity) == (Outcome.TRUE, Severity.HIGH)
    assert "CVE-2025-53630" in lie.references
    assert isinstance(unread, Finding)
    assert (unread.rule, unread.outcome) == ("gguf-suspicious-metadata", Outcome.ERROR)


def test_a_file_cut_short_is_an_error_not_clean_and_not_a_lie() -> None:
    answers = scan_memory(plugin, {"m.gguf": header(data=100)}).answers
    assert answers == {"gguf-malformed": Outcome.ERROR, "gguf-suspicious-metadata": Outcome.ERROR}


def test_a_chat_template_is_not_taken_for_hidden_code() -> None:
    key = string("tokenizer.chat_template") + struct.pack("<I", 8) + string("{{ x.__class__ }}")
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + key
    assert scan_memory(plugin, {"m.gguf": head}).answers["gguf-suspicious-metadata"] is Outcome.FALSE


@pytest.mark.parametrize(("scores", "answer"), [(1, Outcome.TRUE), (2, Outcome.FALSE), (3, Outcome.FALSE)])
def test_only_an_array_shorter_than_the_tokens_is_a_lie(scores: int, answer: Outcome) -> None:
    tokens = string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 2) + string("a") + string("b")
    beside = string("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, scores) + bytes(4 * scores)
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + tokens + beside
    assert scan_memory(plugin, {"m.gguf": data}).answers["gguf-malformed"] is answer
