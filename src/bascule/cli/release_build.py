"""`bascule release build`: a bundle from a plan, offline."""

from __future__ import annotations

from pathlib import Path

from bascule.cli.output import Common, print_json, print_text, progress_display
from bascule.cli.session import open_session
from bascule.journeys.release_build import build_release, read_plan
from bascule.kernel.text import counted, visible


def build_command(plan: Path, /, *, out: Path, common: Common | None = None) -> int:
    """Build a bundle: what the plan lets leave the house, and the signed proof for it. The same inputs, the same bytes.

    Parameters
    ----------
    plan
        What `bascule release plan` wrote.
    out
        The folder to make; it must not be there yet.
    """
    common = common or Common()
    with open_session(common) as session, progress_display(quiet=common.json) as progress:
        manifest = build_release(read_plan(plan), out, session.parts, progress)
    if common.json:
        print_json(manifest.as_json())
    else:
        size = sum(file.size_bytes for file in manifest.files)
        print_text(f"built {visible(manifest.name, 80)} {visible(manifest.version, 40)} at {manifest.tier}: `{out}`")
        print_text(f"  {counted(len(manifest.files), 'file')}, {size:,} bytes; check it: bascule verify {out}")
    return 0
