"""Results of other scanners as evidence: what somebody ran elsewhere, and hands in.

Rules: the result is kept byte for byte; an alarm in it answers the peer's one question `true`, and nothing in it
answers that question `false`; an alarm that was once handed in for the same bytes stays, whatever a later result
leaves out, until a person waives it. So what a peer says can make us more careful and never less.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bascule.attest import sign_observations
from bascule.journeys.decide import recorded_subject
from bascule.journeys.parts import Parts
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import InputError
from bascule.kernel.files import head_of
from bascule.kernel.text import suggestion, visible
from bascule.plugins.kinds import Peer, PeerAlarm, PeerSays
from bascule.plugins.meta import Rule
from bascule.plugins.peers import tool_of
from bascule.plugins.registry import Loaded
from bascule.records import (
    Answer,
    Confidence,
    Evidence,
    Finding,
    Observations,
    Outcome,
    Subject,
    Tool,
)

MAX_RESULT_BYTES = 16 << 20
_LIMIT = "the result names no digest: that it is about these very bytes is the word of whoever handed it in"
_MEMBER_MARK = re.compile(r"[:!\[]| \(")
_MARKS = 50


@dataclass(frozen=True, slots=True)
class Imported:
    """Evidence made of a peer's results: which results, by digest, and what each said."""

    evidence: Evidence
    subject: Subject
    results: tuple[tuple[Digest, PeerSays], ...]


def import_results(paths: Sequence[Path], peer_id: str, ref: str, parts: Parts) -> Imported:
    """Record a peer's results about a subject that was reviewed here.

    Raises InputError `external.unknown-peer`, `external.unreadable`, `external.too-large`, `external.not-a-result`,
    `decide.unknown-subject`; nothing is recorded unless every result can be read.
    """
    loaded = _peer(peer_id, parts)
    subject = recorded_subject(ref, parts)
    read = [(data := _bytes(path), _says(loaded.plugin, data, path)) for path in paths]
    tool = tool_of(loaded.id)
    results = tuple((parts.store.record_result(data, subject.digest, tool), says) for data, says in read)
    before = next((item for item in parts.store.evidence_for(subject.digest) if item.slot.tool == tool), None)
    seen = observations(loaded, subject, results, before)
    now = parts.clock.now()
    expires_at = now + timedelta(days=loaded.plugin.meta.ttl_days)
    envelope = sign_observations(subject, seen, issued_at=now, expires_at=expires_at, keyring=parts.keyring)
    return Imported(parts.store.record_evidence(envelope), subject, results)


def observations(
    loaded: Loaded, subject: Subject, results: Sequence[tuple[Digest, PeerSays]], before: Evidence | None
) -> Observations:
    """What the results amount to.

    Law: no outcome in it is `false`, and every alarm of `before` is in it.
    """
    (rule,) = loaded.plugin.meta.rules
    findings: dict[tuple[str, str, str], Finding] = {}
    earlier = before.observations.findings if before is not None and before.observations is not None else ()
    for finding in (*earlier, *_findings(rule, subject, results)):
        if finding.outcome is Outcome.TRUE:
            findings.setdefault((finding.artefact, finding.location, finding.message), finding)
    versions = dict.fromkeys(says.version for _, says in results if says.version)
    return Observations(
        tool=Tool(
            id=tool_of(loaded.id),
            distribution=loaded.plugin.distribution,
            version=", ".join(versions) or "unknown",
            config_digest=loaded.config_digest or digest_of(loaded.id.encode()),
        ),
        rules=(rule.id,),
        answers=(Answer(rule=rule.id, artefact="", outcome=Outcome.NOT_AVAILABLE),),
        findings=tuple(findings.values()),
        limits=(_LIMIT,),
        environment={"results": [{"digest": digest, "verdict": says.verdict} for digest, says in results]},
    )


def _findings(rule: Rule, subject: Subject, results: Iterable[tuple[Digest, PeerSays]]) -> Iterator[Finding]:
    known = frozenset(artefact.path for artefact in subject.artefacts)
    (only,) = known if len(known) == 1 else ("",)
    for digest, says in results:
        # A verdict without reasons is an alarm about all of it.
        alarms = says.alarms or ((PeerAlarm("", "it warns, and does not say of what"),) * (says.verdict == "finding"))
        for alarm in alarms:
            artefact, inside = place_of(alarm.path, known) if alarm.path else (only, "")
            yield Finding(
                rule=rule.id,
                outcome=Outcome.TRUE,
                severity=rule.severity,
                confidence=Confidence.MEDIUM,
                artefact=artefact,
                location=visible(inside, 500),
                message=visible(alarm.message, 500) or "it warns, and does not say of what",
                details={"result": digest},
            )


def place_of(path: str, known: Collection[str]) -> tuple[str, str]:
    """(artefact, place inside it) of a path as a peer writes it: absolute or not, with a member behind a mark or not.

    known: every artefact's path. Where none is in it, the subject as a whole is meant, which counts for every kind.
    """
    text = path.replace("\\", "/")
    ends = [len(text), *(mark.start() for mark in reversed(list(_MEMBER_MARK.finditer(text))))]
    for end in ends[:_MARKS]:
        start = 0
        while start >= 0:
            if text[start:end] in known:
                return text[start:end], text[end:].lstrip(":! ")
            start = text.find("/", start, end) + 1 or -1
    return "", path


def _peer(peer_id: str, parts: Parts) -> Loaded:
    known = {loaded.id: loaded for loaded in parts.peers if loaded.plugin is not None}
    if peer_id not in known:
        raise InputError(
            "external.unknown-peer",
            f"no peer is called `{visible(peer_id)}`",
            suggestion(peer_id, known) or f"there are: {', '.join(sorted(known))}",
        )
    return known[peer_id]


def _bytes(path: Path) -> bytes:
    try:
        data = head_of(path, MAX_RESULT_BYTES)
    except OSError as error:
        raise InputError(
            "external.unreadable", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    if len(data) > MAX_RESULT_BYTES:
        raise InputError("external.too-large", f"`{path}` is larger than 16 MiB", "scan fewer files at a time")
    return data


def _says(peer: Peer, data: bytes, path: Path) -> PeerSays:
    says = peer.parse(None, data.decode("utf-8", "replace"), "")
    if not says.understood:
        raise InputError(
            "external.not-a-result",
            f"`{path}` is no result that `{peer.meta.id}` prints",
            f"keep what `{' '.join(peer.command(peer.programs[0], 'PATH'))}` writes to its standard output",
        )
    return says
