"""Verify: is this bundle what its signer released, whole and unchanged, and does its decision still stand?

Offline: no server, no account, no clock but the one that is given. Each check is named and three-valued. Rules: a
bundle is verified when every check that must be made was made, and holds; what cannot be checked here is
`not-available`, which is no pass where the check is one that must be; nothing in the bundle is followed, run or
unpacked, and nothing in it is believed before its bytes are those that were signed.
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

from bascule.attest import PREDICATE_APPROVAL, PREDICATE_DECISION, KeyRing, open_statement, read_record
from bascule.attest.envelope import identity
from bascule.judge.people import approval_state
from bascule.judge.policy.kept import pack_of
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import BasculeError, EvidenceError, InputError
from bascule.kernel.text import counted, visible
from bascule.records import Approval, Context, Decision, Ladder, Subject
from bascule.records.artefact import subject_digest
from bascule.records.release import BundleManifest, ReleasePlan, VerifyCheck, VerifyDocument
from bascule.release.bundle import CHUNK, MANIFEST, PREDICATE_RELEASE, SIGNATURE, faults_of_path, place_of
from bascule.store.heads import read_head

MAX_DOCUMENT = 64 << 20
PLAN = "evidence/plan.json"
SUBJECT = "evidence/subject.json"
CONTEXT = "evidence/context.json"
DECISION = "evidence/decision.dsse.json"
HEAD = "trust/head.dsse.json"
ENVELOPES = "evidence/envelopes/"
APPROVALS = "evidence/approvals/"
POLICY = "evidence/policy/"

MUST = ("layout", "signature", "files", "plan", "decision", "policy", "tier", "subject", "evidence", "expiry")
"""Checks without which nothing is verified."""
UNTRUSTED = "attest.untrusted-key"
Outcome = Literal["true", "false", "not-available"]


@dataclass(slots=True)
class _Found:
    checks: list[VerifyCheck] = field(default_factory=list)

    def add(self, name: str, outcome: Outcome, detail: str = "") -> None:
        self.checks.append(VerifyCheck(name=name, outcome=outcome, detail=detail))

    def faults(self, name: str, faults: Sequence[str], otherwise: str = "") -> None:
        """False with the first faults, or true."""
        more = f" and {len(faults) - 8} more" if len(faults) > 8 else ""
        self.add(name, "false" if faults else "true", "; ".join(faults[:8]) + more if faults else otherwise)


def verify_bundle(
    folder: Path, keyring: KeyRing, now: datetime, *, revoked: Sequence[str] | None = None, threshold: int = 1
) -> VerifyDocument:
    """Every check by name. keyring: whose signatures count; revoked: digests taken back, None where no list is at hand.

    Raises InputError `release.no-bundle` where there is no folder with a manifest, `release.bad-threshold`; a failed
    check is an answer.
    """
    found = _Found()
    if threshold < 1:
        raise InputError("release.bad-threshold", f"{threshold} keys sign nothing", "ask for at least 1")
    if not folder.is_dir() or folder.is_symlink():
        raise InputError("release.no-bundle", f"`{folder}` is no folder", "give the folder of a bundle")
    on_disk = _layout(folder, found)
    manifest = _manifest(folder, keyring, threshold, found)
    if manifest is not None:
        _files(folder, manifest, on_disk, found)
        if all(check.outcome == "true" for check in found.checks):
            _contents(folder, manifest, keyring, now, found)
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


# --- the folder ------------------------------------------------------------------------------------------------


def _layout(folder: Path, found: _Found) -> dict[str, Path]:
    """Relative path to file, of regular files alone."""
    files: dict[str, Path] = {}
    faults: list[str] = []
    for path, mode in _walk(folder):
        if mode is None:
            faults.append(f"`{visible(path, 120)}` cannot be read")
        elif not stat.S_ISREG(mode):
            faults.append(f"`{visible(path, 120)}` is a link or a device")
        elif fault := faults_of_path(path):
            faults.append(f"`{visible(path, 120)}` {fault}")
        else:
            files[path] = folder / path
    found.faults("layout", faults)
    return files


def _walk(folder: Path) -> Iterator[tuple[str, int | None]]:
    """(relative path, mode) of all but folders, in a stable order; None for what cannot be read."""
    ahead = [""]
    while ahead:
        prefix = ahead.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield prefix, None
            continue
        for entry in listed:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                ahead.append(f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, mode


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
    strangers = sorted({*on_disk} - {*listed, MANIFEST, SIGNATURE})
    faults = [f"`{visible(path, 120)}` is not part of the release" for path in strangers]
    for path, file in sorted(listed.items()):
        if path not in on_disk:
            faults.append(f"`{visible(path, 120)}` is missing")
            continue
        try:
            sha256 = _sha256(folder / path)
        except OSError as error:
            faults.append(f"`{visible(path, 120)}` cannot be read: {error.strerror or error}")
            continue
        if sha256 != file.sha256:
            faults.append(
                f"`{visible(path, 120)}` was changed: it is {sha256[:12]}…, and {file.sha256[:12]}… was signed"
            )
    found.faults("files", faults, counted(len(listed), "file"))


# --- what it holds ---------------------------------------------------------------------------------------------


def _contents(folder: Path, manifest: BundleManifest, keyring: KeyRing, now: datetime, found: _Found) -> None:
    try:
        plan = ReleasePlan.from_json(_read(folder / PLAN), f"`{PLAN}`")
        names = (plan.content_digest(), plan.decision, plan.policy, plan.subject)
        held = names == (manifest.plan, manifest.decision, manifest.policy, manifest.subject)
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
    found.faults("decision", [*_other_decision(manifest, decision, signed.digest)])
    ladder = _policy(folder, manifest, decision, found)
    if ladder is not None:
        found.faults("tier", [*_above(manifest, plan, decision, ladder)])
    _subject(folder, manifest, found)
    producers = _evidence(folder, decision, keyring, found)
    _approvals(folder, manifest, decision, keyring, producers, now, found)
    _head(folder, manifest, keyring, found)


def _other_decision(manifest: BundleManifest, decision: Decision, digest: Digest) -> Iterator[str]:
    if (digest, decision.policy, decision.subject) != (manifest.decision, manifest.policy, manifest.subject):
        yield "another decision, policy or subject was released"
    if decision.verdict != "granted":
        yield f"the decision is {decision.verdict}"
    ends = manifest.expires_at
    if decision.review_by is not None and (ends is None or ends > decision.review_by):
        yield f"the release outlasts its decision, which lapses on {format_instant(decision.review_by)}"


def _policy(folder: Path, manifest: BundleManifest, decision: Decision, found: _Found) -> Ladder | None:
    """The ladder of the very policy that was decided under, from its files in the bundle."""
    files = {
        file.path.removeprefix(POLICY): _read(folder / file.path)
        for file in manifest.files
        if file.path.startswith(POLICY)
    }
    try:
        ladder = pack_of(files, decision.policy_id, Digest(manifest.policy)).ladder(decision.ladder)
    except BasculeError as error:
        found.add("policy", "false", error.message.split("\n", 1)[0])
        return None
    except KeyError:
        found.add("policy", "false", f"the policy has no ladder `{visible(decision.ladder, 40)}`")
        return None
    found.add("policy", "true")
    return ladder


def _above(manifest: BundleManifest, plan: ReleasePlan, decision: Decision, ladder: Ladder) -> Iterator[str]:
    """Kinds that go further than was granted, and copies of kinds whose tier hands none out."""
    known = {tier.id: tier for tier in ladder.tiers}
    hands_out = set[str]()
    for item in plan.items:
        tier, granted = known.get(item.tier), known.get(decision.granted.get(item.kind, ""))
        if tier is None or granted is None or tier.rank > granted.rank:
            yield f"`{item.kind}` is released at {item.tier}, and {granted.id if granted else 'nothing'} was granted"
        elif tier.distributes:
            hands_out.add(item.kind.value)
    for kind in sorted({file.kind for file in manifest.files if file.role == "artefact"} - hands_out):
        yield f"copies of `{visible(kind, 40)}` are in it, and its tier hands none out"


def _subject(folder: Path, manifest: BundleManifest, found: _Found) -> None:
    """Every artefact is one that was judged, byte for byte."""
    try:
        subject = Subject.from_json(_read(folder / SUBJECT), f"`{SUBJECT}`")
    except (OSError, BasculeError) as error:
        found.add("subject", "false", str(error))
        return
    faults = []
    if subject_digest(subject.artefacts, subject.notes) != manifest.subject:
        faults.append("the subject is not the one that was judged")
    judged = {place_of("artefact", each.path): (each.sha256, each.kind.value) for each in subject.artefacts}
    faults += [
        f"`{visible(file.path, 120)}` is not what was judged"
        for file in manifest.files
        if file.role == "artefact" and judged.get(file.path) != (file.sha256, file.kind)
    ]
    found.faults("subject", faults)


def _evidence(folder: Path, decision: Decision, keyring: KeyRing, found: _Found) -> set[str]:
    """Every envelope that the decision cites is there, whole, and signed by a key that counts. Returns those keys."""
    faults, keys = [], set[str]()
    for digest in decision.evidence:
        name = f"{ENVELOPES}{digest.removeprefix('sha256:')}.dsse.json"
        try:
            envelope = _read(folder / name)
            if identity(envelope) != digest:
                raise EvidenceError("release.other-evidence", f"`{name}` is another envelope than its name says")
            keys.update(open_statement(envelope, keyring)[0].key_ids)
        except OSError:
            faults.append(f"`{digest[:19]}…` is cited and not here")
        except BasculeError as error:
            faults.append(error.message)
    found.faults("evidence", faults, f"{counted(len(decision.evidence), 'envelope')} cited, all here and signed")
    return keys


def _approvals(
    folder: Path,
    manifest: BundleManifest,
    decision: Decision,
    keyring: KeyRing,
    producers: set[str],
    now: datetime,
    found: _Found,
) -> None:
    """Did those sign who had to? Not to be told where their keys are not trusted here."""
    if not decision.approvals_needed:
        found.add("approvals", "true", "nobody has to sign it")
        return
    approvals, strangers, faults = [], 0, list[str]()
    for file in manifest.files:
        if file.path.startswith(APPROVALS):
            try:
                approvals.append(read_record(_read(folder / file.path), Approval, PREDICATE_APPROVAL, keyring).record)
            except BasculeError as error:
                strangers += error.code == UNTRUSTED
                faults += [error.message] if error.code != UNTRUSTED else []
    try:
        context = Context.from_json(_read(folder / CONTEXT), f"`{CONTEXT}`")
        if context.content_digest() != decision.context:
            raise EvidenceError("release.other-context", "the context is not the one that was decided in")
    except (OSError, BasculeError) as error:
        found.add("approvals", "false", str(error))
        return
    holders = keyring.holders()
    states = [
        approval_state(
            decision,
            approvals,
            tier=need.tier,
            as_of=now,
            requester=context.requester,
            producer_keys=producers,
            producers={name for key in producers if (name := holders.get(key))},
            holders=holders,
        )
        for need in decision.approvals_needed
    ]
    wanting = [f"{state.tier} has {len(state.accepted)} of {state.quorum}" for state in states if not state.met]
    if faults:
        found.faults("approvals", faults)
    elif not wanting:
        found.add("approvals", "true", f"signed by {', '.join(sorted({each.person for each in approvals}))}")
    elif strangers:
        found.add("approvals", "not-available", f"{counted(strangers, 'signature')} by keys that nobody here trusts")
    else:
        found.add("approvals", "false", "; ".join(wanting))


def _head(folder: Path, manifest: BundleManifest, keyring: KeyRing, found: _Found) -> None:
    try:
        head = read_head(_read(folder / HEAD), keyring.authorities())
    except OSError:
        found.add("ledger-head", "not-available", "the bundle carries no head of the ledger")
        return
    except BasculeError as error:
        # Whoever added to the ledger last signed its head; nobody here may know them.
        found.add("ledger-head", "not-available" if error.code == UNTRUSTED else "false", error.message)
        return
    same = (head.root, head.size) == (manifest.ledger_root, manifest.ledger_size)
    found.faults("ledger-head", [] if same else ["the head is not the one that was released under"])


def _standing(manifest: BundleManifest, now: datetime, revoked: Sequence[str] | None, found: _Found) -> None:
    if manifest.expires_at is None:
        found.add("expiry", "true", "it names no end")
    elif now < manifest.expires_at:
        found.add("expiry", "true", f"until {format_instant(manifest.expires_at)}")
    else:
        found.add("expiry", "false", f"ended on {format_instant(manifest.expires_at)}")
    if revoked is None:
        found.add("revocation", "not-available", "no list of what was taken back is at hand")
    else:
        taken = {manifest.decision, manifest.plan, manifest.content_digest()} & set(revoked)
        found.add("revocation", "false" if taken else "true", "it was taken back" if taken else "it is not on the list")


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)


def _read(path: Path) -> bytes:
    with os.fdopen(_open(path), "rb") as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise EvidenceError("release.too-large", f"`{path.name}` is larger than {MAX_DOCUMENT} bytes")
    return data


def _sha256(path: Path) -> str:
    hashed = hashlib.sha256()
    with os.fdopen(_open(path), "rb") as file:
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
    return hashed.hexdigest()
