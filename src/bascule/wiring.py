"""The composition root: settings in, parts out. The only place that chooses implementations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from bascule.attest import KeyRing
from bascule.collect.intake import IntakeLimits
from bascule.collect.scan import ScanOptions
from bascule.journeys.parts import Parts, Policy
from bascule.judge.policy.parse import load_yaml, parse_pack
from bascule.kernel.clock import Clock, SystemClock
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.plugins.registry import discover
from bascule.records import Context
from bascule.settings import Settings
from bascule.store import open_store

MAX_PACK_BYTES = 4 << 20


@contextmanager
def open_parts(settings: Settings, clock: Clock | None = None) -> Iterator[Parts]:
    """Open the ledger and gather the plug-ins; closes what it opened."""
    clock = clock or SystemClock()
    keyring = KeyRing(settings.home)
    with open_store(settings.home, settings.database_url, keyring, clock) as store:
        yield Parts(
            store=store,
            keyring=keyring,
            clock=clock,
            sources=discover("sources"),
            scanners=discover("scanners"),
            intake=IntakeLimits(
                max_files=settings.intake.max_files,
                max_unpacked_bytes=int(settings.intake.max_unpacked_gb * 1e9),
                max_ratio=settings.intake.max_ratio,
            ),
            scan=ScanOptions(
                workers=settings.scan.workers,
                seconds_per_file=settings.scan.seconds_per_file,
                memory_mb=settings.scan.memory_mb,
            ),
            scratch=settings.home / "scratch",
        )


def load_policy(name: str, keyring: KeyRing | None) -> Policy:
    """A pack by its id, or by the path of its folder; whose word it is stands beside it.

    A signature that does not verify is an error; a pack without one is `none`, and reports say so.
    """
    folders = {loaded.id: loaded for loaded in discover("policies")}
    path = Path(name)
    if path.is_dir():
        files = pack_files(path)
        return Policy(parse_pack(files, name), _signature(files, keyring, name))
    loaded = folders.get(name)
    if loaded is None:
        near = suggestion(name, folders)
        raise InputError(
            "policy.unknown-pack",
            f"no policy pack is called `{visible(name)}`",
            near or f"there are: {', '.join(sorted(folders))}; or give a folder",
        )
    if loaded.error:
        raise InputError("policy.broken-pack", f"pack `{name}` does not load: {loaded.error}", "reinstall it")
    files = pack_files(loaded.plugin)
    return Policy(parse_pack(files, name), "built-in" if loaded.built_in else _signature(files, keyring, name))


def pack_files(folder: Path | Traversable, prefix: str = "") -> dict[str, bytes]:
    """Every file of a pack's folder by relative path. Raises InputError `policy.too-large`."""
    files: dict[str, bytes] = {}
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if item.name.startswith((".", "__")):
            continue
        if item.is_dir():
            files.update(pack_files(item, f"{prefix}{item.name}/"))
        elif item.name.endswith((".yaml", ".yml", ".json", ".md")):
            files[prefix + item.name] = item.read_bytes()
    if sum(map(len, files.values())) > MAX_PACK_BYTES:
        raise InputError(
            "policy.too-large", "a policy pack is at most 4 MiB of text", "split it, or move documents out"
        )
    return files


def load_context(path: Path | None) -> Context:
    """A `context.yaml`; the empty context when none is given."""
    if path is None:
        return Context()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            "context.unreadable", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    try:
        return Context.from_value(load_yaml(text, str(path)), f"`{path}`")
    except yaml.YAMLError as error:
        raise InputError("context.not-yaml", f"`{path}` is not YAML: {error}", "mend the file") from error


def _signature(files: dict[str, bytes], keyring: KeyRing | None, name: str) -> str:
    from bascule.attest import verify_pack

    envelope = files.get("pack.dsse.json")
    if envelope is None:
        return "none"
    if keyring is None:
        raise InputError(
            "policy.no-keys", f"pack `{name}` is signed, and there are no keys to check it with", "give `--home`"
        )
    return verify_pack(envelope, files, keyring)
