"""The frame: answers for every file, whatever a file or a scanner does; the same whoever does the work."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bascule.collect.intake import Inventory
from bascule.collect.scan import Examined, ScanOptions, examine
from bascule.collect.scan.gather import UNFIT_RULE
from bascule.kernel.errors import UpstreamError
from bascule.plugins.registry import Loaded
from bascule.records import Outcome
from builders import safetensors, write
from scanning import FINDS_BAD, built_in, install, installed, inventory_of, on_path, plain

REPOSITORY = {
    "model.safetensors": safetensors(),
    "broken.safetensors": safetensors()[:-1],
    "lib/fast.so": b"\x7fELF" + bytes(60),
    "notes.txt": b"good",
    "README.md": b"# A model\n",
    "empty": b"",
}


def answers(examined: Examined, tool: str) -> dict[str, Outcome]:
    return {f"{answer.artefact}: {answer.rule}": answer.outcome for answer in examined.observations[tool].answers}


@pytest.fixture
def repository(tmp_path: Path) -> Inventory:
    return inventory_of(write(tmp_path / "model", REPOSITORY))


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    return install(tmp_path / "plugins", "words", plain("words", FINDS_BAD))


def test_every_file_is_an_artefact_with_its_digest_in_the_inventorys_order(repository: Inventory) -> None:
    examined = examine(repository, built_in("safetensors_header", "unreadable_binary"))
    assert [artefact.path for artefact in examined.artefacts] == [entry.path for entry in repository.entries]
    for artefact in examined.artefacts:
        assert artefact.sha256 == hashlib.sha256(REPOSITORY[artefact.path]).hexdigest()
    assert examined.failed == ()


def test_every_rule_is_answered_for_every_file_that_its_scanner_reads(repository: Inventory) -> None:
    examined = examine(repository, built_in("safetensors_header", "unreadable_binary"))
    assert answers(examined, "safetensors_header") == {
        "broken.safetensors: safetensors-malformed": Outcome.ERROR,
        "broken.safetensors: safetensors-suspicious-metadata": Outcome.ERROR,
        "model.safetensors: safetensors-malformed": Outcome.FALSE,
        "model.safetensors: safetensors-suspicious-metadata": Outcome.FALSE,
    }
    assert answers(examined, "unreadable_binary") == {"lib/fast.so: unreadable-binary": Outcome.TRUE}


def test_findings_name_their_file_and_a_remedy(repository: Inventory) -> None:
    for observations in examine(repository, built_in("safetensors_header", "unreadable_binary")).observations.values():
        for finding in observations.findings:
            assert finding.artefact in REPOSITORY
            assert finding.remedy


def test_measures_and_readings_come_through(repository: Inventory) -> None:
    seen = examine(repository, built_in("safetensors_header")).observations["safetensors_header"]
    assert [(m.name, m.value, m.artefact) for m in seen.measures] == [("model.parameters", 128.0, "model.safetensors")]
    assert [(r.name, r.value) for r in seen.readings] == [("model.dtype", "F32")]


def test_without_scanners_it_only_hashes(repository: Inventory) -> None:
    examined = examine(repository, ())
    assert len(examined.artefacts) == len(REPOSITORY)
    assert examined.observations == {}


def test_a_subject_without_files_needs_no_worker(tmp_path: Path) -> None:
    empty = inventory_of(tmp_path)
    (loaded,) = built_in("safetensors_header")
    examined = examine(empty, [loaded])
    assert examined.artefacts == ()
    assert examined.observations["safetensors_header"].rules == tuple(rule.id for rule in loaded.plugin.meta.rules)


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    files = {f"{n:03}.safetensors": safetensors({f"w{n}": (n + 1,)}) for n in range(230)}
    inventory = inventory_of(write(tmp_path / "model", files))
    scanners = built_in("safetensors_header")
    one, three = (examine(inventory, scanners, ScanOptions(workers=workers)) for workers in (1, 3))
    assert one == three


def test_evidence_says_what_held_and_which_limits_were_in_force(repository: Inventory) -> None:
    options = ScanOptions(seconds_per_file=7, memory_mb=512)
    environment = (
        examine(repository, built_in("unreadable_binary"), options).observations["unreadable_binary"].environment
    )
    assert environment["limits"]["seconds_per_file"] == 7
    assert environment["limits"]["memory_mb"] == 512
    assert set(environment["sandbox"]) >= {"network", "reading", "writing", "processes", "landlock_abi", "seccomp"}


def test_an_installed_scanner_runs_in_the_worker(tmp_path: Path, plugins: Path) -> None:
    inventory = inventory_of(write(tmp_path / "model", {"a.txt": b"so bad", "b.txt": b"so good"}))
    loaded = installed(plugins, "words")
    examined = examine(inventory, [loaded], ScanOptions(plugin_paths=(plugins,)))
    assert answers(examined, "words") == {"a.txt: words-said": Outcome.TRUE, "b.txt: words-said": Outcome.FALSE}
    assert examined.observations["words"].tool.distribution == "words"


def test_a_scanner_that_only_the_frame_can_import_is_an_error(tmp_path: Path, plugins: Path) -> None:
    inventory = inventory_of(write(tmp_path / "model", {"a.txt": b"so good"}))
    examined = examine(inventory, [installed(plugins, "words")])
    assert answers(examined, "words") == {"a.txt: words-said": Outcome.ERROR}
    assert "not installed" in examined.observations["words"].findings[0].message


def test_a_plugin_that_does_not_load_fails_alone(repository: Inventory) -> None:
    broken = Loaded("scanners", "broken", "acme", "1", error="ImportError: no module named x")
    examined = examine(repository, [broken, *built_in("unreadable_binary")])
    assert answers(examined, "broken") == {f": {UNFIT_RULE}": Outcome.ERROR}
    assert "no module named x" in examined.observations["broken"].findings[0].message
    assert answers(examined, "unreadable_binary") == {"lib/fast.so: unreadable-binary": Outcome.TRUE}


def test_a_scanner_that_kills_its_worker_costs_its_own_answer_alone(tmp_path: Path) -> None:
    install(tmp_path / "plugins", "words", plain("words", FINDS_BAD))
    install(tmp_path / "plugins", "deadly", plain("deadly", "__import__('os')._exit(3); yield"))
    paths = (tmp_path / "plugins",)
    with on_path(*paths):
        scanners = [installed(*paths, name) for name in ("deadly", "words")]
    inventory = inventory_of(write(tmp_path / "model", {"a.txt": b"so bad", "b.txt": b"so good"}))
    examined = examine(inventory, scanners, ScanOptions(plugin_paths=paths))
    assert answers(examined, "deadly") == {"a.txt: deadly-said": Outcome.ERROR, "b.txt: deadly-said": Outcome.ERROR}
    assert answers(examined, "words") == {"a.txt: words-said": Outcome.TRUE, "b.txt: words-said": Outcome.FALSE}
    assert len(examined.artefacts) == 2
    assert "status 3" in examined.observations["deadly"].findings[0].message


def test_a_file_that_changed_after_intake_has_no_digest_and_no_clean_answer(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"a.safetensors": safetensors(), "b.safetensors": safetensors()})
    inventory = inventory_of(folder)
    (folder / "a.safetensors").write_bytes(safetensors({"other": (3,)}))
    examined = examine(inventory, built_in("safetensors_header"))
    assert [note.path for note in examined.failed] == ["a.safetensors"]
    assert examined.failed[0].blocks
    assert [artefact.path for artefact in examined.artefacts] == ["b.safetensors"]
    assert answers(examined, "safetensors_header")["a.safetensors: safetensors-malformed"] is Outcome.ERROR
    assert answers(examined, "safetensors_header")["b.safetensors: safetensors-malformed"] is Outcome.FALSE


def test_a_file_that_changes_while_it_is_read_has_no_digest(tmp_path: Path, plugins: Path) -> None:
    slow = install(tmp_path / "slow", "slow", plain("slow", "__import__('time').sleep(1.5); yield from ()"))
    folder = write(tmp_path / "model", {"a.txt": b"first"})
    inventory = inventory_of(folder)
    writer = threading.Timer(0.9, lambda: (folder / "a.txt").write_bytes(b"other"))
    writer.start()
    examined = examine(inventory, [installed(slow, "slow")], ScanOptions(plugin_paths=(slow,)))
    writer.join()
    assert [note.path for note in examined.failed] == ["a.txt"]
    assert answers(examined, "slow") == {"a.txt: slow-said": Outcome.ERROR}


def test_a_big_file_that_is_cut_while_it_is_read_has_no_digest(tmp_path: Path) -> None:
    slow = install(tmp_path / "slow", "slow", plain("slow", "__import__('time').sleep(1.5); yield from ()"))
    folder = write(tmp_path / "model", {"a.txt": b"x" * (64 << 20)})
    inventory = inventory_of(folder)
    cutter = threading.Timer(0.9, lambda: os.truncate(folder / "a.txt", 1 << 20))
    cutter.start()
    examined = examine(inventory, [installed(slow, "slow")], ScanOptions(plugin_paths=(slow,)))
    cutter.join()
    assert [note.path for note in examined.failed] == ["a.txt"]
    assert answers(examined, "slow") == {"a.txt: slow-said": Outcome.ERROR}


def test_progress_counts_up_to_every_byte(repository: Inventory) -> None:
    seen: list[tuple[float, float | None, str]] = []
    examine(repository, built_in("safetensors_header"), progress=lambda *args: seen.append(args))
    total = float(sum(len(data) for data in REPOSITORY.values()))
    assert seen[-1][:2] == (total, total)
    assert any("model.safetensors" in what for _, _, what in seen)


def test_a_big_file_is_hashed_right_and_in_little_memory(tmp_path: Path) -> None:
    block = os.urandom(1 << 20)
    folder = tmp_path / "model"
    folder.mkdir()
    digest = hashlib.sha256()
    with (folder / "big.txt").open("wb") as file:
        for _ in range(200):
            file.write(block)
            digest.update(block)
    inventory = inventory_of(folder)
    words = install(tmp_path / "plugins", "words", plain("words", FINDS_BAD))
    examined = examine(inventory, [installed(words, "words")], ScanOptions(plugin_paths=(words,), memory_mb=128))
    assert examined.artefacts[0].sha256 == digest.hexdigest()
    assert answers(examined, "words") == {"big.txt: words-said": Outcome.FALSE}


def test_a_worker_that_cannot_start_is_an_error_with_a_hint(
    repository: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UpstreamError) as caught:
        examine(repository, built_in("unreadable_binary"))
    assert caught.value.code == "scan.no-worker"
    assert "bascule doctor" in caught.value.hint


RUN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from bascule.collect.scan import ScanOptions, examine
from scanning import installed, inventory_of
options = ScanOptions(plugin_paths=(Path(sys.argv[2]),), scratch=Path(sys.argv[3]))
examine(inventory_of(Path(sys.argv[1])), [installed(Path(sys.argv[2]), "slow")], options)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_the_frame(tmp_path: Path, number: signal.Signals) -> None:
    slow = install(tmp_path / "slow", "slow", plain("slow", "__import__('time').sleep(600); yield from ()"))
    folder, scratch = write(tmp_path / "model", {"a.txt": b"first"}), tmp_path / "scratch"
    arguments = [str(path) for path in (folder, slow, scratch, Path(__file__).parents[1])]
    frame = subprocess.Popen([sys.executable, "-c", RUN, *arguments], stderr=subprocess.DEVNULL)
    workers = _wait_for(lambda: _children(frame.pid))
    _wait_for(lambda: list(scratch.glob("bascule-scan-*/worker-*")))
    time.sleep(0.5)
    frame.send_signal(number)
    frame.wait(timeout=20)
    assert _wait_for(lambda: not any(_runs(pid) for pid in workers))
    if number is signal.SIGKILL:
        assert len(list(scratch.iterdir())) == 1
        examine(inventory_of(folder), (), ScanOptions(scratch=scratch))
    assert list(scratch.iterdir()) == []


def _wait_for(what: object) -> object:
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        found = what()  # type: ignore[operator]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


FORGES = """os = __import__("os")
        for count in range(1, 4):
            body = b'{"say":"read","bytes":%d}' % count
            os.write(int(__import__("sys").argv[1]), len(body).to_bytes(4, "big") + body)
        __import__("time").sleep(60)
        yield"""


@pytest.mark.usefixtures("must_end")
def test_a_scanner_that_reports_reading_byte_by_byte_buys_no_time(tmp_path: Path) -> None:
    forger = install(tmp_path / "forger", "forger", plain("forger", FORGES))
    inventory = inventory_of(write(tmp_path / "model", {"a.txt": b"some words"}))
    examined = examine(inventory, [installed(forger, "forger")], ScanOptions(plugin_paths=(forger,)))
    assert answers(examined, "forger") == {"a.txt: forger-said": Outcome.ERROR}
    assert "out of turn" in examined.observations["forger"].findings[0].message


def test_a_file_that_intake_can_no_longer_open_is_failed_not_dropped(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"a.txt": b"x", "b.txt": b"y"})
    inventory = inventory_of(folder)
    (folder / "a.txt").unlink()
    examined = examine(inventory, ())
    assert [note.path for note in examined.failed] == ["a.txt"]
    assert [artefact.path for artefact in examined.artefacts] == ["b.txt"]
