"""What a scan costs in CPU and memory, against sha256 of the same bytes: by digests wanted, and beside other scanners.

One file of 2 GB, warm page cache. CPU is user and system time of all processes, the least of several turns, divided by
that of hashlib's sha256 with the fastest way to read. "Command" is all of `bascule scan`, from the start of its
interpreter to its exit; "sandboxed" is `examine` in a process that has its imports, and starts a worker that has none;
"in process" is `examine_in_process` in one that has scanned before, as a service would be. Memory is the peak of the
anonymous resident memory (`RssAnon`) of the command and its workers together, sampled: pages of mapped files are the
kernel's to take back.

Below it: small files, one by one in process, and a pickle of 1.1 million pairs of opcodes that do nothing, before a
call that does harm. Exit codes are negative where a peer was ended for its time. BASCULE_PEERS_ONLY: names of peers.
"""

from __future__ import annotations

import compileall
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from peers import Skipped, peers
from scan_throughput import HASHERS, build, family, hash_alone

import bascule

TURNS, PEER_TURNS, PEER_SECONDS = 3, 2, 300
MODES = {"sha256": ("sha256",), "both": ("sha256", "blake3"), "blake3": ("blake3",), "none": ()}
GOALS = {"sha256": "", "both": "1.45", "blake3": "0.45", "none": "0.06"}
PAIRS = 1_100_000
MANY_OPCODES = b"\x80\x04" + b"N0" * PAIRS + b"cos\nsystem\n(X\x02\x00\x00\x00idtR."

WARM = """
import json, resource, statistics, sys, time
from pathlib import Path
from bascule.collect.intake import IntakeLimits, take_in
from bascule.collect.scan import ScanOptions, examine, examine_in_process
from bascule.kernel.errors import BasculeError
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.registry import discover
how, subject, scratch, modes = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
scanners, space = discover("scanners"), Workspace(scratch)
cpu = lambda: sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

def look(path, hashes):
    start, wall = cpu(), time.perf_counter()
    inventory = take_in(Fetched("benchmark", path), space, IntakeLimits())
    options = ScanOptions(hashes=tuple(hashes), workers=1, scratch=scratch)
    run = examine if how == "sandboxed" else examine_in_process
    examined = run(inventory, scanners, options)
    assert not examined.failed
    found = sum(f.outcome.value == "true" for o in examined.observations.values() for f in o.findings)
    return cpu() - start, time.perf_counter() - wall, found

if how == "small":
    files = sorted(path for path in subject.rglob("*") if path.is_file())
    for path in list(files):
        try:
            look(path, ["sha256"])
        except BasculeError:  # an archive that intake refuses to unpack: nothing is scanned then
            files.remove(path)
    spent = [look(path, ["sha256"]) for path in files]
    print(json.dumps({"files": len(files), "median": statistics.median(s[1] for s in spent),
                      "mean": statistics.fmean(s[1] for s in spent), "cpu": statistics.median(s[0] for s in spent)}))
else:
    look(subject, [])
    best = {name: min(look(subject, hashes) for _ in range(3)) for name, hashes in modes.items()}
    print(json.dumps({name: {"cpu": spent[0], "found": spent[2]} for name, spent in best.items()}))
"""


def warm(how: str, subject: Path, scratch: Path) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-c", WARM, how, str(subject), str(scratch), json.dumps(MODES)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, dict[str, float]] = json.loads(done.stdout)
    return answer


def command_cost(
    command: list[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> tuple[float, float, int]:
    """CPU seconds, peak anonymous MiB of it and its descendants, exit code. It is killed after `PEER_SECONDS`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment, cwd=folder
    )
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, sum(map(_anonymous_mib, family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        process.wait(PEER_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    done.set()
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak, process.returncode


def _anonymous_mib(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon:")), 0.0)


def ours(subject: Path, home: Path, mode: str, turns: int = TURNS) -> tuple[float, float]:
    """CPU seconds and peak anonymous MiB of the command."""
    command = [sys.executable, "-m", "bascule", "scan", str(subject), "--json", "--hash", mode, "--home", str(home)]
    spent = [command_cost(command) for _ in range(turns)]
    assert all(code in (0, 1, 2) for _, _, code in spent)
    return min(cpu for cpu, _, _ in spent), max(peak for _, peak, _ in spent)


def small_files(root: Path) -> None:
    """The files of every built-in scanner's examples up to 100 kB."""
    from bascule.plugins.registry import working

    for loaded in working("scanners"):
        for number, example in enumerate(loaded.plugin.examples):
            for path, data in example.files().items():
                place = root / loaded.id / str(number) / path
                if len(data) <= 100_000:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(data)


def table() -> str:
    """The Markdown tables."""
    compileall.compile_dir(str(Path(bascule.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory(prefix="bascule-bench-") as base:
        model, scratch, home = Path(base, "model"), Path(base, "scratch"), Path(base, "home")
        scratch.mkdir()
        build(model, 1)
        weights = model / "model.safetensors"
        for path in model.iterdir():
            if path != weights:
                path.unlink()
        hash_alone(model, HASHERS["mmap"], 1)  # warm the page cache
        alone = min(hash_alone(model, hasher, 1).cpu_seconds for hasher in HASHERS.values() for _ in range(TURNS))
        many = Path(base, "many.pkl")
        many.write_bytes(MANY_OPCODES)
        small = Path(base, "small")
        small_files(small)

        held, free = warm("sandboxed", weights, scratch), warm("in process", weights, scratch)
        rows = [
            f"sha256 alone: {alone:.2f} s of CPU for {weights.stat().st_size / 1e9:.2f} GB.",
            "",
            "| digests | command | sandboxed | in process | goal | peak anonymous memory |",
            "|---|---|---|---|---|---|",
        ]
        for mode in MODES:
            cpu, peak = ours(weights, home, mode)
            rows.append(
                f"| {mode} | {cpu / alone:.2f} | {held[mode]['cpu'] / alone:.2f} | {free[mode]['cpu'] / alone:.2f} "
                f"| {GOALS[mode]} | {peak:.0f} MiB |"
            )
        told = warm("small", small, scratch)
        opcodes = warm("in process", many, scratch)["sha256"]
        command, peak = ours(many, home, "sha256")
        rows += [
            "",
            f"Small files in process, {told['files']} of them: median {told['median'] * 1e3:.2f} ms, mean "
            f"{told['mean'] * 1e3:.2f} ms (goal: median 3 ms).",
            f"A pickle of {PAIRS / 1e6:.1f} million pairs of opcodes: {opcodes['cpu']:.2f} s of CPU in process, "
            f"{command:.2f} s for the command, {opcodes['found']} findings (goal: 0.6 s and a finding).",
            "",
            *_others(weights, many, alone, Path(base)),
        ]
    return "\n".join(rows)


def _others(weights: Path, many: Path, alone: float, base: Path) -> list[str]:
    rows = [
        "| peer | 2 GB of safetensors, CPU to sha256 | peak anonymous memory | 1.1 million pairs | exit codes |",
        "|---|---|---|---|---|",
    ]
    skipped = []
    wanted = os.environ.get("BASCULE_PEERS_ONLY", "").split()
    for peer in peers():
        if peer.only or (wanted and peer.id not in wanted):
            continue  # the former read neither file
        try:
            home = (
                base / "peers" / peer.id
            )  # some write beside what they are asked, or into the folder that they are in
            home.mkdir(parents=True)
            environment = peer.environment_of(home)
            spent = [command_cost([*peer.command(weights)], environment, home) for _ in range(PEER_TURNS)]
            pickle = command_cost([*peer.command(many)], environment, home)
        except (Skipped, OSError) as error:
            skipped.append(f"{peer.id}: {error}")
            continue
        cpu, peak = min(cpu for cpu, _, _ in spent), max(peak for _, peak, _ in spent)
        rows.append(
            f"| {peer.id} {peer.version} | {cpu / alone:.2f} | {peak:.0f} MiB | {pickle[0]:.2f} s "
            f"| {spent[0][2]}, {pickle[2]} |"
        )
    return [*rows, *(["", *skipped] if skipped else [])]


if __name__ == "__main__":
    print(table())
