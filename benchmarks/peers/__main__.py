"""`python benchmarks/peers FOLDER [PEER…]`: how many cases each peer warns of, by class where `LABELS.json` names them.

LABELS.json: a list of objects, or an object of objects by case name, with `name`, `class` (or `klass`) and `label`.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers import Skipped, peers


def classes(folder: Path) -> Mapping[str, str]:
    """Case → `label: class`; every case in one class where nothing is known of them."""
    labels = folder / "LABELS.json"
    if not labels.is_file():
        return {case.name: "all" for case in folder.iterdir() if case.is_dir()}
    told: Any = json.loads(labels.read_text())
    rows = told.get("cases", told) if isinstance(told, dict) else told
    pairs = rows.items() if isinstance(rows, dict) else ((row.get("name"), row) for row in rows)
    return {
        str(row.get("folder", name)): f"{row.get('label', '')}: {row.get('class', row.get('klass', ''))}"
        for name, row in pairs
    }


def main() -> int:
    """Print a Markdown table: warned of, then `e` for errors."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    known = classes(folder)
    columns: dict[str, Mapping[str, str]] = {}
    for peer in peers():
        if wanted and peer.id not in wanted:
            continue
        try:
            columns[f"{peer.id} {peer.version}"] = peer.verdicts(folder)
        except Skipped as reason:
            print(f"{peer.id} is skipped: {reason}", file=sys.stderr)
    members: dict[str, list[str]] = defaultdict(list)
    for case, name in sorted(known.items()):
        members[name].append(case)
    print(f"| class (cases) | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for name, cases in sorted(members.items()):
        cells = []
        for verdicts in columns.values():
            found, failed = (sum(verdicts.get(case) == what for case in cases) for what in ("finding", "error"))
            cells.append(f"{found}" + (f" +{failed}e" if failed else ""))
        print(f"| {name} ({len(cases)}) | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
