"""Runs inside a detector's environment: `python licence_worker.py NAME CASES`. Standard library only.

CASES has a text as JSON on each line. One line of JSON on stdout: {"load_seconds", "load_cpu_seconds", "peak_mib",
"version", "answers": [{"said", "strict", "cpu_ms"}, …]}. said: names that it gives the text by its defaults;
strict: the same, but only where it calls itself certain. Load is everything up to the first answer to a text that is
none.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Answer = tuple[list[str], list[str]]


def ours() -> Callable[[str], Answer]:
    """`bascule.plugins.readers.licences.identify`."""
    from bascule.plugins.readers.licences import identify

    def ask(text: str) -> Answer:
        match = identify(text)
        exact = list(match.ids) if match.kind == "exact" else []
        return exact, exact

    return ask


def scancode() -> Callable[[str], Answer]:
    """The function behind `scancode --license`; certain where every match scores 100."""
    from scancode.api import get_licenses

    folder = Path(tempfile.mkdtemp(prefix="licences-"))

    def ask(text: str) -> Answer:
        path = folder / "LICENSE"
        path.write_text(text, "utf-8")
        told = get_licenses(str(path))
        said = [told["detected_license_expression"]] if told["detected_license_expression"] else []
        matches = [match for detection in told["license_detections"] for match in detection["matches"]]
        return said, said if matches and all(match["score"] == 100 for match in matches) else []

    return ask


def licenseclassifier() -> Callable[[str], Answer]:
    """`identify_license`; it knows no degrees of certainty."""
    from licenseclassifier import identify_license

    def ask(text: str) -> Answer:
        said = sorted({found.id for found in identify_license(text)})
        return said, said

    return ask


def peak_mib() -> float:
    """Most memory that this program has had; `getrusage` would count the one that started it too."""
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    """Answer every case, in order."""
    started, cpu = time.perf_counter(), time.process_time()
    maker = {"ours": ours, "scancode": scancode, "licenseclassifier": licenseclassifier}[sys.argv[1]]
    ask = maker()
    ask("Bring cake on Mondays, and share what is left of it with those who water the plants.")
    loaded = time.perf_counter() - started, time.process_time() - cpu
    answers = []
    with Path(sys.argv[2]).open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)
            before = time.process_time()
            said, strict = ask(text)
            answers.append({"said": said, "strict": strict, "cpu_ms": 1000 * (time.process_time() - before)})
    distribution = {"ours": "bascule", "scancode": "scancode-toolkit"}.get(sys.argv[1], sys.argv[1])
    document = {
        "version": importlib.metadata.version(distribution),
        "load_seconds": loaded[0],
        "load_cpu_seconds": loaded[1],
        "peak_mib": peak_mib(),
        "answers": answers,
    }
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    os.nice(5)
    main()
