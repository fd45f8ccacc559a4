"""The peers that benchmarks compare with: which environment, which adapter, which files each is shown."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bascule.collect.peers import alone
from bascule.plugins.kinds import Peer as Adapter
from bascule.plugins.kinds import PeerSays
from bascule.plugins.peers import version_beside
from bascule.plugins.registry import find

from .environment import CACHE, lock_digest, prepare
from .others import OTHERS

SECONDS = 120
MEMORY_BYTES = 16 << 30
_WORST_FIRST = ("finding", "error", "clean", "not-scanned")
_TEXTS = tuple(
    f"*.{ending}"
    for ending in ("json", "txt", "md", "py", "ipynb", "yaml", "yml", "toml", "cfg", "jinja", "csv", "cff")
)
"""names of files that no reader of pickles would be pointed at"""
_OTHERS = tuple(
    f"*.{ending}" for ending in ("safetensors", "gguf", "onnx", "h5", "hdf5", "keras", "pb", "tflite", "tar")
)
"""the same for one that reads nothing but pickles"""


@dataclass(frozen=True)
class Peer:
    """One column of a table.

    environment: name of its lock. more: arguments beyond the adapter's. minors: of Python 3, the preferred one first.
    only, skips: patterns of names, lower case, of the files that it is shown one by one; a peer with neither is shown
    whole folders.
    """

    id: str
    environment: str
    adapter: Adapter
    more: tuple[str, ...] = ()
    minors: tuple[int, ...] = (11, 12)
    only: tuple[str, ...] = ()
    skips: tuple[str, ...] = ()

    def prepare(self) -> Path:
        """Its environment, made where needed. Raises `Skipped` with the reason when it cannot be made."""
        return prepare(self.environment, self.minors)

    @property
    def program(self) -> Path:
        """Its command. Raises as `prepare` does."""
        return self.prepare() / "bin" / self.adapter.programs[0]

    @property
    def version(self) -> str:
        """As installed. Raises as `prepare` does."""
        return version_beside(self.program, self.adapter.distribution)

    def command(self, path: Path) -> Sequence[str]:
        """The whole command line, for timing; run it under `environment_of`. Raises as `prepare` does."""
        return [*self.adapter.command(str(self.program), str(path)), *self.more]

    def verdicts(self, folder: Path) -> Mapping[str, str]:
        """Each sub-folder's verdict: finding, error, clean or not-scanned. Raises as `prepare` does."""
        return {case: says.verdict for case, says in self.says(folder).items()}

    def says(self, folder: Path) -> Mapping[str, PeerSays]:
        """The same with the reasons. Of several files in a case the worst verdict stands, and every alarm is kept.

        An answer that was given before by this version about the same bytes is not asked for again.
        """
        cases = {case.name: list(self._targets(case)) for case in sorted(folder.iterdir()) if case.is_dir()}
        keys = {target: self._key(target) for targets in cases.values() for target in targets}
        due = {keys[target]: target for target in keys if not self._kept(keys[target]).is_file()}
        if due:
            self._ask(due)
        return {case: _together([self._recall(keys[target]) for target in targets]) for case, targets in cases.items()}

    def environment_of(self, home: Path) -> dict[str, str]:
        """The variables that it runs with: nothing of ours, and no telemetry."""
        known = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        return {**known, "AISBOM_OFFLINE": "1", **self.adapter.environment}

    def _targets(self, case: Path) -> Iterator[Path]:
        if not (self.only or self.skips):
            yield case
            return
        for path in sorted(path for path in case.rglob("*") if path.is_file()):
            name = path.name.lower()
            wanted = not self.only or any(fnmatchcase(name, pattern) for pattern in self.only)
            if wanted and not any(fnmatchcase(name, pattern) for pattern in self.skips):
                yield path

    def _key(self, target: Path) -> str:
        shown = [*self.adapter.command("program", "path"), *self.more]
        name = target.name if target.is_file() else ""  # of a file, its ending decides what it is taken for
        told = [lock_digest(self.environment), shown, SECONDS, content_digest(target), name]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _kept(self, key: str) -> Path:
        return CACHE.with_name("peers-answers") / self.id / f"{key}.json"

    def _recall(self, key: str) -> PeerSays:
        answer = json.loads(self._kept(key).read_text())
        if answer["code"] is None:
            return PeerSays("error", lines=(f"it did not end within {SECONDS} seconds",))
        return self.adapter.parse(answer["code"], answer["stdout"], answer["stderr"])

    def _ask(self, due: Mapping[str, Path]) -> None:
        calls = [[*self.adapter.command("", str(target.resolve())), *self.more][1:] for target in due.values()]
        jobs = {"program": self.adapter.programs[0], "seconds": SECONDS, "calls": calls}
        print(f"asking {self.id} {len(calls)} times", file=sys.stderr, flush=True)
        self._kept("x").parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="peer-") as scratch:
            (Path(scratch) / "jobs.json").write_text(json.dumps(jobs))
            python = str(self.prepare() / "bin" / "python")
            driver = str(Path(__file__).with_name("fork.py"))
            held = [sys.executable, "-I", "-m", alone.__name__, str(MEMORY_BYTES), "1"]
            process = subprocess.Popen(
                [*held, python, "-I", driver, f"{scratch}/jobs.json"],
                cwd=scratch,
                env=self.environment_of(Path(scratch)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert process.stdout is not None
            answered = 0
            for key, line in zip(due, process.stdout, strict=False):
                kept = self._kept(key)
                kept.with_suffix(".new").write_text(line)
                kept.with_suffix(".new").replace(kept)
                answered += 1
            if process.wait() or answered < len(due):
                raise RuntimeError(f"{self.id} ended with {process.returncode} after {answered} of {len(due)} answers")


def content_digest(target: Path) -> str:
    """Of a file, or of a folder's names, links and bytes."""
    if target.is_file():
        return hashlib.sha256(target.read_bytes()).hexdigest()
    told = []
    for path in sorted(target.rglob("*")):
        name = str(path.relative_to(target))
        if path.is_symlink():
            told.append([name, "link", str(path.readlink())])
        elif path.is_file():
            told.append([name, "file", hashlib.sha256(path.read_bytes()).hexdigest()])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def peers() -> list[Peer]:
    """Every peer, in the order of the tables' columns."""
    adapters: dict[str, Adapter] = {other.id: other for other in OTHERS}
    for name in ("modelscan", "picklescan", "fickling", "modelaudit", "hayward"):
        loaded = find("peers", name)
        assert loaded is not None
        adapters[name] = loaded.plugin
    return [
        Peer("modelaudit", "modelaudit", adapters["modelaudit"]),
        Peer("fickling", "fickling", adapters["fickling"], minors=(12, 13), skips=_TEXTS + _OTHERS),
        Peer("modelwarden", "modelwarden", adapters["modelwarden"], minors=(12, 13)),
        Peer("picklescan-strict", "picklescan", adapters["picklescan"], ("--strict",), skips=_TEXTS),
        Peer("picklescan", "picklescan", adapters["picklescan"], skips=_TEXTS),
        Peer("aisbom-strict", "aisbom", adapters["aisbom-strict"]),
        Peer("aisbom", "aisbom", adapters["aisbom"]),
        Peer("hayward", "hayward", adapters["hayward"]),
        Peer("mlsupplyscan", "mlsupplyscan", adapters["mlsupplyscan"]),
        Peer("modelscan", "modelscan", adapters["modelscan"]),
        Peer("c4nary", "c4nary", adapters["c4nary"], only=("*.gguf",)),
        Peer("glyphhound", "glyphhound", adapters["glyphhound"], only=("*.gguf", "*.jinja", "*.jinja2")),
        Peer("detect-secrets", "detect_secrets", adapters["detect_secrets"]),
    ]


def _together(said: Sequence[PeerSays]) -> PeerSays:
    if not said:
        return PeerSays("not-scanned")
    worst = min((says.verdict for says in said), key=_WORST_FIRST.index)
    return PeerSays(
        worst,
        tuple(alarm for says in said for alarm in says.alarms),
        tuple(line for says in said for line in says.lines),
        next((says.version for says in said if says.version), ""),
    )
