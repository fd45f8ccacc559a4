"""What a ledger lives through: other writers, being killed, a full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bascule.kernel.errors import StoreError

if TYPE_CHECKING:
    from conftest import House

TORMENT = Path(__file__).with_name("torment.py")


def torment(house: House, verb: str, *numbers: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "error", TORMENT, verb, house.home, house.url or "-", *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_processes_that_append_at_once_lose_nothing(house: House) -> None:
    left = torment(house, "append", 2, 200)
    assert left["statuses"] == [0, 0]
    assert sorted(left["slots"]) == sorted(f"{writer}/{number}" for writer in (0, 1) for number in range(200))
    for writer in ("0/", "1/"):
        own = [slot for slot in left["slots"] if slot.startswith(writer)]
        assert own == [f"{writer}{number}" for number in range(200)]
    assert left["faults"] == []


def test_a_ledger_whose_writer_is_killed_at_any_moment_opens_and_verifies(house: House) -> None:
    left = torment(house, "kill", 20)
    assert left["faults"] == []
    assert left["lost"] == 0, "an append that returned was not there any more"
    assert left["sizes"] == sorted(set(left["sizes"])), "every round added something"


def test_a_full_disk_is_an_error_and_not_a_torn_record(house: House) -> None:
    left = torment(house, "fill", 400_000)
    # The blob that does not fit, and then, where the database is a file of ours, the database itself.
    expected = ["kernel.cannot-write"] if house.url else ["kernel.cannot-write", "store.full"]
    assert left["codes"] == expected
    assert left["faults"] == []
    assert left["left"] == []


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_database_without_room_is_an_error_and_the_ledger_still_verifies(house: House) -> None:
    with house.open() as store:
        house.fill(store, 3)
        with store._database._engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}")
        with pytest.raises(StoreError, match="nothing was written") as caught:
            house.fill(store, 200)
        assert caught.value.code == "store.full"
        assert store.verify() == []
    with house.open() as store:
        house.fill(store, 1)
        assert store.verify() == []
