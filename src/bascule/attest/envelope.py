"""DSSE envelopes: a payload, its type, and signatures over both.

Rules, in order:
1. Reading is strict and bounded: one JSON object, no key twice, base64 that decodes, at most `MAX_ENVELOPE_BYTES`.
2. Every signature is checked against every key. A key id inside an envelope is a hint and nothing more: it is not
   covered by the signature.
3. A signature that names a key we hold and fails under it makes the whole envelope fail.
4. The payload is returned as it was signed; unknown fields of the envelope are left alone.

Source: secure-systems-lab/dsse, protocol and envelope, v1.0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SigningError
from securesystemslib.signer import Key, Signature, Signer

from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.digests import Digest, digest_of
from bascule.kernel.errors import EvidenceError, InputError
from bascule.kernel.text import visible

MAX_ENVELOPE_BYTES = 64 * 1024 * 1024
_MAX_SIGNATURES = 64
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True)
class Verified:
    """What an envelope said, once it was known who said it.

    key_ids: those of the trusted keys that signed, sorted. unknown_signatures: how many others nobody here can check.
    """

    payload: bytes
    payload_type: str
    key_ids: tuple[str, ...]
    unknown_signatures: int = 0


def identity(envelope: bytes) -> Digest:
    """The sha256 of an envelope's bytes: how evidence is cited."""
    return digest_of(envelope)


def content_identity(envelope: bytes) -> Digest:
    """The sha256 of the payload alone: the same however the envelope is spelled and whoever else signed it.

    Raises EvidenceError `attest.not-an-envelope` or `attest.envelope-too-large`; it verifies nothing.
    """
    return digest_of(_read(envelope)[0])


def read_unverified(envelope: bytes) -> tuple[bytes, str]:
    """Payload and payload type, of whom nobody knows who says so: for those who then look who does.

    Raises EvidenceError `attest.not-an-envelope` or `attest.envelope-too-large`.
    """
    payload, payload_type, _ = _read(envelope)
    return payload, payload_type


def sign(payload: bytes, payload_type: str, *signers: Signer) -> bytes:
    """The envelope's bytes, canonical JSON, with one signature per signer.

    Law: verify(sign(p, t, s), [s.public_key]) gives p and t back.
    Raises InputError `attest.unsigned` without a signer, `attest.envelope-too-large`.
    """
    if not signers:
        raise InputError("attest.unsigned", "an envelope needs at least one signer", "give a key")
    envelope = Envelope(payload, payload_type, {})
    for signer in signers:
        envelope.sign(signer)
    data = canonical_json(envelope.to_dict())
    if len(data) > MAX_ENVELOPE_BYTES:
        raise InputError(
            "attest.envelope-too-large",
            f"the envelope would have {len(data)} bytes, more than {MAX_ENVELOPE_BYTES}",
            "attest fewer files at once",
        )
    return data


def verify(envelope: bytes, verifiers: Sequence[Key], threshold: int = 1) -> Verified:
    """The payload, if at least `threshold` different keys among `verifiers` signed it.

    Raises EvidenceError `attest.envelope-too-large`, `attest.not-an-envelope`, `attest.bad-signature`, or
    `attest.untrusted-key`; ValueError for a threshold below 1.
    """
    if threshold < 1:
        raise ValueError("threshold must be at least 1")
    payload, payload_type, signatures = _read(envelope)
    signed_bytes = Envelope(payload, payload_type, {}).pae()
    signed_by: set[str] = set()
    unknown = 0
    for claimed, signature in signatures:
        holders = {key.keyid for key in verifiers if _holds(key, signature, signed_bytes)}
        if claimed not in holders and any(key.keyid == claimed for key in verifiers):
            raise EvidenceError(
                "attest.bad-signature",
                f"the signature of key `{visible(claimed, 16)}` does not hold: something was changed after signing",
                "fetch the evidence again from its producer",
            )
        unknown += not holders
        signed_by |= holders
    if len(signed_by) < threshold:
        claims = ", ".join(f"`{visible(claimed, 16)}`" for claimed, _ in signatures[:4])
        raise EvidenceError(
            "attest.untrusted-key",
            f"signed by {len(signed_by)} trusted keys where {threshold} must be; it names {claims}",
            "trust the producer's key, if you do trust them: `bascule keys trust FILE --name NAME`",
        )
    return Verified(payload, payload_type, tuple(sorted(signed_by)), unknown)


def _holds(key: Key, signature: bytes, signed_bytes: bytes) -> bool:
    try:
        key.verify_signature(Signature(key.keyid, signature.hex()), signed_bytes)
    except (SigningError, ValueError):
        return False
    return True


def _read(envelope: bytes) -> tuple[bytes, str, list[tuple[str, bytes]]]:
    """Payload, payload type, and (claimed key id, signature) pairs."""
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise EvidenceError(
            "attest.envelope-too-large",
            f"the envelope has {len(envelope)} bytes, more than {MAX_ENVELOPE_BYTES}",
            "this is no evidence that bascule can read",
        )
    try:
        value = parse_json(envelope, "the envelope")
    except InputError as error:
        raise _not_an_envelope(error.message) from error
    if not isinstance(value, dict):
        raise _not_an_envelope("it is not an object")
    payload_type, signatures = value.get("payloadType"), value.get("signatures")
    if not isinstance(payload_type, str):
        raise _not_an_envelope("`payloadType` is not a string")
    if not isinstance(signatures, list) or not 1 <= len(signatures) <= _MAX_SIGNATURES:
        raise _not_an_envelope(f"`signatures` is not a list of 1 to {_MAX_SIGNATURES}")
    try:
        payload_type.encode()
        pairs = [_read_signature(item) for item in signatures]
        return _base64(value.get("payload"), "payload"), payload_type, pairs
    except UnicodeEncodeError as error:
        raise _not_an_envelope("`payloadType` is not Unicode text") from error


def _read_signature(item: Any) -> tuple[str, bytes]:
    if not isinstance(item, dict):
        raise _not_an_envelope("a signature is not an object")
    claimed = item.get("keyid", "")
    if not isinstance(claimed, str):
        raise _not_an_envelope("a `keyid` is not a string")
    return claimed, _base64(item.get("sig"), "sig")


def _base64(text: Any, field: str) -> bytes:
    """Either alphabet, as DSSE asks of a reader."""
    if not isinstance(text, str):
        raise _not_an_envelope(f"`{field}` is not a string")
    try:
        return base64.b64decode(text.encode("ascii").translate(_URL_SAFE), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise _not_an_envelope(f"`{field}` is not base64") from error


def _not_an_envelope(why: str) -> EvidenceError:
    return EvidenceError(
        "attest.not-an-envelope", f"this is not a DSSE envelope: {why}", "give the envelope's own bytes, unchanged"
    )
