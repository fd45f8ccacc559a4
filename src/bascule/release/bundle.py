"""A bundle: a folder that holds a release and the proof for it, the same byte for byte whenever it is built.

    parts (path, role, bytes or a file) → release.json over all of them → release.dsse.json over that → a folder

Rules: paths are relative, POSIX, plain, each once whatever its case; the folder appears whole or not at all; nothing in
it carries a time of building, a mode or an order that depends on the machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bascule.attest import KeyRing, sign_statement
from bascule.kernel.digests import digest_of, sha256_of
from bascule.kernel.errors import InputError, StoreError
from bascule.kernel.text import visible
from bascule.records.release import BundleFile, BundleManifest

MANIFEST = "release.json"
SIGNATURE = "release.dsse.json"
PREDICATE_RELEASE = "https://bascule.dev/attestation/release/v1"
CHUNK = 1 << 20

Role = Literal["artefact", "document", "bom", "evidence", "attestation", "trust"]
_PLAIN = re.compile(r"[A-Za-z0-9 _.,+@()=~-]+")
_FOLDER_OF: dict[str, str] = {
    "artefact": "artefacts/",
    "document": "documents/",
    "bom": "bom/",
    "evidence": "evidence/",
    "attestation": "attestations/",
    "trust": "trust/",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a bundle: `data`, or the file that `source` opens, which must have `sha256`.

    source: gives a descriptor, read-only, which is closed here.
    """

    path: str
    role: Role
    data: bytes | None = None
    source: Callable[[], int] | None = None
    sha256: str = ""
    kind: str = ""


def place_of(role: Role, name: str) -> str:
    """Where a file of a role lies in a bundle."""
    return _FOLDER_OF[role] + name


def faults_of_path(path: str) -> str:
    """Why a path may not stand in a bundle; empty when it may."""
    parts = path.split("/")
    if not path or path.startswith("/") or "\\" in path or any(part in ("", ".", "..") for part in parts):
        return "is not a plain relative path"
    if any(not _PLAIN.fullmatch(part) or part.endswith((".", " ")) for part in parts):
        return "has characters that not every system takes for a name"
    return ""


def write_bundle(out: Path, manifest: BundleManifest, parts: Sequence[Part], keyring: KeyRing) -> BundleManifest:
    """The bundle at `out`. manifest: with no files; those of `parts` are filled in, which is returned.

    Raises InputError `release.bad-part`, `release.there-already`, `release.changed`; StoreError `release.cannot-write`;
    nothing is left half-written.
    Law: the same manifest, parts and key give the same bytes.
    """
    _check(parts)
    if out.exists() or out.is_symlink():
        raise InputError("release.there-already", f"`{out}` is already there", "name a new folder, or remove that one")
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name[:40]}.", dir=out.parent))
    try:
        files = tuple(sorted((_place(work, part) for part in parts), key=lambda file: file.path))
        whole = manifest.model_copy(update={"files": files})
        data = whole.to_json()
        (work / MANIFEST).write_bytes(data)
        signed = sign_statement(
            [(MANIFEST, digest_of(data))], PREDICATE_RELEASE, {"name": whole.name, "version": whole.version}, keyring
        )
        (work / SIGNATURE).write_bytes(signed)
        work.chmod(0o755)
        work.rename(out)
    except OSError as error:
        raise StoreError(
            "release.cannot-write",
            f"`{out}` cannot be written: {error.strerror or error}",
            "check space and permissions",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return whole


def _check(parts: Iterable[Part]) -> None:
    faults, seen = [], dict[str, str]()
    for part in parts:
        if fault := faults_of_path(part.path):
            faults.append(f"`{visible(part.path, 120)}` {fault}")
        elif not part.path.startswith(_FOLDER_OF[part.role]):
            faults.append(f"`{visible(part.path, 120)}` is no {part.role}: it belongs under `{_FOLDER_OF[part.role]}`")
        folded = part.path.casefold()
        if folded in seen:
            faults.append(f"`{visible(part.path, 120)}` and `{visible(seen[folded], 120)}` are one name")
        seen[folded] = part.path
        if (part.data is None) == (part.source is None):
            faults.append(f"`{visible(part.path, 120)}` needs bytes or a file, one of both")
    if faults:
        raise InputError.from_faults(
            "release.bad-part", "these cannot stand in a bundle", faults, "rename the files named, and build again"
        )


def _place(work: Path, part: Part) -> BundleFile:
    target = work / part.path
    target.parent.mkdir(parents=True, exist_ok=True)
    if part.data is not None:
        target.write_bytes(part.data)
        digest, size = str(sha256_of(part.data)), len(part.data)
    else:
        assert part.source is not None
        digest, size = copy_hashed(part.source(), target)
    if part.sha256 and digest != part.sha256:
        raise InputError(
            "release.changed",
            f"`{visible(part.path, 120)}` is not what was judged: it has changed since",
            "review it again, and plan from that decision",
        )
    target.chmod(0o644)
    return BundleFile(path=part.path, sha256=digest, size_bytes=size, role=part.role, kind=part.kind)


def copy_hashed(descriptor: int, target: Path) -> tuple[str, int]:
    """Copies what a descriptor reads, and closes it. Returns sha256 and size of what was written."""
    with os.fdopen(descriptor, "rb") as file, target.open("xb") as out:
        hashed, size = hashlib.sha256(), 0
        while chunk := file.read(CHUNK):
            hashed.update(chunk)
            out.write(chunk)
            size += len(chunk)
    return hashed.hexdigest(), size
