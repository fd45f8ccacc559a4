"""`bascule advisories`: published faults of packages, taken in from a file, never fetched."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from bascule.cli.output import Common, print_json, print_text
from bascule.collect.advisories import Ecosystem, Snapshot, add_snapshot
from bascule.kernel.clock import SystemClock, format_instant
from bascule.kernel.text import counted
from bascule.settings import load_settings


def add_command(snapshot: Path, /, *, common: Common | None = None) -> int:
    """Take in OSV's export of one or more ecosystems; what was held of those is replaced.

    Parameters
    ----------
    snapshot
        An `all.zip`, a folder of records, or a file of JSON lines.
    """
    common = common or Common()
    now = SystemClock().now()
    added = add_snapshot(load_settings(home=common.home).home, snapshot, now)
    if common.json:
        print_json({"schema": "bascule.advisories-add/v1", "added": [_row(item, now) for item in added]})
    else:
        for item in added:
            print_text(_line(item, now))
    return 0


def show_command(*, common: Common | None = None) -> int:
    """Show what is at hand. Exit code 1 when there is nothing: then every dependency is unknown."""
    common = common or Common()
    settings, now = load_settings(home=common.home), SystemClock().now()
    snapshot = Snapshot.open(settings.home)
    if snapshot is None:
        held: tuple[Ecosystem, ...] = ()
    else:
        with contextlib.closing(snapshot):
            held = tuple(snapshot.ecosystems.values())
    if common.json:
        digest = snapshot.digest if snapshot is not None else None
        rows = [_row(item, now) for item in held]
        print_json({"schema": "bascule.advisories/v1", "digest": digest, "ecosystems": rows})
    elif not held:
        print_text(
            "no advisories are at hand, so dependencies are unknown; add OSV's export: bascule advisories add FILE"
        )
    else:
        for item in held:
            stale = (now - item.newest).days > settings.advisories.fresh_days
            print_text(_line(item, now) + ("; too old to reassure" if stale else ""))
    return 0 if held else 1


def _row(item: Ecosystem, now: datetime) -> dict[str, object]:
    return {
        "ecosystem": item.name,
        "count": item.count,
        "newest": format_instant(item.newest),
        "age_days": (now - item.newest).days,
        "added": format_instant(item.added),
        "digest": item.digest,
    }


def _line(item: Ecosystem, now: datetime) -> str:
    count, age = counted(item.count, "advisory", "advisories"), counted((now - item.newest).days, "day")
    return f"{item.name}: {count}, newest {item.newest.date()} ({age} old), {item.digest}"
