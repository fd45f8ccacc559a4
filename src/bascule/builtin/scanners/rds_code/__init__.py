"""R's serialised objects (`.rds`, `.rda`, `.RData`): is there code in them?

`readRDS` and `load` rebuild whatever object a file describes. A promise is an expression that R evaluates as soon as
the object is looked at, so that reading data runs code (CVE-2024-27322); functions and unevaluated calls run when they
are used, and fitted models of R hold both, in their formulas and calls.

Rules: a promise without a value is critical; functions and byte code are code that a person has to read (high where a
call in them reaches a shell, medium where one reaches files or the network, low otherwise); calls are data of every
fitted model, and only told where they reach a shell. The walk follows the format item by item and never builds an
object; what it cannot follow is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bascule.builtin.scanners.rds_code.examples import CODE, EXAMPLES, RUNS
from bascule.builtin.scanners.rds_code.walk import Told, walk
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Truncated
from bascule.plugins.readers.compressed import CODECS, unpacked
from bascule.plugins.readers.media import EMPTY, R_DATA, media_type_of
from bascule.records import Coverage, Finding, Outcome, Severity
from bascule.records.coverage import State

META = Meta(
    id="rds_code",
    title="R objects",
    rules=(
        Rule(
            id=RUNS,
            question="Would reading this R object run code?",
            severity=Severity.CRITICAL,
            remedy="do not read it with R; have its publisher export the data as CSV, Parquet or JSON",
            why="R before 4.4.0 evaluates a promise from a file as soon as the object is referred to, with all the "
            "rights of the session; later versions read it all the same and run it when it is used",
            references=("CVE-2024-27322", "CWE-502", "MITRE ATLAS AML.T0010", "MITRE ATLAS AML.T0011.000"),
        ),
        Rule(
            id=CODE,
            question="Does this R object hold functions, byte code, calls of a shell, or bytes behind it?",
            severity=Severity.MEDIUM,
            remedy="read the functions (`body(f)`) in a sandbox, or export coefficients and tables as data",
            why="a function in a fitted model runs when the model predicts; what it does is only known to who reads it",
            references=("CWE-502", "CWE-829"),
        ),
    ),
    reads=Reads(media_types=(R_DATA,), names=("*.rds", "*.rda", "*.rdata")),
    limits=(
        "the ASCII form is not followed and is answered `not-available`",
        "byte code is told by its constants, not decompiled",
        "external pointers read back as null and are not told",
    ),
)

MAX_UNPACKED = 1 << 30
SHOWN_BYTES = 16 << 20
"""A packed object up to this size is shown by the frame, unpacked; larger ones are unpacked here, in passing."""
_REACHES = frozenset(
    [
        "system",
        "system2",
        "shell",
        "shell.exec",
        "eval",
        "evalq",
        "source",
        "sys.source",
        "parse",
        "download.file",
        "url",
        "socketConnection",
        "file.remove",
        "unlink",
        "file.rename",
        "writeLines",
        "writeBin",
        "Sys.setenv",
        "install.packages",
        "library.dynam",
        "dyn.load",
        ".External",
        ".Call",
        ".C",
        "readRDS",
        "load",
        "unserialize",
        "pipe",
        "fifo",
        "url.show",
        "browseURL",
        "attachNamespace",
        "loadNamespace",
        "system.file",
    ]
)
_RUNNING = frozenset(["system", "system2", "shell", "shell.exec", "pipe", "dyn.load", "download.file", "source"])


class RdsCode:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == EMPTY:
            raise Truncated("the file is empty")
        chunks: Iterator[bytes] = (data for _, data in file.windows())
        packed = file.media_type in CODECS
        if packed:
            chunks = unpacked(file.read, file.size_bytes, file.media_type, max_bytes=MAX_UNPACKED)
        head = next(chunks, b"")
        if media_type_of(head[: 1 << 16], max(len(head), 1)) != R_DATA and head[:2] not in (b"X\n", b"B\n"):
            yield from _without("it holds no object of R")
            return
        told = walk(head, chunks)
        if told.ascii:
            yield from (
                _finding(rule.id, "it is in R's ASCII form", outcome=Outcome.NOT_AVAILABLE) for rule in META.rules
            )
            return
        if packed and told.size_bytes <= SHOWN_BYTES:
            return
        findings = list(_judged(told))
        yield from findings
        if not packed:
            state = State.FINDING if findings else State.CLEAN
            yield Coverage(start=0, end=file.size_bytes, state=state, what="R object")


plugin = RdsCode()


def _judged(told: Told) -> Iterator[Finding]:
    names = sorted(told.called)
    running = sorted(_RUNNING & told.called)
    calls = {"seen": [visible(name, 60) for name in names[:20]]}
    if told.promises:
        what = "a promise that is not evaluated: R runs it as soon as the object is looked at"
        place = f"offset {told.promises[0]:#x}"
        details = {**calls, "loader": "R before 4.4.0 evaluates it", "callable": running[0] if running else ""}
        yield _finding(RUNS, what, place=place, details=details)
    if told.followed:
        what = f"bytes follow the object from offset {told.size_bytes:#x}, and R does not read them"
        yield _finding(CODE, what, place=f"offset {told.size_bytes:#x}")
    reaching = sorted(_REACHES & told.called)
    if told.functions or told.byte_codes:
        what = f"{told.functions} functions and {told.byte_codes} pieces of byte code"
        if reaching:
            what += f", with calls of {', '.join(f'`{name}`' for name in reaching[:8])}"
        severity = Severity.HIGH if running else Severity.MEDIUM if reaching else Severity.LOW
        yield _finding(CODE, what, severity=severity, details={**calls, "callable": running[0] if running else ""})
    elif running:
        what = f"an unevaluated call of {', '.join(f'`{name}`' for name in running)}"
        yield _finding(CODE, what, severity=Severity.MEDIUM, details={**calls, "callable": running[0]})


def _without(said: str) -> Iterator[Finding]:
    yield from (_finding(rule.id, said, outcome=Outcome.NOT_APPLICABLE) for rule in META.rules)


def _finding(
    rule: str,
    message: str,
    *,
    place: str = "",
    severity: Severity | None = None,
    outcome: Outcome = Outcome.TRUE,
    details: Mapping[str, object] | None = None,
) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=severity or told.severity,
        message=message,
        location=place,
        remedy=told.remedy,
        details={key: value for key, value in (details or {}).items() if value},
    )
