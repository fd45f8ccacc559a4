"""fickling: exit code 0 likely safe, 1 unsafe, 2 it failed. It writes JSON to a file, here to stdout.

It opens pickles alone; a file that holds none it calls unparsable, which is `not-scanned`.
"""

from __future__ import annotations

from collections.abc import Sequence

from bascule.plugins.kinds import PeerSays
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, alarm_rule, failed, json_within, lines_of, word

_SAFE = ("LIKELY_SAFE",)


class Fickling:
    """Reads the JSON that `fickling --check-safety --json-output` writes."""

    meta = Meta(
        id="fickling",
        title="fickling: symbolic analysis of plain pickles",
        rules=(alarm_rule("fickling"),),
    )
    distribution = "fickling"
    programs = ("fickling",)
    environment: dict[str, str] = {}

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, "--check-safety", "--json-output", "/dev/stdout", path]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        severity = word(told, "severity")
        if not severity:
            if "No pickle files detected" in stdout or "No pickle files detected" in stderr:
                return PeerSays("not-scanned", lines=("it detected no pickle",))
            return failed(code, stdout, stderr)
        if severity in _SAFE and code in (0, None):
            return PeerSays("clean")
        reasons = lines_of(word(told, "analysis"))[:MAX_ALARMS]
        return PeerSays("finding", tuple(alarm("", reason) for reason in reasons or (severity,)), (severity,))


plugin = Fickling()
