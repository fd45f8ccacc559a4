"""modelscan: exit code 0 clean, 1 issues, 2 it failed, 3 nothing scanned, 4 wrong usage. Its JSON is on stdout."""

from __future__ import annotations

from collections.abc import Sequence

from bascule.plugins.kinds import PeerSays, PeerVerdict
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, alarm_rule, failed, json_within, lines_of, number, part, rows, word


class ModelScan:
    """Reads the JSON that `modelscan scan -r json` prints."""

    meta = Meta(
        id="modelscan",
        title="modelscan: a deny-list over pickle, Keras and SavedModel",
        rules=(alarm_rule("modelscan"),),
    )
    distribution = "modelscan"
    programs = ("modelscan",)
    environment = {"COLUMNS": "1000000"}  # it prints JSON through a terminal library, which wraps lines

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, "scan", "-p", path, "-r", "json"]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        summary = part(told, "summary")
        if not summary:
            return failed(code, stdout, stderr)
        alarms = tuple(
            alarm(word(issue, "source"), f"{word(issue, 'severity')}: {word(issue, 'description')}")
            for issue in rows(told.get("issues"))
        )[:MAX_ALARMS]
        errors = tuple(f"{word(row, 'category')}: {word(row, 'description')}" for row in rows(told.get("errors")))
        verdict: PeerVerdict = "clean"
        if alarms or number(summary, "total_issues"):
            verdict = "finding"
        elif errors or code in (2, 4):
            verdict = "error"
        elif not number(part(summary, "scanned"), "total_scanned"):
            verdict = "not-scanned"
        return PeerSays(verdict, alarms, lines_of(*errors), word(summary, "modelscan_version"))


plugin = ModelScan()
