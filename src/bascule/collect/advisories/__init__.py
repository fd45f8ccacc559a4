"""Published faults of the packages that a subject asks for, from a snapshot that a person took in: no network.

`osv` reads records and compares versions; `snapshot` keeps them; `matching` answers `dependency-advisory`.
"""

from bascule.collect.advisories.matching import ADVISORY, Advisories, Hit, Match, match
from bascule.collect.advisories.snapshot import Ecosystem, Snapshot, add_snapshot

__all__ = ["ADVISORY", "Advisories", "Ecosystem", "Hit", "Match", "Snapshot", "add_snapshot", "match"]
