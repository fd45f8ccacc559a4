"""What holds a worker, and what is known to hold it.

Order matters: limits, then namespaces (which need one thread), then capabilities, no-new-privileges, Landlock, and last
seccomp, which forbids all of the former. A worker is locked before it imports a scanner, so that what a plug-in does
when it is imported is held as well. At the end the worker tries the forbidden things itself, and evidence records what
the attempts showed, not what was meant to be in force. Each layer is missing somewhere (Landlock on old kernels,
namespaces in containers, all of it outside Linux); a missing layer weakens the record, never the answer's honesty.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import resource
import socket
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bascule.collect.scan import landlock, seccomp

_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SIGKILL = 9
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 1 << 2
_OPEN_FILES = 512
_SCRATCH_FILE_BYTES = 64 << 20
UNLIMITED = 1e9
"""seconds of CPU: thirty years"""
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


@dataclass(frozen=True, slots=True)
class Held:
    """What holds a worker. The four booleans are the outcome of attempts made from inside."""

    platform: str
    landlock_abi: int
    seccomp: bool
    namespaces: tuple[str, ...]
    no_new_privileges: bool
    limits: tuple[str, ...]
    network: bool
    """no socket could be made, or the worker is alone in a network of its own"""
    reading: bool
    """a file outside the Python installation could not be opened"""
    writing: bool
    """nothing could be written outside the scratch folder"""
    processes: bool
    """no process could be started"""

    @property
    def whole(self) -> bool:
        """All four attempts failed, as they should."""
        return self.network and self.reading and self.writing and self.processes

    @property
    def gaps(self) -> tuple[str, ...]:
        """What this machine does not prevent, in words for a reader of the evidence."""
        return tuple(
            f"the scanners' sandbox could not prevent {what} on this machine"
            for held, what in (
                (self.network, "network access"),
                (self.reading, "reading other files"),
                (self.writing, "writing outside the scratch folder"),
                (self.processes, "starting processes"),
            )
            if not held
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values. Law: Held.from_json(held.as_json()) == held."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Held:
        """Raises TypeError or KeyError when a field is missing or strange."""
        return cls(
            platform=str(value["platform"]),
            landlock_abi=int(value["landlock_abi"]),
            seccomp=value["seccomp"] is True,
            namespaces=tuple(str(name) for name in value["namespaces"]),
            no_new_privileges=value["no_new_privileges"] is True,
            limits=tuple(str(name) for name in value["limits"]),
            network=value["network"] is True,
            reading=value["reading"] is True,
            writing=value["writing"] is True,
            processes=value["processes"] is True,
        )


def die_with_parent(parent: int) -> None:
    """Be killed when the parent is, on Linux; elsewhere the closed socket ends the worker."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call above
            os._exit(0)


def lock(scratch: Path, memory_bytes: int) -> Held:
    """Give up everything that importing and running scanners does not need, for good. To be called once, by one thread.

    scratch: the only folder that stays writable. memory_bytes: address space beyond what is mapped now.
    """
    limits = tuple(_set_limits(memory_bytes))
    version, filtered, privileges = 0, False, False
    namespaces: tuple[str, ...] = ()
    if sys.platform.startswith("linux"):
        libc = _libc()
        readable = needed_for_imports()  # asked now: in another user namespace nobody has a home
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        namespaces = _leave_namespaces(libc)
        _drop_capabilities(libc)
        privileges = seccomp.no_new_privileges(libc)
        version = landlock.restrict(libc, readable, scratch)
        filtered = seccomp.install(libc, may_change=version >= landlock.GOVERNS_TRUNCATION)
    if not filtered and _lower(resource.RLIMIT_NPROC, 0):
        # Counted per user, ignored for root, and refuses threads as well: only where there is nothing better.
        limits += ("processes",)
    return _held(scratch, limits, version, filtered, namespaces, privileges)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _set_limits(memory_bytes: int) -> Iterator[str]:
    wanted: list[tuple[str, int, int]] = [
        ("open files", resource.RLIMIT_NOFILE, _OPEN_FILES),
        ("size of a written file", resource.RLIMIT_FSIZE, _SCRATCH_FILE_BYTES),
        ("core dumps", resource.RLIMIT_CORE, 0),
    ]
    mapped = _mapped_bytes()
    if mapped is not None:
        wanted.insert(0, ("memory", resource.RLIMIT_AS, mapped + memory_bytes))
    for name, what, limit in wanted:
        if _lower(what, limit):
            yield name


def _lower(what: int, limit: int) -> bool:
    hard = resource.getrlimit(what)[1]
    value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    try:
        resource.setrlimit(what, (value, value))
    except (OSError, ValueError):
        return False
    return True


def _mapped_bytes() -> int | None:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def limit_cpu(seconds: float) -> None:
    """Let this process use so many more seconds of CPU before the kernel ends it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 2
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _leave_namespaces(libc: ctypes.CDLL) -> tuple[str, ...]:
    for flags, names in (
        (_CLONE_NEWNET | _CLONE_NEWIPC, ("net", "ipc")),
        # Who may not do that may do it inside a user namespace of their own, where the kernel allows those.
        (_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC, ("user", "net", "ipc")),
    ):
        if libc.unshare(flags) == 0:
            return names
    return ()


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    # Root keeps the right to read what others own: the Python installation may be somebody else's. Landlock still
    # says which files those are.
    kept = _CAP_DAC_READ_SEARCH if os.geteuid() == 0 else 0
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0))


def needed_for_imports() -> tuple[Path, ...]:
    """What a lazily imported module may need to read: the installation, its packages, the system's libraries.

    A folder that holds somebody's home is left out; the folders of modules already loaded stand for it.
    """
    home = _home()
    wanted = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    wanted |= {Path(path) for path in sys.path if path}
    wanted |= {Path(sys.prefix, "pyvenv.cfg"), Path(sys.base_prefix, "lib")}
    # Where a package is a link, what it leads to: this one's home, and a store that is nothing but packages.
    wanted |= {Path(__file__).resolve().parents[2], Path("/nix/store"), Path("/usr/share/zoneinfo")}
    wanted |= {
        Path(path) for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
    }
    resolved = {path.resolve() for path in wanted if path.exists()}
    kept = {path for path in resolved if path != Path("/") and not (home and home.is_relative_to(path))}
    for name in resolved - kept:
        kept |= {Path(file).parent for file in _module_files() if Path(file).parent.parent == name}
    return tuple(sorted(kept))


def _module_files() -> Iterator[str]:
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file:
            yield file


def _home() -> Path | None:
    # From the user database: the worker is started without an environment.
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    except KeyError:
        return None


def _held(
    scratch: Path,
    limits: tuple[str, ...],
    version: int = 0,
    filtered: bool = False,
    namespaces: tuple[str, ...] = (),
    privileges: bool = False,
) -> Held:
    return Held(
        platform=sys.platform,
        landlock_abi=version,
        seccomp=filtered,
        namespaces=namespaces,
        no_new_privileges=privileges,
        limits=limits,
        network="net" in namespaces or all(_refused(partial(_try_socket, family)) for family in _FAMILIES),
        reading=_refused(lambda: os.close(os.open("/etc/passwd", os.O_RDONLY))),
        writing=_refused(lambda: _try_write(scratch.parent / f".probe-{os.getpid()}")),
        # Tried only behind the filter: elsewhere a fork would succeed, and two workers would answer one parent.
        processes=filtered and _refused(_try_process),
    )


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _try_socket(family: socket.AddressFamily) -> None:
    socket.socket(family, socket.SOCK_DGRAM).close()


def _try_write(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    path.unlink()


def _try_process() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()
