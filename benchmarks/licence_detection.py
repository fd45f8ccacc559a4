"""Which licence is this text: ours beside scancode-toolkit and licenseclassifier, on the same texts in the same run.

The texts are taken at run time from packages that carry them (scancode's licence data, CC-BY-4.0; SPDX's, CC0-1.0; the
wheel of deepfloyd_if) into `.cache/licences/`, and are not kept. Three kinds of case: a text as it is published, the
same laid out otherwise, and one whose terms were changed (`tests/corpus/licences.py`). Our table and scancode's index
were both built from such texts, so that `as published` says little of either; the other two were built from nothing.

`python benchmarks/licence_detection.py [--ours]`: `--ours` asks only our own detector, with every case.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
CACHE = ROOT / ".cache" / "licences"
sys.path[:0] = [str(FOLDER), str(ROOT / "tests"), str(ROOT / "tools")]

from build_licence_hashes import MODEL_LICENCES, read_scancode, read_spdx, read_wheels  # noqa: E402
from peers.environment import Skipped, prepare  # noqa: E402

from bascule.plugins.readers.licences import other_names, same  # noqa: E402
from corpus.licences import layouts, mutants  # noqa: E402

WHEELS = ("scancode-toolkit==32.5.0", "deepfloyd_if==1.0.1")
SPDX = "spdx-license-list@6.12.0"
ORDINARY = (
    "MIT", "MIT-0", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "GPL-2.0-only", "GPL-3.0-only",
    "LGPL-2.1-only", "LGPL-3.0-only", "AGPL-3.0-only", "MPL-2.0", "EPL-2.0", "EUPL-1.2", "CC-BY-4.0",
    "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-ND-4.0", "CC-BY-NC-SA-4.0", "CC0-1.0", "Unlicense", "Zlib", "BSL-1.0",
    "OFL-1.1", "Artistic-2.0", "PSF-2.0", "CDLA-Permissive-2.0", "C-UDA-1.0", "ODbL-1.0", "PDDL-1.0", "OpenMDW-1.0",
)  # fmt: skip
# What peers are asked: they take two orders of magnitude longer.
LAYOUTS_ASKED = 3
MUTANTS_ASKED = 3
PEERS = (("scancode", "licences/scancode"), ("licenseclassifier", "licences/licenseclassifier"))


@dataclass(frozen=True)
class Case:
    """names: every name under which a detector may give this licence; empty for terms that are nobody's."""

    kind: str
    what: str
    names: frozenset[str]
    text: str


def fetch() -> None:
    """Put the packages into `.cache/licences`, where they are not there yet."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if len(list(CACHE.glob("*.whl"))) < len(WHEELS):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(CACHE), *WHEELS]
        subprocess.run(pip, check=True)
    if not list(CACHE.glob("spdx-license-list-*.tgz")):
        subprocess.run(["npm", "pack", "-s", SPDX], cwd=CACHE, check=True, stdout=subprocess.DEVNULL)


def texts() -> Iterator[tuple[str, frozenset[str], str]]:
    """(what, names, text): the model licences, then the ordinary ones."""
    fetch()
    keys = {
        licence: frozenset(k for k, i in MODEL_LICENCES.items() if i == licence) for licence in MODEL_LICENCES.values()
    }
    for key, row, text in read_scancode(next(CACHE.glob("scancode_toolkit-*.whl"))):
        if licence := MODEL_LICENCES.get(key):
            yield key, keys[licence] | {licence, row.get("spdx_license_key", licence)}, text.strip("\n")
    for licence, text in read_wheels(sorted(CACHE.glob("deepfloyd_if-*.whl"))):
        yield licence, frozenset((licence,)), text
    spdx = read_spdx(next(CACHE.glob("spdx-license-list-*.tgz")))
    for licence in ORDINARY:
        known = [name for name in spdx if same(name, licence.removesuffix("-only"))]
        names = {licence.removesuffix("-only"), *known, *(key for name in known for key in other_names(name).scancode)}
        yield licence, frozenset(names), spdx[licence][1]


def cases(*, every: bool) -> list[Case]:
    """All of them, or for the peers' sake a part: by counting, so that it is the same part each time."""
    found = []
    for place, (what, names, text) in enumerate(texts()):
        found.append(Case("as published", what, names, text))
        laid = [item for item in layouts(text).items() if item[0] != "as it is"]
        changed = list(mutants(text))
        for name, other in laid if every else _part(laid, LAYOUTS_ASKED, place):
            found.append(Case("laid out otherwise", f"{what}: {name}", names, other))
        for mutant in changed if every else _part(changed, MUTANTS_ASKED, place):
            found.append(Case("terms changed", f"{what}: {mutant.name}", frozenset(), mutant.text))
    return found


def _part(items: Sequence[Any], count: int, offset: int) -> list[Any]:
    step = max(1, len(items) // count)
    return [items[(offset + number * step) % len(items)] for number in range(min(count, len(items)))]


def ask(name: str, python: str, asked: Sequence[Case]) -> Mapping[str, Any]:
    """What one detector says of every case, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "cases.jsonl"
        path.write_text("".join(f"{json.dumps(case.text)}\n" for case in asked), "utf-8")
        command = [python, str(FOLDER / "peers" / "licence_worker.py"), name, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
    if done.returncode:
        raise Skipped((done.stderr.strip().splitlines() or ["it failed"])[-1])
    told: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def verdict(case: Case, said: Sequence[str]) -> str:
    """right, wrong or unknown; of changed terms, that nobody knows them is right."""
    if not said:
        return "unknown" if case.names else "right"
    return "right" if case.names and set(said) <= case.names else "wrong"


def _rows(name: str, told: Mapping[str, Any], asked: Sequence[Case], key: str) -> str:
    cells = []
    for kind in ("as published", "laid out otherwise", "terms changed"):
        pairs = [(case, answer) for case, answer in zip(asked, told["answers"], strict=True) if case.kind == kind]
        counted = Counter(verdict(case, answer[key]) for case, answer in pairs)
        cells.append(f"{counted['right']} / **{counted['wrong']}** / {counted['unknown']}")
    spent = sorted(answer["cpu_ms"] for answer in told["answers"])
    cells += [
        f"{statistics.fmean(spent):.1f}",
        f"{statistics.median(spent):.1f}",
        f"{spent[int(len(spent) * 0.99)]:.0f}",
        f"{spent[-1]:.0f}",
    ]
    cells += [f"{told['load_cpu_seconds']:.2f}", f"{told['peak_mib']:.0f}"]
    return f"| {name} | " + " | ".join(cells) + " |"


def table(*, alone: bool = False) -> str:
    """right / wrong / unknown by kind of case; CPU ms a text; what loading takes."""
    asked = cases(every=alone)
    counts = Counter(case.kind for case in asked)
    head = " | ".join(f"{kind} ({counts[kind]})" for kind in ("as published", "laid out otherwise", "terms changed"))
    lines = [
        f"| right / **wrong** / unknown | {head} | mean ms | median ms | p99 ms | max ms | load CPU s | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    told = {"bascule": ask("ours", sys.executable, asked)}
    lines.append(_rows("bascule", told["bascule"], asked, "said"))
    wrong = _wrong("bascule", told["bascule"], asked)
    for name, environment in () if alone else PEERS:
        try:
            answers = ask(name, str(prepare(environment, (11,)) / "bin" / "python"), asked)
        except Skipped as reason:
            lines.append(f"| {name} | skipped: {reason} | | | | | | | | |")
            continue
        told[name] = answers
        lines.append(_rows(f"{name} {answers['version']}, as it prints", answers, asked, "said"))
        if any(answer["said"] != answer["strict"] for answer in answers["answers"]):
            lines.append(_rows(f"{name}, where every match scores 100", answers, asked, "strict"))
        wrong += _wrong(name, answers, asked, only_unchanged=True)
    spent = {name: [answer["cpu_ms"] for answer in answers["answers"]] for name, answers in told.items()}
    own = spent["bascule"]
    ratios = [
        f"{name} takes {statistics.median(each) / statistics.median(own):.1f} times as long at the median and "
        f"{sum(each) / sum(own):.1f} times in all"
        for name, each in spent.items()
        if name != "bascule"
    ]
    return "\n".join([*lines, "", *(["; ".join(ratios) + "."] if ratios else []), *wrong])


def _wrong(name: str, told: Mapping[str, Any], asked: Sequence[Case], *, only_unchanged: bool = False) -> list[str]:
    """The wrong identities, by name; of a peer only those of texts that nobody changed."""
    found = [
        f"- {name} calls `{case.what}` {', '.join(f'`{each}`' for each in answer['said'])}"
        for case, answer in zip(asked, told["answers"], strict=True)
        if verdict(case, answer["said"]) == "wrong" and (case.names or not only_unchanged)
    ]
    return ["", *found] if found else []


if __name__ == "__main__":
    print(table(alone="--ours" in sys.argv[1:]))
