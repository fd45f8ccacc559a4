"""Weights in MessagePack, as flax and thinc write them: is there anything but data?

MessagePack holds data, and code only where a reader gives extension types a meaning: flax reads its own three as
arrays, numbers and scalars, and readers built on `msgpack-numpy` unpickle arrays of objects.

Rules: the file is walked to its last byte; an extension that no known writer uses is medium; a byte string that is a
pickle or a program is high; arrays of objects are high, because reading them unpickles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, msgpack, programs
from bascule.plugins.readers.media import EMPTY, MSGPACK
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

PAYLOAD, MALFORMED = "msgpack-payload", "msgpack-malformed"
MAX_TOLD = 20
# Flax: arrays, complex numbers, numpy scalars; -1 is a time of the specification.
_KNOWN = frozenset([-1, 1, 2, 3])

META = Meta(
    id="msgpack_weights",
    title="Weights in MessagePack",
    rules=(
        Rule(
            id=PAYLOAD,
            question="Does this MessagePack file hold a pickle, a program or an extension of its own?",
            severity=Severity.HIGH,
            remedy="save the arrays as safetensors, from a copy that you trust",
            why="readers unpickle arrays of objects, and call whatever function is registered for an extension type; "
            "weights need neither",
            references=("CWE-502", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=MALFORMED,
            question="Does this MessagePack file break its format?",
            severity=Severity.MEDIUM,
            remedy="fetch it again from its publisher and compare digests",
            why="bytes behind the last value, or a value that no reader knows, show that the file is not what its "
            "reader takes it for",
            references=("CWE-20",),
        ),
    ),
    reads=Reads(media_types=(MSGPACK,), names=("*.msgpack",)),
    limits=("of byte strings only the beginning is looked at; numbers in arrays are not",),
)


class MsgpackWeights:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        told = 0
        try:
            for value in msgpack.values(file.read, file.size_bytes):
                what, severity = _payload(value)
                if what and told < MAX_TOLD:
                    told += 1
                    yield _finding(PAYLOAD, f"{what} of {value.size_bytes} bytes", severity, f"offset {value.start:#x}")
        except Truncated:
            raise
        except Malformed as fault:
            yield _finding(MALFORMED, f"breaks the MessagePack format: {visible(str(fault), 400)}", Severity.MEDIUM, "")
            if not told:
                yield _finding(PAYLOAD, "the file could not be read to its end", Severity.HIGH, "", Outcome.ERROR)
            return
        yield Coverage(start=0, end=file.size_bytes, state=State.FINDING if told else State.CLEAN, what="values")


plugin = MsgpackWeights()


def _payload(value: msgpack.Value) -> tuple[str, Severity]:
    """What a value carries besides data; empty for none."""
    if value.kind == "extension" and value.code not in _KNOWN:
        return f"an extension of type {value.code}, which a reader has to have a function for,", Severity.MEDIUM
    if (
        value.kind == "extension"
        and value.code == 1
        and any(mark in value.head[:64] for mark in (b"\xa6object", b"|O"))
    ):
        return "an array of objects, which is unpickled,", Severity.HIGH
    if value.kind == "text":
        return "", Severity.INFO
    # A pickle says so by its protocol; without one, numbers look like it too often.
    if value.head[:1] == b"\x80" and value.head[1:2] in b"\2\3\4\5" and value.head[2:3] in b"\x95c}](X\x8c":
        if value.size_bytes <= msgpack.HEAD_BYTES and not value.head.rstrip(b"\0").endswith(b"."):
            return "", Severity.INFO
        if value.head[2:3] != b"\x95" and value.size_bytes > msgpack.HEAD_BYTES:
            return "", Severity.INFO
        return "what begins like a pickle", Severity.HIGH
    found = programs.found_at(value.head)
    if found is not None and found.nature is programs.Nature.RUNS:
        return found.what, Severity.HIGH
    return "", Severity.INFO


def _finding(rule: str, message: str, severity: Severity, place: str, outcome: Outcome = Outcome.TRUE) -> Finding:
    return Finding(
        rule=rule, outcome=outcome, severity=severity, message=message, location=place, remedy=META.rule(rule).remedy
    )


def _array(kind: bytes, data: bytes) -> bytes:
    """An array as flax writes it: an extension of shape, type and bytes."""
    body = b"\x93\x91\x04" + bytes([0xA0 | len(kind)]) + kind + b"\xc4" + bytes([len(data)]) + data
    return b"\xc7" + bytes([len(body), 1]) + body


def _map(value: bytes) -> bytes:
    return b"\x81\xa6params\x81\xa6kernel" + value


_PICKLE = b"\x80\x04\x95\x0c\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93."
_CLEAN = {PAYLOAD: Outcome.FALSE, MALFORMED: Outcome.FALSE}
_EXAMPLES = (
    Example("an array", lambda: {"flax_model.msgpack": _map(_array(b"float32", bytes(16)))}, _CLEAN),
    Example("an array of objects", lambda: {"m.msgpack": _map(_array(b"object", bytes(4)))}, {PAYLOAD: Outcome.TRUE}),
    Example(
        "a pickle among the bytes",
        lambda: {"m.msgpack": _map(b"\xc4" + bytes([len(_PICKLE)]) + _PICKLE)},
        {PAYLOAD: Outcome.TRUE},
    ),
    Example("an extension of its own", lambda: {"m.msgpack": _map(b"\xd4\x2a\x00")}, {PAYLOAD: Outcome.TRUE}),
    Example(
        "bytes behind the last value",
        lambda: {"m.msgpack": _map(b"\xc0") + b"\0"},
        {MALFORMED: Outcome.TRUE, PAYLOAD: Outcome.ERROR},
    ),
    Example("a file cut short", lambda: {"m.msgpack": _map(b"\xc4\x7f")}, {PAYLOAD: Outcome.ERROR}),
)
