"""The frame: every file once, hashed and shown to the scanners that read its kind, in workers that are held.

Rules:
- big files first, so that no worker waits for one at the end; what comes out is in the inventory's order;
- in a short scan the first worker alone imports the scanners, and the others hash big files meanwhile;
- every rule of a scanner has an answer for every file that it reads; a limit, a crash or a wrong word is `error`, and
  what had been found `true` before still stands;
- a worker that broke is replaced, and its file goes on with the other scanners;
- a file that cannot be hashed is not an artefact: it is in `failed`, as something that could hide anything;
- a plug-in that does not load fails alone, with the answer `error`.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bascule.collect.intake import Entry, Inventory, open_entry
from bascule.collect.scan import wire
from bascule.collect.scan.crew import Gone, Setup, Worker, no_worker, scratch_folder
from bascule.collect.scan.gather import Examined, gather
from bascule.collect.scan.options import ScanOptions
from bascule.collect.scan.sandbox import Held
from bascule.collect.scan.task import Hearing, Task
from bascule.kernel.errors import BasculeError
from bascule.kernel.text import visible
from bascule.plugins.inside import may_read
from bascule.plugins.meta import Meta
from bascule.plugins.readers import Malformed
from bascule.plugins.registry import Loaded

Progress = Callable[[float, float | None, str], None]

_TICK_SECONDS = 0.25
# One more worker pays for its start from about here, and for importing the scanners from there.
_BYTES_PER_WORKER = 32 << 20
_FILES_PER_WORKER = 200
_SHORT_SECONDS = 2.0


def silent(_done: float, _total: float | None, _what: str) -> None:
    """Progress for those who do not watch."""


def examine(
    inventory: Inventory,
    scanners: Sequence[Loaded],
    options: ScanOptions | None = None,
    progress: Progress = silent,
) -> Examined:
    """Hash every file and let the scanners look, in one pass. Without scanners it only hashes.

    progress: bytes done, bytes in all, the file at hand.
    Raises UpstreamError `scan.no-worker` when no worker starts; whatever a file or scanner does is in the result.
    """
    options = options or ScanOptions()
    plan = plan_of(inventory, scanners, options)
    if not plan.tasks:
        return gather(plan.tasks, scanners, None, options)
    needed = {name for task in plan.tasks for name in task.pending}
    setup = Setup(tuple(name for name in plan.fit if name in needed), plan.listing, options)
    return gather(plan.tasks, scanners, _Frame(inventory, plan, setup, progress).run(), options)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is to look at what.

    fit: the scanners that loaded, by id. listing: path, kind, media type and size of every artefact. tasks: one for
    each file, in the order of the inventory.
    """

    fit: dict[str, Loaded]
    listing: tuple[tuple[str, str, str, int], ...]
    tasks: list[Task]

    @property
    def metas(self) -> dict[str, Meta]:
        return {name: loaded.plugin.meta for name, loaded in self.fit.items()}


def plan_of(inventory: Inventory, scanners: Sequence[Loaded], options: ScanOptions) -> Plan:
    """The plan of one pass."""
    fit = {loaded.id: loaded for loaded in scanners if loaded.plugin is not None and not loaded.error}
    tasks = [
        Task(
            number,
            entry,
            [name for name, loaded in fit.items() if _reads(loaded, entry)],
            () if entry.remote else options.hashes,
        )
        for number, entry in enumerate(inventory.entries)
    ]
    rows = sorted((entry.path, entry.kind.value, entry.media_type, entry.size_bytes) for entry in inventory.entries)
    return Plan(fit, tuple(rows), tasks)


def _reads(loaded: Loaded, entry: Entry) -> bool:
    return may_read(loaded.plugin.meta, entry.path, entry.kind, entry.media_type)


class _Seat:
    """A place for a worker, which may be empty, and what the worker there is at.

    scans: whoever sits there runs scanners; until then it only hashes.
    """

    def __init__(self, scans: bool) -> None:
        self.scans = scans
        self.worker: Worker | None = None
        self.hearing: Hearing | None = None


class _Frame:
    """The loop: hands files out, hears answers, keeps time, replaces who broke."""

    def __init__(
        self,
        inventory: Inventory,
        plan: Plan,
        setup: Setup,
        progress: Progress,
    ) -> None:
        tasks = plan.tasks
        self._inventory = inventory
        self._entries = {entry.path: entry for entry in inventory.entries}
        self._metas = plan.metas
        self._setup = setup
        self._waiting = deque(sorted(tasks, key=lambda task: (-task.entry.size_bytes, task.number)))
        self._total_bytes = sum(task.entry.size_bytes for task in tasks)
        self._finished_bytes = 0
        self._progress = progress
        useful = 1 + self._total_bytes // _BYTES_PER_WORKER + len(tasks) // _FILES_PER_WORKER
        self._seats = [_Seat(number == 0) for number in range(max(1, min(setup.options.workers, useful, len(tasks))))]
        self._short_until = time.monotonic() + _SHORT_SECONDS
        self._workers_started = 0
        self._next_look = 0.0
        self._held: Held | None = None

    def run(self) -> Held | None:
        """Until every task has its answers; what held the workers. Whatever happens, none outlives this call."""
        with scratch_folder(self._setup.options) as folder, selectors.DefaultSelector() as selector:
            try:
                self._loop(selector, folder)
            finally:
                for seat in self._seats:
                    if seat.worker is not None:
                        seat.worker.end()
        return self._held

    def _loop(self, selector: selectors.BaseSelector, folder: Path) -> None:
        while self._waiting or any(seat.hearing for seat in self._seats):
            for seat in self._seats:
                self._employ(seat, selector, folder)
            for key, _ in selector.select(_TICK_SECONDS):
                self._listen(key.data, selector)
            if time.monotonic() >= self._next_look:
                self._next_look = time.monotonic() + _TICK_SECONDS
                for seat in self._seats:
                    self._keep_time(seat, selector)

    def _employ(self, seat: _Seat, selector: selectors.BaseSelector, folder: Path) -> None:
        """Give the seat a worker and the worker a file, while there are files for it."""
        if seat.hearing is not None or self._next(seat) is None:
            return
        if seat.worker is None:
            self._workers_started += 1
            try:
                seat.worker = Worker(self._setup, folder / f"worker-{self._workers_started}")
            except (Gone, OSError) as error:
                raise no_worker(str(error)) from error
            selector.register(seat.worker.channel, selectors.EVENT_READ, seat)
        while seat.worker is not None and seat.worker.held is not None and seat.hearing is None:
            task = self._next(seat)
            if task is None:
                return
            self._waiting.remove(task)
            self._hand_out(seat, seat.worker, task, task.pending if seat.scans else [], selector)

    def _next(self, seat: _Seat) -> Task | None:
        """The file that waits for this seat."""
        seat.scans |= len(self._waiting) > _FILES_PER_WORKER or time.monotonic() > self._short_until
        for task in self._waiting:
            big = task.entry.size_bytes > _BYTES_PER_WORKER
            if seat.scans or not task.pending or (big and not task.hashed):
                return task
        return None

    def _hand_out(
        self, seat: _Seat, worker: Worker, task: Task, scanners: list[str], selector: selectors.BaseSelector
    ) -> None:
        try:
            descriptor = open_entry(self._inventory, task.entry)
        except (BasculeError, OSError) as error:
            task.fail(f"the file cannot be opened: {error}")
            self._settle(task)
            return
        task.handed_out = True
        seat.hearing = Hearing(task, scanners, self._metas, self._setup.options)
        message: wire.Message = {
            "say": "file",
            "path": task.entry.path,
            "kind": task.entry.kind.value,
            "media_type": task.entry.media_type,
            "size_bytes": task.entry.size_bytes,
            "scanners": scanners,
            "hashes": () if task.hashed else task.hashes,
            "here": self._here(task.entry),
        }
        self._tell(task)
        try:
            worker.send(message, descriptor)
        except Gone as gone:
            self._bury(seat, str(gone), selector)
        finally:
            os.close(descriptor)

    def _listen(self, seat: _Seat, selector: selectors.BaseSelector) -> None:
        if seat.worker is None:
            return
        try:
            for message in seat.worker.messages():
                self._hear(seat, seat.worker, message)
        except Gone as gone:
            self._bury(seat, str(gone), selector)

    def _hear(self, seat: _Seat, worker: Worker, message: wire.Message) -> None:
        if worker.held is None:
            held = worker.take_ready(message)
            if self._held is None or len(held.gaps) > len(self._held.gaps):
                self._held = held
            return
        if seat.hearing is None:
            raise Gone("the worker spoke without being asked")
        hearing = seat.hearing
        if message["say"] == "wants":
            self._give(worker, hearing, *hearing.wants(message))
            return
        hearing.hear(message)
        if hearing.over:
            seat.hearing = None
            self._settle(hearing.task)
        elif message["say"] == "read":
            self._tell(hearing.task)

    def _give(self, worker: Worker, hearing: Hearing, path: str, range_: tuple[int, int] | None) -> None:
        """A neighbour's descriptor, or more of a remote file. Raises Gone when there is no such artefact."""
        entry = self._entries.get(path)
        if entry is None:
            raise Gone("the worker asked for what is not there")
        if range_ is not None:
            worker.send(self._brought(entry, *range_))
            hearing.restart_clock()  # the network's time is not the scanner's, and what may be brought is bounded
            return
        try:
            descriptor = open_entry(self._inventory, entry)
        except (BasculeError, OSError) as error:
            worker.send({"say": "given", "here": None, "why": str(error)})
            return
        try:
            worker.send({"say": "given", "here": self._here(entry)}, descriptor)
        finally:
            os.close(descriptor)

    def _brought(self, entry: Entry, start: int, end: int) -> wire.Message:
        shelf = self._inventory.shelf
        if shelf is None or not entry.remote:
            raise Gone("the worker asked for a range of a file that is here")
        try:
            shelf.ensure(entry.path, start, end)
        except (BasculeError, Malformed, OSError) as error:
            return {"say": "given", "here": None, "why": visible(str(error), 500)}
        return {"say": "given", "here": self._here(entry)}

    def _here(self, entry: Entry) -> tuple[tuple[int, int], ...] | None:
        shelf = self._inventory.shelf
        return shelf.held(entry.path) if shelf is not None and entry.remote else None

    def _keep_time(self, seat: _Seat, selector: selectors.BaseSelector) -> None:
        options = self._setup.options
        if seat.worker is None:
            return
        if seat.worker.start_overdue:
            raise no_worker("it is not ready after a minute")
        if seat.hearing is None:
            return
        if time.monotonic() > seat.hearing.until:
            self._bury(seat, f"the time limit of {options.seconds_per_file:g} s was reached", selector)
        elif seat.worker.scratch_bytes() > options.scratch_bytes:
            self._bury(seat, f"the scratch limit of {options.scratch_bytes} bytes was reached", selector)

    def _bury(self, seat: _Seat, why: str, selector: selectors.BaseSelector) -> None:
        """End a worker that broke, and charge what it was at."""
        worker, hearing = seat.worker, seat.hearing
        seat.worker = seat.hearing = None
        if worker is not None:
            selector.unregister(worker.channel)
            complaint = worker.complaint() if worker.held is None else ""
            worker.end()
            if worker.held is None:
                raise no_worker(f"{why} {complaint}".strip())
        if hearing is not None:
            hearing.blame(why)
            self._settle(hearing.task)

    def _settle(self, task: Task) -> None:
        """A finished file counts; one that somebody has yet to answer for goes back, first in line."""
        if task.finished:
            self._finished_bytes += task.entry.size_bytes
        else:
            self._waiting.appendleft(task)
        self._tell(None)

    def _tell(self, task: Task | None) -> None:
        under_way = sum(seat.hearing.task.read_bytes for seat in self._seats if seat.hearing is not None)
        what = f"scanning {visible(task.entry.path)}" if task is not None else "scanning"
        self._progress(float(self._finished_bytes + under_way), float(self._total_bytes), what)
