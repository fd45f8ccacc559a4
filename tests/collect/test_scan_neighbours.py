"""A scanner in the sandbox that looks at another file of the subject; digests as they are wanted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from blake3 import blake3

from bascule.collect.scan import ScanOptions, examine
from bascule.collect.scan.gather import Examined
from bascule.records import Outcome
from scanning import built_in, install, installed, inventory_of, plain


def asked(tmp_path: Path, files: dict[str, bytes], body: str, **options: object) -> Examined:
    """What a scanner of `*.txt` with that body makes of the files."""
    subject = tmp_path / "subject"
    for path, data in files.items():
        (subject / path).parent.mkdir(parents=True, exist_ok=True)
        (subject / path).write_bytes(data)
    plugins = install(tmp_path / "plugins", "asker", plain("asker", body))
    limits = ScanOptions(workers=1, plugin_paths=(plugins,), **options)  # type: ignore[arg-type]
    return examine(inventory_of(subject), [installed(plugins, "asker")], limits)


def told(examined: Examined) -> list[tuple[str, str]]:
    return [(finding.outcome.value, finding.message) for finding in examined.observations["asker"].findings]


SAYS = "yield Finding(rule='asker-said', outcome=Outcome.TRUE, severity=Severity.HIGH, message={})"


def test_a_neighbour_is_read_by_its_path(tmp_path: Path) -> None:
    body = "other = file.neighbour('sub/b.bin'); " + SAYS.format(
        "f'{other.size_bytes} {other.read(1, 2)} {other.kind}'"
    )
    examined = asked(tmp_path, {"a.txt": b"x", "sub/b.bin": b"1234"}, body)
    assert told(examined) == [("true", "4 b'23' unclassified")]


def test_a_big_neighbour_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    data = os.urandom(9 << 20)
    body = "other = file.neighbour('b.bin'); " + SAYS.format("other.read(9000000, 4).hex()")
    assert told(asked(tmp_path, {"a.txt": b"x", "b.bin": data}, body)) == [("true", data[9000000:9000004].hex())]


@pytest.mark.parametrize("path", ["c.bin", "../a.txt", "/etc/passwd", "", "sub"])
def test_what_is_not_of_the_subject_is_no_neighbour(tmp_path: Path, path: str) -> None:
    body = SAYS.format(f"repr(file.neighbour({path!r}))")
    assert told(asked(tmp_path, {"a.txt": b"x", "sub/b.bin": b"1"}, body)) == [("true", "None")]


def test_a_file_is_its_own_neighbour(tmp_path: Path) -> None:
    body = SAYS.format("repr(file.neighbour(file.path) is file)")
    assert told(asked(tmp_path, {"a.txt": b"x"}, body)) == [("true", "True")]


def test_reading_a_neighbour_feeds_no_digest(tmp_path: Path) -> None:
    body = "other = file.neighbour('b.bin'); list(other.windows()); " + SAYS.format("'read'")
    data = os.urandom(9 << 20)
    examined = asked(tmp_path, {"a.txt": b"x", "b.bin": data}, body)
    assert {row.path: row.sha256 for row in examined.artefacts} == {
        "a.txt": hashlib.sha256(b"x").hexdigest(),
        "b.bin": hashlib.sha256(data).hexdigest(),
    }


def test_more_neighbours_than_a_scanner_may_have_are_an_error(tmp_path: Path) -> None:
    files = {"a.txt": b"x"} | {f"n{number}.bin": b"1" for number in range(500)}
    body = "all(file.neighbour(f'n{number}.bin') for number in range(500)); " + SAYS.format("'all'")
    ((outcome, message),) = told(asked(tmp_path, files, body))
    assert outcome == "error"
    assert "neighbours" in message


def test_neighbours_are_given_back_when_the_scanner_ends(tmp_path: Path) -> None:
    files = {f"a{number}.txt": b"x" for number in range(5)} | {f"n{number}.bin": b"1" for number in range(300)}
    body = "found = [file.neighbour(f'n{number}.bin') for number in range(300)]; " + SAYS.format("str(len(found))")
    assert told(asked(tmp_path, files, body)) == [("true", "300")] * 5


def test_a_worker_that_asks_for_what_is_not_listed_is_ended(tmp_path: Path) -> None:
    body = "file.desk._listing.rows['x'] = ['x', 'weights', 'a', 1]; file.neighbour('x'); " + SAYS.format("'got it'")
    examined = asked(tmp_path, {"a.txt": b"x"}, body)
    assert [outcome for outcome, _ in told(examined)] == ["error"]


def test_a_worker_that_asks_for_a_range_of_a_file_that_is_here_is_ended(tmp_path: Path) -> None:
    body = "file.desk.bring('a.txt', 0, 1); " + SAYS.format("'got it'")
    assert [outcome for outcome, _ in told(asked(tmp_path, {"a.txt": b"x"}, body))] == ["error"]


@pytest.mark.parametrize("size", [0, 10, 9 << 20])
def test_both_digests_come_from_one_pass(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    examined = asked(tmp_path, {"b.bin": data}, "yield from ()", hashes=("sha256", "blake3"))
    (looked,) = examined.looked
    assert (looked.sha256, looked.blake3) == (hashlib.sha256(data).hexdigest(), blake3(data).hexdigest())


def test_without_digests_the_scanners_answer_and_nothing_is_an_artefact(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04N.")
    examined = examine(inventory_of(tmp_path), built_in("pickle_opcodes"), ScanOptions(workers=1, hashes=()))
    assert (examined.artefacts, examined.failed) == ((), ())
    assert [(looked.path, looked.sha256) for looked in examined.looked] == [("a.pkl", None)]
    assert {answer.outcome for answer in examined.observations["pickle_opcodes"].answers} <= {
        Outcome.FALSE,
        Outcome.NOT_APPLICABLE,
    }
