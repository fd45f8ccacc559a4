"""Print the instant a week ago: releases younger than that are left out of the locks.

A hijacked release is usually noticed within days; a week costs little. A dependency whose fix cannot wait is named
in pyproject.toml with its version, and `make lock` is run with `--exclude-newer` changed by hand.
"""

from datetime import UTC, datetime, timedelta

print((datetime.now(UTC) - timedelta(days=7)).strftime("%Y-%m-%dT00:00:00Z"))
