"""`REF` as a path: a folder, a lone file, or an archive, where it lies. Nothing is copied."""

from __future__ import annotations

import re
from pathlib import Path

from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.meta import Meta

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class PathSource:
    """Takes every reference that exists on disk, and those that could only be meant as a path."""

    meta = Meta(id="path", title="A folder, a file or an archive on this machine: `./model`, `model.gguf`, `model.zip`")

    def accepts(self, ref: str) -> bool:
        return _exists(ref) or _SCHEME.match(ref) is None

    def fetch(self, ref: str, workspace: Workspace) -> Fetched:  # noqa: ARG002 - nothing is brought, it is there
        """Raises InputError `source.no-such-path` with the nearest name there is."""
        if not _exists(ref):
            raise InputError("source.no-such-path", f"there is no file or folder `{visible(ref)}`", _hint(ref))
        return Fetched(ref=ref, root=Path(ref).resolve())


def _exists(ref: str) -> bool:
    # An empty reference would be the working folder, which nobody asked for.
    try:
        return bool(ref) and Path(ref).exists()
    except (OSError, ValueError):
        return False


def _hint(ref: str) -> str:
    try:
        neighbours = [item.name for item in Path(ref).parent.iterdir()] if ref else []
    except (OSError, ValueError):
        neighbours = []
    near = suggestion(Path(ref).name, neighbours)
    return near or "check the path; a package is `pypi:name`, a hub repository `hf:org/name`"


plugin = PathSource()
