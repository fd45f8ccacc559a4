"""Every case, and writing them to a folder: `python tests/corpus/whole.py DIR`."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus.case import Case

MODULES = ("pickles", "containers", "graphs", "headers", "templates", "repository", "secrets", "benign", "grey")
PICKLE_FAMILY = ("gadget-process", "gadget-code", "gadget-package", "gadget-network", "gadget-file", "pickle-chains")
PICKLE_FAMILY += ("torch", "arrays")


def all_cases() -> tuple[Case, ...]:
    """In the order of their modules, without the held-out set; no two have a name in common."""
    cases = [case for name in MODULES for case in importlib.import_module(f"corpus.{name}").CASES]
    names = [case.name for case in cases]
    if len(set(names)) != len(names):
        raise ValueError(f"names are there twice: {sorted({name for name in names if names.count(name) > 1})}")
    return tuple(cases)


def held_out() -> tuple[Case, ...]:
    """What somebody wrote who had not seen the scanners: found or not, all of it. Never part of a total."""
    from corpus.held_out import CASES, MISSED

    return (*CASES, *MISSED)


def write(folder: Path) -> dict[str, dict[str, str]]:
    """One folder a case, and `LABELS.json`: folder → class, label, why, loader."""
    labels: dict[str, dict[str, str]] = {}
    for number, case in enumerate((*all_cases(), *held_out())):
        place = f"{number:04}-{re.sub(r'[^A-Za-z0-9._-]+', '_', case.name)[:80]}"
        for path, data in case.files().items():
            target = folder / place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        labels[place] = {"klass": case.klass, "label": case.label, "why": case.why, "loader": case.loader}
    (folder / "LABELS.json").write_text(json.dumps(labels, indent=1))
    return labels


if __name__ == "__main__":
    told = write(Path(sys.argv[1]))
    print(f"{len(told)} cases in {sys.argv[1]}")
