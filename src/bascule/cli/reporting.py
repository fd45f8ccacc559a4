"""Reports to files and to the terminal, through the report plug-ins."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bascule.cli.output import say
from bascule.kernel.errors import PluginError
from bascule.kernel.files import write_whole
from bascule.plugins.kinds import Report
from bascule.plugins.registry import working
from bascule.records import ReviewDocument

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def terminal_report(document: ReviewDocument) -> str:
    """The answer for a person at a terminal; without colour where stdout is a file."""
    for loaded in working("reports"):
        if loaded.id == "terminal":
            text: str = loaded.plugin.render(document).decode()
            if sys.stdout.isatty():
                return text
            return "\n".join(line.rstrip() for line in _ANSI.sub("", text).splitlines())
    raise PluginError("reports.no-terminal", "the terminal report is missing", "reinstall bascule")


def write_reports(document: ReviewDocument, folder: Path) -> list[Path]:
    """Every form of the report that has a file name. One that fails is named and does not stop the others."""
    written = []
    for loaded in working("reports"):
        report: Report = loaded.plugin
        if not report.file_name:
            continue
        try:
            data = report.render(document)
        except Exception as error:
            if loaded.built_in:
                raise
            say(f"warning: report `{loaded.id}` of `{loaded.distribution}` failed: {type(error).__name__}: {error}")
            continue
        path = folder / report.file_name
        write_whole(path, data)
        written.append(path)
    return written
