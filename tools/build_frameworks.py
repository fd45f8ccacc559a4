"""Compares `nist-ai-600-1` with the package that carries the publication's table, and says where they differ.

The PyPI package `ai-atlas-nexus` (Apache-2.0) holds the 212 actions with the risks that each addresses. Its table lost
some of them in extraction; `LACKING` names what it lacks, as a second copy of the publication has it, so that any other
difference is an error of ours, or news. Only ids and risks are taken; titles are our own. See NOTICE.

    pip download --no-deps ai-atlas-nexus
    python tools/build_frameworks.py --nexus ai_atlas_nexus-*.whl

Exit 1 if ids or risks differ.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CONTROLS = Path(__file__).parents[1] / "src/bascule/builtin/frameworks/nist-ai-600-1/controls"
TABLE = "ai_atlas_nexus/data/knowledge_graph/nist_ai_rmf_actions_data.yaml"

RISKS = {
    "nist-cbrn-information-or-capabilities": "CBRN information or capabilities",
    "nist-confabulation": "confabulation",
    "nist-dangerous-violent-or-hateful-content": "dangerous, violent or hateful content",
    "nist-data-privacy": "data privacy",
    "nist-environmental-impacts": "environmental impacts",
    "nist-harmful-bias-and-homogenization": "harmful bias and homogenisation",
    "nist-human-ai-configuration": "human-AI configuration",
    "nist-information-integrity": "information integrity",
    "nist-information-security": "information security",
    "nist-intellectual-property": "intellectual property",
    "nist-obscene-degrading-and-or-abusive-content": "obscene, degrading or abusive content",
    "nist-value-chain-and-component-integration": "value chain and component integration",
}

NEVER_TOLD = frozenset({"environmental impacts", "harmful bias and homogenisation"})
"""Risks that the package ties to no action, since the publication's table spells them otherwise than its list."""

_CBRN, _HUMAN, _INTEGRITY = "CBRN information or capabilities", "human-AI configuration", "information integrity"
LACKING: Mapping[str, frozenset[str]] = {
    "GV-1.3-006": frozenset({_CBRN}),
    "GV-1.3-007": frozenset({_CBRN}),
    "GV-1.7-002": frozenset({_HUMAN}),
    "GV-4.1-002": frozenset({_CBRN}),
    "MG-2.4-001": frozenset({_HUMAN}),
    "MG-3.2-004": frozenset({"dangerous, violent or hateful content", _HUMAN}),
    "MG-4.1-007": frozenset({_HUMAN, _INTEGRITY}),
    "MS-2.10-001": frozenset({"intellectual property"}),
    "MS-2.2-002": frozenset({_HUMAN}),
}
"""Risks of an action that the package lacks beside `NEVER_TOLD`."""


def told_by_package(wheel: Path) -> dict[str, set[str]]:
    """Action id to risks, in our words."""
    with zipfile.ZipFile(wheel) as archive:
        table = yaml.safe_load(archive.read(TABLE))
    return {row["id"]: {RISKS[risk] for risk in row.get("hasRelatedRisk", ())} for row in table["actions"]}


def told_by_us(folder: Path = CONTROLS) -> dict[str, set[str]]:
    """The same from the notes of our controls."""
    rows: list[dict[str, Any]] = [
        row for path in sorted(folder.glob("*.yaml")) for row in yaml.safe_load(path.read_text("utf-8"))["controls"]
    ]
    return {row["id"]: risks_of(row["note"]) for row in rows}


def risks_of(note: str) -> set[str]:
    """The risks that a note begins with: `risks: data privacy; information security. more words`."""
    return set(note.removeprefix("risks: ").split(". ")[0].split("; "))


def differences(theirs: Mapping[str, set[str]], ours: Mapping[str, set[str]]) -> list[str]:
    """One line a difference that `LACKING` does not explain."""
    lines = [f"{action}: only the package has it" for action in sorted(theirs.keys() - ours.keys())]
    lines += [f"{action}: the package does not have it" for action in sorted(ours.keys() - theirs.keys())]
    for action in sorted(theirs.keys() & ours.keys()):
        lost = theirs[action] - ours[action]
        added = ours[action] - theirs[action] - NEVER_TOLD - LACKING.get(action, frozenset())
        lines += [f"{action}: ours lacks {risk}" for risk in sorted(lost)]
        lines += [f"{action}: the package lacks {risk}" for risk in sorted(added)]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nexus", type=Path, required=True, help="the wheel of ai-atlas-nexus")
    found = differences(told_by_package(parser.parse_args().nexus), told_by_us())
    sys.stdout.write("".join(f"{line}\n" for line in found) or "ids and risks agree\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
