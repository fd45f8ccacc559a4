"""The ledger as a file of JSON lines, which can be checked without a database.

    {"schema": "bascule.ledger/v1", "keys": [public keys in PEM]}
    {"entry": {…}, "leaf": hex, "body": base64 or null}      one per entry, in order
    {"head": {"size": n, "envelope": base64}}                after the entry that it covers last
    {"end": {"entries": n, "heads": m}}

Rules: the same ledger and trust give the same bytes; a body that is lost is null, and checking says so; the keys inside
prove only that the file agrees with itself, so who wants more checks it against keys that they trust.
"""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from securesystemslib.signer import Key

from bascule.attest import KeyRing
from bascule.attest.envelope import MAX_ENVELOPE_BYTES
from bascule.attest.keys import TrustedKey, read_public_pem
from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.errors import BasculeError, InputError, StoreError
from bascule.kernel.files import sync_folder
from bascule.store.audit import Fault, Kept, KeptHead, audit

SCHEMA = "bascule.ledger/v1"
_MAX_LINE_BYTES = 2 * MAX_ENVELOPE_BYTES


def write_export(path: Path, found: Iterable[Kept | KeptHead], trusted: Sequence[TrustedKey]) -> None:
    """Write what `in_step` gives, the whole file or nothing. Raises StoreError `store.cannot-export`."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(canonical_json(line) + b"\n" for line in _lines(found, trusted))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            "store.cannot-export",
            f"`{path}` cannot be written: {error.strerror or error}",
            "check the folder's permissions and free space",
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def verify_export(path: Path, keyring: KeyRing | None = None) -> list[Fault]:
    """Every fault of an exported ledger, recomputed from its lines alone.

    keyring: whose keys must have signed the heads; without one, the file's own keys show only that it agrees with
    itself. Raises InputError `store.not-an-export` for a file that is no export at all.
    """
    try:
        with path.open("rb") as file:
            keys = _read_keys(_read_line(file), path)
            reader = _Reader(file)
            faults = list(audit(reader.found(), keys if keyring is None else keyring.authorities()))
    except OSError as error:
        raise InputError(
            "store.not-an-export", f"`{path}` cannot be read: {error.strerror}", "check the path"
        ) from error
    return faults + reader.faults


def _lines(found: Iterable[Kept | KeptHead], trusted: Sequence[TrustedKey]) -> Iterator[dict[str, Any]]:
    yield {"schema": SCHEMA, "keys": sorted(key.pem for key in trusted)}
    entries = heads = 0
    for item in found:
        if isinstance(item, Kept):
            entries += 1
            yield {
                "entry": dict(item.fields),
                "leaf": None if item.leaf is None else item.leaf.hex(),
                "body": None if isinstance(item.body, BasculeError) else _text(item.body),
            }
        else:
            heads += 1
            yield {"head": {"size": item.size, "envelope": _text(item.envelope)}}
    yield {"end": {"entries": entries, "heads": heads}}


class _Reader:
    """The lines after the first, as entries and heads; what cannot be read ends the reading and is a fault."""

    def __init__(self, file: IO[bytes]) -> None:
        self.faults: list[Fault] = []
        self._file = file

    def found(self) -> Iterator[Kept | KeptHead]:
        entries = heads = 0
        while True:
            try:
                line = _read_line(self._file)
                if "end" in line:
                    if line["end"] != {"entries": entries, "heads": heads}:
                        self._fault(entries, f"it promises {line['end']} and holds {entries} entries, {heads} heads")
                    if self._file.read(1):
                        self._fault(entries, "something follows its end")
                    return
                item = _read_head(line["head"]) if "head" in line else _read_entry(line)
            except (InputError, KeyError, TypeError, ValueError, binascii.Error) as error:
                self._fault(entries, f"a line cannot be read: {error}")
                return
            entries += isinstance(item, Kept)
            heads += isinstance(item, KeptHead)
            yield item

    def _fault(self, seq: int, detail: str) -> None:
        self.faults.append(Fault("export-changed", seq, None, detail))


def _read_line(file: IO[bytes]) -> dict[str, Any]:
    line = file.readline(_MAX_LINE_BYTES)
    value = parse_json(line, "a line of the export")
    if not isinstance(value, dict) or not line.endswith(b"\n") or line != canonical_json(value) + b"\n":
        # Byte for byte, so that a changed byte is found even where it would not change the meaning.
        raise InputError("store.not-an-export", "the line is not as it was written", "export the ledger again")
    return value


def _read_keys(line: dict[str, Any], path: Path) -> tuple[Key, ...]:
    try:
        if line["schema"] != SCHEMA:
            raise ValueError(line["schema"])
        return tuple(read_public_pem(pem.encode(), "a key of the export") for pem in line["keys"])
    except (KeyError, ValueError, TypeError, AttributeError, InputError) as error:
        raise InputError(
            "store.not-an-export", f"`{path}` is not an exported ledger", "run `bascule ledger export`"
        ) from error


def _read_entry(line: dict[str, Any]) -> Kept:
    fields, leaf, body = line["entry"], line["leaf"], line["body"]
    if not isinstance(fields, dict):
        raise TypeError("`entry` is not an object")
    missing = StoreError("store.blob-missing", "the body was not there when the ledger was exported")
    return Kept(fields, None if leaf is None else bytes.fromhex(leaf), missing if body is None else _bytes(body))


def _read_head(value: dict[str, Any]) -> KeptHead:
    if type(value["size"]) is not int:
        raise TypeError("`size` is not a number")
    return KeptHead(value["size"], _bytes(value["envelope"]))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
