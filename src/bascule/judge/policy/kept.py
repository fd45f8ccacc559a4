"""Policy packs kept with the decisions made under them, and read again word for word.

A pack that extends another is kept with the other's files, under `extends/NAME/`.
"""

from __future__ import annotations

from collections.abc import Mapping

from bascule.judge.policy.pack import PolicyPack
from bascule.judge.policy.parse import parse_pack
from bascule.kernel.digests import Digest
from bascule.kernel.errors import InputError

_BASES = "extends/"


def with_bases(files: Mapping[str, bytes], bases: Mapping[str, Mapping[str, bytes]]) -> dict[str, bytes]:
    """All files that a pack's digest depends on, by path."""
    inner = {f"{_BASES}{base}/{path}": data for base, texts in bases.items() for path, data in texts.items()}
    return {**files, **inner}


def pack_of(files: Mapping[str, bytes], name: str, digest: Digest) -> PolicyPack:
    """The pack again. Raises InputError: `policy.invalid`, `policy.other-digest` when its reader has changed since."""
    own = {path: data for path, data in files.items() if not path.startswith(_BASES)}

    def base(base_name: str) -> dict[str, bytes]:
        prefix = f"{_BASES}{base_name}/"
        return {path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)}

    pack = parse_pack(own, name, base)
    if pack.digest != digest:
        raise InputError(
            "policy.other-digest",
            f"the recorded pack `{name}` now reads as another policy than `{digest}`",
            "use the version of bascule that made the decision",
        )
    return pack
