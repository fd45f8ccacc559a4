"""A CycloneDX 1.6 ML-BOM of a release: its files as components, a model card whose numbers name their evidence.

Rules: a function of the plan, the files and the measures, without a clock or a random number; a number without the
digest of its evidence cannot be passed in.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bascule.kernel.digests import digest_of_json
from bascule.records.cyclonedx import SPEC_VERSION
from bascule.records.measure import Measure
from bascule.records.release import BundleFile, ReleasePlan


@dataclass(frozen=True, slots=True)
class CitedMeasure:
    """A number, and the digest of the signed evidence that holds it."""

    measure: Measure
    evidence: str


def ml_bom(plan: ReleasePlan, files: Sequence[BundleFile], measures: Sequence[CitedMeasure]) -> bytes:
    """The document as UTF-8 JSON. Source of the fields: CycloneDX specification 1.6, `modelCard`.

    Law: the order of `files` and of `measures` does not matter.
    """
    placed = sorted((file for file in files if file.role == "artefact"), key=lambda file: file.path)
    cited = sorted(measures, key=lambda each: (each.measure.name, each.measure.artefact, each.evidence))
    model: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": plan.name,
        "version": plan.version,
        "modelCard": {"quantitativeAnalysis": {"performanceMetrics": [_metric(each) for each in cited]}},
        "externalReferences": [
            {
                "type": "evidence",
                "url": f"urn:{digest}",
                "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
            }
            for digest in sorted({plan.decision, *(each.evidence for each in cited)})
        ],
    }
    told: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": model},
        "components": [
            {
                "type": "file",
                "bom-ref": f"file:{file.path}",
                "name": file.path,
                "hashes": [{"alg": "SHA-256", "content": file.sha256}],
                "properties": [{"name": "bascule:kind", "value": file.kind}],
            }
            for file in placed
        ],
        "dependencies": [{"ref": "model", "dependsOn": [f"file:{file.path}" for file in placed]}],
    }
    told["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, str(digest_of_json(told)))}"
    return (json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _metric(cited: CitedMeasure) -> dict[str, Any]:
    measure = cited.measure
    return {
        "type": measure.name,
        "value": repr(measure.value),
        "slice": f"{measure.artefact or 'all'}; {measure.unit}; {measure.method}; evidence {cited.evidence}",
        "confidenceInterval": {"lowerBound": repr(measure.low), "upperBound": repr(measure.high)},
    }
