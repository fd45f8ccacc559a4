"""From a plan to a bundle, offline: the bytes that were judged, the proof, and what is generated from it.

    plan → the decision it names, still live → the subject's bytes again, hash for hash → parts → bundle

Rules: a bundle is built from a decision that stands and from nothing else; bytes that are not those that were judged
stop the build; only kinds whose tier hands copies out are in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import bascule
from bascule.collect.intake import take_in
from bascule.collect.intake.inventory import Inventory, open_entry
from bascule.journeys.choosing import fetch
from bascule.journeys.parts import Parts, Progress, silent
from bascule.kernel.clock import format_instant
from bascule.kernel.errors import InputError
from bascule.kernel.scratch import held_folder
from bascule.plugins.kinds import Workspace
from bascule.records import Decision, Subject
from bascule.records.release import BundleManifest, ReleasePlan
from bascule.release.bundle import Part, place_of, write_bundle
from bascule.release.verify import DECISION, ENVELOPES, HEAD, PLAN

MAX_PLAN_BYTES = 4 << 20
COPIES = ("gated copies", "copies")


def read_plan(path: Path) -> ReleasePlan:
    """A plan from a file. Raises InputError `release.unreadable-plan`, `records.invalid`."""
    try:
        data = path.read_bytes()
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
    _check(plan, signed.record, parts.clock.now())
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
            expires_at=plan.expires_at,
            ledger_root=head.root,
            ledger_size=head.size,
            tool_version=bascule.__version__,
            files=(),
        )
        proof = [
            Part(PLAN, "evidence", plan.to_json()),
            Part(DECISION, "evidence", parts.store.envelope(signed.envelope)),
            Part(HEAD, "trust", head.envelope),
            *_envelopes(signed.record, parts),
            *_context(signed.record, parts),
        ]
        return write_bundle(out, manifest, [*_artefacts(plan, subject, inventory), *proof], parts.keyring)


def _check(plan: ReleasePlan, decision: Decision, now: datetime) -> None:
    faults = []
    if decision.verdict != "granted":
        faults.append(f"the decision is {decision.verdict}")
    if decision.subject != plan.subject or decision.policy != plan.policy:
        faults.append("the plan names another subject or policy than the decision")
    ends = [end for end in (plan.expires_at, decision.review_by) if end is not None]
    if ends and now >= min(ends):
        faults.append(f"the decision lapsed on {format_instant(min(ends))}")
    for item in plan.items:
        granted = decision.granted.get(item.kind)
        if granted is None or int(item.tier[1:]) > int(granted[1:]):
            faults.append(f"`{item.kind}` is planned at {item.tier}, and {granted or 'nothing'} is granted")
    if faults:
        raise InputError.from_faults(
            "release.not-granted", "this plan cannot be built", faults, "decide again, and plan from that decision"
        )


def _artefacts(plan: ReleasePlan, subject: Subject, inventory: Inventory) -> Iterator[Part]:
    leaves = {item.kind for item in plan.items if item.given in COPIES}
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


def _context(decision: Decision, parts: Parts) -> Iterator[Part]:
    context = parts.store.context(decision.context)
    if context is not None:
        yield Part("evidence/context.json", "evidence", context.to_json())
    for path, data in sorted((parts.store.policy_files(decision.policy) or {}).items()):
        yield Part(f"evidence/policy/{path}", "evidence", data)
