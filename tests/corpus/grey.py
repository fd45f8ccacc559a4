"""Custom code that is declared, and classes of a project's own: nothing attacks, and a policy has to decide."""

from __future__ import annotations

import json

from corpus.case import Case
from corpus.containers import npz
from corpus.graphs import RELU, keras, layer, onnx, onnx_node
from pickled import built, called, given, npy, number, proto, stacked, text, torch_zip, zipped

MODELING = b'''"""A model of our own."""
import torch
from torch import nn
from transformers import PreTrainedModel

from .configuration_x import XConfig


class XModel(PreTrainedModel):
    config_class = XConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden):
        return self.layer(hidden)
'''
CONFIG = json.dumps({"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel"}}).encode()


def own(name: str = "mylab.models.Classifier") -> bytes:
    module, _, kind = name.rpartition(".")
    return given(built(stacked(module, kind)), weights=text("w"), bias=number(3))


GREY = {
    "own class": lambda: {"m.pkl": proto(own())},
    "own class in a state": lambda: {"m.pkl": proto(b"}" + text("model") + own() + b"s")},
    "own class in torch": lambda: {"m.pt": torch_zip(proto(b"}" + text("model") + own("project.nets.Net") + b"s", 2))},
    "own enum": lambda: {"m.pkl": proto(called(stacked("project.kinds", "Mode"), number(2)))},
    "own pipeline step": lambda: {"p.joblib": proto(given(built(stacked("sklearn.pipeline", "Pipeline")), steps=own("features.text.Cleaner")))},
    "own dataclass": lambda: {"m.pkl": proto(given(built(stacked("__main__", "Config")), lr=number(1)))},
    "own tokenizer class": lambda: {"tokenizer.pkl": proto(given(built(stacked("ourlib.tokens", "Vocabulary")), words=text("a b c")))},
    "keras custom layer": lambda: keras(layer("Attention2", None, "ours>Attention2")),
    "onnx published extension": lambda: {"m.onnx": onnx(RELU, onnx_node("FusedMatMul", "com.microsoft"), domain="com.microsoft")},
    "declared remote code": lambda: {"config.json": CONFIG, "modeling_x.py": MODELING, "configuration_x.py": b"from transformers import PretrainedConfig\n\n\nclass XConfig(PretrainedConfig):\n    model_type = 'x'\n"},
    "hydra of a framework": lambda: {"config.yaml": b"model:\n  _target_: mylab.models.Net\n  width: 4\n"},
    "mlflow own code": lambda: {"MLmodel": b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    code: code\n    model_path: model.pkl\n"},
    "skops own type": lambda: {"m.skops": zipped({"schema.json": json.dumps({"__class__": "Cleaner", "__module__": "features.text", "__loader__": "ObjectNode", "content": {}, "protocol": 2}).encode()})},
    "object array of own classes": lambda: {"a.npz": npz({"x": npy("'|O'", "(1,)", proto(own(), 3))})},
}  # fmt: skip

CASES: tuple[Case, ...] = tuple(
    Case(f"grey-{name}", "grey", "grey", build, f"declared: {name}") for name, build in GREY.items()
)
