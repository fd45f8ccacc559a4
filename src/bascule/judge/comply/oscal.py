"""A compliance document as OSCAL: what NIST's Open Security Controls Assessment Language calls assessment results.

Rules:
- One observation per control in force, with the envelopes that it rests on as evidence, each named by its sha256; one
  finding per control that applies. `met` is `satisfied`; `not-met` and `unknown` are `not-satisfied`, told apart by the
  reason (`fail`, `other`). A control that does not apply is left out of what was reviewed.
- The framework goes along as a catalogue of ids and our own titles, so that every target resolves.
- OSCAL reads titles, descriptions and remarks as Markdown, so what came from an artefact or a context is escaped there.
- Every id is a UUID of version 5 over what it names, and every instant is the document's `as_of`: one document, one
  text, byte for byte.

Source: OSCAL 1.2.1, models `oscal-ar` and `oscal-catalog` (https://pages.nist.gov/OSCAL-Reference/models/).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID, uuid5

from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.markdown import code, text
from bascule.kernel.text import visible
from bascule.records.compliance import (
    NOT_ADVICE,
    Basis,
    ComplianceDocument,
    ControlView,
    FactView,
    FrameworkView,
    Status,
)

OSCAL_VERSION = "1.2.1"
NAMESPACE = "urn:bascule:compliance"
_ROOT = UUID("6f0d1f0a-58a5-5b0e-9d5c-0f3c7f6f1a51")  # ours, made once; every other id is derived from it
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9._-]")

_STATE = {
    Status.MET: {"state": "satisfied", "reason": "pass"},
    Status.NOT_MET: {"state": "not-satisfied", "reason": "fail"},
    Status.UNKNOWN: {"state": "not-satisfied", "reason": "other"},
}
_METHOD = {Basis.MEASURED: "TEST", Basis.JUDGED: "TEST", Basis.DECLARED: "EXAMINE", Basis.STATED: "INTERVIEW"}


def catalogue_name(document: ComplianceDocument) -> str:
    """The file name under which the assessment results look for the catalogue, beside themselves."""
    return f"{document.framework.id}.catalog.json"


def assessment_results(document: ComplianceDocument) -> dict[str, Any]:
    """The document as an OSCAL assessment-results document. Equal documents give equal results."""
    ids = _Ids(document)
    applying = [control for control in document.controls if control.status is not Status.NOT_APPLICABLE]
    framework = document.framework
    result = {
        "uuid": ids.of("result"),
        "title": f"{framework.title}: {text(document.ref)}",
        "description": f"{document.verdict.value}: "
        + ", ".join(f"{count} {status}" for status, count in document.counts.items()),
        "start": format_instant(document.as_of),
        "end": format_instant(document.as_of),
        "props": [
            _prop("subject", document.subject),
            _prop("decision", document.decision),
            _prop("policy", document.policy),
            _prop("verdict", document.verdict.value),
            *(_prop("limit", limit) for limit in document.limits),
            *(_prop("applies-later", f"{each.id} from {each.applies_from}") for each in document.upcoming),
        ],
        "reviewed-controls": {"control-selections": [_selection(document, ids)]},
        "observations": [_observation(control, document, ids) for control in document.controls],
        "findings": [_finding(control, ids) for control in applying],
        "remarks": NOT_ADVICE,
    }
    body = {
        "uuid": ids.of("assessment-results"),
        "metadata": _metadata(f"{framework.title}: assessment of {text(document.ref)}", document)
        | {"links": [{"href": f"#{ids.of('framework')}", "rel": "reference"}]},
        "import-ap": {
            "href": f"#{ids.of('plan')}",
            "remarks": "There is no plan of its own: every control of the catalogue is assessed.",
        },
        "results": [{key: value for key, value in result.items() if value != []}],
        "back-matter": {"resources": list(_resources(document, ids))},
    }
    return {"assessment-results": body}


def catalogue(document: ComplianceDocument) -> dict[str, Any]:
    """The framework that was asked, as an OSCAL catalogue: ids, our own titles, sources. No words of the text itself
    but those that its rights let a title show."""
    ids = _Ids(document)
    framework = document.framework
    groups = []
    for section in framework.sections:
        controls = [_control(each, ids) for each in ids.controls if each.section == section.id]
        if controls:
            groups.append(
                {"id": ids.token(f"section-{section.id}"), "title": visible(section.title), "controls": controls}
            )
    body: dict[str, Any] = {
        "metadata": _metadata(framework.title, document)
        | {
            "props": [
                _prop("publisher", framework.publisher),
                _prop("rights", framework.rights),
                _prop("read", framework.read),
            ],
            "links": [{"href": framework.link, "rel": "reference"}],
        },
        "groups": groups,
    }
    # Over what is asked, not over the day it was asked: the catalogue of one text keeps its name.
    name = digest_of_json({"framework": framework.digest, "groups": groups})
    return {"catalog": {"uuid": str(uuid5(_ROOT, str(name))), **body}}


class _Ids:
    """Names in OSCAL's own forms: UUIDs over content, and tokens for a framework's control ids."""

    def __init__(self, document: ComplianceDocument) -> None:
        self._base = uuid5(_ROOT, str(document.content_digest()))
        self.controls = tuple(sorted((*document.controls, *document.upcoming), key=lambda each: each.id))
        self._tokens: dict[str, str] = {}
        taken: set[str] = set()
        for control in self.controls:
            token = base = self.token(control.id)
            number = 2
            while token in taken:
                token, number = f"{base}-{number}", number + 1
            taken.add(token)
            self._tokens[control.id] = token

    def of(self, *parts: str) -> str:
        return str(uuid5(self._base, "\n".join(parts)))

    def control(self, control: ControlView) -> str:
        return self._tokens[control.id]

    @staticmethod
    def token(text: str) -> str:
        """An OSCAL token begins with a letter and holds letters, digits, `.`, `-` and `_`."""
        safe = _NOT_TOKEN.sub("-", text)
        return safe if safe[:1].isalpha() else f"c-{safe}"


def _metadata(title: str, document: ComplianceDocument) -> dict[str, Any]:
    return {
        "title": title,
        "last-modified": format_instant(document.as_of),
        "version": document.framework.version,
        "oscal-version": OSCAL_VERSION,
        "props": [_prop("tool-version", document.tool_version)],
        "remarks": NOT_ADVICE,
    }


def _prop(name: str, value: str) -> dict[str, str]:
    # A property's value is one line that neither begins nor ends with a space.
    return {"name": name, "ns": NAMESPACE, "value": visible(value, 1_000).strip() or "-"}


def _selection(document: ComplianceDocument, ids: _Ids) -> dict[str, Any]:
    in_scope = [each for each in document.controls if each.status is not Status.NOT_APPLICABLE]
    left_out = [each for each in document.controls if each.status is Status.NOT_APPLICABLE]
    if not in_scope:
        return {"include-all": {}} | _listed("exclude-controls", left_out, ids)
    return _listed("include-controls", in_scope, ids) | _listed("exclude-controls", left_out, ids)


def _listed(key: str, controls: Iterable[ControlView], ids: _Ids) -> dict[str, Any]:
    rows = [{"control-id": ids.control(each)} for each in controls]
    return {key: rows} if rows else {}


def _observation(control: ControlView, document: ComplianceDocument, ids: _Ids) -> dict[str, Any]:
    methods = list(dict.fromkeys(_METHOD[basis] for basis in control.basis)) or ["UNKNOWN"]
    row: dict[str, Any] = {
        "uuid": ids.of("observation", control.id),
        "title": f"{control.id}: {visible(control.title)}",
        "description": text(control.reason or control.status.value, 2_000),
        "props": [
            _prop("control", control.id),
            _prop("status", control.status.value),
            _prop("applies", control.applies),
            *(_prop("basis", basis.value) for basis in control.basis),
            *(_prop("fact", f"{fact.name} = {_shown(fact)}") for fact in (*control.answers, *control.facts)),
        ],
        "methods": methods,
        "types": ["control-objective"],
        "subjects": [{"subject-uuid": ids.of("subject"), "type": "resource"}],
        "collected": format_instant(document.as_of),
    }
    if control.evidence:
        row["relevant-evidence"] = [
            {"href": f"#{ids.of('envelope', digest)}", "description": f"the record {digest}"}
            for digest in control.evidence
        ]
    return row


def _shown(fact: FactView) -> str:
    if fact.value is None:
        return f"unknown ({fact.why})"
    return f"{fact.value} ({fact.basis.value})" if fact.basis else str(fact.value)


def _finding(control: ControlView, ids: _Ids) -> dict[str, Any]:
    wanting = control.status is not Status.MET
    remarks = [f"Whoever must supply it: {control.supply}."] if wanting else []
    remarks += [f"Command: {code(control.command, 400)}."] if wanting and control.command else []
    status: dict[str, Any] = dict(_STATE[control.status])
    if remarks:
        status["remarks"] = visible(" ".join(remarks), 1_000)
    return {
        "uuid": ids.of("finding", control.id),
        "title": f"{control.id}: {control.status.value}",
        "description": text(control.reason or control.status.value, 2_000),
        "target": {"type": "statement-id", "target-id": f"{ids.control(control)}_smt", "status": status},
        "related-observations": [{"observation-uuid": ids.of("observation", control.id)}],
    }


def _control(control: ControlView, ids: _Ids) -> dict[str, Any]:
    token = ids.control(control)
    props = [
        {"name": "label", "value": control.id},
        _prop("source", control.source),
        _prop("applies-from", control.applies_from.isoformat()),
        *([_prop("applies-until", control.applies_until.isoformat())] if control.applies_until else []),
        *(_prop("audience", each) for each in control.audience),
        *(_prop("dimension", each.value) for each in control.dimensions),
        *(_prop("evidence", each) for each in control.kinds_of_evidence),
        _prop("reviewed-by", control.reviewed_by),
    ]
    statement = {"id": f"{token}_smt", "name": "statement", "prose": visible(control.title, 1_000)}
    return {"id": token, "title": visible(control.title), "props": props, "parts": [statement]}


def _resources(document: ComplianceDocument, ids: _Ids) -> Iterator[dict[str, Any]]:
    framework: FrameworkView = document.framework
    yield {
        "uuid": ids.of("plan"),
        "title": "How it was assessed",
        "description": "Every control of the framework is asked of the facts that the ledger's evidence supports.",
        "rlinks": [{"href": catalogue_name(document), "media-type": "application/json"}],
    }
    yield {
        "uuid": ids.of("subject"),
        "title": text(document.ref),
        "description": "The subject: the digest is over its files and their sha256.",
        "props": [_prop("digest", document.subject)],
    }
    yield {
        "uuid": ids.of("framework"),
        "title": framework.title,
        "description": f"{framework.publisher}, {framework.version}. Read: {framework.read}.",
        "rlinks": [{"href": framework.link}],
    }
    tools = {view.digest: f"evidence of {view.tool} {view.version}".strip() for view in document.evidence}
    tools[document.decision] = "the decision"
    for digest in sorted({digest for control in document.controls for digest in control.evidence}):
        yield {
            "uuid": ids.of("envelope", digest),
            "title": text(tools.get(digest, "evidence")),
            "rlinks": [{"href": _named_by_hash(digest), "hashes": [{"algorithm": "SHA-256", "value": digest[7:]}]}],
        }


def _named_by_hash(digest: Digest | str) -> str:
    """`ni:///sha-256;…`: a name for bytes by their hash (RFC 6920); `bascule ledger envelope` writes the bytes."""
    code = base64.urlsafe_b64encode(bytes.fromhex(str(digest).removeprefix("sha256:"))).decode().rstrip("=")
    return f"ni:///sha-256;{code}"
