"""Context: where, for whom and under which terms the model would be used. A blank is unknown, not no."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from bascule.records.base import Record


class Context(Record):
    """The part of a decision that is not in the bytes. `context.yaml`."""

    name: str = "default"
    region: str | None = Field(default=None, description="where it is offered: EU, US, UK, CN, global, …")
    domicile: str | None = Field(default=None, description="ISO 3166 country of the releasing organisation")
    sector: str | None = Field(
        default=None, description="general, health, finance, public, education, legal, research, …"
    )
    users: Literal["self", "organisation", "vetted", "customers", "public"] | None = None
    monthly_active_users: float | None = Field(default=None, ge=0)
    revenue_usd: float | None = Field(default=None, ge=0, description="the organisation's annual revenue")
    monetised: bool | None = Field(default=None, description="is the model or access to it paid for?")
    commercial: bool | None = Field(default=None, description="used for commercial advantage?")
    systemic_risk: bool | None = Field(
        default=None, description="a general-purpose model with systemic risk (EU AI Act art. 51)?"
    )
    safeguards: tuple[str, ...] = Field(
        default=(), description="in force where we provide access: content_filter, rate_limit, …"
    )
    accountable: str | None = Field(default=None, description="the named person or office who answers for the release")
    contact: str | None = Field(default=None, description="where problems are reported")
    requester: str | None = Field(default=None, description="who asks for the release; may not approve it")
    notes: str = ""
    # What the clauses of licences and the forms of the law ask beside it.
    provider: str | None = Field(default=None, description="legal name of who places the model on the market")
    provider_contact: str | None = None
    model_name: str | None = Field(default=None, description="the name it is published under")
    release_date: date | None = None
    union_release_date: date | None = Field(default=None, description="first placed on the market in the EU")
    distribution_channels: tuple[str, ...] = ()
    purpose: Literal["research", "personal", "evaluation", "production"] | None = None
    licences: dict[str, str] = Field(
        default_factory=dict, description="under which licence parents and data stand, by name, as we state it"
    )
    modality: Literal["text", "code", "audio", "image", "video", "multimodal"] | None = None
    users_counted_on: date | None = Field(
        default=None, description="the day that `monthly_active_users` is counted for; blank: the day that is asked for"
    )
    training_compute_flop: float | None = Field(default=None, ge=0)
    modification_compute_share: float | None = Field(
        default=None, ge=0, description="compute of our changes over that of the original model's training"
    )

    def as_json(self) -> dict[str, Any]:
        """Plain values. The fields from `provider` on are left out while blank: contexts recorded before these fields
        were there keep their digest."""
        names = list(type(self).model_fields)
        later = names[names.index("provider") :]
        return {
            key: value for key, value in super().as_json().items() if key not in later or value not in (None, [], {})
        }
