"""Asking other scanners that are installed here what they make of a file.

    find_program(peer, folders) → Found | None      ask(peer, found, path, scratch) → PeerSays

`alone` is the process that becomes the peer: it gives up the network first, then runs it.
"""

from bascule.collect.peers.ask import AskLimits, Found, ask, find_program

__all__ = ["AskLimits", "Found", "ask", "find_program"]
