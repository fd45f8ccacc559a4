"""What tests of the scan frame share: an inventory of built files, and plug-ins installed the way a user's are."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bascule.collect.intake import IntakeLimits, Inventory, take_in
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.registry import Loaded, discover, find, working
from bascule.plugins.testing import scan_memory
from bascule.records import Finding


def inventory_of(folder: Path) -> Inventory:
    """What intake makes of a folder."""
    with tempfile.TemporaryDirectory() as work:
        return take_in(Fetched(str(folder), folder), Workspace(Path(work)), IntakeLimits())


def built_in(*names: str) -> list[Loaded]:
    """Built-in scanners by id."""
    found = [find("scanners", name) for name in names]
    return [loaded for loaded in found if loaded is not None]


def install(folder: Path, name: str, source: str) -> Path:
    """Put a package with one scanner and its entry point into a folder, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}_scanner.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bascule.scanners]\n{name} = {name}_scanner:plugin\n")
    return folder


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """The folder is where installed packages are found, for as long as the `with` lasts."""
    before = set(sys.modules)
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for module in [name for name in set(sys.modules) - before if name.endswith("_scanner")]:
            del sys.modules[module]


def installed(folder: Path, name: str) -> Loaded:
    """That scanner, discovered."""
    with on_path(folder):
        return next(loaded for loaded in discover("scanners") if loaded.id.split()[0] == name)


def said_of(files: Mapping[str, bytes]) -> list[Finding]:
    """What all built-in scanners find in built files, in this process."""
    return [
        item
        for loaded in working("scanners")
        for item in scan_memory(loaded.plugin, files).seen
        if isinstance(item, Finding)
    ]


PLAIN = """
from bascule.plugins.meta import Meta, Reads, Rule
from bascule.records import Finding, Outcome, Severity

RULE = Rule("{rule}", "Does it say bad?", Severity.HIGH, "say good", "for tests: it looks for a word in a file")


class Plain:
    meta = Meta(id="{name}", title="For tests", rules=(RULE,), reads=Reads(names=("*.txt",)))
    examples = ()

    def scan(self, file):
        {body}


plugin = Plain()
"""


def plain(name: str, body: str) -> str:
    """The source of a scanner of `*.txt` whose `scan(file)` has that body, on one line or indented by eight."""
    return PLAIN.format(name=name, rule=f"{name}-said", body=body)


FINDS_BAD = """for at, window in file.windows():
            if b"bad" in window:
                yield Finding(rule=RULE.id, outcome=Outcome.TRUE, severity=Severity.HIGH, message="it does")"""


def write_examples(root: Path) -> None:
    """The files of every example of every built-in scanner, hostile ones among them, each in a folder of its own."""
    for loaded in working("scanners"):
        for number, example in enumerate(loaded.plugin.examples):
            for path, data in example.files().items():
                place = root / loaded.id / str(number) / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
