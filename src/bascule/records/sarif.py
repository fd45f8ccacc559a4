"""SARIF 2.1.0 from findings: what code hosts and editors show beside the line.

Rules: a `true` finding is a failure with a level; a question that could not be answered is `open`, never left out; a
path is percent-encoded; the fingerprint is stable over runs, so that a host can track a result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from bascule.kernel.digests import digest_of_json
from bascule.records.finding import Outcome, Severity
from bascule.records.review import FindingView

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
}
# GitHub's scale for security results.
_SECURITY_SEVERITY = {
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "3.0",
    Severity.INFO: "0.0",
}


def sarif_log(findings: Iterable[FindingView], tool_version: str) -> bytes:
    """A SARIF log with one run, as UTF-8 JSON."""
    shown = [finding for finding in findings if finding.outcome is not Outcome.FALSE]
    by_rule: dict[str, FindingView] = {}
    for finding in shown:
        by_rule.setdefault(finding.rule, finding)
    rules = [_rule(rule, by_rule[rule]) for rule in sorted(by_rule)]
    index = {rule["id"]: position for position, rule in enumerate(rules)}
    log = {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "bascule", "version": tool_version or "0", "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, index[finding.rule]) for finding in shown],
            }
        ],
    }
    return (json.dumps(log, ensure_ascii=False, indent=1) + "\n").encode()


def _rule(rule: str, example: FindingView) -> dict[str, Any]:
    return {
        "id": rule,
        "name": "".join(part.capitalize() for part in rule.split("-")),
        "shortDescription": {"text": rule.replace("-", " ")},
        "help": {"text": _help(rule, example)},
        "defaultConfiguration": {"level": _LEVEL[example.severity]},
        "properties": {"security-severity": _SECURITY_SEVERITY[example.severity], "tags": _tags(example)},
    }


def _help(rule: str, example: FindingView) -> str:
    cited = f" See: {', '.join(example.references)}." if example.references else ""
    return (example.remedy or f"see `bascule rules {rule}`") + cited


def _tags(example: FindingView) -> list[str]:
    """As code hosts group results: `external/cwe/cwe-502`."""
    numbers = sorted({int(number) for cited in example.references for number in re.findall(r"CWE-(\d+)", cited)})
    return ["security", *(f"external/cwe/cwe-{number:03}" for number in numbers)]


def _result(finding: FindingView, rule_index: int) -> dict[str, Any]:
    failed = finding.outcome is Outcome.TRUE
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.artefact or ".", safe="/._-~")}}
    line = re.fullmatch(r"line (\d+)", finding.location)
    if line and int(line[1]) > 0:
        place["region"] = {"startLine": int(line[1])}
    location: dict[str, Any] = {"physicalLocation": place}
    if finding.location and not line:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.location}]
    text = finding.message if failed else f"{finding.outcome.value}: {finding.message}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "kind": "fail" if failed else "open",
        "level": _LEVEL[finding.severity] if failed else "none",
        "message": {"text": text + (f" Remedy: {finding.remedy}." if finding.remedy else "")},
        "locations": [location],
        "partialFingerprints": {
            "bascule/v1": digest_of_json([finding.rule, finding.artefact, finding.location, finding.details]).split(
                ":"
            )[1]
        },
        "properties": {
            "confidence": finding.confidence.value,
            "outcome": finding.outcome.value,
            "evidence": finding.evidence,
        },
    }
