"""A bundle holds what was planned, the same each time, and every way of touching it is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bascule.attest import PREDICATE_APPROVAL, PREDICATE_DECISION, KeyRing, sign_record
from bascule.kernel.digests import digest_of, digest_of_json, sha256_of
from bascule.kernel.errors import InputError
from bascule.records import Approval, ApprovalNeed, Artefact, Context, Decision, Subject
from bascule.records.artefact import subject_digest
from bascule.records.release import BundleManifest, PlannedItem, ReleasePlan, Stage, VerifyDocument
from bascule.release.bundle import MANIFEST, SIGNATURE, Part, write_bundle
from bascule.release.verify import APPROVALS, CONTEXT, DECISION, PLAN, POLICY, SUBJECT, verify_bundle
from packs import pack_files, shipped_pack

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOTHING = digest_of_json({})
FILES = {"model.safetensors": b"abc", "other.safetensors": b"xyz"}
ARTEFACTS = tuple(
    Artefact(path=path, kind="weights", media_type="application/x", size_bytes=len(data), sha256=sha256_of(data))
    for path, data in FILES.items()
)
SUBJECT_HERE = Subject(ref="small", digest=subject_digest(ARTEFACTS), artefacts=ARTEFACTS)


def decision(**changes: object) -> Decision:
    fields: dict[str, object] = {
        "subject": SUBJECT_HERE.digest,
        "ladder": "release",
        "requested_tier": "T6",
        "verdict": "granted",
        "granted": {"weights": "T6"},
        "policy": shipped_pack("default").digest,
        "policy_id": "default",
        "context": NOTHING,
        "as_of": NOW,
        "evidence": (),
        "reasons": (),
        "assessment": NOTHING,
        "review_by": NOW + timedelta(days=90),
    }
    return Decision.model_validate(fields | changes)


def plan(decided: Decision, tier: str = "T6") -> ReleasePlan:
    item = PlannedItem.model_validate(
        {
            "kind": "weights", "tier": tier, "granted": "T6", "published": "the weights", "given": "copies",
            "may_use": "anybody", "observed": "it cannot be", "taken_back": "it cannot be", "owner": "A. Owner",
            "steward": "Head of models", "files": 1, "size_bytes": 3,
        }
    )  # fmt: skip
    return ReleasePlan(
        name="small",
        version="1.0",
        subject=decided.subject,
        decision=decided.content_digest(),
        policy=decided.policy,
        policy_id="default",
        context=decided.context,
        ladder="release",
        tier=tier,
        as_of=NOW,
        expires_at=NOW + timedelta(days=90),
        items=(item,),
        stages=(Stage(tier=tier, name="open", entry=(), exit=(), roll_back="withdraw"),),
        monetisation="free",
        contact="models@example.org",
    )


Build = Callable[..., tuple[Path, BundleManifest]]


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "home")


@pytest.fixture
def build(tmp_path: Path, ring: KeyRing) -> Build:
    """build(name, decided=…, planned=…) -> (folder, manifest)"""

    def make(
        name: str = "bundle",
        decided: Decision | None = None,
        planned: ReleasePlan | None = None,
        files: dict[str, bytes] = FILES,
        more: tuple[Part, ...] = (),
        **changes: object,
    ) -> tuple[Path, BundleManifest]:
        decided = decided or decision()
        planned = planned or plan(decided)
        manifest = BundleManifest(
            name="small", version="1.0", plan=planned.content_digest(), subject=decided.subject,
            decision=decided.content_digest(), policy=decided.policy, tier=planned.tier, expires_at=planned.expires_at,
            ledger_root=NOTHING, ledger_size=1, tool_version="0", files=(),
        )  # fmt: skip
        parts = [
            Part(PLAN, "evidence", planned.to_json()),
            Part(DECISION, "evidence", sign_record(decided, PREDICATE_DECISION, ring)),
            Part(SUBJECT, "evidence", SUBJECT_HERE.to_json()),
            *(Part(POLICY + path, "evidence", data) for path, data in sorted(pack_files("default").items())),
            *(Part(f"artefacts/{path}", "artefact", files[path], kind="weights") for path in sorted(files)),
            Part("documents/model_card.md", "document", b"# Small\n\nScore 0.82\n"),
        ]
        folder = tmp_path / name
        return folder, write_bundle(folder, manifest.model_copy(update=changes), [*parts, *more], ring)

    return make


def outcomes(document: VerifyDocument) -> dict[str, str]:
    return {check.name: check.outcome for check in document.checks}


def failed(document: VerifyDocument) -> set[str]:
    return {check.name for check in document.checks if check.outcome == "false"}


def test_two_builds_of_the_same_are_the_same_bytes(build: Build) -> None:
    (one, _), (two, _) = build("one"), build("two")
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two).as_posix() for path in two.rglob("*") if path.is_file())
    assert all((one / name).read_bytes() == (two / name).read_bytes() for name in names)


def test_an_untouched_bundle_verifies_without_a_server(build: Build, ring: KeyRing) -> None:
    folder, manifest = build()
    document = verify_bundle(folder, ring, NOW)
    assert (document.verdict, failed(document)) == ("verified", set())
    assert outcomes(document)["revocation"] == "not-available"
    assert document.decision == manifest.decision


def one_byte(folder: Path) -> None:
    (folder / "artefacts/model.safetensors").write_bytes(b"abd")


def swapped(folder: Path) -> None:
    one, two = folder / "artefacts/model.safetensors", folder / "artefacts/other.safetensors"
    held = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(held)


def removed(folder: Path) -> None:
    (folder / "artefacts/model.safetensors").unlink()


def added(folder: Path) -> None:
    (folder / "artefacts/more.safetensors").write_bytes(b"more")


def reordered(folder: Path) -> None:
    manifest = BundleManifest.from_json((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_bytes(manifest.model_copy(update={"files": manifest.files[::-1]}).to_json())


def card_number(folder: Path) -> None:
    card = folder / "documents/model_card.md"
    card.write_bytes(card.read_bytes().replace(b"0.82", b"0.92"))


def link(folder: Path) -> None:
    path = folder / "artefacts/model.safetensors"
    path.unlink()
    path.symlink_to("other.safetensors")


def link_out(folder: Path) -> None:
    (folder / "artefacts/passwd").symlink_to("/etc/passwd")


def odd_name(folder: Path) -> None:
    (folder / "artefacts" / "a\\b").write_bytes(b"x")


def unsigned(folder: Path) -> None:
    (folder / SIGNATURE).unlink()


def respelled(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_bytes(path.read_bytes().replace(b",", b", "))


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        (one_byte, "files"), (swapped, "files"), (removed, "files"), (added, "files"), (reordered, "signature"),
        (card_number, "files"), (link, "layout"), (link_out, "layout"), (odd_name, "layout"), (unsigned, "signature"),
        (respelled, "signature"),
    ],
)  # fmt: skip
def test_tampering_is_found_wherever_it_is_done(
    tamper: Callable[[Path], None], found: str, build: Build, ring: KeyRing
) -> None:
    folder, _ = build()
    tamper(folder)
    document = verify_bundle(folder, ring, NOW)
    assert document.verdict == "failed"
    assert found in failed(document)


def test_another_key_an_end_and_a_withdrawal_are_found(build: Build, ring: KeyRing, tmp_path: Path) -> None:
    folder, manifest = build()
    assert "signature" in failed(verify_bundle(folder, KeyRing(tmp_path / "stranger"), NOW))
    assert failed(verify_bundle(folder, ring, NOW + timedelta(days=91))) == {"expiry"}
    assert failed(verify_bundle(folder, ring, NOW, revoked=[manifest.decision])) == {"revocation"}
    assert verify_bundle(folder, ring, NOW, revoked=[]).verdict == "verified"


def test_a_plan_above_the_decision_and_a_decision_of_another_policy_are_found(build: Build, ring: KeyRing) -> None:
    low = decision(granted={"weights": "T4"})
    folder, _ = build("above", low, plan(low))
    assert failed(verify_bundle(folder, ring, NOW)) == {"tier"}
    other = decision(policy=digest_of(b"older"))
    folder, _ = build("older", decision(), plan(other).model_copy(update={"decision": decision().content_digest()}))
    assert failed(verify_bundle(folder, ring, NOW)) == {"plan"}
    folder, _ = build("cited", decision(evidence=(digest_of(b"gone"),)))
    assert failed(verify_bundle(folder, ring, NOW)) == {"evidence"}
    folder, _ = build("signed under an older policy", other)
    assert failed(verify_bundle(folder, ring, NOW)) == {"policy"}


def test_a_signer_cannot_put_in_what_was_not_judged_or_is_not_to_leave(build: Build, ring: KeyRing) -> None:
    folder, _ = build("others", files=FILES | {"model.safetensors": b"abd"})
    assert failed(verify_bundle(folder, ring, NOW)) == {"subject"}
    folder, _ = build("more", files=FILES | {"more.safetensors": b"new"})
    assert failed(verify_bundle(folder, ring, NOW)) == {"subject"}
    held = decision(granted={"weights": "T6"}, requested_tier="T4")
    folder, _ = build("copies", held, plan(held, "T4"))
    assert failed(verify_bundle(folder, ring, NOW)) == {"tier"}
    refused = decision(verdict="refused")
    folder, _ = build("refused", refused)
    assert failed(verify_bundle(folder, ring, NOW)) == {"decision"}


def test_a_release_does_not_outlast_its_decision(build: Build, ring: KeyRing) -> None:
    for name, ends in (("longer", NOW + timedelta(days=91)), ("for ever", None)):
        folder, _ = build(name, expires_at=ends)
        assert failed(verify_bundle(folder, ring, NOW)) == {"decision"}


def test_signatures_that_were_needed_are_looked_for(build: Build, ring: KeyRing, tmp_path: Path) -> None:
    need = ApprovalNeed(tier="T6", quorum=1, roles=("safety",))
    context = Context(name="here")
    decided = decision(approvals_needed=(need,), context=context.content_digest())
    stated = Part(CONTEXT, "evidence", context.to_json())
    folder, _ = build("unsigned", decided, more=(stated,))
    assert failed(verify_bundle(folder, ring, NOW)) == {"approvals"}
    guard = KeyRing(tmp_path / "guard")
    approval = Approval(
        decision=decided.content_digest(), person="S. Guard", role="safety", key_id=guard.key_id, issued_at=NOW
    )
    envelope = Part(f"{APPROVALS}one.dsse.json", "evidence", sign_record(approval, PREDICATE_APPROVAL, guard))
    folder, _ = build("signed", decided, more=(stated, envelope))
    document = verify_bundle(folder, ring, NOW)
    assert (document.verdict, outcomes(document)["approvals"]) == ("verified", "not-available")
    guard.export(tmp_path / "guard.pem")
    ring.trust(tmp_path / "guard.pem", "S. Guard", "internal")
    assert outcomes(verify_bundle(folder, ring, NOW))["approvals"] == "true"
    folder, _ = build("other context", decided, more=(Part(CONTEXT, "evidence", Context().to_json()), envelope))
    assert failed(verify_bundle(folder, ring, NOW)) == {"approvals"}


def test_a_folder_that_is_deep_is_walked_and_no_threshold_of_none_is_taken(build: Build, ring: KeyRing) -> None:
    folder, _ = build()
    deep = folder
    while len(str(deep)) < 3_900:
        deep = deep / "d"
        deep.mkdir()
    try:
        assert verify_bundle(folder, ring, NOW).verdict == "verified"  # folders without files hold nothing
    finally:
        while deep != folder:  # what cleans up after tests goes by recursion, and could not
            deep.rmdir()
            deep = deep.parent
    with pytest.raises(InputError) as caught:
        verify_bundle(folder, ring, NOW, threshold=0)
    assert caught.value.code == "release.bad-threshold"


@pytest.mark.parametrize(
    "path", ["../up", "/abs", "a//b", "artefacts/..", "artefacts/a\nb", "artefacts/nul\0", "elsewhere"]
)
def test_a_path_that_is_no_plain_name_is_refused_before_anything_is_written(
    path: str, ring: KeyRing, tmp_path: Path, build: Build
) -> None:
    _, manifest = build()
    with pytest.raises(InputError) as caught:
        write_bundle(tmp_path / "new", manifest, [Part(path, "artefact", b"")], ring)
    assert caught.value.code == "release.bad-part"
    assert not (tmp_path / "new").exists()


def test_names_that_differ_in_case_alone_and_a_folder_that_is_there_are_refused(
    ring: KeyRing, tmp_path: Path, build: Build
) -> None:
    folder, manifest = build()
    with pytest.raises(InputError, match="are one name"):
        write_bundle(
            tmp_path / "new",
            manifest,
            [Part("artefacts/a", "artefact", b""), Part("artefacts/A", "artefact", b"")],
            ring,
        )
    with pytest.raises(InputError, match="already there"):
        write_bundle(folder, manifest, [], ring)


def test_a_file_that_changed_since_it_was_judged_stops_the_build_and_leaves_nothing(
    ring: KeyRing, tmp_path: Path, build: Build
) -> None:
    _, manifest = build()
    source = tmp_path / "weights"
    source.write_bytes(b"changed")
    with pytest.raises(InputError, match="has changed since"):
        write_bundle(
            tmp_path / "new",
            manifest,
            [Part("artefacts/w", "artefact", source=lambda: os.open(source, os.O_RDONLY), sha256="0" * 64)],
            ring,
        )
    assert not list(tmp_path.glob(".new*"))
    assert not (tmp_path / "new").exists()
    shutil.rmtree(tmp_path / "home")
