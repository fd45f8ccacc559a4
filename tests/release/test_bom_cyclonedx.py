"""The ML-BOM of a release is valid by the official schema, the same each time, and names evidence for each number."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from bascule.records.measure import Measure
from bascule.records.release import BundleFile, PlannedItem, ReleasePlan, Stage
from bascule.release.bom_cyclonedx import CitedMeasure, ml_bom

EVIDENCE = "sha256:" + "e" * 64


def _plan() -> ReleasePlan:
    told = {
        "published": "all", "may_use": "all", "observed": "cannot be", "taken_back": "cannot be",
        "owner": "o", "steward": "s",
    }  # fmt: skip
    item = PlannedItem.model_validate(
        {**told, "kind": "weights", "tier": "T6", "granted": "T6", "given": "copies", "files": 1, "size_bytes": 1}
    )
    digest = "sha256:" + "a" * 64
    return ReleasePlan(
        name="m", version="1", subject=digest, decision=digest, policy=digest, policy_id="p", context=digest,
        ladder="l", tier="T6", as_of=datetime(2026, 1, 1, tzinfo=UTC), expires_at=None, items=(item,),
        stages=(Stage(tier="T6", name="open", entry=(), exit=(), roll_back="none"),), monetisation="free", contact="c",
    )  # fmt: skip


FILES = tuple(
    BundleFile(path=f"artefacts/{name}", sha256=letter * 64, size_bytes=1, role="artefact", kind="weights")
    for name, letter in (("a b.bin", "b"), ("c.bin", "c"))
)
MEASURES = tuple(
    CitedMeasure(Measure(name=name, value=0.5, low=0.4, high=0.6, n=10, method="clopper-pearson-90"), EVIDENCE)
    for name in ("refusal", "accuracy")
)


def test_the_official_schema_takes_it() -> None:
    told = ml_bom(_plan(), FILES, MEASURES).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(told) is None


def test_the_order_of_what_goes_in_does_not_matter() -> None:
    assert ml_bom(_plan(), FILES, MEASURES) == ml_bom(_plan(), FILES[::-1], MEASURES[::-1])


def test_every_number_names_its_evidence() -> None:
    model = json.loads(ml_bom(_plan(), FILES, MEASURES))["metadata"]["component"]
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert len(metrics) == 2
    assert all(EVIDENCE in metric["slice"] for metric in metrics)
    assert f"urn:{EVIDENCE}" in [each["url"] for each in model["externalReferences"]]
