"""Conversion to safetensors: the tensors are the same, nothing runs, and what cannot be said is refused by name."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import pickled
from bascule.collect.convert import convert
from bascule.kernel.errors import InputError
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.media import media_type_of
from bascule.plugins.readers.pickles.found import NotConvertible
from bascule.plugins.readers.pickles.stream import span_of
from bascule.plugins.readers.pickles.tensors import plan
from bascule.plugins.readers.safetensors import read_header
from pickled import called, items, named, number, proto, stacked, text

WEIGHT = np.arange(12, dtype="<f4").reshape(3, 4)
BIAS = np.array([1.5, -2.5, 3.5], dtype="<f4")


def storage(kind: str, key: str, count: int, *view: bytes) -> bytes:
    """A persistent id of PyTorch's."""
    return items(text("storage"), named("torch", kind), text(key), text("cpu"), number(count), *view) + b"Q"


def tensor(of: bytes, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    sides = [items(*map(number, sides)) for sides in (shape, strides)]
    hooks = called(named("collections", "OrderedDict"))
    return called(named("torch._utils", "_rebuild_tensor_v2"), of, number(offset), *sides, b"\x89", hooks)


def mapping(**values: bytes) -> bytes:
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def ordered(**values: bytes) -> bytes:
    return (
        called(named("collections", "OrderedDict"))
        + b"("
        + b"".join(text(name) + value for name, value in values.items())
        + b"u"
    )


WEIGHTS = tensor(storage("FloatStorage", "0", 12), 0, (3, 4), (4, 1))
BIASES = tensor(storage("FloatStorage", "1", 3), 0, (3,), (1,))


def torch_zip(program: bytes, storages: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    members = {"m/data.pkl": proto(program, 2), "m/byteorder": b"little"}
    return pickled.zipped({**members, **{f"m/data/{key}": data for key, data in storages.items()}}, method)


def torch_legacy(program: bytes, storages: Mapping[str, tuple[int, bytes]]) -> bytes:
    magic = b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
    system = mapping(little_endian=b"\x88")
    keys = b"](" + b"".join(text(key) for key in storages) + b"e"
    streams = [proto(body, 2) for body in (magic, number(1001), system, program, keys)]
    return b"".join(streams) + b"".join(struct.pack("<q", count) + data for count, data in storages.values())


BYTES = {"0": WEIGHT.tobytes(), "1": BIAS.tobytes()}
STATE = ordered(weight=WEIGHTS, bias=BIASES)
EXPECTED = {"weight": WEIGHT, "bias": BIAS}


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def joblib_of(array: np.ndarray) -> bytes:
    """What joblib writes of {"w": array}: the numbers stand between two opcodes."""
    fields = {
        "subclass": named("numpy", "ndarray"),
        "shape": items(*map(number, array.shape)),
        "order": text("F" if array.flags.f_contiguous else "C"),
        "dtype": called(named("numpy", "dtype"), text(array.dtype.str[1:]), b"\x89", b"\x88")
        + items(number(3), text("<"), b"N", b"N", b"N", number(-1), number(-1), number(0))
        + b"b",
        "allow_mmap": b"\x88",
        "numpy_array_alignment_bytes": number(16),
    }
    wrapper = named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + mapping(**fields) + b"b"
    padding = b"\x07" + b"\xff" * 7
    raw = array.tobytes("F" if array.flags.f_contiguous else "C")
    return b"\x80\x04}" + text("w") + wrapper + padding + raw + b"s."


CASES: dict[str, tuple[Callable[[], bytes], dict[str, np.ndarray]]] = {
    "a torch zip": (lambda: torch_zip(STATE, BYTES), EXPECTED),
    "a deflated torch zip": (lambda: torch_zip(STATE, BYTES, method=zipfile.ZIP_DEFLATED), EXPECTED),
    "the old torch format": (
        lambda: torch_legacy(STATE, {"0": (12, WEIGHT.tobytes()), "1": (3, BIAS.tobytes())}),
        EXPECTED,
    ),
    "nested dicts": (
        lambda: torch_zip(mapping(epoch=number(3), net=mapping(layers=b"](" + WEIGHTS + BIASES + b"e")), BYTES),
        {"net.layers.0": WEIGHT, "net.layers.1": BIAS},
    ),
    "a parameter": (
        lambda: torch_zip(ordered(p=called(named("torch._utils", "_rebuild_parameter"), BIASES, b"\x88", b"N")), BYTES),
        {"p": BIAS},
    ),
    "a transposed view": (
        lambda: torch_zip(ordered(t=tensor(storage("FloatStorage", "0", 12), 0, (4, 3), (1, 4))), BYTES),
        {"t": WEIGHT.T},
    ),
    "a part of a storage": (
        lambda: torch_zip(ordered(row=tensor(storage("FloatStorage", "0", 12), 4, (4,), (1,))), BYTES),
        {"row": WEIGHT[1]},
    ),
    "a broadcast scalar": (
        lambda: torch_zip(ordered(s=tensor(storage("FloatStorage", "1", 3), 2, (2, 2), (0, 0))), BYTES),
        {"s": np.full((2, 2), 3.5, "<f4")},
    ),
    "an empty tensor": (
        lambda: torch_zip(
            ordered(e=tensor(storage("FloatStorage", "2", 0), 0, (0, 4), (4, 1)), b=BIASES), {**BYTES, "2": b""}
        ),
        {"e": np.empty((0, 4), "<f4"), "b": BIAS},
    ),
    "npy": (lambda: npy(WEIGHT), {"array": WEIGHT}),
    "npy, columns first": (lambda: npy(np.asfortranarray(WEIGHT)), {"array": WEIGHT}),
    "npy, big-endian": (lambda: npy(WEIGHT.astype(">f4")), {"array": WEIGHT}),
    "npz": (lambda: npz(w=WEIGHT, flags=np.array([True, False])), {"w": WEIGHT, "flags": np.array([True, False])}),
    **{
        f"pickled arrays, protocol {protocol}": (
            lambda protocol=protocol: pickle.dumps({"w": WEIGHT, "n": {"f": np.asfortranarray(WEIGHT)}}, protocol),
            {"w": WEIGHT, "n.f": WEIGHT},
        )
        for protocol in (3, 4, 5)
    },
    "a large pickled array": (
        lambda: pickle.dumps([np.arange(9000, dtype="<i8")], 4),
        {"0": np.arange(9000, dtype="<i8")},
    ),
    "joblib": (lambda: joblib_of(WEIGHT), {"w": WEIGHT}),
    "joblib, columns first": (lambda: joblib_of(np.asfortranarray(WEIGHT)), {"w": WEIGHT}),
    "joblib, packed": (lambda: zlib.compress(joblib_of(WEIGHT)), {"w": WEIGHT}),
    "many tensors": (
        lambda: torch_zip(ordered(**{f"t{index}": BIASES for index in range(700)}), BYTES),
        {f"t{index}": BIAS for index in range(700)},
    ),
}


def written(path: Path) -> dict[str, np.ndarray]:
    """A safetensors file, by the format's description."""
    data = path.read_bytes()
    header = read_header(lambda at, size: data[at : at + size], len(data))
    start = len(data) - header.data_bytes
    types = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "BOOL": "?"}
    return {
        item.name: np.frombuffer(data[start + item.begin : start + item.end], types[item.dtype]).reshape(item.shape)
        for item in header.tensors
    }


def found(data: bytes) -> dict[str, bytes]:
    return {
        item.name: b"".join(item.data())
        for item in plan(span_of(data), media_type_of(data[: 1 << 16], len(data))).tensors
    }


@pytest.mark.parametrize(("build", "expected"), CASES.values(), ids=CASES.keys())
def test_the_tensors_found_are_those_that_a_load_would_give(
    build: Callable[[], bytes], expected: dict[str, np.ndarray]
) -> None:
    assert found(build()) == {name: np.ascontiguousarray(array).tobytes() for name, array in expected.items()}


@pytest.mark.parametrize("name", ["a torch zip", "the old torch format", "npz", "joblib, columns first"])
def test_a_converted_file_holds_the_same_numbers_and_says_so(name: str, tmp_path: Path) -> None:
    build, expected = CASES[name]
    source, target = tmp_path / "model.bin", tmp_path / "out" / "model.safetensors"
    source.write_bytes(build())
    conversion = convert(source, target)
    arrays = written(target)
    assert {key: array.tolist() for key, array in arrays.items()} == {
        key: array.tolist() for key, array in expected.items()
    }
    assert {item.name: item.shape for item in conversion.tensors} == {
        key: array.shape for key, array in expected.items()
    }


def test_a_storage_that_two_names_share_is_written_for_each_and_told(tmp_path: Path) -> None:
    source = tmp_path / "m.pt"
    source.write_bytes(torch_zip(ordered(a=BIASES, b=BIASES), BYTES))
    conversion = convert(source, tmp_path / "m.safetensors")
    assert conversion.shared == (("a", "b"),)
    assert written(tmp_path / "m.safetensors")["b"].tolist() == BIAS.tolist()


def test_what_is_no_tensor_is_left_out_by_name(tmp_path: Path) -> None:
    source = tmp_path / "m.pt"
    source.write_bytes(torch_zip(mapping(epoch=number(3), arch=text("gru"), w=WEIGHTS), BYTES))
    conversion = convert(source, tmp_path / "m.safetensors")
    assert [(item.name, item.what) for item in conversion.left_out] == [("epoch", "3"), ("arch", "'gru'")]


def _wrapped(module: str, name: str) -> bytes:
    return torch_zip(named(module, name) + b")\x81" + mapping(w=WEIGHTS) + b"b", BYTES)


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "an estimator": (
        lambda: proto(named("sklearn.svm", "SVC") + b")\x81" + mapping(coef_=_array(WEIGHT)) + b"b"),
        r"is a `sklearn\.svm\.SVC`",
    ),
    "a module of one's own": (lambda: _wrapped("mymodel", "Net"), r"is a `mymodel\.Net`"),
    "a quantised storage": (
        lambda: torch_zip(ordered(q=tensor(storage("QInt8Storage", "0", 12), 0, (12,), (1,))), BYTES),
        r"`torch\.QInt8Storage`",
    ),
    "an array of objects": (lambda: npy(np.array([1, "a"], dtype=object)), "array of objects"),
    "an array of texts": (lambda: npy(np.array(["a", "b"])), "for which safetensors has no type"),
    "complex numbers": (lambda: npy(np.array([1j])), "for which safetensors has no type"),
    "a tensor beyond its storage": (
        lambda: torch_zip(ordered(w=tensor(storage("FloatStorage", "1", 99), 0, (99,), (1,))), BYTES),
        "reaches beyond",
    ),
    "a storage that is not there": (lambda: torch_zip(STATE, {"0": BYTES["0"]}), "is not in the archive"),
    "two names that become one": (
        lambda: torch_zip(mapping(**{"a.b": WEIGHTS, "a": mapping(b=BIASES)}), BYTES),
        r"two tensors would be called `a\.b`",
    ),
    "a dict that holds itself": (lambda: torch_zip(b"}q\x00" + text("x") + b"h\x00s", BYTES), "holds itself"),
    "no tensors": (lambda: proto(mapping(a=number(1))), "no tensor"),
    "a text": (lambda: b"# a model\n" * 9, "no file of the pickle family"),
    "a stream cut short": (lambda: pickle.dumps({"w": WEIGHT}, 4)[:-9], "breaks|end"),
}


def _array(array: np.ndarray) -> bytes:
    dtype = called(named("numpy", "dtype"), text(array.dtype.str[1:]), b"\x89", b"\x88")
    made = called(
        named("numpy.core.multiarray", "_reconstruct"), named("numpy", "ndarray"), items(number(0)), b"C\x01b"
    )
    raw = array.tobytes()
    state = items(number(1), items(*map(number, array.shape)), dtype, b"\x89", b"C" + bytes([len(raw)]) + raw)
    return made + state + b"b"


@pytest.mark.parametrize(("build", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_safetensors_cannot_say_is_refused_by_name(build: Callable[[], bytes], why: str) -> None:
    with pytest.raises(Malformed, match=why):
        found(build())


def test_a_refusal_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    source, target = tmp_path / "m.pkl", tmp_path / "m.safetensors"
    source.write_bytes(proto(pickled.RUN))
    target.write_bytes(b"what was there")
    with pytest.raises(InputError, match="no tensor"):
        convert(source, target)
    assert target.read_bytes() == b"what was there"
    assert {path.name for path in tmp_path.iterdir()} == {"m.pkl", "m.safetensors"}
    with pytest.raises(InputError, match="is the file to convert"):
        convert(source, source)
    with pytest.raises(InputError, match="cannot be read"):
        convert(tmp_path / "none", target)


def test_a_hostile_pickle_is_converted_without_running(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    attack = called(stacked("os", "system"), text(f"touch {trace}"))
    source = tmp_path / "m.pt"
    source.write_bytes(torch_zip(mapping(w=WEIGHTS, x=attack), BYTES))
    conversion = convert(source, tmp_path / "m.safetensors")
    assert [item.name for item in conversion.tensors] == ["w"]
    assert not trace.exists()


@pytest.mark.usefixtures("must_end")
def test_a_small_file_of_a_great_many_names_is_given_up() -> None:
    program = b"]q\x00" + text("leaf") + b"a"
    for index in range(1, 60):
        program += b"0](" + (b"h" + bytes([index - 1])) * 2 + b"e" + b"q" + bytes([index])
    with pytest.raises(NotConvertible):
        found(proto(program, 2))
