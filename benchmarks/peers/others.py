"""How the peers are asked that the product itself has no adapter for: the same two methods as those in
`bascule.builtin.peers`, and the same rule: a verdict is the peer's own, by its default gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bascule.plugins.kinds import PeerSays, PeerVerdict
from bascule.plugins.meta import Meta
from bascule.plugins.peers import MAX_ALARMS, alarm, failed, json_within, lines_of, number, part, rows, word


@dataclass(frozen=True)
class Other:
    """What all of them have. arguments: after the program; `{}` stands for the path."""

    id: str
    distribution: str
    program: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def meta(self) -> Meta:
        return Meta(id=self.id, title=self.distribution)

    @property
    def programs(self) -> Sequence[str]:
        return (self.program,)

    def command(self, program: str, path: str) -> Sequence[str]:
        return [program, *(path if argument == "{}" else argument for argument in self.arguments)]

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        raise NotImplementedError


class ModelWarden(Other):
    """Exit code 0, 1 something of severity high, 2 wrong usage."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        if "findings" not in told:
            return failed(code, stdout, stderr)
        found = list(rows(told["findings"]))
        gated = [row for row in found if word(row, "severity") in ("critical", "high")]
        alarms = tuple(alarm(word(row, "path"), f"{word(row, 'rule_id')}: {word(row, 'message')}") for row in gated)
        verdict: PeerVerdict = "clean" if number(part(told, "summary"), "scanned") else "not-scanned"
        if alarms or code == 1:
            verdict = "finding"
        elif code not in (0, None):
            verdict = "error"
        others = (f"{word(row, 'severity')}: {word(row, 'message')}" for row in found if row not in gated)
        return PeerSays(verdict, alarms[:MAX_ALARMS], lines_of(*others), word(part(told, "tool"), "version"))


class MlSupplyScan(Other):
    """Exit code 0 allow, 1 review, 2 block, 3 it failed; review and block both stop a pipeline."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        if "findings" not in told:
            return failed(code, stdout, stderr)
        worst = ("CRITICAL", "HIGH", "MEDIUM")
        alarms = tuple(
            alarm(word(row, "location"), f"{word(row, 'severity')} {word(row, 'rule_id')}: {word(row, 'title')}")
            for row in rows(told["findings"])
            if word(row, "severity") in worst
        )
        verdict: PeerVerdict = "finding" if code in (1, 2) else "clean" if code == 0 else "error"
        return PeerSays(
            verdict, alarms[:MAX_ALARMS] if verdict == "finding" else (), version=word(told, "scanner_version")
        )


class AisBom(Other):
    """Exit code 0, 2 a critical risk, 1 it failed. It prints tables."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        lines = lines_of(*(line for line in stdout.splitlines() if "CRITICAL" in line or "Risk" in line))
        if code == 2 and "CRITICAL" in stdout:
            return PeerSays("finding", (alarm("", " ".join(lines[:3])),), lines)
        if code == 0:
            return PeerSays("not-scanned" if "No AI" in stdout else "clean", lines=lines)
        return failed(code, stdout, stderr)


class Canary(Other):
    """c4nary: exit code 0, 2 something of level FAIL or wrong usage, more for a file that it cannot read."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        summary = part(told, "summary")
        if "findings" not in told or not summary:
            return failed(code, stdout, stderr)
        found = list(rows(told["findings"]))
        alarms = tuple(
            alarm(word(row, "location"), f"{word(row, 'rule_id')}: {word(row, 'detail')}")
            for row in found
            if word(row, "severity") == "FAIL"
        )
        verdict: PeerVerdict = "finding" if number(summary, "fail") else "clean" if code == 0 else "error"
        others = (word(row, "detail") for row in found if word(row, "severity") == "WARN")
        return PeerSays(verdict, alarms[:MAX_ALARMS], lines_of(*others), word(told, "tool_version"))


class GlyphHound(Other):
    """Exit code 0, 1 a reachable sink, 2 it could not scan."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        if "findings" not in told:
            return failed(code, stdout, stderr)
        found = rows(told["findings"])
        alarms = tuple(alarm("", f"{word(row, 'rule_id')}: {word(row, 'evidence')}") for row in found)
        verdict: PeerVerdict = "finding" if code == 1 else "clean" if code == 0 else "error"
        shown = alarms[:MAX_ALARMS] if verdict == "finding" else ()
        return PeerSays(verdict, shown, version=word(told, "version"))


class DetectSecrets(Other):
    """Exit code 0 whatever it finds; what it finds is in `results`."""

    def parse(self, code: int | None, stdout: str, stderr: str) -> PeerSays:
        told = json_within(stdout)
        results = told.get("results")
        if not isinstance(results, dict):
            return failed(code, stdout, stderr)
        alarms = tuple(
            alarm(str(path), f"{word(row, 'type')} in line {word(row, 'line_number')}")
            for path, found in results.items()
            for row in rows(found)
        )
        return PeerSays("finding" if alarms else "clean", alarms[:MAX_ALARMS], version=word(told, "version"))


OTHERS: tuple[Other, ...] = (
    ModelWarden("modelwarden", "modelwarden", "modelwarden", ("scan", "-f", "json", "{}")),
    MlSupplyScan("mlsupplyscan", "mlsupplyscan", "mlscan", ("scan", "-f", "json", "--jobs", "1", "{}")),
    AisBom("aisbom", "aisbom-cli", "aisbom", ("scan", "--offline", "{}"), {"COLUMNS": "400"}),
    AisBom("aisbom-strict", "aisbom-cli", "aisbom", ("scan", "--offline", "--strict", "{}"), {"COLUMNS": "400"}),
    Canary("c4nary", "c4nary", "canary", ("scan", "--json", "{}")),
    GlyphHound("glyphhound", "glyphhound", "glyphhound", ("scan", "--source", "auto", "--format", "json", "{}")),
    DetectSecrets("detect_secrets", "detect-secrets", "detect-secrets", ("-C", "{}", "scan", "--all-files")),
)
