"""Signed heads: our word, at one moment, for how long the ledger is and what its root was.

Whoever kept a head can have it proved later that the ledger still begins with what it held then.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from securesystemslib.signer import Key, Signer

from bascule.attest import Verified, sign, verify
from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.clock import format_instant, parse_instant
from bascule.kernel.digests import Digest, as_digest
from bascule.kernel.errors import EvidenceError, InputError

PAYLOAD_TYPE = "application/vnd.bascule.ledger-head.v1+json"


@dataclass(frozen=True, slots=True)
class Head:
    """root: the RFC 6962 tree hash over the first `size` entries; envelope: what was signed."""

    size: int
    root: Digest
    appended_at: datetime
    envelope: bytes


def sign_head(size: int, root: bytes, appended_at: datetime, signer: Signer) -> Head:
    """A head in a DSSE envelope. Law: read_head gives it back."""
    digest = as_digest(root.hex())
    payload = canonical_json({"size": size, "root": digest, "appended_at": format_instant(appended_at)})
    return Head(size, digest, appended_at, sign(payload, PAYLOAD_TYPE, signer))


def read_head(envelope: bytes, verifiers: Sequence[Key]) -> Head:
    """A head that a trusted key signed. Raises EvidenceError as `verify` does, and `store.not-a-head`.

    A head is ours alone, so it is held to what `sign_head` writes, byte for byte: a signature leaves open how its
    envelope is spelled, and which key it says it is by.
    """
    verified = verify(envelope, verifiers)
    if verified.payload_type != PAYLOAD_TYPE or not _as_written(envelope, verified):
        raise _not_a_head()
    try:
        value = parse_json(verified.payload, "the head")
        return _read(value, envelope)
    except (InputError, KeyError, TypeError) as error:
        raise _not_a_head() from error


def _read(value: Any, envelope: bytes) -> Head:
    size = value["size"]
    if type(size) is not int or size < 1:
        raise _not_a_head()
    return Head(size, as_digest(value["root"]), parse_instant(value["appended_at"]), envelope)


def _as_written(envelope: bytes, verified: Verified) -> bool:
    signatures = parse_json(envelope, "the head")["signatures"]
    if len(signatures) != 1 or signatures[0].get("keyid") not in verified.key_ids:
        return False
    signature = base64.b64decode(signatures[0]["sig"])
    written = {
        "payload": base64.b64encode(verified.payload).decode(),
        "payloadType": verified.payload_type,
        "signatures": [{"keyid": signatures[0]["keyid"], "sig": base64.b64encode(signature).decode()}],
    }
    return envelope == canonical_json(written)


def _not_a_head() -> EvidenceError:
    return EvidenceError(
        "store.not-a-head", "this envelope does not hold a ledger's head as it was written", "give an exported head"
    )
