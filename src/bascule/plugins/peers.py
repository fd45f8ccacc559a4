"""Reading what another program printed: never to be trusted to be what its manual says.

Rules: total, and a value of another type than expected is as good as absent; what a peer says of a file is text from
outside, so it is cut to a length here and made visible by whoever shows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bascule.plugins.kinds import PeerAlarm, PeerSays
from bascule.plugins.meta import Rule
from bascule.records import Severity

MAX_ALARMS = 200
MAX_LINES = 20
_MESSAGE_CHARS = 500
_ATTEMPTS = 20


def tool_of(peer_id: str) -> str:
    """The slot in which a peer's imported results stand."""
    return f"peer-{peer_id}"


def alarm_rule(peer_id: str) -> Rule:
    """The one question that a peer's imported result bears on; it is answered `true` or not at all."""
    return Rule(
        id=f"peer-{peer_id}-alarm",
        question=f"Does {peer_id} warn of the file?",
        severity=Severity.MEDIUM,
        remedy="read what it says beside our own findings for the file; waive it by name where it is a false alarm",
        why="Somebody ran this scanner and handed in its result. Its alarm is worth a look whatever we say ourselves; "
        "its silence shows nothing, since each scanner is blind somewhere, so it is never taken for an answer.",
        references=("MITRE ATLAS AML.T0010",),
    )


def json_within(text: str) -> Mapping[str, Any]:
    """The first JSON object in a text that may open and end with talk; empty when there is none."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    # An object opens a line, and braces inside of talk are no reason to try for ever.
    for _ in range(_ATTEMPTS):
        if start < 0:
            break
        try:
            value, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("\n{", start) + 1 or -1
            continue
        return value if isinstance(value, dict) else {}
    return {}


def rows(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; nothing when it is none."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def word(row: Mapping[str, Any], *keys: str) -> str:
    """The first of these keys that holds text or a number, or the empty string."""
    for key in keys:
        value = row.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def number(row: Mapping[str, Any], key: str) -> int:
    """A count; 0 when it is none."""
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside of an object; empty when it is none."""
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def alarm(path: str, message: str) -> PeerAlarm:
    """With both cut to what a report can hold."""
    return PeerAlarm(path[:1000], " ".join(message.split())[:_MESSAGE_CHARS])


def lines_of(*texts: str) -> tuple[str, ...]:
    """The first lines that say anything."""
    found = (line.strip() for text in texts for line in text.splitlines())
    return tuple(line[:_MESSAGE_CHARS] for line in found if re.search(r"\w", line))[:MAX_LINES]


def failed(code: int | None, *texts: str) -> PeerSays:
    """What to make of a peer that did not print what it prints: an error, with its last words."""
    told = lines_of(*texts)[-3:]
    ended = "" if code is None else f" (exit code {code})"
    return PeerSays("error", lines=(*told, f"its answer cannot be read{ended}"), understood=False)


def version_beside(program: Path, distribution: str) -> str:
    """The version of a distribution in the environment that a program lies in, without running anything; empty when it
    cannot be told. Links are followed, as those that a tool installer leaves on PATH."""
    wanted = re.sub(r"[-_.]+", "_", distribution).lower()
    root = program.resolve().parent.parent
    for info in sorted(root.glob("lib/python*/site-packages/*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        if re.sub(r"[-_.]+", "_", name).lower() == wanted:
            return version
    return ""
