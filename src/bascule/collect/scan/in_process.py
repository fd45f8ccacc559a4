"""The same pass in the caller's own process, with nothing that holds it.

For tests, benchmarks, and callers that trust the files as much as the scanners. No process is started, so a small file
costs what reading it costs; and nothing stands between the caller and the bytes: no sandbox, no limit of any kind.
What is said goes the way that a worker's words go, and is checked as those are.

Law: `examine_in_process(i, s) == examine(i, s)`, but for what the observations say of their environment and its gaps.
Guarded by tests/collect/test_scan_in_process.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bascule.collect.intake import Inventory, open_entry
from bascule.collect.scan.engine import plan_of
from bascule.collect.scan.file import Changed, OpenFile
from bascule.collect.scan.gather import Examined, gather
from bascule.collect.scan.options import ScanOptions
from bascule.collect.scan.task import Hearing
from bascule.collect.scan.worker import Listing, Shelf, examine
from bascule.kernel.errors import BasculeError
from bascule.kernel.ranges import Ranges
from bascule.plugins.readers import Truncated
from bascule.plugins.registry import Loaded


def examine_in_process(
    inventory: Inventory, scanners: Sequence[Loaded], options: ScanOptions | None = None
) -> Examined:
    """Every file hashed and shown to the scanners that read its kind, one after another.

    Of the options count `hashes` and those that bound what a scanner says. Whatever a file or scanner does is in the
    result, unless it ends the process.
    """
    options = options or ScanOptions()
    plan = plan_of(inventory, scanners, options)
    shelf = Shelf((), {name: loaded.plugin for name, loaded in plan.fit.items()})
    listing = Listing(list(plan.listing))
    desk = _Desk(inventory, listing)
    for task in plan.tasks:
        entry = task.entry
        hearing = Hearing(task, tuple(task.pending), plan.metas, options)
        try:
            descriptor = open_entry(inventory, entry)
        except (BasculeError, OSError) as error:
            task.fail(f"the file cannot be opened: {error}")
            continue
        task.handed_out = True
        message = {
            "path": entry.path,
            "kind": entry.kind.value,
            "media_type": entry.media_type,
            "size_bytes": entry.size_bytes,
            "scanners": tuple(task.pending),
            "hashes": task.hashes,
            "here": inventory.shelf.held(entry.path) if inventory.shelf is not None and entry.remote else None,
        }
        try:
            examine(hearing.hear, message, descriptor, shelf, listing, desk)
        finally:
            os.close(descriptor)
    return gather(plan.tasks, scanners, None, options)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Opens neighbours and brings ranges by itself: here nobody stands between."""

    inventory: Inventory
    listing: Listing

    def neighbour(self, path: str) -> OpenFile | None:
        entry = next((entry for entry in self.inventory.entries if entry.path == path), None)
        if entry is None:
            return None
        shelf = self.inventory.shelf
        here = Ranges(shelf.held(path) or ()) if shelf is not None and entry.remote else None
        try:
            descriptor = open_entry(self.inventory, entry)
        except (BasculeError, OSError) as error:
            raise Truncated(f"the neighbour cannot be opened: {error}") from error
        file = OpenFile(
            descriptor, path, entry.kind, entry.media_type, entry.size_bytes, self.listing, desk=self, here=here
        )
        try:
            file.open(())
        except (Changed, OSError) as error:
            os.close(descriptor)
            raise Truncated(f"the neighbour cannot be read: {error}") from error
        return file

    def bring(self, path: str, start: int, end: int) -> Iterable[tuple[int, int]]:
        shelf = self.inventory.shelf
        if shelf is None:
            raise Truncated("the file is not here")
        try:
            shelf.ensure(path, start, end)
        except (BasculeError, OSError) as error:
            raise Truncated(str(error)) from error
        return shelf.held(path) or ()
