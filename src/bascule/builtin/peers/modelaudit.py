"""modelaudit: exit code 0 clean, 1 issues, 2 it failed or could not tell. Its JSON is on stdout.

Its telemetry is on by default and stalls where there is no network; the variables below are its own switches.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bascule.plugins.kinds import PeerSays, PeerVerdict
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, alarm_rule, failed, json_within, lines_of, rows, word

_ALARMING = ("critical", "warning")
_PLACE = re.compile(r" \((?:pos|offset) .*\)$")


class ModelAudit:
    """Reads the JSON that `modelaudit scan --format json` prints."""

    meta = Meta(
        id="modelaudit",
        title="modelaudit: allow-lists, deny-lists and patterns over some forty formats",
        rules=(alarm_rule("modelaudit"),),
    )
    distribution = "modelaudit"
    programs = ("modelaudit",)
    environment = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "DO_NOT_TRACK": "1"}

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, "scan", "--format", "json", "--no-cache", path]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        if "issues" not in told:
            return failed(code, stdout, stderr)
        issues = list(rows(told["issues"]))
        alarms = tuple(
            alarm(_PLACE.sub("", word(issue, "location")), f"{word(issue, 'severity')}: {word(issue, 'message')}")
            for issue in issues
            if word(issue, "severity") in _ALARMING
        )[:MAX_ALARMS]
        verdict: PeerVerdict = "clean"
        if code == 1 or alarms:  # with 2, what it found before it failed is a finding all the same
            verdict = "finding"
        elif not told.get("files_scanned"):
            verdict = "not-scanned"
        elif code not in (0, None) or told.get("has_errors") is True or told.get("success") is False:
            verdict = "error"
        others = (word(issue, "message") for issue in issues if word(issue, "severity") not in _ALARMING)
        return PeerSays(verdict, alarms, lines_of(*others))


plugin = ModelAudit()
