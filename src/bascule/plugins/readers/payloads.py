"""Does a piece of text that nobody should run carry something to run?

Metadata is free text: a training log, a licence, a prompt. What turns text into action has a shape of its own: markup
that browsers run, calls that interpreters run, a pickle or program wrapped in base64 or hex and perhaps compressed.

Rules: one layer of encoding and one of compression are taken off, within bounds, and passing a bound is told too; plain
words match none of the shapes, and neither does a URL by itself; the first of each kind is told, with the text around
it.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from itertools import islice

from bascule.plugins.readers import programs
from bascule.plugins.readers.media import looks_like_pickle

MAX_TEXT = 8 << 20
"""Characters of one text that are looked at."""
MAX_INFLATED = 64 << 10
MAX_INFLATIONS = 64
"""Compressed stretches of one text that are looked into, and how far into each."""

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<\s*(script|iframe|object|embed)\b|\bon(error|load|click)\s*=\s*[\"']", re.I), "active HTML"),
    (re.compile(r"\b(javascript|vbscript):|\bdata:text/html", re.I), "a script URL"),
    (re.compile(r"__(import|builtins|globals|subclasses|reduce|class)__"), "Python internals"),
    (
        re.compile(r"\b(os\.(system|popen|exec\w*)|subprocess\.\w+|pty\.spawn|pickle\.loads?|marshal\.loads?)\s*\("),
        "a Python call that runs code",
    ),
    (re.compile(r"\b(eval|exec|compile)\s*\(\s*(['\"]|base64|bytes|input|open|requests|urllib|__)"), "a Python eval"),
    (re.compile(r"\b(curl|wget)\b[^\n|;]{0,200}[|;]\s*(ba|z|da)?sh\b"), "a download piped to a shell"),
    (re.compile(r"/bin/(ba|z|da)?sh\s+-[ci]\b|\bpowershell(\.exe)?\s+-e"), "a shell command"),
    (re.compile(r"/dev/tcp/\d|\bnc\s+-e\s|\bmkfifo\s+/tmp/"), "a reverse shell"),
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){16,}|(?:\\x[0-9a-fA-F]{2}){8,}")
_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")


def payloads(text: str) -> Iterator[tuple[str, str]]:
    """(what, the text around it) for what would run; at most one of each of plain text, pickle and encoded bytes."""
    if len(text) > MAX_TEXT:
        yield f"{len(text)} characters, more than the {MAX_TEXT} that are looked at", text[:60]
        text = text[:MAX_TEXT]
    found = shape(text)
    if found is not None:
        yield found
    if looks_like_pickle(text[:4096].encode("utf-8", "replace")) and text.rstrip().endswith("."):
        yield "a pickle", text[:120]
    yield from islice(_encoded(text), 1)


def _encoded(text: str) -> Iterator[tuple[str, str]]:
    inflations = 0
    for pattern, decode, how in ((_BASE64, _from_base64, "base64"), (_HEX, _from_hex, "hexadecimal")):
        for match in pattern.finditer(text):
            data = decode(match.group())
            what = _plain(data)
            if not what and data.startswith(_COMPRESSED):
                inflations += 1
                if inflations > MAX_INFLATIONS:
                    yield "more compressed stretches than are looked into", match.group()[:60]
                    return
                inner = _plain(_inflate(data))
                what = f"{inner}, compressed," if inner else ""
            if what:
                yield f"{what} in {how}", match.group()[:60]


def shape(text: str) -> tuple[str, str] | None:
    """(what, the text around it) where plain text has the shape of something that runs."""
    for pattern, what in _SHAPES:
        match = pattern.search(text)
        if match is not None:
            return what, text[max(0, match.start() - 20) : match.end() + 60]
    return None


def _plain(data: bytes) -> str:
    if len(data) < 8:
        return ""
    if data[0] == 0x80 and 2 <= data[1] <= 5 and data.rstrip()[-1:] == b".":
        return "a pickle"
    found = programs.found_at(data)
    # What is merely compressed is nothing yet: a picture or a log may be.
    if found is not None and found.what != "a gzip stream":
        return found.what
    if data.startswith(b"\x7fELF"):
        return "an ELF program"
    if looks_like_pickle(data[:4096]) and re.match(rb"c[\w.]+\n[\w.]+\n", data):
        return "a pickle"
    try:
        told = shape(data.decode("ascii"))
    except UnicodeDecodeError:
        return ""
    return told[0] if told else ""


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, MAX_INFLATED)
    except zlib.error:
        return b""


def _from_base64(encoded: str) -> bytes:
    whole = re.sub(r"[\r\n=]", "", encoded)
    whole = whole[:-1] if len(whole) % 4 == 1 else whole
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4), altchars=b"-_" if re.search(r"[-_]", whole) else None)
    except (binascii.Error, ValueError):
        return b""


def _from_hex(encoded: str) -> bytes:
    digits = encoded.replace("\\x", "")
    return bytes.fromhex(digits[: len(digits) // 2 * 2])
