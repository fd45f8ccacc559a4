"""`bascule approve`: sign a decision in a role."""

from __future__ import annotations

from bascule.cli.output import Common, print_json, print_text
from bascule.cli.session import open_session
from bascule.journeys.people import approve, find_decision
from bascule.judge.people import approval_state
from bascule.kernel.digests import as_digest


def approve_command(decision: str, /, *, person: str, role: str, common: Common | None = None) -> int:
    """Sign a decision's digest in a role. Exit code 0: the decision is in effect; 1: more signatures are needed.

    Parameters
    ----------
    decision
        The decision's digest, as `bascule review` prints it.
    person
        Who signs: a name or an address.
    role
        In which role: release_owner, security, privacy, compliance, …
    """
    common = common or Common()
    with open_session(common) as session:
        digest = as_digest(decision)
        approval = approve(digest, person, role, session.parts)
        state = approval_state(
            find_decision(digest, session.parts), session.parts.store.approvals_for(digest), session.context
        )
    if common.json:
        print_json(
            {
                "schema": "bascule.approval/v1",
                "approval": approval.as_json(),
                "in_effect": state.in_effect,
                "needs": list(state.needs),
                "refused": list(state.refused),
            }
        )
    else:
        print_text(f"{approval.person} signed {approval.decision} as {approval.role}")
        for line in (*state.refused, *state.needs):
            print_text(f"  {line}")
        print_text("the decision is in effect" if state.in_effect else "the decision is not yet in effect")
    return 0 if state.in_effect else 1
