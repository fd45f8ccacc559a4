"""What other scanners say beside ours, because a person asked.

Rules: a peer's word changes no outcome of ours, in neither direction; each peer is shown one file at a time, as itself
and under its own name; one that is not installed, or cannot be shown a file, says so and is not taken for clean.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bascule.collect.intake import Entry, Inventory
from bascule.collect.peers import AskLimits, Found, ask, find_program
from bascule.journeys.parts import Progress
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.kinds import Peer
from bascule.plugins.registry import Loaded
from bascule.records import PeerView

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_ELSEWHERE = "its bytes lie elsewhere, and a peer reads whole files only"
_SHOWN_LINES = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Peers, each with its program or None where it is not installed."""

    peers: tuple[tuple[Peer, Found | None], ...] = ()
    limits: AskLimits = field(default_factory=AskLimits)

    def about(self, inventory: Inventory, folder: Path, progress: Progress) -> Mapping[str, tuple[PeerView, ...]]:
        """By path, what each says of it. folder: where links to files may be made."""
        if not self.peers:
            return {}
        said: dict[str, tuple[PeerView, ...]] = {}
        for index, entry in enumerate(inventory.entries):
            progress(index, len(inventory.entries), f"asking peers: {entry.path}")
            place = None if entry.remote else _place(inventory, entry, folder)
            said[entry.path] = tuple(self._view(peer, found, place) for peer, found in self.peers)
        return said

    def _view(self, peer: Peer, found: Found | None, place: Path | None) -> PeerView:
        if found is None:
            hint = f"install `{peer.distribution}` on PATH, or into its own environment in the folder BASCULE_PEERS"
            return PeerView(peer=peer.meta.id, verdict="not-available", lines=(hint,))
        if place is None:
            return PeerView(peer=peer.meta.id, verdict="not-available", version=found.version, lines=(_ELSEWHERE,))
        says = ask(peer, found, place, self.limits)
        lines = [alarm.message for alarm in says.alarms] + list(says.lines)
        shown = tuple(visible(line, 300) for line in lines[:_SHOWN_LINES])
        return PeerView(peer=peer.meta.id, verdict=says.verdict, version=says.version, lines=shown)


NOBODY = Asked()


def choose_peers(names: Sequence[str], known: Sequence[Loaded], folders: Sequence[Path]) -> Asked:
    """The peers of those names, once each. Raises InputError `peers.unknown-name`."""
    by_id = {loaded.id: loaded for loaded in known if loaded.plugin is not None}
    for name in names:
        if name not in by_id:
            raise InputError(
                "peers.unknown-name",
                f"no peer is called `{visible(name)}`",
                suggestion(name, by_id) or f"there are: {', '.join(sorted(by_id))}",
            )
    chosen = [by_id[name].plugin for name in dict.fromkeys(names)]
    return Asked(tuple((peer, find_program(peer, folders)) for peer in chosen))


def _place(inventory: Inventory, entry: Entry, folder: Path) -> Path:
    """Where a peer may open the file: under a name that ends as the file's own does, since peers go by that."""
    lies = inventory.root / os.fsdecode(entry.raw)
    name = entry.path.rsplit("/", 1)[-1]
    if lies.name == name or not _PLAIN_NAME.fullmatch(name):
        return lies
    link = Path(tempfile.mkdtemp(prefix="shown-", dir=folder)) / name
    try:
        os.link(lies, link)
    except OSError:  # another file system
        shutil.copyfile(lies, link)
    return link
