"""Licences: which text lies beside the model, and what each place that declares a licence says.

`declared` knows the places. Rules: a text is known by its exact hash or not at all (`plugins.readers.licences`); a near
text is a variant and its own sentences are shown; every place that declares a licence leaves its own reading, so that a
package that says MIT over a card that says Apache-2.0 is seen. Notices and lists of authors are read, and count only
where they are a licence word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from bascule.builtin.scanners.licence_texts.declared import NAMES, declarations
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import licences, media
from bascule.plugins.readers.text import decode
from bascule.records import ArtefactKind, Finding, Outcome, Reading, ReadingSource, Severity

UNKNOWN_TEXT = Rule(
    "licence-unknown-text",
    "Is there a licence text that nobody has identified?",
    Severity.MEDIUM,
    "have a lawyer read the text, or replace it by the unchanged text of a known licence",
    "An unidentified text may forbid what the release is for; a guess at it would be worse than none.",
    ("https://spdx.org/licenses/", "https://opensource.org/licenses"),
)
VARIANT_TEXT = Rule(
    "licence-variant-text",
    "Is there a licence text that differs from the known licence it resembles?",
    Severity.MEDIUM,
    "read the sentences that differ; keep added terms in a file of their own and the licence as it was published",
    "One added sentence can turn an open licence into a non-commercial one while it still looks the same.",
    ("https://opensource.org/osd", "https://spdx.org/licenses/"),
)

_PLAIN = (media.TEXT, media.MARKDOWN, media.EMPTY)
_NO_TEXT = (media.PYTHON, media.JSON, media.YAML, media.CSV, media.NOTEBOOK, media.ELF, "application/toml")
_LICENCE_NAME = re.compile(
    r"(un)?licen[cs]e|copying|(.*[._-])?(use|usage)[_-]?policy|(.*[._-])?acceptable[_-]use|(.*[._-])?attachment[_-]a\."
    r"|.*[._-](licen[cs]e|copying)(\.(txt|md|rst))?$"
)
# A folder of texts, each named by its id, as REUSE lays them.
_COLLECTION = re.compile(r"(^|/)licenses/[^/]+\.txt$")
# Beside the licence, and mostly no licence: they must not be asked which one they are.
_SUPPLEMENT = re.compile(
    r"notices?\b|authors?\b|contributors?\b|credits\b|copyright\b|changelog|readme|patents?\b|.*(third|3rd)[_ -]?party"
)


class LicenceTexts:
    """Reads `licence.text` from licence files and `licence.declared` from wherever a licence is declared."""

    meta = Meta(
        id="licence_texts",
        title="Licence texts and declarations",
        version="2",
        rules=(UNKNOWN_TEXT, VARIANT_TEXT),
        reads=Reads(
            kinds=(ArtefactKind.LICENCE, ArtefactKind.MODEL_CARD, ArtefactKind.DATA_CARD),
            media_types=(media.GGUF,),
            names=(
                "licen[cs]e*",
                "*[-_.]licen[cs]e",
                "*[-_.]licen[cs]e.*",
                "unlicense*",
                "copying*",
                "*use[_-]policy*",
                "*acceptable[_-]use*",
                "*attachment[_-]a.*",
                "licenses/*.txt",
                "*/licenses/*.txt",
                *NAMES,
            ),
        ),
        readings=(
            Quantity("licence.text", "id of a text known by its exact hash, `variant:<id>`, or `unknown`"),
            Quantity("licence.pointer", "a file that one place names as the licence's text"),
            Quantity(
                "licence.declared", "a licence as one place declares it: SPDX where there is an id, else the vendor's"
            ),
        ),
        ttl_days=365,
        limits=(
            "a text is identified by its exact normalised hash; what a licence means for a use is not judged here",
            "third-party notices are not taken apart",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        name = file.path.lower().rsplit("/", 1)[-1]
        if file.kind == ArtefactKind.LICENCE or _LICENCE_NAME.match(name) or _COLLECTION.search(file.path.lower()):
            yield from _text(file, supplement=_SUPPLEMENT.match(name) is not None)
        for said in declarations(file):
            yield Reading(
                name="licence.pointer" if said.is_file else "licence.declared",
                value=said.value if said.is_file else licences.licence_id(said.value),
                artefact=file.path,
                location=said.place,
                source=ReadingSource.DECLARED,
            )


def _text(file: ScanFile, *, supplement: bool) -> Iterator[Seen]:
    if file.media_type in _NO_TEXT or file.media_type.startswith("image/"):
        return
    if file.media_type not in _PLAIN:
        if not supplement:
            yield from _unknown(file, f"this licence file is {file.media_type}, not plain text", {})
        return
    if file.size_bytes > licences.MAX_TEXT:
        if not supplement:
            yield from _unknown(file, f"{file.size_bytes} bytes are no single licence text", {})
        return
    match = licences.identify(decode(file.read(0, file.size_bytes)).value)
    if match.kind == "exact":
        yield from _readings(file, match)
    elif supplement:  # a list of notices is no licence that anybody could name
        return
    elif match.kind == "variant":
        yield from _readings(file, match)
        yield _variant(file, match)
    else:
        held = f"; it holds the whole text of {', '.join(match.holds)} beside other text" if match.holds else ""
        details = {"holds": list(match.holds), "similarity": round(match.similarity, 2)}
        yield from _unknown(file, f"this text is no licence that is known{held}", details)


def _readings(file: ScanFile, match: licences.Match) -> Iterator[Reading]:
    for value in match.names:
        yield Reading(name="licence.text", value=value, artefact=file.path, source=ReadingSource.MEASURED)


def _unknown(file: ScanFile, message: str, details: dict[str, Any]) -> Iterator[Seen]:
    yield Reading(name="licence.text", value="unknown", artefact=file.path, source=ReadingSource.MEASURED)
    yield Finding(
        rule=UNKNOWN_TEXT.id,
        outcome=Outcome.TRUE,
        severity=UNKNOWN_TEXT.severity,
        message=message,
        artefact=file.path,
        remedy=UNKNOWN_TEXT.remedy,
        details=details,
    )


def _variant(file: ScanFile, match: licences.Match) -> Finding:
    nearest = match.ids[0]
    parts = []
    if match.added_count:
        parts.append(f"{match.added_count} of its sentences are not in that text, the first: “{match.added[0]}”")
    if match.missing_count and nearest not in match.holds:
        parts.append(f"{match.missing_count} of that text's sentences are missing")
    if nearest in match.holds:
        parts.append("that text stands whole in it")
    return Finding(
        rule=VARIANT_TEXT.id,
        outcome=Outcome.TRUE,
        severity=VARIANT_TEXT.severity,
        message=f"this text resembles {nearest} and is not it: {'; '.join(parts) or 'its order differs'}",
        artefact=file.path,
        remedy=VARIANT_TEXT.remedy,
        details={
            "nearest": nearest,
            "similarity": round(match.similarity, 2),
            "added": list(match.added),
            "passages": [{"text": passage.text, "after": passage.after} for passage in match.passages],
            "added_count": match.added_count,
            "missing_count": match.missing_count,
            "missing_at": list(match.missing_at),
            "known_sentences": match.known_count,
            "holds": list(match.holds),
        },
    )


# The FSF All Permissive licence: one that asks to be copied, and the shortest that is known.
_ALL_PERMISSIVE = (
    b"Copyright 2024 Somebody\n\n"
    b"Copying and distribution of this file, with or without modification, are permitted in any medium without\n"
    b"royalty provided the copyright notice and this notice are preserved. This file is offered as-is, without any\n"
    b"warranty.\n"
)


def _examples() -> tuple[Example, ...]:
    both = (UNKNOWN_TEXT.id, VARIANT_TEXT.id)
    clean = dict.fromkeys(both, Outcome.FALSE)
    return (
        Example(
            "a known text, whoever holds the copyright",
            lambda: {"LICENSE": _ALL_PERMISSIVE},
            clean,
            {"licence.text": "FSFAP"},
        ),
        Example(
            "the same with one sentence more",
            lambda: {"LICENSE": _ALL_PERMISSIVE + b"\nCommercial use needs a written agreement.\n"},
            {UNKNOWN_TEXT.id: Outcome.FALSE, VARIANT_TEXT.id: Outcome.TRUE},
            {"licence.text": "variant:FSFAP"},
        ),
        Example(
            "a term hidden in the copyright line",
            lambda: {"LICENSE": _ALL_PERMISSIVE.replace(b"Somebody", b"Somebody, for academic use only", 1)},
            {UNKNOWN_TEXT.id: Outcome.FALSE, VARIANT_TEXT.id: Outcome.TRUE},
            {"licence.text": "variant:FSFAP"},
        ),
        Example(
            "a text of somebody's own",
            lambda: {"LICENSE.md": b"You may look at the weights on weekdays if you bring cake.\n"},
            {UNKNOWN_TEXT.id: Outcome.TRUE, VARIANT_TEXT.id: Outcome.FALSE},
            {"licence.text": "unknown"},
        ),
        Example("an empty licence file", lambda: {"LICENSE": b""}, {UNKNOWN_TEXT.id: Outcome.TRUE}),
        Example(
            "a card that names a vendor's licence",
            lambda: {"README.md": b"---\nlicense: other\nlicense_name: llama3.1\n---\n# A model\n"},
            clean,
            {"licence.declared": "Llama-3.1"},
        ),
        Example(
            "a wheel's metadata",
            lambda: {
                "m-1.dist-info/METADATA": b"Metadata-Version: 2.4\nName: m\nLicense-Expression: apache-2.0\n\ntext"
            },
            clean,
            {"licence.declared": "Apache-2.0"},
        ),
        Example(
            "a card whose front matter cannot be read",
            lambda: {"README.md": b"---\nlicense: mit\nlicense: cc-by-nc-4.0\n---\n# A model\n"},
            dict.fromkeys(both, Outcome.ERROR),
        ),
    )


plugin = LicenceTexts()
