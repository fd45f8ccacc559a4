"""`bascule keys`: who signs here, and whose signatures this home believes."""

from __future__ import annotations

from pathlib import Path

from bascule.attest import KeyRing
from bascule.attest.keys import TrustedKey
from bascule.cli.output import Common, print_json, print_text
from bascule.kernel.text import visible
from bascule.settings import load_settings


def show_command(*, common: Common | None = None) -> int:
    """Show the key that signs here, made on first use, and every key whose signatures are believed."""
    common = common or Common()
    ring = _ring(common)
    own = ring.key_id
    trusted = ring.trusted()
    if common.json:
        print_json({"schema": "bascule.keys/v1", "own": own, "trusted": [_row(key) for key in trusted]})
        return 0
    for key in trusted:
        whose = "signs here" if key.key_id == own else visible(key.holder.name) or "nobody said whose"
        print_text(f"{key.key_id}  {key.holder.independence.value:<13} {whose}")
    return 0


def export_command(path: Path, /, *, common: Common | None = None) -> int:
    """Write the public half of the key that signs here, in PEM; it may be given to anybody.

    Parameters
    ----------
    path
        The file to write.
    """
    common = common or Common()
    ring = _ring(common)
    ring.export(path)
    if common.json:
        print_json({"schema": "bascule.keys-export/v1", "path": str(path), "key_id": ring.key_id})
    else:
        print_text(f"wrote {path}, key {ring.key_id}")
    return 0


def trust_command(pem: Path, /, *, name: str, independence: str = "internal", common: Common | None = None) -> int:
    """Believe what another's key signs: evidence, ledger heads, approvals. Ask its holder for the key's id first.

    Parameters
    ----------
    pem
        The public key, as `bascule keys export` writes it.
    name
        Who holds the key.
    independence
        internal, independent or self-reported: how much their evidence weighs.
    """
    common = common or Common()
    key = _ring(common).trust(pem, name, independence)
    if common.json:
        print_json({"schema": "bascule.keys-trust/v1", **_row(key)})
    else:
        print_text(f"trusted {key.key_id}, held by {visible(name)} ({key.holder.independence.value})")
    return 0


def _ring(common: Common) -> KeyRing:
    return KeyRing(load_settings(home=common.home).home)


def _row(key: TrustedKey) -> dict[str, str]:
    return {"key_id": key.key_id, "name": key.holder.name, "independence": key.holder.independence.value}
