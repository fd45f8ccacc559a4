"""One window of bytes, swept for everything that may be a credential.

Speed comes from two observations. Every issuer's token holds twenty or more letters, digits, `_` and `-` in a row,
which text seldom does: one table look-up flattens the window so that such runs are found by a plain search, and only
they meet the patterns. What people assign by hand stands after one of five words, and a pattern that begins with a
literal is searched for at memory speed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bascule.builtin.scanners.secrets.doubt import entropy_bits, is_doubtful_key, is_doubtful_password, is_placeholder
from bascule.builtin.scanners.secrets.kinds import KINDS, Kind
from bascule.records import Confidence

OVERLAP_BYTES = 8192
"""The longest thing looked for, a private key of 4096 bits, is under 4 KiB."""


_RUN_BYTES = 20
_FLAT = bytes(0x61 if chr(byte).isascii() and (chr(byte).isalnum() or byte in b"_-") else 0x20 for byte in range(256))
_RUN = b"a" * _RUN_BYTES
_BY_PAIR: dict[bytes, tuple[Kind, ...]] = {
    pair: tuple(kind for kind in KINDS if any(prefix[:2] == pair for prefix in kind.prefixes))
    for pair in {prefix[:2] for kind in KINDS for prefix in kind.prefixes}
}


@dataclass(frozen=True, slots=True)
class Hit:
    """A credential in a window: what it is, where, and itself. `chosen`: set by a person, so that it may be weak."""

    kind: str
    start: int
    value: str
    confidence: Confidence = Confidence.HIGH
    chosen: bool = False

    def __repr__(self) -> str:
        # A traceback or a log must not spread what this holds.
        return f"Hit({self.kind!r}, {self.start})"


def issued(window: bytes) -> Iterator[Hit]:
    """Tokens of the forms that issuers use, and private keys."""
    flat = window.translate(_FLAT)
    start = flat.find(_RUN)
    while start >= 0:
        end = flat.find(b" ", start)
        end = len(flat) if end < 0 else end
        if window[start : start + 2] in _BY_PAIR:
            yield from _issued_at(window, start)
        if window[start] == 0x56 or (start and window[start - 1] in b"\x8cU"):
            yield from _issued_at(window, start + 1)  # a pickle's opcode or length, which looks like a letter
        if start and window[start - 1] in b".:":
            yield from _issued_before(window, start)
        dash = window.find(b"-", start, end)
        while dash >= 0:
            if window[dash + 1 : dash + 3] in _BY_PAIR:
                yield from _issued_at(window, dash + 1)
            dash = window.find(b"-", dash + 1, end)
        start = flat.find(_RUN, end)
    yield from _private_keys(window)
    yield from _azure_keys(window)
    yield from _slack_hooks(window)


def _issued_at(window: bytes, at: int) -> Iterator[Hit]:
    for kind in _BY_PAIR.get(window[at : at + 2], ()):
        match = kind.pattern.match(window, at) or _pickled(window, at, kind)
        if match is not None:
            value = match.group().decode("ascii", "replace")
            if kind.check(value) and (not kind.near or _is_near(window, match, kind.near)):
                yield Hit(kind.name, at, value, kind.confidence)
                return


def _pickled(window: bytes, at: int, kind: Kind) -> re.Match[bytes] | None:
    """The token as a pickle writes it: its length in front, and an opcode, mostly a letter, right behind."""
    if at >= 2 and window[at - 2] in b"\x8cU":
        length = window[at - 1]
    elif at >= 5 and window[at - 5] in b"XT":
        length = int.from_bytes(window[at - 4 : at], "little")
    elif at and window[at - 1] == 0x56:
        length = max(0, window.find(b"\n", at, at + OVERLAP_BYTES) - at)
    else:
        return None
    return kind.pattern.fullmatch(window[at : at + length]) if length <= OVERLAP_BYTES else None


_TELEGRAM = re.compile(rb"(?<![A-Za-z0-9_])\d{8,10}:AA[\w-]{33}(?![A-Za-z0-9_-])")


def _issued_before(window: bytes, start: int) -> Iterator[Hit]:
    """Tokens whose first part is shorter than a run: `SG.…`, `ya29.…`, and a Telegram bot's number."""
    for back in (3, 5):
        if start >= back:
            yield from _issued_at(window, start - back)
    match = _TELEGRAM.search(window, max(0, start - 11), start + 40)
    if match is not None and match.start() < start and not is_placeholder(match.group().decode("ascii")):
        yield Hit("Telegram bot token", match.start(), match.group().decode("ascii"))


def _is_near(window: bytes, match: re.Match[bytes], word: bytes) -> bool:
    return word in window[max(0, match.start() - 300) : match.end() + 300].lower()


_KEY_BEGIN = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?)-----")
_KEY_NOISE = re.compile(rb"\\[nrt]|[\s\"',+>|]|(?:Proc-Type|DEK-Info|Version|Comment):[^\n\\]*|\\")


def _private_keys(window: bytes) -> Iterator[Hit]:
    if b"PRIVATE KEY" not in window:
        return
    for begin in _KEY_BEGIN.finditer(window):
        rest = window[begin.end() : begin.end() + 6000]
        body = _KEY_NOISE.sub(b"", rest.partition(b"-----")[0])
        body = re.match(rb"[A-Za-z0-9+/=]*", body).group()  # type: ignore[union-attr]
        text = body.decode("ascii")
        if len(body) < 60 or is_placeholder(text[:64]) or entropy_bits(text) < 4:
            continue
        if not _is_key_body(body, b"PGP" in begin.group()):
            continue
        name = begin.group(1).decode("ascii").lower()
        yield Hit(f"{name} (PEM)", begin.start(), text)


def _is_key_body(body: bytes, is_pgp: bool) -> bool:
    try:
        head = base64.b64decode(body[:64])
    except (ValueError, binascii.Error):
        return False
    return is_pgp or head[:1] == b"\x30" or head.startswith(b"openssh-key-v1") or len(body) > 200


_AZURE = re.compile(rb"AccountKey=([A-Za-z0-9+/]{86}==)")


def _azure_keys(window: bytes) -> Iterator[Hit]:
    for match in _AZURE.finditer(window):
        value = match.group(1).decode("ascii")
        if not is_placeholder(value):
            yield Hit("Azure storage key", match.start(1), value)


_SLACK_HOOK = re.compile(rb"hooks\.slack\.com/(?:services|workflows)/T\w{6,}/B?\w{6,}/(\w{20,})")


def _slack_hooks(window: bytes) -> Iterator[Hit]:
    for match in _SLACK_HOOK.finditer(window):
        value = match.group(1).decode("ascii", "replace")
        if not is_placeholder(value):
            yield Hit("Slack webhook", match.start(1), value)


# What people write by hand.

_URL = re.compile(rb"://([^\s/:@,\"'<>{}$\\]{0,64}):([^\s/:@,\"'<>{}$\\]{6,128})@([\w.-]{1,200})")
_PLAIN_HOSTS = re.compile(rb"(?:^|\.)(?:localhost|example(?:\.\w+)?|invalid|test|127\.0\.0\.1|host(?:name)?|server)$")
_PLAIN_PASSWORD = re.compile(r"pass|pwd|secret|token|user|key|\*|%[sd(]|\.\.|^x+$|^\[", re.IGNORECASE)

_ASSIGN = (
    rb"[\w.-]{0,24}(?:\\?[\"'])?\]?\s{0,4}(?:=>|:=|[:=])\s{0,4}(?:"
    rb"(?P<quote>\\?[\"'])(?P<quoted>[^\s\"'\\]{8,200})(?P=quote)"
    rb"|(?P<bare>[^\s\"'<>,;(){}\[\]\\]{8,200})(?=[\s\"'\\,;<)\]}]|\Z))"
)
_NAMES = tuple(re.compile(stem + _ASSIGN) for stem in (b"pass", b"pwd", b"secret", b"token", b"key"))
_NAME_BEFORE = re.compile(rb"[\w.-]{0,40}\Z")

_PASSWORD_NAME = re.compile(r"(?:^|[_.-])(?:\w*pass(?:word|wd|phrase|code)?|pwd|\w*password|\w*passwd)\d?$")
_KEY_NAME = re.compile(
    r"(?:api|access|auth|account|admin|app|client|encryption|license|master|private|secret|service|session|shared|signing"
    r"|subscription|webhook|wandb|openai|azure|aws)[_.-]?(?:\w{1,12}[_.-])?key(?:[_.-]\w+)?$|(?:^|[_.-])\w*secret\w*$"
    r"|(?:^|[_.-])token$|(?:access|api|auth|bearer|bot|deploy|github|gitlab|hf|hub|huggingface|hugging_face|id|jwt|npm|oauth"
    r"|personal|private|pypi|refresh|registry|service|session|slack|wandb)[_.-]?token(?:[_.-]\w+)?$"
)
_NO_SECRET_NAME = re.compile(
    r"public|licen[cs]e|hash|digest|checksum|sha\d|md5|fingerprint|_id$|_name$|_path$|_file$|_url$|_uri$|_env$|_var$|_type$|_len$"
    r"|keyword|keyboard|primary|foreign|sort_?key|cache|(?:pad|eos|bos|unk|sep|cls|mask|image|audio|video|stop|start|end"
    r"|special|next|num|max|begin|fake|tool|sot|eot|null|blank|extra|forward|backward|continuation|page|sync|request|client"
    r"|idempotency)_?token|tokeniz|tokens"
)


def assigned(window: bytes, is_settings: bool) -> Iterator[Hit]:
    """Passwords and keys that somebody wrote down: `password = "…"`, `user:…@host`.

    is_settings: the file is one of settings (`.env`, `.ini`, YAML), where values stand without quotes.
    """
    if b"://" in window:
        yield from _in_addresses(window)
    lower = window.lower()
    for pattern in _NAMES:
        for match in pattern.finditer(lower):
            hit = _assigned_at(window, match, is_settings)
            if hit is not None:
                yield hit


def _in_addresses(window: bytes) -> Iterator[Hit]:
    for match in _URL.finditer(window):
        user, password = (match.group(index).decode("utf-8", "replace") for index in (1, 2))
        if _PLAIN_HOSTS.search(match.group(3).lower()) or _PLAIN_PASSWORD.search(password) or password == user:
            continue
        if not is_placeholder(password) and re.search(r"[\d\W]", password):
            yield Hit("password in an address", match.start(2), password, Confidence.MEDIUM, chosen=True)


def _assigned_at(window: bytes, match: re.Match[bytes], is_settings: bool) -> Hit | None:
    before = _NAME_BEFORE.search(window, max(0, match.start() - 40), match.start())
    start = before.start() if before else match.start()
    end = re.compile(rb"[\w.-]*").match(window, match.start()).end()  # type: ignore[union-attr]
    raw_name = window[start:end].decode("utf-8", "replace").strip(".-")
    name = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", raw_name).lower()
    if _NO_SECRET_NAME.search(name) or window[start - 1 : start] == b":":
        return None
    group = "quoted" if match.group("quoted") is not None else "bare"
    at, value = match.start(group), window[match.start(group) : match.end(group)].decode("utf-8", "replace")
    if group == "bare" and not (is_settings or _is_shouted(raw_name, value)):
        return None
    if _PASSWORD_NAME.search(name):
        if is_doubtful_password(value):
            return None
        return Hit("password", at, value, Confidence.MEDIUM, chosen=True)
    if _KEY_NAME.search(name) and not is_doubtful_key(value):
        kind = "AWS secret access key" if "aws" in name and len(value) == 40 else "key or token"
        return Hit(kind, at, value, Confidence.MEDIUM)
    return None


def _is_shouted(name: str, value: str) -> bool:
    """`API_KEY=…` outside a file of settings: only a strong value after an environment variable's name counts."""
    mixed = all(re.search(kind, value) for kind in (r"[a-z]", r"[A-Z]", r"\d")) or re.fullmatch(
        r"[\da-f]{32,64}", value
    )
    is_named = name.isupper() or name.lower().startswith("aws_secret")
    return (
        is_named
        and len(value) >= 20
        and mixed is not None
        and bool(mixed)
        and re.fullmatch(r"[\w+/=-]+", value) is not None
    )
