"""The nouns' laws, and the promises of the documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bascule.kernel.digests import digest_of
from bascule.kernel.errors import InputError
from bascule.records import (
    Artefact,
    ArtefactKind,
    Context,
    Evidence,
    Finding,
    FindingView,
    Ladder,
    Measure,
    Observations,
    Outcome,
    Record,
    ReviewDocument,
    ScanDocument,
    Severity,
    Slot,
    Subject,
    Tier,
    Tool,
)
from bascule.records.artefact import IntakeNote, subject_digest
from bascule.records.sarif import sarif_log

DIGEST = digest_of(b"x")

artefacts = st.lists(
    st.builds(
        Artefact,
        path=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8),
        kind=st.sampled_from(ArtefactKind),
        media_type=st.just("text/plain"),
        size_bytes=st.integers(0, 9),
        sha256=st.sampled_from(["a" * 64, "b" * 64]),
    ),
    max_size=5,
    unique_by=lambda item: item.path,
)


@given(artefacts)
def test_a_record_survives_the_round_trip(items: list[Artefact]) -> None:
    subject = Subject(ref="x", digest=subject_digest(tuple(items)), artefacts=tuple(items))
    again = Subject.from_json(subject.to_json())
    assert again == subject
    assert again.content_digest() == subject.content_digest()


@given(artefacts)
def test_a_subjects_identity_does_not_depend_on_order(items: list[Artefact]) -> None:
    assert subject_digest(tuple(items)) == subject_digest(tuple(reversed(items)))


def test_a_subjects_identity_binds_names_to_bytes() -> None:
    def named(path: str, sha256: str) -> Artefact:
        return Artefact(path=path, kind=ArtefactKind.METADATA, media_type="x/y", size_bytes=1, sha256=sha256)

    one = (named("a", "a" * 64), named("b", "b" * 64))
    swapped = (named("a", "b" * 64), named("b", "a" * 64))
    assert subject_digest(one) != subject_digest(swapped)
    note = IntakeNote(path="link", what="symlink", detail="points outside", blocks=True)
    assert subject_digest(one) != subject_digest(one, (note,))


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(InputError) as error:
        Context.from_value({"regoin": "EU", "monetized": True}, "`context.yaml`")
    assert "`regoin`: unknown key, did you mean `region`?" in error.value.message
    assert "did you mean `monetised`?" in error.value.message


def test_a_record_cannot_be_changed() -> None:
    context = Context(region="EU")
    with pytest.raises(ValidationError):
        context.region = "US"  # type: ignore[misc]


@pytest.mark.parametrize(
    "numbers",
    [
        {"value": 0.5, "low": 0.6, "high": 0.9, "n": 10},
        {"value": 0.5, "low": 0.1, "high": 0.4, "n": 10},
        {"value": float("nan"), "low": 0.1, "high": 0.4, "n": 10},
        {"value": 0.5, "low": 0.1, "high": 0.9, "n": 10, "k": 11},
        {"value": 0.5, "low": 0.1, "high": 0.9, "n": -1},
    ],
)
def test_a_measure_without_an_honest_interval_is_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Measure(name="a.b", method="exact", **numbers)  # type: ignore[arg-type]


def test_severities_are_ranked() -> None:
    assert [severity.rank for severity in Severity] == [4, 3, 2, 1, 0]


def test_a_ladder_has_no_gaps() -> None:
    step = {"name": "n", "description": "d", "revocable": True, "monitorable": True, "provider_enforceable": True}
    rest = {"modifiable_by_user": False, "identity_known": True, "external": False}
    with pytest.raises(ValidationError):
        Ladder(name="l", title="t", tiers=(Tier(id="T0", **step, **rest), Tier(id="T2", **step, **rest)))  # type: ignore[arg-type]


def evidence(expires_at: datetime, *, present: bool = True) -> Evidence:
    seen = Observations(tool=Tool(id="t", distribution="d", version="1", config_digest=DIGEST), rules=())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Evidence(
        digest=DIGEST,
        slot=Slot(subject=DIGEST, tool="t"),
        issued_at=now,
        expires_at=expires_at,
        observations=seen if present else None,
    )


def test_evidence_speaks_only_while_present_and_fresh() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert evidence(now + timedelta(days=1)).speaks(now)
    assert not evidence(now).speaks(now)
    assert not evidence(now + timedelta(days=1), present=False).speaks(now)


def contract_fields() -> list[tuple[type[Record], str]]:
    review = "schema subject requested_tier verdict granted dimensions reasons findings licences obligations missing"
    review += " openness decision policy ledger_head"
    return [(ReviewDocument, name) for name in review.split()] + [
        (ScanDocument, name) for name in ("schema", "files", "summary")
    ]


@pytest.mark.parametrize(("document", "field"), contract_fields())
def test_a_promised_field_is_in_the_schema(document: type[Record], field: str) -> None:
    assert field in document.model_json_schema(by_alias=True, mode="serialization")["properties"]


def test_a_finding_in_the_review_has_every_promised_field() -> None:
    promised = {"rule", "outcome", "severity", "confidence", "artefact", "location", "message", "remedy", "evidence"}
    assert promised <= set(FindingView.model_fields)


def finding(**more: object) -> FindingView:
    base = Finding(
        rule="pickle-calls-code",
        outcome=Outcome.TRUE,
        severity=Severity.CRITICAL,
        message="calls",
        artefact="a b/é.pkl",
        location="line 3",
    )
    return FindingView.of(base.model_copy(update=more), DIGEST)


def test_sarif_names_the_rule_the_place_and_what_could_not_be_told() -> None:
    import json

    log = json.loads(sarif_log([finding(), finding(outcome=Outcome.ERROR), finding(outcome=Outcome.FALSE)], "1"))
    results = log["runs"][0]["results"]
    assert [item["kind"] for item in results] == ["fail", "open"]
    assert [item["level"] for item in results] == ["error", "none"]
    place = results[0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b/%C3%A9.pkl"}, "region": {"startLine": 3}}
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert rules[results[0]["ruleIndex"]]["id"] == results[0]["ruleId"]


def test_the_same_finding_has_the_same_fingerprint_whatever_evidence_holds_it() -> None:
    import json

    one = FindingView.of(Finding(rule="r", outcome=Outcome.TRUE, severity=Severity.LOW, message="m"), DIGEST)
    two = FindingView.of(Finding(rule="r", outcome=Outcome.TRUE, severity=Severity.LOW, message="m"), digest_of(b"y"))
    prints = [json.loads(sarif_log([view], "1"))["runs"][0]["results"][0]["partialFingerprints"] for view in (one, two)]
    assert prints[0] == prints[1]
