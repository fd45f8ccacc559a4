"""A fact: a value with the evidence it rests on, or nothing, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bascule.kernel.digests import Digest


@dataclass(frozen=True, slots=True)
class Fact:
    """value: None where unknown, and then `why` says so. evidence: what it was read from, or what is silent."""

    value: Any
    evidence: tuple[Digest, ...] = ()
    why: str = ""

    @property
    def known(self) -> bool:
        return self.value is not None


Facts = Mapping[str, Fact]


def unknown(why: str, evidence: Iterable[Digest] = ()) -> Fact:
    return Fact(None, tuple(evidence), why)


def key_of(name: str) -> str:
    """A name as CEL spells it: `pickle-calls-code` and `model.type` with `_`."""
    return name.replace("-", "_").replace(".", "_")
