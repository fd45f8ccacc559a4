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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bascule.collect.scan import sandbox, wire
from bascule.collect.scan.file import Changed, OpenFile
from bascule.kernel.ranges import Ranges
from bascule.plugins.readers import Malformed, Truncated

if TYPE_CHECKING:
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


class Shelf:
    """The scanners, all imported when a file first needs one: a worker that only hashes never pays for them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._scans: dict[str, Callable[[OpenFile], Iterator[Any]]] = {}

    @property
    def empty(self) -> bool:
        return not self._scans

    def load(self) -> None:
        """Fill it; what does not load raises when it is asked to scan."""
        gc.disable()  # modules stay: looking for waste among them costs a tenth of their import
        for name in self._names:
            try:
                from bascule.plugins.registry import find

                loaded = find("scanners", name)
            except Exception as error:
                self._scans[name] = _unfit(f"{type(error).__name__}: {error}")
                continue
            if loaded is None:
                self._scans[name] = _unfit("it is not installed where an isolated interpreter finds it")
            elif loaded.error:
                self._scans[name] = _unfit(loaded.error)
            else:
                self._scans[name] = loaded.plugin.scan
        gc.freeze()
        gc.enable()

    def scan(self, name: str, file: OpenFile) -> Iterator[Any]:
        """What that scanner sees."""
        return self._scans[name](file)


class Unfit(Exception):
    """The plug-in does not load here."""


def _unfit(why: str) -> Callable[[OpenFile], Iterator[Any]]:
    def scan(_file: OpenFile) -> Iterator[Any]:
        raise Unfit(why)

    return scan


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
    while (taken := wire.receive(channel)) is not None:
        message, descriptor = taken
        if descriptor is None:
            return 1
        try:
            examine(channel, message, descriptor, shelf, listing, setup["seconds"])
        finally:
            os.close(descriptor)
    return 0


def examine(
    channel: socket.socket, message: wire.Message, descriptor: int, shelf: Shelf, listing: Listing, seconds: float
) -> None:
    """One file: each scanner in turn, then its digests where they are wanted."""
    here = message["here"]
    file = OpenFile(
        descriptor,
        message["path"],
        message["kind"],
        message["media_type"],
        message["size_bytes"],
        listing,
        progress=lambda count: wire.send(channel, {"say": "read", "bytes": count}),
        desk=Counter(channel, listing),
        here=Ranges((low, high) for low, high in here) if here is not None else None,
    )
    try:
        file.open(message["hashes"])
        if message["scanners"] and shelf.empty:
            with file.hashing_ahead():
                shelf.load()
            wire.send(channel, {"say": "loaded"})
        for name in message["scanners"]:
            run(channel, name, shelf, file, seconds)
        sandbox.limit_cpu(sandbox.UNLIMITED)
        digests = file.digests()
    except Changed as error:
        wire.send(channel, {"say": "failed", "why": f"the file changed: {error}"})
    except OSError as error:
        wire.send(channel, {"say": "failed", "why": f"the file cannot be read: {error.strerror or error}"})
    else:
        wire.send(channel, {"say": "done", "digests": digests})


def run(channel: socket.socket, name: str, shelf: Shelf, file: OpenFile, seconds: float) -> None:
    """One scanner on one file. What it raises is told, not passed on."""
    from bascule.records import Coverage, Finding, Measure, Reading

    said: dict[type, str] = {Finding: "finding", Measure: "measure", Reading: "reading", Coverage: "coverage"}
    file.kind = _kind(file.kind)
    sandbox.limit_cpu(seconds)
    wire.send(channel, {"say": "starts", "scanner": name})
    why: str | None = None
    try:
        for item in shelf.scan(name, file):
            wire.send(channel, {"say": "seen", "what": said[type(item)], "value": item.as_json()})
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
    wire.send(channel, {"say": "ends", "scanner": name, "why": why})


if __name__ == "__main__":
    sys.exit(main())
