"""Ill-treats a ledger from processes of its own, and prints what was left of it as JSON.

    torment.py append HOME URL PROCESSES COUNT    so many processes append so many entries each, at once
    torment.py kill HOME URL ROUNDS               a process that appends without end is killed, again and again
    torment.py fill HOME URL LIMIT_BYTES          appends until no file may grow beyond a limit, then without it

URL is `-` for a file under HOME. Processes are forked here rather than in the test's own process, which has threads.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bascule.attest import KeyRing
from bascule.kernel.clock import SystemClock
from bascule.kernel.errors import StoreError
from bascule.store import Draft, FolderBlobs, Ledger, Store
from bascule.store.database import open_database

INLINE_BYTES = 1000


def opened(home: Path, url: str | None) -> Store:
    database, keyring = open_database(home, url), KeyRing(home)
    ledger = Ledger(database, FolderBlobs(home / "blobs"), keyring, SystemClock(), INLINE_BYTES)
    return Store(database, ledger, keyring)


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def body(writer: int, number: int) -> bytes:
    """Every third one is a blob."""
    return f"writer {writer} entry {number} ".encode() * (100 if number % 3 == 0 else 1)


def append(home: Path, url: str | None, processes: int, count: int) -> dict[str, Any]:
    def work(writer: int) -> None:
        with opened(home, url) as store:  # opening too is part of the race: the first one makes the tables and the key
            for number in range(count):
                store.ledger.append(Draft("note", body(writer, number), slot=f"{writer}/{number}"))

    children = [forked(lambda writer=writer: work(writer)) for writer in range(processes)]
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    with opened(home, url) as store:
        slots = [entry.slot for entry in store.ledger.entries()]
        return {"statuses": statuses, "slots": slots, "faults": [fault.what for fault in store.verify()]}


def kill(home: Path, url: str | None, rounds: int) -> dict[str, Any]:
    opened(home, url).close()
    chance = random.Random(20261125)
    lost, faults, sizes = 0, [], [0]
    for round_number in range(rounds):
        reader, writer = os.pipe()

        def work(told: int = writer, round_number: int = round_number) -> None:
            with opened(home, url) as store:
                for number in range(1_000_000):
                    entry = store.ledger.append(Draft("note", body(round_number, number)))
                    os.write(told, entry.seq.to_bytes(8, "big"))

        child = forked(work)
        os.close(writer)
        os.read(reader, 8)  # the first append is through; from here on, any moment will do
        time.sleep(chance.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = sizes[-1] + 1
        while told := os.read(reader, 8):
            acknowledged = int.from_bytes(told, "big") + 1
        os.close(reader)
        with opened(home, url) as store:
            head = store.head()
            sizes.append(head.size if head else 0)
            lost += sizes[-1] < acknowledged
            faults += [fault.what for fault in store.verify()]
    return {"lost": lost, "faults": faults, "sizes": sizes}


def fill(home: Path, url: str | None, limit_bytes: int) -> dict[str, Any]:
    codes = []
    with opened(home, url) as store:
        for size in (10, 50_000):  # what fits, so that there is something to lose
            store.ledger.append(Draft("note", b"x" * size))
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
        small = [900] * (2000 if url is None else 20)  # a server's files are not ours to limit
        for size in (limit_bytes + 10_000, *small):
            try:
                store.ledger.append(Draft("note", b"y" * size))
            except StoreError as error:
                codes.append(error.code)
                if size < INLINE_BYTES:
                    break
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    with opened(home, url) as store:
        faults = [fault.what for fault in store.verify()]
        store.ledger.append(Draft("note", b"there is room again"))
        faults += [fault.what for fault in store.verify()]
        left = [str(path) for path in (home / "blobs").rglob(".*")]
        return {"codes": codes, "faults": faults, "size": store.inclusion(0).head.size, "left": left}


if __name__ == "__main__":
    verb, home, url, *numbers = sys.argv[1:]
    act = {"append": append, "kill": kill, "fill": fill}[verb]
    print(json.dumps(act(Path(home), None if url == "-" else url, *map(int, numbers))))
