"""Text from untrusted bytes: decoded within bounds, with a flag where the encoding was a guess.

Rules: a byte order mark decides; else UTF-8; else Latin-1, which accepts any byte and is therefore marked as a guess.
More bytes than the caller's limit is `Malformed`, never a quiet cut.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.plugins.readers import Malformed

Read = Callable[[int, int], bytes]
"""`read(offset, size)` gives exactly `size` bytes or raises `Truncated`, as `ScanFile.read` does."""

LIMIT_BYTES = 8 << 20

# UTF-32 before UTF-16: the little-endian marks share their first two bytes.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Text:
    """Decoded text without its byte order mark. `guessed` is true when no encoding was declared and UTF-8 failed."""

    value: str
    encoding: str
    guessed: bool = False

    def lines(self, limit: int = 1_000_000) -> Iterator[tuple[int, str]]:
        """(number from 1, line without its end). Raises `Malformed` beyond `limit` lines."""
        for number, line in enumerate(self.value.splitlines(), start=1):
            if number > limit:
                raise Malformed(f"more than {limit} lines")
            yield number, line


def marked_encoding(head: bytes) -> tuple[str, int]:
    """(encoding, bytes of its mark) from a byte order mark; ("", 0) when there is none."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    return "", 0


def decode(data: bytes) -> Text:
    """Text from bytes. Raises `Malformed` when a byte order mark promises an encoding that the bytes break."""
    encoding, mark_bytes = marked_encoding(data[:4])
    if encoding:
        try:
            return Text(data[mark_bytes:].decode(encoding), encoding)
        except UnicodeDecodeError as error:
            raise Malformed(f"not {encoding} at byte {mark_bytes + error.start}, though marked as such") from error
    try:
        return Text(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return Text(data.decode("latin-1"), "latin-1", guessed=True)


def read_text(read: Read, size_bytes: int, limit_bytes: int = LIMIT_BYTES) -> Text:
    """A whole file as text. Raises `Malformed` when it is longer than `limit_bytes`."""
    if size_bytes > limit_bytes:
        raise Malformed(f"{size_bytes} bytes of text, more than the {limit_bytes} that are read")
    return decode(read(0, size_bytes))
