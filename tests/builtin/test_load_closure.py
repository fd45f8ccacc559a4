"""Everything a load would fetch is listed, and what no commit pins is told."""

from __future__ import annotations

import json

import pytest

from bascule.builtin.scanners.load_closure import plugin
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Severity

COMMIT = "89abcdef" * 5


def entries(files: dict[str, bytes]) -> tuple[str, ...]:
    value = scan_memory(plugin, files).readings().get("closure.entries", ())
    assert isinstance(value, tuple)
    return value


def unpinned(files: dict[str, bytes]) -> dict[str, Severity]:
    seen = scan_memory(plugin, files).seen
    return {str(item.details["name"]): item.severity for item in seen if isinstance(item, Finding)}


def config(value: object, path: str = "config.json") -> dict[str, bytes]:
    return {path: json.dumps(value).encode()}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


def test_code_elsewhere_weighs_more_than_weights_elsewhere() -> None:
    asked = {"auto_map": {"AutoModel": "org/code--m.Model"}, "mm_vision_tower": "org/tower"}
    assert unpinned(config(asked)) == {"org/code": Severity.MEDIUM, "org/tower": Severity.LOW}


def test_a_composite_configuration_is_read_to_its_parts() -> None:
    asked = {"text_config": {"auto_map": {"AutoModel": "org/a--m.Model"}}, "vision_config": {"inner": {"x": 1}}}
    assert entries(config(asked)) == ("code org/a@unpinned: m.Model",)


@pytest.mark.parametrize(
    ("revision", "is_open"), [(COMMIT, False), ("main", True), ("v1.0", True), (None, True), (COMMIT[:12], True)]
)
def test_only_a_whole_commit_pins(revision: str | None, is_open: bool) -> None:
    asked = {"base_model_name_or_path": "org/base", "revision": revision}
    assert bool(unpinned(config(asked, "adapter_config.json"))) is is_open


@pytest.mark.parametrize("path", ["/root/models/base", "../base", "~/base", "C:\\models\\base"])
def test_a_path_on_a_disk_is_another_thing_on_every_machine(path: str) -> None:
    files = config({"base_model_name_or_path": path}, "adapter_config.json")
    assert unpinned(files) == {path.replace("\\", "\\"): Severity.LOW}
    assert entries(files)[0].startswith("local-path")


def test_a_pipeline_lists_its_components() -> None:
    index = {"_class_name": ["pipeline", "Mine"], "unet": ["diffusers", "UNet2DConditionModel"], "_x": "y"}
    listed = entries(config(index, "model_index.json") | {"pipeline.py": b"x = 1\n"})
    assert listed == ("local-code pipeline.py: Mine", "import diffusers: UNet2DConditionModel")


def test_a_merge_lists_what_it_merged() -> None:
    merge = b"slices:\n- sources:\n  - model: org/one@" + COMMIT.encode() + b"\n  - model: {path: org/two}\n"
    assert unpinned({"mergekit_config.yml": merge}) == {"org/two": Severity.LOW}


def test_sentence_transformers_modules_are_imports_or_local_code() -> None:
    modules = [{"type": "sentence_transformers.models.Pooling"}, {"type": "custom.Thing"}]
    listed = entries(config(modules, "modules.json") | {"custom.py": b"x = 1\n"})
    assert listed == ("import sentence_transformers.models.Pooling", "local-code custom.py: custom.Thing")


CODE = {
    "AutoModel.from_pretrained('org/a')": Severity.LOW,
    "m.from_pretrained(pretrained_model_name_or_path='org/a', revision='main')": Severity.LOW,
    "AutoModel.from_pretrained('org/a', trust_remote_code=True)": Severity.MEDIUM,
    "torch.hub.load('org/a:main', 'model')": Severity.MEDIUM,
    "get_kernel('org/a')": Severity.MEDIUM,
    "hf_hub_download(repo_id='org/a', filename='x')": Severity.LOW,
}


@pytest.mark.parametrize("source", CODE)
def test_calls_of_the_hub_are_followed_in_code(source: str) -> None:
    assert unpinned({"modeling.py": f"x = {source}\n".encode()}) == {"org/a": CODE[source]}


@pytest.mark.parametrize(
    "source",
    [
        f"AutoModel.from_pretrained('org/a', revision='{COMMIT}')",
        f"torch.hub.load('org/a:{COMMIT}', 'model')",
        "AutoModel.from_pretrained(path)",
        "AutoModel.from_pretrained('./here')",
        "torch.hub.load('org/a', 'model', source='local')",
    ],
)
def test_what_is_pinned_or_here_is_no_finding(source: str) -> None:
    assert unpinned({"modeling.py": f"x = {source}\n".encode()}) == {}


@pytest.mark.usefixtures("must_end")
def test_deep_nesting_ends_as_an_error() -> None:
    report = scan_memory(plugin, {"config.json": b'{"a":' * 50_000 + b"1" + b"}" * 50_000})
    assert report.answers["closure-unpinned"] == "error"
