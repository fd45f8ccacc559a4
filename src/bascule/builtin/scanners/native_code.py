"""Programs where nobody looks for one: under the name of data, or joined to a model in one file.

That machine code lies in the repository at all is told by `unreadable_binary`. Here it is asked whether it hides: a
program named like weights, a picture or a setting is a trick; a llamafile is a program by design, with the model behind
it, and whoever runs it runs both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import programs
from bascule.plugins.readers.media import JAVA_CLASS, PROGRAMS, PYTHON_BYTECODE
from bascule.records import Finding, Outcome, Severity

RULE = "native-code"

META = Meta(
    id="native_code",
    title="Programs that hide",
    rules=(
        Rule(
            id=RULE,
            question="Is a program named like data, or joined to a model in one file?",
            severity=Severity.HIGH,
            remedy="do not open or run it; have its publisher ship weights without a program",
            why="a program under the name of weights or a picture is there to be run by somebody who does not know; a "
            "model that is also a program runs with all the rights of whoever starts it",
            references=("CWE-434", "CWE-646", "MITRE ATLAS AML.T0010.003"),
        ),
    ),
    reads=Reads(media_types=PROGRAMS),
    limits=("programs inside archives and behind other data are the business of other scanners",),
)

_DATA = re.compile(
    r"\.(bin|pt|pth|ckpt|safetensors|gguf|ggml|onnx|tflite|pb|h5|hdf5|keras|npy|npz|pkl|pickle|joblib|msgpack|mlmodel|pte"
    r"|json|jsonl|ya?ml|toml|txt|md|csv|tsv|parquet|arrow|png|jpe?g|gif|webp|svg|pdf|wav|mp3|model|vocab|jinja2?)$"
)
_APE = (b"MZqFpD", b"jartsr")
_BEGINNING_BYTES = 1 << 16
_TAIL_BYTES = 1 << 16


class NativeCode:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return _EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        head = file.read(0, min(_BEGINNING_BYTES, file.size_bytes))
        name = file.path.lower()
        if head[:6] in _APE:
            holds = b".gguf" in file.read(max(0, file.size_bytes - _TAIL_BYTES), min(_TAIL_BYTES, file.size_bytes))
            what = "a llamafile: a program for every system with its model behind it" if holds else _ACTUALLY
            yield _finding(what, Severity.MEDIUM if holds and not _DATA.search(name) else Severity.HIGH)
        elif _DATA.search(name) and (
            file.media_type in (JAVA_CLASS, PYTHON_BYTECODE) or programs.found_at(head) is not None
        ):
            # Two letters make raw numbers look like a program; only one that holds together is accused.
            yield _finding(f"a program ({file.media_type}) under the name of data", Severity.HIGH)


plugin = NativeCode()
_ACTUALLY = "an Actually Portable Executable: one program for every system"


def _finding(message: str, severity: Severity) -> Finding:
    remedy = META.rules[0].remedy
    return Finding(
        rule=RULE, outcome=Outcome.TRUE, severity=severity, message=message, location="offset 0x0", remedy=remedy
    )


def _elf() -> bytes:
    """The header of a program that does nothing."""
    fields = (2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    sizes = (2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2)
    body = b"".join(value.to_bytes(size, "little") for value, size in zip(fields, sizes, strict=True))
    return b"\x7fELF\x02\x01\x01" + bytes(9) + body + bytes(200)


_EXAMPLES = (
    Example("a library by its name", lambda: {"lib/fast.so": _elf()}, {RULE: Outcome.FALSE}),
    Example("a program named weights", lambda: {"pytorch_model.bin": _elf()}, {RULE: Outcome.TRUE}),
    Example("a program named as a picture", lambda: {"logo.png": _elf()}, {RULE: Outcome.TRUE}),
    Example("a llamafile", lambda: {"m.llamafile": b"MZqFpD='\n" + bytes(90) + b"m.gguf"}, {RULE: Outcome.TRUE}),
    Example("numbers that begin like a program", lambda: {"w.bin": b"MZ" + bytes(96)}, {RULE: Outcome.FALSE}),
)
