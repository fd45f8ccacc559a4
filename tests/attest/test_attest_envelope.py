"""An envelope opens only for those who signed it, and only as it was signed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.attest import KeyRing, sign, verify
from bascule.attest.envelope import MAX_ENVELOPE_BYTES, identity
from bascule.kernel.digests import digest_of
from bascule.kernel.errors import BasculeError, EvidenceError, InputError

TYPE = "application/x-test"


def opened(envelope: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(envelope)
    return value


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(BasculeError) as caught:
        call()
    assert isinstance(caught.value, EvidenceError)
    return caught.value.code


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256"])
@pytest.mark.parametrize("payload", [b"", b"{}", bytes(range(256)), b"x" * 100_000])
def test_what_was_signed_comes_back(tmp_path: Path, kind: str, payload: bytes) -> None:
    keyring = KeyRing(tmp_path, kind)  # type: ignore[arg-type]
    verified = verify(sign(payload, TYPE, keyring.signer), keyring.verifiers())
    assert (verified.payload, verified.payload_type, verified.key_ids) == (payload, TYPE, (keyring.key_id,))


def test_the_signature_is_over_the_pre_authentication_encoding(keyring: KeyRing) -> None:
    envelope = opened(sign(b"hello world", "http://example.com/HelloWorld", keyring.signer))
    public = load_pem_public_key(keyring.public_pem())
    assert isinstance(public, Ed25519PublicKey)
    # The specification's own example of the encoding.
    pae = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)


def test_identity_is_the_sha256_of_the_bytes(keyring: KeyRing) -> None:
    envelope = sign(b"x", TYPE, keyring.signer)
    assert identity(envelope) == digest_of(envelope)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_one_changed_byte_is_found(keyring: KeyRing, data: st.DataObject) -> None:
    envelope = sign(b'{"a":1}', TYPE, keyring.signer)
    place = data.draw(st.integers(0, len(envelope) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != envelope[place]))
    changed = envelope[:place] + bytes([value]) + envelope[place + 1 :]
    try:
        verified = verify(changed, keyring.verifiers())
    except EvidenceError:
        return
    # Only what no signature covers may change: the hint, a field's name we do not read, base64's other alphabet.
    assert (verified.payload, verified.payload_type) == (b'{"a":1}', TYPE)


def test_a_payload_type_that_was_changed_is_found(keyring: KeyRing) -> None:
    value = opened(sign(b"x", TYPE, keyring.signer)) | {"payloadType": "application/x-other"}
    assert code_of(lambda: verify(json.dumps(value).encode(), keyring.verifiers())) == "attest.bad-signature"


def test_an_untrusted_key_is_not_enough(tmp_path: Path, keyring: KeyRing) -> None:
    stranger = KeyRing(tmp_path / "stranger")
    envelope = sign(b"x", TYPE, stranger.signer)
    assert code_of(lambda: verify(envelope, keyring.verifiers())) == "attest.untrusted-key"
    assert code_of(lambda: verify(envelope, [keyring.signer.public_key])) == "attest.untrusted-key"


def test_a_bad_signature_of_a_known_key_fails_however_many_others_hold(tmp_path: Path, keyring: KeyRing) -> None:
    second = KeyRing(tmp_path / "second")
    value = opened(sign(b"x", TYPE, keyring.signer, second.signer))
    value["signatures"][0]["sig"] = value["signatures"][1]["sig"]
    keys = [keyring.signer.public_key, second.signer.public_key]
    assert code_of(lambda: verify(json.dumps(value).encode(), keys)) == "attest.bad-signature"


def test_the_threshold_counts_keys_and_not_signatures(tmp_path: Path, keyring: KeyRing) -> None:
    second = KeyRing(tmp_path / "second")
    keys = [keyring.signer.public_key, second.signer.public_key]
    both = sign(b"x", TYPE, keyring.signer, second.signer)
    assert verify(both, keys, threshold=2).key_ids == tuple(sorted((keyring.key_id, second.key_id)))
    twice = opened(sign(b"x", TYPE, keyring.signer))
    twice["signatures"].append(dict(twice["signatures"][0], keyid="another"))
    assert code_of(lambda: verify(json.dumps(twice).encode(), keys, threshold=2)) == "attest.untrusted-key"
    with pytest.raises(ValueError, match="at least 1"):
        verify(both, keys, threshold=0)


def test_a_foreign_envelope_with_another_key_id_and_unknown_fields_verifies(keyring: KeyRing) -> None:
    value = opened(sign(b"x", TYPE, keyring.signer)) | {"vendor": {"kept": True}}
    value["signatures"][0] = {"sig": value["signatures"][0]["sig"], "cert": "…"}
    assert verify(json.dumps(value).encode(), keyring.verifiers()).key_ids == (keyring.key_id,)


def test_both_base64_alphabets_are_read(keyring: KeyRing) -> None:
    value = opened(sign(b"\xfb\xff\xfe?>", TYPE, keyring.signer))
    value["payload"] = value["payload"].translate(str.maketrans("+/", "-_"))
    assert "-" in value["payload"] or "_" in value["payload"]
    assert verify(json.dumps(value).encode(), keyring.verifiers()).payload == b"\xfb\xff\xfe?>"


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"payload":"","payload":"eA==","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"t","signatures":[]}',
        b'{"payload":"","payloadType":"t","signatures":{}}',
        b'{"payload":"","payloadType":"t","signatures":[{}]}',
        b'{"payload":"","payloadType":"t","signatures":["sig"]}',
        b'{"payload":"","payloadType":"t","signatures":[{"sig":"","keyid":7}]}',
        b'{"payload":"e","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"\xc3\xa9","payloadType":"t","signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"\\ud800","signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":NaN,"signatures":[{"sig":""}]}',
        b'{"payload":"","payloadType":"t","signatures":[' + b'{"sig":""},' * 64 + b'{"sig":""}]}',
    ],
)
def test_what_is_no_envelope_is_an_error(keyring: KeyRing, envelope: bytes) -> None:
    assert keyring.key_id
    assert code_of(lambda: verify(envelope, keyring.verifiers())) == "attest.not-an-envelope"


def test_an_envelope_is_bounded(keyring: KeyRing) -> None:
    big = b" " * (MAX_ENVELOPE_BYTES + 1)
    assert code_of(lambda: verify(big, keyring.verifiers())) == "attest.envelope-too-large"
    with pytest.raises(InputError, match="more than"):
        sign(bytes(MAX_ENVELOPE_BYTES), TYPE, keyring.signer)


def test_an_envelope_without_a_signer_is_refused() -> None:
    with pytest.raises(InputError, match="at least one signer"):
        sign(b"x", TYPE)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(envelope=st.binary(max_size=200))
def test_any_bytes_at_all_are_an_error_of_ours(keyring: KeyRing, envelope: bytes) -> None:
    assert code_of(lambda: verify(envelope, keyring.verifiers())).startswith("attest.")
