"""Two people who sign decisions, each from a home and with a key of their own, on the ledger of a third."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands import here

PEOPLE = {"A. Lead": "release-owner", "S. Guard": "safety"}
"""Names and roles."""


@contextmanager
def shared_ledger(base: Path) -> Iterator[None]:
    """Every home uses one ledger while this holds."""
    before = os.environ.get("BASCULE_DATABASE_URL")
    os.environ["BASCULE_DATABASE_URL"] = f"sqlite:///{base / 'shared.db'}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["BASCULE_DATABASE_URL"]
        else:
            os.environ["BASCULE_DATABASE_URL"] = before


def signers(base: Path, home: Path) -> dict[str, Path]:
    """Name to home; each trusts `home` and the other, and `home` trusts both."""
    homes = {"C. Ollector": home} | {name: base / name.replace(" ", "") for name in PEOPLE}
    pems = {name: base / f"{at.name}.pem" for name, at in homes.items()}
    for name, at in homes.items():
        assert here("keys", "export", pems[name], home=at).code == 0
    for name, at in homes.items():
        for other in homes.keys() - {name}:
            assert here("keys", "trust", pems[other], "--name", other, home=at).code == 0
    return {name: homes[name] for name in PEOPLE}


def sign(decision: str, homes: dict[str, Path]) -> None:
    """Everybody signs."""
    for name, role in PEOPLE.items():
        here("approve", decision, "--person", name, "--role", role, home=homes[name])
