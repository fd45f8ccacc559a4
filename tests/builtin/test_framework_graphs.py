"""Graphs and programs of the frameworks: what they would do is told wherever it is packed, and plain ones are clean."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.builtin.scanners import coreml_model, paddle_model, tensorflow_graph, tflite_model, torchscript_code
from bascule.builtin.scanners.tensorflow_graph import catalogue
from bascule.builtin.scanners.tensorflow_graph.examples import constant, function, graph, meta_graph, node, saved, text
from bascule.builtin.scanners.tflite_model import flatbuffer, tflite
from bascule.plugins.kinds import Scanner
from bascule.plugins.readers import Malformed, media
from bascule.plugins.readers.flatbuffer import Buffer
from bascule.plugins.readers.protobuf import write
from bascule.plugins.testing import answer_file, memory_files, scan_memory
from bascule.records import Finding, Outcome, Severity

DANGEROUS, CUSTOM, OUTSIDE = "tensorflow-dangerous-op", "tensorflow-custom-op", "tensorflow-outside-path"
SCANNERS = (
    "tensorflow_graph",
    "tflite_model",
    "torchscript_code",
    "coreml_model",
    "paddle_model",
    "rds_code",
    "msgpack_weights",
    "native_code",
)


def true(scanner: Scanner, files: Mapping[str, bytes]) -> list[Finding]:
    seen = scan_memory(scanner, files).seen
    return [item for item in seen if isinstance(item, Finding) and item.outcome is Outcome.TRUE]


def severities(scanner: Scanner, files: Mapping[str, bytes], rule: str) -> set[Severity]:
    return {finding.severity for finding in true(scanner, files) if finding.rule == rule}


@pytest.mark.parametrize("kind", sorted(catalogue.DANGEROUS))
def test_every_dangerous_operation_is_told_in_every_container(kind: str) -> None:
    inner = graph(node("NoOp", "a"), node(kind, "b"))
    for files in (saved(inner), {"graph.pb": inner}, {"model.ckpt.meta": meta_graph(inner)}):
        assert severities(tensorflow_graph.plugin, files, DANGEROUS) == {catalogue.DANGEROUS[kind][0]}


def test_dangerous_and_path_operations_are_operations_that_exist() -> None:
    assert set(catalogue.DANGEROUS) - {"RemoteFusedGraphExecute", "DistributedSave"} <= catalogue.KNOWN
    assert catalogue.BY_PATH <= catalogue.KNOWN


def test_an_operation_is_found_in_a_function_of_a_graph_in_a_string_of_a_function() -> None:
    deep = graph(node("NoOp"), functions=(function("g", node("WriteFile", "w")),))
    files = saved(graph(node("NoOp"), functions=(function("f", constant("c", deep)),)))
    (finding,) = true(tensorflow_graph.plugin, files)
    assert finding.location.startswith("f!c!g!w offset 0x")


@pytest.mark.parametrize("kind", ["ReverseGate", "RecommenderSystem", "SpawnAgents", "EggShell", "PyramidPool"])
def test_a_custom_operation_is_not_accused_for_a_word_in_its_name(kind: str) -> None:
    assert severities(tensorflow_graph.plugin, saved(graph(node(kind))), DANGEROUS) == set()


def test_a_name_that_the_library_defines_is_no_custom_operation() -> None:
    files = saved(graph(node("inference_fn", "call"), functions=(function("inference_fn", node("NoOp")),)))
    assert true(tensorflow_graph.plugin, files) == []


@pytest.mark.parametrize("path", ["/etc/x", "../x", "a/../../x", "C:\\x", "https://example.org/x", "~/x"])
def test_a_path_fixed_in_the_graph_is_judged(path: str) -> None:
    files = saved(graph(constant("p", path), node("Identity", "i", ("p",)), node("RestoreV2", "r", ("i:0", "names"))))
    assert severities(tensorflow_graph.plugin, files, OUTSIDE) == {Severity.HIGH}


def test_a_part_of_a_name_that_begins_with_a_slash_is_no_path() -> None:
    nodes = (
        node("Placeholder", "prefix"),
        constant("part", "/part"),
        node("StringJoin", "name", ("prefix", "part")),
        node("SaveV2", "save", ("name", "names")),
    )
    assert true(tensorflow_graph.plugin, saved(graph(*nodes))) == []


def test_fields_in_another_order_hide_nothing() -> None:
    swapped = write(2, meta_graph(graph(node("WriteFile", "w")))) + write(1, 1)
    assert severities(tensorflow_graph.plugin, {"saved_model.pb": swapped}, DANGEROUS) == {Severity.CRITICAL}


def test_a_debug_operation_with_an_address_is_told() -> None:
    urls = write(1, write(2, "grpc://example.org:1"))
    files = saved(graph(node("DebugIdentityV2", "d", debug_urls=urls)))
    assert severities(tensorflow_graph.plugin, files, DANGEROUS) == {Severity.HIGH}
    assert text("x") == write(2, "x")


@pytest.mark.parametrize(("name", "severity"), [("FlexPyFunc", Severity.CRITICAL), ("FlexReadFile", Severity.HIGH)])
def test_operations_that_tflite_carries_over_are_judged_as_tensorflows(name: str, severity: Severity) -> None:
    files = {"m.tflite": tflite([{0: 32, 1: name, 3: 32}])}
    assert severities(tflite_model.plugin, files, "tflite-dangerous-op") == {severity}


def test_a_published_operator_of_tflite_is_grey() -> None:
    files = {"m.tflite": tflite([{0: 32, 1: "TFLite_Detection_PostProcess", 3: 32}])}
    assert severities(tflite_model.plugin, files, "tflite-custom-op") == {Severity.LOW}


def test_tables_that_share_one_long_vector_do_not_multiply() -> None:
    data = flatbuffer({0: [0] * (1 << 18)}, b"TEST")
    buffer = Buffer(lambda at, size: data[at : at + size], len(data))
    with pytest.raises(Malformed, match="more than"):
        [buffer.root().numbers(0, 4) for _ in range(1 << 10)]


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("torch.save(x, 'f')", Severity.HIGH),
        ("ops.aten.from_file('f', None, 1)", Severity.HIGH),
        ("ops.image.write_file('f', x)", Severity.HIGH),
        ("eval('1')", Severity.CRITICAL),
        ("os.system('x')", Severity.CRITICAL),
    ],
)
def test_what_a_torchscript_program_reaches_for_is_told(line: str, severity: Severity) -> None:
    found = severities(torchscript_code.plugin, torchscript_code._script(line), "torchscript-suspicious")
    assert severity in found


def test_torchvision_is_no_stranger_and_a_stranger_is() -> None:
    for namespace, severity in (("torchvision", Severity.LOW), ("acme", Severity.MEDIUM)):
        files = torchscript_code._script(f"x = ops.{namespace}.nms(x)")
        assert severities(torchscript_code.plugin, files, "torchscript-custom-op") == {severity}


def test_a_core_ml_class_is_named() -> None:
    files = {"m.mlmodel": coreml_model._model(555, write(1, "AcmeModel"))}
    assert [finding.details for finding in true(coreml_model.plugin, files)] == [{"seen": "AcmeModel"}]


def test_a_paddle_path_is_shown() -> None:
    (finding,) = true(paddle_model.plugin, paddle_model._program("save", file_path="/root/.bashrc"))
    assert finding.details == {"callable": "save", "seen": "/root/.bashrc"}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (graph(node("NoOp")), media.TF_GRAPH),
        (meta_graph(graph(node("NoOp"))), media.TF_GRAPH),
        (saved(graph(node("NoOp")))["saved_model.pb"], media.SAVED_MODEL),
        (coreml_model._model(500, b""), media.COREML),
        (paddle_model._program("relu")["model.pdmodel"], media.PADDLE),
        (b"X\n\0\0\0\3" + bytes(20), media.R_DATA),
        (b"RDX3\nX\n\0\0\0\3" + bytes(20), media.R_DATA),
        (b"\x20\0\0\0ET12" + bytes(40), media.EXECUTORCH),
        (b"ftrt" + bytes(40), media.TENSORRT),
        (b"binf" + bytes(40), media.XGBOOST),
        (b"CBM1" + bytes(40), media.CATBOOST),
        (b"tjgg" + bytes(40), media.GGML),
        (b"RKNN" + bytes(40), media.RKNN),
        (b"binf is a word, and so is CBM1\n", media.TEXT),
        (b"\n\n\n\n# A heading after four empty lines\n", media.TEXT),
    ],
)
def test_a_format_is_told_by_its_first_bytes(head: bytes, kind: str) -> None:
    assert media.media_type_of(head, len(head)) == kind


@pytest.mark.parametrize("scanner_id", SCANNERS)
def test_no_byte_string_makes_a_scanner_fail(scanner_id: str) -> None:
    scanner: Scanner = importlib.import_module(f"bascule.builtin.scanners.{scanner_id}").plugin
    cases = [dict(example.files()) for example in scanner.examples]

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, len(cases) - 1), st.integers(0, 10_000), st.binary(max_size=12), st.integers(0, 6))
    def broken(which: int, at: int, inserted: bytes, removed: int) -> None:
        for path, data in cases[which].items():
            place = at % (len(data) + 1)
            changed = data[:place] + inserted + data[place + removed :]
            for file in memory_files({path: changed}):
                if scanner.meta.reads.match(file.path, file.kind, file.media_type):
                    answer_file(scanner, file)

    broken()
