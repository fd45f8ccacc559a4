"""Telling programs and archives among numbers: the real ones, and nothing by chance."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.plugins.readers.programs import SAMPLE_BYTES, Nature, found_at, search


class Calls:
    """Pickles to a call; never unpickled here."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return print, ("hello",)


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("payload.txt", b"x" * 400)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("payload"), io.BytesIO())
    return buffer.getvalue()


def windows_program(at: int = 128) -> bytes:
    stub = b"This program cannot be run in DOS mode".ljust(at - 64, b"\0")
    return b"MZ" + bytes(58) + at.to_bytes(4, "little") + stub + b"PE\0\0\x64\x86" + bytes(200)


SAMPLES = {
    "a Windows program": windows_program(),
    "a Mach-O program": b"\xcf\xfa\xed\xfe\x07\0\0\1\3\0\0\0\2\0\0\0\x10\0\0\0\0\5\0\0" + bytes(100),
    "a WebAssembly program": b"\0asm\1\0\0\0\1\4" + bytes(60),
    "a script": b"#!/usr/bin/env python3\nimport socket\n",
    "a pickle that calls": pickle.dumps(Calls(), 4),
    "a zip archive": zipped(),
    "a gzip stream": gzip.compress(b"word " * 400, mtime=0),
    "an xz stream": lzma.compress(b"word " * 400),
    "a bzip2 stream": bz2.compress(b"word " * 400),
    "a tar archive": tarred(),
}


@pytest.mark.parametrize("what", SAMPLES)
def test_what_begins_here_is_named(what: str) -> None:
    found = found_at(SAMPLES[what] + bytes(600))
    assert found is not None
    assert found.what == what
    assert (found.nature is Nature.HOLDS) == what.endswith(("archive", "stream"))


@pytest.mark.parametrize("what", SAMPLES)
def test_it_is_found_among_noise_wherever_it_begins(what: str) -> None:
    noise = random.Random(1).randbytes(3001)
    places = [(found.offset, found.what) for found in search(noise + SAMPLES[what] + noise)]
    assert (3001, what) in places


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads an ELF program of this system")
def test_a_real_program_is_one() -> None:
    found = found_at(Path(sys.executable).resolve().read_bytes()[:SAMPLE_BYTES])
    assert found is not None
    assert found.what == "an ELF program"


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_only_holds_values_is_none(protocol: int) -> None:
    assert found_at(pickle.dumps({"a": [1, 2.5, "x"]}, protocol)) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF" + bytes(range(200)),
        b"MZ" + b"\x11" * 200,
        b"PK\x03\x04" + b"\xff" * 60,
        b"\x1f\x8b\x08" + b"\xaa" * 60,
        b"#!/\xf0\x9f" + b"\x80" * 60,
        b"7z\xbc\xaf\x27\x1c" + bytes(60),
        b"\xca\xfe\xba\xbe" + b"\x7f" * 60,
    ],
    ids=lambda data: data[:2].hex(),
)
def test_letters_alone_are_no_program(data: bytes) -> None:
    assert found_at(data) is None


def test_four_megabytes_of_noise_hold_nothing() -> None:
    assert list(search(random.Random(7).randbytes(4 << 20))) == []


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize(
    "magic", [b"\x80\x02", b"#!/", b"MZ", b"\x1f\x8b\x08\0\0\0\0\0\0\3"], ids=["pickle", "script", "dos", "gzip"]
)
def test_a_heap_of_false_beginnings_is_told_and_not_judged_one_by_one(magic: bytes) -> None:
    whats = [found.what for found in search(magic * (1_000_000 // len(magic)))]
    assert any(what.startswith("more beginnings of") for what in whats)


@given(st.binary(max_size=600), st.integers(0, 600))
def test_any_bytes_are_judged(data: bytes, at: int) -> None:
    found = found_at(data, at)
    assert found is None or found.offset == at
    assert all(0 <= item.offset < len(data) for item in search(data))
