"""What a model needs installed: every way of asking is read, and only what is odd about it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.builtin.scanners.dependencies import plugin
from bascule.builtin.scanners.dependencies.names import suspicion
from bascule.plugins.readers import Malformed
from bascule.plugins.testing import answer_file, memory_files, scan_memory
from bascule.records import Finding, Outcome, Severity

LINES = "requirements.txt"


def found(path: str, text: str) -> list[Finding]:
    return [item for item in scan_memory(plugin, {path: text.encode()}).seen if isinstance(item, Finding)]


def pins(path: str, text: str) -> object:
    return scan_memory(plugin, {path: text.encode()}).readings().get("dependencies.pins")


def severities(rule: str, text: str) -> list[Severity]:
    return [finding.severity for finding in found(LINES, text) if finding.rule == rule]


@pytest.mark.parametrize(
    ("line", "pin"),
    [
        ("Torch==2.7.0", "PyPI/torch==2.7.0"),
        ("torch==2.1.0+cu118", "PyPI/torch==2.1.0+cu118"),
        ("torch[extra] == 2.7.0", "PyPI/torch==2.7.0"),
        ("torch===2.7.0", "PyPI/torch==2.7.0"),
        ("torch>=2,==2.7.0", "PyPI/torch==2.7.0"),
        ("torch==2.*", "PyPI/torch (unpinned)"),
        ("torch~=2.7.0", "PyPI/torch (unpinned)"),
        ("torch", "PyPI/torch (unpinned)"),
        ("ruamel_yaml==0.18", "PyPI/ruamel-yaml==0.18"),
        ("./wheels/own_thing-1.2-py3-none-any.whl", "PyPI/own-thing (unpinned)"),
    ],
)
def test_only_a_version_that_alone_would_do_is_a_pin(line: str, pin: str) -> None:
    assert pins(LINES, line + "\n") == (pin,)


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("--extra-index-url https://pkgs.example.org/simple", Severity.MEDIUM),
        ("--extra-index-url=https://pkgs.example.org/simple", Severity.MEDIUM),
        ("-f https://files.example.org/", Severity.MEDIUM),
        ("--extra-index-url https://download.pytorch.org/whl/cu118", Severity.LOW),
        ("-i https://mirror.example.org/simple", Severity.LOW),
        ("-ihttp://mirror.example.org/simple", Severity.HIGH),
        ("--trusted-host mirror.example.org", Severity.HIGH),
        ("--index-url https://${USER}.example.org", Severity.MEDIUM),
        ("git+https://example.org/a.git", Severity.MEDIUM),
        ("git+http://example.org/a.git", Severity.HIGH),
        (f"git+https://example.org/a.git@{'a' * 40}", Severity.INFO),
        ("-e git+https://example.org/a.git@v1#egg=a", Severity.MEDIUM),
        ("a @ http://example.org/a-1.tar.gz", Severity.HIGH),
        ("a @ https://example.org/a-1.tar.gz", Severity.MEDIUM),
    ],
)
def test_a_package_from_elsewhere_is_told_by_how_it_could_be_replaced(line: str, severity: Severity) -> None:
    assert severities("dependency-source", line + "\n") == [severity]


def test_a_password_in_an_address_is_not_repeated() -> None:
    address = "https://me:" + "hunter" + "2@pkgs.example.org/simple"
    told = found(LINES, f"--extra-index-url {address}\n")
    assert told
    assert all("hunter" not in item.model_dump_json() for item in told)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("transfomers", "transformers"),
        ("tensorfolw", "tensorflow"),
        ("hugging-face-hub", "huggingface-hub"),
        ("nurnpy", "numpy"),
        ("safetens0rs", "safetensors"),
        ("gradi0", "gradio"),
        ("\u0442orch", "torch"),
        ("huggingface-cli", "huggingface-hub"),
    ],
)
def test_a_name_that_stands_in_for_another_says_for_which(name: str, meant: str) -> None:
    doubt = suspicion(name)
    assert doubt is not None
    assert doubt.meant == meant


@pytest.mark.parametrize(
    "name",
    [
        "torch",
        "Torch",
        "torchvision",
        "torchx",
        "jax",
        "jedi",
        "faiss-gpu",
        "tf2onnx",
        "skops",
        "dataset",
        "my-own-thing",
    ],
)
def test_a_name_of_its_own_is_left_alone(name: str) -> None:
    assert suspicion(name) is None


def test_what_was_published_to_harm_is_critical() -> None:
    assert severities("dependency-squatted", "torchtriton\nultralytics==8.3.42\nultralytics==8.3.43\n") == [
        Severity.CRITICAL,
        Severity.CRITICAL,
    ]


def test_every_table_is_read() -> None:
    document = """
[build-system]
requires = ["setuptools==70.0.0"]
[project]
dependencies = ["torch>=2"]
[project.optional-dependencies]
gpu = ["triton==3.0.0"]
[dependency-groups]
dev = ["pytest==8.0.0", {include-group = "x"}]
[tool.poetry.group.docs.dependencies]
mkdocs = {git = "https://example.org/m.git", rev = "main"}
[tool.uv.sources]
own = {url = "https://example.org/own-1.whl"}
[[tool.uv.index]]
url = "https://pkgs.example.org/simple"
"""
    assert pins("pyproject.toml", document) == (
        "PyPI/setuptools==70.0.0",
        "PyPI/torch (unpinned)",
        "PyPI/triton==3.0.0",
        "PyPI/pytest==8.0.0",
        "PyPI/mkdocs (unpinned)",
        "PyPI/own (unpinned)",
    )
    told = [item for item in found("pyproject.toml", document) if item.rule == "dependency-source"]
    assert [item.location for item in told] == [
        "tool.poetry.group.docs.mkdocs",
        "tool.uv.index",
        "tool.uv.sources.own",
    ]


def test_a_lock_pins_what_it_resolved_and_leaves_the_project_out() -> None:
    text = """
version = 1
[[package]]
name = "own"
version = "0.1"
source = { editable = "." }
[[package]]
name = "numpy"
version = "2.0.0"
source = { registry = "https://example.org/simple" }
[[package]]
name = "forked"
version = "1.0"
source = { git = "https://example.org/f.git?rev=main#0123456789abcdef0123456789abcdef01234567" }
"""
    assert pins("uv.lock", text) == ("PyPI/numpy==2.0.0", "PyPI/forked==1.0")
    sources = [item.severity for item in found("uv.lock", text) if item.rule == "dependency-source"]
    assert sources == [Severity.INFO]


def test_mlflow_writes_two_kinds_of_environment() -> None:
    assert pins("python_env.yaml", "python: 3.11.4\nbuild_dependencies:\n- pip==24.0\ndependencies:\n- -r r.txt\n") == (
        "PyPI/pip==24.0",
    )
    assert pins("conda.yaml", "dependencies:\n- conda-forge::numpy=1.26.4=py311\n- pip<=23\n- pip:\n  - mlflow\n") == (
        "conda/numpy==1.26.4",
        "conda/pip (unpinned)",
        "PyPI/mlflow (unpinned)",
    )


@pytest.mark.parametrize(
    "line",
    ["!pip install a==1", "%pip install a==1", "! python -m pip install -U a==1", "!cd x && pip3 install a==1; ls"],
)
def test_a_notebook_asks_in_its_cells(line: str) -> None:
    text = json.dumps({"cells": [{"cell_type": "code", "source": f"import os\n{line}"}]})
    assert pins("demo.ipynb", text) == ("PyPI/a==1",)


def test_a_container_asks_over_continued_lines() -> None:
    text = "RUN apt-get update && \\\n  pip install --no-cache-dir -i http://x.example.org/s \\\n  'a==1' b && true\n"
    assert pins("Dockerfile", text) == ("PyPI/a==1", "PyPI/b (unpinned)")
    assert any(item.severity is Severity.HIGH for item in found("Dockerfile", text))


@pytest.mark.parametrize("path", ["pyproject.toml", "uv.lock", "Pipfile.lock", "conda.yaml", "setup.cfg", "setup.py"])
def test_what_breaks_its_format_is_an_error(path: str) -> None:
    file = memory_files({path: b"[\x00 : ("})[0]
    answers, _ = answer_file(plugin, file)
    assert {answer.outcome for answer in answers} == {Outcome.ERROR}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["requirements.txt", "pyproject.toml", "uv.lock", "conda.yaml", "setup.py", "Dockerfile"]),
    st.text(),
)
def test_any_text_gives_findings_or_an_error(path: str, text: str) -> None:
    for file in memory_files({path: text.encode("utf-8", "surrogatepass")}):
        try:
            list(plugin.scan(file))
        except Malformed:
            continue


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pyproject.toml", "a" + ".a" * 100_000 + " = 1"),
        ("pyproject.toml", '"a b"' + ' . "a b"' * 100_000 + " = 1"),
        ("pyproject.toml", "a = " + "[" * 100_000),
        ("uv.lock", "a = {" + "b." * 100_000 + "c = 1}"),
        ("setup.py", "x = " + "1+" * 400_000 + "1"),
        ("setup.py", "#" * 2_000_000),
        ("Pipfile.lock", "[" * 100_000),
    ],
)
def test_what_is_made_to_take_for_ever_is_refused(path: str, text: str) -> None:
    (file,) = memory_files({path: text.encode()})
    with pytest.raises(Malformed):
        list(plugin.scan(file))
