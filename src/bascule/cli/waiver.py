"""`bascule waiver`: let one rule pass, under a name, for a while."""

from __future__ import annotations

from bascule.cli.output import Common, Judging, print_json, print_text
from bascule.cli.session import open_judging, open_session
from bascule.journeys.people import WaiverRequest, all_waivers, grant_waiver, waiver_state
from bascule.kernel.clock import format_instant
from bascule.kernel.text import visible


def grant_command(
    rule: str,
    ref: str,
    /,
    *,
    tier: str,
    reason: str,
    safeguard: str,
    owner: str,
    days: int = 90,
    common: Judging | None = None,
) -> int:
    """Record a waiver. The next `bascule review` or `bascule decide` takes it into account.

    Parameters
    ----------
    rule
        The policy rule to let pass.
    ref
        A reference that was reviewed before.
    tier
        The tier at which it may pass.
    reason
        Why it may.
    safeguard
        What compensates for it.
    owner
        The named person who answers for it.
    days
        How long: 1 to 90 days.
    """
    common = common or Judging()
    with open_judging(common) as session:
        request = WaiverRequest(rule, ref, tier, reason, safeguard, owner, days)
        waiver = grant_waiver(request, session.policy, session.parts)
    if common.json:
        print_json({"schema": "bascule.waiver/v1", "digest": waiver.content_digest(), **waiver.as_json()})
    else:
        until = format_instant(waiver.expires_at)
        print_text(f"`{waiver.rule}` may pass at {waiver.tier} until {until}; {visible(waiver.owner)} answers for it")
        if waiver.renewal_of is not None:
            print_text("it renews another, and counts once two people beside its owner have signed it:")
            print_text(f"  bascule approve {waiver.content_digest()} --person … --role …")
    return 0


def list_command(*, common: Common | None = None) -> int:
    """List waivers, newest first, and whether they still hold."""
    common = common or Common()
    with open_session(common) as session:
        rows = [(waiver, waiver_state(waiver, session.parts)) for waiver in all_waivers(session.parts)]
    if common.json:
        print_json({"schema": "bascule.waivers/v1", "waivers": [{**w.as_json(), "state": state} for w, state in rows]})
        return 0
    for waiver, state in rows:
        who = f"{visible(waiver.owner)}: {visible(waiver.reason)}"
        print_text(f"{state:<8} {waiver.rule} at {waiver.tier} until {format_instant(waiver.expires_at)}: {who}")
    if not rows:
        print_text(
            "no waivers; grant one with `bascule waiver grant RULE REF --tier T6 --reason … --safeguard … --owner …`"
        )
    return 0
