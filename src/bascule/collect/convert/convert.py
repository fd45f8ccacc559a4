"""The side that trusts nothing: it starts the converting process, and checks what comes out of it.

Rules:
- the process gets one descriptor to read and one pipe to write, no path, no environment, no network;
- no more is written than it said would come, into a file beside the target that only replaces it when all is proved;
- proof: the target is read back by our own strict reader, and every tensor's bytes have the digest that the same bytes
  had in the source; names, types, shapes and digests are in the report.
"""

from __future__ import annotations

import hashlib
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bascule.collect.convert import worker
from bascule.collect.scan import wire
from bascule.collect.scan.crew import scratch_folder
from bascule.collect.scan.options import ScanOptions
from bascule.kernel.errors import InputError, UpstreamError
from bascule.kernel.files import replacing
from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.safetensors import read_header
from bascule.records.conversion import Conversion, ConvertedTensor, LeftOut

_CHUNK = 1 << 20
_CPU_SECONDS = 3600.0
_SILENT_SECONDS = 300.0
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
_HINT = "load the file in an isolated place where its code may run, and save its tensors from there"


def convert(source: Path, target: Path, options: ScanOptions | None = None) -> Conversion:
    """Write the tensors of a pickled file as safetensors, and prove that they are the same.

    Raises InputError `convert.refused`, naming what safetensors cannot say; `convert.unreadable` for the source;
    UpstreamError `convert.broken` when the process does not keep its word; StoreError when nothing can be written.
    """
    options = options or ScanOptions()
    if target.exists() and source.exists() and target.samefile(source):
        raise InputError("convert.same-file", f"`{target}` is the file to convert", "name another file to write")
    descriptor = _opened(source)
    try:
        size = os.fstat(descriptor).st_size
        before = _digest_of(descriptor, size)
        with scratch_folder(options) as folder, replacing(target) as file:
            answer = _converted(descriptor, size, file, folder, options)
            tensors = _proved(file, answer)
            if _digest_of(descriptor, size) != before:
                raise InputError("convert.unreadable", f"`{source}` changed while it was read", "try again")
            return Conversion(
                source=str(source),
                source_sha256=before,
                media_type=str(answer.get("media_type", ""))[:100],
                target=str(target),
                target_sha256=_digest_of(file.fileno(), os.fstat(file.fileno()).st_size),
                tensors=tensors,
                shared=tuple(tuple(str(name) for name in names) for names in answer.get("shared", ())),
                left_out=tuple(LeftOut(name=str(name), what=str(what)) for name, what in answer.get("left_out", ())),
                left_out_count=int(answer.get("left_out_count", 0)),
            )
    finally:
        os.close(descriptor)


def _opened(source: Path) -> int:
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InputError(
            "convert.unreadable", f"`{source}` cannot be read: {error.strerror}", "name one file of the pickle family"
        ) from error
    if not source.is_file():
        os.close(descriptor)
        raise InputError("convert.unreadable", f"`{source}` is no file", "name one file of the pickle family")
    return descriptor


def _converted(descriptor: int, size: int, file: BinaryIO, folder: Path, options: ScanOptions) -> wire.Message:
    """Run the process to its end; what it says of what it wrote."""
    scratch = folder / "convert"
    scratch.mkdir(mode=0o700)
    channel, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with channel, theirs, os.fdopen(reading, "rb", buffering=0) as pipe:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", worker.__name__, str(theirs.fileno()), str(writing), str(os.getpid())],
            env=_ENVIRONMENT,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno(), writing],
            start_new_session=True,
        )
        try:
            os.close(writing)
            theirs.close()
            job = {
                "say": "convert",
                "size_bytes": size,
                "scratch": str(scratch),
                "memory_bytes": options.memory_mb << 20,
                "seconds": _CPU_SECONDS,
            }
            wire.send(channel, job, descriptor)
            return _listen(channel, pipe, file)
        except (OSError, wire.Garbled, ValueError, TypeError) as error:
            raise _broken(str(error)) from error
        finally:
            process.kill()
            process.wait()


def _listen(channel: socket.socket, pipe: BinaryIO, file: BinaryIO) -> wire.Message:
    inbox = wire.Inbox()
    promised: int | None = None
    written = 0
    waiting: list[socket.socket | BinaryIO] = [channel, pipe]
    while True:
        ready, _, _ = select.select(waiting, [], [], _SILENT_SECONDS)
        if not ready:
            raise _broken(f"it said nothing for {_SILENT_SECONDS:g} s")
        if channel in ready:
            for message in _said(channel, inbox):
                if message["say"] == "will" and promised is None:
                    promised = int(message["bytes"])
                elif message["say"] == "refused":
                    raise InputError("convert.refused", f"not converted: {visible(str(message['why']), 600)}", _HINT)
                elif message["say"] == "done" and promised is not None:
                    written += _drained(pipe, file, promised - written)
                    if written != promised:
                        raise _broken(f"it wrote {written} of the {promised} bytes it promised")
                    return message
                else:
                    raise _broken("it said something out of turn")
        if pipe in ready:
            chunk = pipe.read(_CHUNK)
            if not chunk:
                waiting.remove(pipe)
                continue
            written += len(chunk)
            if promised is None or written > promised:
                raise _broken("it wrote more than it promised")
            file.write(chunk)


def _said(channel: socket.socket, inbox: wire.Inbox) -> Iterator[wire.Message]:
    data = channel.recv(_CHUNK)
    if not data:
        raise _broken("it ended")
    yield from inbox.feed(data)


def _drained(pipe: BinaryIO, file: BinaryIO, most: int) -> int:
    """What still lies in the pipe of a process that has closed it."""
    given = 0
    until = time.monotonic() + _SILENT_SECONDS
    while chunk := pipe.read(_CHUNK):
        given += len(chunk)
        if given > most or time.monotonic() > until:
            raise _broken("it wrote more than it promised")
        file.write(chunk)
    return given


def _proved(file: BinaryIO, answer: wire.Message) -> tuple[ConvertedTensor, ...]:
    """Each tensor as the target has it. Raises UpstreamError unless its digest is the source's."""
    file.flush()
    descriptor = file.fileno()
    size = os.fstat(descriptor).st_size

    def read(offset: int, count: int) -> bytes:
        data = os.pread(descriptor, count, offset)
        if len(data) < count:
            raise Truncated(f"{count} bytes at {offset} of {size}")
        return data

    try:
        header = read_header(read, size)
    except Malformed as error:
        raise _broken(f"what it wrote is no safetensors: {error}") from error
    digests = answer.get("digests")
    start = size - header.data_bytes
    tensors = []
    for tensor in header.tensors:
        found = _digest_of(descriptor, tensor.end - tensor.begin, start + tensor.begin)
        if not isinstance(digests, dict) or digests.get(tensor.name) != found:
            raise _broken(f"`{visible(tensor.name)}` differs from what it was in the source")
        tensors.append(ConvertedTensor(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, sha256=found))
    if not isinstance(digests, dict) or len(digests) != len(tensors):
        raise _broken("it speaks of tensors that it did not write")
    return tuple(sorted(tensors, key=lambda tensor: tensor.name))


def _digest_of(descriptor: int, size: int, start: int = 0) -> str:
    digest = hashlib.sha256()
    for at in range(start, start + size, _CHUNK):
        digest.update(os.pread(descriptor, min(_CHUNK, start + size - at), at))
    return digest.hexdigest()


def _broken(why: str) -> UpstreamError:
    return UpstreamError(
        "convert.broken",
        f"the converting process did not finish: {visible(why, 400)}",
        "run `bascule doctor`; report the file's shape if it goes on",
    )
