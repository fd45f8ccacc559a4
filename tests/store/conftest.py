"""A house to keep records in: its home, its key, its clock, and a database of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from bascule.attest import KeyRing, sign_observations
from bascule.kernel.clock import FixedClock
from bascule.kernel.digests import Digest, digest_of
from bascule.records import Answer, Decision, Observations, Outcome, Subject, Tool
from bascule.store import Blobs, Draft, FolderBlobs, Ledger, Store
from bascule.store.database import open_database

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
SUBJECT = digest_of(b"a subject")


@dataclass
class House:
    """Builds what tests record, and opens the store as often as they like."""

    home: Path
    url: str | None
    keyring: KeyRing
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    now: datetime = NOW
    subject: Digest = SUBJECT
    inline_bytes: int = 2000

    @property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self.home / "blobs")

    def open(self, blobs: Blobs | None = None) -> Store:
        """A store in which bodies above `inline_bytes` are blobs, so that tests need no big ones."""
        database = open_database(self.home, self.url)
        ledger = Ledger(database, blobs or self.blobs, self.keyring, self.clock, self.inline_bytes)
        return Store(database, ledger, self.keyring)

    def tamper(self, statement: str, **values: Any) -> int:
        """Do to the tables what nobody should; how many rows it changed."""
        url = self.url or f"sqlite:///{self.home}/ledger.db"
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            return connection.execute(text(statement), values).rowcount

    def evidence(
        self, tool: str = "pickle_opcodes", note: str = "", days: int = 30, keyring: KeyRing | None = None
    ) -> bytes:
        """A signed envelope of observations about the house's subject; `note` makes it another one."""
        observations = Observations(
            tool=Tool(id=tool, distribution="bascule", version="1", config_digest=digest_of(tool.encode())),
            rules=("pickle-calls-code",),
            answers=(Answer(rule="pickle-calls-code", artefact="model.bin", outcome=Outcome.FALSE),),
            environment={"note": note},
        )
        expires = self.now + timedelta(days=days)
        return sign_observations(self.pointed_at(), observations, self.now, expires, keyring or self.keyring)

    def pointed_at(self, ref: str = "./model") -> Subject:
        return Subject(ref=ref, digest=self.subject, artefacts=())

    def decision(self, verdict: str = "granted", ladder: str = "release", subject: Digest | None = None) -> Decision:
        return Decision.model_validate(
            {
                "subject": subject or self.subject,
                "ladder": ladder,
                "requested_tier": "T6",
                "verdict": verdict,
                "granted": {"weights": "T6" if verdict == "granted" else "T0"},
                "policy": digest_of(b"policy"),
                "policy_id": "default",
                "context": digest_of(b"context"),
                "as_of": self.now,
                "evidence": [],
                "reasons": [],
                "assessment": digest_of(b"assessment"),
                "review_by": None,
            }
        )

    def fill(self, store: Store, count: int) -> None:
        """Entries of every kind of body: small ones, and each third a blob."""
        for number in range(count):
            body = b"body %d " % number * (400 if number % 3 == 2 else 1)
            store.ledger.append(Draft("note", body, subject=self.subject, slot=f"slot {number}"))


@pytest.fixture
def house(tmp_path: Path, ledger_url: str | None) -> House:
    home = tmp_path / "home"
    return House(home, ledger_url, KeyRing(home))


@pytest.fixture
def store(house: House) -> Iterator[Store]:
    with house.open() as opened:
        yield opened


@pytest.fixture
def auditor(tmp_path: Path, house: House) -> KeyRing:
    """Somebody else, whom the house trusts as independent."""
    keyring = KeyRing(tmp_path / "auditor")
    keyring.export(tmp_path / "auditor.pem")
    house.keyring.trust(tmp_path / "auditor.pem", "Audit Ltd", "independent")
    return keyring
