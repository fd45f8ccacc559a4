"""Signed heads: our word, at one moment, for how long the ledger is and what its root was.

Whoever kept a head can have it proved later that the ledger still begins with what it held then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from securesystemslib.signer import Key, Signer

from bascule.attest import sign, verify
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
    """A head that a trusted key signed. Raises EvidenceError as `verify` does, and `store.not-a-head`."""
    verified = verify(envelope, verifiers)
    if verified.payload_type != PAYLOAD_TYPE:
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


def _not_a_head() -> EvidenceError:
    return EvidenceError("store.not-a-head", "this envelope does not hold a ledger's head", "give an exported head")
