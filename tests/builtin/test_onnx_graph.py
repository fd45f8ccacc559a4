"""What the ONNX scanner answers beyond its own examples."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners import onnx_graph
from bascule.builtin.scanners.onnx_graph import CUSTOM, EXTERNAL, MALFORMED, META, SUSPICIOUS, plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Measure, Outcome, Severity

built, graph, node, pair = onnx_graph._model, onnx_graph._graph, onnx_graph._node, onnx_graph._pair
tensor = onnx_graph._tensor


def worst(files: Mapping[str, bytes], rule: str) -> Severity:
    found = [seen for seen in scan_memory(plugin, files).seen if isinstance(seen, Finding) and seen.rule == rule]
    return max((finding.severity for finding in found), key=lambda severity: severity.rank)


def test_it_keeps_its_own_examples() -> None:
    assert check_scanner(plugin) == []


def test_parameters_are_counted() -> None:
    measures = [seen for seen in scan_memory(plugin, {"m.onnx": built()}).seen if isinstance(seen, Measure)]
    assert [(measure.name, measure.value) for measure in measures] == [("model.parameters", 4.0)]


@pytest.mark.parametrize(
    ("location", "outcome"),
    [
        ("w", Outcome.FALSE),
        ("./w", Outcome.FALSE),
        ("../w", Outcome.TRUE),
        ("sub/../../w", Outcome.TRUE),
        ("..\\w", Outcome.TRUE),
        ("\\\\host\\share", Outcome.TRUE),
        ("file:///w", Outcome.TRUE),
        ("~/w", Outcome.TRUE),
        ("", Outcome.TRUE),
        ("w\0.bin", Outcome.TRUE),
        ("elsewhere", Outcome.TRUE),
    ],
)
def test_only_a_plain_file_of_the_model_may_hold_tensors(location: str, outcome: Outcome) -> None:
    files = {"a/m.onnx": built(graph(tensor=tensor(location=location))), "a/w": bytes(16), "w": bytes(16)}
    assert scan_memory(plugin, files).answers[EXTERNAL] is outcome


def test_a_file_too_short_for_its_tensor_is_told() -> None:
    files = {"m.onnx": built(graph(tensor=tensor(location="w"))), "w": bytes(15)}
    assert scan_memory(plugin, files).answers[EXTERNAL] is Outcome.TRUE


@pytest.mark.parametrize(
    ("kind", "domain", "severity"),
    [
        ("PyOp", "ai.onnx.contrib", Severity.CRITICAL),
        ("PythonOp", "com.microsoft", Severity.CRITICAL),
        ("BertTokenizer", "ai.onnx.contrib", Severity.LOW),
        ("Step", "acme.ops", Severity.MEDIUM),
    ],
)
def test_operators_are_graded_by_what_they_need(kind: str, domain: str, severity: Severity) -> None:
    assert worst({"m.onnx": built(graph(node(kind, domain)))}, CUSTOM) is severity


def test_a_crowd_of_operators_does_not_hide_the_one_that_calls_python() -> None:
    crowd = b"".join(onnx_graph._part(1, node(f"A{number}", "acme.ops")) for number in range(500))
    assert (
        worst({"m.onnx": built(graph() + crowd + onnx_graph._part(1, node("PyOp", "z")))}, CUSTOM) is Severity.CRITICAL
    )


def test_a_pickle_in_metadata_is_told() -> None:
    hidden = base64.b64encode(pickle.dumps({"a": list(range(40))}, protocol=4)).decode()
    assert worst({"m.onnx": built(extra=pair(14, "state", hidden))}, SUSPICIOUS) is Severity.MEDIUM


def test_a_link_to_a_program_is_low() -> None:
    linked = built(extra=pair(14, "setup", "see https://example.org/install.sh"))
    assert worst({"m.onnx": linked}, SUSPICIOUS) is Severity.LOW


def test_a_pointer_is_not_clean() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    answers = scan_memory(plugin, {"m.onnx": pointer}).answers
    assert {answers[rule.id] for rule in META.rules} == {Outcome.NOT_AVAILABLE}


def test_text_named_onnx_is_told() -> None:
    assert scan_memory(plugin, {"m.onnx": b"# not a graph\n"}).answers[MALFORMED] is Outcome.TRUE


def test_another_protobuf_is_an_error_not_an_accusation() -> None:
    assert scan_memory(plugin, {"m.bin": b"\x08\x05\x12\x03a\0c\x1b"}).answers[MALFORMED] is Outcome.ERROR
