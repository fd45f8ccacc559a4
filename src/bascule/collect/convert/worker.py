"""The process that converts: `python -I -B -m bascule.collect.convert.worker CHANNEL OUTPUT PARENT`.

It is given one open file, locks itself in, finds the tensors and writes them as safetensors into a pipe. Over its
channel it says how many bytes will come, and afterwards the digest of each tensor's bytes as they were in the source.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bascule.collect.scan import sandbox, wire

if TYPE_CHECKING:
    from bascule.plugins.readers.pickles.found import Found

_WHY_CHARACTERS = 500
_NAMES_EACH = 20


def main() -> int:
    """Convert the one file that is asked for."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    output = os.fdopen(int(sys.argv[2]), "wb")
    sandbox.die_with_parent(int(sys.argv[3]))
    taken = wire.receive(channel)
    if taken is None or taken[1] is None:
        return 1
    message, descriptor = taken[0], taken[1]
    sandbox.lock(Path(message["scratch"]), message["memory_bytes"])
    sandbox.limit_cpu(message["seconds"])
    from bascule.plugins.readers import Malformed
    from bascule.plugins.readers.pickles.found import NotConvertible

    try:
        answer = converted(channel, descriptor, message["size_bytes"], output)
    except NotConvertible as error:
        answer = {"say": "refused", "why": str(error)[:_WHY_CHARACTERS]}
    except Malformed as error:
        answer = {"say": "refused", "why": f"the file breaks its format: {error}"[:_WHY_CHARACTERS]}
    except MemoryError:
        answer = {"say": "refused", "why": "what it holds besides its tensors does not fit the memory allowed"}
    except RecursionError:
        answer = {"say": "refused", "why": "it nests too deeply"}
    output.close()
    wire.send(channel, answer)
    return 0


def converted(channel: socket.socket, descriptor: int, size_bytes: int, output: BinaryIO) -> wire.Message:
    """Write the file; what to say of it."""
    from bascule.plugins.readers import Truncated
    from bascule.plugins.readers.media import TORCH_ZIP, media_type_of
    from bascule.plugins.readers.pickles.stream import Span
    from bascule.plugins.readers.pickles.tensors import plan

    def read(offset: int, size: int) -> bytes:
        data = os.pread(descriptor, size, offset)
        if len(data) < size:
            raise Truncated(f"{size} bytes at {offset} of {size_bytes}")
        return data

    span = Span(read, 0, size_bytes)
    media_type = media_type_of(span.head(1 << 16), size_bytes)
    planned = plan(span, media_type)
    # Widest first, as the reference writer has it, so that every tensor lies aligned.
    tensors = sorted(planned.tensors, key=lambda tensor: (-tensor.item_bytes, tensor.name))
    header = _header(tensors, "pt" if media_type == TORCH_ZIP or planned.is_torch else "np")
    wire.send(channel, {"say": "will", "bytes": len(header) + sum(tensor.size_bytes for tensor in tensors)})
    output.write(header)
    digests = {}
    for tensor in tensors:
        digest = hashlib.sha256()
        for chunk in tensor.data():
            digest.update(chunk)
            output.write(chunk)
        digests[tensor.name] = digest.hexdigest()
    output.flush()
    return {
        "say": "done",
        "media_type": media_type,
        "digests": digests,
        "shared": _shared(tensors),
        "left_out": [[name[:200], what] for name, what in planned.left_out],
        "left_out_count": planned.left_out_count,
    }


def _header(tensors: list[Found], form: str) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": form}}
    at = 0
    for tensor in tensors:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + tensor.size_bytes],
        }
        at += tensor.size_bytes
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _shared(tensors: list[Found]) -> list[list[str]]:
    """Names whose tensors lie in one storage: each is written once for itself."""
    by_key: dict[str, list[str]] = {}
    for tensor in tensors:
        if tensor.source.key:
            by_key.setdefault(tensor.source.key, []).append(tensor.name)
    return [sorted(names)[:_NAMES_EACH] for names in by_key.values() if len(names) > 1]


if __name__ == "__main__":
    sys.exit(main())
