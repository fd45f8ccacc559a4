"""From a granted decision to a bundle on disk, and back to trust, by way of the ledger and real files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bascule.journeys.parts import Parts
from bascule.journeys.release_build import build_release, read_plan
from bascule.kernel.errors import InputError
from bascule.records.release import PlannedItem, ReleasePlan, Stage
from bascule.settings import load_settings
from bascule.wiring import open_parts
from builders import embedding_model
from commands import Said, here
from signing import shared_ledger, sign, signers

pytestmark = pytest.mark.xdist_group("journey-release")
Place = Callable[[str, Mapping[str, bytes]], Path]
Review = Callable[..., Said]


def plan_of(document: dict[str, object], tier: str, parts: Parts) -> ReleasePlan:
    """A plan for every kind that the decision grants, at most at `tier`."""
    decision = parts.store.decision(document["decision"])  # type: ignore[arg-type]
    assert decision is not None
    subject = parts.store.subject(decision.record.subject)
    assert subject is not None
    items = []
    for kind, granted in sorted(decision.record.granted.items()):
        at = min(tier, granted)
        of_kind = [artefact for artefact in subject.artefacts if artefact.kind is kind]
        items.append(
            PlannedItem(
                kind=kind, tier=at, granted=granted, published="it", given="copies" if at > "T4" else "nothing",
                may_use="anybody", observed="it cannot be", taken_back="it cannot be", owner="A. Owner",
                steward="Head of models", files=len(of_kind), size_bytes=sum(each.size_bytes for each in of_kind),
            )
        )  # fmt: skip
    return ReleasePlan(
        name="small",
        version="1.0",
        subject=decision.record.subject,
        decision=decision.digest,
        policy=decision.record.policy,
        policy_id=decision.record.policy_id,
        context=decision.record.context,
        ladder="release",
        tier=tier,
        as_of=decision.record.as_of,
        expires_at=decision.record.review_by,
        items=tuple(items),
        stages=(Stage(tier=tier, name="open", entry=(), exit=(), roll_back="withdraw"),),
        monetisation="free",
        contact="models@example.org",
    )


@pytest.fixture(scope="module", autouse=True)
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One ledger for all homes of this module."""
    with shared_ledger(tmp_path_factory.mktemp("ledger")):
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, home: Path, ledger: None) -> dict[str, Path]:
    return signers(tmp_path_factory.mktemp("people"), home)


@pytest.fixture(scope="module")
def model(place: Place) -> Path:
    return place("release", embedding_model())


@pytest.fixture(scope="module")
def plan(
    model: Path, review: Review, home: Path, people: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    document = review(model, "--tier", "T7").json
    assert document["verdict"] == "granted", document["reasons"]
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    with open_parts(load_settings(home=home)) as parts:
        path.write_bytes(plan_of(document, "T7", parts).to_json())
    unsigned = path.with_name("unsigned")
    with pytest.raises(InputError, match="T7 needs 2 signatures and has 0"):
        built(path, unsigned, home)
    assert not unsigned.exists()
    sign(document["decision"], people)
    return path


def built(plan: Path, out: Path, home: Path) -> Path:
    with open_parts(load_settings(home=home)) as parts:
        build_release(read_plan(plan), out, parts)
    return out


def test_it_is_built_twice_to_the_same_bytes_and_verifies(plan: Path, home: Path, tmp_path: Path, model: Path) -> None:
    one, two = built(plan, tmp_path / "one", home), built(plan, tmp_path / "two", home)
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)
    assert (one / "artefacts/model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    said = here("verify", one, "--json", home=home)
    assert (said.code, said.json["verdict"]) == (0, "verified"), said.json
    assert str(model) not in (one / "evidence/subject.json").read_text()
    assert {row["name"] for row in said.json["checks"] if row["outcome"] == "true"} >= {
        "subject",
        "policy",
        "approvals",
        "files",
        "evidence",
        "ledger-head",
    }


def test_a_stranger_verifies_by_the_public_key_alone(plan: Path, home: Path, tmp_path: Path) -> None:
    bundle = built(plan, tmp_path / "bundle", home)
    stranger = tmp_path / "stranger"
    assert here("verify", bundle, "--json", home=stranger).json["verdict"] == "failed"
    key = tmp_path / "key.pem"
    here("keys", "export", key, home=home)
    said = here("verify", bundle, "--key", key, "--json", home=stranger)
    assert (said.code, said.json["verdict"]) == (0, "verified"), said.json
    (bundle / "artefacts/model.safetensors").write_bytes(b"other")
    touched = here("verify", bundle, "--key", key, home=stranger)
    assert touched.code == 1
    assert "`artefacts/model.safetensors` was changed" in touched.out


def test_bytes_that_changed_since_they_were_judged_stop_the_build(
    plan: Path, home: Path, tmp_path: Path, model: Path
) -> None:
    held = (model / "model.safetensors").read_bytes()
    try:
        (model / "model.safetensors").write_bytes(held[:-1] + b"\0" * 2)
        with pytest.raises(InputError, match="has changed since"):
            built(plan, tmp_path / "bundle", home)
    finally:
        (model / "model.safetensors").write_bytes(held)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_above_what_was_granted_or_of_an_unknown_decision_is_refused(
    plan: Path, home: Path, tmp_path: Path
) -> None:
    text = plan.read_text()
    high = tmp_path / "high.json"
    high.write_text(text.replace('"tier":"T7"', '"tier":"T8"'))
    with pytest.raises(InputError, match="is granted"):
        built(high, tmp_path / "bundle", home)
    other = tmp_path / "other.json"
    decision = read_plan(plan).decision
    other.write_text(text.replace(decision, "sha256:" + "0" * 64))
    with pytest.raises(InputError, match="holds no decision"):
        built(other, tmp_path / "bundle", home)
    assert not (tmp_path / "bundle").exists()


def test_a_plan_that_hands_out_copies_at_a_tier_without_any_is_refused(plan: Path, home: Path, tmp_path: Path) -> None:
    held = read_plan(plan)
    items = tuple(item.model_copy(update={"tier": "T4"}) for item in held.items)
    edited = tmp_path / "edited.json"
    edited.write_bytes(held.model_copy(update={"items": items}).to_json())
    with pytest.raises(InputError, match="T4 hands none out"):
        built(edited, tmp_path / "bundle", home)


def test_a_plan_with_a_tier_that_is_none_or_too_long_to_be_one_is_refused(
    plan: Path, home: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text(plan.read_text().replace('"tier":"T7"', '"tier":"open"'))
    here("release", "build", odd, "--out", tmp_path / "bundle", "--json", home=home).refuses("records.invalid")
    odd.write_bytes(b" " * (5 << 20))
    here("release", "build", odd, "--out", tmp_path / "bundle", "--json", home=home).refuses("release.unreadable-plan")


def test_what_is_no_bundle_is_said_so(tmp_path: Path, home: Path) -> None:
    here("verify", tmp_path / "nowhere", "--json", home=home).refuses("release.no-bundle")
    (tmp_path / "empty").mkdir()
    assert here("verify", tmp_path / "empty", home=home).code == 1
