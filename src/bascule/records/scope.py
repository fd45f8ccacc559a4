"""Context: where, for whom and under which terms the model would be used. A blank is unknown, not no."""

from __future__ import annotations

from typing import Literal

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
