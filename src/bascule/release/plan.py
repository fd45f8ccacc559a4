"""A plan: what is published to whom at which tier, part by part, from a decision that stands.

Rules: each kind goes as far as it was asked and granted, the card before the weights where that is so; who may use it,
how use is observed and how it is taken back follow from what the tier is, unless the release owner says otherwise;
nobody can plan above what was granted, nor without a name that answers. Same review, same words, same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records import ArtefactKind, ReviewDocument, Tier
from bascule.records.release import Given, PlannedItem, PlannedSafeguard, ReleasePlan, Stage
from bascule.records.summary import act_at

Monetisation = Literal["free", "paid support", "metered API", "licence fee"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the release owner says beside the review. Blanks follow from the context and the tier.

    words: by kind, `published`, `may_use`, `observed`, `taken_back` in other words than the tier's.
    """

    name: str = ""
    version: str = ""
    owner: str = ""
    steward: str = ""
    contact: str = ""
    monetisation: Monetisation | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def plan_release(document: ReviewDocument, context: Digest, wishes: Wishes) -> ReleasePlan:
    """The plan. Raises InputError `release.blank` with all that is missing, `release.contradiction`.

    Law: no item's tier is above the granted one.
    """
    stated = document.context
    answers = {
        "--version": wishes.version,
        "--owner": wishes.owner,
        "--steward, or `accountable` in the context": wishes.steward or stated.accountable or "",
        "--contact, or `contact` in the context": wishes.contact or stated.contact or "",
        "--name, or `model_name` in the context": wishes.name or stated.model_name or "",
    }
    blank = [f"say {flag}" for flag, value in answers.items() if not value.strip()]
    unknown = [
        f"`{visible(kind, 40)}` is no kind that was reviewed; {suggestion(kind, document.granted)}".rstrip("; ")
        for kind in wishes.words
        if kind not in document.granted
    ]
    if blank or unknown:
        raise InputError.from_faults(
            "release.blank",
            "a release needs every one of these answered",
            [*blank, *unknown],
            "answer them, and plan again",
        )
    owner, steward = wishes.owner, wishes.steward or stated.accountable or ""
    return ReleasePlan(
        name=wishes.name or stated.model_name or "",
        version=wishes.version,
        subject=document.subject.digest,
        decision=document.decision,
        policy=document.policy,
        policy_id=document.policy_pack.id,
        context=context,
        ladder=document.ladder.name,
        tier=document.requested_tier,
        as_of=document.as_of,
        expires_at=document.review_by,
        items=tuple(_items(document, owner, steward, wishes.words)),
        stages=tuple(_stages(document)),
        monetisation=_monetisation(stated.monetised, wishes.monetisation),
        obligations=document.obligations,
        contact=wishes.contact or stated.contact or "",
    )


def _items(
    document: ReviewDocument, owner: str, steward: str, words: Mapping[str, Mapping[str, str]]
) -> Iterator[PlannedItem]:
    asked = document.ladder.tier(document.requested_tier)
    for kind, granted in sorted(document.granted.items()):
        tier = min(asked, document.ladder.tier(granted), key=lambda each: each.rank)
        parts = [artefact for artefact in document.subject.artefacts if artefact.kind == kind]
        said = {**_words_of(tier, kind, len(parts)), **words.get(kind, {})}
        yield PlannedItem(
            kind=ArtefactKind(kind),
            tier=tier.id,
            granted=granted,
            given=_given(tier),
            licence=_licence(document, kind, act_at(tier)),
            safeguards=tuple(_safeguards(document, tier)),
            owner=owner,
            steward=steward,
            files=len(parts),
            size_bytes=sum(artefact.size_bytes for artefact in parts),
            **said,
        )


def _given(tier: Tier) -> Given:
    if tier.distributes:
        return "gated copies" if tier.identity_known else "copies"
    return "access" if tier.external else "nothing"


def _words_of(tier: Tier, kind: str, files: int) -> dict[str, str]:
    name = kind.replace("_", " ")
    what = {
        "nothing": f"nothing of the {name}",
        "access": f"use of the {name} on our machines, no copy",
        "gated copies": f"copies of the {name} ({files} files), to whoever is let in",
        "copies": f"copies of the {name} ({files} files), to all",
    }[_given(tier)]
    return {
        "published": what,
        "may_use": tier.description,
        "observed": "requests are logged and counted where we serve them"
        if tier.monitorable
        else "it cannot be: copies report nothing",
        "taken_back": "access is switched off at once"
        if tier.revocable
        else "it cannot be: no copy can be called back; a withdrawal is published",
    }


def _licence(document: ReviewDocument, kind: str, act: str) -> str:
    return next((one.licence for one in document.licensing if (one.kind, one.act) == (kind, act)), "")


def _safeguards(document: ReviewDocument, tier: Tier) -> Iterator[PlannedSafeguard]:
    by = "the gateway" if tier.provider_enforceable else "nobody: whoever has a copy can take it away"
    for name in document.context.safeguards:
        yield PlannedSafeguard(name=name, enforced_by=by)


def _stages(document: ReviewDocument) -> Iterator[Stage]:
    """From the first tier at which outsiders are let in, or the asked one, up to the asked one."""
    asked = document.ladder.tier(document.requested_tier)
    way = [tier for tier in document.ladder.tiers if tier.external and tier.rank <= asked.rank] or [asked]
    for tier in way:
        signers = next(
            (need.quorum for need in document.approvals_needed if need.tier == tier.id), tier.people_to_approve
        )
        entry = [f"a live decision grants {tier.id}", f"{signers} signed it" if signers else "nobody has to sign it"]
        if tier is not way[0]:
            entry.append("the stage before was left by its exit test")
        leave = ["decided again on fresh evidence", "no open finding of severity high or worse"]
        if tier.monitorable:
            leave.append("what was observed of its use is evidence")
        yield Stage(
            tier=tier.id,
            name=tier.name,
            entry=tuple(entry),
            exit=tuple(leave) if tier is not way[-1] else (),
            roll_back="switch access off, and go back one stage"
            if tier.revocable
            else "publish a withdrawal and advise who has copies; copies stay out",
        )


def _monetisation(monetised: bool | None, wished: Monetisation | None) -> Monetisation:
    if wished is None and monetised is None:
        raise InputError(
            "release.blank",
            "it is not said whether the release is paid for",
            "say --monetisation, or `monetised` in the context",
        )
    if monetised is not None and wished is not None and monetised is (wished == "free"):
        raise InputError(
            "release.contradiction",
            f"the context says that it is {'paid for' if monetised else 'not paid for'}, and the plan `{wished}`",
            "decide again with the context that is true: licences and law read it",
        )
    if wished is None and monetised:
        raise InputError("release.blank", "it is not said how the release is paid for", "say --monetisation")
    return wished or "free"
