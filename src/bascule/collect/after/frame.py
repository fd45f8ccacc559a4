"""The one place where steps after a scan are given what they may see, and their words become observations."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import bascule
from bascule.collect.intake import Inventory, open_entry
from bascule.collect.intake.inventory import Entry
from bascule.collect.scan.gather import Examined, Looked
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.errors import BasculeError
from bascule.kernel.text import visible
from bascule.plugins.meta import Meta
from bascule.plugins.registry import Loaded
from bascule.records import Answer, Finding, Observations, Outcome, Reading, Tool

AFTER_KIND = "after"
_CHUNK = 1 << 20
_HASHES = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b", "blake3"})


@dataclass(frozen=True, slots=True)
class Given:
    """What a step may see: the files with their digests, what scanners read off them, and bytes on request.

    files: by path. readings: of all scanners, in a stable order.
    """

    inventory: Inventory
    files: Mapping[str, Looked]
    readings: Sequence[Reading]
    _entries: dict[str, Entry] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        self._entries.update((entry.path, entry) for entry in self.inventory.entries)

    def named(self, name: str) -> Iterator[Reading]:
        """Every reading of that name."""
        return (reading for reading in self.readings if reading.name == name)

    def bytes_of(self, path: str, limit: int) -> bytes | None:
        """A whole file of at most `limit` bytes; None where it is larger, lies elsewhere or cannot be read."""
        entry = self._entry(path)
        if entry is None or entry.remote or entry.size_bytes > limit:
            return None
        return b"".join(_chunks(self.inventory, entry, 0, entry.size_bytes))

    def digest_of(self, path: str, algorithm: str, start: int = 0, end: int | None = None) -> str | None:
        """The digest in hex of a file, or of a range of it, by the scan or by reading once more; None where it cannot
        be had.

        algorithm: `md5`, `sha1`, `sha224`, `sha256`, `sha384`, `sha512`, `blake2b`, `blake3`, or `git` for a blob's id.
        """
        looked = self.files.get(path)
        entry = self._entry(path)
        if entry is None or looked is None:
            return None
        stop = entry.size_bytes if end is None else end
        known = {"sha256": looked.sha256, "blake3": looked.blake3}.get(algorithm)
        if known is not None and (start, stop) == (0, entry.size_bytes):
            return known
        if entry.remote or stop > entry.size_bytes or (algorithm != "git" and algorithm not in _HASHES):
            return None
        hasher = _hasher(algorithm, entry.size_bytes)
        for chunk in _chunks(self.inventory, entry, start, stop):
            hasher.update(chunk)
        return str(hasher.hexdigest())

    def _entry(self, path: str) -> Entry | None:
        return self._entries.get(path)


@dataclass(slots=True)
class Conclusion:
    """What a step has to say. answered: (rule, path) of questions that were asked, whatever came of them."""

    answered: list[tuple[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)


def given_of(inventory: Inventory, examined: Examined, seen: Iterable[Observations]) -> Given:
    """What a pass over a subject leaves to its steps. seen: by this pass, or by one before over the same bytes."""
    readings = [reading for observations in seen for reading in observations.readings]
    return Given(
        inventory,
        {looked.path: looked for looked in examined.looked},
        sorted(readings, key=lambda reading: (reading.name, reading.artefact, reading.location, str(reading.value))),
    )


class Step(Protocol):
    """A question after the scan."""

    @property
    def meta(self) -> Meta: ...
    @property
    def needs(self) -> tuple[str, ...]:
        """Scanners whose readings it works on."""
        ...

    @property
    def config(self) -> Digest:
        """What its answers depend on besides the subject: data, keys, options."""
        ...

    def conclude(self, given: Given) -> Conclusion: ...


def as_loaded(step: Step) -> Loaded:
    """A step as journeys handle plug-ins: with a version and a digest that decide whether evidence is still fresh."""
    digest = digest_of_json([step.meta.version, bascule.__version__, step.config])
    return Loaded(AFTER_KIND, step.meta.id, "bascule", bascule.__version__, plugin=step, config_digest=digest)


def conclude(given: Given, steps: Iterable[Loaded]) -> dict[str, Observations]:
    """Ask each step. Law: a rule with a `true` finding for a file is answered `true` for it, whatever else is said."""
    return {loaded.id: _observations(loaded, given) for loaded in steps}


def _observations(loaded: Loaded, given: Given) -> Observations:
    step: Step = loaded.plugin
    try:
        said = step.conclude(given)
    except BasculeError as error:
        said = Conclusion(findings=[_failed(step.meta, rule.id, error) for rule in step.meta.rules])
    cited = [_cited(step.meta, finding) for finding in said.findings]
    return Observations(
        tool=Tool(
            id=loaded.id,
            distribution=loaded.distribution,
            version=loaded.version,
            config_digest=loaded.config_digest or digest_of_json(None),
        ),
        rules=tuple(rule.id for rule in step.meta.rules),
        answers=_answers(said, cited),
        findings=tuple(cited),
        readings=tuple(said.readings),
        limits=(*step.meta.limits, *said.limits),
    )


_ORDER = (Outcome.TRUE, Outcome.ERROR, Outcome.NOT_AVAILABLE, Outcome.NOT_APPLICABLE, Outcome.FALSE)


def _answers(said: Conclusion, findings: Sequence[Finding]) -> tuple[Answer, ...]:
    outcomes: dict[tuple[str, str], Outcome] = dict.fromkeys(said.answered, Outcome.FALSE)
    for finding in findings:
        key = (finding.rule, finding.artefact)
        outcomes[key] = min(outcomes.get(key, Outcome.FALSE), finding.outcome, key=_ORDER.index)
    return tuple(
        Answer(rule=rule, artefact=path, outcome=outcome) for (rule, path), outcome in sorted(outcomes.items())
    )


def _cited(meta: Meta, finding: Finding) -> Finding:
    return (
        finding if finding.references else finding.model_copy(update={"references": meta.rule(finding.rule).references})
    )


def _failed(meta: Meta, rule: str, error: BasculeError) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.ERROR,
        severity=meta.rule(rule).severity,
        message=f"the question could not be answered: {visible(error.message, 500)}",
        remedy=error.hint[:1000],
    )


def _hasher(algorithm: str, size_bytes: int) -> hashlib._Hash:
    if algorithm == "blake3":
        from blake3 import blake3

        return blake3()  # type: ignore[return-value] # of the same shape
    if algorithm == "git":
        hasher = hashlib.sha1(usedforsecurity=False)
        hasher.update(b"blob %d\0" % size_bytes)
        return hasher
    return hashlib.new(algorithm, usedforsecurity=False)


def _chunks(inventory: Inventory, entry: Entry, start: int, end: int) -> Iterator[bytes]:
    """The bytes of exactly the file that was taken in. Raises InputError `intake.changed`."""
    descriptor = open_entry(inventory, entry)
    try:
        at = start
        while at < end and (chunk := os.pread(descriptor, min(_CHUNK, end - at), at)):
            yield chunk
            at += len(chunk)
    finally:
        os.close(descriptor)
