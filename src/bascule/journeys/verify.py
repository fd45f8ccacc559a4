"""Verify a bundle offline: by the keys that this home trusts, or by those that are named for this once."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from bascule.attest import KeyRing
from bascule.journeys.parts import Parts
from bascule.records.evidence import Independence
from bascule.records.release import VerifyDocument
from bascule.release.verify import verify_bundle


def verify_release(
    folder: Path,
    parts: Parts,
    *,
    keys: Sequence[Path] = (),
    as_of: datetime | None = None,
    revoked: Sequence[str] | None = None,
    threshold: int = 1,
) -> VerifyDocument:
    """Every check of a bundle. keys: PEM files; where there are any, no other key counts.

    Raises InputError `release.no-bundle`, `attest.not-a-public-key`; a failed check is an answer.
    """
    now = as_of or parts.clock.now()
    if not keys:
        return verify_bundle(folder, parts.keyring, now, revoked=revoked, threshold=threshold)
    with tempfile.TemporaryDirectory(prefix="bascule-keys-") as home:
        ring = KeyRing(Path(home))
        for path in keys:
            ring.trust(path, "", Independence.INDEPENDENT)
        return verify_bundle(folder, ring, now, revoked=revoked, threshold=threshold)
