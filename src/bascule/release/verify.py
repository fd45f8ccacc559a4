"""Verify: is this bundle what its signer released, whole and unchanged, and does its decision still stand?

Offline: no server, no account, no clock but the one that is given. Each check is named and three-valued. Rules: a
bundle is verified when every check that must be made was made, and holds; what cannot be checked here is
`not-available`, which is no pass where the check is one that must be; nothing in the bundle is followed, run or
unpacked.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from bascule.attest import PREDICATE_DECISION, KeyRing, open_statement, read_record
from bascule.attest.envelope import identity
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import digest_of
from bascule.kernel.errors import BasculeError, EvidenceError, InputError
from bascule.kernel.text import counted, visible
from bascule.records import Decision
from bascule.records.release import BundleManifest, ReleasePlan, VerifyCheck, VerifyDocument
from bascule.release.bundle import CHUNK, MANIFEST, PREDICATE_RELEASE, SIGNATURE, faults_of_path
from bascule.store.heads import read_head

MAX_DOCUMENT = 64 << 20
PLAN = "evidence/plan.json"
DECISION = "evidence/decision.dsse.json"
HEAD = "trust/head.dsse.json"
ENVELOPES = "evidence/envelopes/"

MUST = ("layout", "signature", "files", "plan", "decision", "tier", "evidence", "expiry")
"""Checks without which nothing is verified."""
Outcome = Literal["true", "false", "not-available"]


@dataclass(slots=True)
class _Found:
    checks: list[VerifyCheck] = field(default_factory=list)

    def add(self, name: str, outcome: Outcome, detail: str = "") -> bool:
        self.checks.append(VerifyCheck(name=name, outcome=outcome, detail=detail))
        return outcome == "true"


def verify_bundle(
    folder: Path, keyring: KeyRing, now: datetime, *, revoked: Sequence[str] | None = None, threshold: int = 1
) -> VerifyDocument:
    """Every check by name. keyring: whose signatures count; revoked: digests taken back, None where no list is at hand.

    Raises InputError `release.no-bundle` where there is no folder with a manifest; a failed check is an answer.
    """
    found = _Found()
    if not folder.is_dir() or folder.is_symlink():
        raise InputError("release.no-bundle", f"`{folder}` is no folder", "give the folder of a bundle")
    on_disk = _layout(folder, found)
    manifest = _manifest(folder, keyring, threshold, found)
    if manifest is not None:
        _files(folder, manifest, on_disk, found)
        whole = all(check.outcome == "true" for check in found.checks)
        # Nothing is read from a bundle whose bytes are not those that were signed.
        if whole:
            _contents(folder, manifest, keyring, found)
        _standing(manifest, now, revoked, found)
    made = {check.name for check in found.checks if check.outcome == "true"}
    fails = any(check.outcome == "false" for check in found.checks)
    return VerifyDocument(
        verdict="failed" if fails or not set(MUST) <= made else "verified",
        checks=tuple(found.checks),
        release=f"{manifest.name} {manifest.version}" if manifest else "",
        tier=manifest.tier if manifest else "",
        decision=manifest.decision if manifest else "",
        expires_at=manifest.expires_at if manifest else None,
    )


def _layout(folder: Path, found: _Found) -> dict[str, Path]:
    """Relative path to file, of regular files alone."""
    files: dict[str, Path] = {}
    faults: list[str] = []
    for path, mode in _walk(folder, ""):
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            faults.append(f"`{visible(path, 120)}` is a link or a device")
        elif fault := faults_of_path(path):
            faults.append(f"`{visible(path, 120)}` {fault}")
        else:
            files[path] = folder / path
    found.add("layout", "false" if faults else "true", "; ".join(faults[:5]))
    return files


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        mode = entry.stat(follow_symlinks=False).st_mode
        yield prefix + entry.name, mode
        if stat.S_ISDIR(mode):
            yield from _walk(folder / entry.name, f"{prefix}{entry.name}/")


def _manifest(folder: Path, keyring: KeyRing, threshold: int, found: _Found) -> BundleManifest | None:
    try:
        data, envelope = _read(folder / MANIFEST), _read(folder / SIGNATURE)
    except OSError:
        found.add("signature", "false", f"`{MANIFEST}` or `{SIGNATURE}` is missing")
        return None
    try:
        verified, statement = open_statement(envelope, keyring, threshold, authorities=True)
        if statement.predicate_type != PREDICATE_RELEASE or statement.subject(MANIFEST) != digest_of(data):
            raise EvidenceError("release.other-manifest", f"`{SIGNATURE}` signs another manifest")
        manifest = BundleManifest.from_json(data, f"`{MANIFEST}`")
        if manifest.to_json() != data:
            raise EvidenceError("release.other-manifest", f"`{MANIFEST}` is not spelled as it was written")
    except BasculeError as error:
        found.add("signature", "false", error.message)
        return None
    holders = keyring.holders()
    names = ", ".join(holders.get(key) or f"`{key[:16]}…`" for key in verified.key_ids)
    found.add("signature", "true", f"signed by {names}")
    return manifest


def _files(folder: Path, manifest: BundleManifest, on_disk: Mapping[str, Path], found: _Found) -> None:
    listed = {file.path: file for file in manifest.files}
    faults = [
        f"`{visible(path, 120)}` is not part of the release"
        for path in sorted({*on_disk} - {*listed, MANIFEST, SIGNATURE})
    ]
    for path, file in sorted(listed.items()):
        if path not in on_disk:
            faults.append(f"`{visible(path, 120)}` is missing")
        elif (sha256 := _sha256(folder / path)) != file.sha256:
            faults.append(
                f"`{visible(path, 120)}` was changed: it is {sha256[:12]}…, and {file.sha256[:12]}… was signed"
            )
    more = f" and {len(faults) - 8} more" if len(faults) > 8 else ""
    found.add("files", "false" if faults else "true", "; ".join(faults[:8]) + more or counted(len(listed), "file"))


def _contents(folder: Path, manifest: BundleManifest, keyring: KeyRing, found: _Found) -> None:
    try:
        plan = ReleasePlan.from_json(_read(folder / PLAN), f"`{PLAN}`")
        held = plan.content_digest() == manifest.plan and plan.decision == manifest.decision
        found.add("plan", "true" if held else "false", "" if held else "the plan is not the one that was built from")
    except (OSError, BasculeError) as error:
        found.add("plan", "false", str(error))
        return
    try:
        signed = read_record(_read(folder / DECISION), Decision, PREDICATE_DECISION, keyring)
    except (OSError, BasculeError) as error:
        found.add("decision", "false", str(error))
        return
    decision = signed.record
    same = (
        signed.digest == manifest.decision
        and decision.policy == manifest.policy
        and decision.subject == manifest.subject
    )
    found.add(
        "decision", "true" if same else "false", "" if same else "another decision, policy or subject was released"
    )
    above = [
        f"`{item.kind}` is released at {item.tier}, and {decision.granted.get(item.kind, 'nothing')} was granted"
        for item in plan.items
        if _rank(item.tier) > _rank(decision.granted.get(item.kind, ""))
    ]
    found.add("tier", "false" if above else "true", "; ".join(above))
    _evidence(folder, decision, keyring, found)
    _head(folder, manifest, keyring, found)


def _evidence(folder: Path, decision: Decision, keyring: KeyRing, found: _Found) -> None:
    """Every envelope that the decision cites is there, whole, and signed by a key that counts."""
    faults = []
    for digest in decision.evidence:
        name = f"{ENVELOPES}{digest.removeprefix('sha256:')}.dsse.json"
        try:
            envelope = _read(folder / name)
            if identity(envelope) != digest:
                raise EvidenceError("release.other-evidence", f"`{name}` is another envelope than its name says")
            open_statement(envelope, keyring)
        except OSError:
            faults.append(f"`{digest[:19]}…` is cited and not here")
        except BasculeError as error:
            faults.append(error.message)
    detail = "; ".join(faults[:5]) or f"{counted(len(decision.evidence), 'envelope')} cited, all here and signed"
    found.add("evidence", "false" if faults else "true", detail)


def _head(folder: Path, manifest: BundleManifest, keyring: KeyRing, found: _Found) -> None:
    try:
        head = read_head(_read(folder / HEAD), keyring.authorities())
    except OSError:
        found.add("ledger-head", "not-available", "the bundle carries no head of the ledger")
        return
    except BasculeError as error:
        found.add("ledger-head", "false", error.message)
        return
    same = (head.root, head.size) == (manifest.ledger_root, manifest.ledger_size)
    found.add(
        "ledger-head", "true" if same else "false", "" if same else "the head is not the one that was released under"
    )


def _standing(manifest: BundleManifest, now: datetime, revoked: Sequence[str] | None, found: _Found) -> None:
    if manifest.expires_at is None:
        found.add("expiry", "true", "it names no end")
    else:
        live = now < manifest.expires_at
        found.add(
            "expiry",
            "true" if live else "false",
            f"{'until' if live else 'ended on'} {format_instant(manifest.expires_at)}",
        )
    if revoked is None:
        found.add("revocation", "not-available", "no list of what was taken back is at hand")
    else:
        taken = {manifest.decision, manifest.plan, manifest.content_digest()} & set(revoked)
        found.add("revocation", "false" if taken else "true", "it was taken back" if taken else "it is not on the list")


def _rank(tier: str) -> int:
    return int(tier[1:]) if tier[1:].isdigit() else -1


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise EvidenceError("release.too-large", f"`{path.name}` is larger than {MAX_DOCUMENT} bytes")
    return data


def _sha256(path: Path) -> str:
    hashed = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()
