"""From what workers said to what one pass over a subject gave: artefacts, and one `Observations` for each scanner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bascule.collect.scan.options import ScanOptions
from bascule.collect.scan.sandbox import Held
from bascule.collect.scan.task import Task
from bascule.kernel.digests import digest_of_json
from bascule.kernel.text import visible
from bascule.plugins.kinds import Seen
from bascule.plugins.meta import Meta
from bascule.plugins.registry import Loaded
from bascule.plugins.testing import answers_of
from bascule.records import (
    Answer,
    Artefact,
    ArtefactKind,
    Coverage,
    Finding,
    Measure,
    Observations,
    Outcome,
    Reading,
    Severity,
    Tool,
)
from bascule.records.artefact import IntakeNote

UNFIT_RULE = "plugin-unfit"
"""the one answer of a plug-in that did not load, and so has no rules to speak of"""


@dataclass(frozen=True, slots=True)
class Looked:
    """A file that was looked at, hashed or not."""

    path: str
    kind: ArtefactKind
    media_type: str
    size_bytes: int
    sha256: str | None = None
    blake3: str | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """What one pass over a subject gave.

    artefacts: those with a sha256, in the inventory's order. looked: all that were looked at, with the digests that
    were wanted. observations: one for each scanner given, by id. failed: files that could not be hashed, with `blocks`
    set; whoever builds the subject adds them to its notes.
    """

    artefacts: tuple[Artefact, ...]
    observations: Mapping[str, Observations]
    failed: tuple[IntakeNote, ...] = ()
    looked: tuple[Looked, ...] = ()


def gather(tasks: Sequence[Task], scanners: Sequence[Loaded], held: Held | None, options: ScanOptions) -> Examined:
    """The result of finished tasks. `held` is None when no worker was needed."""
    artefacts = tuple(
        Artefact(
            path=task.entry.path,
            kind=task.entry.kind,
            media_type=task.entry.media_type,
            size_bytes=task.entry.size_bytes,
            sha256=task.sha256,
        )
        for task in tasks
        if task.sha256 is not None
    )
    failed = tuple(
        IntakeNote(path=task.entry.path, what="unreadable", detail=task.failure, blocks=True)
        for task in tasks
        if task.failure is not None
    )
    environment = _environment(held, options)
    gaps = held.gaps if held is not None else ()
    observations = {
        loaded.id: _unfit(loaded, environment)
        if loaded.plugin is None or loaded.error
        else _observations(loaded, tasks, environment, gaps)
        for loaded in scanners
    }
    looked = tuple(
        Looked(
            task.entry.path,
            task.entry.kind,
            task.entry.media_type,
            task.entry.size_bytes,
            task.digests.get("sha256"),
            task.digests.get("blake3"),
        )
        for task in tasks
        if task.failure is None
    )
    return Examined(artefacts, observations, failed, looked)


def _environment(held: Held | None, options: ScanOptions) -> dict[str, Any]:
    # Nothing that differs between two runs on one machine: not the scratch folder, not the number of workers.
    return {
        "sandbox": held.as_json() if held is not None else None,
        "limits": {
            "seconds_per_file": options.seconds_per_file,
            "memory_mb": options.memory_mb,
            "findings_per_file": options.findings_per_file,
            "output_bytes_per_file": options.output_bytes_per_file,
            "scratch_bytes": options.scratch_bytes,
        },
    }


def _observations(
    loaded: Loaded, tasks: Sequence[Task], environment: dict[str, Any], gaps: tuple[str, ...]
) -> Observations:
    meta: Meta = loaded.plugin.meta
    answers: list[Answer] = []
    seen: list[Seen] = []
    unanswered: list[str] = []
    for task in tasks:
        told = task.told.get(loaded.id)
        if told is None:
            continue
        here = list(told.seen)
        if told.why is not None:
            here += [_error(meta, rule.id, task.entry.path, told.why) for rule in meta.rules]
            if not meta.rules:
                unanswered.append(f"`{visible(task.entry.path)}` could not be read: {told.why}")
        answers += answers_of(meta, task.entry.path, here)
        seen += here
    return Observations(
        tool=_tool(loaded),
        rules=tuple(rule.id for rule in meta.rules),
        answers=tuple(answers),
        findings=tuple(item for item in seen if isinstance(item, Finding)),
        coverage=tuple(item for item in seen if isinstance(item, Coverage)),
        measures=tuple(item for item in seen if isinstance(item, Measure)),
        readings=tuple(item for item in seen if isinstance(item, Reading)),
        limits=(*meta.limits, *unanswered, *gaps),
        environment=environment,
    )


def _error(meta: Meta, rule: str, path: str, why: str) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.ERROR,
        severity=meta.rule(rule).severity,
        message=f"the question could not be answered: {why}",
        artefact=path,
        remedy="mend or remove the file if it is damaged; if it is sound, report the scanner's fault",
    )


def _unfit(loaded: Loaded, environment: dict[str, Any]) -> Observations:
    """A plug-in that did not load: what it would read is not known, so the answer is about the subject."""
    finding = Finding(
        rule=UNFIT_RULE,
        outcome=Outcome.ERROR,
        severity=Severity.HIGH,
        message=f"the scanner `{visible(loaded.id)}` does not load: {visible(loaded.error, 500)}",
        remedy=f"mend, upgrade or remove the package `{visible(loaded.distribution)}`",
    )
    return Observations(
        tool=_tool(loaded),
        rules=(UNFIT_RULE,),
        answers=(Answer(rule=UNFIT_RULE, artefact="", outcome=Outcome.ERROR),),
        findings=(finding,),
        environment=environment,
    )


def _tool(loaded: Loaded) -> Tool:
    return Tool(
        id=loaded.id,
        distribution=loaded.distribution,
        version=loaded.version,
        config_digest=loaded.config_digest or digest_of_json(None),
    )
