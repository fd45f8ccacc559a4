"""One line of the ledger: what was said about what, and the digest of the saying.

Rules: a leaf of the tree is taken over an entry's fields, and these hold the digest of its body, so that a body can be
lost without the tree's becoming unverifiable, and neither can be changed unseen; an entry's place is one of its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bascule.kernel.canonical import canonical_json
from bascule.kernel.clock import format_instant, parse_instant
from bascule.kernel.digests import Digest
from bascule.store.merkle import leaf_hash

FIELDS = ("seq", "kind", "digest", "record", "subject", "slot", "issued_at", "expires_at", "appended_at")
"""an entry's fields as they are stored, exported and hashed"""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be appended.

    kind: evidence, subject, decision, context, policy, waiver, approval, …; body: the bytes, for us an envelope;
    record: the digest of the record inside, where that is what people cite; subject: what it is about; slot: which
    place it takes among what is said about the subject (the tool, the ladder, the rule, the role, the reference).
    """

    kind: str
    body: bytes
    record: Digest | None = None
    subject: Digest | None = None
    slot: str | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What was appended: `seq` counts from 0, `digest` is the sha256 of the body."""

    seq: int
    kind: str
    digest: Digest
    record: Digest | None
    subject: Digest | None
    slot: str | None
    issued_at: datetime | None
    expires_at: datetime | None
    appended_at: datetime

    def fields(self) -> dict[str, Any]:
        """Plain values, as stored. Law: Entry.of(e.fields()) == e for instants to the second."""
        return {name: _plain(getattr(self, name)) for name in FIELDS}

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Entry:
        """An entry from its stored fields; other keys are left alone. Raises InputError for a changed instant."""
        values = {name: fields[name] for name in FIELDS}
        for name in ("issued_at", "expires_at", "appended_at"):
            if values[name] is not None:
                values[name] = parse_instant(values[name])
        return cls(**values)


def leaf_of(fields: Mapping[str, Any]) -> bytes:
    """The leaf's hash over the fields exactly as they are stored. Raises InputError for what is not JSON."""
    return leaf_hash(canonical_json({name: fields[name] for name in FIELDS}))


def _plain(value: Any) -> Any:
    return format_instant(value) if isinstance(value, datetime) else value
