"""The process that becomes a peer: `python -I -m bascule.collect.peers.alone MEMORY_BYTES REQUIRE PROGRAM ARGUMENTS…`.

Rules: limits first, then a network with nobody in it, then no way to gain rights, then the program. With REQUIRE `1` a
machine on which the network cannot be taken away ends it with exit code 111 before the peer has run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_SIGKILL = 9

NOT_ALONE = 111
"""exit code: the network could not be taken away"""


def leave_network() -> bool:
    """Give this process, and all that it starts, a network in which there is nobody. False where that cannot be had."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    # Who may not have a network of their own may have one inside a user namespace, where the kernel allows those.
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def _limit(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    with contextlib.suppress(OSError, ValueError):
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (limit, limit))


def main(arguments: list[str]) -> int:
    """Become the program; returns only when it may not, or there is none."""
    memory_bytes, required, program = int(arguments[0]), arguments[1] == "1", arguments[2]
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    if not leave_network() and required:
        return NOT_ALONE
    try:
        os.execv(program, arguments[2:])  # noqa: S606 - no shell is wanted
    except OSError as error:
        print(f"{program}: {error.strerror}", file=sys.stderr)
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
