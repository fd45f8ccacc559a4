"""Which bytes of a file are read for secrets, and how a place in them is named for people.

Text is read whole, by windows that overlap; of a safetensors or GGUF file only the words in its header are read,
because tensors hold none; other binary files are read for issuers' tokens alone, up to a bound. The frame shows an
archive's members as files; those of numpy's and Keras' zips, which it leaves closed, are unfolded here. Marked UTF-16
is turned into UTF-8, and JSON's `\\u0041` escapes into the characters that a loader would see; `disguise` looks a
second time.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from bascule.builtin.scanners.secrets.disguise import joined, unspaced, unwrapped, wide
from bascule.builtin.scanners.secrets.stretch import Stretch
from bascule.builtin.scanners.secrets.sweep import OVERLAP_BYTES
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, gguf, media
from bascule.plugins.readers.members import members
from bascule.plugins.readers.pickles.stream import Span
from bascule.plugins.readers.text import marked_encoding

WINDOW_BYTES = 1 << 20
BINARY_LIMIT_BYTES = 64 << 20
HEADER_LIMIT_BYTES = 100_000_000
"""The bound of the reference safetensors loader."""

_TEXT_TYPES = (media.JSON, media.YAML, media.NOTEBOOK, "application/toml", "image/svg+xml")
_SETTINGS = re.compile(
    r"(?:^|/)(?:\.env[\w.-]*|[\w.-]*\.env|\.npmrc|\.pypirc|\.netrc|credentials|dockerfile[\w.-]*|\.?config)$"
    r"|\.(?:ini|cfg|conf|config|properties|ya?ml|sh|bash|env|tfvars)$"
)
_VOCABULARY = re.compile(
    r"(?:^|/)(?:tokenizer\.json|vocab[\w.-]*|merges\.txt|added_tokens\.json|[\w.-]*\.vocab|bpe[\w.-]*)$"
)


def is_opaque(file: ScanFile) -> bool:
    """A binary file too large to be read for tokens, of a format whose words cannot be told from its numbers."""
    headed = (media.SAFETENSORS, media.GGUF)
    return not _is_text(file.media_type) and file.media_type not in headed and file.size_bytes > BINARY_LIMIT_BYTES


def is_read_whole(file: ScanFile) -> bool:
    """Is every byte of it read as words? Of binary files none are claimed: a token can be packed away in them."""
    return file.size_bytes > 0 and _is_text(file.media_type)


def stretches(file: ScanFile) -> Iterator[Stretch]:
    """Everything to sweep in a file, in order; neighbours overlap by `OVERLAP_BYTES`."""
    if file.media_type == media.GGUF:
        yield from _in_gguf(file)
    elif file.media_type == media.SAFETENSORS:
        yield from _in_safetensors(file)
    elif _is_text(file.media_type):
        yield from _in_text(file)
    else:
        if file.media_type in (media.NPZ, media.KERAS_ZIP):
            yield from _in_zip(file)
        if file.size_bytes <= BINARY_LIMIT_BYTES:
            yield from _in_binary(file.windows(WINDOW_BYTES, OVERLAP_BYTES))


def _in_binary(windows: Iterable[tuple[int, bytes]], place: str = "") -> Iterator[Stretch]:
    for offset, data in windows:
        stretch = Stretch(data, offset, place=place, hand_written=False)
        yield stretch
        yield from wide(stretch)


def _in_zip(file: ScanFile) -> Iterator[Stretch]:
    """Every member that can be had, by its own path. What cannot is told by `archives`."""
    for member in members(Span(file.read, 0, file.size_bytes), media.ZIP, file.path):
        if member.span is not None and member.size_bytes <= BINARY_LIMIT_BYTES:
            yield from _in_binary(_windows(member.span), member.path)


def _windows(span: Span) -> Iterator[tuple[int, bytes]]:
    for start in range(0, span.size_bytes, WINDOW_BYTES):
        offset = max(0, start - OVERLAP_BYTES)
        yield offset, span.bytes_at(offset, min(start + WINDOW_BYTES, span.size_bytes) - offset)


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in _TEXT_TYPES


def _in_text(file: ScanFile) -> Iterator[Stretch]:
    path = file.path.lower()
    settings = _SETTINGS.search(path) is not None
    hand_written = _VOCABULARY.search(path) is None
    line, last_start, last = 1, 0, b""
    for offset, data in _utf8_windows(file):
        line += last.count(b"\n", 0, offset - last_start)
        last_start, last = offset, data
        stretch = Stretch(data, offset, line, hand_written=hand_written, settings=settings)
        yield stretch
        yield from wide(stretch)
        yield from unspaced(stretch)
        if hand_written:
            yield from joined(stretch)
        if hand_written and (settings or file.media_type in (media.JSON, media.YAML)):
            yield from unwrapped(stretch)
        if file.media_type in (media.JSON, media.NOTEBOOK):
            plain = unescaped(data)
            if plain is not data:
                yield Stretch(plain, offset, line, hand_written=hand_written)


def _utf8_windows(file: ScanFile) -> Iterator[tuple[int, bytes]]:
    encoding, _ = marked_encoding(file.read(0, min(4, file.size_bytes)))
    if encoding in ("", "utf-8"):
        yield from file.windows(WINDOW_BYTES, OVERLAP_BYTES)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    offset, tail = 0, b""
    for _, data in file.windows(WINDOW_BYTES):
        window = tail + decoder.decode(data).encode("utf-8", "replace")
        yield offset, window
        tail = window[-OVERLAP_BYTES:]
        offset += len(window) - len(tail)


_ESCAPE = re.compile(rb"\\u00([2-7][0-9a-fA-F])")


def unescaped(data: bytes) -> bytes:
    """JSON with `\\u00XX` escapes of printable ASCII resolved; the same object when there are none."""
    if b"\\u00" not in data:
        return data
    plain = _ESCAPE.sub(lambda match: bytes([int(match.group(1), 16)]), data)
    return plain if plain != data else data


def _in_safetensors(file: ScanFile) -> Iterator[Stretch]:
    header_bytes = int.from_bytes(file.read(0, 8), "little")
    if header_bytes > HEADER_LIMIT_BYTES:
        raise Malformed(f"safetensors header of {header_bytes} bytes, more than {HEADER_LIMIT_BYTES}")
    end = 8 + header_bytes
    offset = 8
    while offset < end:
        start = max(8, offset - OVERLAP_BYTES)
        stop = min(end, offset + WINDOW_BYTES)
        data = unescaped(file.read(start, stop - start))
        stretch = Stretch(data, start, place="safetensors header")
        yield stretch
        yield from unspaced(stretch)
        offset = stop


def _in_gguf(file: ScanFile) -> Iterator[Stretch]:
    header = gguf.header_of(file)
    for key in header.keys:
        texts = () if key.startswith("tokenizer.ggml.") else header.texts(key)
        for text in texts:
            stretch = Stretch(text.encode("utf-8", "replace"), 0, place=visible(key), settings=False)
            yield stretch
            yield from unspaced(stretch)
