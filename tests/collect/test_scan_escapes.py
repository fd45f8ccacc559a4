"""The escape suite: a scanner that tries to get out of the worker, on a machine whose kernel has every layer.

All attacks run in one scan, so that each also shows that the files after it are still scanned. Processes: the frame
runs in a child of its own, because some attacks aim at it.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bascule.collect.scan import capabilities
from scanning import install

HOSTILE = Path(__file__).with_name("hostile_scanner.py")

# Refused or ended: the frame's answer is `error`.
CONTAINED = [
    "connects_tcp",
    "sends_udp",
    "connects_unix",
    "writes_a_file",
    "removes_a_file",
    "changes_a_mode",
    "changes_a_time",
    "links_a_file",
    "reads_passwd",
    "reads_a_private_file",
    "reads_its_environment",
    "reopens_the_artefact_for_writing",
    "writes_into_the_artefact",
    "executes",
    "starts_a_shell",
    "forks_for_ever",
    "starts_threads_for_ever",
    "loops_for_ever",
    "loops_for_ever_in_c",
    "sleeps_for_ever",
    "takes_ten_gigabytes",
    "recurses_for_ever",
    "prints_for_ever",
    "fills_the_scratch_folder",
    "exits",
    "exits_at_once",
    "breaks_memory",
    "kills_the_parent",
    "kills_everybody",
    "raises_its_limits",
    "traces_the_parent",
    "reads_the_parents_memory",
    "mounts",
    "makes_a_ring",
    "becomes_somebody",
    "forges_a_digest",
    "talks_nonsense",
    "promises_a_huge_reply",
    "closes_every_descriptor",
    "yields_a_great_deal",
    "yields_what_it_does_not_declare",
    "yields_what_cannot_be_signed",
    "yields_something_else",
]
# What was found before the end stands, beside the error.
FOUND_THEN_ENDED = ["yields_for_ever", "finds_then_loops"]

SCAN = """
import json, sys
from pathlib import Path
sys.path.append(sys.argv[2])
from bascule.collect.intake import IntakeLimits, take_in
from bascule.collect.scan import ScanOptions, examine
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.registry import discover
folder = Path(sys.argv[1])
inventory = take_in(Fetched("hostile", folder), Workspace(Path(sys.argv[3])), IntakeLimits())
hostile = [loaded for loaded in discover("scanners") if loaded.id == "hostile"]
options = ScanOptions(seconds_per_file=1.0, scratch=Path(sys.argv[3]), plugin_paths=(Path(sys.argv[2]),))
examined = examine(inventory, hostile, options)
seen = examined.observations["hostile"]
print(json.dumps({
    "digests": {a.path: a.sha256 for a in examined.artefacts},
    "failed": [note.path for note in examined.failed],
    "answers": {a.artefact: a.outcome for a in seen.answers},
    "messages": {f.artefact: f.message for f in seen.findings if f.outcome == "error"},
    "environment": seen.environment,
}))
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    held = capabilities()
    if not held.whole:
        pytest.skip(f"this machine's kernel lacks a layer: {held.gaps}")
    base = tmp_path_factory.mktemp("escape")
    model, plugins, scratch, outside = (base / name for name in ("model", "plugins", "scratch", "outside"))
    for folder in (model, scratch, outside):
        folder.mkdir()
    install(plugins, "hostile", HOSTILE.read_text())
    private = outside / "private.txt"
    private.write_text("the user's own")
    private.chmod(0o640)
    before = private.stat()
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(outside / "s"))
        unix.listen()
        targets = {
            "connects_tcp": tcp.getsockname()[1],
            "sends_udp": udp.getsockname()[1],
            "connects_unix": outside / "s",
            "writes_a_file": outside / "written.txt",
            "starts_a_shell": outside / "shelled.txt",
        }
        for name in (*CONTAINED, *FOUND_THEN_ENDED, "fine"):
            (model / f"{name}.attack").write_text(f"{name} {targets.get(name, private)}")
        (model / "zzz.attack").write_text("fine and last")
        ran = subprocess.run(
            [sys.executable, "-c", SCAN, model, plugins, scratch],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd=base,
        )
        assert ran.returncode == 0, ran.stderr
        udp.setblocking(False)
        tcp.setblocking(False)
        arrived = []
        for name, waiting in (("udp", lambda: udp.recv(10)), ("tcp", tcp.accept)):
            try:
                waiting()
                arrived.append(name)
            except BlockingIOError:
                pass
    after = private.stat()
    return {
        **json.loads(ran.stdout),
        "arrived": arrived,
        "outside": sorted(path.name for path in outside.iterdir()),
        "same": (before.st_mode, before.st_mtime_ns, before.st_nlink)
        == (after.st_mode, after.st_mtime_ns, after.st_nlink),
        "scratch": list(scratch.iterdir()),
        "workers": [line for line in _processes() if "collect.scan.worker" in line and str(base) in line],
    }


def _processes() -> list[str]:
    lines = []
    for status in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((status / "cmdline").read_text().replace("\0", " ") + str((status / "cwd").readlink()))
        except OSError:
            continue
    return lines


@pytest.mark.parametrize("name", CONTAINED)
def test_an_attack_is_an_error_and_its_file_is_still_hashed(outcome: dict[str, Any], name: str) -> None:
    path = f"{name}.attack"
    assert outcome["answers"][path] == "error", outcome["messages"].get(path)
    assert outcome["messages"][path]
    assert path in outcome["digests"]


@pytest.mark.parametrize("name", FOUND_THEN_ENDED)
def test_what_was_found_before_a_limit_still_stands(outcome: dict[str, Any], name: str) -> None:
    assert outcome["answers"][f"{name}.attack"] == "true"
    assert "limit" in outcome["messages"][f"{name}.attack"] or "more than" in outcome["messages"][f"{name}.attack"]


def test_the_neighbours_of_attacks_are_scanned(outcome: dict[str, Any]) -> None:
    assert outcome["answers"]["fine.attack"] == "false"
    assert outcome["answers"]["zzz.attack"] == "false"
    assert outcome["failed"] == []


def test_no_forged_digest_is_taken(outcome: dict[str, Any]) -> None:
    assert "0" * 64 not in outcome["digests"].values()


def test_nothing_arrived_outside(outcome: dict[str, Any]) -> None:
    assert outcome["arrived"] == []
    assert outcome["outside"] == ["private.txt", "s"]
    assert outcome["same"]


def test_no_worker_and_no_scratch_folder_is_left(outcome: dict[str, Any]) -> None:
    assert outcome["workers"] == []
    assert outcome["scratch"] == []


def test_the_evidence_says_what_held(outcome: dict[str, Any]) -> None:
    held = outcome["environment"]["sandbox"]
    assert held["network"]
    assert held["reading"]
    assert held["writing"]
    assert held["processes"]


def test_a_limit_is_named(outcome: dict[str, Any]) -> None:
    assert "time limit" in outcome["messages"]["loops_for_ever.attack"]
    assert "memory limit" in outcome["messages"]["takes_ten_gigabytes.attack"]
    # On a slow disk the clock may be first.
    assert re.search("(scratch|time) limit", outcome["messages"]["fills_the_scratch_folder.attack"])
    assert "more than" in outcome["messages"]["yields_for_ever.attack"]
