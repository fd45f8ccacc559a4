"""A signature over a policy pack is over all of its files and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.attest import KeyRing, keep_pack, kept_pack, sign_pack, sign_statement, verify_pack
from bascule.attest.packs import PREDICATE_POLICY, PREDICATE_POLICY_FILES, SIGNATURE_FILE
from bascule.kernel.digests import digest_of
from bascule.kernel.errors import EvidenceError

FILES = {"pack.yaml": b"id: strict", "rules/security.yaml": b"rules: []"}
packs = st.dictionaries(st.text(min_size=1, max_size=20).filter(lambda path: path.isascii()), st.binary(max_size=50))


def test_a_signed_pack_verifies_with_its_signature_beside_it(keyring: KeyRing) -> None:
    envelope = sign_pack(FILES, keyring)
    assert verify_pack(envelope, FILES, keyring) == keyring.key_id
    assert verify_pack(envelope, {**FILES, SIGNATURE_FILE: envelope}, keyring) == keyring.key_id
    assert sign_pack({**FILES, SIGNATURE_FILE: b"old"}, keyring) == envelope


def test_every_file_that_is_not_as_signed_is_named_at_once(keyring: KeyRing) -> None:
    changed = {"pack.yaml": b"id: lax", "rules/extra.yaml": b""}
    with pytest.raises(EvidenceError) as caught:
        verify_pack(sign_pack(FILES, keyring), changed, keyring)
    assert caught.value.code == "attest.pack-changed"
    for said in ("`pack.yaml` changed", "`rules/extra.yaml` was added", "`rules/security.yaml` is missing"):
        assert said in caught.value.message


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(signed=packs.filter(bool), found=packs)
def test_a_signature_holds_for_its_own_files_alone(
    keyring: KeyRing, signed: dict[str, bytes], found: dict[str, bytes]
) -> None:
    envelope = sign_pack(signed, keyring)
    assert verify_pack(envelope, signed, keyring) == keyring.key_id
    if signed != found:
        with pytest.raises(EvidenceError):
            verify_pack(envelope, found, keyring)


def test_a_pack_signed_by_a_stranger_is_refused(tmp_path: Path, keyring: KeyRing) -> None:
    with pytest.raises(EvidenceError) as caught:
        verify_pack(sign_pack(FILES, KeyRing(tmp_path / "stranger")), FILES, keyring)
    assert caught.value.code == "attest.untrusted-key"


def test_another_statement_about_the_same_files_is_no_signature(keyring: KeyRing) -> None:
    named = [(path, digest_of(data)) for path, data in FILES.items()]
    with pytest.raises(EvidenceError) as caught:
        verify_pack(sign_statement(named, "https://example.com/x", {}, keyring), FILES, keyring)
    assert caught.value.code == "attest.other-predicate"


def test_a_file_named_twice_is_refused(keyring: KeyRing) -> None:
    named = [(path, digest_of(data)) for path, data in FILES.items()]
    envelope = sign_statement([("pack.yaml", digest_of(b"other")), *named], PREDICATE_POLICY, {}, keyring)
    with pytest.raises(EvidenceError):
        verify_pack(envelope, FILES, keyring)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(files=packs)
def test_a_kept_pack_comes_back_byte_for_byte(keyring: KeyRing, files: dict[str, bytes]) -> None:
    digest = digest_of(b"policy")
    assert kept_pack(keep_pack(digest, files, keyring), digest, keyring) == files


def test_a_kept_pack_does_not_pass_for_another(keyring: KeyRing) -> None:
    with pytest.raises(EvidenceError) as caught:
        kept_pack(keep_pack(digest_of(b"a"), FILES, keyring), digest_of(b"b"), keyring)
    assert caught.value.code == "attest.not-this-pack"


@pytest.mark.parametrize("predicate", [None, {}, {"files": []}, {"files": {"a": 7}}, {"files": {"a": "?"}}])
def test_a_kept_pack_without_its_files_is_an_error(keyring: KeyRing, predicate: object) -> None:
    digest = digest_of(b"a")
    envelope = sign_statement([("policy", digest)], PREDICATE_POLICY_FILES, predicate, keyring)
    with pytest.raises(EvidenceError) as caught:
        kept_pack(envelope, digest, keyring)
    assert caught.value.code == "attest.not-this-pack"
