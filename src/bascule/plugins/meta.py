"""What a plug-in says of itself: the source of `bascule rules`, of the docs pages and of what evidence records.

Rules: a rule's question is put so that `true` calls for action; its remedy is one a person can carry out; `version`
is raised whenever the answers could change, so that evidence from older rules is collected again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bascule.records import ArtefactKind, Outcome, Severity

DEFAULT_TTL_DAYS = 180
"""how long evidence speaks that depends on the bytes and our rules alone"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One question, with what a reader needs to act on it."""

    id: str
    question: str
    severity: Severity
    remedy: str
    why: str
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measure or reading that a plug-in may leave, declared so that policies can be checked against it."""

    name: str
    description: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Reads:
    """Which artefacts a scanner is shown: any that matches one of the three. Empty means every file."""

    kinds: tuple[ArtefactKind, ...] = ()
    media_types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def match(self, path: str, kind: ArtefactKind, media_type: str) -> bool:
        """Names are shell patterns on the whole path or its last part, lower case; a media type may end in `*`."""
        if not (self.kinds or self.media_types or self.names):
            return True
        lower = path.lower()
        return (
            kind in self.kinds
            or any(fnmatchcase(media_type, pattern) for pattern in self.media_types)
            or any(fnmatchcase(lower, name) or fnmatchcase(lower.rsplit("/", 1)[-1], name) for name in self.names)
        )


@dataclass(frozen=True, slots=True)
class Example:
    """A built case and what it must answer. `files` is called when the example runs; nothing is stored.

    expects: rule id to outcome, for the subject as a whole. `path`: the file under test, all of them when empty.
    """

    name: str
    files: Callable[[], Mapping[str, bytes]]
    expects: Mapping[str, Outcome]
    readings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meta:
    """A plug-in's description. `id` is its module's name."""

    id: str
    title: str
    version: str = "1"
    rules: tuple[Rule, ...] = ()
    reads: Reads = Reads()
    measures: tuple[Quantity, ...] = ()
    readings: tuple[Quantity, ...] = ()
    ttl_days: int = DEFAULT_TTL_DAYS
    limits: tuple[str, ...] = ()
    opens: bool = False
    """it looks into archives for itself, so that it is not shown what is packed in them (`plugins.inside`)"""

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id. Raises KeyError."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)
