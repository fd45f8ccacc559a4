"""One compressed stream, unpacked in bounded windows.

Rules: the bytes in flight never exceed 1 MiB plus the codec's own window, whatever the ratio; streams set end to end
are one stream, as gzip, bzip2 and xz have it, and anything else behind them but zeros is `Malformed`; a stream that
does not end is `Truncated`. lz4 and zstd need libraries that are not here: `CODECS` says what there is.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import Any

from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import BZIP2, GZIP, LZ4, LZMA, XZ, ZLIB, ZSTD
from bascule.plugins.readers.zip import Read

_STEP = 1 << 16
_CHUNK = 1 << 20
# The largest dictionary of `xz -9` is 64 MiB; a stream that asks for more is refused.
_XZ_MEMORY_BYTES = 128 << 20

CODECS: dict[str, Callable[[], Any]] = {
    GZIP: lambda: _Zlib(16 + zlib.MAX_WBITS),
    ZLIB: lambda: _Zlib(zlib.MAX_WBITS),
    BZIP2: bz2.BZ2Decompressor,
    XZ: lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES),
    LZMA: lambda: lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY_BYTES),
    LZ4: lambda: _lz4(),
    ZSTD: lambda: _Zstd(),
}
"""Media type to a maker of decompressors with `decompress(data, max_length)`, `eof`, `needs_input`, `unused_data`."""


def unpacked(read: Read, size_bytes: int, media_type: str, *, max_bytes: int) -> Iterator[bytes]:
    """What a compressed file holds, in chunks of at most 1 MiB.

    Raises KeyError for a media type that is not in `CODECS`; while iterating, Malformed when the stream breaks or
    yields more than `max_bytes`, Truncated when it does not end.
    """
    make = CODECS[media_type]
    given = 0
    for chunk in _streams(read, size_bytes, media_type, make):
        given += len(chunk)
        if given > max_bytes:
            raise Malformed(f"the {media_type} stream unpacks to more than the {max_bytes} bytes allowed")
        yield chunk


def _streams(read: Read, size_bytes: int, media_type: str, make: Callable[[], Any]) -> Iterator[bytes]:
    codec: Any = make()
    ended_before = False
    pending, at = b"", 0
    while True:
        if not pending and (codec.eof or codec.needs_input):
            if at >= size_bytes:
                break
            pending = read(at, min(_STEP, size_bytes - at))
            at += len(pending)
        if codec.eof:
            # Between streams: zeros are padding, anything else must open the next one.
            pending = pending.lstrip(b"\0")
            if not pending:
                continue
            codec, ended_before = make(), True
        try:
            chunk = codec.decompress(pending, _CHUNK)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError, RuntimeError) as error:
            what = "bytes that are no stream follow it" if ended_before else str(error)
            raise Malformed(f"the {media_type} stream breaks: {what}") from error
        pending = codec.unused_data if codec.eof else b""
        if chunk:
            yield chunk
    if not codec.eof:
        raise Truncated(f"the {media_type} stream does not end")


class _Zlib:
    """zlib's object with the manners of bz2's and lzma's: input it has not used yet is its own to keep."""

    def __init__(self, window_bits: int) -> None:
        self._inner = zlib.decompressobj(window_bits)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


def _lz4() -> Any:
    import lz4.frame

    return lz4.frame.LZ4FrameDecompressor()


_ZSTD_MAGIC, _ZSTD_SKIPPABLE = 0xFD2FB528, 0x184D2A50
_ZSTD_WINDOW_BYTES = 128 << 20
_ZSTD_BLOCK_BYTES = 128 << 10


class _Zstd:
    """One zstd frame. A block gives at most 128 KiB, so that bounding the blocks bounds what comes out at once."""

    def __init__(self) -> None:
        import zstandard

        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj()
        self._error: type[Exception] = zstandard.ZstdError
        self._bytes = bytearray()
        self._steps = self._frame()
        self._wanted = next(self._steps)
        self.eof = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._bytes += data
        given, room = [], max_length
        while not self.eof and len(self._bytes) >= self._wanted and room >= _ZSTD_BLOCK_BYTES:
            taken = bytes(self._bytes[: self._wanted])
            del self._bytes[: self._wanted]
            try:
                given.append(self._inner.decompress(taken))
                self._wanted = self._steps.send(taken)
            except StopIteration:
                self.eof = True
            except self._error as error:
                raise ValueError(str(error)) from error
            room -= len(given[-1])
        return b"".join(given)

    @property
    def needs_input(self) -> bool:
        return len(self._bytes) < self._wanted

    @property
    def unused_data(self) -> bytes:
        return bytes(self._bytes)

    @staticmethod
    def _frame() -> Generator[int, bytes, None]:
        """How many bytes belong together, one step after another, up to the end of the frame."""
        magic = int.from_bytes((yield 4), "little")
        if magic & 0xFFFFFFF0 == _ZSTD_SKIPPABLE:
            yield int.from_bytes((yield 4), "little")
            return
        if magic != _ZSTD_MAGIC:
            raise ValueError("it is no zstd frame")
        flags = (yield 1)[0]
        single, dictionary = flags >> 5 & 1, (0, 1, 2, 4)[flags & 3]
        size_field = (single, 2, 4, 8)[flags >> 6]
        if rest := (1 - single) + dictionary + size_field:
            yield rest
        last = False
        while not last:
            header = int.from_bytes((yield 3), "little")
            last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
            if size > _ZSTD_BLOCK_BYTES or kind == 3:
                raise ValueError("a zstd block is larger than any may be")
            if size:
                yield 1 if kind == 1 else size
        if flags & 4:
            yield 4
