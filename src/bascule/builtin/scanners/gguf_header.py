"""GGUF headers: does the file keep to its format, and what model does it say it is?

The reader refuses what a loader would refuse or read out of bounds; here that becomes an answer. Arrays that a loader
walks side by side must be of one length. A file that is cut short, or of a version we do not know, stays an `error`: it
may be harmless, but nobody can say so. Keys are free text beside the ones that a loader uses; chat templates among them
are another scanner's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, gguf, media
from bascule.plugins.readers.payloads import payloads, shape
from bascule.records import (
    Confidence,
    Coverage,
    Finding,
    Measure,
    Outcome,
    Reading,
    ReadingSource,
    Severity,
    State,
)

_MALFORMED = Rule(
    id="gguf-malformed",
    question="Does this GGUF file break its format where a loader could read out of bounds?",
    severity=Severity.HIGH,
    remedy="do not load this file; fetch it again from its publisher and compare digests, or convert it anew",
    why="Loaders written in C trust counts, lengths and offsets in the header. Numbers that overflow, overlap or point "
    "outside the file have been used to read or overwrite memory of the loading process.",
    references=("CWE-125", "CWE-190", "https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"),
)
_SUSPICIOUS = Rule(
    id="gguf-suspicious-metadata",
    question="Does a key of this GGUF file carry code, markup or a serialised object?",
    severity=Severity.MEDIUM,
    remedy="remove the key, or have somebody explain what reads it",
    why="keys are shown by hubs and model browsers and read back by conversion tools; a payload there is waiting for "
    "one that renders or evaluates it",
    references=("CWE-79", "CWE-94", "CWE-502", "MITRE ATLAS AML.T0018"),
)
# Templates are code by design and have a scanner of their own; tokens are bytes of all kinds.
_NOT_FREE_TEXT = ("tokenizer.chat_template", "tokenizer.ggml.", "tokenizer.huggingface.json")
_TOKENS = "tokenizer.ggml.tokens"
# What llama.cpp indexes by token: key, value type numbers that it reads the bytes as
_BESIDE_TOKENS = {"tokenizer.ggml.scores": (6,), "tokenizer.ggml.token_type": (4, 5)}


class GgufHeader:
    meta = Meta(
        id="gguf_header",
        title="GGUF headers",
        version="2",
        rules=(_MALFORMED, _SUSPICIOUS),
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
            header = gguf.header_of(file)
        except (Truncated, gguf.Unsupported):
            raise
        except Malformed as error:
            yield _malformed(error)
            yield Finding(
                rule=_SUSPICIOUS.id,
                outcome=Outcome.ERROR,
                severity=_SUSPICIOUS.severity,
                message=f"the keys could not be read: {visible(str(error), 400)}",
            )
            return
        found = [*(_malformed(lie) for lie in _token_lies(header)), *_suspicions(header)]
        yield from found
        state = State.FINDING if found else State.CLEAN
        yield Coverage(start=0, end=header.header_end, state=state, what="header")
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


def _malformed(error: Malformed) -> Finding:
    lie = error if isinstance(error, gguf.Lie) else gguf.Lie(str(error))
    return Finding(
        rule=_MALFORMED.id,
        outcome=Outcome.TRUE,
        severity=_MALFORMED.severity,
        message=f"breaks the GGUF format: {visible(str(error), 400)}",
        location="header",
        remedy=_MALFORMED.remedy,
        references=lie.references,
        details={"loader": lie.loader} if lie.loader else {},
    )


def _token_lies(header: gguf.Header) -> Iterator[gguf.Lie]:
    tokens = header.keys.get(_TOKENS)
    if not isinstance(tokens, gguf.Array):
        return
    for key, kinds in _BESIDE_TOKENS.items():
        beside = header.keys.get(key)
        if beside is None:
            continue
        loader = "older llama.cpp reads past the shorter array; later ones refuse the file"
        if not isinstance(beside, gguf.Array) or (beside.count and beside.kind not in kinds):
            yield gguf.Lie(f"`{key}` is no array of the type that loaders read it as", "CWE-843", loader=loader)
        elif beside.count < tokens.count:
            yield gguf.Lie(f"`{key}` has {beside.count} items for {tokens.count} tokens", "CWE-125", loader=loader)


def _suspicions(header: gguf.Header) -> Iterator[Finding]:
    for key, value in header.keys.items():
        if key.startswith(_NOT_FREE_TEXT):
            yield from (_suspicious(key, *found) for found in payloads(key))
            continue
        text = "\n".join(header.texts(key))
        yield from (_suspicious(key, *found) for found in payloads(f"{key}\n{text}" if shape(key) else text))
        if isinstance(value, gguf.Array) and value.kind == gguf.STRING and not value.complete:
            yield _suspicious(key, f"{value.count} strings, more than are looked at", "")


def _suspicious(key: str, what: str, shown: str) -> Finding:
    return Finding(
        rule=_SUSPICIOUS.id,
        outcome=Outcome.TRUE,
        severity=_SUSPICIOUS.severity,
        message=f"key `{visible(key, 80)}` holds {what}",
        location=f"key `{visible(key, 200)}`",
        confidence=Confidence.MEDIUM,
        remedy=_SUSPICIOUS.remedy,
        details={"seen": visible(shown)} if shown else {},
    )


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _key(name: str, value: str) -> bytes:
    return _text(name) + struct.pack("<I", 8) + _text(value)


def _array(name: str, kind: int, items: Sequence[bytes]) -> bytes:
    return _text(name) + struct.pack("<IIQ", 9, kind, len(items)) + b"".join(items)


def _built(
    elements: int = 32,
    offset: int = 0,
    *,
    keys: Sequence[bytes] = (),
    key_count: int | None = None,
    tensor_count: int = 1,
    dimensions: int = 1,
    kind: int = 0,
) -> bytes:
    """A file of one tensor, with the numbers set as told, true or not."""
    rows = (_key("general.architecture", "llama"), *keys)
    tensor = _text("token_embd.weight") + struct.pack("<IQIQ", dimensions, elements, kind, offset)
    head = b"GGUF" + struct.pack("<IQQ", 3, tensor_count, len(rows) if key_count is None else key_count)
    head += b"".join(rows) + tensor
    return head + bytes(-len(head) % 32) + bytes(4 * 32)


def _files(data: bytes) -> Mapping[str, bytes]:
    return {"model.gguf": data}


_NEST = struct.pack("<IQ", 9, 1)


def _lie(name: str, data: bytes) -> Example:
    return Example(name, lambda: _files(data), {"gguf-malformed": Outcome.TRUE})


_EXAMPLES = (
    Example(
        "a header with one tensor",
        lambda: _files(_built()),
        {"gguf-malformed": Outcome.FALSE, "gguf-suspicious-metadata": Outcome.FALSE},
        {"model.architecture": "llama", "model.type": "llama"},
    ),
    Example(
        "a script in a description",
        lambda: _files(_built(keys=[_key("general.description", "<script src=//x></script>")])),
        {"gguf-malformed": Outcome.FALSE, "gguf-suspicious-metadata": Outcome.TRUE},
    ),
    _lie("more keys than memory", _built(key_count=1 << 60)),
    _lie("more tensors than memory", _built(tensor_count=1 << 61)),
    _lie("a key given twice", _built(keys=[_key("general.architecture", "llama")])),
    _lie("a string longer than any file", _built(keys=[_text("k") + struct.pack("<IQ", 8, (1 << 64) - 1)])),
    _lie("an array longer than any file", _built(keys=[_text("k") + struct.pack("<IIQ", 9, 8, 1 << 62)])),
    _lie("an array of an array of arrays, and on", _built(keys=[_text("k") + struct.pack("<I", 9) + _NEST * 8])),
    _lie("five dimensions", _built(dimensions=5)),
    _lie("a type out of every table", _built(kind=0x7FFFFFFF)),
    _lie("a length whose bytes wrap round", _built(elements=1 << 63)),
    _lie("an offset that wraps round", _built(offset=(1 << 64) - 32)),
    _lie("a tensor far behind its place", _built(offset=1 << 20)),
    _lie("an alignment of nothing", _built(keys=[_text("general.alignment") + struct.pack("<II", 4, 0)])),
    _lie(
        "fewer scores than tokens",
        _built(keys=[_array(_TOKENS, 8, [_text("a"), _text("b")]), _array("tokenizer.ggml.scores", 6, [bytes(4)])]),
    ),
    Example("a tensor cut short", lambda: _files(_built(elements=64)), {"gguf-malformed": Outcome.ERROR}),
    Example("a file of four bytes", lambda: _files(b"GGUF"), {"gguf-malformed": Outcome.ERROR}),
)

plugin = GgufHeader()
