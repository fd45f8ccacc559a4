"""What is found in files that harm, what alarms in files that do not, beside the other scanners: same files, same run.

The corpus is built by `tests/corpus`; the labels are its own, and it was written knowing that lists of bad names are
weak, so read the columns as a ranking of designs. A case is found when a scanner's default gate alarms: for ours, a
`true` finding of medium or above. The second figure of a cell counts errors, which are no answer. A peer that cannot be
installed has no column, and the reason stands below.

BASCULE_BED: a folder of real model files, whose every weight file is one more honest case. BASCULE_SAMPLES: a folder of
samples that peers publish, a sub-folder each. BASCULE_PEERS_ONLY: names of peers, for a quick run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from peers import Skipped, peers

from bascule.collect.intake import IntakeLimits, take_in
from bascule.collect.scan.in_process import examine_in_process
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.registry import discover
from bascule.records import Outcome, Severity
from corpus.whole import PICKLE_FAMILY, write

_WEIGHTS = (".safetensors", ".gguf", ".onnx", ".pt", ".pth", ".bin", ".pkl", ".pickle", ".joblib", ".h5", ".tflite")
_WEIGHTS += (".jit", ".ftz", ".pb", ".mlmodel", ".lz4", ".npy", ".npz", ".zip")
Verdicts = Mapping[str, str]


def ours(folder: Path) -> dict[str, str]:
    """Our verdict on each sub-folder: finding, error or clean, and `malicious` or `grey` behind a finding."""
    scanners = discover("scanners")
    verdicts = {}
    for case in sorted(place for place in folder.iterdir() if place.is_dir()):
        with tempfile.TemporaryDirectory() as work:
            inventory = take_in(Fetched(case.name, case), Workspace(Path(work)), IntakeLimits())
            examined = examine_in_process(inventory, scanners)
        findings = [item for told in examined.observations.values() for item in told.findings]
        alarms = [item.severity for item in findings if item.outcome is Outcome.TRUE]
        unclear = any(item.outcome in (Outcome.ERROR, Outcome.NOT_AVAILABLE) for item in findings)
        if any(severity.rank >= Severity.MEDIUM.rank for severity in alarms):
            verdicts[case.name] = "finding"
        else:
            verdicts[case.name] = "error" if unclear or inventory.notes or examined.failed else "clean"
    return verdicts


def real_files(bed: Path, into: Path) -> int:
    """A sub-folder with a link for each file of weights under a folder; how many."""
    count = 0
    for path in sorted(bed.rglob("*")):
        labelled = path.relative_to(bed).parts[0] == "data"  # sets of attacks and secrets, not models
        if path.is_file() and path.name.lower().endswith(_WEIGHTS) and path.stat().st_size and not labelled:
            place = into / f"{count:04}-{path.name}"
            place.mkdir()
            os.link(path, place / path.name) if _same_disk(path, into) else _copy(path, place / path.name)
            count += 1
    return count


def _same_disk(path: Path, into: Path) -> bool:
    return path.stat().st_dev == into.stat().st_dev


def _copy(path: Path, target: Path) -> None:
    shutil.copyfile(path, target)


def columns(folder: Path, reasons: dict[str, str]) -> dict[str, Verdicts]:
    """Ours first, then each peer that can be had."""
    wanted = os.environ.get("BASCULE_PEERS_ONLY", "").split()
    told: dict[str, Verdicts] = {"bascule": ours(folder)}
    for peer in peers():
        if wanted and peer.id not in wanted:
            continue
        try:
            told[f"{peer.id} {peer.version}"] = peer.verdicts(folder)
        except Skipped as reason:
            reasons[peer.id] = str(reason)
    return told


def _row(name: str, cases: Iterable[str], told: Mapping[str, Verdicts], share: bool = False) -> str:
    listed = list(cases)
    cells = []
    for verdicts in told.values():
        found = sum(verdicts.get(case) == "finding" for case in listed)
        failed = sum(verdicts.get(case) == "error" for case in listed)
        cells.append(f"{100 * found / len(listed):.1f} %" if share else f"{found}" + (f" +{failed}e" if failed else ""))
    return f"| {name} ({len(listed)}) | " + " | ".join(cells) + " |"


def table() -> str:
    """The Markdown tables."""
    reasons: dict[str, str] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bascule-corpus-") as base:
        folder = Path(base, "corpus")
        folder.mkdir()
        labels = write(folder)
        told = columns(folder, reasons)
        lines += [f"| class (cases) | {' | '.join(told)} |", f"|---|{'---|' * len(told)}"]
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for case, label in labels.items():
            groups[label["label"], label["klass"]].append(case)
        for (label, klass), cases in groups.items():
            lines.append(_row(f"{label}: {klass}", cases, told))
        # The held-out set is a row of its own: written without a look at our scanners, and mended for afterwards.
        counted = {case: label for case, label in labels.items() if label["klass"] != "held-out"}
        harmful = [case for case, label in counted.items() if label["label"] == "malicious"]
        family = [case for case in harmful if labels[case]["klass"] in PICKLE_FAMILY]
        for name, cases in (
            ("**all that harm**", harmful),
            ("**the pickle family**", family),
            ("**secrets**", [case for case, label in labels.items() if label["label"] == "secret"]),
            ("**false alarms, honest**", [case for case, label in labels.items() if label["label"] == "benign"]),
        ):
            lines.append(_row(name, cases, told, share=True))
        missed = [case for case in harmful if told["bascule"][case] != "finding"]
        lines += ["", f"Missed by bascule: {', '.join(missed) or 'none'}. Harmful and called clean by it: "]
        lines[-1] += ", ".join(case for case in missed if told["bascule"][case] == "clean") or "none"
        lines[-1] += "."
        for variable, title in (("BASCULE_BED", "real files of weights"), ("BASCULE_SAMPLES", "peers' own samples")):
            if place := os.environ.get(variable):
                lines += ["", *_others(Path(place), title, Path(base), variable == "BASCULE_BED", reasons)]
    lines += [f"- {peer} is not here: {reason}" for peer, reason in sorted(reasons.items())]
    return "\n".join(lines)


def _others(place: Path, title: str, base: Path, real: bool, reasons: dict[str, str]) -> list[str]:
    folder = place
    if real:
        folder = base / "real"
        folder.mkdir()
        real_files(place, folder)
    told = columns(folder, reasons)
    cases = sorted(child.name for child in folder.iterdir() if child.is_dir())
    alarms = [case for case in cases if told["bascule"][case] == "finding"]
    return [
        f"| {title} | {' | '.join(told)} |",
        f"|---|{'---|' * len(told)}",
        _row("alarms", cases, told),
        _row("share", cases, told, share=True),
        "",
        f"{'Alarmed' if real else 'Found'} by bascule: {json.dumps(alarms) if real else len(alarms)}.",
    ]
