"""One file on its way through the workers, and what was said of it.

Rules: a reply counts when it is this worker's turn to say it, holds a record, and is within the limits; any other ends
the worker. What a scanner had found before it broke stands beside its error: `true` beats `error`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from bascule.collect.intake import Entry
from bascule.collect.scan import wire
from bascule.collect.scan.crew import START_SECONDS, Gone
from bascule.collect.scan.file import REPORT_BYTES
from bascule.collect.scan.options import ScanOptions
from bascule.kernel.canonical import canonical_json
from bascule.kernel.digests import Sha256, as_sha256
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.plugins.kinds import Seen
from bascule.plugins.meta import Meta
from bascule.records import Coverage, Finding, Measure, Reading

_RECORDS: dict[str, type[Seen]] = {
    "finding": Finding,
    "measure": Measure,
    "reading": Reading,
    "coverage": Coverage,
}
_WHY_CHARACTERS = 500
MAX_WANTS = 20_000
"""questions of one worker about one file"""


@dataclass(slots=True)
class Told:
    """What one scanner said of one file; `why` is set when it could not answer."""

    seen: list[Seen] = field(default_factory=list)
    why: str | None = None
    said_bytes: int = 0


@dataclass(slots=True)
class Task:
    """One file, the scanners that have yet to answer, and what the others said.

    It is finished when it has failed, or has its digests and nobody pending. hashes: the names of those wanted. falls:
    workers that broke over it with no scanner at work.
    """

    number: int
    entry: Entry
    pending: list[str]
    hashes: tuple[str, ...] = ("sha256",)
    told: dict[str, Told] = field(default_factory=dict)
    digests: dict[str, Sha256] = field(default_factory=dict)
    failure: str | None = None
    falls: int = 0
    read_bytes: int = 0
    handed_out: bool = False

    def charge(self, scanner: str, why: str) -> None:
        """This scanner does not answer for this file."""
        self.told.setdefault(scanner, Told()).why = visible(why, _WHY_CHARACTERS)
        if scanner in self.pending:
            self.pending.remove(scanner)

    def fail(self, why: str) -> None:
        """The file has no digest, so nobody's answer about it can stand alone."""
        self.failure = visible(why, _WHY_CHARACTERS)
        for scanner in {*self.pending, *self.told}:
            if self.told.get(scanner, Told()).why is None:
                self.charge(scanner, why)

    @property
    def sha256(self) -> Sha256 | None:
        return self.digests.get("sha256")

    @property
    def hashed(self) -> bool:
        return len(self.digests) == len(self.hashes)

    @property
    def finished(self) -> bool:
        return self.failure is not None or (self.hashed and not self.pending and self.handed_out)


class Hearing:
    """Listens to one worker about one task, and keeps its time.

    scanners: those of the task's pending ones that this worker was asked to run. `over`: it has said all.
    """

    def __init__(self, task: Task, scanners: Sequence[str], metas: Mapping[str, Meta], options: ScanOptions) -> None:
        self.task = task
        task.read_bytes = 0
        self._metas = metas
        self._options = options
        self._expected = list(scanners)
        self._wants = 0
        self.over = False
        self._scanner: str | None = None
        self._loaded = False
        # Before the first reply the worker may have scanners to import.
        self.until = time.monotonic() + START_SECONDS + options.seconds_per_file

    def restart_clock(self) -> None:
        """From now on the time limit counts anew."""
        self.until = time.monotonic() + self._options.seconds_per_file

    def hear(self, message: wire.Message) -> None:
        """Take a reply in. Raises Gone when it is not one that may be said now."""
        say = message["say"]
        if say == "seen" and self._scanner is not None:
            self._seen(self._scanner, message)
            return
        if say == "starts" and self._scanner is None and self._expected[:1] == [message.get("scanner")]:
            self._scanner = self._expected.pop(0)
            self.task.told[self._scanner] = Told()
        elif say == "ends" and self._scanner is not None and message.get("scanner") == self._scanner:
            self._ends(self._scanner, message.get("why"), applies=message.get("applies") is not False)
        elif say == "loaded" and not self._loaded and self._scanner is None:
            self._loaded = True
        elif say == "read" and isinstance(count := message.get("bytes"), int) and self._reads_on(count):
            self.task.read_bytes = count
            if self._scanner is not None:
                return  # reading does not buy a scanner more time
        elif say == "done" and self._scanner is None and not self._expected:
            self._done(message.get("digests"))
        elif say == "failed":
            self.task.fail(str(message.get("why", "")))
            self.over = True
        else:
            raise Gone("the worker said something out of turn")
        self.restart_clock()

    def wants(self, message: wire.Message) -> tuple[str, tuple[int, int] | None]:
        """The path that a scanner asks for, and the range when it is one. Raises Gone when it may not ask so."""
        self._wants += 1
        path, start, end = message.get("path"), message.get("start"), message.get("end")
        if self._scanner is None or not isinstance(path, str) or self._wants > MAX_WANTS:
            raise Gone("the worker asked out of turn, or too often")
        if start is None and end is None:
            return path, None
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
            raise Gone("the worker asked for a range that is none")
        return path, (start, end)

    def blame(self, why: str) -> None:
        """The worker broke: charge the scanner that was at work, or else count a fall."""
        if self._scanner is not None:
            self.task.charge(self._scanner, why)
        else:
            self.task.falls += 1
            if self.task.falls > 1:
                self.task.fail(why)

    def _reads_on(self, count: int) -> bool:
        # A stretch more each time, as `OpenFile` tells it: a worker cannot keep its clock running byte by byte.
        return self.task.read_bytes + REPORT_BYTES <= count <= self.task.entry.size_bytes

    def _ends(self, scanner: str, why: object, *, applies: bool) -> None:
        self._scanner = None
        self.task.pending.remove(scanner)
        if not applies and not self.task.told[scanner].seen and not self._must_answer(scanner):
            del self.task.told[scanner]
        if why is not None:
            self.task.charge(scanner, str(why))

    def _must_answer(self, scanner: str) -> bool:
        """It reads such files, whatever is packed in them: the worker cannot say that it does not."""
        entry = self.task.entry
        return bool(self._metas[scanner].reads.match(entry.path, entry.kind, entry.media_type))

    def _done(self, digests: object) -> None:
        self.over = True
        if self.task.hashed:
            return
        if not isinstance(digests, dict) or tuple(digests) != self.task.hashes:
            raise Gone("the worker's digests are not those that were wanted")
        try:
            self.task.digests = {name: as_sha256(str(digest)) for name, digest in digests.items()}
        except InputError as error:
            raise Gone("the worker's digest is none") from error

    def _seen(self, scanner: str, message: wire.Message) -> None:
        told = self.task.told[scanner]
        told.said_bytes += len(str(message))
        if len(told.seen) >= self._options.findings_per_file:
            raise Gone(f"more than {self._options.findings_per_file} findings in one file")
        if told.said_bytes > self._options.output_bytes_per_file:
            raise Gone(f"more than {self._options.output_bytes_per_file} bytes of findings in one file")
        told.seen.append(self._record(scanner, message))

    def _record(self, scanner: str, message: wire.Message) -> Seen:
        kind = _RECORDS.get(str(message.get("what")))
        value = message.get("value")
        if kind is None or not isinstance(value, dict):
            raise Gone("the scanner yielded what is no finding, measure or reading")
        meta = self._metas[scanner]
        value = {**value, "artefact": self.task.entry.path}
        try:
            if kind is Finding:
                rule = meta.rule(str(value.get("rule")))
                value["remedy"] = value.get("remedy") or rule.remedy
                value["references"] = value.get("references") or rule.references
            record = kind.model_validate(value)
            canonical_json(record.as_json())  # what cannot be signed is refused here, and not at the end of the scan
        except KeyError as error:
            raise Gone(f"the scanner answered `{value.get('rule')}`, which is not a rule of its own") from error
        except (ValidationError, InputError) as error:
            raise Gone("the scanner yielded a record that is not valid") from error
        if isinstance(record, Coverage):
            if record.end > self.task.entry.size_bytes:
                raise Gone("the scanner covered bytes that the file does not have")
            return record
        declared = {
            Finding: {rule.id for rule in meta.rules},
            Measure: {item.name for item in meta.measures},
            Reading: {item.name for item in meta.readings},
        }[kind]
        name = record.rule if isinstance(record, Finding) else record.name
        if name not in declared:
            raise Gone(f"the scanner yielded `{name}`, which it does not declare")
        return record
