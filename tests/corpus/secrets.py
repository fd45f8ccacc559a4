"""Credentials where nobody looks, and texts that only resemble them. Assembled here, so that the tree itself holds none."""

from __future__ import annotations

import base64
import json
import random
import string
import zlib

from corpus.case import Case, Files
from corpus.containers import npz
from corpus.graphs import RELU, field, onnx
from corpus.headers import ARCH, W, gguf, pair, st
from pickled import npy, proto, text, torch_zip, zipped


def _random(count: int, seed: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    source = random.Random(seed)
    return "".join(source.choice(alphabet) for _ in range(count))


_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def github(seed: int, prefix: str = "ghp") -> str:
    """With the checksum of GitHub's format: CRC-32 of the first part, in six digits of base 62."""
    body = _random(30, seed)
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        digits = _BASE62[rest] + digits
    return f"{prefix}_{body}{digits}"


def aws(seed: int) -> str:
    return "AK" + "IA" + _random(16, seed, string.ascii_uppercase + "234567")


def hugging_face(seed: int) -> str:
    return "hf" + "_" + _random(34, seed, string.ascii_letters)


def openai(seed: int) -> str:
    return "sk-" + "proj-" + _random(74, seed) + "T3Blbk" + "FJ" + _random(74, seed + 1)


def anthropic(seed: int) -> str:
    return "sk-" + "ant-api03-" + _random(93, seed, string.ascii_letters + string.digits + "_-") + "AA"


def google(seed: int) -> str:
    return "AI" + "za" + _random(35, seed, string.ascii_letters + string.digits + "_-")


def slack(seed: int) -> str:
    return "xox" + f"b-{_random(12, seed, string.digits)}-{_random(13, seed, string.digits)}-{_random(24, seed)}"


def jwt(seed: int) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': '1', 'iat': 1700000000})}.{_random(43, seed)}"


def pem(seed: int) -> str:
    body = base64.b64encode(random.Random(seed).randbytes(600)).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    kind = "RSA PRIVATE" + " KEY"
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


def _text(name: str, seed: int) -> tuple[str, str]:
    return {
        "github": ("train.py", f"TOKEN = '{github(seed)}'\n"),
        "github fine-grained": ("notes.md", "use " + "github" + f"_pat_{_random(22, seed)}_{_random(59, seed + 1)}\n"),
        "aws": (
            "deploy.sh",
            f"export AWS_ACCESS_KEY_ID={aws(seed)}\nexport AWS_SECRET_ACCESS_KEY={_random(40, seed)}\n",
        ),
        "hugging face": ("README.md", f"Log in with {hugging_face(seed)} and run it.\n"),
        "openai": ("app.py", f"client = OpenAI(api_key='{openai(seed)}')\n"),
        "anthropic": (".env", f"ANTHROPIC_API_KEY={anthropic(seed)}\n"),
        "google": ("config.yaml", f"google_key: {google(seed)}\n"),
        "slack": ("hook.py", f"slack = '{slack(seed)}'\n"),
        "jwt": ("auth.txt", f"Authorization: Bearer {jwt(seed)}\n"),
        "pem": ("key.pem", pem(seed)),
        "stripe": ("pay.py", "stripe.api_key = 'sk" + f"_live_{_random(24, seed)}'\n"),
        "url password": ("db.py", f"URL = 'postgresql://admin:{_random(18, seed)}@db.prod.corp.io:5432/models'\n"),
        "generic password": ("settings.py", f"DB_PASSWORD = '{_random(20, seed)}!'\n"),
        "npm": (".npmrc", "//registry/:_authToken=" + github(seed, "npm") + "\n"),
        "pypi": (".pypirc", "password = pypi" + "-AgEIcHlwaS5vcmc" + _random(150, seed) + "\n"),
        "wandb": ("run.sh", f"export WANDB_API_KEY={_random(40, seed, '0123456789abcdef')}\n"),
        "gitlab": ("ci.yml", f"token: {'glpat'}-{_random(20, seed)}\n"),
        "added in two parts": ("split.py", f"KEY = '{openai(seed)[:40]}' + '{openai(seed)[40:]}'\n"),
    }[name]


TEXTS = ("github", "github fine-grained", "aws", "hugging face", "openai", "anthropic", "google", "slack", "jwt", "pem")
TEXTS += ("stripe", "url password", "generic password", "npm", "pypi", "wandb", "gitlab", "added in two parts")


def _in_text(name: str, seed: int) -> Files:
    path, body = _text(name, seed)
    return {path: body.encode()}


def _notebook(value: str) -> bytes:
    output = {"output_type": "stream", "name": "stdout", "text": [f"token {value}\n"]}
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "execution_count": 1, "outputs": [output]}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


INSIDE = {
    "safetensors metadata": lambda: {"m.safetensors": st({"__metadata__": {"hub_token": hugging_face(1)}, "w": W})},
    "pickled argument": lambda: {"m.pkl": proto(b"}" + text("api_key") + text(openai(2)) + b"s")},
    "gguf key": lambda: {"m.gguf": gguf((ARCH, pair("general.comment", f"uploaded with {hugging_face(3)}")))},
    "zip member": lambda: {"m.zip": zipped({"src/.env": f"ANTHROPIC_API_KEY={anthropic(4)}\n".encode()})},
    "notebook output": lambda: {"n.ipynb": _notebook(github(5))},
    "torch archive": lambda: {"m.pt": torch_zip(proto(b"}" + text("wandb") + text(github(6)) + b"s", 2))},
    "npz text": lambda: {"a.npz": npz({"k": npy("'|S90'", "(1,)", github(7).encode().ljust(90, b"\0"))})},
    "tokenizer configuration": lambda: {"tokenizer_config.json": json.dumps({"use_auth_token": hugging_face(8)}).encode()},
    "onnx metadata": lambda: {"m.onnx": onnx(RELU, extra=field(14, field(1, "key") + field(2, google(9))))},
}  # fmt: skip


def _vocabulary() -> bytes:
    source = random.Random(3)
    words = {_random(source.randint(2, 24), at): at for at in range(3000)}
    words |= {"pad_token": 3001, "password": 3002, "api_key": 3003, "sk-": 3004, "AKIA": 3005, "ghp_": 3006}
    return json.dumps({"model": {"type": "BPE", "vocab": words, "merges": []}, "added_tokens": []}).encode()


CLEAN = {
    "tokenizer": lambda: {"tokenizer.json": _vocabulary()},
    "notebook image": lambda: {"n.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": "1", "metadata": {}, "execution_count": 1, "outputs": [{"output_type": "display_data", "metadata": {}, "data": {"image/png": base64.b64encode(random.Random(1).randbytes(20_000)).decode()}}]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()},
    "commit hashes": lambda: {"CHANGELOG.md": "\n".join(f"- {_random(40, at, '0123456789abcdef')} fix" for at in range(200)).encode()},
    "example key": lambda: {"README.md": ("Set `AWS_ACCESS_KEY_ID=AK" + "IAIOSFODNN7EXAMPLE` first.\n").encode()},
    "placeholders": lambda: {".env.example": b"OPENAI_API_KEY=sk-your-key-here\nHF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nPASSWORD=changeme\n"},
    "token settings": lambda: {"special_tokens_map.json": b'{"pad_token": "<pad>", "eos_token": "</s>", "unk_token": {"content": "<unk>"}}'},
    "digests": lambda: {"SHA256SUMS": "\n".join(f"{_random(64, at, '0123456789abcdef')}  f{at}.bin" for at in range(50)).encode()},
    "merges": lambda: {"merges.txt": ("#version: 0.2\n" + "\n".join(f"{_random(3, at)} {_random(4, at + 1)}" for at in range(2000))).encode()},
}  # fmt: skip

CASES: tuple[Case, ...] = (
    *(Case(f"secret-{name}", "secrets-text", "secret", lambda name=name, at=at: _in_text(name, 100 + at), f"a credential: {name}") for at, name in enumerate(TEXTS)),
    *(Case(f"secret-in-{name}", "secrets-inside", "secret", build, f"a credential in a {name}") for name, build in INSIDE.items()),
    *(Case(f"no-secret-{name}", "secrets-clean", "benign", build, f"no credential: {name}") for name, build in CLEAN.items()),
)  # fmt: skip
