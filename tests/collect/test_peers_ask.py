"""A peer is somebody else's program: it is told nothing of ours, reaches nobody, and comes to an end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from bascule.collect.peers import AskLimits, ask, find_program
from bascule.collect.peers.asking import can_be_alone, run
from bascule.plugins.kinds import Peer
from bascule.plugins.registry import find
from peering import answering, stand_in

_loaded = find("peers", "picklescan")
assert _loaded is not None
PEER: Peer = _loaded.plugin

SOON = AskLimits(seconds=2.0)


def told(folder: Path, body: str) -> str:
    """What a program with that body leaves on stdout."""
    program = stand_in(folder, "picklescan", body)
    return run([str(program)], {}, AskLimits()).stdout


def test_it_is_found_in_its_own_environment_with_its_version(tmp_path: Path) -> None:
    program = answering(tmp_path, "picklescan", "clean")
    found = find_program(PEER, [tmp_path], path="")
    assert found is not None
    assert (found.program, found.version) == (program, "9.9")


def test_it_is_found_on_path_through_a_link(tmp_path: Path) -> None:
    program = answering(tmp_path, "picklescan", "clean")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "picklescan").symlink_to(program)
    found = find_program(PEER, [], path=str(tmp_path / "links"))
    assert found is not None
    assert found.version == "9.9"


def test_nowhere_is_none(tmp_path: Path) -> None:
    assert find_program(PEER, [tmp_path], path=str(tmp_path)) is None


@pytest.mark.parametrize("verdict", ["finding", "clean", "not-scanned", "error"])
def test_it_answers(tmp_path: Path, verdict: str) -> None:
    answering(tmp_path, "picklescan", verdict)
    found = find_program(PEER, [tmp_path])
    assert found is not None
    says = ask(PEER, found, tmp_path)
    assert (says.verdict, says.version) == (verdict, "9.9")


def test_it_sees_no_variable_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASCULE_HOME", "/somewhere")
    monkeypatch.setenv("SOME_TOKEN", "a token")
    names = set(told(tmp_path, "print(' '.join(os.environ))").split())
    assert names - {"LC_CTYPE"} == {"HOME", "TMPDIR", "PATH", "LC_ALL"}


def test_its_home_and_working_folder_are_empty_and_then_gone(tmp_path: Path) -> None:
    body = "print(os.getcwd(), os.environ['HOME'], len(os.listdir()), len(os.listdir(os.environ['HOME'])))"
    work, home, *counts = told(tmp_path, body).split()
    assert counts == ["0", "0"]
    assert not Path(work).exists()
    assert not Path(home).exists()


def test_it_reaches_nobody(tmp_path: Path) -> None:
    body = """
import socket
try:
    socket.create_connection(('127.0.0.1', 9), 1)
except OSError as error:
    print([name for _, name in socket.if_nameindex()], open('/proc/net/route').read().split(chr(10))[1:])
"""
    if not can_be_alone():
        pytest.skip("this machine gives no process a network of its own")
    ran = run([str(stand_in(tmp_path, "picklescan", body))], {}, AskLimits(), required=True)
    assert ran.stdout in ("['lo'] []\n", "['lo'] ['']\n"), "a loopback that is down, and no route"


@pytest.mark.usefixtures("must_end")
def test_a_peer_without_end_is_ended_with_its_children(tmp_path: Path) -> None:
    body = """
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(1000)
"""
    stand_in(tmp_path, "picklescan", body)
    found = find_program(PEER, [tmp_path])
    assert found is not None
    says = ask(PEER, found, tmp_path, SOON)
    assert says.verdict == "error"
    assert "did not end" in says.lines[0]
    child = int(run([str(found.program)], {}, SOON).stdout)
    while _alive(child):
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_peer_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "picklescan", "")
    program.write_bytes(b"\x7fELF nonsense")
    found = find_program(PEER, [tmp_path])
    assert found is not None
    assert ask(PEER, found, tmp_path).verdict == "error"
