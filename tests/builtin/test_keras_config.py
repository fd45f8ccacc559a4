"""The Keras scanner: what loading would run is found wherever it is nested, and plain models are left in peace."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bascule.builtin.scanners.keras_config import plugin
from bascule.builtin.scanners.keras_config.examples import hdf5_file, in_archive, in_hdf5, layer, model, stored_zip
from bascule.builtin.scanners.keras_config.judge import concerns_of
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity

RUNS, CUSTOM, MALFORMED = "keras-runs-code", "keras-custom-object", "hdf5-malformed"
MARSHALLED = {"class_name": "__lambda__", "config": {"code": "bm90IGNvZGU="}}


def function(module: str | None, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def findings(files: dict[str, bytes]) -> list[Finding]:
    return [item for item in scan_memory(plugin, files).seen if isinstance(item, Finding)]


def rules_of(config: object) -> set[str]:
    return {concern.rule for concern in concerns_of(config)}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("wrapper", ["TimeDistributed", "Bidirectional", "Wrapper", "Sequential", "Functional"])
def test_a_lambda_is_found_in_every_wrapper(wrapper: str) -> None:
    inner = layer("Lambda", function=["bm90", None, None], function_type="lambda")
    assert rules_of(model(layer(wrapper, layer=layer(wrapper, layers=[inner])))) == {RUNS}


@pytest.mark.parametrize(
    "named",
    [
        function("os", "system"),
        function("builtins", "exec"),
        function("subprocess", "run"),
        function("keras.utils", "get_file"),
        function("keras.src.saving.saving_lib", "load_model"),
        function("tensorflow", "py_function"),
        function("torch.utils.cpp_extension", "load"),
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "gASV"}},
        {"class_name": "Lambda", "config": {"function": "system", "function_type": "function", "module": "posix"}},
        {"class_name": "Keras>Lambda", "config": {"function": MARSHALLED}},
        {"class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
        {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}},
        {"class_name": "Dense", "config": {"output_shape_type": "lambda"}},
        MARSHALLED,
    ],
)
def test_what_runs_or_reaches_out_on_load_is_told(named: dict[str, Any]) -> None:
    assert RUNS in rules_of(model(layer("Dense"), layer("Wrapped", inner=named)))


@pytest.mark.parametrize(
    "named",
    [
        function("builtins", "relu"),
        function("keras.activations", "softmax"),
        function("keras.src.ops.nn", "gelu"),
        function("keras.utils", "to_categorical"),
        function("keras.src.backend.tensorflow.nn", "relu"),
        {
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {},
            "registered_name": "Functional",
        },
        {"class_name": "TFOpLambda", "config": {"function": "math.reduce_mean"}},
        {"class_name": "Addons>GELU", "config": {}},
        {"class_name": "StringLookup", "config": {"vocabulary": ["a", "b"]}},
        {"class_name": "TextVectorization", "config": {"vocabulary": "assets/words.txt"}},
        {"class_name": "__tuple__", "items": [1, 2]},
        {"class_name": "glorot_uniform", "config": {}},
        {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None},
    ],
)
def test_what_keras_writes_of_itself_is_left_in_peace(named: dict[str, Any]) -> None:
    assert rules_of(model(named)) == set()


def test_a_module_that_the_loader_imports_weighs_more_than_a_name_alone() -> None:
    (imported,) = concerns_of(layer("Gate", "acme.layers"))
    (handed_in,) = concerns_of(layer("Gate"))
    assert (imported.severity, handed_in.severity) == (Severity.MEDIUM, Severity.LOW)
    assert {imported.rule, handed_in.rule} == {CUSTOM}


def test_a_finding_says_where_in_the_file_and_what() -> None:
    (item,) = findings(in_archive(model(layer("Dense"), layer("Lambda", function=function("os", "system")))))
    assert item.location == "config.json! config.layers[1].config.function"
    assert item.details == {"name": "os.system"}


def test_many_custom_layers_hide_no_code() -> None:
    crowd = [layer(f"Own{number}") for number in range(500)]
    assert scan_memory(plugin, in_hdf5(model(*crowd, MARSHALLED))).answers[RUNS] is Outcome.TRUE


def test_a_second_configuration_is_read_too() -> None:
    """Loaders differ on which of two members of one name they take."""
    twin = stored_zip(
        {
            "metadata.json": b'{"keras_version": "3"}',
            "config.json": b"{}",
            "x/config.json": json.dumps(MARSHALLED).encode(),
        }
    )
    assert scan_memory(plugin, {"m.keras": twin}).answers[RUNS] is Outcome.TRUE


def test_code_in_the_training_configuration_counts() -> None:
    files = {"m.h5": hdf5_file({"training_config": json.dumps({"loss": MARSHALLED}).encode()})}
    assert scan_memory(plugin, files).answers[RUNS] is Outcome.TRUE


def test_a_broken_object_beside_it_does_not_hide_code() -> None:
    """The library opens objects one by one, so the configuration would load all the same."""
    broken = (0x06, bytes([1, 8, 0, 1]) + b"x" + (8).to_bytes(8, "little"))
    answers = scan_memory(plugin, in_hdf5(MARSHALLED, broken)).answers
    assert (answers[RUNS], answers[MALFORMED], answers[CUSTOM]) == (Outcome.TRUE, Outcome.TRUE, Outcome.ERROR)


def test_a_configuration_beside_the_weights_is_read_and_other_ones_are_not() -> None:
    assert scan_memory(plugin, {"config.json": json.dumps(model(MARSHALLED)).encode()}).answers[RUNS] is Outcome.TRUE
    other = {"config.json": b'{"model_type": "bert", "head": {"class_name": "Own"}}', "task.json": b"{,"}
    assert scan_memory(plugin, other).seen == []


def test_an_archive_without_a_configuration_is_not_clean() -> None:
    files = {"m.keras": stored_zip({"metadata.json": b'{"keras_version": "3"}'})}
    assert scan_memory(plugin, files).answers[RUNS] is Outcome.NOT_AVAILABLE


def test_nesting_beyond_the_parser_is_an_error_not_clean() -> None:
    deep = b'{"config":' * 100_000 + b"1" + b"}" * 100_000
    assert scan_memory(plugin, {"m.h5": hdf5_file({"model_config": deep})}).answers[RUNS] is Outcome.ERROR


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "class_name",
                    "config",
                    "module",
                    "registered_name",
                    "function",
                    "function_type",
                    "node_def",
                    "vocabulary",
                ]
            ),
            inner | st.sampled_from(["Lambda", "lambda", "os", "builtins", "keras", "function", "a>b", ".", ">", ""]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_any_document_is_judged_without_a_fault(document: object) -> None:
    for concern in concerns_of(document):
        assert concern.place
        assert concern.message


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_wrapping_hides_nothing(document: object) -> None:
    wrapped = model(layer("TimeDistributed", layer=document))
    assert {(c.rule, c.message) for c in concerns_of(document)} <= {(c.rule, c.message) for c in concerns_of(wrapped)}


@pytest.mark.parametrize("loss", ["own_loss", ["mse", "own_loss"], {"output": "own_loss"}])
def test_a_loss_or_metric_of_one_s_own_is_grey(loss: object) -> None:
    training = {"loss": loss, "metrics": ["accuracy"], "optimizer_config": {"class_name": "Adam", "config": {}}}
    seen = scan_memory(plugin, {"m.h5": hdf5_file({"training_config": json.dumps(training).encode()})}).seen
    (told,) = [item for item in seen if isinstance(item, Finding) and item.outcome is Outcome.TRUE]
    assert (told.rule, told.severity) == ("keras-custom-object", Severity.LOW)
    assert "own_loss" in told.message
