"""The door: a folder is walked, an archive unpacked, a lone file listed, an endpoint written down, and files that stay
where they are get holes to lie in."""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

from bascule.collect.intake.archive import unpack, unpacks
from bascule.collect.intake.inventory import (
    IntakeLimits,
    Inventory,
    entry_at,
    identity_of,
    open_beneath,
    open_root,
)
from bascule.collect.intake.remote import shelve
from bascule.collect.intake.walk import Walk
from bascule.kernel.canonical import canonical_json
from bascule.kernel.errors import InputError
from bascule.kernel.text import visible
from bascule.plugins.kinds import EndpointRef, Fetched, Remote, Workspace
from bascule.plugins.readers import Truncated
from bascule.plugins.readers.media import ENDPOINT
from bascule.plugins.readers.zip import Read
from bascule.records import ArtefactKind


def take_in(fetched: Fetched, workspace: Workspace, limits: IntakeLimits) -> Inventory:
    """List what a source brought. Only `workspace.folder` is written to.

    Raises InputError `intake.unreadable`, `intake.not-a-file`, `intake.too-many-files`, `intake.hostile-archive`,
    `intake.broken-archive`; StoreError `intake.cannot-write`.
    """
    if fetched.endpoint is not None:
        return _endpoint(fetched, fetched.endpoint, workspace)
    if fetched.remote is not None:
        return _remote(fetched, fetched.remote, workspace, limits)
    if fetched.root is None:
        raise InputError("intake.unreadable", f"`{visible(fetched.ref)}` brought neither files nor an endpoint")
    try:
        seen = fetched.root.stat()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            "intake.unreadable", f"`{fetched.root}` cannot be read: {why}", "check the path and its permissions"
        ) from error
    if stat.S_ISDIR(seen.st_mode):
        return _folder(fetched, fetched.root, workspace, limits)
    if stat.S_ISREG(seen.st_mode):
        return _file(fetched, fetched.root, workspace, limits)
    raise InputError(
        "intake.not-a-file", f"`{fetched.root}` is neither a file nor a folder", "point at a regular file or a folder"
    )


def _folder(fetched: Fetched, root: Path, workspace: Workspace, limits: IntakeLimits) -> Inventory:
    walk = Walk(root, limits, lambda listed: workspace.progress(0, None, f"taking in: {listed} files seen"))
    walk.run()
    return Inventory(
        ref=fetched.ref,
        root=root,
        entries=walk.entries,
        notes=walk.notes,
        said=fetched.notes,
        root_identity=walk.root_identity,
    )


def _file(fetched: Fetched, path: Path, workspace: Workspace, limits: IntakeLimits) -> Inventory:
    path = path.resolve()
    raw = os.fsencode(path.name)
    try:
        folder = open_root(path.parent)
        try:
            identity = identity_of(os.fstat(folder))
            entry = entry_at(folder, raw, raw)
            descriptor = open_beneath(folder, raw)
        finally:
            os.close(folder)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(
            "intake.unreadable", f"`{path}` cannot be read: {why}", "check the path and its permissions"
        ) from error
    try:
        read = _reader(descriptor)
        if unpacks(read, entry.size_bytes, entry.media_type, entry.path):
            place = Path(tempfile.mkdtemp(prefix="unpacked-", dir=workspace.folder)) / "members"
            inside = unpack(read, entry.size_bytes, entry.media_type, entry.path, place, limits, workspace.progress)
            return Inventory(
                ref=fetched.ref,
                root=inside.folder,
                entries=inside.entries,
                notes=inside.notes,
                said=fetched.notes,
                root_identity=inside.folder_identity,
            )
    finally:
        os.close(descriptor)
    return Inventory(ref=fetched.ref, root=path.parent, entries=(entry,), said=fetched.notes, root_identity=identity)


def _remote(fetched: Fetched, remote: Remote, workspace: Workspace, limits: IntakeLimits) -> Inventory:
    shelved = shelve(remote, workspace, limits)
    return Inventory(
        ref=fetched.ref,
        root=shelved.shelf.root,
        entries=shelved.entries,
        notes=shelved.notes,
        said=fetched.notes,
        shelf=shelved.shelf,
        root_identity=shelved.root_identity,
    )


def _endpoint(fetched: Fetched, endpoint: EndpointRef, workspace: Workspace) -> Inventory:
    """A closed model has no bytes of its own: what is known of it is written down, so that it has a digest."""
    root = Path(tempfile.mkdtemp(prefix="endpoint-", dir=workspace.folder))
    told = {"model": endpoint.model, "provider": endpoint.provider, "url": endpoint.url}
    (root / "endpoint").write_bytes(canonical_json(told))
    folder = open_root(root)
    try:
        entry = replace(entry_at(folder, b"endpoint", b"endpoint"), media_type=ENDPOINT, kind=ArtefactKind.ENDPOINT)
        identity = identity_of(os.fstat(folder))
    finally:
        os.close(folder)
    return Inventory(
        ref=fetched.ref,
        root=root,
        entries=(entry,),
        endpoint=endpoint,
        said=fetched.notes,
        root_identity=identity,
    )


def _reader(descriptor: int) -> Read:
    def read(offset: int, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            more = os.pread(descriptor, size - len(parts), offset + len(parts))
            if not more:
                raise Truncated(f"{size} bytes at {offset}, where the file ends")
            parts = parts + more if parts else more
        return parts

    return read
