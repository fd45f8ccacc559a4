"""`bascule decide`: judge again from the ledger."""

from __future__ import annotations

from pathlib import Path

from bascule.cli.output import Judging
from bascule.cli.review import present
from bascule.cli.session import open_judging, review_request
from bascule.journeys.decide import decide


def decide_command(
    ref: str,
    /,
    *,
    tier: str | None = None,
    ladder: str = "release",
    out: Path | None = None,
    common: Judging | None = None,
) -> int:
    """Judge again from the evidence in the ledger; no file is read.

    With `--as-of`, laws, expiry and ageing follow that date: what would we have decided, and when does this lapse?

    Parameters
    ----------
    ref
        A reference that was reviewed before, or the digest of its subject.
    tier
        The tier asked for.
    ladder
        `release` or `adopt`.
    out
        Write the reports to this folder.
    """
    common = common or Judging()
    with open_judging(common) as session:
        request = review_request(session, ref, tier, ladder, common)
        document = decide(request, session.policy, session.parts)
    return present(document, common, out)
