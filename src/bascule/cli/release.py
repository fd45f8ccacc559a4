"""`bascule release`: plan and build."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from bascule.cli.output import Judging, print_json, print_text, progress_display, say
from bascule.cli.release_build import build_command as build_command
from bascule.cli.session import open_judging
from bascule.journeys.release_plan import Planned, plan_of
from bascule.journeys.review import ReviewRequest
from bascule.kernel.files import write_whole
from bascule.kernel.text import counted, visible
from bascule.records.release import ReleasePlan
from bascule.records.summary import blockers, headline
from bascule.release.plan import Wishes


def plan_command(
    ref: str,
    /,
    *,
    tier: str,
    out: Path,
    name: str = "",
    version: str = "",
    owner: str = "",
    steward: str = "",
    contact: str = "",
    monetisation: Literal["free", "paid support", "metered API", "licence fee"] | None = None,
    common: Judging | None = None,
) -> int:
    """Plan a release from a live decision: what, to whom, observed how, taken back how, who answers.

    Exit code 1: the tier is not granted; 2: nobody can tell yet. Then nothing is written.

    Parameters
    ----------
    ref
        What `bascule review` takes.
    tier
        How open; each kind goes as far as it is granted.
    out
        Where to write the plan.
    name
        The name it is published under; else `model_name` of the context.
    version
        A name that never changes its meaning.
    owner
        Who runs the release.
    steward
        The accountable person or office; else `accountable` of the context.
    contact
        Where problems are reported; else `contact` of the context.
    monetisation
        Whether and how it is paid for.
    """
    common = common or Judging()
    with open_judging(common) as session, progress_display(quiet=common.json) as progress:
        request = ReviewRequest(ref=ref, tier=tier, context=session.context, as_of=common.instant())
        wishes = Wishes(name, version, owner, steward, contact, monetisation)
        planned = plan_of(request, wishes, session.policy, session.parts, progress)
    if planned.plan is None:
        return _refused(planned, as_json=common.json)
    write_whole(out, planned.plan.to_json())
    if common.json:
        print_json(planned.plan.as_json())
    else:
        print_text(show(planned.plan))
        for need in planned.document.approvals_needed:
            say(f"{need.tier} needs {counted(need.quorum, 'signature')}: bascule approve {planned.plan.decision}")
        say(f"wrote {out}; build it: bascule release build {out} --out BUNDLE")
    return 0


def _refused(planned: Planned, *, as_json: bool) -> int:
    document = planned.document
    if as_json:
        reasons = [reason.as_json() for reason in blockers(document)]
        print_json({"schema": "bascule.release-refused/v1", "verdict": document.verdict, "reasons": reasons})
    else:
        print_text(headline(document))
        for reason in blockers(document):
            print_text(f"  {'✕' if reason.effect == 'deny' else '?'} {visible(reason.because, 300)}  [{reason.rule}]")
        say("nothing was written: a plan needs a decision that grants it")
    return 1 if document.verdict == "refused" else 2


def show(plan: ReleasePlan) -> str:
    """The four answers for each kind, then the stages."""
    lines = [f"{visible(plan.name, 80)} {visible(plan.version, 40)} at {plan.tier}, {plan.monetisation}"]
    for item in plan.items:
        under = f", {visible(item.licence, 60)}" if item.licence else ""
        lines.append(f"  {item.kind.replace('_', ' ')} ({item.tier}{under}): {visible(item.published, 200)}")
        lines.append(f"      used by: {visible(item.may_use, 200)}")
        lines.append(f"      observed: {visible(item.observed, 200)}; taken back: {visible(item.taken_back, 200)}")
    lines.append("stages: " + " → ".join(f"{stage.tier} {stage.name}" for stage in plan.stages))
    first = plan.items[0]
    lines.append(f"owner: {visible(first.owner, 80)}; accountable: {visible(first.steward, 80)}")
    return "\n".join(lines)
