"""The database: SQLite in a file by default, PostgreSQL by URL; one writer at a time in both.

Rules: whoever writes holds the ledger's lock for the whole transaction (`BEGIN IMMEDIATE`, or an advisory lock);
whoever reads sees one snapshot; a commit is on the disk when it returns; the schema is brought up to date on opening,
under the same lock; what the database refuses becomes a StoreError that says what to do, and never shows a password.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from bascule.kernel.errors import InputError, StoreError
from bascule.store.tables import REVISION

BUSY_SECONDS = 60
_WRITES = "bascule_writes"
# Any constant does, as long as every process uses the same one in the same database.
_ADVISORY_LOCK = 0x62617363756C65


class Database:
    """Transactions for reading and for writing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._postgres = engine.dialect.name == "postgresql"

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot of everything."""
        with _translated(self._engine.url), self._engine.connect() as connection:
            if self._postgres:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """The only writer; committed at the end, rolled back on any error."""
        with _translated(self._engine.url), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if self._postgres:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
                yield connection

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def open_database(home: Path, url: str | None) -> Database:
    """The database at `url`, or the file `home/ledger.db`, at this code's schema.

    Raises InputError `store.unknown-database`; StoreError `store.missing-extra`, `store.unavailable`, `store.full`,
    `store.newer-schema`.
    """
    if url is None:
        return _open_sqlite(home)
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        path = Path(str(parsed.database))
        return _open_sqlite(path.parent, path.name)
    if parsed.get_backend_name() != "postgresql":
        raise _unknown_database(parsed.drivername)
    try:
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StoreError(
            "store.missing-extra",
            "a ledger in PostgreSQL needs the driver `psycopg`, which is not installed",
            "run `pip install 'bascule[postgres]'`",
        ) from error
    return _migrated(Database(engine))


def _open_sqlite(home: Path, name: str = "ledger.db") -> Database:
    try:
        home.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StoreError(
            "store.unavailable", f"`{home}` cannot be used: {error.strerror}", "choose another --home"
        ) from error
    try:
        # A file's first two openers would both turn WAL on, and SQLite does not wait for that lock.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        url = URL.create("sqlite", database=str(home / name))
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return _migrated(Database(engine))
    finally:
        os.close(descriptor)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, so that DDL is part of the transaction too
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrated(database: Database) -> Database:
    try:
        with database.reading() as connection:
            current = _revision(connection)
        if current != REVISION:
            with database.writing() as connection:
                _upgrade(connection)
    except BaseException:
        database.close()
        raise
    return database


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection) -> None:
    """Run the steps that are missing. Alembic is imported only where there are any: opening a ledger stays quick."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "bascule.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            "store.newer-schema",
            f"the ledger's schema is `{_revision(connection)}`, which this version of bascule does not know",
            "use the version that wrote it, or a newer one",
        ) from error


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # Not the URL itself: it may hold a password.
        raise _unknown_database(url.split(":", 1)[0]) from error


def _unknown_database(name: str) -> InputError:
    return InputError(
        "store.unknown-database",
        f"`{name}` is no database that the ledger can live in",
        "give `postgresql+psycopg://user@host/name`, or nothing for a file under --home",
    )


@contextlib.contextmanager
def _translated(url: URL) -> Iterator[None]:
    """The database's refusals in our words."""
    try:
        yield
    except NoSuchModuleError as error:
        raise _unknown_database(url.drivername) from error
    except DBAPIError as error:
        where = url.render_as_string(hide_password=True)
        said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
        if _is_full(error):
            raise StoreError(
                "store.full", f"`{where}` has no room left, and nothing was written: {said}", "free some space"
            ) from error
        kind = "cannot be reached" if isinstance(error, OperationalError) else "refused"
        raise StoreError(
            "store.unavailable",
            f"`{where}` {kind}, and nothing was written: {said}",
            "check that the database runs and that you may write to it",
        ) from error
    except SQLAlchemyError as error:
        raise StoreError("store.unavailable", f"the database failed: {error}", "see the message") from error


def _is_full(error: DBAPIError) -> bool:
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return getattr(original, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
    return getattr(original, "sqlstate", None) == "53100"
