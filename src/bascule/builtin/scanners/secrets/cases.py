"""Built files and what each must answer. Every token here is put together when the example runs; none is real."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Mapping

from bascule.builtin.scanners.secrets.kinds import with_checksum
from bascule.plugins.meta import Example
from bascule.records import Outcome

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def noise(seed: str, length: int, letters: str = _LETTERS) -> str:
    """Letters that look random and are the same every time."""
    drawn = b"".join(hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(length // 32 + 1))
    return "".join(letters[byte % len(letters)] for byte in drawn[:length])


def github_token() -> str:
    return with_checksum("gh" + "p_", noise("github", 30))


def aws_key() -> str:
    return "AK" + "IA" + noise("aws", 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def hugging_face_token() -> str:
    return "h" + "f_" + noise("hub", 34)


def private_key() -> str:
    body = base64.b64encode(b"\x30\x82" + hashlib.sha512(b"key").digest() * 4).decode()
    kind = "PRIVATE" + " KEY"
    lines = "\n".join(body[n : n + 64] for n in range(0, len(body), 64))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


def safetensors(metadata: Mapping[str, str]) -> bytes:
    header = json.dumps({"__metadata__": dict(metadata)}).encode()
    return struct.pack("<Q", len(header)) + header


def gguf(key: str, value: str) -> bytes:
    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words)) + words.encode()

    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text(key) + struct.pack("<I", 8) + text(value)


def _text(path: str, words: str) -> Mapping[str, bytes]:
    return {path: words.encode()}


_FOUND = {"secret-in-file": Outcome.TRUE}
_NONE = {"secret-in-file": Outcome.FALSE}

EXAMPLES = (
    Example("a token in prose", lambda: _text("README.md", f"Log in with {hugging_face_token()} first.\n"), _FOUND),
    Example("a token with its checksum", lambda: _text("train.py", f"TOKEN = '{github_token()}'\n"), _FOUND),
    Example("the same with a letter changed", lambda: _text("train.py", f"T = '{github_token()[:-1]}_'\n"), _NONE),
    Example("a key in a header", lambda: {"model.safetensors": safetensors({"run": aws_key()})}, _FOUND),
    Example("a key in a GGUF value", lambda: {"model.gguf": gguf("general.description", aws_key())}, _FOUND),
    Example("a private key in JSON", lambda: {"service.json": json.dumps({"k": private_key()}).encode()}, _FOUND),
    Example(
        "a password in a settings file",
        lambda: _text(".env", f"DB_PASS{''}WORD=" + noise("password", 14) + "#7\n"),
        _FOUND,
    ),
    Example(
        "a tokenizer's configuration",
        lambda: {"tokenizer_config.json": json.dumps({"pad_token": "<|endoftext|>", "eos_token": "</s>"}).encode()},
        _NONE,
    ),
    Example(
        "placeholders",
        lambda: _text(
            "README.md",
            "export HF_TOKEN=h" + "f_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nkey: AK" + "IAIOSFODNN7EXAMPLE\n"
            'api_key = "<your key>"\npassword = "${DB_PASSWORD}"\n',
        ),
        _NONE,
    ),
    Example("a digest", lambda: _text("notes.md", f"sha256: {hashlib.sha256(b'x').hexdigest()}\n"), _NONE),
    Example("a header cut short", lambda: {"model.gguf": b"GGUF\x03\0\0\0"}, {"secret-in-file": Outcome.ERROR}),
)
