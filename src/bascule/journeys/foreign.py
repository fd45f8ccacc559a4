"""Evidence that others signed: verified, then recorded as it came.

Rules: the signer's key must be trusted here; all envelopes are verified before the first is recorded; the bytes are
kept as they are. Whose word it is sets how much it weighs, and an envelope that was recorded before changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bascule.attest import read_evidence
from bascule.journeys.parts import Parts
from bascule.kernel.errors import InputError
from bascule.kernel.files import head_of
from bascule.records import Evidence

MAX_ENVELOPE_BYTES = 32 << 20


def take_over(paths: Sequence[Path], parts: Parts) -> tuple[Evidence, ...]:
    """Record envelopes of observations. Raises InputError `foreign.unreadable`, EvidenceError as `read_evidence`."""
    envelopes = [_read(path) for path in paths]
    for envelope in envelopes:
        read_evidence(envelope, parts.keyring)
    return tuple(parts.store.record_evidence(envelope) for envelope in envelopes)


def _read(path: Path) -> bytes:
    try:
        data = head_of(path, MAX_ENVELOPE_BYTES)
    except OSError as error:
        raise InputError(
            "foreign.unreadable", f"`{path}` cannot be read: {error.strerror or error}", "check the path"
        ) from error
    if len(data) > MAX_ENVELOPE_BYTES:
        raise InputError("foreign.too-large", f"`{path}` is larger than 32 MiB", "give one DSSE envelope per file")
    return data
