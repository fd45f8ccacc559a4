"""What the frame and a worker say to each other: JSON messages with a length before them, and open files beside them.

Rules: a message is an object with a `say`; its length is bounded before it is read; a file travels as a descriptor
(SCM_RIGHTS), so a worker opens nothing by name; what does not follow these rules is `Garbled`, and its sender is ended.

    frame → worker   setup                      scanners, limits, the listing of all artefacts
                     file  (+ descriptor)       one file, the scanners to run, the digests wanted
                     given (+ descriptor)       a neighbour, or more of a remote file, or why not
    worker → frame   ready                      what holds it
                     loaded                     the scanners are imported
                     starts, seen…, ends        one scanner on that file
                     read                       bytes hashed so far
                     wants                      a neighbour by its path, or a range of a remote file
                     done | failed              all of that, with its digests, or why not
"""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

MAX_REPLY_BYTES = 4 << 20
_LENGTH = struct.Struct("!I")


class Garbled(Exception):
    """Bytes that are not a message."""


def encode(message: Message) -> bytes:
    """Length and JSON. Raises ValueError for NaN and infinities, TypeError for what JSON cannot say."""
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


def decode(body: bytes) -> Message:
    """Raises Garbled unless the body is a JSON object with a `say`."""
    try:
        message = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Garbled("a reply is not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("say"), str):
        raise Garbled("a reply is not a message")
    return message


def send(channel: socket.socket, message: Message, descriptor: int | None = None) -> None:
    """Send whole; a descriptor goes with the first byte. Raises OSError when nobody listens."""
    data = memoryview(encode(message))
    if descriptor is not None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        data = data[channel.sendmsg([data], rights) :]
    channel.sendall(data)


def receive(channel: socket.socket) -> tuple[Message, int | None] | None:
    """The next message and the descriptor beside it, waiting for it; None at the end."""
    head, descriptor = _receive_first(channel)
    if not head:
        return None
    head += _exactly(channel, _LENGTH.size - len(head))
    return decode(_exactly(channel, _LENGTH.unpack(head)[0])), descriptor


def _receive_first(channel: socket.socket) -> tuple[bytes, int | None]:
    head, ancillary, _, _ = channel.recvmsg(_LENGTH.size, socket.CMSG_SPACE(array.array("i").itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors = array.array("i", data[: array.array("i").itemsize])
            os.set_inheritable(descriptors[0], False)
            return head, descriptors[0]
    return head, None


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise Garbled("the other side stopped in the middle of a message")
        parts += part
    return bytes(parts)


class Inbox:
    """Messages out of a stream of bytes, for a side that must not wait."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Each message that is complete by now. Raises Garbled after those before the fault, and before it holds more
        than one reply may be long."""
        self._bytes += data
        while len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > MAX_REPLY_BYTES:
                raise Garbled(f"a reply of {length} bytes is over the limit")
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                break
            body = bytes(self._bytes[_LENGTH.size : end])
            del self._bytes[:end]
            yield decode(body)


def _refuse(token: str) -> None:
    raise ValueError(token)
