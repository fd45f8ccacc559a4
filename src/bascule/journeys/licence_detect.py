"""What licence each text is, what each place names one, and whether they agree.

    reference → intake → the scanners that read licences, in the sandbox → rows → disagreements → document

Rules: an identity is an exact text or it is none; a name counts as a name; what covers the code is not held against
what covers the model; a parent's licence counts where its own terms bind what is made from it. Nothing is executed and
nothing is looked up: a parent is known only as far as the policy pack knows it.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import bascule
from bascule.collect.intake import Inventory, take_in
from bascule.collect.scan import examine
from bascule.journeys.choosing import choose, fetch
from bascule.journeys.document import finding_order
from bascule.journeys.licence_rows import HOLDER, LicenceRows
from bascule.journeys.parts import Parts, Progress, silent
from bascule.judge.licensing.agreement import Voice, contradiction, disagreements
from bascule.judge.licensing.terms import Terms
from bascule.kernel.scratch import held_folder
from bascule.kernel.text import counted, suggestion, visible
from bascule.plugins.kinds import Workspace
from bascule.plugins.readers import licences
from bascule.records import ArtefactKind, Confidence, FindingView, Outcome, Severity
from bascule.records.licences import LicenceContradiction, LicencesDocument, LicenceSeen

SCANNERS = ("licence_texts", "licence_headers", "lineage")
PARENTS, POINTER = "lineage.base_models", "licence.pointer"
MAX_HOLDERS = 200

CONTRADICTION, PARENT, HEADERS = "licence-contradiction", "licence-base-model-differs", "licence-header-differs"
NONE_FOUND, UNKNOWN_NAME, NO_FILE = "licence-none-found", "licence-unknown-name", "licence-file-absent"
REMEDIES: Mapping[str, str] = {
    CONTRADICTION: "ask the publisher which one holds, in writing, and make every place say so",
    PARENT: "keep what is made from the parent under the parent's licence, or show the permission not to",
    HEADERS: "check where these files come from, and name their licence beside the repository's",
    NONE_FOUND: "without a licence there is no permission: ask for one, or leave the work alone",
    UNKNOWN_NAME: "name it by its SPDX id or the vendor's name and version, and put its text beside it",
    NO_FILE: "add the file that is named, unchanged, or mend the name",
}


@dataclass(frozen=True, slots=True)
class Parent:
    """What is known of a work that this one was made from. binds: must what is made from it stay under its licence?"""

    name: str
    licence: str
    binds: bool
    source: str


def nobody(_name: str) -> Parent | None:
    """Knows no parent."""
    return None


def parents_in(terms: Terms) -> Callable[[str], Parent | None]:
    """What a clause table knows of parents. One whose licence it has no row for binds nothing that we could name."""

    def find(name: str) -> Parent | None:
        work = terms.work(name)
        row = terms.of(work.licence) if work is not None else None
        if work is None or row is None:
            return None
        to = row.relicense.to if row.relicense is not None else "unknown"
        return Parent(name, work.licence, to in ("same", "none") or isinstance(to, tuple), work.source)

    return find


def detect(
    ref: str, parts: Parts, *, parent_of: Callable[[str], Parent | None] = nobody, progress: Progress = silent
) -> LicencesDocument:
    """The licences of one reference.

    parent_of: what is known of a parent by the name that a file gives it. Raises InputError where the reference cannot
    be read at all; a single file that cannot is a finding with outcome `error`.
    """
    scanners, _ = choose(parts, SCANNERS)
    with held_folder(parts.scratch, "licences-") as folder:
        space = Workspace(folder, progress)
        inventory = take_in(fetch(ref, parts.sources, space), space, parts.intake)
        examined = examine(inventory, scanners, parts.scan, progress)
    seen = LicenceRows(examined.observations.values(), {looked.path: looked.sha256 for looked in examined.looked})
    rows = sorted(seen.rows(), key=lambda row: (row.match == "declared", row.covers == "file", row.artefact, row.id))
    paths = frozenset(looked.path for looked in examined.looked)
    clashes = tuple(_clashes(rows, inventory)) + tuple(_with_parents(rows, seen, parent_of))
    findings = [
        *seen.findings(),
        *map(_clash_finding, clashes),
        *_unknown_names(rows),
        *_absent_files(seen, paths),
        *_none_found(rows, ref),
        *_not_taken(inventory),
    ]
    return LicencesDocument(
        ref=inventory.ref,
        verdict=_verdict(findings, rows),
        licences=tuple(rows),
        findings=tuple(sorted(findings, key=finding_order)),
        contradictions=clashes,
        copyright=tuple(sorted({holder for _, holder in seen.values(HOLDER)}))[:MAX_HOLDERS],
        files=len(paths),
        notes=tuple(f"{note.path}: {note.what}: {note.detail}" for note in (*inventory.notes, *examined.failed)),
        tool_version=bascule.__version__,
        table=licences.table_digest(),
    )


# --- do they agree?


def _clashes(rows: Sequence[LicenceSeen], inventory: Inventory) -> Iterator[LicenceContradiction]:
    """By unit: the folders of a collection that each have a card or a text of their own are judged apart."""
    main = _main_part(inventory)
    units: dict[str, list[Voice]] = defaultdict(list)
    roots = _unit_roots(row.artefact for row in rows if row.covers not in ("file", "third parties"))
    for row in rows:
        if row.match in ("exact", "declared") and row.covers != "file":
            voice = Voice(row.artefact, row.id, row.match == "exact", row.covers, row.location)
            units[_unit_of(row.artefact, roots)].append(voice)
    for unit in sorted(units):
        yield from disagreements(units[unit], main, licences.choices, licences.same)
    yield from _against_headers(rows)


def _main_part(inventory: Inventory) -> Literal["model", "data", "code"]:
    """What the repository mainly is: that which its card and its LICENSE speak of."""
    kinds = {entry.kind for entry in inventory.entries}
    if kinds & {ArtefactKind.WEIGHTS, ArtefactKind.ADAPTER, ArtefactKind.TOKENIZER}:
        return "model"
    if kinds & {ArtefactKind.DATA_CARD, ArtefactKind.DATASET}:
        return "data"
    return "model" if ArtefactKind.MODEL_CARD in kinds and ArtefactKind.INFERENCE_CODE not in kinds else "code"


def _unit_roots(paths: Iterable[str]) -> frozenset[str]:
    """The topmost folders in which anything speaks of a licence; a wheel's metadata speaks of what lies beside it."""
    folders = {_folder(path) for path in paths}
    return frozenset(
        folder for folder in folders if not any(other != folder and _within(folder, other) for other in folders)
    )


def _unit_of(path: str, roots: frozenset[str]) -> str:
    folder = _folder(path)
    return next((root for root in sorted(roots) if _within(folder, root)), folder)


def _folder(path: str) -> str:
    head, _, tail = path.partition(".dist-info/")
    return posixpath.dirname(head if tail else path)


def _within(folder: str, other: str) -> bool:
    return other == "" or folder == other or folder.startswith(f"{other}/")


def _against_headers(rows: Sequence[LicenceSeen]) -> Iterator[LicenceContradiction]:
    """Source files that name a licence which nothing else here names."""
    known = [
        part
        for row in rows
        if row.covers != "file" and row.match in ("exact", "declared")
        for side in licences.choices(row.id)
        for part in side
    ]
    strangers: dict[str, list[Voice]] = defaultdict(list)
    for row in rows:
        sides = licences.choices(row.id)
        named = any(all(any(licences.same(part, each) for each in known) for part in side) for side in sides)
        if row.covers == "file" and known and not named:
            strangers[row.id].append(Voice(row.artefact, row.id, False, "file", row.location))
    for licence, voices in sorted(strangers.items()):
        says = "says" if len(voices) == 1 else "say"
        because = (
            f"{counted(len(voices), 'source file')} {says} `{visible(licence, 60)}`, which nothing else here names"
        )
        yield contradiction("header", "file", voices, because)


def _with_parents(
    rows: Sequence[LicenceSeen], seen: LicenceRows, parent_of: Callable[[str], Parent | None]
) -> Iterator[LicenceContradiction]:
    """Parents whose terms bind what is made from them, beside another licence here."""
    here = [
        Voice(row.artefact, row.id, row.match == "exact", row.covers, row.location)
        for row in rows
        if row.match in ("exact", "declared") and row.covers in ("repository", "model")
    ]
    for name in sorted({value for _, value in seen.values(PARENTS)}):
        parent = parent_of(name)
        if parent is None or not parent.binds:
            continue
        others = [
            one
            for one in here
            if one.settles
            and not any(any(licences.same(part, parent.licence) for part in side) for side in licences.choices(one.id))
        ]
        if others:
            because = (
                f"`{visible(name, 80)}` stands under `{parent.licence}`, which binds what is made from it, and "
                f"`{visible(others[0].artefact, 80)}` says `{visible(others[0].id, 60)}`"
            )
            named = Voice(name, parent.licence, False, "model", parent.source)
            yield contradiction("base-model", "model", (*others, named), because)


# --- findings


def _clash_finding(clash: LicenceContradiction) -> FindingView:
    rule = {"base-model": PARENT, "header": HEADERS}.get(clash.kind, CONTRADICTION)
    severity = Severity.LOW if clash.kind == "header" else Severity.MEDIUM
    places = [f"{one.artefact}: {one.id}" for one in clash.says]
    artefact = clash.says[0].artefact if clash.says else ""
    return _finding(rule, severity, clash.because, artefact, details={"covers": clash.covers, "says": places})


def _unknown_names(rows: Sequence[LicenceSeen]) -> Iterator[FindingView]:
    """Names that nobody knows, and `other` or `unknown` where no text beside it tells what it is."""
    texts = [row for row in rows if row.match != "declared"]
    for row in rows:
        if row.match != "declared":
            continue
        if row.id in ("other", "unknown", "proprietary"):
            if not texts:
                message = f"it says `{row.id}`, and no licence text lies beside it"
                yield _finding(UNKNOWN_NAME, Severity.MEDIUM, message, row.artefact, row.location)
        elif not licences.is_known(row.id):
            near = suggestion(row.id, licences.all_names())
            message = f"`{visible(row.id, 80)}` is no licence that is known" + (f"; {near}" if near else "")
            yield _finding(UNKNOWN_NAME, Severity.MEDIUM, message, row.artefact, row.location)


def _absent_files(seen: LicenceRows, paths: frozenset[str]) -> Iterator[FindingView]:
    for reading, value in seen.values(POINTER):
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(reading.artefact), value))
        if wanted not in paths and not any(path.casefold() == wanted.casefold() for path in paths):
            message = f"it points at `{visible(value, 80)}`, and there is no such file here"
            yield _finding(NO_FILE, Severity.MEDIUM, message, reading.artefact, reading.location)


def _none_found(rows: Sequence[LicenceSeen], ref: str) -> Iterator[FindingView]:
    if not any(row.match != "declared" or row.covers not in ("file", "third parties") for row in rows):
        yield _finding(
            NONE_FOUND, Severity.MEDIUM, f"nothing in `{visible(ref, 80)}` says under which licence it stands", ""
        )


def _not_taken(inventory: Inventory) -> Iterator[FindingView]:
    for note in inventory.notes:
        if note.blocks:
            yield _finding(
                "not-taken-in", Severity.MEDIUM, f"{note.what}: {note.detail}", note.path, outcome=Outcome.ERROR
            )


def _finding(
    rule: str,
    severity: Severity,
    message: str,
    artefact: str,
    location: str = "",
    *,
    outcome: Outcome = Outcome.TRUE,
    details: dict[str, object] | None = None,
) -> FindingView:
    return FindingView(
        rule=rule,
        outcome=outcome,
        severity=severity,
        confidence=Confidence.HIGH,
        artefact=artefact,
        location=location,
        message=message,
        remedy=REMEDIES.get(rule, "remove it from the repository, or replace it by a regular file"),
        details=details or {},
    )


_UNKNOWN_RULES = ("licence-unknown-text", UNKNOWN_NAME, NONE_FOUND, NO_FILE)


def _verdict(
    findings: Sequence[FindingView], rows: Sequence[LicenceSeen]
) -> Literal["identified", "findings", "unknown"]:
    """Something differs; else something could not be told; else all is identified. LOW findings are for reading."""
    weighty = [one for one in findings if one.severity.rank >= Severity.MEDIUM.rank or one.outcome is not Outcome.TRUE]
    if any(one.outcome is Outcome.TRUE and one.rule not in _UNKNOWN_RULES for one in weighty):
        return "findings"
    return "unknown" if weighty or not rows else "identified"
