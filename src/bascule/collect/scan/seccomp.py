"""seccomp: the system calls a worker may make; every other one fails.

An allow-list, so that a call which a later kernel adds is refused before anybody has heard of it. Rules:
- a foreign architecture or the x32 table kills the process: its numbers mean other calls;
- what is not listed gives EPERM, so that a scanner sees an exception and the file an `error`;
- new threads are allowed, new processes are not; signals reach nobody but oneself;
- without a Landlock that governs every change, files are opened for reading only, and nothing is made or removed.

The filter is classic BPF, assembled by hand: two instructions a call. Numbers: Linux `unistd_64.h` (x86-64) and
`asm-generic/unistd.h` (aarch64); the layout: Linux `seccomp_data` in `linux/seccomp.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86-64, aarch64); None where the architecture has no such call.
_READING: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "readv": (19, 65),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "preadv2": (327, 286),
    "lseek": (8, 62),
    "close": (3, 57),
    "fstat": (5, 80),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "fadvise64": (221, 223),
}
_TALKING: dict[str, tuple[int | None, int | None]] = {
    # On descriptors that are open already: no call here makes or connects a socket.
    "write": (1, 64),
    "writev": (20, 66),
    "pwrite64": (18, 68),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "shutdown": (48, 210),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
}
_LIVING: dict[str, tuple[int | None, int | None]] = {
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "get_robust_list": (274, 100),
    "set_robust_list": (273, 99),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "membarrier": (324, 283),
    "arch_prctl": (158, None),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getgroups": (115, 158),
    "getrandom": (318, 278),
    "getrlimit": (97, 163),
    "setrlimit": (160, 164),
    "exit": (60, 93),
    "exit_group": (231, 94),
}
_CHANGING: dict[str, tuple[int | None, int | None]] = {
    # Only where Landlock keeps them inside the scratch folder. What changes a file and Landlock does not govern
    # (chmod, chown, utimensat, setxattr) is nowhere in this module.
    "open": (2, None),
    "openat": (257, 56),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
}

_CLONE_THREAD = 0x00010000
_OPENS_FOR_CHANGE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_FCNTL_HARMLESS = (0, 1, 2, 3, 4, 1030)  # DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC: none names an owner

_LOAD, _JUMP_EQ, _JUMP_GE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_AT_NUMBER, _AT_ARCH, _AT_ARGUMENTS = 0, 4, 16

_PR_SET_NO_NEW_PRIVS, _SECCOMP_SET_MODE_FILTER, _TSYNC = 38, 1, 1
_SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A call that is allowed for some values of one argument.

    any_of: the values; has: a bit that must be set; lacks: bits that must all be clear.
    """

    numbers: tuple[int | None, int | None]
    argument: int
    any_of: tuple[int, ...] = ()
    has: int = 0
    lacks: int = 0


def program(machine: str, pid: int, *, may_change: bool) -> bytes:
    """The filter's instructions for an architecture. Raises KeyError for one that is not in `MACHINES`.

    pid: the only process that may be signalled. may_change: files may be written where Landlock permits it.
    """
    column = list(MACHINES).index(machine)
    lines: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _AT_ARCH),
        (_JUMP_EQ, 1, 0, MACHINES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    if machine == "x86_64":
        lines += [(_JUMP_GE, 0, 1, 0x40000000), (_RETURN, 0, 0, _KILL)]
    calls = _READING | _TALKING | _LIVING | (_CHANGING if may_change else {})
    for numbers in calls.values():
        number = numbers[column]
        if number is not None:
            lines += [(_JUMP_EQ, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for guarded in _guarded(pid, may_change):
        lines += _check(guarded, column)
    # glibc falls back from clone3, whose flags no filter can read; CPython falls back from FIOCLEX on ENOTTY.
    for numbers, code in (((435, 435), errno.ENOSYS), ((16, 29), errno.ENOTTY)):
        lines += [(_JUMP_EQ, 0, 1, numbers[column]), (_RETURN, 0, 0, _ERRNO | code)]
    lines.append((_RETURN, 0, 0, _ERRNO | errno.EPERM))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _guarded(pid: int, may_change: bool) -> Iterator[_Guarded]:
    yield _Guarded((56, 220), 0, has=_CLONE_THREAD)  # clone
    yield _Guarded((62, 129), 0, any_of=(pid,))  # kill
    yield _Guarded((234, 131), 0, any_of=(pid,))  # tgkill
    yield _Guarded((302, 261), 0, any_of=(0, pid))  # prlimit64
    yield _Guarded((72, 25), 1, any_of=_FCNTL_HARMLESS)  # fcntl
    if not may_change:
        yield _Guarded((2, None), 1, lacks=_OPENS_FOR_CHANGE)  # open
        yield _Guarded((257, 56), 2, lacks=_OPENS_FOR_CHANGE)  # openat


def _check(guarded: _Guarded, column: int) -> list[tuple[int, int, int, int]]:
    number = guarded.numbers[column]
    if number is None:
        return []
    body: list[tuple[int, int, int, int]] = [(_LOAD, 0, 0, _AT_ARGUMENTS + 8 * guarded.argument)]
    for value in guarded.any_of:
        body += [(_JUMP_EQ, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
    if guarded.has:
        body += [(_JUMP_SET, 0, 1, guarded.has), (_RETURN, 0, 0, _ALLOW)]
    if guarded.lacks:
        body += [(_JUMP_SET, 1, 0, guarded.lacks), (_RETURN, 0, 0, _ALLOW)]
    body.append((_RETURN, 0, 0, _ERRNO | errno.EPERM))
    return [(_JUMP_EQ, 0, len(body), number), *body]


def no_new_privileges(libc: ctypes.CDLL) -> bool:
    """A later exec gains nothing; the kernel asks for it before Landlock and seccomp. True when it holds."""
    return bool(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def install(libc: ctypes.CDLL, *, may_change: bool) -> bool:
    """Put the filter on every thread of this process, for good. False where the kernel or machine has none."""
    machine = platform.machine()
    if machine not in MACHINES:
        return False
    code = program(machine, os.getpid(), may_change=may_change)
    instructions = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    filled = Program(len(code) // 8, ctypes.addressof(instructions))
    return bool(libc.syscall(_SECCOMP_CALL[machine], _SECCOMP_SET_MODE_FILTER, _TSYNC, ctypes.byref(filled)) == 0)
