"""A small framework, built on the spot, and the desk that it is answered from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bascule.judge import Question, judge
from bascule.judge.comply import Answered, Desk, Framework, answer, parse_framework
from bascule.judge.facts.book import build_book
from bascule.records import ReviewDocument
from bascule.records.compliance import ComplianceDocument, ControlView, FrameworkView, SectionView
from bascule.records.review import PolicyView

MANIFEST: dict[str, Any] = {
    "schema": "bascule.framework/1",
    "id": "small",
    "title": "A small framework",
    "publisher": "nobody",
    "version": "1",
    "link": "https://framework.invalid/text",
    "rights": "our own words",
    "read": "written for tests",
    "sections": [{"id": "first", "title": "First"}, {"id": "second", "title": "Second"}],
    "defaults": {"applies_from": "2025-08-02", "supply": "the provider"},
}


def control(control_id: str, **fields: Any) -> dict[str, Any]:
    """A control of the first section."""
    return {"id": control_id, "title": f"what {control_id} asks", "section": "first", "source": "our own"} | fields


def files(*controls: Mapping[str, Any], **changes: Any) -> dict[str, bytes]:
    """A framework's folder. JSON is YAML too."""
    return {"framework.yaml": json.dumps(MANIFEST | {"controls": list(controls)} | changes, indent=1).encode()}


def framework(*controls: Mapping[str, Any], **changes: Any) -> Framework:
    return parse_framework(files(*controls, **changes), "small")


def desk(question: Question, approvals: int = 0) -> Desk:
    """The facts of a question, and of what the judge answers."""
    return Desk.of(build_book(question), question.ladder.tier(question.requested_tier), reviewed(question), approvals)


def answered(question: Question, *controls: Mapping[str, Any], approvals: int = 0) -> Answered:
    return answer(framework(*controls), desk(question, approvals), question.as_of)


def only(question: Question, approvals: int = 0, **fields: Any) -> ControlView:
    """One control's answer."""
    (view,) = answered(question, control("it", **fields), approvals=approvals).controls
    return view


def reviewed(question: Question) -> ReviewDocument:
    """What a review says of a question, without the parts that nobody reads here."""
    judgement = judge(question)
    decision = judgement.decision
    return ReviewDocument(
        subject=question.subject,
        requested_tier=decision.requested_tier,
        verdict=decision.verdict,
        granted={str(kind): tier for kind, tier in decision.granted.items()},
        dimensions=judgement.dimensions,
        reasons=decision.reasons,
        findings=(),
        licences=judgement.licences,
        obligations=decision.obligations,
        missing=(),
        openness=judgement.openness,
        decision=decision.content_digest(),
        policy=decision.policy,
        ledger_head=None,
        tool_version="0",
        as_of=decision.as_of,
        ladder=question.ladder,
        context=question.context,
        policy_pack=PolicyView(id="test", version="1", title="", digest=decision.policy, signature="none"),
        matrix=(),
        review_by=decision.review_by,
    )


def document(question: Question, *controls: Mapping[str, Any], **changes: Any) -> ComplianceDocument:
    """The whole document. changes: of the framework."""
    asked = framework(*controls, **changes)
    said = answer(asked, desk(question), question.as_of)
    review = reviewed(question)
    return ComplianceDocument(
        framework=FrameworkView(
            **{name: getattr(asked, name) for name in FrameworkView.model_fields if name != "sections"},
            sections=tuple(SectionView(id=each.id, title=each.title) for each in asked.sections),
        ),
        ref=question.subject.ref,
        subject=question.subject.digest,
        as_of=question.as_of,
        verdict=said.verdict,
        counts=said.counts,
        controls=said.controls,
        upcoming=said.upcoming,
        lapsed=said.lapsed,
        decision=review.decision,
        policy=review.policy,
        ladder="release",
        tier=question.requested_tier,
        tool_version="0",
    )
