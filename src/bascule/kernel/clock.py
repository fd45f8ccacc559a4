"""Time: always UTC, always RFC 3339 to the second, always passed in.

Nothing in `judge` reads a clock; journeys are given one. Law: parse_instant(format_instant(t)) == t.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Protocol

from bascule.kernel.errors import InputError


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> datetime:
        """The present instant, timezone-aware, UTC."""
        ...


class SystemClock:
    """The machine's clock, to the second."""

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)


class FixedClock:
    """A clock that stands still: for replays and tests."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant.astimezone(UTC).replace(microsecond=0)

    def now(self) -> datetime:
        return self._instant


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_instant(text: str) -> datetime:
    """An instant from `2026-11-25T08:00:00Z` or a date, which means that day's last second in UTC.

    The last second, so that `--as-of` a day includes what was known and in force on that day.
    Raises InputError `kernel.not-a-date`.
    """
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError(
            "kernel.not-a-date", f"`{text[:40]}` is not a date", "write 2026-11-25 or 2026-11-25T08:00:00Z"
        ) from error
    if instant.tzinfo is None:
        raise InputError("kernel.not-a-date", f"`{text[:40]}` has no time zone", "add Z for UTC")
    return instant.astimezone(UTC).replace(microsecond=0)


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC, to the second, with Z."""
    return instant.astimezone(UTC).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
