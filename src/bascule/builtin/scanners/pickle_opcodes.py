"""What would loading this pickle do?

The opcodes are interpreted with symbols (`plugins.readers.pickles`), never run. What is called is told with its
arguments; what is known to do no harm is not told; what is not known is told as such. A stream that breaks leaves the
questions open, unless it did its work first: a load has run every call that stands before the break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, media
from bascule.plugins.readers.pickles.machine import Contradiction
from bascule.plugins.readers.pickles.notes import Anomaly, Carried, NotCovered, Note, Pickle, Unreadable
from bascule.plugins.readers.pickles.places import PICKLE_NAMES, WEIGHT_NAMES, notes
from bascule.plugins.readers.pickles.stream import Span
from bascule.plugins.readers.pickles.tensors import plan
from bascule.plugins.readers.pickles.verdict import Remark
from bascule.records import Confidence, Finding, Outcome, Severity

_MOST_FINDINGS = 200
_CONVERTED = (media.PICKLE, media.TORCH_ZIP, media.NPZ, media.NPY)
_CONVERT = "publish the weights as safetensors, which cannot run anything; load this file only where its calls may run"

CALLS_CODE = Rule(
    id="pickle-calls-code",
    question="Would loading this pickle run a command, code, or reach files, the network or the interpreter?",
    severity=Severity.CRITICAL,
    remedy="do not load this file; ask the publisher for safetensors and for how this call came to be there",
    why="Unpickling is running: a pickle may call anything that can be imported, with the loader's rights, before the "
    "model is even there. The callable named here has no use in a model and many in an attack.",
    references=("CWE-502", "MITRE ATLAS AML.T0011.000", "https://docs.python.org/3/library/pickle.html"),
)
UNKNOWN_GLOBAL = Rule(
    id="pickle-unknown-global",
    question="Would loading this pickle use a class or function that is not known to be harmless?",
    severity=Severity.MEDIUM,
    remedy=_CONVERT,
    why="What is called is on no list of harmless constructors. It may be the publisher's own class or a gadget in an "
    "installed package; the bytes cannot tell. Low when an object is only built from inert values, medium when called.",
    references=("CWE-502",),
)
MALFORMED = Rule(
    id="pickle-malformed",
    question="Does this pickle break after it has done its work, or read differently to different loaders?",
    severity=Severity.HIGH,
    remedy="do not load this file: its calls run before the load fails; fetch it again and compare digests",
    why="A stream that breaks after a call has already run it, and many scanners give up at the break. Frames that lie "
    "make the unpicklers read different programs. A stream that breaks before it called anything is merely unreadable, "
    "and every question about it stays open.",
    references=("CWE-502", "CWE-693"),
)
ZIP_ANOMALY = Rule(
    id="torch-zip-anomaly",
    question="Could two loaders read different members from this archive?",
    severity=Severity.MEDIUM,
    remedy="have the archive written anew by `torch.save` or, better, as safetensors",
    why="PyTorch takes the first of two members of one name and Python the last, and loaders differ in which of two "
    "contradicting headers they believe: what was checked may not be what is loaded.",
    references=("CWE-436", "CWE-345"),
)
CARRIES_PICKLE = Rule(
    id="pickle-carries-pickle",
    question="Does this pickle carry another one, as bytes or as text, that a load does not unpack by itself?",
    severity=Severity.MEDIUM,
    remedy="find the code that unpacks it, or ask the publisher what it is for; do not unpack it",
    why="A pickle within a pickle is loaded by whoever was told to, in a second step that no scan of calls sees. As "
    "text it has hardly an honest use. Medium when unpacking it would call what is not known to be harmless, low "
    "when it only holds data.",
    references=("CWE-502", "CWE-506", "MITRE ATLAS AML.T0011.000"),
)


class PickleOpcodes:
    """Interprets pickles, wherever they are packed."""

    meta = Meta(
        id="pickle_opcodes",
        title="Pickles, interpreted without running them",
        rules=(CALLS_CODE, UNKNOWN_GLOBAL, MALFORMED, ZIP_ANOMALY, CARRIES_PICKLE),
        reads=Reads(
            media_types=(
                media.PICKLE,
                media.TORCH_ZIP,
                media.NPZ,
                media.NPY,
                media.KERAS_ZIP,
                *media.ARCHIVES,
                *media.COMPRESSED,
            ),
            names=(*PICKLE_NAMES, *WEIGHT_NAMES),
        ),
        opens=True,
        limits=(
            "of 7z, what is encrypted or packed with PPMd, BCJ2 or zstd is named, not opened; RAR is named, not opened",
            "members packed larger than 16 MiB are read only where they are pickles, arrays or stored",
            "what an unknown class does when it is built cannot be told from the bytes",
        ),
    )

    @property
    def examples(self) -> tuple[Example, ...]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        span = Span(file.read, 0, file.size_bytes)
        count = 0
        convertible: bool | None = None
        for note in notes(span, file.path, file.media_type):
            for finding in _findings(note, file.path):
                count += 1
                if finding.outcome is Outcome.TRUE and file.media_type in _CONVERTED:
                    if convertible is None:
                        convertible = _is_convertible(span, file.media_type)
                    finding = finding.model_copy(update={"details": {**finding.details, "convertible": convertible}})
                if count > _MOST_FINDINGS:
                    yield _open(
                        CALLS_CODE, file.path, "", f"more than {_MOST_FINDINGS} findings; the rest are not told"
                    )
                    return
                yield finding


def _is_convertible(span: Span, media_type: str) -> bool:
    """Could `bascule scan --convert` save this file's tensors?"""
    try:
        return bool(plan(span, media_type).tensors)
    except (Malformed, RecursionError):
        return False


def _findings(note: Note, path: str) -> Iterator[Finding]:
    if isinstance(note, Anomaly):
        yield Finding(
            rule=ZIP_ANOMALY.id,
            outcome=Outcome.TRUE,
            severity=ZIP_ANOMALY.severity,
            message=f"loaders may read this archive differently: {visible(note.what, 800)}",
            artefact=path,
            location=_place(note.place),
            remedy=ZIP_ANOMALY.remedy,
            details=_anomaly(note.what.partition(":")[0]),
        )
    elif isinstance(note, Carried):
        yield _carried(note, path)
    elif isinstance(note, NotCovered):
        for rule in (CALLS_CODE, UNKNOWN_GLOBAL):
            yield _open(rule, path, note.place, f"not looked into: {note.why}", Outcome.NOT_AVAILABLE)
    elif isinstance(note, Unreadable):
        for rule in (CALLS_CODE, UNKNOWN_GLOBAL, MALFORMED):
            yield _open(rule, path, note.place, f"cannot be read: {note.fault}")
    else:
        yield from _pickle_findings(note, path)


# Which loader takes the path that the anomaly opens, tried with torch 2.13 and Python 3.11 on harmless copies.
_LOADERS = {
    "duplicate-name": "torch 2.13 takes the first duplicate, Python's zipfile the last",
    "several-directories": "loaders that read from the end take the last directory; others may take any",
    "several-ends": "loaders take the last end record; strict ones take the one whose comment ends the file",
    "leading-bytes": "Python's zipfile adds the leading bytes to every offset; torch 2.13 refuses the file",
    "trailing-bytes": "torch 2.13 loads the file all the same",
    "wrong-crc": "torch 2.13 loads the member all the same; Python's zipfile refuses it",
    "crc-mismatch": "torch 2.13 loads the member all the same",
    "name-mismatch": "torch 2.13 believes the directory's name; Python's zipfile refuses the member",
    "encryption-mismatch": "torch 2.13 loads a member whose local header alone says that it is encrypted",
    "encrypted": "torch 2.13 refuses a member that the directory calls encrypted",
}


def _anomaly(code: str) -> dict[str, str]:
    loader = _LOADERS.get(code)
    return {"anomaly": code, "loader": loader} if loader else {"anomaly": code}


def _pickle_findings(pickle: Pickle, path: str) -> Iterator[Finding]:
    for remark in pickle.remarks:
        yield _remark(remark, pickle, path)
    if pickle.fault is None:
        return
    fault = visible(str(pickle.fault), 400)
    for rule in (CALLS_CODE, UNKNOWN_GLOBAL):
        yield _open(rule, path, pickle.place, f"what follows is not known: {fault}")
    if not pickle.has_run and not isinstance(pickle.fault, Contradiction):
        yield _open(MALFORMED, path, pickle.place, f"cannot be read to its end: {fault}")
        return
    what = "breaks after it has called something" if pickle.has_run else "loaders read it differently"
    yield Finding(
        rule=MALFORMED.id,
        outcome=Outcome.TRUE,
        severity=MALFORMED.severity,
        message=f"{what}: {fault}",
        artefact=path,
        location=_place(pickle.place),
        remedy=MALFORMED.remedy,
        details={"truncated": isinstance(pickle.fault, Truncated)},
    )


def _remark(remark: Remark, pickle: Pickle, path: str) -> Finding:
    rule = CALLS_CODE if remark.code == "calls-code" else UNKNOWN_GLOBAL
    offset = remark.offset + pickle.shift
    name = visible(remark.callable, 200)
    with_arguments = f" with `{visible(remark.arguments, 200)}`" if remark.arguments else ""
    return Finding(
        rule=rule.id,
        outcome=Outcome.TRUE,
        severity=remark.severity,
        message=f"`{name}`: a load {visible(remark.what, 300)}{with_arguments}",
        artefact=path,
        location=_place(f"{pickle.place}offset {offset:#x}"),
        confidence=Confidence.HIGH if remark.code == "calls-code" else Confidence.MEDIUM,
        remedy=rule.remedy,
        details={
            "callable": name,
            "arguments": visible(remark.arguments, 200),
            "opcode": remark.opcode,
            "offset": offset,
            "count": remark.count,
        },
    )


def _carried(note: Carried, path: str) -> Finding:
    does = f"unpacking it would call `{visible(note.callable, 200)}`" if note.callable else "it holds data only"
    return Finding(
        rule=CARRIES_PICKLE.id,
        outcome=Outcome.TRUE,
        severity=Severity.MEDIUM if note.callable else Severity.LOW,
        message=f"carries a pickle of {note.size_bytes} bytes, written as {note.how}: {does}",
        artefact=path,
        location=_place(note.place),
        remedy=CARRIES_PICKLE.remedy,
        details={"callable": visible(note.callable, 200)} if note.callable else {},
    )


def _open(rule: Rule, path: str, place: str, message: str, outcome: Outcome = Outcome.ERROR) -> Finding:
    return Finding(
        rule=rule.id,
        outcome=outcome,
        severity=rule.severity,
        message=visible(message, 1000),
        artefact=path,
        location=_place(place),
    )


def _place(place: str) -> str:
    return visible(place.removesuffix("!"), 900)


# -- built examples: assembled here, never loaded ----------------------------------------------------------------------


def _text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def _call(module: str, name: str, argument: str) -> bytes:
    return b"\x80\x04" + _text(module) + _text(name) + b"\x93" + _text(argument) + b"\x85R."


def _array_state() -> bytes:
    return b"\x80\x02}X\x01\x00\x00\x00wccollections\nOrderedDict\n)Rs."


def _own_class() -> bytes:
    return (
        b"\x80\x04" + _text("regression_model.pipeline") + _text("Scaler") + b"\x93)\x81}" + _text("mean") + b"K\x03sb."
    )


def _file(data: Callable[[], bytes], name: str = "model.pkl") -> Callable[[], Mapping[str, bytes]]:
    return lambda: {name: data()}


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def _zip_of_twins() -> bytes:
    """Two members of one name, stored, by hand: the writer of the standard library would warn."""
    import struct
    import zlib

    body, directory = b"", b""
    for data in (_array_state(), b"\x80\x02]."):
        name = b"archive/data.pkl"
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + common + name + data
    return body + directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 2, 2, len(directory), len(body), 0)


_TRUE, _FALSE, _ERROR = Outcome.TRUE, Outcome.FALSE, Outcome.ERROR
_EXAMPLES = (
    Example(
        "a call that starts a process",
        _file(lambda: _call("os", "sys" + "tem", "id")),
        {CALLS_CODE.id: _TRUE, UNKNOWN_GLOBAL.id: _FALSE, MALFORMED.id: _FALSE},
    ),
    Example(
        "containers and numbers",
        _file(_array_state),
        {CALLS_CODE.id: _FALSE, UNKNOWN_GLOBAL.id: _FALSE, MALFORMED.id: _FALSE, ZIP_ANOMALY.id: _FALSE},
    ),
    Example("a class of one's own", _file(_own_class), {CALLS_CODE.id: _FALSE, UNKNOWN_GLOBAL.id: _TRUE}),
    Example(
        "a stream that breaks after its call",
        _file(lambda: _call("os", "sys" + "tem", "id")[:-1] + b"\xff"),
        {CALLS_CODE.id: _TRUE, MALFORMED.id: _TRUE, UNKNOWN_GLOBAL.id: _ERROR},
    ),
    Example(
        "a stream that breaks before it calls anything",
        _file(lambda: _array_state()[:-3]),
        {CALLS_CODE.id: _ERROR, MALFORMED.id: _ERROR, UNKNOWN_GLOBAL.id: _ERROR},
    ),
    Example(
        "a pickle that calls something, as base64 in another",
        _file(lambda: b"\x80\x04" + _text(_base64(_call("regression_model", "start", "now"))) + b"."),
        {CARRIES_PICKLE.id: _TRUE, CALLS_CODE.id: _FALSE, UNKNOWN_GLOBAL.id: _FALSE},
    ),
    Example(
        "other data as base64",
        _file(lambda: b"\x80\x04" + _text(_base64(b"a page of a configuration")) + b"."),
        {CARRIES_PICKLE.id: _FALSE},
    ),
    Example("an archive with twins", _file(_zip_of_twins, "model.pt"), {ZIP_ANOMALY.id: _TRUE, CALLS_CODE.id: _FALSE}),
)

plugin = PickleOpcodes()
