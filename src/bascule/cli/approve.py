"""`bascule approve`: sign a decision in a role."""

from __future__ import annotations

from bascule.cli.output import Common, print_json, print_text
from bascule.cli.session import open_session
from bascule.journeys.people import approve
from bascule.judge.people import ApprovalState
from bascule.kernel.digests import as_digest
from bascule.kernel.text import visible


def approve_command(decision: str, /, *, person: str, role: str, common: Common | None = None) -> int:
    """Sign a decision's digest in a role, or a waiver that renews another.

    Exit code 0: the decision is in effect; 1: more signatures are needed.

    The key of this `--home` signs; neither the requester nor whoever's key signed the evidence counts.

    Parameters
    ----------
    decision
        The decision's digest, as `bascule review` prints it.
    person
        Who signs: a name or an address.
    role
        In which role, as the policy names it: release-owner, safety, security, legal, …
    """
    common = common or Common()
    with open_session(common) as session:
        signed = approve(as_digest(decision), person, role, session.parts)
    approval, states, in_effect = signed.approval, signed.tiers, signed.in_effect
    if common.json:
        rows = [_row(state) for state in states]
        print_json(
            {"schema": "bascule.approval/v1", "approval": approval.as_json(), "in_effect": in_effect, "tiers": rows}
        )
        return 0 if in_effect else 1
    print_text(f"{visible(approval.person)} signed {approval.decision} as {approval.role}")
    for state in states:
        wanting = f", wanting {', '.join(state.roles_wanting)}" if state.roles_wanting and not state.met else ""
        print_text(f"  {state.tier}: {len(state.accepted)} of {state.quorum} signatures{wanting}")
        for refused in state.refused:
            print_text(f"    not counted: {visible(refused.who)}: {refused.why}")
    what = "decision" if states else "waiver"
    print_text(f"the {what} is in effect" if in_effect else f"the {what} is not yet in effect")
    return 0 if in_effect else 1


def _row(state: ApprovalState) -> dict[str, object]:
    return {
        "tier": state.tier,
        "met": state.met,
        "quorum": state.quorum,
        "accepted": [approval.as_json() for approval in state.accepted],
        "refused": [{"who": item.who, "why": item.why} for item in state.refused],
        "roles_wanting": list(state.roles_wanting),
    }
