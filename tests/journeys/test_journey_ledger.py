"""Time and truth: decisions lapse with their evidence, every one can be judged again, a changed byte is found."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builders import embedding_model, generative_model, unfit_model, write
from commands import ROOT, here, run

pytestmark = pytest.mark.xdist_group("journey-ledger")
NEXT_YEAR = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y-%m-%d")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ledger-models")
    write(root / "fit", embedding_model())
    write(root / "unfit", unfit_model())
    write(root / "generative", generative_model())
    return root


@pytest.fixture(scope="module")
def full(home: Path, models: Path) -> Path:
    """A home in which three models were reviewed, one of them also under another pack and on another ladder."""
    for name in ("fit", "unfit", "generative"):
        here("review", models / name, "--tier", "T6", "--json", home=home)
    here("decide", models / "fit", "--policy", "regulated", "--json", home=home)
    here("decide", models / "fit", "--policy", ROOT / "examples" / "policy-pack", "--json", home=home)
    here("decide", models / "fit", "--ladder", "adopt", "--json", home=home)
    return home


def test_expired_evidence_lapses_the_decision_by_itself(full: Path, models: Path) -> None:
    now = here("decide", models / "fit", "--tier", "T6", "--json", home=full)
    assert (now.code, now.json["verdict"]) == (0, "granted")
    later = here("decide", models / "fit", "--tier", "T6", "--as-of", NEXT_YEAR, "--json", home=full)
    assert (later.code, later.json["verdict"]) == (2, "unknown")
    assert not any(line["speaks"] for line in later.json["evidence"])
    assert now.json["review_by"] < NEXT_YEAR
    last_second = here("decide", models / "fit", "--as-of", now.json["review_by"], "--json", home=full)
    assert last_second.json["verdict"] == "unknown"


def test_decide_reads_no_file(full: Path, models: Path, tmp_path: Path) -> None:
    model = shutil.copytree(models / "fit", tmp_path / "model")
    first = here("review", model, "--json", home=full).json
    shutil.rmtree(model)
    again = here("decide", model, "--json", home=full)
    assert again.json["verdict"] == first["verdict"]
    by_digest = here("decide", first["subject"]["digest"], "--json", home=full)
    assert by_digest.json["verdict"] == first["verdict"]
    here("decide", tmp_path / "never", "--json", home=full).refuses("decide.unknown-subject")


def test_every_past_decision_replays_to_the_same_digest_under_its_own_policy(full: Path) -> None:
    said = run("ledger", "replay", "--json", home=full)
    rows = said.json["decisions"]
    assert len(rows) >= 6
    assert {row["outcome"] for row in rows} == {"true"}, rows
    assert said.code == 0
    assert any("regulated" in row["detail"] for row in rows)


def test_verify_show_and_export_tell_of_the_same_ledger(full: Path, tmp_path: Path) -> None:
    verified = here("ledger", "verify", "--json", home=full)
    assert (verified.code, verified.json["verdict"]) == (0, "verified")
    out = tmp_path / "ledger.jsonl"
    exported = here("ledger", "export", out, "--json", home=full)
    assert (exported.json["entries"], exported.json["head"]) == (verified.json["entries"], verified.json["head"])
    assert out.stat().st_size > 0
    kinds = {
        kind: here("ledger", "show", "--kind", kind, "--limit", "1000", "--json", home=full).json["entries"]
        for kind in ("evidence", "decision", "subject")
    }
    assert all(kinds.values())
    assert {row["kind"] for rows in kinds.values() for row in rows} == set(kinds)


def test_one_changed_byte_in_the_database_is_found_and_named(full: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(full, tmp_path / "copy")
    with sqlite3.connect(copy / "ledger.db") as database:
        # Bytes of an envelope, changed where the pages hold them and nowhere else.
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        (column,) = [
            (table, row[1])
            for table in tables
            for row in database.execute(f"PRAGMA table_info({table})")
            if row[1] == "body"
        ][:1]
        table, name = column
        key, body = database.execute(f"SELECT rowid, {name} FROM {table} ORDER BY rowid LIMIT 1").fetchone()
        changed = bytearray(body)
        changed[len(changed) // 2] ^= 1
        for trigger in [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            database.execute(f"DROP TRIGGER {trigger}")
        database.execute(f"UPDATE {table} SET {name} = ? WHERE rowid = ?", (bytes(changed), key))
    database.close()
    said = here("ledger", "verify", "--json", home=copy)
    assert (said.code, said.json["verdict"]) == (1, "failed")
    assert said.json["faults"]


def test_a_policys_change_is_told_before_it_is_made(full: Path, models: Path) -> None:
    # What would be next year hides no past decision.
    later = here("decide", models / "fit", "--tier", "T6", "--as-of", NEXT_YEAR, "--json", home=full)
    pack = ROOT / "examples" / "policy-pack"
    assert here("policy", "diff", "default", "default", "--json", home=full).json["flips"] == []
    said = here("policy", "diff", "default", pack, "--json", home=full)
    assert said.code == 1, said.err
    assert said.json["asked"] >= 3
    fit = (later.json["subject"]["digest"], "T6")
    (why,) = (row for row in said.json["flips"] if (row["subject"], row["requested_tier"]) == fit)
    assert why["verdict"] == ["granted", "granted"]
    assert any(duty.startswith("version") for duty in why["obligations_gone"])
    for_people = here("policy", "diff", "default", pack, home=full).out
    assert "no longer owed: version" in for_people
    assert f"{said.json['asked']} past decisions: {len(said.json['flips'])} would change" in for_people
