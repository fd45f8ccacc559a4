"""Licences: which text lies beside the model, and what each place that declares a licence says.

Rules: a text is known by its exact hash or not at all (`bascule.plugins.readers.licences`); a near text is a variant
and its own sentences are shown; every place that declares a licence leaves its own reading, so that a package that says
MIT over a card that says Apache-2.0 is seen. Notices and lists of authors are read, and count only where they are a
licence word for word.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, gguf, licences, media
from bascule.plugins.readers.card import load_yaml, read_card, split_front_matter, strings
from bascule.plugins.readers.documents import MAX_DOCUMENT, read_json_object
from bascule.plugins.readers.text import decode, read_text
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
    r"(un)?licen[cs]e|copying|(.*[._-])?(use|usage)[_-]?policy|acceptable[_-]use"
    r"|.*[._-](licen[cs]e|copying)(\.(txt|md|rst))?$"
)
# Beside the licence, and mostly no licence: they must not be asked which one they are.
_SUPPLEMENT = re.compile(
    r"notices?\b|authors?\b|contributors?\b|credits\b|copyright\b|changelog|readme|patents?\b|.*(third|3rd)[_ -]?party"
)


class LicenceTexts:
    """Reads `licence.text` from licence files and `licence.declared` from wherever a licence is declared."""

    meta = Meta(
        id="licence_texts",
        title="Licence texts and declarations",
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
                "*.dist-info/metadata",
                "pkg-info",
                "package.json",
                "pyproject.toml",
                "citation.cff",
                "config.json",
            ),
        ),
        readings=(
            Quantity("licence.text", "id of a text known by its exact hash, `variant:<id>`, or `unknown`"),
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
        if file.kind == ArtefactKind.LICENCE or _LICENCE_NAME.match(name):
            yield from _text(file, supplement=_SUPPLEMENT.match(name) is not None)
        if declared := _declarations(file, name):
            for location, licence in declared(file):
                yield Reading(
                    name="licence.declared",
                    value=licences.licence_id(licence),
                    artefact=file.path,
                    location=location,
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
    elif supplement:
        return
    elif match.kind == "variant":
        yield from _readings(file, match)
        yield _variant(file, match)
    else:
        held = f"; it holds the whole text of {', '.join(match.holds)} beside other text" if match.holds else ""
        yield from _unknown(file, f"this text is no licence that is known{held}", {"holds": list(match.holds)})


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
            "added_count": match.added_count,
            "missing_count": match.missing_count,
            "holds": list(match.holds),
        },
    )


Declared = Iterator[tuple[str, str]]
"""(place inside the file, licence as it is written there)"""


def _declarations(file: ScanFile, name: str) -> Callable[[ScanFile], Declared] | None:
    """How this file declares a licence, if it is of a kind that does."""
    if file.media_type == media.GGUF:
        return _in_gguf
    if file.kind in (ArtefactKind.MODEL_CARD, ArtefactKind.DATA_CARD) and file.media_type in (
        media.MARKDOWN,
        media.TEXT,
    ):
        return _in_card
    if name == "pkg-info" or file.path.lower().endswith(".dist-info/metadata"):
        return _in_metadata
    by_name: dict[str, Callable[[ScanFile], Declared]] = {
        "package.json": _in_json,
        "config.json": _in_json,
        "citation.cff": _in_cff,
        "pyproject.toml": _in_pyproject,
    }
    return by_name.get(name)


def _in_card(file: ScanFile) -> Declared:
    yield from _in_hub_keys(read_card(file.read, file.size_bytes).meta)


def _in_hub_keys(meta: Mapping[str, Any]) -> Declared:
    """`license`, and where that says `other`, what `license_name` or `license_link` says instead."""
    tags = strings(meta.get("license"))
    names = strings(meta.get("license_name"))
    links = [linked for link in strings(meta.get("license_link")) if (linked := licences.linked_licence(link))]
    for tag in tags:
        if licences.licence_id(tag) != "other":
            yield "front matter `license`", tag
        elif names or links:
            yield from (("front matter `license_name`", name) for name in names)
            yield from (("front matter `license_link`", link) for link in links if not names)
        else:
            yield "front matter `license`", "other"
    if not tags:
        yield from (("front matter `license_name`", name) for name in names)
        yield from (("front matter `license_link`", link) for link in links if not names)


def _in_gguf(file: ScanFile) -> Declared:
    keys = gguf.header_of(file).keys
    for key in ("general.license", "general.license.name"):
        value = keys.get(key)
        if isinstance(value, str) and value.strip():
            yield f"key `{key}`", value


def _in_metadata(file: ScanFile) -> Declared:
    """A Python distribution's core metadata: `License-Expression`, `License` and classifiers."""
    for field, value in _headers(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value):
        if field == "license-expression":
            yield "`License-Expression`", value
        elif field == "license" and value.strip():
            yield "`License`", _named(value)
        elif field == "classifier" and value.startswith("License ::") and value != "License :: OSI Approved":
            yield "`Classifier`", value if licences.is_known(value) else value.rsplit("::", 1)[-1].strip()


def _named(value: str) -> str:
    """A `License` field names a licence or holds its whole text."""
    if len(value) <= 200 and "\n" not in value.strip():
        return value
    match = licences.identify(value)
    return " AND ".join(match.ids) if match.kind == "exact" else visible(value.strip().split("\n", 1)[0], 120)


def _headers(text: str) -> Iterator[tuple[str, str]]:
    field, lines = "", list[str]()
    for line in text.splitlines():
        if line[:1] in (" ", "\t"):
            lines.append(line.strip().removeprefix("|"))
            continue
        if field:
            yield field, "\n".join(lines)
        if not line.strip():
            return
        field, _, value = line.partition(":")
        field, lines = field.strip().lower(), [value.strip()]
    if field:
        yield field, "\n".join(lines)


def _in_json(file: ScanFile) -> Declared:
    yield from _in_licence_keys(read_json_object(file.read, file.size_bytes))


def _in_cff(file: ScanFile) -> Declared:
    head, body, _ = split_front_matter(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value)
    yield from _in_licence_keys(load_yaml(body if head is None else head, "citation file"))


def _in_licence_keys(document: Mapping[str, Any]) -> Declared:
    """A `license` key with a name, a list of names, or npm's old `{"type": name}`."""
    for key in ("license", "licenses"):
        value = document.get(key)
        for item in value if isinstance(value, list) else [value]:
            named = item.get("type") if isinstance(item, dict) else item
            yield from ((f"key `{key}`", name) for name in strings(named))


def _in_pyproject(file: ScanFile) -> Declared:
    text = read_text(file.read, file.size_bytes, MAX_DOCUMENT).value
    try:
        project = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Malformed(f"not TOML: {visible(str(error))}") from error
    licence = project.get("license") if isinstance(project, dict) else None
    if isinstance(licence, dict):
        licence = _named(licence["text"]) if isinstance(licence.get("text"), str) else None
    yield from (("key `project.license`", name) for name in strings(licence))


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
