"""Model formats whose graph or configuration names what runs: Keras, TensorFlow, ONNX, and formats that wrap others.

Bytes are written by hand to the published schemas: protobuf fields by number, flatbuffers by offset, XML and JSON as text.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from bascule.builtin.scanners.keras_config.examples import external_link, hdf5_file
from corpus.case import Case
from corpus.containers import EVIL, gz, tar
from corpus.pickles import COMMAND
from pickled import torch_zip, zipped

Build = Callable[[], Mapping[str, bytes]]


# --- Keras ---


def layer(class_name: str, module: str | None = "keras.layers", registered: str | None = None, /, **config: Any) -> Any:
    row: dict[str, Any] = {"class_name": class_name, "config": config}
    if module is not None:
        row["module"] = module
    if registered is not None:
        row["registered_name"] = registered
    return row


def function(module: str, name: str, registered: str | None = None) -> Any:
    """As Keras 3 writes a function: its name is the whole configuration."""
    row = {"class_name": "function", "module": module, "config": name, "registered_name": registered or name}
    return {**row, "build_config": None}


def sequential(*layers: Any) -> Any:
    return layer("Sequential", "keras", None, name="m", layers=list(layers))


def keras(*layers: Any, **members: bytes) -> Mapping[str, bytes]:
    config = json.dumps(sequential(*layers)).encode()
    told = {"metadata.json": b'{"keras_version": "3.5.0"}', "config.json": config, "model.weights.h5": hdf5_file({})}
    return {"model.keras": zipped({**told, **members})}


def h5(*layers: Any) -> Mapping[str, bytes]:
    config = json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}).encode()
    return {"model.h5": hdf5_file({"model_config": config, "keras_version": b"2.12.0"})}


MARSHALLED = base64.b64encode(b"\xe3" + b"\0" * 40).decode()
LAMBDA = layer("Lambda", function={"class_name": "__lambda__", "config": {"code": MARSHALLED, "defaults": None}})
KERAS: dict[str, Build] = {
    "lambda": lambda: keras(LAMBDA),
    "lambda in a nested model": lambda: keras(sequential(LAMBDA)),
    "lambda in a wrapper": lambda: keras(layer("TimeDistributed", layer=LAMBDA)),
    "lambda old list": lambda: keras(layer("Lambda", function=[MARSHALLED, None, None], function_type="lambda")),
    "lambda as activation": lambda: keras(layer("Dense", activation={"class_name": "__lambda__", "config": {"code": MARSHALLED}})),
    "h5 lambda": lambda: h5({"class_name": "Lambda", "config": {"function": [MARSHALLED, None, None], "function_type": "lambda"}}),
    "h5 lambda nested": lambda: h5({"class_name": "Model", "config": {"layers": [{"class_name": "Lambda", "config": {"function": [MARSHALLED, None, None]}}]}}),
    "module os": lambda: keras(layer("system", "os", None, command=COMMAND)),
    "module subprocess": lambda: keras(layer("Popen", "subprocess", None, args=COMMAND)),
    "module builtins eval": lambda: keras(function("builtins", "eval", "function")),
    "function of another module": lambda: keras(layer("Dense", activation={"class_name": "function", "module": "os", "config": "system", "registered_name": "function"})),
    "keras utils get_file": lambda: keras(function("keras.utils", "get_file")),
    "get_file as activation": lambda: keras(layer("Dense", activation={"class_name": "function", "module": "keras.src.utils.file_utils", "config": "get_file", "registered_name": "get_file"})),
    "pip main": lambda: keras(layer("main", "pip", None, args=["install", "x"])),
    "enable_unsafe_deserialization": lambda: keras(function("keras.config", "enable_unsafe_deserialization"), LAMBDA),
    "registered name of a stranger": lambda: keras(layer("Evil", "evil_package.layers", "Evil")),
    "torch module wrapper": lambda: keras(layer("TorchModuleWrapper", "keras.src.utils.torch_utils", None, module={"class_name": "__bytes__", "config": base64.b64encode(torch_zip(EVIL)).decode()})),
    "torch module wrapper weights": lambda: keras(layer("TorchModuleWrapper", module=base64.b64encode(EVIL).decode())),
    "string lookup vocabulary": lambda: keras(layer("StringLookup", vocabulary="/etc/passwd")),
    "index lookup file": lambda: keras(layer("TextVectorization", vocabulary="../../secrets.txt")),
    "h5 external link": lambda: {"model.h5": hdf5_file({"model_config": b"{}"}, [external_link("w", "/etc/passwd", "/x")])},
    "weights external link": lambda: keras(layer("Dense", units=1), **{"model.weights.h5": hdf5_file({}, [external_link("w", "../x.h5", "/x")])}),
    "traversing member": lambda: keras(layer("Dense", units=1), **{"../../evil.py": b"import os"}),
    "pickled optimiser member": lambda: keras(layer("Dense", units=1), **{"assets/state.pkl": EVIL}),
    "json config beside": lambda: {"model.json": json.dumps(sequential(LAMBDA)).encode(), "model.weights.h5": hdf5_file({})},
    "yaml config beside": lambda: {"model.yaml": b"class_name: !!python/object/apply:os.system [" + COMMAND.encode() + b"]\n"},
}  # fmt: skip


# --- protobuf: TensorFlow, ONNX, Core ML, Paddle ---


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tf_attr(key: str, value: str | bytes) -> bytes:
    return field(5, field(1, key) + field(2, field(2, value)))


def tf_node(op: str, name: str = "n", *attrs: bytes) -> bytes:
    return field(1, field(1, name) + field(2, op) + b"".join(attrs))


def graph_def(*nodes: bytes, library: bytes = b"") -> bytes:
    return b"".join(nodes) + (field(2, library) if library else b"") + field(4, field(1, 1500))


def tf_function(name: str, *nodes: bytes) -> bytes:
    body = b"".join(field(3, node[len(varint(1 << 3 | 2)) + _length_bytes(node) :]) for node in nodes)
    return field(1, field(1, field(1, name)) + body)


def _length_bytes(node: bytes) -> int:
    at = 1
    while node[at] & 0x80:
        at += 1
    return at


def saved_model(graph: bytes) -> Mapping[str, bytes]:
    meta = field(1, field(4, "serve")) + field(2, graph)
    return {"model/saved_model.pb": field(1, 1) + field(2, meta), "model/variables/variables.index": b"\0" * 48}


TF_PLAIN = (tf_node("Placeholder", "x"), tf_node("MatMul", "y"), tf_node("Softmax", "z"))


# --- ONNX ---


def onnx_node(op: str, domain: str = "", attribute: bytes = b"") -> bytes:
    return field(1, field(1, "x") + field(2, "y") + field(4, op) + (field(7, domain) if domain else b"") + attribute)


def onnx(*nodes: bytes, initialisers: tuple[bytes, ...] = (), extra: bytes = b"", domain: str = "") -> bytes:
    graph = b"".join(nodes) + field(2, "g") + b"".join(field(5, row) for row in initialisers)
    opset = field(8, field(1, domain) + field(2, 17)) if domain else field(8, field(2, 17))
    return field(1, 8) + field(2, "pytorch") + field(7, graph) + opset + extra


def external(location: str, offset: int = 0) -> bytes:
    entry = field(13, field(1, "location") + field(2, location)) + field(13, field(1, "offset") + field(2, str(offset)))
    return field(1, 4) + field(2, 1) + field(8, "w") + entry + field(14, 1)


RELU = onnx_node("Relu")


# --- TensorFlow Lite ---


def tflite(*operators: tuple[int, str]) -> bytes:
    """A model of no tensors: operator codes alone, as a flatbuffer. (builtin code, custom name)."""
    count = len(operators)
    vector_at = 36  # root at 24 behind its vtable at 12; every offset below points forward
    tables_at = vector_at + 4 + 4 * count
    names = [name.encode() + b"\0" * (4 - len(name) % 4) for _, name in operators]
    name_at, places = tables_at + 32 * count, []
    for raw in names:
        places.append(name_at)
        name_at += 4 + len(raw)
    out = struct.pack("<I", 24) + b"TFL3" + b"\0" * 4
    out += struct.pack("<4H", 8, 12, 4, 8) + b"\0" * 4
    out += struct.pack("<iII", 12, 3, vector_at - 32) + struct.pack("<I", count)
    out += b"".join(struct.pack("<I", tables_at + 32 * at + 12 - (vector_at + 4 + 4 * at)) for at in range(count))
    for at, (builtin, _) in enumerate(operators):
        # vtable: deprecated_builtin_code, custom_code, version, builtin_code
        table = tables_at + 32 * at + 12
        out += struct.pack("<6H", 12, 20, 4, 8, 12, 16) + struct.pack("<i", 12)
        out += struct.pack("<b3x", min(builtin, 127)) + struct.pack("<I", places[at] - (table + 8))
        out += struct.pack("<ii", 1, builtin)
    for (_, name), raw in zip(operators, names, strict=True):
        out += struct.pack("<I", len(name)) + raw
    return out


# --- R ---


def rds(*items: bytes) -> bytes:
    return gz(b"X\n" + struct.pack(">iii", 3, 0x040200, 0x030500) + struct.pack(">i", 5) + b"UTF-8" + b"".join(items))


def r_symbol(name: str) -> bytes:
    raw = name.encode()
    return struct.pack(">i", 1) + struct.pack(">ii", 0x00040009, len(raw)) + raw


def r_promise(expression: bytes) -> bytes:
    """PROMSXP with an environment and no value: evaluated when somebody looks at it (CVE-2024-27322)."""
    return struct.pack(">i", 0x405) + struct.pack(">i", 253) + struct.pack(">i", 252) + expression


def r_call(function: str, argument: str) -> bytes:
    raw = argument.encode()
    text = struct.pack(">ii", 16, 1) + struct.pack(">ii", 0x00040009, len(raw)) + raw
    return struct.pack(">i", 6) + r_symbol(function) + struct.pack(">i", 2) + text + struct.pack(">i", 254)


SKOPS_EVIL = {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "content": "posix.system"}
PMML = "<?xml version='1.0'?>{}<PMML version='4.4' xmlns='http://www.dmg.org/PMML-4_4'>{}</PMML>"
MLMODEL = "flavors:\n  python_function:\n    loader_module: {}\n    data: {}\n    code: {}\n"

GRAPHS: dict[str, Build] = {
    "tf ReadFile": lambda: saved_model(graph_def(*TF_PLAIN, tf_node("ReadFile", "r"))),
    "tf WriteFile": lambda: saved_model(graph_def(*TF_PLAIN, tf_node("WriteFile", "w"))),
    "tf MatchingFiles": lambda: saved_model(graph_def(tf_node("MatchingFiles", "m"), *TF_PLAIN)),
    "tf PyFunc": lambda: saved_model(graph_def(*TF_PLAIN, tf_node("PyFunc", "p", tf_attr("token", "pyfunc_0")))),
    "tf EagerPyFunc": lambda: saved_model(graph_def(*TF_PLAIN, tf_node("EagerPyFunc", "p"))),
    "tf custom op": lambda: saved_model(graph_def(*TF_PLAIN, tf_node("EvilCorp>ShellExec", "s"))),
    "tf in a function": lambda: saved_model(graph_def(*TF_PLAIN, library=tf_function("f", tf_node("WriteFile", "w")))),
    "tf frozen graph": lambda: {"frozen.pb": graph_def(*TF_PLAIN, tf_node("WriteFile", "w"))},
    "tf meta graph": lambda: {"model.ckpt.meta": field(1, field(4, "train")) + field(2, graph_def(*TF_PLAIN, tf_node("ReadFile", "r")))},
    "tflite custom op": lambda: {"m.tflite": tflite((32, "EvilOp"))},
    "tflite flex write": lambda: {"m.tflite": tflite((32, "FlexWriteFile"))},
    "tflite bad offsets": lambda: {"m.tflite": struct.pack("<I", 0x7FFFFFF0) + b"TFL3" + b"\0" * 64},
    "onnx traversal": lambda: {"m.onnx": onnx(RELU, initialisers=(external("../../../etc/passwd"),))},
    "onnx absolute": lambda: {"m.onnx": onnx(RELU, initialisers=(external("/etc/passwd"),))},
    "onnx windows path": lambda: {"m.onnx": onnx(RELU, initialisers=(external("..\\..\\secrets.bin"),))},
    "onnx url": lambda: {"m.onnx": onnx(RELU, initialisers=(external("file:///etc/passwd"),))},
    "onnx external of a config": lambda: {"m.onnx": onnx(RELU, initialisers=(external("sub/../../x"),))},
    "onnx python op": lambda: {"m.onnx": onnx(onnx_node("PyOp", "ai.onnx.contrib.py"), domain="ai.onnx.contrib.py")},
    "onnx custom domain": lambda: {"m.onnx": onnx(RELU, onnx_node("ShellExec", "com.evil"), domain="com.evil")},
    "onnx in a subgraph": lambda: {"m.onnx": onnx(onnx_node("If", "", field(5, field(1, "then_branch") + field(6, onnx_node("Relu") + field(5, external("../x"))) + field(20, 5))))},
    "onnx metadata pickle": lambda: {"m.onnx": onnx(RELU, extra=field(14, field(1, "k") + field(2, base64.b64encode(EVIL))))},
    "onnx short external": lambda: {"m.onnx": onnx(RELU, initialisers=(external("m.onnx.data", 1 << 40),)), "m.onnx.data": b"\0" * 16},
    "coreml custom layer": lambda: {"m.mlmodel": field(1, 4) + field(500, field(1, field(1, "c") + field(500, field(10, "EvilLayer"))))},
    "coreml custom model": lambda: {"m.mlmodel": field(1, 4) + field(555, field(10, "EvilModel"))},
    "paddle py_func": lambda: {"m.pdmodel": field(1, field(1, 0) + field(2, 0) + field(4, field(1, field(1, "X")) + field(3, "py_func")))},
    "skops function": lambda: {"m.skops": zipped({"schema.json": json.dumps({**SKOPS_EVIL, "protocol": 0}).encode()})},
    "skops method": lambda: {"m.skops": zipped({"schema.json": json.dumps({"__class__": "method", "__module__": "builtins", "__loader__": "MethodNode", "content": {"func": "__reduce__", "obj": SKOPS_EVIL}, "protocol": 2}).encode()})},
    "skops operator": lambda: {"m.skops": zipped({"schema.json": json.dumps({"__class__": "call", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": SKOPS_EVIL, "protocol": 2}).encode()})},
    "skops with a pickle": lambda: {"m.skops": zipped({"schema.json": b"{}", "x.pkl": EVIL})},
    "pmml external entity": lambda: {"m.pmml": PMML.format('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', "&e;").encode()},
    "pmml billion laughs": lambda: {"m.pmml": PMML.format('<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>', "&c;").encode()},
    "pmml script": lambda: {"m.pmml": PMML.format("", '<Extension name="script" value="java.lang.Runtime.getRuntime().exec(&quot;id&quot;)"/>').encode()},
    "openvino custom op": lambda: {"m.xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><net name="m" version="11"><layers><layer id="0" name="e" type="EvilOp" version="evil_extension"/></layers></net>', "m.bin": b"\0" * 64},
    "mlflow loader module": lambda: {"MLmodel": MLMODEL.format("os", "m.pkl", "code").encode(), "m.pkl": EVIL},
    "mlflow traversal": lambda: {"MLmodel": MLMODEL.format("mlflow.sklearn", "../../m.pkl", "../code").encode()},
    "flax msgpack code": lambda: {"flax_model.msgpack": b"\x81\xa1w\xc7" + bytes([len(EVIL)]) + b"\x2a" + EVIL},
    "r promise": lambda: {"m.rds": rds(r_promise(r_call("system", COMMAND)))},
    "r call": lambda: {"m.rds": rds(r_call("system", COMMAND))},
    "r workspace": lambda: {"m.rda": gz(b"RDX3\nX\n" + struct.pack(">iii", 3, 0x040200, 0x030500) + struct.pack(">i", 5) + b"UTF-8" + r_promise(r_call("system", COMMAND)))},
    "nemo target": lambda: {"m.nemo": tar({"./model_config.yaml": b"_target_: os.system\n_args_: ['id']\n", "./model_weights.ckpt": b"\0"})},
    "llamafile": lambda: {"model.llamafile": b"MZqFpD='\n" + b"#'\"\n" + b"\0" * 64 + b"\x7fELF\x02\x01\x01" + b"\0" * 9 + struct.pack("<HHI", 2, 62, 1) + b"\0" * 200},
    "native library": lambda: {"lib/custom_ops.so": b"\x7fELF\x02\x01\x01" + b"\0" * 9 + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, 1, 64, 0, 0) + b"\0" * 200},
    "executorch": lambda: {"m.pte": struct.pack("<I", 16) + b"ET12" + b"\0" * 32 + zipped({"x/data.pkl": EVIL, "x/version": b"3\n"})},
    "xgboost pickle": lambda: {"m.xgb": EVIL},
    "catboost with a script": lambda: {"m.cbm": b"CBM1" + struct.pack("<I", 8) + b"\0" * 8 + EVIL},
}  # fmt: skip


def _cases(klass: str, table: dict[str, Build]) -> tuple[Case, ...]:
    return tuple(
        Case(f"{klass}-{name}", klass, "malicious", build, f"{klass}: {name}") for name, build in table.items()
    )


CASES: tuple[Case, ...] = (*_cases("keras", KERAS), *_cases("graphs", GRAPHS))
