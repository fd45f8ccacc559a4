"""The process in which untrusted bytes are read: `python -I -B -m bascule.collect.scan.worker DESCRIPTOR PARENT`.

It imports the scanners, locks itself in, says what holds it, and then takes one file after another. Nothing it says is
trusted: the frame bounds, validates and times every reply. What a scanner raises becomes that scanner's error for that
file; a signal, an exhausted limit or a wrong word ends the worker, and costs that file's scanner alone.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bascule.collect.scan import sandbox, wire
from bascule.collect.scan.file import Changed, OpenFile
from bascule.plugins.kinds import Listed, Scanner
from bascule.plugins.readers import Malformed
from bascule.plugins.registry import discover
from bascule.records import ArtefactKind, Finding, Measure, Reading

_SAID = {Finding: "finding", Measure: "measure", Reading: "reading"}
_MESSAGE_CHARACTERS = 500


class Listing(Sequence[Any]):
    """Every artefact by name, made into objects only when a scanner looks."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows
        self._listed: list[Listed] | None = None

    def _all(self) -> list[Listed]:
        if self._listed is None:
            self._listed = [Listed(path, ArtefactKind(kind), media, size) for path, kind, media, size in self._rows]
        return self._listed

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._rows)


def main() -> int:
    """Serve until the frame closes its side."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sandbox.die_with_parent(int(sys.argv[2]))
    first = wire.receive(channel)
    if first is None:
        return 0
    setup = first[0]
    try:
        scanners, unfit = load(setup["scanners"], setup["plugin_paths"])
        held = sandbox.lock(Path(setup["scratch"]), setup["memory_bytes"])
    except Exception as error:
        wire.send(channel, {"say": "unfit", "why": describe(error)})
        return 1
    wire.send(channel, {"say": "ready", "held": held.as_json(), "unfit": unfit})
    listing = Listing(setup["listing"])
    while (taken := wire.receive(channel)) is not None:
        message, descriptor = taken
        if descriptor is None:
            return 1
        try:
            examine(channel, message, descriptor, scanners, listing, setup["seconds"])
        finally:
            os.close(descriptor)
    return 0


def load(ids: list[str], plugin_paths: list[str]) -> tuple[dict[str, Scanner], dict[str, str]]:
    """The scanners wanted, and why the others are not to be had."""
    if not ids:
        return {}, {}
    sys.path.extend(plugin_paths)
    found = {loaded.id: loaded for loaded in discover("scanners")}
    scanners: dict[str, Scanner] = {}
    unfit: dict[str, str] = {}
    for name in ids:
        loaded = found.get(name)
        if loaded is None:
            unfit[name] = "it is not installed where an isolated interpreter finds it"
        elif loaded.error:
            unfit[name] = loaded.error[:_MESSAGE_CHARACTERS]
        else:
            scanners[name] = loaded.plugin
    return scanners, unfit


def examine(
    channel: socket.socket,
    message: wire.Message,
    descriptor: int,
    scanners: dict[str, Scanner],
    listing: Listing,
    seconds: float,
) -> None:
    """One file: each scanner in turn, then its digest."""
    file = OpenFile(
        descriptor,
        message["path"],
        ArtefactKind(message["kind"]),
        message["media_type"],
        message["size_bytes"],
        listing,
        progress=lambda count: wire.send(channel, {"say": "read", "bytes": count}),
    )
    try:
        file.open()
        for name in message["scanners"]:
            run(channel, name, scanners[name], file, seconds)
        sandbox.limit_cpu(1e9)
        digest = file.sha256()
    except Changed as error:
        wire.send(channel, {"say": "failed", "why": f"the file changed: {error}"})
    except OSError as error:
        wire.send(channel, {"say": "failed", "why": f"the file cannot be read: {error.strerror or error}"})
    else:
        wire.send(channel, {"say": "done", "sha256": digest})


def run(channel: socket.socket, name: str, scanner: Scanner, file: OpenFile, seconds: float) -> None:
    """One scanner on one file. What it raises is told, not passed on."""
    sandbox.limit_cpu(seconds)
    wire.send(channel, {"say": "starts", "scanner": name})
    why: str | None = None
    try:
        for item in scanner.scan(file):
            wire.send(channel, {"say": "seen", "what": _SAID[type(item)], "value": item.as_json()})
    except Malformed as error:
        why = str(error)[:_MESSAGE_CHARACTERS] or "the bytes break their format"
    except MemoryError:
        why = "the scanner reached its memory limit"
    except RecursionError:
        why = "the scanner reached its nesting limit"
    except BaseException as error:  # SystemExit and KeyboardInterrupt from a scanner are bugs like any other
        why = f"the scanner broke: {describe(error)}"
    wire.send(channel, {"say": "ends", "scanner": name, "why": why})


def describe(error: BaseException) -> str:
    """The kind of an exception and the start of what it says."""
    return f"{type(error).__name__}: {error}"[:_MESSAGE_CHARACTERS]


if __name__ == "__main__":
    sys.exit(main())
