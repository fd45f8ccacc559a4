"""JSON Schemas of every document that others read or write, generated from the records."""

from __future__ import annotations

from typing import Any

from bascule.judge.comply.framework import Framework
from bascule.judge.comply.schema import framework_file_schema
from bascule.judge.licensing.terms import KnownWorks, LicenceTerms
from bascule.judge.policy.pack import PolicyPack
from bascule.judge.policy.schema import pack_file_schema
from bascule.records import Approval, Context, Decision, Observations, Record, ReviewDocument, ScanDocument, Waiver
from bascule.records.compliance import ComplianceDocument
from bascule.records.licence_answers import LicenceVerdict, Suggestions
from bascule.records.licences import LicencesDocument

SCHEMAS: dict[str, tuple[type[Record], str]] = {
    "review": (ReviewDocument, "What `bascule review --json` prints"),
    "scan": (ScanDocument, "What `bascule scan --json` prints"),
    "decision": (Decision, "What people sign"),
    "observations": (Observations, "The predicate of one tool's signed evidence"),
    "waiver": (Waiver, "A rule let pass, under a name, for a while"),
    "approval": (Approval, "A decision signed in a role"),
    "context": (Context, "context.yaml"),
    "licences": (LicencesDocument, "What `bascule licence detect --json` prints"),
    "licence-verdict": (LicenceVerdict, "What `bascule licence solve --json` prints"),
    "licence-suggestions": (Suggestions, "What `bascule licence suggest --json` prints"),
    "licence-terms": (LicenceTerms, "One licence's clauses: licences/*.yaml of a policy pack"),
    "known-works": (KnownWorks, "What well-known works stand under: works.yaml of a policy pack"),
    "compliance": (ComplianceDocument, "What `bascule comply --json` prints"),
    "framework": (Framework, "A file of a framework: framework.yaml, controls/*.yaml"),
    "pack": (PolicyPack, "A file of a policy pack: pack.yaml, rules/*.yaml, scenarios.yaml, cases.yaml"),
}


_OF_FILES = {"pack": pack_file_schema, "framework": framework_file_schema}
"""Those whose files hold parts of the record, or let others fill it in."""
_WRITTEN_BY_HAND = ("context", "licence-terms", "known-works")


def json_schema(name: str) -> dict[str, Any]:
    """JSON Schema 2020-12 of a document. Raises KeyError."""
    model, title = SCHEMAS[name]
    if name in _OF_FILES:
        return {**_OF_FILES[name](), "title": title}
    mode: Any = "validation" if name in _WRITTEN_BY_HAND else "serialization"
    schema = model.model_json_schema(by_alias=True, mode=mode)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}
