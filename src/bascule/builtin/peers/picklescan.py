"""picklescan: exit code 0 clean, 1 dangerous globals, 2 it failed. It prints text only.

A pickle that it cannot parse, and a global that it does not know, leave its exit code at 0; both are told as lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bascule.plugins.kinds import PeerSays, PeerVerdict
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, alarm_rule, failed, lines_of

_COUNT = re.compile(r"^(Scanned files|Infected files|Suspicious globals): (\d{1,9})$", re.MULTILINE)


class PickleScan:
    """Reads the lines and the counts that `picklescan -p` prints."""

    meta = Meta(
        id="picklescan",
        title="picklescan: a deny-list over the globals of pickles",
        rules=(alarm_rule("picklescan"),),
    )
    distribution = "picklescan"
    programs = ("picklescan",)
    environment: dict[str, str] = {}

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, "-p", path]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        # Where its talk goes differs between versions; a folder of results may hold either.
        text = f"{stdout}\n{stderr}"
        counts = {name: int(count) for name, count in _COUNT.findall(text)}
        if "Scanned files" not in counts:
            return failed(code, text)
        found = [line for line in text.splitlines() if line.endswith(" FOUND")][:MAX_ALARMS]
        alarms = tuple(alarm(*_parts(line.removesuffix(" FOUND"))) for line in found)
        verdict: PeerVerdict = "clean"
        if alarms or counts.get("Infected files") or code == 1:
            verdict = "finding"
        elif code not in (0, None):
            verdict = "error"
        elif not counts["Scanned files"]:
            verdict = "not-scanned"
        said = [line for line in text.splitlines() if line.startswith(("WARNING", "ERROR"))]
        if unknown := counts.get("Suspicious globals"):
            said.append(f"suspicious globals: {unknown}")
        return PeerSays(verdict, alarms, lines_of(*said))


def _parts(line: str) -> tuple[str, str]:
    """`PATH: dangerous import 'posix system'`; both ends are the file's to choose, so no pattern is matched."""
    path, _, what = line.partition(" import '")[0].rpartition(": ")
    return path, f"{what}{line[len(path) + 2 + len(what) :]}" if path else line


plugin = PickleScan()
