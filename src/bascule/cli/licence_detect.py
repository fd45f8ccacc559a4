"""`bascule licence detect`: what licence each text is, and what each place that names one says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from bascule.cli.licence_detect_text import licences_text
from bascule.cli.output import Judging, print_json, print_text, progress_display
from bascule.cli.session import open_session
from bascule.journeys.licence_detect import Parent, detect, parents_in
from bascule.wiring import load_policy

_CODES = {"identified": 0, "findings": 1, "unknown": 2}


def detect_command(path: str, /, *, common: Judging | None = None) -> int:
    """Say what licence each text is, and what each place that names one says.

    A text is identified by its exact words or not at all; what is near is shown with what differs. Exit code 0: every
    text and name is known and they agree; 1: a text was changed, or places contradict each other; 2: something could
    not be told.

    Parameters
    ----------
    path
        A folder, file, archive or reference: a model, a data set or code.
    """
    common = common or Judging()
    with progress_display(quiet=common.json) as progress, open_session(common) as session:

        @cache
        def known() -> Callable[[str], Parent | None]:
            # Reading a pack costs more than reading most repositories, and most name no parent.
            return parents_in(load_policy(common.policy or session.settings.policy, None).pack.terms)

        document = detect(path, session.parts, parent_of=lambda name: known()(name), progress=progress)
    if common.json:
        print_json(document.as_json())
    else:
        print_text(licences_text(document))
    return _CODES[document.verdict]
