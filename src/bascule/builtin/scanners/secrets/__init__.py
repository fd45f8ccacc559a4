"""Secrets: does anything in this file let its reader in somewhere?

A key that leaves with a model cannot be called back, only revoked. Text of any kind is read, and the words inside model
files: safetensors metadata, GGUF values, notebook outputs. `kinds` holds the issuers' formats, `sweep` finds, `doubt`
takes away what is none, `places` says which bytes are read, `disguise` reads them a second way where they need it.

Rule: what is found is never shown. A message gives the kind, the first characters and a digest's beginning, enough to
find the entry and to tell two apart; for what a person chose, neither, because it could be guessed from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from bascule.builtin.scanners.secrets.cases import EXAMPLES
from bascule.builtin.scanners.secrets.places import BINARY_LIMIT_BYTES, is_opaque, is_read_whole, stretches
from bascule.builtin.scanners.secrets.stretch import Stretch
from bascule.builtin.scanners.secrets.sweep import Hit, assigned, issued
from bascule.kernel.digests import sha256_of
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Rule
from bascule.records import Confidence, Coverage, Finding, Outcome, Severity, State

MAX_FINDINGS = 50

_RULE = Rule(
    id="secret-in-file",
    question="Does this file hold a credential?",
    severity=Severity.HIGH,
    remedy="revoke the credential at its issuer, then remove it from the file and from the repository's history",
    why="Whoever downloads the model reads the credential too. Copies are made within minutes of publication, so it "
    "must be revoked, not only deleted.",
    references=("CWE-798", "CWE-312"),
)


class Secrets:
    meta = Meta(
        id="secrets",
        title="Secrets",
        rules=(_RULE,),
        limits=(
            f"other binary files than safetensors and GGUF are read for issued tokens up to {BINARY_LIMIT_BYTES} bytes",
            "no issuer is asked whether a credential is live; nothing leaves the machine",
            "vocabularies are read for issuers' tokens only",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if is_opaque(file):
            yield Finding(
                rule=_RULE.id,
                outcome=Outcome.NOT_APPLICABLE,
                severity=_RULE.severity,
                message="numbers, not words: too large to be read for tokens",
                artefact=file.path,
            )
            return
        told: set[str] = set()
        for stretch in stretches(file):
            for hit in _hits(stretch):
                # Overlapping windows, and a token that is also somebody's `token = …`, show the same thing twice.
                if hit.value in told:
                    continue
                told.add(hit.value)
                yield _finding(hit, stretch, file.path)
                if len(told) == MAX_FINDINGS:
                    return
        if is_read_whole(file):
            state = State.FINDING if told else State.CLEAN
            yield Coverage(start=0, end=file.size_bytes, state=state, what="swept for secrets")


def _hits(stretch: Stretch) -> Iterator[Hit]:
    certain = list(issued(stretch.data))
    values = [hit.value for hit in certain]
    by_hand = assigned(stretch.data, stretch.settings) if stretch.hand_written else iter(())
    return chain(certain, (hit for hit in by_hand if not any(hit.value in v or v in hit.value for v in values)))


def _finding(hit: Hit, stretch: Stretch, path: str) -> Finding:
    if hit.chosen:
        shown = f"{len(hit.value)} characters"
        details: dict[str, object] = {"kind": hit.kind, "length": len(hit.value)}
    else:
        prefix = sha256_of(hit.value.encode())[:12]
        shown = f"`{visible(hit.value[:4])}…`, {len(hit.value)} characters, sha256 {prefix}…"
        details = {"kind": hit.kind, "length": len(hit.value), "sha256_prefix": prefix}
    return Finding(
        rule=_RULE.id,
        outcome=Outcome.TRUE,
        severity=_RULE.severity if hit.confidence != Confidence.LOW else Severity.MEDIUM,
        confidence=hit.confidence,
        message=f"{hit.kind}: {shown}",
        artefact=path,
        location=stretch.at(hit.start),
        remedy=_RULE.remedy,
        details=details,
    )


plugin = Secrets()
