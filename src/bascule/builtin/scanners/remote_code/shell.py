"""Shell lines in notebooks, told by what they would do when somebody runs the cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bascule.builtin.scanners.remote_code.sight import DANGEROUS_CALL, Sight
from bascule.records import Severity

_RUNS_DOWNLOAD = (
    r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b"
    r"|\b(?:ba|z)?sh\s+<\(\s*(?:curl|wget)"
    r"|base64\s+(?:-d|--decode)[^|]*\|\s*(?:ba)?sh"
)
_OPENS_SHELL = r"/dev/tcp/|\bnc\s+(?:-\w+\s+)*-e\b|\bncat\b.*--exec|mkfifo\b.*\bnc\b"
_REMOVES = r"\brm\s+-\w*[rf]\w*\s+(?:/|~|\$HOME)(?:\s|$)"
_INSTALLS = r"\bpip3?\s+install\b.*(?:https?://|git\+|--index-url|--extra-index-url|-i\s+http)"
_LINES: tuple[tuple[re.Pattern[str], Severity, str], ...] = (
    (re.compile(_RUNS_DOWNLOAD), Severity.HIGH, "runs what it downloads"),
    (re.compile(_OPENS_SHELL), Severity.HIGH, "opens a shell to elsewhere"),
    (re.compile(_REMOVES), Severity.MEDIUM, "removes more than its own files"),
    (re.compile(_INSTALLS), Severity.LOW, "installs from an address"),
)


def shell_lines(lines: Iterable[tuple[int, str]], prefix: str) -> Iterator[Sight]:
    """Lines worth a person's attention."""
    for number, line in lines:
        for pattern, severity, does in _LINES:
            match = pattern.search(line)
            if match:
                seen = {"command": match.group()[:200]}
                yield Sight(DANGEROUS_CALL, severity, f"{prefix}line {number}", f"a shell line {does}", seen)
                break
