"""Other scanners, asked about the same files in the same run.

    peers() → Peer…      peer.prepare()      peer.verdicts(folder) → {case: finding | error | clean | not-scanned}

A case is a sub-folder. `peer.says(folder)` has the reasons, `peer.command(path)` what to time. See README.md.
"""

from .environment import Skipped
from .roster import Peer, peers

__all__ = ["Peer", "Skipped", "peers"]
