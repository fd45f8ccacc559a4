"""CPU of one licence case by the size of its lineage: a chain of changed models, each with data of its own.

python benchmarks/licence_solver.py
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bascule.judge.licensing.case import Case, Edge, Node, build_case
from bascule.judge.licensing.solver import solve
from packs import shipped_pack

LICENCES = ("Llama-3.1", "CC-BY-NC-4.0", "Apache-2.0", "CC-BY-SA-4.0", "MIT", "Gemma", "OpenRAIL-M", "CC-BY-4.0")
SIZES = (2, 5, 20, 100)
ROUNDS = 200


def lineage(size: int) -> Case:
    """`size` artefacts: models each changed from the one before, and data each model was trained on."""
    models = [f"m{index}" for index in range((size + 1) // 2)]
    data = [f"d{index}" for index in range(size // 2)]
    nodes = [Node(name, LICENCES[index % len(LICENCES)]) for index, name in enumerate((*models[:-1], *data))]
    edges = [Edge(a, b, "finetune") for a, b in pairwise(models)]
    edges += [Edge(each, model, "train_on") for each, model in zip(data, models, strict=False)]
    edges += [Edge(data[0], models[-1], "train_on"), Edge(models[0], models[-1], "merge")] if size > 4 else []
    facts = {"commercial": True, "mau": 1e6, "domicile": "DE", "modality": "text", "hosted": True}
    return build_case([*nodes, Node(models[-1])], edges, use="host", facts=facts)


def table() -> str:
    """CPU by size, after the clauses were read once."""
    terms = shipped_pack("default").terms
    started = time.process_time()
    for licence in LICENCES:
        terms.of(licence)
    reading = (time.process_time() - started) * 1e3
    lines = ["| artefacts | edges | median ms CPU | slowest | verdict |", "|---|---|---|---|---|"]
    for size in SIZES:
        case = lineage(size)
        times = []
        for _ in range(ROUNDS):
            started = time.process_time()
            solution = solve(case, terms, date(2026, 11, 25))
            times.append((time.process_time() - started) * 1e3)
        cells = (len(case.nodes), len(case.edges), f"{statistics.median(times):.2f}", f"{max(times):.2f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {solution.verdict} |")
    lines += ["", f"Reading the clauses of {len(LICENCES)} licences takes {reading:.0f} ms CPU, once a process."]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
