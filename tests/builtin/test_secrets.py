"""Secrets: the issuers' formats are found wherever words are, and what only looks like one is not.

Every token is put together when a test runs; none is real.
"""

# ruff: noqa: E501 (specimens are kept on one line each)

from __future__ import annotations

import base64
import hashlib
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.builtin.scanners.secrets import plugin
from bascule.builtin.scanners.secrets.cases import (
    aws_key,
    gguf,
    github_token,
    hugging_face_token,
    noise,
    private_key,
    safetensors,
)
from bascule.builtin.scanners.secrets.kinds import checksum_holds, with_checksum
from bascule.plugins.testing import check_scanner, scan_memory
from bascule.records import Finding, Outcome

HEX = "0123456789abcdef"
DIGITS = "0123456789"
WIDE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def found(files: Mapping[str, bytes]) -> list[Finding]:
    report = scan_memory(plugin, files)
    return [item for item in report.seen if isinstance(item, Finding) and item.outcome == Outcome.TRUE]


def found_in(text: str, path: str = "notes.txt") -> list[Finding]:
    return found({path: text.encode()})


def web_token(claims: Mapping[str, object], alg: str = "HS256") -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': alg, 'typ': 'JWT'})}.{part(claims)}.{noise('signature', 43, WIDE[:-2])}"


def pypi_token() -> str:
    body = base64.urlsafe_b64encode(
        b"\x02\x01\x08" + b"pypi" + b".org" + hashlib.sha512(b"macaroon").digest() * 2
    ).decode()
    return "py" + "pi-" + body.rstrip("=")


TOKENS = {
    "AWS access key id": aws_key(),
    "GitHub token": github_token(),
    "GitHub fine-grained token": "github" + "_pat_" + noise("f1", 22) + "_" + noise("f2", 59),
    "GitLab token": "gl" + "pat-" + noise("lab", 20),
    "Slack token": "xo" + "xb-" + noise("s1", 12, DIGITS) + "-" + noise("s2", 12, DIGITS) + "-" + noise("s3", 24),
    "Slack webhook": "https://hooks.slack.com/"
    + "services/T"
    + noise("t", 9)
    + "/B"
    + noise("b", 9)
    + "/"
    + noise("h", 24),
    "Stripe key": "sk" + "_live_" + noise("stripe", 24),
    "OpenAI key": "s" + "k-" + noise("o1", 20) + "T3Blbk" + "FJ" + noise("o2", 20),
    "OpenAI project key": "s" + "k-proj-" + noise("o3", 74, WIDE) + "T3Blbk" + "FJ" + noise("o4", 74, WIDE),
    "Anthropic key": "s" + "k-ant-api03-" + noise("a", 93, WIDE) + "AA",
    "Hugging Face token": hugging_face_token(),
    "Google API key": "AI" + "za" + noise("g", 35),
    "Azure storage key": "Account" + "Key=" + noise("az", 86, BASE64) + "==",
    "npm token": with_checksum("np" + "m_", noise("npm", 30)),
    "PyPI token": pypi_token(),
    "SendGrid key": "S" + "G." + noise("sg1", 22) + "." + noise("sg2", 43),
    "Twilio key": "twilio: S" + "K" + noise("tw", 32, HEX),
    "Telegram bot token": noise("tg", 9, DIGITS[1:]) + ":A" + "A" + noise("tg2", 33),
    "JSON web token": web_token({"sub": "u-81", "iss": "auth", "exp": 1_900_000_000}),
    "private key (PEM)": private_key(),
    "Groq key": "gs" + "k_" + noise("groq", 52),
    "NVIDIA key": "nv" + "api-" + noise("nv", 64),
    "Replicate token": "r" + "8_" + noise("rep", 37),
    "key or token": 'api_key = "' + noise("generic", 32) + '"',
    "password": 'password = "' + noise("pw", 9) + "!7" + '"',
    "password in an address": "postgres://svc:" + noise("url", 16) + "9@db.internal.corp/x",
    "AWS secret access key": "aws_secret_access_key = " + noise("awss", 40, BASE64),
}


def test_its_own_examples_hold() -> None:
    assert check_scanner(plugin) == []


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("frame", ["{}", "log in with {} at once\n", 'x = "{}"\n', "a\n\n{}\nb", "[x]({})", "'{}',"])
def test_every_issuers_format_is_found_and_named(kind: str, frame: str) -> None:
    if frame.count('"') and '"' in TOKENS[kind]:
        frame = "{}"
    assert [item.message.partition(":")[0] for item in found_in(frame.replace("{}", TOKENS[kind]))] == [kind]


@pytest.mark.parametrize("kind", TOKENS)
def test_no_message_shows_what_was_found(kind: str) -> None:
    token = TOKENS[kind]
    secret = max((part for part in token.replace('"', " ").replace("/", " ").split()), key=len)
    for item in found_in(token):
        shown = item.model_dump_json()
        assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 7))


@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=30, max_size=30))
def test_checksums_hold_for_what_was_issued_and_for_nothing_else(random: str) -> None:
    token = with_checksum("ghp_", random)
    assert len(token) == 40
    assert checksum_holds(token)
    assert not checksum_holds(token[:-1] + ("0" if token[-1] != "0" else "1"))


PLACES = {
    "safetensors metadata": lambda t: {"model.safetensors": safetensors({"note": f"pushed with {t}"})},
    "GGUF value": lambda t: {"model.gguf": gguf("general.description", f"pushed with {t}")},
    "notebook output": lambda t: {
        "a.ipynb": json.dumps({"cells": [{"cell_type": "code", "outputs": [{"text": [f"token is {t}\n"]}]}]}).encode()
    },
    "JSON value": lambda t: {"config.json": json.dumps({"hub": {"value": t}}).encode()},
    "escaped JSON value": lambda t: {
        "config.json": ('{"v": "' + "".join(f"\\u{ord(c):04x}" for c in t) + '"}').encode()
    },
    "pickled argument": lambda t: {"args.pkl": pickle.dumps({"token": t})},
    "UTF-16 text": lambda t: {"notes.txt": ("\ufeff" + f"token {t}\n").encode("utf-16-le")},
    "YAML": lambda t: {"run.yaml": f"env:\n  WANDB: {t}\n".encode()},
    "Jinja": lambda t: {"chat_template.jinja": f"{{# {t} #}}".encode()},
    "model card": lambda t: {"README.md": f"---\nlicense: mit\n---\nUse `{t}`.\n".encode()},
    "Dockerfile": lambda t: {"Dockerfile": f"ENV X={t}\n".encode()},
    "a name with no ending": lambda t: {"run": f"#!/bin/sh\nexport X={t}\n".encode()},
    "tokenizer's added tokens": lambda t: {"tokenizer.json": json.dumps({"added_tokens": [{"content": t}]}).encode()},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_token_is_found_wherever_words_are(place: str) -> None:
    for token in (hugging_face_token(), github_token(), aws_key()):
        assert len(found(PLACES[place](token))) == 1


DISGUISES: dict[str, Callable[[str], dict[str, bytes]]] = {
    "UTF-16 without a mark": lambda t: {"notes.txt": f"token {t}\n".encode("utf-16-le")},
    "UTF-16 without a mark, big end first": lambda t: {"notes.txt": f"token {t}\n".encode("utf-16-be")},
    "UTF-16 behind words of another script": lambda t: {"notes.txt": f"\u0416\u0416 {t}\n".encode("utf-16-le")},
    "UTF-16 in a binary": lambda t: {"x.bin": b"\xee\xdd\x01\0\xff" * 9 + t.encode("utf-16-le") + b"\xff\xfe\xfd"},
    "an unseen space": lambda t: {"notes.md": f"{t[:9]}\u200b{t[9:]}\n".encode()},
    "unseen marks everywhere": lambda t: {"notes.md": "\u2060".join(t).encode()},
    "an escaped unseen space": lambda t: {"a.json": json.dumps({"v": f"{t[:9]}\u200d{t[9:]}"}).encode()},
    "an unseen space in a header": lambda t: {"model.safetensors": safetensors({"note": f"{t[:9]}\ufeff{t[9:]}"})},
    "literals side by side": lambda t: {"a.py": f'x = "{t[:4]}" "{t[4:]}"\n'.encode()},
    "three literals": lambda t: {"a.py": f"x = ('{t[:4]}' '{t[4:12]}''{t[12:]}')\n".encode()},
    "literals with prefixes": lambda t: {"a.py": f'x = b"{t[:4]}" rb"{t[4:]}"\n'.encode()},
    "literals over two lines": lambda t: {"a.py": f'x = "{t[:4]}" \\\n    "{t[4:]}"\n'.encode()},
    "literals in a notebook": lambda t: {
        "a.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": [f'x = "{t[:4]}" "{t[4:]}"\n']}]}).encode()
    },
    "a line that goes on": lambda t: {"a.yaml": f'x: "{t[:9]}\\\n  {t[9:]}"\n'.encode()},
    "base64 in YAML": lambda t: {"secret.yaml": f"data:\n  v: {base64.b64encode(t.encode()).decode()}\n".encode()},
    "base64 in JSON": lambda t: {"a.json": json.dumps({"v": base64.b64encode(f"key={t};".encode()).decode()}).encode()},
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("token", [hugging_face_token(), github_token(), aws_key()], ids=["hub", "github", "aws"])
def test_a_token_is_found_through_every_disguise(disguise: str, token: str) -> None:
    kinds = {item.details["sha256_prefix"] for item in found(DISGUISES[disguise](token))}
    assert hashlib.sha256(token.encode()).hexdigest()[:12] in kinds


@pytest.mark.parametrize("name", ["a picture", "a hash", "an integrity field", "joined placeholders"])
def test_what_no_disguise_hides_is_none(name: str) -> None:
    text = CLEAN.get(name, 'x = "AK" "IA"\ny = "" ""\nz = "h" "f_" \\\n  "short"\n')
    for data in (text.encode("utf-16-le"), "\u200b".join(text).encode(), json.dumps({"v": text}).encode()):
        for path in ("a.py", "a.yaml", "a.json"):
            assert found({path: data}) == []


def test_a_disguised_token_names_its_line() -> None:
    token = hugging_face_token()
    lines = "words\n" * 2999
    split, hidden = f'x = "{token[:6]}" "{token[6:]}"\n', f"{token[:6]}\u200b{token[6:]}\n"
    for data in ((lines + split).encode(), (lines + hidden).encode(), (lines + token).encode("utf-16-le")):
        assert [item.location for item in found({"a.txt": data})] == ["line 3000"]
    wrapped = f"{lines}v: {base64.b64encode(token.encode()).decode()}\n"
    assert [item.location for item in found({"a.yaml": wrapped.encode()})] == ["line 3000, in base64"]


def test_a_private_key_is_found_in_json_and_notebooks_where_its_lines_are_escaped() -> None:
    for path in ("service.json", "run.ipynb"):
        assert len(found({path: json.dumps({"private_key": private_key()}).encode()})) == 1


def test_a_token_across_two_windows_is_found_once() -> None:
    token = hugging_face_token()
    for shift in (0, 10, 36, 37, 38, 9000):
        filler = b"plain words \n" * ((1 << 20) // 13 + 1)
        data = filler[: (1 << 20) - shift - 1] + b" " + token.encode() + b" " + filler
        assert len(found({"log.txt": data})) == 1


def test_a_finding_names_its_line() -> None:
    filler = "words\n" * 400_000
    assert [item.location for item in found_in(filler + f"x {github_token()}\n")] == ["line 400001"]
    assert [item.location for item in found({"m.gguf": gguf("general.description", aws_key())})] == [
        "general.description"
    ]


def test_two_equal_tokens_are_one_finding_and_two_different_ones_two() -> None:
    one, two = hugging_face_token(), "h" + "f_" + noise("another", 34)
    assert len(found_in(f"{one}\n{one}\n")) == 1
    assert len(found_in(f"{one}\n{two}\n")) == 2


CLEAN = {
    "special tokens": '{"pad_token": "<|endoftext|>", "eos_token": "</s>", "unk_token": "[UNK]", "mask_token": "<mask>"}',
    "token settings": "image_token = '<image>'\nmax_new_tokens: 2048\nadd_bos_token: true\npad_token_id = 50256\n",
    "an example key": "AK" + "IAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY",
    "a placeholder": 'HF_TOKEN="h' + "f_" + "x" * 34 + '"\nOPENAI_API_KEY=s' + "k-proj-" + "your-key-goes-here" * 3,
    "angle brackets": 'api_key="<your key>"\npassword = "<password>"\n',
    "a variable": 'password = "${DB_PASSWORD}"\ntoken = "{{ secrets.TOKEN }}"\nAPI_KEY=$API_KEY\n',
    "from the environment": 'token = os.environ["HF_TOKEN"]\napi_key = os.getenv("OPENAI_API_KEY")\nsecret = get_secret("name")\n',
    "an argument": 'parser.add_argument("--password", default="", help="the password")\nlogin(token=args.token)\n',
    "a hash": "commit 3f786850e387550fdab836ed7e6dc881de23001b\n" + hashlib.sha256(b"a").hexdigest(),
    "an integrity field": '{"integrity": "sha512-' + noise("i", 86, BASE64) + '=="}',
    "a checksum that fails": "gh" + "p_" + noise("not a token", 36),
    "an unsigned web token": web_token({"sub": "x"}, alg="none"),
    "the standard's specimen": web_token({"sub": "1234567890", "name": "John Doe"}),
    "a public key": "-----BEGIN PUBLIC KEY-----\n" + noise("pub", 120, BASE64) + "\n-----END PUBLIC KEY-----",
    "an elided private key": "-----BEGIN PRIVATE" + " KEY-----\nMIIE...\n-----END PRIVATE" + " KEY-----",
    "words with prefixes": "task-based risk-adjusted desk-proj-management disk-ant-api ask-or-answer_a_question_long_enough",
    "an address without a password": "https://example.org:8443/path@v2 http://[::1]:80 git@github.com:org/repo.git",
    "a plain example address": "postgres://user:password@localhost/db redis://:secret@127.0.0.1 http://me:hunter2x9@example.com",
    "dictionary words": 'password = "correct-horse-battery"\nsecret_name: "my-database-credentials"\n',
    "a model name": 'api_key_name = "text-embedding-3-large"\ntoken_type: "bearer_token_type_2"\n',
    "a uuid": 'session_key = "9f1c2b34-5d6e-4f70-8a91-b2c3d4e5f607"',
    "a picture": "data:image/png;base64," + noise("png", 20000, BASE64),
    "long identifiers": "def test_that_hf_transformers_can_load_a_model_with_a_very_long_name_indeed(): pass",
    "a key of a mapping": 'primary_key = "d41d8cd98f00b204e9800998ecf8427e"\nsort_key: "f00b204e9800998ecf8427e1"\n',
    "a licence key": '"license_key": "apache-2-0-with-llvm-exception-x1"',
}


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("path", ["notes.md", "code.py", "settings.yaml"])
def test_what_only_looks_like_a_secret_is_none(name: str, path: str) -> None:
    assert found_in(CLEAN[name], path) == []


def test_a_vocabulary_of_many_words_holds_no_password() -> None:
    vocabulary = {noise(f"w{n}", 3 + n % 9): n for n in range(3000)} | {
        "password": 3001,
        "token": 3002,
        "api_key": 3003,
    }
    assert found({"tokenizer.json": json.dumps({"model": {"vocab": vocabulary}}).encode()}) == []
    assert found({"vocab.json": json.dumps(vocabulary).encode()}) == []


def test_a_settings_file_needs_no_quotes_and_code_does() -> None:
    line = "db_password: " + noise("unquoted", 14) + "%9\n"
    assert len(found_in(line, "settings.yaml")) == 1
    assert found_in("password = compute_password9(seed_2)\n", "code.py") == []


def test_what_a_person_chose_is_shown_neither_in_part_nor_by_digest() -> None:
    (item,) = found_in('password = "' + "Tr0ub4d" + 'or&3x"\n', "code.py")
    assert item.details == {"kind": "password", "length": 12}
    assert "Tr0u" not in item.message


def test_a_truncated_header_is_an_error_not_clean() -> None:
    for files in ({"m.gguf": b"GGUF\x03\0\0\0\0"}, {"m.safetensors": (1 << 20).to_bytes(8, "little") + b'{"a'}):
        assert scan_memory(plugin, files).answers == {"secret-in-file": Outcome.ERROR}


@pytest.mark.usefixtures("must_end")
def test_hostile_text_takes_no_more_than_its_share_of_time() -> None:
    hostile = [
        b"-" * (1 << 20),
        b"token" * 200_000,
        b"password=" * 110_000,
        b"eyJ" * 350_000,
        b"://" * 350_000,
        b"a:" * 500_000,
        b"-----BEGIN PRIVATE KEY-----" * 30_000,
        b"key = '" * 150_000,
        b'""' * 500_000,
        b'a"' + b" " * 1_000_000,
        b'a"\\\n' * 250_000,
        b"A" * 1_000_000 + b"===",
        b"a\0" * 500_000,
        b"\xe2\x80\x8b" * 300_000,
    ]
    for data in hostile:
        found({"x.yaml": data})


def packed(kind: str, name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    if kind == "tar":
        with tarfile.open(fileobj=held, mode="w:gz") as tar:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    else:
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED if kind == "zip" else zipfile.ZIP_STORED) as archive:
            archive.writestr(name, data)
    return held.getvalue()


@pytest.mark.parametrize("kind", ["zip", "stored zip", "tar"])
def test_a_token_packed_away_is_found_with_its_member(kind: str) -> None:
    data = packed(kind, "notes/run.txt", b"x" * 5000 + f" log in with {hugging_face_token()}\n".encode())
    assert [item.location for item in found({"model.bin": data})][-1:] == ["notes/run.txt!line 1"]


def test_a_pickle_in_a_compressed_npz_is_read() -> None:
    data = packed("zip", "a.npy", b"\x93NUMPY" + pickle.dumps({"token": hugging_face_token()}))
    assert scan_memory(plugin, {"a.npz": data}).answers["secret-in-file"] == Outcome.TRUE


def test_an_archive_within_an_archive_is_read() -> None:
    inner = packed("zip", "run.env", f"KEY={aws_key()}\n".encode())
    told = found({"a.zip": packed("zip", "inner.zip", inner)})
    assert [item.location for item in told] == ["inner.zip!run.env!line 1"]


@pytest.mark.parametrize("protocol", range(6))
def test_a_token_is_read_from_a_pickle_of_any_protocol(protocol: int) -> None:
    """The opcode behind a string is mostly a letter, and would lengthen the token."""
    data = pickle.dumps({"token": github_token()}, protocol)
    assert [item.details["kind"] for item in found({"a.pkl": data})] == ["GitHub token"]


def test_a_token_added_up_is_one() -> None:
    token = hugging_face_token()
    assert found_in(f"T = '{token[:12]}' + '{token[12:]}'\n", "a.py")
