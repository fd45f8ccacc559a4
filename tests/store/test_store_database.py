"""Opening a database: at this schema, or with a word on what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bascule.kernel.errors import InputError, StoreError
from bascule.store.database import open_database
from bascule.store.tables import REVISION, metadata

if TYPE_CHECKING:
    from conftest import House


def test_the_steps_lead_to_the_tables_that_the_code_uses(house: House) -> None:
    database = open_database(house.home, house.url)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_the_schema_named_in_the_code_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", "bascule.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_opening_again_changes_nothing(house: House) -> None:
    for _ in range(3):
        open_database(house.home, house.url).close()
    with house.open() as store:
        assert store.verify() == []


def test_a_schema_from_the_future_is_refused(house: House) -> None:
    open_database(house.home, house.url).close()
    house.tamper("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="9999") as caught:
        open_database(house.home, house.url)
    assert caught.value.code == "store.newer-schema"


@pytest.mark.parametrize("url", ["mysql://h/x", "nonsense", "sqlite://", "postgresql+nodriver://h/x"])
def test_a_database_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises((InputError, StoreError)) as caught:
        open_database(tmp_path, url)
    assert caught.value.code in ("store.unknown-database", "store.unavailable")


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    password = "hunter" + "2"
    with pytest.raises(StoreError) as caught:
        open_database(tmp_path, f"postgresql://ada:{password}@/x?host={tmp_path}")
    assert caught.value.code == "store.unavailable"
    assert password not in caught.value.message


def test_a_missing_driver_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError) as caught:
        open_database(tmp_path, "postgresql://localhost/x")
    assert caught.value.code == "store.missing-extra"
    assert "bascule[postgres]" in caught.value.hint


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StoreError) as caught:
        open_database(tmp_path, None)
    assert caught.value.code == "store.unavailable"


def test_a_home_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(StoreError):
        open_database(tmp_path / "home", None)


def test_a_sqlite_file_elsewhere_can_be_named(tmp_path: Path) -> None:
    open_database(tmp_path / "home", f"sqlite:///{tmp_path}/elsewhere/team.db").close()
    assert (tmp_path / "elsewhere/team.db").is_file()
