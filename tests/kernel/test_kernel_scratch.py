"""Folders for one run: gone when it ends, cleared away by the next when it was killed, left alone while it works."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from bascule.kernel.scratch import held_folder

HOLD = """
import sys, time
from pathlib import Path
from bascule.kernel.scratch import held_folder
with held_folder(Path(sys.argv[1]), "run-") as folder:
    (folder / "big").write_text("x")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_folder_that_nobody_holds_is_cleared_and_those_at_work_are_kept(tmp_path: Path) -> None:
    left = tmp_path / "run-left-behind"
    (left / "inner").mkdir(parents=True)
    with held_folder(tmp_path, "run-") as first, held_folder(tmp_path, "run-") as second:
        assert first.is_dir()
        assert second.is_dir()
        assert not left.exists()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_gone_with_the_next_one(tmp_path: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        assert run.stdout.readline() == "ready\n"
        with held_folder(tmp_path, "run-"):
            assert len(list(tmp_path.iterdir())) == 2
        run.send_signal(signal.SIGKILL)
        run.wait(timeout=20)
    assert len(list(tmp_path.iterdir())) == 1
    with held_folder(tmp_path, "run-") as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_only_folders_of_that_prefix_are_cleared_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "parent").mkdir()
    (tmp_path / "parent" / "run-link").symlink_to(tmp_path / "other")
    (tmp_path / "parent" / "run-file").write_text("x")
    (tmp_path / "parent" / "else-1").mkdir()
    with held_folder(tmp_path / "parent", "run-"):
        pass
    assert sorted(item.name for item in (tmp_path / "parent").iterdir()) == ["else-1", "run-file", "run-link"]
    assert (tmp_path / "other").is_dir()


def test_many_that_begin_at_once_never_clear_each_other(tmp_path: Path) -> None:
    lost: list[Path] = []

    def work() -> None:
        for _ in range(40):
            with held_folder(tmp_path, "run-") as folder:
                if not folder.is_dir():
                    lost.append(folder)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert list(tmp_path.iterdir()) == []
