"""Ladders of openness, as data: what each tier gives away and what can still be taken back."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from bascule.records.artefact import ArtefactKind
from bascule.records.base import Record


class Tier(Record):
    """One step. The booleans are what safeguards and rules reason about."""

    id: str = Field(pattern=r"^[TA][0-9]$")
    name: str
    description: str
    revocable: bool
    monitorable: bool
    provider_enforceable: bool
    modifiable_by_user: bool
    identity_known: bool
    external: bool = Field(description="people outside the organisation can use it")
    distributes: bool = Field(default=False, description="a copy leaves the house")
    people_to_approve: int = Field(default=1, ge=1)

    @property
    def rank(self) -> int:
        return int(self.id[1:])


class Ladder(Record):
    """Tiers from the most closed to the most open."""

    name: str
    title: str
    tiers: tuple[Tier, ...]
    ceilings: dict[ArtefactKind, str] = Field(
        default_factory=dict, description="the highest tier that means anything for a kind"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if [tier.rank for tier in self.tiers] != list(range(len(self.tiers))):
            raise ValueError("tiers must be numbered from 0 without gaps")
        return self

    def tier(self, tier_id: str) -> Tier:
        """The tier of that id. Raises KeyError."""
        for tier in self.tiers:
            if tier.id == tier_id:
                return tier
        raise KeyError(tier_id)

    @property
    def lowest(self) -> Tier:
        return self.tiers[0]
