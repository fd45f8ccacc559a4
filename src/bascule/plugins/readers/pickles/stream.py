"""Bytes in order, from a file that can be read anywhere or from a decompressor that cannot be turned back.

Rules: what is held is one window; a payload is kept only when asked for, and stepped over otherwise; an end that comes
too early is `Truncated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bascule.plugins.readers import Malformed, Truncated

Read = Callable[[int, int], bytes]
"""read(offset, size): exactly `size` bytes, or `Truncated`."""

WINDOW_BYTES = 1 << 16
_MAX_LINE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of bytes that can be read anywhere: a file, or a stored member of one."""

    read: Read
    start: int
    size_bytes: int

    def part(self, offset: int, size_bytes: int) -> Span:
        """A stretch of this one, cut at its end."""
        inside = max(0, min(size_bytes, self.size_bytes - offset))
        return Span(self.read, self.start + offset, inside)

    def bytes_at(self, offset: int, size_bytes: int) -> bytes:
        """Exactly that many bytes. Raises Truncated."""
        if offset < 0 or size_bytes < 0 or offset + size_bytes > self.size_bytes:
            raise Truncated(f"{size_bytes} bytes at {offset} of {self.size_bytes}")
        return self.read(self.start + offset, size_bytes)

    def head(self, size_bytes: int) -> bytes:
        """The first bytes, fewer when there are fewer."""
        return self.bytes_at(0, min(size_bytes, self.size_bytes))


def span_of(data: bytes) -> Span:
    """Bytes in memory as a span."""
    return Span(lambda offset, size: data[offset : offset + size], 0, len(data))


class Stream:
    """A cursor over a span or over chunks.

    `window` holds bytes from `base` on; `base + position` is where one is. The machine keeps the position in a local
    variable, so each method takes it and gives the new one back; after any call `window` may be another, and then
    `turned` is set.
    """

    __slots__ = ("_chunks", "_ended", "_span", "base", "turned", "window")

    def __init__(self, source: Span | Iterator[bytes]) -> None:
        self._span = source if isinstance(source, Span) else None
        self._chunks = None if isinstance(source, Span) else source
        self._ended = False
        self.turned = False
        self.base = 0
        self.window = b""

    def more(self, position: int) -> int:
        """Forget what lies before `position` and hold one window more; the new position. `window` may stay as it is
        at the end of the bytes."""
        rest = self.window[position:]
        chunk = self._next(self.base + len(self.window))
        self.base += position
        self.window = rest + chunk
        self.turned = True
        return 0

    @property
    def ended(self) -> bool:
        """Nothing follows the window."""
        return self._ended

    def take(self, position: int, size_bytes: int) -> tuple[bytes, int]:
        """That many bytes and the position after them. Raises Truncated."""
        while position + size_bytes > len(self.window):
            if self._ended:
                raise Truncated(f"{size_bytes} bytes are promised at {self.base + position}, the bytes end before")
            position = self.more(position)
        after = position + size_bytes
        return self.window[position:after], after

    def skip(self, position: int, size_bytes: int) -> int:
        """The position after that many bytes, which are not read where they need not be. Raises Truncated."""
        target = self.base + position + size_bytes
        if self._span is not None:
            if target > self._span.size_bytes:
                raise Truncated(f"{size_bytes} bytes are promised at {self.base + position}, the bytes end before")
            if target > self.base + len(self.window):
                self.base, self.window = target, b""
                self._ended = False
                return self.more(0)
            return target - self.base
        while target > self.base + len(self.window):
            if self._ended:
                raise Truncated(f"{size_bytes} bytes are promised at {self.base + position}, the bytes end before")
            self.base += len(self.window)
            self.window = self._next(self.base)
            self.turned = True
        return target - self.base

    def line(self, position: int) -> tuple[bytes, int]:
        """Up to the next line feed, without it, and the position after it. Raises Truncated, Malformed."""
        searched = position
        while (end := self.window.find(b"\n", searched)) < 0:
            if self._ended:
                raise Truncated(f"a line that begins at {self.base + position} has no end")
            if len(self.window) - position > _MAX_LINE_BYTES:
                raise Malformed(f"the line at {self.base + position} is longer than {_MAX_LINE_BYTES} bytes")
            searched = len(self.window) - position
            position = self.more(position)
        return self.window[position:end], end + 1

    def part(self, offset: int, size_bytes: int) -> Span | None:
        """A stretch by absolute offset, where the source can be read anywhere."""
        return None if self._span is None else self._span.part(offset, size_bytes)

    def _next(self, offset: int) -> bytes:
        if self._ended:
            return b""
        if self._span is not None:
            size = min(WINDOW_BYTES, self._span.size_bytes - offset)
            chunk = self._span.bytes_at(offset, size) if size > 0 else b""
            self._ended = offset + len(chunk) >= self._span.size_bytes
            return chunk
        assert self._chunks is not None
        for chunk in self._chunks:
            if chunk:
                return chunk
        self._ended = True
        return b""
