"""What tests of peers share: programs that stand where a peer's would, and print what a peer prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PRINTS = {
    "modelscan": {
        "finding": json.dumps(
            {
                "summary": {
                    "total_issues": 1,
                    "modelscan_version": "0.8.8",
                    "scanned": {"total_scanned": 1, "scanned_files": ["model.pt:archive/data.pkl"]},
                },
                "issues": [
                    {
                        "description": "Use of unsafe operator 'system' from module 'posix'",
                        "source": "model.pt:archive/data.pkl",
                        "severity": "CRITICAL",
                    }
                ],
                "errors": [],
            }
        ),
        "clean": json.dumps({"summary": {"total_issues": 0, "scanned": {"total_scanned": 1}}, "issues": []}),
        "not-scanned": json.dumps({"summary": {"total_issues": 0, "scanned": {"total_scanned": 0}}, "errors": []}),
        "error": json.dumps(
            {
                "summary": {"total_issues": 0, "scanned": {"total_scanned": 0}},
                "errors": [{"category": "PICKLE_GENOPS", "description": "parsing error", "source": "model.pt"}],
            }
        ),
    },
    "picklescan": {
        "finding": "model.pt:archive/data.pkl: dangerous import 'posix system' FOUND\n"
        "----------- SCAN SUMMARY -----------\nScanned files: 1\nInfected files: 1\n",
        "clean": "----------- SCAN SUMMARY -----------\nScanned files: 1\nInfected files: 0\nSuspicious globals: 1\n",
        "not-scanned": "----------- SCAN SUMMARY -----------\nScanned files: 0\nInfected files: 0\n",
        "error": "ERROR: parsing pickle in model.pt\n",
    },
    "fickling": {
        "finding": json.dumps({"severity": "LIKELY_UNSAFE", "analysis": "`from posix import system` is suspicious"})
        + "Warning: Fickling detected that the pickle file may be unsafe.\n",
        "clean": json.dumps({"severity": "LIKELY_SAFE", "analysis": "nothing", "detailed_results": {}}),
        "not-scanned": "Fickling failed to parse this pickle file. Error: No pickle files detected\n",
        "error": "Traceback (most recent call last):\n  ModuleNotFoundError\n",
    },
    "modelaudit": {
        "finding": "12:00 - modelaudit.scanners - CRITICAL - recorded\n"
        + json.dumps(
            {
                "issues": [
                    {
                        "message": "REDUCE invokes posix.system",
                        "severity": "critical",
                        "location": "/x/model.pt (pos 35)",
                    },
                    {"message": "a licence is missing", "severity": "info", "location": "/x"},
                ],
                "files_scanned": 1,
                "has_errors": False,
            }
        ),
        "clean": json.dumps({"issues": [], "files_scanned": 1, "has_errors": False, "success": True}),
        "not-scanned": json.dumps({"issues": [], "files_scanned": 0, "has_errors": False}),
        "error": json.dumps({"issues": [], "files_scanned": 1, "has_errors": True}),
    },
    "hayward": {
        "finding": json.dumps(
            {
                "version": "1.4.1",
                "findings": [
                    {"rule_id": "MFV-1", "message": "posix.system", "severity": "critical", "file": "model.pt"}
                ],
                "coverage_gaps": [],
            }
        ),
        "clean": json.dumps({"version": "1.4.1", "findings": [{"severity": "info", "message": "x"}]}),
        "error": "usage: hayward [-h]\n",
    },
}
"""peer → verdict → what it prints to stdout when that is its verdict; in words of ours, in the shape of theirs"""

EXITS = {
    "modelscan": {"finding": 1, "clean": 0, "not-scanned": 3, "error": 3},
    "picklescan": {"finding": 1, "clean": 0, "not-scanned": 0, "error": 2},
    "fickling": {"finding": 1, "clean": 0, "not-scanned": 2, "error": 1},
    "modelaudit": {"finding": 1, "clean": 0, "not-scanned": 0, "error": 2},
    "hayward": {"finding": 1, "clean": 0, "error": 2},
}


def stand_in(folder: Path, peer: str, body: str) -> Path:
    """An environment in `folder` in which the peer's program is this Python; `FOUND` is what it should print."""
    bin_ = folder / peer / "bin"
    bin_.mkdir(parents=True)
    program = bin_ / peer
    program.write_text(f"#!{sys.executable} -S\nimport os, sys, time\nFOUND = {PRINTS[peer]['finding']!r}\n{body}\n")
    program.chmod(0o755)
    info = folder / peer / "lib" / "python3.11" / "site-packages" / f"{peer}-9.9.dist-info"
    info.mkdir(parents=True)
    return program


def answering(folder: Path, peer: str, verdict: str) -> Path:
    """An environment in which the peer has that verdict of everything."""
    text, code = PRINTS[peer][verdict], EXITS[peer][verdict]
    return stand_in(folder, peer, f"print({text!r})\nsys.exit({code})")
