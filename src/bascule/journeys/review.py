"""The main job: from a reference to a decision, with signed evidence in between.

    source → intake → scan (one pass: hash and scanners together) → sign → ledger → judge → ledger → document

Rules:
- Evidence that is fresh is used again: same subject digest, tool, version, rules and configuration, not expired by
  the clock. `fresh=True` collects again.
- The subject's bytes are always hashed anew; an old digest is never trusted for a path.
- The decision depends on bytes, evidence, policy, context and `as_of` alone: not on the reference, the machine or the
  hour. So the same review gives the same digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bascule.attest import sign_observations
from bascule.collect.after import conclude, given_of
from bascule.collect.intake import Inventory, take_in
from bascule.collect.scan import Examined, examine
from bascule.journeys.choosing import choose, fetch
from bascule.journeys.document import review_document
from bascule.journeys.parts import Parts, Policy, Progress, silent, vocabulary_of
from bascule.judge import judge
from bascule.judge.context import merge_context
from bascule.judge.people import is_holder
from bascule.judge.question import Judgement, Question
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.scratch import held_folder
from bascule.kernel.text import visible
from bascule.plugins.kinds import Workspace
from bascule.plugins.meta import DEFAULT_TTL_DAYS
from bascule.plugins.registry import Loaded
from bascule.records import Approval, Context, Edge, Evidence, Observations, Outcome, Relation, ReviewDocument, Subject
from bascule.records.artefact import subject_digest
from bascule.records.evidence import Independence


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """What is asked. `only`: collect with these scanners alone; what the others said before still counts."""

    ref: str
    tier: str = "T6"
    ladder: str = "release"
    context: Context = field(default_factory=Context)
    as_of: datetime | None = None
    only: tuple[str, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Collected:
    """A subject, and the evidence about it that the ledger holds now."""

    subject: Subject
    evidence: tuple[Evidence, ...]
    reused: frozenset[str]


def review(request: ReviewRequest, policy: Policy, parts: Parts, progress: Progress = silent) -> ReviewDocument:
    """Collect, judge, record. Raises InputError, UpstreamError or StoreError; a refusal is a document."""
    check_tier(request.tier, request.ladder, policy)
    context = merge_context(request.context, policy.pack.context_defaults)
    collected = collect(request.ref, parts, only=request.only, fresh=request.fresh, progress=progress)
    as_of = request.as_of or parts.clock.now()
    progress(0, None, "judging: facts, risk and policy")
    judgement = judge_collected(collected, request.tier, request.ladder, context, policy, parts, as_of)
    keep(judgement, policy, context, parts)
    return review_document(collected.subject, collected.evidence, judgement, policy, context, parts, collected.reused)


def keep(judgement: Judgement, policy: Policy, context: Context, parts: Parts) -> None:
    """Record a decision with all that a replay needs: the policy's files and the context."""
    parts.store.record_policy(policy.pack.digest, policy.files)
    parts.store.record_context(context)
    parts.store.record_decision(judgement.decision)


def judge_collected(
    collected: Collected, tier: str, ladder: str, context: Context, policy: Policy, parts: Parts, as_of: datetime
) -> Judgement:
    """Ask the judge; pure from here on."""
    return judge(question_for(collected, tier, ladder, context, policy, parts, as_of))


def question_for(
    collected: Collected, tier: str, ladder: str, context: Context, policy: Policy, parts: Parts, as_of: datetime
) -> Question:
    """Everything that the answer depends on."""
    return Question(
        subject=collected.subject,
        requested_tier=tier,
        ladder=policy.pack.ladder(ladder),
        evidence=collected.evidence,
        context=context,
        pack=policy.pack,
        as_of=as_of,
        vocabulary=vocabulary_of(parts.asking, parts.peers),
        waivers=tuple(signed.record for signed in parts.store.waivers_for(collected.subject.digest)),
        waiver_approvals=waiver_approvals(collected.subject.digest, parts),
    )


def waiver_approvals(subject: Digest, parts: Parts) -> tuple[Approval, ...]:
    """Who signed the waivers of a subject that renew others, under the name that their key is trusted by."""
    holders = parts.keyring.holders()
    renewals = [signed for signed in parts.store.waivers_for(subject) if signed.record.renewal_of is not None]
    signed = [item.record for waiver in renewals for item in parts.store.approvals_for(waiver.digest)]
    return tuple(each for each in signed if is_holder(each.person, holders.get(each.key_id, "")))


def collect(
    ref: str, parts: Parts, *, only: tuple[str, ...] = (), fresh: bool = False, progress: Progress = silent
) -> Collected:
    """Bring the bytes, look at them, sign what was seen, record it."""
    scanners, steps = choose(parts, only)
    with held_folder(parts.scratch, "review-") as folder:
        fetched = fetch(ref, parts.sources, Workspace(folder, progress))
        inventory = take_in(fetched, Workspace(folder, progress), parts.intake)
        known = parts.store.find_subject(ref)
        if known is not None and not fresh:
            # Probably seen before: hash first, so that unchanged bytes cost no scan.
            examined = examine(inventory, (), parts.scan, progress)
            subject = subject_of(ref, inventory, examined)
            due = tuple(loaded for loaded in scanners if fresh_evidence(subject, loaded, parts) is None)
            if due:
                examined = examine(inventory, due, parts.scan, progress)
                subject = subject_of(ref, inventory, examined)
        else:
            examined = examine(inventory, scanners, parts.scan, progress)
            subject = subject_of(ref, inventory, examined)
            due = tuple(loaded for loaded in scanners if fresh or fresh_evidence(subject, loaded, parts) is None)
        observed = {loaded.id: examined.observations[loaded.id] for loaded in due}
        due_steps = tuple(
            step
            for step in steps
            if fresh or set(step.plugin.needs) & set(observed) or fresh_evidence(subject, step, parts) is None
        )
        before = [
            item.observations
            for item in parts.store.evidence_for(subject.digest)
            if item.observations is not None and item.slot.tool not in observed and item.speaks(parts.clock.now())
        ]
        observed |= conclude(given_of(inventory, examined, [*observed.values(), *before]), due_steps)
    progress(0, None, "recording: signing what was seen")
    record(subject, observed, (*scanners, *steps), parts)
    evidence = parts.store.evidence_for(subject.digest)
    subject = subject.model_copy(update={"edges": edges_of(evidence)})
    parts.store.record_subject(subject)
    reused = frozenset(item.digest for item in evidence if item.slot.tool not in observed)
    return Collected(subject, evidence, reused)


def check_tier(tier: str, ladder: str, policy: Policy) -> None:
    """Raises InputError `review.unknown-ladder` or `review.unknown-tier` with what there is."""
    names = [item.name for item in policy.pack.ladders]
    if ladder not in names:
        raise InputError(
            "review.unknown-ladder",
            f"pack `{policy.pack.id}` has no ladder `{visible(ladder)}`",
            f"it has: {', '.join(names)}",
        )
    tiers = [item.id for item in policy.pack.ladder(ladder).tiers]
    if tier not in tiers:
        raise InputError(
            "review.unknown-tier", f"ladder `{ladder}` has no tier `{visible(tier)}`", f"it has: {', '.join(tiers)}"
        )


def subject_of(ref: str, inventory: Inventory, examined: Examined) -> Subject:
    """The subject that those bytes are; a file that could not be hashed is part of it, as something left out."""
    notes = (*inventory.notes, *examined.failed)
    return Subject(
        ref=ref,
        digest=subject_digest(examined.artefacts, notes),
        artefacts=examined.artefacts,
        notes=notes,
    )


def fresh_evidence(subject: Subject, loaded: Loaded, parts: Parts) -> Evidence | None:
    """Evidence in this scanner's slot that need not be collected again."""
    now = parts.clock.now()
    for item in parts.store.evidence_for(subject.digest):
        seen = item.observations
        if item.slot.tool != loaded.id or seen is None or not item.speaks(now):
            continue
        if item.producer is None or item.producer.independence is Independence.SELF_REPORTED:
            continue  # what others say of themselves spares us no look of our own
        if seen.tool.version == loaded.version and seen.tool.config_digest == loaded.config_digest:
            return item
    return None


def record(
    subject: Subject, observations: Mapping[str, Observations], scanners: tuple[Loaded, ...], parts: Parts
) -> None:
    """Sign and append, one envelope per tool, in a stable order.

    A tool that found nothing to answer about keeps that answer as long as any other: what it would go by may change,
    and the files do not.
    """
    now = parts.clock.now()
    days = {loaded.id: loaded.plugin.meta.ttl_days if loaded.plugin is not None else 1 for loaded in scanners}
    for tool in sorted(observations):
        idle = not observations[tool].findings and all(
            answer.outcome is Outcome.NOT_APPLICABLE for answer in observations[tool].answers
        )
        expires_at = now + timedelta(days=max(days[tool], DEFAULT_TTL_DAYS) if idle else days[tool])
        parts.store.record_evidence(
            sign_observations(subject, observations[tool], issued_at=now, expires_at=expires_at, keyring=parts.keyring)
        )


def edges_of(evidence: tuple[Evidence, ...]) -> tuple[Edge, ...]:
    """Parents as the artefacts themselves name them."""
    edges: set[tuple[str, str, str]] = set()
    for item in evidence:
        readings = item.observations.readings if item.observations else ()
        relation = next((str(r.value) for r in readings if r.name == "lineage.relation"), Relation.FINETUNE_OF.value)
        for reading in readings:
            values = reading.value if isinstance(reading.value, tuple) else (str(reading.value),)
            if reading.name == "lineage.base_models":
                edges.update((relation, value, reading.artefact) for value in values)
            elif reading.name == "lineage.datasets":
                edges.update((Relation.TRAINED_ON.value, value, reading.artefact) for value in values)
    known = {item.value for item in Relation}
    return tuple(
        Edge(relation=Relation(relation), parent=parent, declared_in=place)
        for relation, parent, place in sorted(edges)
        if relation in known
    )
