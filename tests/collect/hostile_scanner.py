"""A scanner that tries to get out: each file names an attack and its target. The escape suite installs it as a plug-in.

An attack that works is reported as `true`; one that is refused raises, and the frame makes an `error` of it.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bascule.plugins.meta import Meta, Reads, Rule
from bascule.records import Finding, Measure, Outcome, Severity

RULE = "hostile-escaped"
ATTACKS: dict[str, Callable[[str], Any]] = {}


def attack(function: Callable[[str], Any]) -> Callable[[str], Any]:
    ATTACKS[function.__name__] = function
    return function


def _raise_errno(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@attack
def fine(target: str) -> None:
    """Not an attack: the neighbour that must still be scanned."""


@attack
def connects_tcp(target: str) -> None:
    socket.create_connection(("127.0.0.1", int(target)), timeout=1).close()


@attack
def sends_udp(target: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"out", ("127.0.0.1", int(target)))


@attack
def connects_unix(target: str) -> None:
    with socket.socket(socket.AF_UNIX) as sender:
        sender.connect(target)


@attack
def writes_a_file(target: str) -> None:
    Path(target).write_text("out")


@attack
def removes_a_file(target: str) -> None:
    Path(target).unlink()


@attack
def changes_a_mode(target: str) -> None:
    Path(target).chmod(0o777)


@attack
def changes_a_time(target: str) -> None:
    os.utime(target, (1, 1))


@attack
def links_a_file(target: str) -> None:
    os.link(target, Path.cwd() / "link")


@attack
def reads_passwd(target: str) -> None:
    Path("/etc/passwd").read_text()


@attack
def reads_a_private_file(target: str) -> None:
    Path(target).read_text()


@attack
def reads_its_environment(target: str) -> None:
    Path("/proc/self/environ").read_bytes()


@attack
def reopens_the_artefact_for_writing(target: str) -> None:
    for number in range(3, 64):
        try:
            os.close(os.open(f"/proc/self/fd/{number}", os.O_RDWR))
        except FileNotFoundError:
            continue


@attack
def writes_into_the_artefact(target: str) -> None:
    for number in range(3, 64):
        try:
            regular = os.fstat(number).st_size > 0
        except OSError:
            continue
        if regular:
            os.pwrite(number, b"out", 0)
            return
    raise OSError("no artefact is open")


@attack
def executes(target: str) -> None:
    os.execv("/bin/true", ["true"])


@attack
def starts_a_shell(target: str) -> None:
    subprocess.run(["/bin/sh", "-c", f"echo out > {target}"], check=True)


@attack
def forks_for_ever(target: str) -> None:
    while True:
        os.fork()


@attack
def starts_threads_for_ever(target: str) -> None:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


@attack
def loops_for_ever(target: str) -> None:
    while True:
        pass


@attack
def loops_for_ever_in_c(target: str) -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


@attack
def sleeps_for_ever(target: str) -> None:
    time.sleep(3600)


@attack
def takes_ten_gigabytes(target: str) -> None:
    bytearray(10 << 30)


@attack
def recurses_for_ever(target: str) -> None:
    recurses_for_ever(target)


@attack
def prints_for_ever(target: str) -> None:
    while True:
        print("x" * 65536, flush=True)


@attack
def fills_the_scratch_folder(target: str) -> None:
    for number in range(1 << 20):
        Path(f"junk-{number}").write_bytes(bytes(32 << 20))


@attack
def exits(target: str) -> None:
    sys.exit(0)


@attack
def exits_at_once(target: str) -> None:
    os._exit(0)


@attack
def breaks_memory(target: str) -> None:
    ctypes.string_at(0)


@attack
def kills_the_parent(target: str) -> None:
    os.kill(os.getppid(), signal.SIGKILL)


@attack
def kills_everybody(target: str) -> None:
    os.kill(-1, signal.SIGTERM)


@attack
def raises_its_limits(target: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@attack
def traces_the_parent(target: str) -> None:
    _raise_errno(_libc().ptrace(16, os.getppid(), 0, 0))


@attack
def reads_the_parents_memory(target: str) -> None:
    _raise_errno(_libc().syscall(310, os.getppid(), None, 0, None, 0, 0))


@attack
def mounts(target: str) -> None:
    _raise_errno(_libc().mount(b"none", b"/tmp", b"tmpfs", 0, None))


@attack
def makes_a_ring(target: str) -> None:
    _raise_errno(_libc().syscall(425, 4, ctypes.create_string_buffer(256)))


@attack
def becomes_somebody(target: str) -> None:
    _raise_errno(_libc().setuid(0))


def _channel() -> int:
    return int(sys.argv[1])


@attack
def forges_a_digest(target: str) -> None:
    body = b'{"say":"done","sha256":"%s"}' % (b"0" * 64)
    os.write(_channel(), len(body).to_bytes(4, "big") + body)
    time.sleep(60)


@attack
def talks_nonsense(target: str) -> None:
    os.write(_channel(), (9).to_bytes(4, "big") + b"\xffnonsense")
    time.sleep(60)


@attack
def promises_a_huge_reply(target: str) -> None:
    os.write(_channel(), (0xFFFFFFFF).to_bytes(4, "big"))
    time.sleep(60)


@attack
def closes_every_descriptor(target: str) -> None:
    os.closerange(0, 64)


class Hostile:
    meta = Meta(
        id="hostile",
        title="A scanner that tries to get out",
        rules=(
            Rule(
                RULE,
                "Did the attack work?",
                Severity.CRITICAL,
                "mend the sandbox",
                "it is what the sandbox is for, all of it",
            ),
        ),
        reads=Reads(names=("*.attack",)),
    )
    examples = ()

    def scan(self, file: Any) -> Iterator[Any]:
        name, _, target = file.read(0, file.size_bytes).decode().partition(" ")
        if name == "yields_for_ever":
            while True:
                yield _finding("again")
        if name == "yields_a_great_deal":
            while True:
                yield Finding(
                    rule=RULE, outcome=Outcome.FALSE, severity=Severity.LOW, message="", details={"x": "y" * 500_000}
                )
        if name == "yields_what_it_does_not_declare":
            yield Measure(name="hostile.lie", value=1, low=1, high=1, n=1, method="exact")
        if name == "yields_what_cannot_be_signed":
            yield Finding(rule=RULE, outcome=Outcome.FALSE, severity=Severity.LOW, message="", details={"n": 1 << 60})
        if name == "yields_something_else":
            yield {"rule": RULE}
        if name == "finds_then_loops":
            yield _finding("found before the end")
            loops_for_ever(target)
        if name not in ATTACKS:
            return
        ATTACKS[name](target)
        if name != "fine":
            yield _finding(f"{name} worked")


def _finding(message: str) -> Finding:
    return Finding(rule=RULE, outcome=Outcome.TRUE, severity=Severity.CRITICAL, message=message)


plugin = Hostile()
