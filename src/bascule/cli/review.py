"""`bascule review`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bascule.cli.output import Judging, print_json, print_text, progress_display, say
from bascule.cli.reporting import terminal_report, write_reports
from bascule.cli.session import open_judging, review_request
from bascule.journeys.review import review
from bascule.records import ReviewDocument

EXIT = {"granted": 0, "refused": 1, "unknown": 2}


def review_command(
    ref: str,
    /,
    *,
    tier: str | None = None,
    ladder: str = "release",
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    out: Path | None = None,
    fresh: Annotated[bool, Parameter(negative="")] = False,
    common: Judging | None = None,
) -> int:
    """Decide, from evidence, how open a model may be.

    Collects evidence (supply chain, licences, card, lineage) in a sandbox, signs it, judges it under a policy, and
    says per kind of artefact how far it may be opened, what blocks the next step, and what to do about it.

    Parameters
    ----------
    ref
        A folder or file, `pypi:name[==version]`, `hf:org/name[@rev]`, `endpoint:URL#model`.
    tier
        The tier asked for: T0 to T8 (default T6), or A0 to A4 with `--ladder adopt` (default A3).
    ladder
        `release`: may we publish this? `adopt`: may we build on this?
    only
        Collect with these scanners or rules alone; what others said before still counts.
    out
        Write report.html, report.md, report.sarif and report.json to this folder.
    fresh
        Collect again even where evidence is still fresh.
    """
    common = common or Judging()
    with progress_display(quiet=common.json) as progress, open_judging(common) as session:
        request = review_request(session, ref, tier, ladder, common, only=only, fresh=fresh)
        document = review(request, session.policy, session.parts, progress)
    return present(document, common, out)


def present(document: ReviewDocument, common: Judging, out: Path | None) -> int:
    """The answer to stdout, the reports to a folder, the verdict as the exit code."""
    if common.json:
        print_json(document.as_json())
    else:
        print_text(terminal_report(document))
    if out is not None:
        for path in write_reports(document, out):
            say(f"wrote {path}")
    return EXIT[document.verdict]
