"""SARIF 2.1.0: the findings, for code hosts and editors."""

from __future__ import annotations

from bascule.plugins.meta import Meta
from bascule.records import ReviewDocument
from bascule.records.sarif import sarif_log


class SarifReport:
    """Findings alone; the decision is in the JSON."""

    meta = Meta(id="sarif", title="SARIF 2.1.0")
    file_name = "report.sarif"

    def render(self, document: ReviewDocument) -> bytes:
        return sarif_log(document.findings, document.tool_version)


plugin = SarifReport()
