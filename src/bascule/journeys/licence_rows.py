"""From what the licence scanners left to rows: one for each licence that a file holds or names.

Rules: a row says what it covers, told by the file's own name and place (`LICENSE-MODEL`, `third_party/`), and otherwise
it covers the repository; what a scanner could not read is not a row but a finding.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from bascule.plugins.readers import licences
from bascule.records import Finding, FindingView, Observations, Outcome, Reading
from bascule.records.licences import Covers, LicenceNames, LicenceSeen, Passage

TEXT, DECLARED, HEADER, HOLDER = "licence.text", "licence.declared", "licence.header", "licence.holder"
VARIANT_RULE, UNKNOWN_RULE = "licence-variant-text", "licence-unknown-text"

_THIRD_PARTIES = re.compile(
    r"(^|/)(third[_ -]?part(y|ies)|3rd[_ -]?party|_?vendor(ed)?|node_modules|external|deps)(/|[._-])"
    r"|(^|/)[^/]*(notices?|third[_ -]?party)([._-][^/]*)?$|\.dist-info/licenses?/.+/",
    re.IGNORECASE,
)
# As REUSE lays texts: each is for the files that name it.
_COLLECTION = re.compile(r"(^|/)LICENSES/[^/]+\.txt$")
_POLICY = re.compile(r"(use|usage)[_ -]?policy|acceptable[_ -]use|prohibited[_ -]use|attachment[_ -]a", re.IGNORECASE)
_PARTS: tuple[tuple[str, Covers], ...] = (
    (r"(^|[-_.])(code|software|inference)([-_.]|$)", "code"),
    (r"(^|[-_.])(models?|weights?|checkpoints?)([-_.]|$)", "model"),
    (r"(^|[-_.])(data|datasets?|corpus)([-_.]|$)", "data"),
    (r"(^|[-_.])(docs?|documentation)([-_.]|$)", "documentation"),
)


def covers_of(path: str, *, is_text: bool) -> Covers:
    """What a licence in or named by this file is about."""
    name = posixpath.basename(path)
    if _THIRD_PARTIES.search(path):
        return "third parties"
    if _POLICY.search(name):
        return "use policy"
    if _COLLECTION.search(path):
        return "file"
    if is_text:
        for pattern, part in _PARTS:
            if re.search(pattern, name, re.IGNORECASE):
                return part
    return "repository"


class LicenceRows:
    """What scanners saw, put together. hashes: sha256 by path."""

    def __init__(self, seen: Iterable[Observations], hashes: Mapping[str, str | None]) -> None:
        self._hashes = hashes
        self._readings: dict[str, list[Reading]] = defaultdict(list)
        self._findings: list[Finding] = []
        for observations in seen:
            self._findings += [one for one in observations.findings if one.outcome is not Outcome.FALSE]
            for reading in observations.readings:
                self._readings[reading.name].append(reading)
        self._told = {
            (one.artefact, one.rule): one for one in self._findings if one.rule in (VARIANT_RULE, UNKNOWN_RULE)
        }

    def rows(self) -> Iterator[LicenceSeen]:
        """Texts, declarations and headers, in no order."""
        for reading in self._readings[TEXT]:
            yield self._text(reading.artefact, str(reading.value))
        for reading in self._readings[DECLARED]:
            yield _named(reading, str(reading.value), covers_of(reading.artefact, is_text=False))
        for reading in self._readings[HEADER]:
            for value in values_of(reading):
                yield _named(reading, value, "file")

    def findings(self) -> Iterator[FindingView]:
        for finding in self._findings:
            yield FindingView.of(finding, None)

    def values(self, name: str) -> Iterator[tuple[Reading, str]]:
        """(reading, each of its values) of every reading of that name."""
        for reading in self._readings[name]:
            for value in values_of(reading):
                yield reading, value

    def _text(self, path: str, value: str) -> LicenceSeen:
        sha256, covers = self._hashes.get(path), covers_of(path, is_text=True)
        if value == "unknown":
            told = self._told.get((path, UNKNOWN_RULE))
            return LicenceSeen(
                artefact=path,
                id="unknown",
                match="unknown",
                covers=covers,
                text_sha256=sha256,
                similarity=_number(told, "similarity"),
                detail=told.message if told else "this text is no licence that is known",
            )
        licence = value.removeprefix("variant:")
        common = {
            "artefact": path, "id": licence, "covers": covers, "text_sha256": sha256,
            "spdx": licences.other_names(licence).spdx, "names": names_of(licence),
        }  # fmt: skip
        if licence == value:
            detail = "the known text word for word, apart from its holder and its layout"
            return LicenceSeen(match="exact", similarity=1.0, detail=detail, **common)
        told = self._told.get((path, VARIANT_RULE))
        details = told.details if told else {}
        return LicenceSeen(
            match="variant",
            similarity=_number(told, "similarity"),
            passages=tuple(Passage.model_validate(row) for row in details.get("passages", ())),
            added=int(details.get("added_count", 0)),
            missing=int(details.get("missing_count", 0)),
            missing_at=tuple(details.get("missing_at", ())),
            known_sentences=int(details.get("known_sentences", 0)),
            detail=told.message if told else "",
            **common,
        )


def names_of(licence: str) -> LicenceNames:
    """The crosswalk of one id; of an expression, nothing but its SPDX form is given."""
    other = licences.other_names(licence)
    return LicenceNames(hub=other.hub, spdx=other.spdx, scancode=other.scancode, texts=other.texts)


def values_of(reading: Reading) -> tuple[str, ...]:
    """A reading's words."""
    return tuple(map(str, reading.value)) if isinstance(reading.value, tuple) else (str(reading.value),)


def _named(reading: Reading, licence: str, covers: Covers) -> LicenceSeen:
    return LicenceSeen(
        artefact=reading.artefact,
        id=licence,
        match="declared",
        covers=covers,
        spdx=licences.spdx_expression(licence),
        names=names_of(licence),
        location=reading.location,
        detail="named here; a name is no text",
    )


def _number(told: Finding | None, key: str) -> float | None:
    value = told.details.get(key) if told else None
    return float(value) if isinstance(value, int | float) else None
