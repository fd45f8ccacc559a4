"""Advisories at hand: one indexed file under the home, made from OSV's own exports, with a digest and a date.

    add_snapshot(home, path, now) → Held       an `all.zip`, a folder of records, one record, or a file of JSON lines
    Snapshot.open(home)           → Snapshot | None

Rules:
- Whole or nothing: the file is built beside the old one and takes its place when every record was read.
- An export speaks for its ecosystems: what was held of those is replaced, the rest is kept.
- The digest is of the records, not of the file: the same records give the same digest in any order.
- Nothing is fetched, and no record is trusted for more than what it says: see `osv`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bascule.collect.advisories.osv import Advisory, read_osv
from bascule.kernel.clock import format_instant, parse_instant
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.errors import InputError, StoreError
from bascule.kernel.files import sync_folder
from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.zip import Read, open_member, read_directory

MAX_RECORD_BYTES = 8 << 20
MAX_RECORDS = 2_000_000
_SCHEMA = """
CREATE TABLE advisory (ecosystem TEXT, name TEXT, id TEXT, body TEXT);
CREATE TABLE about (ecosystem TEXT PRIMARY KEY, count INTEGER, newest TEXT, digest TEXT, added TEXT);
"""


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """What is held for one ecosystem. newest: the date of the record that was changed last; added: by us."""

    name: str
    count: int
    newest: datetime
    digest: Digest
    added: datetime


class Snapshot:
    """The advisories of a home, open for reading."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        rows = self._connection.execute("SELECT ecosystem, count, newest, digest, added FROM about ORDER BY ecosystem")
        self.ecosystems: dict[str, Ecosystem] = {
            name: Ecosystem(name, count, parse_instant(newest), Digest(digest), parse_instant(added))
            for name, count, newest, digest, added in rows
        }

    @classmethod
    def open(cls, home: Path) -> Snapshot | None:
        """None where none was ever added. Raises StoreError `advisories.damaged`."""
        path = snapshot_path(home)
        if not path.is_file():
            return None
        try:
            return cls(path)
        except (sqlite3.Error, InputError) as error:
            raise StoreError(
                "advisories.damaged",
                f"`{path}` cannot be read: {error}",
                "remove it and add the snapshot again: `bascule advisories add SNAPSHOT`",
            ) from error

    @property
    def digest(self) -> Digest:
        """Of everything that is held."""
        return digest_of_json({name: item.digest for name, item in sorted(self.ecosystems.items())})

    def about(self, ecosystem: str, name: str) -> tuple[Advisory, ...]:
        """Every advisory about one package, its name normalised."""
        rows = self._connection.execute(
            "SELECT body FROM advisory WHERE ecosystem = ? AND name = ? ORDER BY id", (ecosystem, name)
        )
        return tuple(Advisory.from_json(body) for (body,) in rows)

    def close(self) -> None:
        self._connection.close()


def snapshot_path(home: Path) -> Path:
    """Where a home keeps it."""
    return home / "advisories" / "osv.sqlite"


def add_snapshot(home: Path, path: Path, now: datetime) -> tuple[Ecosystem, ...]:
    """Take in an export. Returns what was added, by ecosystem.

    Raises InputError `advisories.unreadable` with the place, `advisories.empty`; StoreError `kernel.cannot-write`.
    """
    target = snapshot_path(home)
    built = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".osv.", suffix=".sqlite", dir=target.parent)
        os.close(descriptor)
        built = Path(name)
        added = _build(built, target, path, now)
        built.replace(target)
        built = None
        sync_folder(target.parent)
    except OSError as error:
        raise StoreError(
            "kernel.cannot-write",
            f"`{target}` cannot be written: {error.strerror or error}",
            "check the folder's permissions and free space",
        ) from error
    finally:
        if built is not None:
            with contextlib.suppress(OSError):
                built.unlink()
    return added


def _build(built: Path, before: Path, path: Path, now: datetime) -> tuple[Ecosystem, ...]:
    with contextlib.closing(sqlite3.connect(built)) as connection, connection:
        connection.executescript(_SCHEMA)
        newest: dict[str, str] = {}
        for place, data in _records(path):
            for advisory in _read(data, place):
                connection.execute(
                    "INSERT INTO advisory VALUES (?, ?, ?, ?)",
                    (advisory.ecosystem, advisory.name, advisory.id, advisory.to_json()),
                )
                newest[advisory.ecosystem] = max(newest.get(advisory.ecosystem, ""), advisory.modified)
        if not newest:
            raise InputError(
                "advisories.empty",
                f"`{path}` holds no advisory about a package",
                "give OSV's export of an ecosystem: its `all.zip`, or the folder that it unpacks to",
            )
        connection.execute("CREATE INDEX by_package ON advisory (ecosystem, name)")
        added = tuple(_sealed(connection, ecosystem, when, now) for ecosystem, when in sorted(newest.items()))
        connection.executemany(
            "INSERT INTO about VALUES (?, ?, ?, ?, ?)",
            [(e.name, e.count, format_instant(e.newest), e.digest, format_instant(e.added)) for e in added],
        )
        if before.is_file():
            _carry_over(connection, before)
    return added


def _sealed(connection: sqlite3.Connection, ecosystem: str, newest: str, now: datetime) -> Ecosystem:
    hasher, count = hashlib.sha256(), 0
    rows = connection.execute("SELECT body FROM advisory WHERE ecosystem = ? ORDER BY id, name, body", (ecosystem,))
    for (body,) in rows:
        hasher.update(hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest())
        count += 1
    return Ecosystem(ecosystem, count, parse_instant(newest), Digest(f"sha256:{hasher.hexdigest()}"), now)


def _carry_over(connection: sqlite3.Connection, before: Path) -> None:
    """The ecosystems that the new export does not speak for."""
    connection.commit()
    connection.execute("ATTACH DATABASE ? AS old", (f"{before}",))
    connection.execute(
        "INSERT INTO advisory SELECT * FROM old.advisory WHERE ecosystem NOT IN (SELECT ecosystem FROM main.about)"
    )
    connection.execute("INSERT OR IGNORE INTO about SELECT * FROM old.about")
    connection.commit()
    connection.execute("DETACH DATABASE old")


def _read(data: bytes, place: str) -> tuple[Advisory, ...]:
    try:
        return read_osv(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise _unreadable(place, f"no OSV record: {visible(str(error), 200)}") from error


def _records(path: Path) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of every record. Raises InputError `advisories.unreadable`."""
    try:
        if path.is_dir():
            yield from _of_folder(path)
        elif path.suffix == ".zip":
            yield from _of_zip(path)
        else:
            yield from _of_lines(path)
    except OSError as error:
        raise _unreadable(str(path), error.strerror or str(error)) from error


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    for number, path in enumerate(sorted(folder.rglob("*.json"))):
        if number >= MAX_RECORDS:
            raise _unreadable(str(folder), f"more than {MAX_RECORDS} records")
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise _unreadable(str(path), f"a record of more than {MAX_RECORD_BYTES} bytes")
        yield str(path), path.read_bytes()


def _of_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """JSON lines; or one record, however it is laid out."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= MAX_RECORD_BYTES:
            data = file.read()
            if not _is_lines(data):
                yield str(path), data
                return
            file.seek(0)
        number = 0
        while line := file.readline(MAX_RECORD_BYTES + 1):
            number += 1
            if len(line) > MAX_RECORD_BYTES or number > MAX_RECORDS:
                raise _unreadable(f"{path}, line {number}", "too much for one record, or too many records")
            if line.strip():
                yield f"{path}, line {number}", line


def _is_lines(data: bytes) -> bool:
    first = data.lstrip().split(b"\n", 1)[0]
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _of_zip(path: Path) -> Iterator[tuple[str, bytes]]:
    size = path.stat().st_size
    with path.open("rb") as file:
        read = _reader(file.fileno())
        try:
            directory = read_directory(read, size, max_entries=MAX_RECORDS)
            for entry in directory.entries:
                if entry.name.endswith(".json"):
                    data = b"".join(open_member(read, entry, max_bytes=MAX_RECORD_BYTES))
                    yield f"{path}!{visible(entry.name)}", data
        except Malformed as error:
            raise _unreadable(str(path), str(error)) from error


def _reader(descriptor: int) -> Read:
    def read(offset: int, size: int) -> bytes:
        data = os.pread(descriptor, size, offset)
        while len(data) < size:
            more = os.pread(descriptor, size - len(data), offset + len(data))
            if not more:
                raise Truncated(f"{size} bytes at {offset}")
            data += more
        return data

    return read


def _unreadable(place: str, why: str) -> InputError:
    return InputError(
        "advisories.unreadable",
        f"`{visible(place, 300)}` cannot be taken in: {why}",
        "nothing was changed; fetch the export again, or leave that record out",
    )
