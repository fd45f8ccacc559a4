"""What licences oblige to at the tiers that a decision is about.

Rules: a tier that hands copies out brings the duties of distributing, one that others reach those of hosting, any other
those of use; the same duty of several kinds is one; a duty that only may apply is taken to, and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from bascule.judge.assess import Docket
from bascule.records import ArtefactKind, Obligation, Tier
from bascule.records.licence_answers import DutyView, KindLicence
from bascule.records.summary import act_at


def licence_obligations(
    licensing: Iterable[KindLicence], asked: Docket, about: Mapping[ArtefactKind, Collection[Tier]]
) -> tuple[Obligation, ...]:
    """One for each duty, sorted; its tiers are all at which it is owed. about: the tiers that bite, by kind."""
    owed: dict[tuple[str, str, str], set[Tier]] = {}
    bites: dict[tuple[str, str, str], bool] = {}
    for answer in licensing:
        kind = ArtefactKind(answer.kind)
        if kind not in about:
            continue
        tiers = {tier for tier in asked.tiers(kind) if act_at(tier) == answer.act}
        for duty in answer.obligations if tiers else ():
            key = (duty.kind, _text(duty), duty.source)
            owed.setdefault(key, set()).update(tiers)
            bites[key] = bites.get(key, False) or bool(tiers & set(about[kind]))
    return tuple(
        Obligation(
            kind=kind,
            text=text,
            source=source,
            tiers=tuple(tier.id for tier in sorted(owed[kind, text, source], key=lambda tier: tier.rank)),
        )
        for kind, text, source in sorted(owed)
        if bites[kind, text, source]
    )


def _text(duty: DutyView) -> str:
    flows = ", and bind recipients to it" if duty.flows else ""
    status = {"unknown": " (taken to apply)", "broken": " (not kept as declared)"}.get(duty.status, "")
    return f"{duty.text}{flows}{status}"
