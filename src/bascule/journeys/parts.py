"""What a journey is given: everything that touches the world, chosen by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bascule.attest.keys import KeyRing
from bascule.collect.intake import IntakeLimits
from bascule.collect.scan import ScanOptions
from bascule.kernel.clock import Clock
from bascule.plugins.peers import tool_of
from bascule.plugins.registry import Loaded

if TYPE_CHECKING:
    from bascule.judge.policy.pack import PolicyPack
    from bascule.judge.question import Vocabulary
    from bascule.store import Store

Progress = Callable[[float, float | None, str], None]


def silent(_done: float, _total: float | None, _what: str) -> None:
    """Progress for those who do not watch."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed pack, its files, and whose word it is: `built-in`, the key id that signed it, or `none`.

    files: its own, and those of the packs that it extends under `extends/NAME/`.
    """

    pack: PolicyPack
    files: Mapping[str, bytes]
    signature: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The world, for one run. store_of: opens the store, the first time that it is called."""

    store_of: Callable[[], Store]
    keyring: KeyRing
    clock: Clock
    sources: tuple[Loaded, ...]
    scanners: tuple[Loaded, ...]
    intake: IntakeLimits
    scan: ScanOptions
    scratch: Path
    peers: tuple[Loaded, ...] = ()
    after: tuple[Loaded, ...] = ()
    """steps that follow a scan: advisories, integrity"""

    @property
    def store(self) -> Store:
        return self.store_of()

    @property
    def asking(self) -> tuple[Loaded, ...]:
        """All that answer rules of ours: scanners, and what follows them."""
        return (*self.scanners, *self.after)


def vocabulary_of(scanners: tuple[Loaded, ...], peers: tuple[Loaded, ...] = ()) -> Mapping[str, Vocabulary]:
    """What each tool could say: needed to know what falls silent with it."""
    from bascule.judge.question import Vocabulary

    imported = {
        tool_of(loaded.id): Vocabulary(rules=tuple(rule.id for rule in loaded.plugin.meta.rules))
        for loaded in peers
        if loaded.plugin is not None
    }
    return imported | {
        loaded.id: Vocabulary(
            rules=tuple(rule.id for rule in loaded.plugin.meta.rules),
            measures=tuple(item.name for item in loaded.plugin.meta.measures),
            readings=tuple(item.name for item in loaded.plugin.meta.readings),
        )
        for loaded in scanners
        if loaded.plugin is not None
    }
