"""From the files of a framework's folder to a `Framework`: every fault at once, each with its file and line.

    framework.yaml    identity, `sections`, `defaults` for what controls leave out, and `controls`
    controls/*.yaml   more `controls`

Rules: an unknown key, a repeated id, a section that is not listed, a condition that does not compile or could notice an
absence, and a fact that no subject can have are faults; a framework with one does not load. The digest covers every
file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from bascule.judge.comply.desk import BESIDE, DECISION_FACTS, NOT_HERE
from bascule.judge.comply.framework import Control, Framework
from bascule.judge.policy import monotone
from bascule.judge.policy.cel import Expression, compile_expression
from bascule.judge.policy.lint import fixed_facts
from bascule.judge.policy.yaml_text import Document, Place, load_document
from bascule.kernel.digests import digest_of_json, sha256_of
from bascule.kernel.errors import InputError
from bascule.kernel.text import suggestion, visible
from bascule.records.base import Record, faults_of

SCHEMA = "bascule.framework/1"
MANIFEST = "framework.yaml"
IDENTITY = ("id", "title", "publisher", "version", "link", "rights", "read")
DEFAULTS = ("supply", "applies_from", "applies_until", "reviewed_by", "read", "audience", "dimensions", "evidence")
_KEYS = ("schema", *IDENTITY, "sections", "defaults", "controls")
_HINT = "mend the places named; docs/how-to/show-compliance.md says what a framework holds"


def parse_framework(files: Mapping[str, bytes], name: str) -> Framework:
    """A checked framework from its files by relative path.

    Raises InputError `comply.invalid-framework` with every fault found, as `file:line: what is wrong`.
    Law: the same files give the same digest, whatever their order.
    """
    reader = _Reader(files)
    framework = reader.framework()
    if framework is not None and not reader.faults:
        return framework
    raise InputError.from_faults(
        "comply.invalid-framework",
        f"framework `{visible(name)}` cannot be used",
        list(dict.fromkeys(reader.faults)),
        _HINT,
    )


class _Reader:
    """Reads every file once, and collects faults instead of raising them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.faults: list[str] = []
        self._files = {path: files[path] for path in sorted(files) if path.endswith((".yaml", ".yml"))}
        self._documents = {path: read for path, data in self._files.items() if (read := self._load(path, data))}
        self._seen: dict[str, str] = {}

    def framework(self) -> Framework | None:
        manifest = self._documents.pop(MANIFEST, None)
        if manifest is None:
            if MANIFEST not in self._files:
                self.faults.append(f"{MANIFEST}: the folder holds none")
            return None
        if manifest.value.get("schema") != SCHEMA:
            self._fault(manifest, ("schema",), f"`schema` must be `{SCHEMA}`")
        defaults, sections = self._defaults(manifest), _section_ids(manifest)
        documents = (manifest, *self._documents.values())
        controls = [each for document in documents for each in self._controls(document, defaults, sections)]
        if not controls and not self.faults:
            self._fault(manifest, (), "a framework without controls asks nothing: give `controls:`")
        parts = {key: manifest.value[key] for key in (*IDENTITY, "sections") if key in manifest.value}
        digest = digest_of_json({"schema": SCHEMA, "files": {p: sha256_of(d) for p, d in self._files.items()}})
        try:
            return Framework.model_validate({**parts, "controls": controls, "digest": digest})
        except ValidationError as error:
            self._invalid(manifest, (), "", Framework, error)
            return None

    def _load(self, path: str, data: bytes) -> Document | None:
        try:
            document = load_document(data, path)
        except InputError as error:
            self.faults.append(error.message.replace(f"`{path}` line ", f"{path}:").replace(f"`{path}`", path))
            return None
        if not isinstance(document.value, dict):
            self._fault(document, (), "must be a mapping of keys such as `controls:`")
            return None
        self._unknown_keys(document, (), _KEYS if path == MANIFEST else ("controls",))
        return document

    def _defaults(self, manifest: Document) -> dict[str, Any]:
        defaults = manifest.value.get("defaults", {})
        if not isinstance(defaults, dict):
            self._fault(manifest, ("defaults",), "`defaults` must be a mapping")
            return {}
        if defaults:
            self._unknown_keys(manifest, ("defaults",), DEFAULTS)
        return {key: value for key, value in defaults.items() if key in DEFAULTS}

    def _controls(
        self, document: Document, defaults: Mapping[str, Any], sections: Collection[str]
    ) -> Iterator[Control]:
        rows = document.value.get("controls", [])
        if not isinstance(rows, list):
            self._fault(document, ("controls",), "`controls` must be a list")
            return
        for index, row in enumerate(rows):
            place: Place = ("controls", index)
            if not isinstance(row, dict):
                self._fault(document, place, "a control must be a mapping")
                continue
            label = f"control `{visible(str(row.get('id', '?')), 60)}`: "
            try:
                control = Control.model_validate({**defaults, **row})
            except ValidationError as error:
                self._invalid(document, place, label, Control, error)
                continue
            first = self._seen.setdefault(control.id, document.at(place))
            if first != document.at(place):
                self._fault(document, (*place, "id"), f"{label}the id is already used at {first}")
            for field, why in _faults(control, sections):
                self._fault(document, (*place, field), label + why)
            yield control

    def _invalid(
        self, document: Document, place: Place, label: str, model: type[Record], error: ValidationError
    ) -> None:
        rows = zip(error.errors(include_url=False), faults_of(model, error), strict=True)
        for row, fault in rows:
            self._fault(document, (*place, *row["loc"]), label + fault)

    def _unknown_keys(self, document: Document, place: Place, allowed: Collection[str]) -> None:
        value = document.value
        for part in place:
            value = value[part]
        for key in value:
            if key not in allowed:
                near = suggestion(key, allowed)
                self._fault(document, (*place, key), f"unknown key `{visible(key)}`" + (f", {near}" if near else ""))

    def _fault(self, document: Document, place: Place, what: str) -> None:
        self.faults.append(f"{document.at(place)}: {what}")


def _section_ids(manifest: Document) -> frozenset[str]:
    sections = manifest.value.get("sections", [])
    rows = sections if isinstance(sections, list) else []
    return frozenset(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)


def _faults(control: Control, sections: Collection[str]) -> Iterator[tuple[str, str]]:
    """(field, why) of what a control's own shape cannot show."""
    if control.section not in sections:
        near = suggestion(control.section, sections)
        yield "section", f"no section is called `{visible(control.section)}`" + (f", {near}" if near else "")
    if control.applies_until is not None and control.applies_until < control.applies_from:
        yield "applies_until", "it ends before it begins"
    for field, text in (("when", control.when), ("met", control.met)):
        if not text:
            continue
        expression = _compiled(text)
        if isinstance(expression, str):
            yield field, f"`{field}`: {expression}"
            continue
        yield from ((field, f"`{field}`: {why}") for why in _language_faults(expression))
        if field == "met" and not any("." in name for name in expression.reads):
            yield field, "`met` reads no fact: what nobody looked at is not met"
    for name in control.answer:
        expression = _compiled(name)
        if isinstance(expression, str) or expression.paths != (name,) or ("." not in name and name != "as_of"):
            yield "answer", f"`{visible(name)}` is no fact: write its dotted name, as in `reading.doc_provider`"
        else:
            yield from (("answer", f"`answer`: {why}") for why in _language_faults(expression))


def _compiled(text: str) -> Expression | str:
    try:
        return compile_expression(text, BESIDE)
    except InputError as error:
        return error.message + (f"; {error.hint}" if error.hint.startswith("did") else "")


def _language_faults(expression: Expression) -> Iterator[str]:
    yield from monotone.faults_of(expression)
    for path in expression.paths:
        section = path.split(".")[0]
        if section in NOT_HERE:
            yield f"`{section}` is a policy's: a framework asks about the whole subject"
        elif path in BESIDE:
            yield f"`{path}` is used as a whole: name one of its facts"
    for name in expression.reads:
        section = name.split(".")[0]
        known = _FIXED.get(section)
        if known is not None and name not in known and "." in name:
            near = suggestion(name, known)
            yield f"there is no fact `{visible(name)}`" + (f", {near}" if near else "")


_FIXED = {
    section: frozenset(name for name in fixed_facts() if name.startswith(f"{section}."))
    for section in ("subject", "licence", "context")
} | {"decision": frozenset(f"decision.{name}" for name in DECISION_FACTS)}
"""The namespaces whose facts are all known beforehand."""
