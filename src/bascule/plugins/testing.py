"""Runs every plug-in's own examples, and lints its shape. Used by our tests, by `bascule plugins --check` and by
whoever writes one: `from bascule.plugins.testing import check_scanner`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bascule.plugins.inside import Inside, NothingToRead, may_read
from bascule.plugins.kinds import Listed, Made, Scanner, Seen
from bascule.plugins.meta import Meta
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.media import classify, media_type_of
from bascule.records import Answer, ArtefactKind, Finding, Measure, Outcome, Reading

_RULE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """The in-memory twin of the file that the sandbox opens."""

    path: str
    data: bytes
    kind: ArtefactKind = ArtefactKind.UNCLASSIFIED
    media_type: str = "application/octet-stream"
    listing: Sequence[Listed] = ()
    beside: Mapping[str, MemoryFile] = field(default_factory=dict, repr=False, compare=False)
    _kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def read(self, offset: int, size: int) -> bytes:
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise Truncated(f"{size} bytes at {offset} of {len(self.data)}")
        return self.data[offset : offset + size]

    def windows(self, size: int = 1 << 20, overlap: int = 0) -> Iterator[tuple[int, bytes]]:
        for start in range(0, len(self.data), size):
            offset = max(0, start - overlap)
            yield offset, self.data[offset : start + size]

    def kept(self, what: str, make: Callable[[], Made]) -> Made:
        if what not in self._kept:
            self._kept[what] = make()
        made: Made = self._kept[what]
        return made

    def neighbour(self, path: str) -> MemoryFile | None:
        return self.beside.get(path)


@dataclass(slots=True)
class Report:
    """What a scanner saw in a set of built files."""

    answers: dict[str, Outcome] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def readings(self) -> dict[str, object]:
        return {item.name: item.value for item in self.seen if isinstance(item, Reading)}


def memory_files(files: Mapping[str, bytes]) -> list[MemoryFile]:
    """Files as intake would list them: media type by content, kind by content and name."""
    rows = []
    for path, data in sorted(files.items()):
        media_type = media_type_of(data[:65536], len(data), path)
        rows.append((path, data, classify(path, media_type), media_type))
    listing = [Listed(path, kind, media_type, len(data)) for path, data, kind, media_type in rows]
    beside: dict[str, MemoryFile] = {}
    for path, data, kind, media_type in rows:
        beside[path] = MemoryFile(path, data, kind, media_type, listing, beside)
    return list(beside.values())


def answer_file(scanner: Scanner, file: MemoryFile) -> tuple[list[Answer], list[Seen]]:
    """One file's answers, by the frame's rules: an exception makes every rule's answer `error`; a scanner that reads
    neither the file nor anything packed in it gives none."""
    seen: list[Seen] = []
    try:
        seen.extend(Inside(file).scan(scanner))
    except NothingToRead:
        return [], []
    except (Malformed, Truncated) as error:
        seen.extend(
            Finding(rule=rule.id, outcome=Outcome.ERROR, severity=rule.severity, message=str(error), artefact=file.path)
            for rule in scanner.meta.rules
        )
    return answers_of(scanner.meta, file.path, seen), seen


def answers_of(meta: Meta, path: str, seen: Sequence[Seen]) -> list[Answer]:
    """The coverage map of one file: true beats error beats not-available beats not-applicable beats false."""
    order = [Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE, Outcome.NOT_APPLICABLE]
    answers = []
    for rule in meta.rules:
        outcomes = {item.outcome for item in seen if isinstance(item, Finding) and item.rule == rule.id}
        outcome = next((candidate for candidate in order if candidate in outcomes), Outcome.FALSE)
        answers.append(Answer(rule=rule.id, artefact=path, outcome=outcome))
    return answers


def scan_memory(scanner: Scanner, files: Mapping[str, bytes]) -> Report:
    """Run a scanner over built files, in this process: for examples and tests only."""
    report = Report()
    order = [Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE, Outcome.FALSE, Outcome.NOT_APPLICABLE]
    for file in memory_files(files):
        if not may_read(scanner.meta, file.path, file.kind, file.media_type):
            continue
        answers, seen = answer_file(scanner, file)
        report.seen.extend(seen)
        for answer in answers:
            before = report.answers.get(answer.rule)
            report.answers[answer.rule] = (
                answer.outcome if before is None else min(before, answer.outcome, key=order.index)
            )
    for rule in scanner.meta.rules:
        report.answers.setdefault(rule.id, Outcome.NOT_APPLICABLE)
    return report


def check_scanner(scanner: Scanner) -> list[str]:
    """Every fault of a scanner's shape and examples, empty when it is fit to ship."""
    faults = list(lint_meta(scanner.meta))
    if not scanner.meta.rules and not scanner.meta.measures and not scanner.meta.readings:
        faults.append("`meta` declares no rule, measure or reading")
    tested: dict[str, set[Outcome]] = {rule.id: set() for rule in scanner.meta.rules}
    for example in scanner.examples:
        report = scan_memory(scanner, example.files())
        for rule, expected in example.expects.items():
            if rule not in tested:
                faults.append(f"example `{example.name}` expects `{rule}`, which is not a rule of `{scanner.meta.id}`")
                continue
            tested[rule].add(expected)
            if report.answers[rule] != expected:
                faults.append(
                    f"example `{example.name}`: `{rule}` answered {report.answers[rule]}, expected {expected}"
                )
        found = report.readings()
        for name, value in example.readings.items():
            if found.get(name) != value:
                faults.append(f"example `{example.name}`: reading `{name}` is {found.get(name)!r}, expected {value!r}")
        faults.extend(f"example `{example.name}`: {fault}" for fault in _undeclared(scanner.meta, report.seen))
    for rule, outcomes in tested.items():
        faults.extend(
            f"rule `{rule}` has no example that answers {need}"
            for need in (Outcome.TRUE, Outcome.FALSE)
            if need not in outcomes
        )
    return faults


def lint_meta(meta: Meta) -> Iterator[str]:
    """Faults of a description: ids, questions, remedies, reasons."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", meta.id):
        yield f"id `{meta.id}` must be a lower-case module name"
    for rule in meta.rules:
        if not _RULE_ID.fullmatch(rule.id):
            yield f"rule id `{rule.id}` must be lower-case words joined by hyphens"
        if not rule.question.endswith("?"):
            yield f"rule `{rule.id}`: its question must end in `?`"
        if not rule.remedy:
            yield f"rule `{rule.id}` has no remedy"
        if len(rule.why) < 40:
            yield f"rule `{rule.id}` does not say why it matters"


def _undeclared(meta: Meta, seen: Sequence[Seen]) -> Iterator[str]:
    rules = {rule.id for rule in meta.rules}
    measures = {item.name for item in meta.measures}
    readings = {item.name for item in meta.readings}
    for item in seen:
        if isinstance(item, Finding) and item.rule not in rules:
            yield f"finding of the undeclared rule `{item.rule}`"
        elif isinstance(item, Measure) and item.name not in measures:
            yield f"undeclared measure `{item.name}`"
        elif isinstance(item, Reading) and item.name not in readings:
            yield f"undeclared reading `{item.name}`"
