"""Files as honest tools write them, in the layouts of those tools; several trip other scanners."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

import lz4.frame

from corpus.case import Case
from corpus.containers import npz, tar
from corpus.graphs import (
    RELU,
    TF_PLAIN,
    external,
    field,
    function,
    graph_def,
    h5,
    keras,
    layer,
    onnx,
    onnx_node,
    rds,
    saved_model,
    tflite,
)
from corpus.headers import ARCH, INDEX, LLAMA, ONE, TWO, W, gguf, index, llama, noise, pair, st, tensor, weights
from corpus.templates import END, LOOP
from pickled import (
    built,
    called,
    dtype,
    given,
    items,
    joblib_array,
    named,
    npy,
    number,
    proto,
    stacked,
    state_dict,
    text,
    torch_legacy,
    torch_zip,
    zipped,
)

Build = Callable[[], Mapping[str, bytes]]


def array(version: str = "numpy.core.multiarray", count: int = 4) -> bytes:
    """An ndarray as numpy reduces it."""
    made = called(stacked(version, "_reconstruct"), stacked("numpy", "ndarray"), b"K\0\x85", b"C\x01b")
    raw = struct.pack(f"<{count}d", *range(count))
    return (
        made + items(b"K\x01", b"K" + bytes([count]) + b"\x85", dtype(), b"\x89", b"C" + bytes([len(raw)]) + raw) + b"b"
    )


def scalar(value: float = 1.5) -> bytes:
    return called(stacked("numpy.core.multiarray", "scalar"), dtype(), b"C\x08" + struct.pack("<d", value))


def estimator(dotted: str, **state: bytes) -> bytes:
    module, _, name = dotted.rpartition(".")
    return given(built(stacked(module, name)), **state, _sklearn_version=text("1.5.0"))


def old(dotted: str, **state: bytes) -> bytes:
    """As protocol 0 and 1 rebuild objects of new classes."""
    module, _, name = dotted.rpartition(".")
    return given(
        called(stacked("copyreg", "_reconstructor"), stacked(module, name), stacked("builtins", "object"), b"N"),
        **state,
    )


SKLEARN = """sklearn.linear_model._logistic.LogisticRegression sklearn.linear_model._base.LinearRegression sklearn.svm._classes.SVC
sklearn.preprocessing._data.StandardScaler sklearn.preprocessing._label.LabelEncoder sklearn.preprocessing._encoders.OneHotEncoder
sklearn.feature_extraction.text.TfidfVectorizer sklearn.feature_extraction.text.CountVectorizer sklearn.decomposition._pca.PCA
sklearn.cluster._kmeans.KMeans sklearn.naive_bayes.MultinomialNB sklearn.neighbors._classification.KNeighborsClassifier
sklearn.pipeline.Pipeline sklearn.compose._column_transformer.ColumnTransformer sklearn.impute._base.SimpleImputer
sklearn.ensemble._forest.RandomForestClassifier sklearn.neural_network._multilayer_perceptron.MLPClassifier
sklearn.isotonic.IsotonicRegression sklearn.calibration.CalibratedClassifierCV sklearn.model_selection._search.GridSearchCV"""


def _sklearn() -> Iterator[tuple[str, Build]]:
    for at, name in enumerate(SKLEARN.split()):
        yield (
            f"sklearn {name.rpartition('.')[2]}",
            lambda name=name, at=at: {
                f"model.{('pkl', 'joblib')[at % 2]}": proto(
                    estimator(name, coef_=array(), intercept_=scalar(), classes_=array())
                )
            },
        )


def storage(kind: str, key: str) -> bytes:
    return items(text("storage"), named("torch", kind), text(key), text("cpu"), b"K\x04") + b"Q"


def torch_state(kind: str) -> bytes:
    one = called(
        named("torch._utils", "_rebuild_tensor_v2"),
        storage(kind, "0"),
        b"K\0",
        b"K\x04\x85",
        b"K\x01\x85",
        b"\x89",
        called(named("collections", "OrderedDict")),
    )
    return proto(called(named("collections", "OrderedDict")) + b"(" + text("w") + one + b"u", 2)


PARAMETER = called(
    named("torch._utils", "_rebuild_parameter"),
    called(
        named("torch._utils", "_rebuild_tensor_v2"),
        storage("FloatStorage", "0"),
        b"K\0",
        b"K\x04\x85",
        b"K\x01\x85",
        b"\x89",
        called(named("collections", "OrderedDict")),
    ),
    b"\x88",
    called(named("collections", "OrderedDict")),
)
OPTIMISER = (
    b"}("
    + text("state")
    + b"}"
    + text("param_groups")
    + b"](}("
    + text("lr")
    + b"G?P\0\0\0\0\0\0"
    + text("betas")
    + items(b"G?\xec\xcc\xcc\xcc\xcc\xcc\xcd", b"G?\xef\xf7\xce\xd9\x16\x87+")
    + b"ue"
    + b"u"
)

PICKLES: dict[str, Build] = {
    "none": lambda: {"a.pkl": proto(b"N")},
    "dictionary": lambda: {"a.pkl": proto(b"}(" + text("a") + number(1) + text("b") + text("c") + b"u")},
    "protocol 0 dictionary": lambda: {"a.pkl": b"(dp0\nS'a'\np1\nI1\nsS'b'\np2\nF1.5\ns."},
    "protocol 5 bytes": lambda: {"a.pkl": b"\x80\x05\x96\x04\0\0\0\0\0\0\0abcd."},
    "ordered dictionary": lambda: {"a.pkl": proto(called(stacked("collections", "OrderedDict")) + b"(" + text("a") + number(1) + b"u")},
    "defaultdict of lists": lambda: {"a.pkl": proto(called(stacked("collections", "defaultdict"), stacked("builtins", "list")))},
    "counter": lambda: {"a.pkl": proto(called(stacked("collections", "Counter"), b"}" + text("a") + number(1) + b"s"))},
    "set": lambda: {"a.pkl": proto(called(stacked("builtins", "set"), b"](" + number(1) + number(2) + b"e"), 2)},
    "datetime": lambda: {"a.pkl": proto(called(stacked("datetime", "datetime"), b"C\x0a\x07\xe8\x01\x01\0\0\0\0\0\0"))},
    "decimal": lambda: {"a.pkl": proto(called(stacked("decimal", "Decimal"), text("1.5")))},
    "fraction": lambda: {"a.pkl": proto(called(stacked("fractions", "Fraction"), text("1/3")))},
    "uuid": lambda: {"a.pkl": proto(given(built(stacked("uuid", "UUID")), int=number(5)))},
    "posix path": lambda: {"a.pkl": proto(called(stacked("pathlib", "PosixPath"), text("data"), text("x")))},
    "complex": lambda: {"a.pkl": proto(called(stacked("builtins", "complex"), b"G" + bytes(8), b"G" + bytes(8)))},
    "bytes of protocol 2": lambda: {"a.pkl": proto(called(stacked("_codecs", "encode"), text("abc"), text("latin1")), 2)},
    "namespace": lambda: {"a.pkl": proto(given(called(stacked("argparse", "Namespace")), lr=number(1)))},
    "ndarray": lambda: {"a.pkl": proto(array())},
    "ndarray of numpy 2": lambda: {"a.pkl": proto(array("numpy._core.multiarray"))},
    "numpy scalar": lambda: {"a.pkl": proto(scalar())},
    "numpy random state": lambda: {"a.pkl": proto(called(stacked("numpy.random._pickle", "__randomstate_ctor"), text("MT19937")))},
    "numpy generator": lambda: {"a.pkl": proto(called(stacked("numpy.random._pickle", "__generator_ctor"), text("PCG64")))},
    "scipy sparse": lambda: {"a.pkl": proto(given(built(stacked("scipy.sparse._csr", "csr_matrix")), data=array(), indices=array(), indptr=array(), _shape=items(number(2), number(2))))},
    "scipy sparse, old": lambda: {"a.pkl": proto(old("scipy.sparse.csr.csr_matrix", data=array()), 2)},
    "pandas frame": lambda: {"f.pkl": proto(given(built(stacked("pandas.core.frame", "DataFrame")), _mgr=called(stacked("pandas.core.internals.managers", "BlockManager"), items(), b"]")))},
    "keras tokenizer": lambda: {"tokenizer.pickle": proto(given(built(stacked("keras_preprocessing.text", "Tokenizer")), word_counts=called(stacked("collections", "OrderedDict")), num_words=number(10)))},
    "keras 3 tokenizer": lambda: {"tokenizer.pickle": proto(given(built(stacked("keras.src.legacy.preprocessing.text", "Tokenizer")), num_words=number(10)))},
    "two pickles": lambda: {"a.pkl": proto(b"}") + proto(b"]")},
    "a word that is a command": lambda: {"a.pkl": proto(b"](" + text("os.system") + text("rm -rf /") + text("eval") + b"e")},
    "xgboost classifier": lambda: {"x.pkl": proto(given(built(stacked("xgboost.sklearn", "XGBClassifier")), n_estimators=number(5)))},
    "lightgbm booster": lambda: {"x.pkl": proto(given(built(stacked("lightgbm.basic", "Booster")), handle=text("tree")))},
    "joblib arrays": lambda: {"m.joblib": b"\x80\x03}(" + text("a") + joblib_array(struct.pack("<4d", 1, 2, 3, 4)) + b"u."},
    "joblib zlib": lambda: {"m.joblib": zlib.compress(b"\x80\x03}(" + text("a") + joblib_array(struct.pack("<4d", 1, 2, 3, 4)) + b"u.")},
    "joblib gzip": lambda: {"m.joblib.gz": gzip.compress(proto(estimator("sklearn.svm._classes.SVC", a=array())), mtime=0)},
    "joblib bz2": lambda: {"m.joblib.bz2": bz2.compress(proto(estimator("sklearn.svm._classes.SVC", a=array())))},
    "joblib xz": lambda: {"m.joblib.xz": lzma.compress(proto(estimator("sklearn.svm._classes.SVC", a=array())))},
    "joblib lz4": lambda: {"m.joblib.lz4": lz4.frame.compress(proto(estimator("sklearn.svm._classes.SVC", a=array())))},
    "torch state": lambda: {"model.pt": torch_zip(state_dict())},
    "torch legacy": lambda: {"model.pt": torch_legacy(state_dict())},
    "torch bfloat16": lambda: {"pytorch_model.bin": torch_zip(torch_state("BFloat16Storage"))},
    "torch half": lambda: {"pytorch_model.bin": torch_zip(torch_state("HalfStorage"))},
    "torch long": lambda: {"pytorch_model.bin": torch_zip(torch_state("LongStorage"))},
    "torch bool": lambda: {"pytorch_model.bin": torch_zip(torch_state("BoolStorage"))},
    "torch parameter": lambda: {"model.pth": torch_zip(proto(b"}" + text("p") + PARAMETER + b"s", 2))},
    "torch optimiser": lambda: {"optimizer.pt": torch_zip(proto(OPTIMISER, 2))},
    "torch size and device": lambda: {"x.pt": torch_zip(proto(b"](" + called(named("torch", "Size"), items(number(2))) + called(named("torch", "device"), text("cpu")) + b"e", 2))},
    "torch deflated": lambda: {"model.pt": zipped({"archive/data.pkl": state_dict(), "archive/data/0": bytes(64), "archive/version": b"3\n"}, 8)},
}  # fmt: skip

DTYPES = ("<f4", "<f8", "<f2", "<i8", "<i4", "|i1", "|u1", "|b1", "<c8", "<U4", "|S4", "<M8[D]")


def _dtypes() -> Iterator[tuple[str, Build]]:
    sizes = {"<U4": 16, "|S4": 4, "<M8[D]": 8}
    for name in DTYPES:
        size = sizes.get(name, int(name[2:]) if name[2:].isdigit() else 1)
        yield f"npy {name}", lambda name=name, size=size: {"a.npy": npy(f"'{name}'", "(2,)", bytes(2 * size))}


def notebook(source: str) -> bytes:
    cell = {"cell_type": "code", "source": source, "metadata": {}, "execution_count": 1, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


DENSE = layer("Dense", units=4, activation="relu")
OTHERS: dict[str, Build] = {
    "npz": lambda: {"a.npz": npz({"a": npy("'<f8'", "(2,)", bytes(16)), "b": npy("'<i8'", "(1,)", bytes(8))})},
    "keras": lambda: keras(DENSE, layer("Dropout", rate=0.1)),
    "keras built-in activation": lambda: keras(layer("Dense", units=1, activation=function("keras.activations", "gelu"))),
    "keras nested": lambda: keras(layer("TimeDistributed", layer=DENSE)),
    "keras vocabulary": lambda: keras(layer("StringLookup", vocabulary=["a", "b"])),
    "keras h5": lambda: h5({"class_name": "Dense", "config": {"units": 4}}),
    "saved model": lambda: saved_model(graph_def(*TF_PLAIN)),
    "frozen graph": lambda: {"g.pb": graph_def(*TF_PLAIN)},
    "tflite": lambda: {"m.tflite": tflite((9, ""), (22, ""))},
    "onnx": lambda: {"m.onnx": onnx(RELU, onnx_node("MatMul"), onnx_node("Softmax"))},
    "onnx ml": lambda: {"m.onnx": onnx(onnx_node("TreeEnsembleClassifier", "ai.onnx.ml"), domain="ai.onnx.ml")},
    "onnx external": lambda: {"m.onnx": onnx(RELU, initialisers=(external("m.onnx.data"),)), "m.onnx.data": bytes(4)},
    "onnx metadata": lambda: {"m.onnx": onnx(RELU, extra=field(14, field(1, "author") + field(2, "a lab")))},
    "rds numbers": lambda: {"d.rds": rds(struct.pack(">ii", 14, 2) + struct.pack(">dd", 1, 2))},
    "safetensors": lambda: {"model.safetensors": st({"__metadata__": {"format": "pt"}, "w": W})},
    "safetensors noise": lambda: {"model.safetensors": weights(noise(30_000))},
    "safetensors training log": lambda: {"model.safetensors": st({"__metadata__": {"ss_learning_rate": "1e-4", "ss_tag_frequency": '{"img": {"a, b": 3}}'}, "w": W})},
    "safetensors empty": lambda: {"model.safetensors": st({}, b"")},
    "llama": lambda: {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": llama()},
    "shards": lambda: {INDEX: index(w=ONE, v=TWO), ONE: st({"w": W}), TWO: st({"v": W})},
    "gguf": lambda: {"m.gguf": gguf()},
    "gguf tokens": lambda: {"m.gguf": gguf((ARCH, pair("general.name", "a"), pair("tokenizer.chat_template", LOOP + END)))},
    "gguf two tensors": lambda: {"m.gguf": gguf(tensors=(tensor("a", (8,)), tensor("b", (8,), 0, 32)), data=bytes(64))},
    "template chatml": lambda: {"tokenizer_config.json": json.dumps({"chat_template": LOOP + END}).encode()},
    "template with a default": lambda: {"chat_template.jinja": ("{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}" + LOOP + END).encode()},
    "template with tools": lambda: {"chat_template.jinja": ("{% if tools %}<|im_start|>system\n# Tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}" + LOOP + END).encode()},
    "template with a date": lambda: {"chat_template.jinja": ("<|im_start|>system\nToday is {{ strftime_now('%d %b %Y') }}.<|im_end|>\n" + LOOP + END).encode()},
    "template raising": lambda: {"chat_template.jinja": (b"{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ m['content'] | trim }}{% endfor %}")},
    "notebook": lambda: {"n.ipynb": notebook("import torch\nmodel = torch.nn.Linear(2, 2)\nprint(model)")},
    "notebook install": lambda: {"n.ipynb": notebook("!pip install transformers==4.44.0\n!ls")},
    "requirements": lambda: {"requirements.txt": ("torch==2.4.0 --hash=sha256:" + "a" * 64 + "\ntransformers==4.44.0 --hash=sha256:" + "b" * 64 + "\n").encode()},
    "requirements loose": lambda: {"requirements.txt": b"torch>=2.0\nnumpy\nscikit-learn~=1.5\ntyping_extensions\n"},
    "pyproject": lambda: {"pyproject.toml": b'[build-system]\nrequires = ["hatchling"]\n\n[project]\nname = "x"\nversion = "1"\ndependencies = ["numpy>=1.26"]\n'},
    "conda": lambda: {"environment.yml": b"name: x\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11\n  - numpy=1.26\n"},
    "dockerfile": lambda: {"Dockerfile": b"FROM python:3.11-slim\nCOPY . /app\nRUN pip install --no-cache-dir -r /app/requirements.txt\nCMD [\"python\", \"/app/serve.py\"]\n"},
    "modelfile": lambda: {"Modelfile": b"FROM ./model.gguf\nPARAMETER temperature 0.7\nSYSTEM You are a helpful assistant.\n", "model.gguf": gguf()},
    "yaml": lambda: {"config.yaml": b"model:\n  name: x\n  layers: [1, 2]\n  note: !!str 5\n"},
    "hydra": lambda: {"config.yaml": b"optimizer:\n  _target_: torch.optim.AdamW\n  lr: 0.001\nloss:\n  _target_: torch.nn.CrossEntropyLoss\n"},
    "training script": lambda: {"train.py": b"import argparse\nimport os\n\nimport torch\n\n\ndef main():\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--out')\n    args = parser.parse_args()\n    os.makedirs(args.out, exist_ok=True)\n    torch.save({}, args.out + '/m.pt')\n\n\nif __name__ == '__main__':\n    main()\n"},
    "setup.py": lambda: {"setup.py": b"from setuptools import find_packages, setup\n\nsetup(name='x', version='1', packages=find_packages(), install_requires=['numpy'])\n"},
    "shell script": lambda: {"train.sh": b"#!/bin/bash\nset -e\npython train.py --out out\n"},
    "adapter": lambda: {"adapter_config.json": b'{"peft_type": "LORA", "base_model_name_or_path": "mistralai/Mistral-7B-v0.1", "r": 8, "revision": null}', "adapter_model.safetensors": st({"base.lora_A.weight": W})},
    "tokenizer": lambda: {"tokenizer_config.json": b'{"added_tokens_decoder": {"0": {"content": "<s>", "special": true}, "1": {"content": "</s>", "special": true}}}', "tokenizer.json": json.dumps({"added_tokens": [{"id": 0, "content": "<s>", "special": True}, {"id": 1, "content": "</s>", "special": True}], "model": {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "a": 2}, "merges": []}}).encode()},
    "svg": lambda: {"logo.svg": b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path d="M0 0h1v1z"/></svg>'},
    "card": lambda: {"README.md": b"---\nlicense: apache-2.0\n---\n# A model\n\n<p align=\"center\"><img src=\"logo.png\" width=\"200\"></p>\n\n    pip install transformers\n"},
    "pmml": lambda: {"m.pmml": b'<?xml version="1.0"?><PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/><DataDictionary/></PMML>'},
    "openvino": lambda: {"m.xml": b'<?xml version="1.0"?><net name="m" version="11"><layers><layer id="0" name="x" type="Parameter" version="opset1"/></layers><edges/></net>', "m.bin": noise(64)},
    "skops": lambda: {"m.skops": zipped({"schema.json": json.dumps({"__class__": "LogisticRegression", "__module__": "sklearn.linear_model._logistic", "__loader__": "ObjectNode", "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "content": {}}, "protocol": 2}).encode()})},
    "mlflow": lambda: {"MLmodel": b"artifact_path: model\nflavors:\n  python_function:\n    loader_module: mlflow.sklearn\n    model_path: model.pkl\n    env:\n      conda: conda.yaml\n"},
    "zip of texts": lambda: {"a.zip": zipped({"data/a.txt": b"hello", "data/b.json": b"{}"})},
    "tar.gz": lambda: {"a.tar.gz": gzip.compress(tar({"d/a.txt": b"hello", "d/b.npy": npy("'<f8'", "(1,)", bytes(8))}), mtime=0)},
    "csv": lambda: {"train.csv": b"a,b\n1,2\n3,4\n"},
    "jsonl": lambda: {"data.jsonl": b'{"text": "How do I run os.system in Python?"}\n{"text": "eval(x) is risky"}\n'},
}  # fmt: skip

CASES: tuple[Case, ...] = tuple(
    Case(f"benign-{name}", klass, "benign", build, f"as tools write it: {name}")
    for klass, rows in (
        ("benign-pickle", (*PICKLES.items(), *_sklearn())),
        ("benign-other", (*_dtypes(), *OTHERS.items())),
    )
    for name, build in rows
)
