"""A CycloneDX 1.6 document of a scan: files as components, findings as vulnerabilities with their VEX status.

Rules: it is a function of the scan document, without a clock or a random number; a question that could not be answered
is listed `in_triage`, never left out; a scan alone clears nothing, so no status here is `not_affected`.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from bascule.kernel.digests import digest_of_json
from bascule.records.changes import baseline_of
from bascule.records.finding import Confidence, Outcome, Severity
from bascule.records.review import FindingView, ScanDocument, ScannedFile

SPEC_VERSION = "1.6"
_MODELS = {"weights", "intermediate_weights", "adapter"}
_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_CWE = re.compile(r"CWE-(\d+)")


def cyclonedx_bom(document: ScanDocument) -> bytes:
    """The document as UTF-8 JSON. Source of the fields: CycloneDX specification 1.6, `vulnerabilities`."""
    digest = baseline_of(document)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, digest)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "bascule", "version": document.tool_version}]},
            "properties": [{"name": "bascule:scan", "value": digest}],
        },
        "components": [_component(file) for file in document.files],
        "vulnerabilities": [
            _vulnerability(file, finding)
            for file in document.files
            for finding in file.findings
            if finding.outcome not in (Outcome.FALSE, Outcome.NOT_APPLICABLE)
        ],
    }
    return (json.dumps(bom, ensure_ascii=False, indent=1) + "\n").encode()


def _component(file: ScannedFile) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "machine-learning-model" if file.kind in _MODELS else "file",
        "bom-ref": _reference(file),
        "name": file.path,
        "mime-type": file.media_type,
        "properties": [
            {"name": "bascule:outcome", "value": file.outcome},
            {"name": "bascule:kind", "value": file.kind},
        ],
    }
    if file.sha256 is not None:
        told["hashes"] = [{"alg": "SHA-256", "content": file.sha256}]
    return told


def _reference(file: ScannedFile) -> str:
    return f"file:{digest_of_json([file.path, file.sha256]).split(':')[1][:32]}"


def _vulnerability(file: ScannedFile, finding: FindingView) -> dict[str, Any]:
    cited = " ".join(finding.references)
    true = finding.outcome is Outcome.TRUE
    told: dict[str, Any] = {
        "bom-ref": "finding:"
        + digest_of_json([file.path, finding.rule, finding.outcome, finding.location, finding.details]).split(":")[1],
        "id": finding.rule,
        "source": {"name": "bascule"},
        "ratings": [
            {
                "source": {"name": "bascule"},
                "severity": finding.severity.value if true else "unknown",
                "method": "other",
                "justification": f"confidence {finding.confidence.value}",
            }
        ],
        "description": finding.message if true else f"{finding.outcome.value}: {finding.message}",
        "recommendation": finding.remedy,
        "analysis": {"state": _state(finding), "detail": finding.message},
        "affects": [{"ref": _reference(file)}],
    }
    if cves := sorted(set(_CVE.findall(cited))):
        told["references"] = [{"id": cve, "source": {"name": "CVE"}} for cve in cves]
    if cwes := sorted({int(number) for number in _CWE.findall(cited)}):
        told["cwes"] = cwes
    if finding.location:
        told["properties"] = [{"name": "bascule:location", "value": finding.location}]
    return told


def _state(finding: FindingView) -> str:
    """Exploitable only where the bytes themselves show it; everything else waits for a person."""
    sure = finding.confidence is Confidence.HIGH and finding.severity.rank >= Severity.HIGH.rank
    return "exploitable" if finding.outcome is Outcome.TRUE and sure else "in_triage"
