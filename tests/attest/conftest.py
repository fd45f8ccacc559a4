"""What attest's tests build with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bascule.attest import KeyRing
from bascule.kernel.digests import digest_of, sha256_of
from bascule.records import Answer, Artefact, ArtefactKind, Observations, Outcome, Subject, Tool
from bascule.records.artefact import subject_digest

ISSUED = datetime(2026, 11, 25, 8, tzinfo=UTC)


@pytest.fixture
def keyring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "home")


@pytest.fixture
def instants() -> tuple[datetime, datetime]:
    """Issue and expiry."""
    return ISSUED, ISSUED + timedelta(days=90)


@pytest.fixture
def subject() -> Subject:
    artefacts = tuple(
        Artefact(path=name, kind=kind, media_type="text/plain", size_bytes=1, sha256=sha256_of(name.encode()))
        for name, kind in (("LICENSE", ArtefactKind.LICENCE), ("README.md", ArtefactKind.MODEL_CARD))
    )
    return Subject(ref="./model", digest=subject_digest(artefacts), artefacts=artefacts)


@pytest.fixture
def observations() -> Observations:
    tool = Tool(id="model_card", distribution="bascule", version="1", config_digest=digest_of(b"rules"))
    answer = Answer(rule="card-incomplete", artefact="README.md", outcome=Outcome.FALSE)
    return Observations(tool=tool, rules=("card-incomplete",), answers=(answer,))
