"""The document itself, `bascule.review/v1`."""

from __future__ import annotations

import json

from bascule.plugins.meta import Meta
from bascule.records import ReviewDocument


class JsonReport:
    """The same bytes that `bascule review --json` prints."""

    meta = Meta(id="json", title="JSON, bascule.review/v1")
    file_name = "report.json"

    def render(self, document: ReviewDocument) -> bytes:
        return (json.dumps(document.as_json(), ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode()


plugin = JsonReport()
