"""The process in which untrusted bytes are read: `python -I -B -m bascule.collect.scan.worker DESCRIPTOR PARENT`.

It locks itself in, says what holds it, imports the scanners that its first file needs, and then takes one file after
another. Nothing it says is trusted: the frame bounds, validates and times every reply. What a scanner raises becomes
that scanner's error for that file; a signal, an exhausted limit or a wrong word ends the worker, and costs that file's
scanner alone.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bascule.collect.scan import sandbox, wire
from bascule.collect.scan.file import Changed, Desk, OpenFile
from bascule.kernel.ranges import Ranges
from bascule.plugins.readers import Malformed, Truncated

if TYPE_CHECKING:
    from bascule.plugins.inside import Inside
    from bascule.plugins.kinds import Listed

_MESSAGE_CHARACTERS = 500


class Listing(Sequence[Any]):
    """Every artefact by name, made into objects only when a scanner looks."""

    def __init__(self, rows: list[Any]) -> None:
        self.rows = {row[0]: row for row in rows}
        self._listed: list[Listed] | None = None

    def _all(self) -> list[Listed]:
        if self._listed is None:
            from bascule.plugins.kinds import Listed
            from bascule.records import ArtefactKind

            self._listed = [
                Listed(path, ArtefactKind(kind), media, size) for path, kind, media, size in self.rows.values()
            ]
        return self._listed

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self.rows)


class Counter:
    """The `Desk` of a worker: it asks the frame, and waits for the answer."""

    def __init__(self, channel: socket.socket, listing: Listing) -> None:
        self._channel = channel
        self._listing = listing

    def neighbour(self, path: str) -> OpenFile | None:
        if path not in self._listing.rows:
            return None
        answer, descriptor = self._ask({"say": "wants", "path": path})
        if descriptor is None:
            raise Truncated(f"the neighbour cannot be opened: {answer.get('why')}")
        path, kind, media_type, size_bytes = self._listing.rows[path]
        here = Ranges(map(tuple, answer["here"])) if answer["here"] is not None else None
        file = OpenFile(descriptor, path, kind, media_type, size_bytes, self._listing, desk=self, here=here)
        file.kind = _kind(kind)
        try:
            file.open(())
        except Changed as error:
            os.close(descriptor)
            raise Truncated(f"the neighbour cannot be read: {error}") from error
        return file

    def bring(self, path: str, start: int, end: int) -> list[tuple[int, int]]:
        answer, _ = self._ask({"say": "wants", "path": path, "start": start, "end": end})
        if answer["here"] is None:
            raise Truncated(str(answer.get("why")))
        return [(low, high) for low, high in answer["here"]]

    def _ask(self, message: wire.Message) -> tuple[wire.Message, int | None]:
        wire.send(self._channel, message)
        answer = wire.receive(self._channel)
        if answer is None:
            raise SystemExit(1)  # the frame is gone
        return answer


def _kind(value: Any) -> Any:
    from bascule.records import ArtefactKind

    return ArtefactKind(value)


Say = Callable[[wire.Message], None]


class Shelf:
    """The scanners, all imported when a file first needs one: a worker that only hashes never pays for them."""

    def __init__(self, names: Sequence[str], scanners: Mapping[str, Any] | None = None) -> None:
        self._names = names
        self._scanners: dict[str, Any] = dict(scanners or {})
        self._unfit: dict[str, str] = {}

    @property
    def empty(self) -> bool:
        return not self._scanners and not self._unfit

    def load(self) -> None:
        """Fill it; what does not load raises when it is asked to scan."""
        gc.disable()  # modules stay: looking for waste among them costs a tenth of their import
        for name in self._names:
            try:
                from bascule.plugins.registry import find

                loaded = find("scanners", name)
            except Exception as error:
                self._unfit[name] = f"{type(error).__name__}: {error}"
                continue
            if loaded is None:
                self._unfit[name] = "it is not installed where an isolated interpreter finds it"
            elif loaded.error:
                self._unfit[name] = loaded.error
            else:
                self._scanners[name] = loaded.plugin
        gc.freeze()
        gc.enable()

    def scan(self, name: str, inside: Inside) -> Iterator[Any]:
        """What that scanner sees in a file and in what is packed in it. Raises Unfit."""
        if name in self._unfit:
            raise Unfit(self._unfit[name])
        return inside.scan(self._scanners[name])


class Unfit(Exception):
    """The plug-in does not load here."""


def main() -> int:
    """Serve until the frame closes its side."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sandbox.die_with_parent(int(sys.argv[2]))
    first = wire.receive(channel)
    if first is None:
        return 0
    setup = first[0]
    sys.path.extend(setup["plugin_paths"])
    held = sandbox.lock(Path(setup["scratch"]), setup["memory_bytes"])
    wire.send(channel, {"say": "ready", "held": held.as_json()})
    listing, shelf = Listing(setup["listing"]), Shelf(setup["scanners"])
    say, desk = partial(wire.send, channel), Counter(channel, listing)
    while (taken := wire.receive(channel)) is not None:
        message, descriptor = taken
        if descriptor is None:
            return 1
        try:
            examine(say, message, descriptor, shelf, listing, desk, partial(_allow, setup["seconds"]))
        finally:
            os.close(descriptor)
    return 0


def _allow(seconds: float, scanning: bool) -> None:
    sandbox.limit_cpu(seconds if scanning else sandbox.UNLIMITED)


def nothing_held(_scanning: bool) -> None:
    """No limit of CPU time, for a process that is not a worker."""


def examine(
    say: Say,
    message: wire.Message,
    descriptor: int,
    shelf: Shelf,
    listing: Listing,
    desk: Desk,
    hold: Callable[[bool], None] = nothing_held,
) -> None:
    """One file: each scanner in turn, then its digests where they are wanted.

    hold: told True before a scanner begins and False when all are through.
    """
    here = message["here"]
    file = OpenFile(
        descriptor,
        message["path"],
        message["kind"],
        message["media_type"],
        message["size_bytes"],
        listing,
        progress=lambda count: say({"say": "read", "bytes": count}),
        desk=desk,
        here=Ranges((low, high) for low, high in here) if here is not None else None,
    )
    try:
        file.open(message["hashes"])
        if message["scanners"] and shelf.empty:
            with file.hashing_ahead():
                shelf.load()
            say({"say": "loaded"})
        if message["scanners"]:
            from bascule.plugins.inside import Inside

            inside = Inside(file)
        for name in message["scanners"]:
            hold(True)
            run(say, name, shelf, file, inside)
        hold(False)
        digests = file.digests()
    except Changed as error:
        say({"say": "failed", "why": f"the file changed: {error}"})
    except OSError as error:
        say({"say": "failed", "why": f"the file cannot be read: {error.strerror or error}"})
    else:
        say({"say": "done", "digests": digests})


def run(say: Say, name: str, shelf: Shelf, file: OpenFile, inside: Inside) -> None:
    """One scanner on one file. What it raises is told, not passed on."""
    from bascule.plugins.inside import NothingToRead
    from bascule.records import Coverage, Finding, Measure, Reading

    said: dict[type, str] = {Finding: "finding", Measure: "measure", Reading: "reading", Coverage: "coverage"}
    file.kind = _kind(file.kind)
    say({"say": "starts", "scanner": name})
    why: str | None = None
    applies = True
    try:
        for item in shelf.scan(name, inside):
            say({"say": "seen", "what": said[type(item)], "value": item.as_json()})
    except NothingToRead:
        applies = False
    except Malformed as error:
        why = str(error)[:_MESSAGE_CHARACTERS] or "the bytes break their format"
    except Unfit as error:
        why = f"the plug-in does not load in a worker: {error}"[:_MESSAGE_CHARACTERS]
    except MemoryError:
        why = "the scanner reached its memory limit"
    except RecursionError:
        why = "the scanner reached its nesting limit"
    except BaseException as error:  # SystemExit and KeyboardInterrupt from a scanner are bugs like any other
        why = f"the scanner broke: {type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]
    try:
        file.leave_neighbours()
    except Changed as error:
        why = why or f"a neighbour changed: {error}"
    say({"say": "ends", "scanner": name, "why": why, "applies": applies})


if __name__ == "__main__":
    sys.exit(main())
