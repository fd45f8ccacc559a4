"""Discovery: ours are walked, installed ones are found by entry point, and a broken one fails alone.

Groups: `bascule.sources`, `bascule.scanners`, `bascule.reports`, `bascule.peers`, `bascule.policies`,
`bascule.frameworks`. An entry point names a module with an object `plugin`, or that object; for policies and
frameworks, which are data, a package that holds `pack.yaml` or `framework.yaml`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.resources
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import bascule
from bascule.kernel.digests import Digest, digest_of_json
from bascule.plugins.kinds import Peer, Report, Scanner, Source

KINDS: dict[str, type | None] = {
    "sources": Source,
    "scanners": Scanner,
    "reports": Report,
    "peers": Peer,
    "policies": None,
    "frameworks": None,
}
FOLDERS = {"policies": "pack.yaml", "frameworks": "framework.yaml"}
"""The kinds that are folders of data, and the file that makes a folder one."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plug-in that was found: the object, or why there is none."""

    kind: str
    id: str
    distribution: str
    version: str
    plugin: Any = None
    error: str = ""
    config_digest: Digest | None = None

    @property
    def built_in(self) -> bool:
        return self.distribution == "bascule"


def discover(kind: str) -> tuple[Loaded, ...]:
    """Every plug-in of a kind, built-ins first, then others by name; two of one id: the later one is an error."""
    seen: dict[str, Loaded] = {}
    for loaded in (*_built_in(kind), *_installed(kind)):
        if loaded.id in seen:
            twin = seen[loaded.id].distribution
            key = f"{loaded.id} ({loaded.distribution})"
            error = f"the id `{loaded.id}` is taken by `{twin}`"
            seen[key] = Loaded(kind, key, loaded.distribution, loaded.version, error=error)
        else:
            seen[loaded.id] = loaded
    return tuple(seen.values())


def find(kind: str, plugin_id: str) -> Loaded | None:
    """One plug-in by its id; where it is built in, no other is imported. None when there is none.

    Law: find(kind, loaded.id) == loaded for every plug-in of `discover(kind)`, but for those that are folders.
    """
    package = f"bascule.builtin.{kind}"
    if plugin_id.isidentifier() and importlib.util.find_spec(f"{package}.{plugin_id}") is not None:
        return _load(kind, plugin_id, f"{package}.{plugin_id}", "bascule", bascule.__version__)
    return next((loaded for loaded in discover(kind) if loaded.id == plugin_id), None)


def working(kind: str) -> tuple[Loaded, ...]:
    """Those of `discover` that loaded."""
    return tuple(loaded for loaded in discover(kind) if not loaded.error)


def _built_in(kind: str) -> Iterator[Loaded]:
    # By name, not by import statement: nobody imports a built-in.
    package = importlib.import_module(f"bascule.builtin.{kind}")
    if kind in FOLDERS:
        for folder in sorted(importlib.resources.files(package).iterdir(), key=lambda item: item.name):
            if folder.is_dir() and (folder / FOLDERS[kind]).is_file():
                yield Loaded(kind, folder.name, "bascule", bascule.__version__, plugin=folder)
        return
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda item: item.name):
        if not module.name.startswith("_"):
            yield _load(kind, module.name, f"{package.__name__}.{module.name}", "bascule", bascule.__version__)


def _installed(kind: str) -> Iterator[Loaded]:
    for entry in sorted(importlib.metadata.entry_points(group=f"bascule.{kind}"), key=lambda item: item.name):
        name = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else "unknown"
        if kind in FOLDERS:
            yield _load_folder(kind, entry.name, entry.value, name, version)
        else:
            yield _load(kind, entry.name, entry.value, name, version)


def _load(kind: str, name: str, target: str, distribution: str, version: str) -> Loaded:
    try:
        module_name, _, attribute = target.partition(":")
        module = importlib.import_module(module_name)
        plugin = getattr(module, attribute or "plugin")
        expected = KINDS[kind]
        if expected is not None and not isinstance(plugin, expected):
            return Loaded(kind, name, distribution, version, error=f"`{target}` is not a {expected.__name__.lower()}")
        digest = _source_digest(module.__file__)
        return Loaded(kind, plugin.meta.id, distribution, version, plugin=plugin, config_digest=digest)
    except BaseException as error:  # a plug-in that fails to import must fail alone, whatever it raises
        if isinstance(error, KeyboardInterrupt):
            raise
        return Loaded(kind, name, distribution, version, error=f"{type(error).__name__}: {error}")


def _load_folder(kind: str, name: str, package: str, distribution: str, version: str) -> Loaded:
    try:
        folder: Traversable = importlib.resources.files(package)
    except Exception as error:
        return Loaded(kind, name, distribution, version, error=f"{type(error).__name__}: {error}")
    if not (folder / FOLDERS[kind]).is_file():
        return Loaded(kind, name, distribution, version, error=f"`{package}` holds no {FOLDERS[kind]}")
    return Loaded(kind, name, distribution, version, plugin=folder)


def _source_digest(path: str | None) -> Digest:
    """What the answers depend on: the plug-in's own source, and the shared readers' source and data."""
    own = Path(path) if path else None
    files: list[Path] = []
    if own is not None and own.name == "__init__.py":
        files = _with_data(own.parent)
    elif own is not None:
        files = [own]
    return digest_of_json([*_readers_digests(), *_digests(files)])


@cache
def _readers_digests() -> tuple[str, ...]:
    # Once in a process: every plug-in's digest begins with these.
    readers = Path(__file__).parent / "readers"
    return _digests(_with_data(readers))


def _with_data(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix in {".py", ".json", ".toml", ".yaml"})


def _digests(files: Iterable[Path]) -> tuple[str, ...]:
    return tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file())
