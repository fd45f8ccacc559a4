"""How far an envelope that came with a subject can be believed.

    trusted     a key that this home trusts signed it
    untrusted   the signature holds under a key that came along with it; whose that is, nobody here said
    unchecked   the key that it names is not here
    invalid     a key that it names is here, or came along, and the signature does not hold

Rules: every signature is looked at, not the first alone; an envelope that a trusted key signed is trusted whoever else
signed it, unless one that names a key we hold fails; what is not trusted may alarm and never reassures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from securesystemslib.signer import Key

from bascule.attest.envelope import read_unverified, verify
from bascule.attest.keys import TrustedKey
from bascule.kernel.errors import EvidenceError


class Standing(StrEnum):
    """See the module's list."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    UNCHECKED = "unchecked"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What an envelope says, and how far to believe it. holder: who holds the trusted key; key_id: of it, or of the one
    that came along."""

    standing: Standing
    payload: bytes
    payload_type: str
    holder: str = ""
    key_id: str = ""
    why: str = ""


def witness(envelope: bytes, trusted: Sequence[TrustedKey], offered: Sequence[Key] = (), named: str = "") -> Witnessed:
    """Judge an envelope. offered: keys that came along with it; named: id of the trusted key that must have signed.

    Raises EvidenceError `attest.not-an-envelope` or `attest.envelope-too-large`.
    """
    payload, payload_type = read_unverified(envelope)
    try:
        verified = verify(envelope, [item.key for item in trusted])
    except EvidenceError as error:
        if error.code == "attest.bad-signature" or named:
            return Witnessed(Standing.INVALID, payload, payload_type, key_id=named, why=error.message)
    else:
        holders = {item.key_id: item.holder.name for item in trusted}
        first = verified.key_ids[0]
        return Witnessed(Standing.TRUSTED, payload, payload_type, holders[first], first)
    if not offered:
        return Witnessed(Standing.UNCHECKED, payload, payload_type, why="the key that signed it is not here")
    try:
        verified = verify(envelope, offered)
    except EvidenceError as error:
        return Witnessed(Standing.INVALID, payload, payload_type, key_id=str(offered[0].keyid), why=error.message)
    return Witnessed(Standing.UNTRUSTED, payload, payload_type, key_id=verified.key_ids[0])
