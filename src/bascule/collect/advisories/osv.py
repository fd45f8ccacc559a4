"""One OSV record, and whether a version is affected by it.

Rules: what a record says in words that we do not follow (a version that is none, a range of commits alone) is
`UNKNOWN`, never unaffected; a withdrawn record says nothing; a local version (`2.1.0+cu118`) is as affected as the
public one that it was built from.
Source: Open Source Vulnerability format, schema 1.7, and its evaluation algorithm; CVSS 3.1, section 7.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from bascule.kernel.clock import format_instant
from bascule.records import Severity

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


class Affected(Enum):
    """Is this version affected?"""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Range:
    """A line of versions cut by events, in the order in which they were written: (`introduced`, "0"), …"""

    kind: str
    events: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Advisory:
    """A record about one package, kept as small as matching and telling need.

    key: ecosystem and name as its index normalises it. severity: None where the record says none that we read.
    """

    id: str
    ecosystem: str
    name: str
    modified: str
    summary: str
    aliases: tuple[str, ...]
    severity: Severity | None
    versions: frozenset[str]
    ranges: tuple[Range, ...]

    def to_json(self) -> str:
        """Compact, the same every time."""
        value = {
            "id": self.id,
            "ecosystem": self.ecosystem,
            "name": self.name,
            "modified": self.modified,
            "summary": self.summary,
            "aliases": list(self.aliases),
            "severity": self.severity.value if self.severity else None,
            "versions": sorted(self.versions),
            "ranges": [[item.kind, [list(event) for event in item.events]] for item in self.ranges],
        }
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Advisory:
        """Law: from_json(a.to_json()) == a."""
        value = json.loads(text)
        return cls(
            id=value["id"],
            ecosystem=value["ecosystem"],
            name=value["name"],
            modified=value["modified"],
            summary=value["summary"],
            aliases=tuple(value["aliases"]),
            severity=Severity(value["severity"]) if value["severity"] else None,
            versions=frozenset(value["versions"]),
            ranges=tuple(
                Range(kind, tuple((name, version) for name, version in events)) for kind, events in value["ranges"]
            ),
        )

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Its own id and every other name of the same fault."""
        return tuple(dict.fromkeys((self.id, *self.aliases)))

    @property
    def fixed_in(self) -> tuple[str, ...]:
        """Versions that the record calls fixed."""
        return tuple(
            dict.fromkeys(
                version
                for item in self.ranges
                if item.kind != "GIT"
                for name, version in item.events
                if name == "fixed"
            )
        )

    def affects(self, version: str) -> Affected:
        """Total: any text gives an answer."""
        try:
            public = Version(Version(version).public)
        except InvalidVersion:
            return Affected.YES if version in self.versions else Affected.UNKNOWN
        listed = _same_version(public, self.versions)
        if listed is Affected.YES:
            return Affected.YES
        answers = [_within(public, item) for item in self.ranges if item.kind != "GIT"]
        if Affected.YES in answers:
            return Affected.YES
        understood = bool(answers) or bool(self.versions)
        if Affected.UNKNOWN in answers or listed is Affected.UNKNOWN or not understood:
            return Affected.UNKNOWN
        return Affected.NO


def read_osv(record: object) -> tuple[Advisory, ...]:
    """The advisories in one record, one for each package; none when it is withdrawn. Raises ValueError."""
    if not isinstance(record, Mapping):
        raise ValueError("not an object")
    identity, modified = record.get("id"), record.get("modified")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise ValueError("no `id`")
    if not isinstance(modified, str):
        raise ValueError(f"`{identity}` has no date in `modified`")
    modified = format_instant(datetime.fromisoformat(modified))
    if record.get("withdrawn"):
        return ()
    aliases = tuple(item for item in _strings(record.get("aliases")) if _ID.fullmatch(item))
    summary = record.get("summary") or record.get("details") or ""
    found: dict[tuple[str, str], Advisory] = {}
    for affected in _rows(record.get("affected")):
        package = affected.get("package")
        ecosystem, name = (
            (package.get("ecosystem"), package.get("name")) if isinstance(package, Mapping) else (None, None)
        )
        if not isinstance(ecosystem, str) or not isinstance(name, str):
            continue  # a range of commits of no package: nothing here asks for one
        key = ecosystem, canonicalize_name(name) if ecosystem == "PyPI" else name
        before = found.get(key)
        found[key] = Advisory(
            id=identity,
            ecosystem=key[0],
            name=key[1],
            modified=modified,
            summary=" ".join(str(summary).split())[:300],
            aliases=aliases,
            severity=_severity(identity, record, affected),
            versions=frozenset(_strings(affected.get("versions"))) | (before.versions if before else frozenset()),
            ranges=(*(before.ranges if before else ()), *_ranges(affected.get("ranges"))),
        )
    return tuple(found.values())


def _within(version: Version, item: Range) -> Affected:
    """OSV's evaluation of one range: the last event at or below the version decides."""
    try:
        events = sorted(((_event_version(text), name) for name, text in item.events), key=lambda event: event[0])
    except InvalidVersion:
        return Affected.UNKNOWN
    if not any(name == "introduced" for _, name in events):
        return Affected.UNKNOWN
    limits = [at for at, name in events if name == "limit"]
    if limits and all(version >= at for at in limits):
        return Affected.NO
    inside = False
    for at, name in events:
        if name == "introduced" and version >= at:
            inside = True
        elif (name == "fixed" and version >= at) or (name == "last_affected" and version > at):
            inside = False
    return Affected.YES if inside else Affected.NO


def _event_version(text: str) -> Version:
    return Version("0.dev0") if text == "0" else Version(text)


def _same_version(version: Version, listed: Iterable[str]) -> Affected:
    answer = Affected.NO
    for text in listed:
        try:
            if Version(text) == version:
                return Affected.YES
        except InvalidVersion:
            # A release that no installer of today would take for this version.
            continue
    return answer


def _ranges(value: object) -> tuple[Range, ...]:
    ranges = []
    for row in _rows(value):
        events = tuple(
            (name, text)
            for event in _rows(row.get("events"))
            for name, text in event.items()
            if name in ("introduced", "fixed", "last_affected", "limit") and isinstance(text, str)
        )
        ranges.append(Range(str(row.get("type", "")), events))
    return tuple(ranges)


_LABELS = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}


def _severity(identity: str, record: Mapping[str, Any], affected: Mapping[str, Any]) -> Severity | None:
    if identity.startswith("MAL-"):
        return Severity.CRITICAL
    for holder in (
        affected.get("database_specific"),
        affected.get("ecosystem_specific"),
        record.get("database_specific"),
    ):
        label = holder.get("severity") if isinstance(holder, Mapping) else None
        if isinstance(label, str) and label.upper() in _LABELS:
            return _LABELS[label.upper()]
    scores = [
        score
        for row in (*_rows(affected.get("severity")), *_rows(record.get("severity")))
        if (score := cvss3_base(str(row.get("score", "")))) is not None
    ]
    return severity_of(max(scores)) if scores else None


def severity_of(score: float) -> Severity:
    """CVSS's own bands."""
    bands = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for floor, severity in bands if score >= floor), Severity.INFO)


_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def cvss3_base(vector: str) -> float | None:
    """The base score, 0 to 10, of a CVSS 3.0 or 3.1 vector; None for anything else."""
    if not re.match(r"CVSS:3\.[01]/", vector):
        return None
    metrics = dict(part.split(":", 1) for part in vector.split("/")[1:] if ":" in part)
    try:
        scope = metrics["S"]
        av, ac, ui, c, i, a = (_WEIGHTS[name][metrics[name]] for name in ("AV", "AC", "UI", "C", "I", "A"))
        pr = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    loss = 1 - (1 - c) * (1 - i) * (1 - a)
    impact = 6.42 * loss if scope == "U" else 7.52 * (loss - 0.029) - 3.25 * (loss - 0.02) ** 15
    if impact <= 0:
        return 0.0
    total = impact + 8.22 * av * ac * pr * ui
    return _round_up(min(10.0, total if scope == "U" else 1.08 * total))


def _round_up(value: float) -> float:
    """To one decimal, upwards, by CVSS's own arithmetic in whole numbers."""
    whole = round(value * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def _strings(value: object) -> Sequence[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
