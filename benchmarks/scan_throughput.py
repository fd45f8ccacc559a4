"""Hashing and scanning a 2 GB safetensors repository, against hashing it alone with the fastest sha256 of the same run.

The scan is the whole of `examine`: workers started, locked in, every scanner imported and run, every byte hashed. Wall
time, best of five, warm page cache, the variants taking turns; hashing alone has as many threads as there are workers.
CPU is user and system time of all processes, the least of five: it hardly depends on what else the machine does, and
wall time does. Memory is the peak of the resident memory of the frame and its workers together, sampled; pages that
they share count once for each. The package's bytecode is made first, as installing it does: workers write none. blake3
is shown for interest: identities are sha256, by which hubs and attestations name files.
"""

from __future__ import annotations

import compileall
import hashlib
import json
import mmap
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bascule

GIGABYTE = 1_000_000_000
ROUNDS = 5
GOAL_RATIO, GOAL_MB = 0.8, 300

SCAN = """
import json, resource, sys, time
from pathlib import Path
from bascule.collect.intake import IntakeLimits, take_in
from bascule.collect.scan import ScanOptions, examine
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.registry import discover
inventory = take_in(Fetched("benchmark", Path(sys.argv[1])), Workspace(Path(sys.argv[2])), IntakeLimits())
scanners = discover("scanners")
cpu = lambda: sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
start, spent = time.perf_counter(), cpu()
examined = examine(inventory, scanners, ScanOptions(workers=int(sys.argv[3]), scratch=Path(sys.argv[2])))
seconds, spent = time.perf_counter() - start, cpu() - spent
assert not examined.failed and len(examined.artefacts) == len(inventory.entries)
print(json.dumps({"seconds": seconds, "cpu": spent, "scanners": len(scanners)}))
"""


def build(folder: Path, shards: int) -> None:
    """A repository of 2 GB: weights that no file system can leave out, a config, a card."""
    folder.mkdir()
    block = os.urandom(1 << 20)
    size = 2 * GIGABYTE // shards
    for number in range(shards):
        rows = size // 4 // 1000
        info = {f"layer.{n}.weight": _place(n, rows) for n in range(1000)}
        header = json.dumps({"__metadata__": {"format": "pt"}, **info}).encode()
        name = "model.safetensors" if shards == 1 else f"model-{number + 1:05}-of-{shards:05}.safetensors"
        with (folder / name).open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            left = rows * 4 * 1000
            while left:
                left -= file.write(block[: min(left, len(block))])
    (folder / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}')
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n")


def _place(number: int, rows: int) -> dict[str, object]:
    return {"dtype": "F32", "shape": [rows], "data_offsets": [number * rows * 4, (number + 1) * rows * 4]}


def by_readinto(size: int) -> Callable[[Path], object]:
    def run(path: Path) -> object:
        digest, buffer = hashlib.sha256(), memoryview(bytearray(size))
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
        return digest

    return run


def by_mmap(path: Path) -> object:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        return hashlib.sha256(mapped)


def by_file_digest(path: Path) -> object:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


HASHERS: dict[str, Callable[[Path], object]] = {
    "readinto 64 KiB": by_readinto(64 << 10),
    "readinto 1 MiB": by_readinto(1 << 20),
    "file_digest": by_file_digest,
    "mmap": by_mmap,
}


class Stopwatch:
    """Wall time of a `with`, and CPU time of this process and of the children that it waited for."""

    def __enter__(self) -> Stopwatch:
        self.wall_seconds, self.cpu_seconds = -time.perf_counter(), -self._cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_seconds += time.perf_counter()
        self.cpu_seconds += self._cpu()

    @staticmethod
    def _cpu() -> float:
        spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def hash_alone(folder: Path, hasher: Callable[[Path], object], threads: int) -> Stopwatch:
    """Every file of a folder; hashlib lets go of the interpreter's lock."""
    files = sorted(folder.iterdir())
    with Stopwatch() as watch, ThreadPoolExecutor(threads) as pool:
        list(pool.map(hasher, files))
    return watch


def blake3_alone(folder: Path, threads: int) -> float | None:
    """Seconds, or None where blake3 is not installed."""
    try:
        from blake3 import blake3
    except ImportError:
        return None
    start = time.perf_counter()
    for path in folder.iterdir():
        blake3(max_threads=threads).update_mmap(path).digest()
    return time.perf_counter() - start


def scan(folder: Path, scratch: Path, workers: int) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds, peak resident megabytes of all processes together, number of scanners."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCAN, str(folder), str(scratch), str(workers)], stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, sum(map(_resident_mb, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"the scan failed with status {process.returncode}")
    answer = json.loads(output)
    return answer["seconds"], answer["cpu"], peak, answer["scanners"]


def family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            found += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
        except OSError:
            continue
    return found


def _resident_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, IndexError):
        return 0.0


def table() -> str:
    """The Markdown table."""
    rows = [
        "| repository | workers | fastest sha256 alone | full scan | ratio | CPU, alone : scan | peak memory "
        "| blake3 alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    scanners = 0
    compileall.compile_dir(str(Path(bascule.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as base:
        for shards, label in ((1, "one file of 2 GB"), (2, "two shards of 1 GB")):
            folder, scratch = Path(base, f"model-{shards}"), Path(base, "scratch")
            build(folder, shards)
            size = sum(path.stat().st_size for path in folder.iterdir())
            hash_alone(folder, by_readinto(1 << 20), 1)  # warm the page cache
            for workers in (1, 2):
                walls: dict[str, float] = {}
                hash_cpu = scan_cpu = whole = float("inf")
                peak = 0.0
                for _ in range(ROUNDS):
                    for name, hasher in HASHERS.items():
                        watch = hash_alone(folder, hasher, workers)
                        walls[name] = min(walls.get(name, watch.wall_seconds), watch.wall_seconds)
                        hash_cpu = min(hash_cpu, watch.cpu_seconds)
                    seconds, cpu, megabytes, scanners = scan(folder, scratch, workers)
                    whole, scan_cpu, peak = min(whole, seconds), min(scan_cpu, cpu), max(peak, megabytes)
                best = min(walls, key=lambda name: walls[name])
                third = blake3_alone(folder, workers)
                rows.append(
                    f"| {label} | {workers} | {_speed(size, walls[best])} ({best}) | {_speed(size, whole)} "
                    f"| **{walls[best] / whole:.2f}** | {hash_cpu:.2f} s : {scan_cpu:.2f} s | {peak:.0f} MB "
                    f"| {_speed(size, third) if third else '-'} |"
                )
            for path in folder.iterdir():
                path.unlink()
    goal = f"Goal: ratio at least {GOAL_RATIO}, peak memory under {GOAL_MB} MB, whatever the file size."
    return "\n".join([*rows, "", f"{scanners} scanners. {goal}"])


def _speed(size: int, seconds: float) -> str:
    return f"{size / seconds / 1e9:.2f} GB/s"


if __name__ == "__main__":
    print(table())
