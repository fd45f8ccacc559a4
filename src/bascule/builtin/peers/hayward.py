"""hayward: exit code 0 nothing of severity high, 1 something. What it could not read it lists, and still exits 0."""

from __future__ import annotations

from collections.abc import Sequence

from bascule.plugins.kinds import PeerSays, PeerVerdict
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, alarm_rule, failed, json_within, lines_of, rows, word

_GATED = ("critical", "high")


class Hayward:
    """Reads the JSON that `hayward scan --format json` prints."""

    meta = Meta(
        id="hayward",
        title="hayward: deny-lists and argument heuristics over a dozen formats",
        rules=(alarm_rule("hayward"),),
    )
    distribution = "hayward"
    programs = ("hayward",)
    environment: dict[str, str] = {}

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, "scan", "--format", "json", path]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        if "findings" not in told:
            return failed(code, stdout, stderr)
        findings = list(rows(told["findings"]))
        alarms = tuple(
            alarm(
                word(finding, "file"),
                f"{word(finding, 'severity')} {word(finding, 'rule_id')}: {word(finding, 'message')}",
            )
            for finding in findings
            if word(finding, "severity") in _GATED
        )[:MAX_ALARMS]
        verdict: PeerVerdict = "clean"
        if alarms or code == 1:
            verdict = "finding"
        elif code not in (0, None):
            verdict = "error"
        others = (
            f"{word(row, 'severity')}: {word(row, 'message')}"
            for row in findings
            if word(row, "severity") not in _GATED
        )
        gaps = (f"not covered: {gap}" for gap in _texts(told.get("coverage_gaps")))
        return PeerSays(verdict, alarms, lines_of(*others, *gaps), word(told, "version"))


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [word(item, "file", "path", "reason") if isinstance(item, dict) else str(item) for item in value]


plugin = Hayward()
