"""The composition root: settings in, parts out. The only place that chooses implementations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from bascule.attest import KeyRing, sign_pack, verify_pack
from bascule.attest.keys import MAX_KEY_BYTES, trusted_pem
from bascule.collect.advisories import Advisories, Snapshot
from bascule.collect.after import as_loaded
from bascule.collect.intake import IntakeLimits
from bascule.collect.integrity import MAX_ENVELOPE, GivenProvenance, Integrity
from bascule.collect.scan import ScanOptions
from bascule.journeys.parts import Parts, Policy
from bascule.judge.policy.kept import with_bases
from bascule.judge.policy.parse import parse_pack
from bascule.judge.policy.sheet import SIGNATURE_FILE
from bascule.judge.policy.yaml_text import load_yaml
from bascule.kernel.clock import Clock, SystemClock
from bascule.kernel.errors import InputError
from bascule.kernel.files import write_whole
from bascule.kernel.text import suggestion, visible
from bascule.plugins.readers.licences import licence_id
from bascule.plugins.registry import Loaded, discover
from bascule.records import Context
from bascule.settings import Settings

if TYPE_CHECKING:
    from bascule.judge.comply import Framework
    from bascule.store import Store

MAX_PACK_BYTES = 4 << 20


@contextmanager
def open_parts(settings: Settings, clock: Clock | None = None) -> Iterator[Parts]:
    """Gather the plug-ins, and the store for when somebody asks for it; closes what it opened.

    A scan asks for none: it neither waits for a database nor leaves one behind.
    """
    clock = clock or SystemClock()
    keyring = KeyRing(settings.home)
    with ExitStack() as opened:
        snapshot = opened.enter_context(advisories_of(settings.home))

        @cache
        def store() -> Store:
            from bascule.store import open_store

            return opened.enter_context(open_store(settings.home, settings.database_url, keyring, clock))

        yield Parts(
            store_of=store,
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
                scratch=settings.home / "scratch",
            ),
            scratch=settings.home / "scratch",
            peers=discover("peers"),
            after=after_steps(settings, keyring, snapshot, clock),
        )


@contextmanager
def advisories_of(home: Path) -> Iterator[Snapshot | None]:
    """Those that were taken in, or None."""
    snapshot = Snapshot.open(home)
    try:
        yield snapshot
    finally:
        if snapshot is not None:
            snapshot.close()


def after_steps(settings: Settings, keyring: KeyRing, snapshot: Snapshot | None, clock: Clock) -> tuple[Loaded, ...]:
    """What follows a scan in this home."""
    return (
        as_loaded(Advisories(snapshot, clock.now(), settings.advisories.fresh_days)),
        as_loaded(Integrity(keyring.trusted())),
    )


def vouched(parts: Parts, provenance: Path | None, key: Path | None, builder: str = "") -> Parts:
    """Parts for one run in which a person also trusts this key, and hands in this provenance.

    Raises InputError `attest.not-a-public-key`, `provenance.unreadable`.
    """
    trusted = list(parts.keyring.trusted())
    handed = None
    if key is not None:
        trusted.append(trusted_pem(_read_given(key, MAX_KEY_BYTES), f"`{key}`", "the key that was given"))
    if provenance is not None:
        handed = GivenProvenance(provenance.name, _read_given(provenance, MAX_ENVELOPE), builder)
    step = as_loaded(Integrity(trusted, handed))
    return replace(parts, after=tuple(step if loaded.id == step.id else loaded for loaded in parts.after))


def _read_given(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(
            "provenance.unreadable", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    if len(data) > limit:
        raise InputError("provenance.unreadable", f"`{path}` has more than {limit} bytes", "give another file")
    return data


def described_steps() -> tuple[Loaded, ...]:
    """The same without a home: for their rules alone."""
    return (as_loaded(Advisories(None, SystemClock().now(), 0)), as_loaded(Integrity(())))


def load_policy(name: str, keyring: KeyRing | None) -> Policy:
    """A pack by its id, or by the path of its folder; whose word it is stands beside it.

    A signature that does not verify is an error; a pack without one is `none`, and reports say so.
    """
    files, built_in = find_pack(name)
    bases: dict[str, dict[str, bytes]] = {}

    def base(base_name: str) -> dict[str, bytes]:
        bases[base_name] = find_pack(base_name)[0]
        return bases[base_name]

    pack = parse_pack(files, name, base)
    signature = "built-in" if built_in else pack_signature(files, keyring)
    return Policy(pack, with_bases(files, bases), signature)


def find_pack(name: str) -> tuple[dict[str, bytes], bool]:
    """A pack's files, and whether it is one of ours. Raises InputError `policy.unknown-pack`, `policy.broken-pack`."""
    path = Path(name)
    if path.is_dir():
        return pack_files(path), False
    found = {loaded.id: loaded for loaded in discover("policies")}
    loaded = found.get(name)
    if loaded is None:
        near = suggestion(name, found) or f"there are: {', '.join(sorted(found))}; or give a folder"
        raise InputError("policy.unknown-pack", f"no policy pack is called `{visible(name)}`", near)
    if loaded.error:
        raise InputError("policy.broken-pack", f"pack `{name}` does not load: {loaded.error}", "reinstall it")
    return pack_files(loaded.plugin), loaded.built_in


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


def load_framework(name: str) -> Framework:
    """A framework by its id, or by the path of its folder.

    Raises InputError `comply.unknown-framework`, `comply.broken-framework`, `comply.invalid-framework`.
    """
    from bascule.judge.comply import parse_framework  # it brings the judge, which a scan does without

    path = Path(name)
    if path.is_dir():
        return parse_framework(pack_files(path), name)
    found = {loaded.id: loaded for loaded in discover("frameworks")}
    loaded = found.get(name)
    if loaded is None:
        near = suggestion(name, found) or f"there are: {', '.join(sorted(found))}; or give a folder"
        raise InputError("comply.unknown-framework", f"no framework is called `{visible(name)}`", near)
    if loaded.error:
        raise InputError("comply.broken-framework", f"framework `{name}` does not load: {loaded.error}", "reinstall it")
    return parse_framework(pack_files(loaded.plugin), name)


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
    context = Context.from_value(load_yaml(text, str(path)), f"`{path}`")
    return context.model_copy(update={"licences": {name: licence_id(each) for name, each in context.licences.items()}})


def sign_folder(folder: Path, keyring: KeyRing) -> Path:
    """Check a pack's folder and sign its files into `pack.dsse.json`, which is returned."""
    files = pack_files(folder)
    parse_pack(files, str(folder), lambda name: find_pack(name)[0])
    path = folder / SIGNATURE_FILE
    unsigned = {name: data for name, data in files.items() if name != SIGNATURE_FILE}
    write_whole(path, sign_pack(unsigned, keyring))
    return path


def pack_signature(files: dict[str, bytes], keyring: KeyRing | None) -> str:
    """The id of the key that signed these very files, or `none`. Raises EvidenceError when they were changed since."""
    envelope = files.get(SIGNATURE_FILE)
    if envelope is None or keyring is None:
        return "none"
    unsigned = {name: data for name, data in files.items() if name != SIGNATURE_FILE}
    return str(verify_pack(envelope, unsigned, keyring))
