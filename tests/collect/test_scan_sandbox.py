"""What holds a worker, layer by layer: the filter as the kernel would run it, and machines that lack a layer."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bascule.collect.scan import Held, capabilities, seccomp

ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSED = 0x00050000 | errno.EPERM
PID = 4321

# The same names in both tables: (x86-64, aarch64). Source: the kernel's own unistd headers.
DENIED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "memfd_create": (319, 279),
    "pidfd_open": (434, 434),
    "open_by_handle_at": (304, 265),
    "fchmodat": (268, 53),
    "fchownat": (260, 54),
    "utimensat": (280, 88),
    "linkat": (265, 37),
    "symlinkat": (266, 36),
    "mknodat": (259, 33),
    "tkill": (200, 130),
    "setuid": (105, 146),
    "prctl": (157, 167),
    "a call of a later kernel": (999, 999),
}
ALLOWED = {"read": (0, 63), "pread64": (17, 67), "mmap": (9, 222), "recvmsg": (47, 212), "exit_group": (231, 94)}


def decide(
    machine: str, number: int, arguments: tuple[int, ...] = (), *, arch: int | None = None, change: bool = True
) -> int:
    """Run the program the way the kernel does: classic BPF over `struct seccomp_data`."""
    code = seccomp.program(machine, PID, may_change=change)
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, seccomp.MACHINES[machine] if arch is None else arch, 0, *words)
    lines = list(struct.iter_unpack("=HBBI", code))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, value = lines[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif operation == 0x06:
            return int(value)
        else:
            test = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            at += if_true if test else if_false


@pytest.fixture(params=list(seccomp.MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def column(machine: str, numbers: tuple[int, int]) -> int:
    return numbers[list(seccomp.MACHINES).index(machine)]


@pytest.mark.parametrize("name", DENIED)
def test_a_call_that_leads_out_is_refused(machine: str, name: str) -> None:
    assert decide(machine, column(machine, DENIED[name])) == REFUSED


@pytest.mark.parametrize("name", ALLOWED)
def test_a_call_that_reading_needs_is_allowed(machine: str, name: str) -> None:
    assert decide(machine, column(machine, ALLOWED[name])) == ALLOW


def test_a_foreign_architecture_is_killed(machine: str) -> None:
    assert decide(machine, column(machine, ALLOWED["read"]), arch=0x40000003) == KILL


def test_the_x32_table_is_killed() -> None:
    assert decide("x86_64", 0x40000000) == KILL


def test_threads_are_allowed_and_processes_are_not(machine: str) -> None:
    clone = column(machine, (56, 220))
    assert decide(machine, clone, (0x003D0F00,)) == ALLOW  # what glibc asks for a thread
    assert decide(machine, clone, (17,)) == REFUSED  # SIGCHLD alone: a fork
    assert decide(machine, 435) == 0x00050000 | errno.ENOSYS  # clone3: glibc then uses clone


@pytest.mark.parametrize("numbers", [(62, 129), (234, 131)], ids=["kill", "tgkill"])
def test_signals_reach_nobody_but_oneself(machine: str, numbers: tuple[int, int]) -> None:
    assert decide(machine, column(machine, numbers), (PID,)) == ALLOW
    for other in (0, 1, PID + 1, 0xFFFFFFFF):
        assert decide(machine, column(machine, numbers), (other,)) == REFUSED


def test_no_descriptor_is_given_an_owner_to_signal(machine: str) -> None:
    fcntl = column(machine, (72, 25))
    assert decide(machine, fcntl, (3, 3)) == ALLOW
    for command in (8, 10, 15, 1024, 1033):  # SETOWN, SETSIG, SETOWN_EX, SETLEASE, ADD_SEALS
        assert decide(machine, fcntl, (3, command)) == REFUSED


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_WRONLY | os.O_CREAT])
def test_without_landlock_nothing_is_opened_for_change(machine: str, flags: int) -> None:
    openat = column(machine, (257, 56))
    assert decide(machine, openat, (0, 0, flags), change=False) == REFUSED
    assert decide(machine, openat, (0, 0, os.O_RDONLY | os.O_CLOEXEC), change=False) == ALLOW
    assert decide(machine, column(machine, (263, 35)), change=False) == REFUSED  # unlinkat


LOCK = """
import json, sys, tempfile
from pathlib import Path
from bascule.collect.scan import landlock, sandbox, seccomp
{without}
print(json.dumps(sandbox.lock(Path(sys.argv[1]), 1 << 30).as_json()))
"""
NO_LANDLOCK = "landlock.abi = lambda libc: 0"
NO_SECCOMP = "seccomp.MACHINES = {}"
NO_NAMESPACES = "sandbox._leave_namespaces = lambda libc: ()"
NO_LINUX = "sys.platform = 'darwin'"


def lock(tmp_path: Path, *without: str) -> Held:
    scratch = tmp_path / "scratch" / "work"
    scratch.mkdir(parents=True)
    run = subprocess.run(
        [sys.executable, "-c", LOCK.format(without="\n".join(without)), str(scratch)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return Held.from_json(json.loads(run.stdout))


needs_linux = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and capabilities().whole), reason="this kernel lacks a layer already"
)


@needs_linux
def test_without_landlock_reading_is_open_and_said_to_be(tmp_path: Path) -> None:
    held = lock(tmp_path, NO_LANDLOCK)
    assert (held.network, held.reading, held.writing, held.processes) == (True, False, True, True)
    assert held.gaps == ("the scanners' sandbox could not prevent reading other files on this machine",)


@needs_linux
def test_without_seccomp_landlock_still_keeps_files(tmp_path: Path) -> None:
    held = lock(tmp_path, NO_SECCOMP)
    assert (held.reading, held.writing, held.seccomp) == (True, True, False)
    assert not held.processes


@needs_linux
def test_without_namespaces_there_is_still_no_network(tmp_path: Path) -> None:
    held = lock(tmp_path, NO_NAMESPACES)
    assert held.whole
    assert held.namespaces == ()


def test_without_anything_every_gap_is_said(tmp_path: Path) -> None:
    held = lock(tmp_path, NO_LINUX)
    assert not held.whole
    assert len(held.gaps) == 4
    assert "open files" in held.limits


def test_what_held_survives_its_json() -> None:
    held = capabilities()
    assert Held.from_json(json.loads(json.dumps(held.as_json()))) == held
