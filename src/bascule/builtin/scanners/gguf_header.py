"""GGUF headers: does the file keep to its format, and what model does it say it is?

The reader refuses what a loader would refuse or read out of bounds; here that becomes an answer. A file that is cut
short, or of a version we do not know, stays an `error`: it may be harmless, but nobody can say so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, gguf, media
from bascule.records import Finding, Measure, Outcome, Reading, ReadingSource, Severity

_MALFORMED = Rule(
    id="gguf-malformed",
    question="Does this GGUF file break its format where a loader could read out of bounds?",
    severity=Severity.HIGH,
    remedy="do not load this file; fetch it again from its publisher and compare digests, or convert it anew",
    why="Loaders written in C trust counts, lengths and offsets in the header. Numbers that overflow, overlap or point "
    "outside the file have been used to read or overwrite memory of the loading process.",
    references=("CVE-2024-25664", "CVE-2024-25665", "CVE-2024-25666", "CVE-2024-25667", "CVE-2024-25668", "CWE-190"),
)


class GgufHeader:
    meta = Meta(
        id="gguf_header",
        title="GGUF headers",
        rules=(_MALFORMED,),
        reads=Reads(media_types=(media.GGUF,)),
        measures=(Quantity("model.parameters", "elements of all tensors in the file", "parameters"),),
        readings=(
            Quantity("model.architecture", "`general.architecture` of the header"),
            Quantity("model.type", "the same, as the family's short name"),
        ),
        limits=(
            "tensor bytes are not read, only where they lie",
            f"at most {gguf.MAX_KEYS} keys, {gguf.MAX_TENSORS} tensors and {gguf.MAX_ITEMS} array items",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        try:
            header = gguf.read_header(file.read, file.size_bytes)
        except (Truncated, gguf.Unsupported):
            raise
        except Malformed as error:
            yield Finding(
                rule=_MALFORMED.id,
                outcome=Outcome.TRUE,
                severity=_MALFORMED.severity,
                message=f"breaks the GGUF format: {visible(str(error), 400)}",
                artefact=file.path,
                remedy=_MALFORMED.remedy,
            )
            return
        architecture = visible(header.text("general.architecture"), 100)
        if architecture:
            for name in ("model.architecture", "model.type"):
                yield Reading(
                    name=name,
                    value=architecture,
                    artefact=file.path,
                    location="general.architecture",
                    source=ReadingSource.MEASURED,
                )
        if header.tensors:
            count = float(header.parameters)
            yield Measure(
                name="model.parameters",
                value=count,
                low=count,
                high=count,
                n=float(len(header.tensors)),
                unit="parameters",
                method="exact",
                artefact=file.path,
            )


def _built(dimensions: int = 32, offset: int = 0, keys: int = 1) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    key = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    tensor = text("token_embd.weight") + struct.pack("<IQIQ", 1, dimensions, 0, offset)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, keys) + key * min(keys, 2) + tensor
    return head + bytes(-len(head) % 32) + bytes(4 * 32)


def _files(data: bytes) -> Mapping[str, bytes]:
    return {"model.gguf": data}


_EXAMPLES = (
    Example(
        "a header with one tensor",
        lambda: _files(_built()),
        {"gguf-malformed": Outcome.FALSE},
        {"model.architecture": "llama", "model.type": "llama"},
    ),
    Example("more keys than memory", lambda: _files(_built(keys=1 << 60)), {"gguf-malformed": Outcome.TRUE}),
    Example("a key given twice", lambda: _files(_built(keys=2)), {"gguf-malformed": Outcome.TRUE}),
    Example(
        "an offset that wraps round", lambda: _files(_built(offset=(1 << 64) - 32)), {"gguf-malformed": Outcome.TRUE}
    ),
    Example("a tensor cut short", lambda: _files(_built(dimensions=64)), {"gguf-malformed": Outcome.ERROR}),
    Example("a file of four bytes", lambda: _files(b"GGUF"), {"gguf-malformed": Outcome.ERROR}),
)

plugin = GgufHeader()
