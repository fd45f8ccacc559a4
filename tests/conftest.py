"""What tests of several rooms share."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from postgres import execute, shared_server, url_of

# How long an example takes is no claim of ours; a busy machine must not fail one.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
settings.register_profile("fuzz", max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))

_numbers = itertools.count()


@pytest.fixture
def must_end() -> Iterator[None]:
    """Fails a test that does not come to an end; how fast it is, no test says."""

    def give_up(_signal: int, _frame: object) -> None:
        raise AssertionError("this did not end")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(300)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def postgres_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket folder of a running PostgreSQL, one for all workers of this run."""
    base = tmp_path_factory.getbasetemp()
    with shared_server(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) as socket:
        yield socket


@pytest.fixture
def postgres_url(postgres_socket: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test's own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    execute(postgres_socket, f'CREATE DATABASE "{name}"')
    try:
        yield url_of(postgres_socket, name)
    finally:
        execute(postgres_socket, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str | None:
    """Where a ledger lives, in each of the two databases: None for a file under the home, or a URL."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres_url")
    return url
