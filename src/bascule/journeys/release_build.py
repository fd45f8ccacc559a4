"""From a plan to a bundle, offline: the bytes that were judged, the proof, and what is generated from it.

    plan → the decision it names, still live → the subject's bytes again, hash for hash → parts → bundle

Rules: a bundle is built from a decision that is in effect and from nothing else; bytes that are not those that were
judged stop the build; only kinds whose tier hands copies out are in it, whatever the plan says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import bascule
from bascule.collect.intake import take_in
from bascule.collect.intake.inventory import Inventory, open_entry
from bascule.journeys.choosing import fetch
from bascule.journeys.parts import Parts, Progress, silent
from bascule.journeys.people import states
from bascule.judge.policy.kept import pack_of
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.files import head_of
from bascule.kernel.scratch import held_folder
from bascule.plugins.kinds import Workspace
from bascule.records import ArtefactKind, Decision, Ladder, Subject
from bascule.records.release import BundleManifest, ReleasePlan
from bascule.release.bundle import Part, place_of, write_bundle
from bascule.release.verify import APPROVALS, CONTEXT, DECISION, ENVELOPES, HEAD, PLAN, POLICY, SUBJECT

MAX_PLAN_BYTES = 4 << 20
COPIES = ("gated copies", "copies")


def read_plan(path: Path) -> ReleasePlan:
    """A plan from a file. Raises InputError `release.unreadable-plan`, `records.invalid`."""
    try:
        data = head_of(path, MAX_PLAN_BYTES)
    except OSError as error:
        raise InputError(
            "release.unreadable-plan", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    if len(data) > MAX_PLAN_BYTES:
        raise InputError("release.unreadable-plan", f"`{path}` is larger than 4 MiB", "give what `release plan` wrote")
    return ReleasePlan.from_json(data, f"the plan `{path}`")


def build_release(plan: ReleasePlan, out: Path, parts: Parts, progress: Progress = silent) -> BundleManifest:
    """The bundle at `out`. Raises InputError where the plan, its decision or the bytes do not hold; leaves nothing."""
    signed = parts.store.decision(plan.decision)
    subject = parts.store.subject(plan.subject)
    head = parts.store.head()
    if signed is None or subject is None or head is None:
        raise InputError(
            "release.unknown-decision",
            f"the ledger of this home holds no decision `{plan.decision}`",
            "build where the decision was made, or plan again here",
        )
    files = parts.store.policy_files(plan.policy) or {}
    ladder = pack_of(files, plan.policy_id, Digest(plan.policy)).ladder(plan.ladder)
    _check(plan, signed.record, ladder, parts)
    progress(0, None, "fetching: the bytes that were judged")
    with held_folder(parts.scratch, "release-") as folder:
        space = Workspace(folder, progress)
        inventory = take_in(fetch(subject.ref, parts.sources, space), space, parts.intake)
        progress(0, None, "building: copying and hashing")
        manifest = BundleManifest(
            name=plan.name,
            version=plan.version,
            plan=plan.content_digest(),
            subject=plan.subject,
            decision=plan.decision,
            policy=plan.policy,
            tier=plan.tier,
            expires_at=min((end for end in (plan.expires_at, signed.record.review_by) if end), default=None),
            ledger_root=head.root,
            ledger_size=head.size,
            tool_version=bascule.__version__,
            files=(),
        )
        proof = [
            Part(PLAN, "evidence", plan.to_json()),
            # Where the bytes lay is nobody's business but ours.
            Part(SUBJECT, "evidence", subject.model_copy(update={"ref": plan.name}).to_json()),
            Part(DECISION, "evidence", parts.store.envelope(signed.envelope)),
            Part(HEAD, "trust", head.envelope),
            *_envelopes(signed.record, parts),
            *_approvals(signed.record, parts),
            *_context(signed.record, files, parts),
        ]
        leaves = {item.kind for item in plan.items if ladder.tier(item.tier).distributes}
        return write_bundle(out, manifest, [*_artefacts(leaves, subject, inventory), *proof], parts.keyring)


def _check(plan: ReleasePlan, decision: Decision, ladder: Ladder, parts: Parts) -> None:
    faults, now = [], parts.clock.now()
    if decision.verdict != "granted":
        faults.append(f"the decision is {decision.verdict}")
    if decision.subject != plan.subject or decision.policy != plan.policy:
        faults.append("the plan names another subject or policy than the decision")
    ends = [end for end in (plan.expires_at, decision.review_by) if end is not None]
    if ends and now >= min(ends):
        faults.append(f"the decision lapsed on {format_instant(min(ends))}")
    known = {tier.id: tier for tier in ladder.tiers}
    for item in plan.items:
        tier, granted = known.get(item.tier), known.get(decision.granted.get(item.kind, ""))
        if tier is None or granted is None or tier.rank > granted.rank:
            faults.append(
                f"`{item.kind}` is planned at {item.tier}, and {granted.id if granted else 'nothing'} is granted"
            )
        elif item.given in COPIES and not tier.distributes:
            faults.append(f"`{item.kind}` is planned to be given as {item.given}, and {item.tier} hands none out")
    faults += [
        f"{state.tier} needs {state.quorum} signatures and has {len(state.accepted)}: bascule approve {plan.decision}"
        for state in states(decision, parts)
        if not state.met
    ]
    if faults:
        raise InputError.from_faults(
            "release.not-granted",
            "this plan cannot be built",
            faults,
            "have it signed, or decide again and plan from that decision",
        )


def _artefacts(leaves: Collection[ArtefactKind], subject: Subject, inventory: Inventory) -> Iterator[Part]:
    entries = {entry.path: entry for entry in inventory.entries}
    for artefact in subject.artefacts:
        if artefact.kind not in leaves:
            continue
        entry = entries.get(artefact.path)
        if entry is None:
            raise InputError(
                "release.changed",
                f"`{artefact.path}` was judged and is no longer there",
                "review it again, and plan from that decision",
            )
        yield Part(
            place_of("artefact", artefact.path),
            "artefact",
            source=partial(open_entry, inventory, entry),
            sha256=artefact.sha256,
            kind=artefact.kind.value,
        )


def _envelopes(decision: Decision, parts: Parts) -> Iterator[Part]:
    for digest in decision.evidence:
        yield Part(f"{ENVELOPES}{digest.removeprefix('sha256:')}.dsse.json", "evidence", parts.store.envelope(digest))


def _approvals(decision: Decision, parts: Parts) -> Iterator[Part]:
    for signed in parts.store.approvals_for(decision.content_digest()):
        name = signed.envelope.removeprefix("sha256:")
        yield Part(f"{APPROVALS}{name}.dsse.json", "evidence", parts.store.envelope(signed.envelope))


def _context(decision: Decision, files: Mapping[str, bytes], parts: Parts) -> Iterator[Part]:
    context = parts.store.context(decision.context)
    if context is not None:
        yield Part(CONTEXT, "evidence", context.to_json())
    for path, data in sorted(files.items()):
        yield Part(f"{POLICY}{path}", "evidence", data)
