"""Attest: who says what about which bytes, so that anybody can check it later and offline.

A key ring signs; a DSSE envelope carries a payload and its signatures; the payload is an in-toto Statement v1, whose
predicate is what a tool saw (`observations`), one of our records (`signed_records`) or a policy pack (`packs`).

Rules, in order:
- The envelope's bytes are the thing. Its identity is their sha256, and it is never serialised again.
- Nothing is read from an envelope before a trusted key has verified it.
- A signature that names a key we trust and does not hold is tampering, however many others hold.
- Trust is a file that a person put there, with a name and how independent its holder is.
"""

from bascule.attest.envelope import Verified, content_identity, sign, verify
from bascule.attest.keys import Holder, KeyRing
from bascule.attest.observations import read_evidence, sign_observations
from bascule.attest.packs import PREDICATE_POLICY, keep_pack, kept_pack, sign_pack, verify_pack
from bascule.attest.signed_records import (
    PREDICATE_APPROVAL,
    PREDICATE_CONTEXT,
    PREDICATE_DECISION,
    PREDICATE_SUBJECT,
    PREDICATE_WAIVER,
    Signed,
    read_record,
    sign_record,
)
from bascule.attest.statement import Statement, open_statement, sign_statement

__all__ = [
    "PREDICATE_APPROVAL",
    "PREDICATE_CONTEXT",
    "PREDICATE_DECISION",
    "PREDICATE_POLICY",
    "PREDICATE_SUBJECT",
    "PREDICATE_WAIVER",
    "Holder",
    "KeyRing",
    "Signed",
    "Statement",
    "Verified",
    "content_identity",
    "keep_pack",
    "kept_pack",
    "open_statement",
    "read_evidence",
    "read_record",
    "sign",
    "sign_observations",
    "sign_pack",
    "sign_record",
    "sign_statement",
    "verify",
    "verify_pack",
]
