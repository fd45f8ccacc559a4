"""Evidence from outside: an auditor measures, signs and hands over; whoever trusts the key judges with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bascule.attest import KeyRing, sign_observations
from bascule.kernel.digests import digest_of
from bascule.records import Measure, Observations, Subject, Tool
from builders import generative_model, write
from commands import here

pytestmark = pytest.mark.xdist_group("journey-foreign")

COUNTS = {
    "misuse.phishing.success": (60, 500),
    "misuse.phishing.baseline": (210, 500),
    "misuse.influence.success": (80, 500),
    "misuse.influence.baseline": (220, 500),
    "misuse.joint.bypass": (6, 400),
    "safety.filter.stopped": (480, 500),
    "safety.refusal.rate": (460, 500),
    "safety.harmful_output.rate": (4, 500),
    "safety.harmful_output.bypass": (20, 500),
    "safety.tamper.success": (40, 400),
    "safety.tamper.baseline": (120, 400),
    "privacy.extraction.rate": (0, 500),
    "security.backdoor.rate": (0, 300),
}
CONTEXT = """sector: general
region: US
commercial: false
monetised: false
safeguards: [content_filter, rate_limit]
contact: models@example.org
accountable: Head of Models
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("owner") / "home"


@pytest.fixture(scope="module")
def asked(home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A generative model reviewed once, and the words that ask about it again."""
    root = tmp_path_factory.mktemp("foreign")
    model = write(root / "model", generative_model())
    (root / "context.yaml").write_text(CONTEXT)
    words = (str(model), "--tier", "T6", "--context", str(root / "context.yaml"), "--json")
    assert here("review", *words, home=home).json["granted"]["weights"] == "T2"
    return words


@pytest.fixture(scope="module")
def audit(home: Path, asked: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(an auditor's envelope over that very subject, the auditor's public key)."""
    folder = tmp_path_factory.mktemp("auditor")
    ring = KeyRing(folder / "home")
    measures = tuple(
        Measure(
            name=name,
            value=k / n,
            low=0,
            high=1,
            n=n,
            k=k,
            method="counted; the judge draws its own interval",
            attack_budget=10_000,
        )
        for name, (k, n) in COUNTS.items()
    )
    tool = Tool(id="auditors-suite", distribution="auditor", version="1", config_digest=digest_of(b"suite"))
    subject = Subject.from_value(here("decide", *asked, home=home).json["subject"])
    now = datetime.now(UTC).replace(microsecond=0)
    seen = Observations(tool=tool, rules=(), measures=measures)
    envelope = sign_observations(subject, seen, now, now + timedelta(days=90), ring)
    (folder / "audit.dsse.json").write_bytes(envelope)
    ring.export(folder / "auditor.pem")
    return folder / "audit.dsse.json", folder / "auditor.pem"


def test_a_strangers_evidence_is_not_read(home: Path, audit: tuple[Path, Path]) -> None:
    here("ledger", "import", audit[0], "--json", home=home).refuses("attest.untrusted-key")


def test_an_independent_audit_opens_what_the_scan_alone_could_not(
    home: Path, asked: tuple[str, ...], audit: tuple[Path, Path]
) -> None:
    envelope, pem = audit
    said = here("keys", "trust", pem, "--name", "Auditor", "--independence", "independent", home=home)
    assert said.code == 0
    taken = here("ledger", "import", envelope, "--json", home=home)
    (row,) = taken.json["evidence"]
    assert row["subject_known"]
    decided = here("decide", *asked, home=home)
    assert (decided.code, decided.json["verdict"]) == (0, "granted"), decided.json["reasons"]
    assert decided.json["granted"]["weights"] == "T7"
    assert row["digest"] in [item["digest"] for item in decided.json["evidence"]]
    again = here("ledger", "import", envelope, "--json", home=home)
    assert again.json["evidence"][0]["digest"] == row["digest"]
    assert here("ledger", "verify", home=home).code == 0


def test_one_bad_envelope_keeps_all_out(
    home: Path, asked: tuple[str, ...], audit: tuple[Path, Path], tmp_path: Path
) -> None:
    before = here("ledger", "show", "--json", home=home).json
    (tmp_path / "changed.json").write_bytes(audit[0].read_bytes().replace(b'"payload"', b'"pay"'))
    assert here("ledger", "import", audit[0], tmp_path / "changed.json", home=home).code == 2
    assert here("ledger", "show", "--json", home=home).json == before


def test_an_envelope_leaves_the_ledger_as_it_came(home: Path, audit: tuple[Path, Path], tmp_path: Path) -> None:
    here("keys", "trust", audit[1], "--name", "Auditor", "--independence", "independent", home=home)
    (row,) = here("ledger", "import", audit[0], "--json", home=home).json["evidence"]
    assert here("ledger", "envelope", row["digest"], tmp_path / "out.json", home=home).code == 0
    assert (tmp_path / "out.json").read_bytes() == audit[0].read_bytes()
