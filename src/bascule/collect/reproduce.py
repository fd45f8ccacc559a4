"""A declared build, run again in a copy, and its outputs compared with those published.

The one place where something of a subject's is executed, and only because a person asked by name: in a scratch copy
without the published outputs, without a network where the machine can take it away, with a few variables and limits
of time and memory. It is not a sandbox against a hostile build: the command runs as the user who asks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from bascule.collect.intake import Inventory, open_entry
from bascule.collect.intake.inventory import Entry
from bascule.collect.peers.asking import AskLimits, Ran, run
from bascule.kernel.errors import InputError
from bascule.kernel.text import counted, visible
from bascule.plugins.readers import Malformed, Truncated, safetensors
from bascule.records.reproduction import BuildDeclaration, OutputComparison

_CHUNK = 1 << 20


def lay_out(inventory: Inventory, folder: Path, outputs: tuple[str, ...]) -> dict[str, str]:
    """Copy a subject's files, but for the outputs, and give what was copied: path → sha256.

    Raises InputError `reproduce.not-here` for files that lie elsewhere or an output that the subject does not have,
    `reproduce.outside` for a path that leaves the folder, `intake.changed`.
    """
    names = {entry.path for entry in inventory.entries}
    missing = [path for path in outputs if path not in names]
    if missing or any(entry.remote for entry in inventory.entries):
        what = f"`{visible(missing[0])}`" if missing else "the subject's files"
        raise InputError(
            "reproduce.not-here",
            f"{what} cannot be compared: not among the subject's files here",
            "fetch the subject whole, and name outputs as the subject has them",
        )
    copied: dict[str, str] = {}
    for entry in inventory.entries:
        if entry.path in outputs:
            continue
        target = folder / entry.path
        if not target.resolve().is_relative_to(folder.resolve()):
            raise InputError("reproduce.outside", f"`{visible(entry.path)}` leaves the folder", "rename it")
        target.parent.mkdir(parents=True, exist_ok=True)
        hasher = hashlib.sha256()
        with target.open("wb") as file:
            for chunk in _published(inventory, entry):
                hasher.update(chunk)
                file.write(chunk)
        copied[entry.path] = hasher.hexdigest()
    return copied


def build(declaration: BuildDeclaration, folder: Path) -> Ran:
    """Run the command in the folder. Raises InputError `reproduce.no-program`."""
    program = shutil.which(declaration.command[0])
    if program is None:
        raise InputError(
            "reproduce.no-program",
            f"there is no program `{visible(declaration.command[0])}` here",
            "install it, or run this where the build runs",
        )
    limits = AskLimits(seconds=declaration.seconds, memory_bytes=declaration.memory_mb << 20)
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **declaration.environment}
    return run([program, *declaration.command[1:]], environment, limits, folder=folder)


def compare(inventory: Inventory, path: str, folder: Path) -> OutputComparison:
    """One output, byte by byte, then tensor by tensor. Law: same ⇔ both digests are equal."""
    entry = next(entry for entry in inventory.entries if entry.path == path)
    built = folder / path
    if built.is_symlink() or not built.is_file() or not built.resolve().is_relative_to(folder.resolve()):
        return OutputComparison(
            path=path, same=False, published_bytes=entry.size_bytes, explained=("the build made no such file",)
        )
    mine, theirs = hashlib.sha256(), hashlib.sha256()
    first: int | None = None
    at = 0
    with built.open("rb") as file:
        for chunk in _published(inventory, entry):
            other = file.read(len(chunk))
            theirs.update(chunk)
            mine.update(other)
            if first is None and other != chunk:
                first = at + next((i for i, (a, b) in enumerate(zip(chunk, other, strict=False)) if a != b), len(other))
            at += len(chunk)
        while rest := file.read(_CHUNK):
            mine.update(rest)
            first = at if first is None else first
    size = built.stat().st_size
    same = mine.digest() == theirs.digest()
    explained: list[str] = []
    if not same:
        if size != entry.size_bytes:
            explained.append(f"{size} bytes were built, {entry.size_bytes} are published")
        explained += _tensors(inventory, entry, built, size)
    return OutputComparison(
        path=path,
        same=same,
        published_sha256=theirs.hexdigest(),
        built_sha256=mine.hexdigest(),
        published_bytes=entry.size_bytes,
        built_bytes=size,
        first_difference=first,
        explained=tuple(explained),
    )


Read = Callable[[int, int], bytes]


def _tensors(inventory: Inventory, entry: Entry, built: Path, size: int) -> Iterator[str]:
    """How two safetensors files differ; nothing where they are none."""
    published = open_entry(inventory, entry)
    ours = os.open(built, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        read_old, read_new = _reader(published), _reader(ours)
        old = safetensors.read_header(read_old, entry.size_bytes)
        new = safetensors.read_header(read_new, size)
        yield from _compare_headers(old, new, read_old, read_new)
    except (Malformed, OSError):
        return
    finally:
        os.close(published)
        os.close(ours)


def _compare_headers(old: safetensors.Header, new: safetensors.Header, read_old: Read, read_new: Read) -> Iterator[str]:
    before = {tensor.name: tensor for tensor in old.tensors}
    after = {tensor.name: tensor for tensor in new.tensors}
    for names, what in ((before.keys() - after.keys(), "not built"), (after.keys() - before.keys(), "not published")):
        if names:
            yield f"{counted(len(names), 'tensor')} {what}: {_shown(sorted(names))}"
    changed = []
    for name in sorted(before.keys() & after.keys()):
        one, two = before[name], after[name]
        if (one.dtype, one.shape) != (two.dtype, two.shape):
            forms = [f"{tensor.dtype}{list(tensor.shape)}" for tensor in (one, two)]
            yield f"`{visible(name, 80)}` is {forms[0]} published and {forms[1]} built"
            continue
        starts = 8 + old.header_bytes + one.begin, 8 + new.header_bytes + two.begin
        if any(
            read_old(starts[0] + at, step) != read_new(starts[1] + at, step)
            for at in range(0, one.end - one.begin, _CHUNK)
            for step in (min(_CHUNK, one.end - one.begin - at),)
        ):
            changed.append(name)
    if changed:
        yield f"{counted(len(changed), 'tensor')} of {len(before)} with other values: {_shown(changed)}"
    elif before.keys() == after.keys():
        yield "every tensor is the same: the difference is in metadata or order alone"


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(f"`{visible(name, 80)}`" for name in names[:8]) + more


def _published(inventory: Inventory, entry: Entry) -> Iterator[bytes]:
    descriptor = open_entry(inventory, entry)
    try:
        at = 0
        while at < entry.size_bytes and (chunk := os.pread(descriptor, _CHUNK, at)):
            yield chunk
            at += len(chunk)
    finally:
        os.close(descriptor)


def _reader(descriptor: int) -> Read:
    def read(offset: int, size: int) -> bytes:
        data = os.pread(descriptor, size, offset)
        if len(data) < size:
            raise Truncated(f"{size} bytes at {offset}")
        return data

    return read
