"""Which of the packages that a subject asks for are known to be faulty?

Rules:
- Without advisories of the package's ecosystem, without the one version that is asked for, or with words that cannot
  be followed, the answer is `not-available`: never `false`.
- Advisories that are older than the house allows may alarm and do not reassure.
- One fault is told once, under all its names, however many databases list it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bascule.collect.advisories.osv import Advisory, Affected
from bascule.collect.advisories.snapshot import Snapshot
from bascule.collect.after.frame import Conclusion, Given
from bascule.kernel.clock import format_instant
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.text import counted, visible
from bascule.plugins.meta import Meta, Rule
from bascule.records import Finding, Outcome, Severity

ADVISORY = "dependency-advisory"
PINS = "dependencies.pins"
MAX_FINDINGS = 500

META = Meta(
    id="advisories",
    title="Advisories about dependencies",
    rules=(
        Rule(
            id=ADVISORY,
            question="Is a package asked for in a version that an advisory calls vulnerable or malicious?",
            severity=Severity.MEDIUM,
            remedy="take a version that the advisory calls fixed, and lock it; without advisories at hand, add them: "
            "`bascule advisories add SNAPSHOT`",
            why="whoever loads the model installs these packages first, with their published faults; and where nobody "
            "looked, none being known means nothing",
            references=("CWE-1395", "CWE-937", "MITRE ATLAS AML.T0010.001"),
        ),
    ),
    ttl_days=30,
    limits=("what the named packages themselves ask for is not followed",),
)

_PIN = re.compile(r"([^/]+)/(.+?)(?:==(.+)| \(unpinned\))", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Hit:
    """One fault of one pinned package: every advisory that describes it."""

    pin: str
    advisories: tuple[Advisory, ...]

    @property
    def identifiers(self) -> tuple[str, ...]:
        return tuple(sorted({name for item in self.advisories for name in item.identifiers}, key=_best_known_first))

    @property
    def severity(self) -> Severity:
        """The worst that an advisory says; medium where none says any."""
        said = [item.severity for item in self.advisories if item.severity is not None]
        return max(said, key=lambda severity: severity.rank) if said else Severity.MEDIUM


@dataclass(frozen=True, slots=True)
class Match:
    """What the advisories say of a list of packages. unknown: (package, why) of those that they cannot speak of."""

    hits: tuple[Hit, ...]
    unknown: tuple[tuple[str, str], ...]


def match(pins: Sequence[str], snapshot: Snapshot | None) -> Match:
    """Pure. Law: a package is in `hits`, in `unknown`, or was compared with every advisory about it and is in none."""
    hits: list[Hit] = []
    unknown: list[tuple[str, str]] = []
    for pin in dict.fromkeys(pins):
        parsed = _PIN.fullmatch(pin)
        if parsed is None:
            unknown.append((pin, "is no package name and version"))
            continue
        ecosystem, name, version = parsed.groups()
        if snapshot is None:
            unknown.append((pin, "no advisories are at hand"))
        elif ecosystem not in snapshot.ecosystems:
            unknown.append((pin, f"no advisories of `{visible(ecosystem, 40)}` are at hand"))
        elif version is None:
            unknown.append((pin, "its version is not pinned"))
        else:
            about = snapshot.about(ecosystem, name)
            answers = [(advisory, advisory.affects(version)) for advisory in about]
            found = [advisory for advisory, answer in answers if answer is Affected.YES]
            hits += [Hit(pin, group) for group in _same_fault(found)]
            vague = [advisory.id for advisory, answer in answers if answer is Affected.UNKNOWN]
            if vague:
                unknown.append((pin, f"{vague[0]} does not say which versions it means in words that can be followed"))
    return Match(tuple(hits), tuple(unknown))


class Advisories:
    """The step. fresh_days: how old advisories may be to reassure; now: when they are judged by age."""

    meta = META
    needs = ("dependencies",)

    def __init__(self, snapshot: Snapshot | None, now: datetime, fresh_days: int) -> None:
        self._snapshot = snapshot
        held = snapshot.ecosystems.values() if snapshot is not None else ()
        limit = timedelta(days=fresh_days)
        self._stale = {item.name: item.newest for item in held if now - item.newest > limit}
        self._fresh_days = fresh_days

    @property
    def config(self) -> Digest:
        return digest_of_json(
            [self._snapshot.digest if self._snapshot is not None else None, self._fresh_days, sorted(self._stale)]
        )

    def conclude(self, given: Given) -> Conclusion:
        said = Conclusion(limits=list(self._limits()))
        for reading in given.named(PINS):
            pins = reading.value if isinstance(reading.value, tuple) else (str(reading.value),)
            said.answered.append((ADVISORY, reading.artefact))
            said.findings += self._about(reading.artefact, pins)
        return said

    def _about(self, path: str, pins: tuple[str, ...]) -> Iterator[Finding]:
        matched = match(pins, self._snapshot)
        for hit in matched.hits[:MAX_FINDINGS]:
            yield _of_hit(path, hit)
        unknown = [*matched.unknown, *self._too_old(pins)]
        if len(matched.hits) > MAX_FINDINGS:
            unknown.append(("more", f"{len(matched.hits) - MAX_FINDINGS} more advisories are not told"))
        if unknown:
            yield _of_unknown(path, unknown)

    def _too_old(self, pins: Sequence[str]) -> Iterator[tuple[str, str]]:
        for ecosystem, newest in sorted(self._stale.items()):
            if any(pin.startswith(f"{ecosystem}/") for pin in pins):
                yield (
                    ecosystem,
                    f"its advisories end on {newest.date()}, more than {counted(self._fresh_days, 'day')} ago",
                )

    def _limits(self) -> Iterator[str]:
        if self._snapshot is None:
            yield "no advisories are at hand, so no package is known to be sound"
            return
        for item in self._snapshot.ecosystems.values():
            old = "; too old to reassure" if item.name in self._stale else ""
            yield (
                f"{item.count} advisories of {item.name}, the newest of {format_instant(item.newest)}, "
                f"{item.digest}{old}"
            )


def _same_fault(found: list[Advisory]) -> Iterator[tuple[Advisory, ...]]:
    """Groups that share an identifier, directly or through others."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for advisory in found:
        names, members = set(advisory.identifiers), [advisory]
        apart = []
        for group_names, group in groups:
            if names & group_names:
                names |= group_names
                members = [*group, *members]
            else:
                apart.append((group_names, group))
        groups = [*apart, (names, members)]
    for _, members in groups:
        yield tuple(members)


def _of_hit(path: str, hit: Hit) -> Finding:
    first, *others = hit.identifiers
    fixed = sorted({version for item in hit.advisories for version in item.fixed_in})
    also = f" ({', '.join(others[:5])})" if others else ""
    summary = next((item.summary for item in hit.advisories if item.summary), "")
    name = hit.pin.split("/", 1)[-1].replace("==", " ")
    remedy = f"take a fixed version: {', '.join(fixed[:8])}" if fixed else "no fixed version is known: do without it"
    return Finding(
        rule=ADVISORY,
        outcome=Outcome.TRUE,
        severity=hit.severity,
        message=visible(f"{name}: {first}{also}: {summary}".rstrip(": "), 1500),
        artefact=path,
        location=visible(name),
        remedy=visible(remedy, 900),
        references=tuple(visible(item, 100) for item in hit.identifiers[:20]),
        details={"seen": hit.pin, "fixed_in": fixed[:50]},
    )


def _of_unknown(path: str, unknown: list[tuple[str, str]]) -> Finding:
    reasons: dict[str, list[str]] = {}
    for pin, why in unknown:
        reasons.setdefault(why, []).append(visible(pin, 80))
    told = "; ".join(
        f"{', '.join(pins[:4])}{f' and {len(pins) - 4} more' if len(pins) > 4 else ''}: {why}"
        for why, pins in reasons.items()
    )
    return Finding(
        rule=ADVISORY,
        outcome=Outcome.NOT_AVAILABLE,
        severity=Severity.MEDIUM,
        message=visible(f"whether an advisory speaks of these is not known: {told}", 1900),
        artefact=path,
        remedy="add advisories (`bascule advisories add SNAPSHOT`) and pin versions, for example by a lock file",
        details={"seen": [visible(pin) for pin, _ in unknown[:200]]},
    )


def _best_known_first(identifier: str) -> tuple[int, str]:
    order = ("MAL-", "CVE-", "GHSA-", "PYSEC-")
    return next((at for at, prefix in enumerate(order) if identifier.startswith(prefix)), len(order)), identifier
