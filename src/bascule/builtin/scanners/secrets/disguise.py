"""Second looks at bytes whose words are not written as they are read: each gives the plain words to sweep again.

    wide       UTF-16 without a mark, wherever it stands
    unspaced   characters that nobody sees, between two letters
    joined     string literals side by side or added up, and a backslash at the line's end
    unwrapped  base64 around a value of settings

Rules: a look is given only where its disguise occurs, so plain text pays for a search and no more; what is joined or
unwrapped is swept for issuers' tokens alone, because what a person chose cannot be told there; nothing is undone twice.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import replace

from bascule.builtin.scanners.secrets.stretch import Stretch

_NEWLINE = b"\n"

# `a` for a character of ASCII text, `0` for zero: a search for the pattern runs at memory speed.
_SHAPE = bytes(0x61 if byte in (9, 10, 13) or 32 <= byte < 127 else 0x30 if byte == 0 else 0x20 for byte in range(256))
_WIDE_CHARACTERS = 20
_WIDE = b"a0" * _WIDE_CHARACTERS
_WIDE_RUN = re.compile(rb"(?:a0)+")


def wide(stretch: Stretch) -> Iterator[Stretch]:
    """Runs of twenty or more ASCII characters with a zero after (or, big end first, before) each."""
    data = stretch.data
    if b"\0" not in data:
        return
    shape = data.translate(_SHAPE)
    start = shape.find(_WIDE)
    while start >= 0:
        run = _WIDE_RUN.match(shape, start)
        end = run.end() if run else start + len(_WIDE)
        # Big end first, the last character has no zero behind it.
        end += shape[end : end + 1] == b"a"
        yield _part(stretch, data[start:end:2], start)
        start = shape.find(_WIDE, end)


_UNSEEN = re.compile(
    rb"\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf|\xc2\xad|\xe1\xa0\x8e|\xcd\x8f"
    rb"|\\u(?:200[b-fB-F]|202[a-eA-E]|206[0-4]|[fF][eE][fF][fF]|00[aA][dD]|180[eE]|034[fF])"
)


def unspaced(stretch: Stretch) -> Iterator[Stretch]:
    """The same without characters that are not shown, or their escapes."""
    plain = _UNSEEN.sub(b"", stretch.data)
    if len(plain) != len(stretch.data):
        yield replace(stretch, data=plain)


_JOINT = re.compile(rb"\\?([\"'])[ \t]*(?:\+[ \t]*)?(?:\\\r?\n[ \t]*)?[rRbBuUfF]{0,2}\\?\1|\\\r?\n[ \t]*")
# The same, each beginning with one literal character, so that the search for it runs at memory speed.
_SIDE_BY_SIDE = rb"%b[ \t]*(?:\+[ \t]*)?(?:\\\r?\n[ \t]*)?[rRbBuUfF]{0,2}\\?%b(?=[\w-])"
_BEGINNINGS = tuple(
    re.compile(beginning)
    for beginning in (_SIDE_BY_SIDE % (b'"', b'"'), _SIDE_BY_SIDE % (b"'", b"'"), rb"\\\r?\n(?=[ \t]*[\w-])")
)
_IN_A_WORD = re.compile(rb"[\w\\-]")
_BEFORE_BYTES, _AFTER_BYTES = 256, 1024


def joined(stretch: Stretch) -> Iterator[Stretch]:
    """What stands around each place where two literals, or two lines, are one word."""
    data, done = stretch.data, 0
    found = (joint for beginning in _BEGINNINGS for joint in beginning.finditer(data))
    for at in sorted(joint.start() for joint in found if _IN_A_WORD.match(data, joint.start() - 1)):
        if at < done:
            continue
        # By parts, so that a finding's line is off by no more than the lines that were joined.
        start, end = max(0, at - _BEFORE_BYTES), at + _AFTER_BYTES
        done = end - _BEFORE_BYTES
        yield replace(_part(stretch, _JOINT.sub(b"", data[start:end]), start), hand_written=False)


# Twenty characters, the shortest token there is, make 27 and a sign of filling.
_WRAPPED = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{27,}={0,2}")
_PEEK_CHARACTERS = 64


def unwrapped(stretch: Stretch) -> Iterator[Stretch]:
    """What base64 holds, where that is text."""
    for match in _WRAPPED.finditer(stretch.data):
        value = match.group()
        if (_decoded(value[:_PEEK_CHARACTERS]) or b"\xff").isascii() and (text := _decoded(value)).isascii():
            part = _part(stretch, text, match.start())
            yield replace(part, first_line=0, place=f"{part.at(0)}, in base64", hand_written=False)


def _decoded(value: bytes) -> bytes:
    bare = value.rstrip(b"=")
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return base64.b64decode(bare + b"=" * (-len(bare) % 4))
    except (ValueError, binascii.Error):
        return b""


def _part(stretch: Stretch, data: bytes, start: int) -> Stretch:
    line = stretch.first_line and stretch.first_line + stretch.data.count(_NEWLINE, 0, start)
    return replace(stretch, data=data, start=stretch.start + start, first_line=line)
