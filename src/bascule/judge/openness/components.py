"""The components of a release, and how each stands.

Rules: a component is what intake took a file for, and it is verified when the bytes bear that out: weights in a format
that was recognised, code in a language that was, a document or data that is not empty and not a program; a file whose
reading failed is not verified. Configuration alone documents an architecture, it is not the architecture's code. What
is described only in the card is documented. Of several artefacts of a kind, the one that stands best speaks: adding one
never takes anything away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bascule.judge.openness.open_kinds import UNKNOWN, ContentType, Terms, terms_of
from bascule.kernel.text import visible
from bascule.plugins.readers import media
from bascule.records import Artefact
from bascule.records import ArtefactKind as K
from bascule.records.openness import ComponentStatus, ComponentView

CONTENT: Mapping[K, tuple[ContentType, ...]] = {
    K.ARCHITECTURE: ("code",),
    K.WEIGHTS: ("data",),
    K.EVALUATION_RESULTS: ("document",),
    K.MODEL_CARD: ("document",),
    K.DATA_CARD: ("document",),
    K.TECHNICAL_REPORT: ("document",),
    K.SAMPLE_OUTPUTS: ("data", "code", "document"),
    K.TRAINING_CODE: ("code",),
    K.INFERENCE_CODE: ("code",),
    K.EVALUATION_CODE: ("code",),
    K.EVALUATION_DATA: ("data",),
    K.LIBRARIES: ("code",),
    K.DATASET: ("data", "code", "document"),
    K.PREPROCESSING_CODE: ("code",),
    K.INTERMEDIATE_WEIGHTS: ("data",),
    K.RESEARCH_PAPER: ("document",),
    K.METADATA: ("data",),
}
"""The framework's 17 components and the types of content whose licences fit them. Source: lfai/model_openness_tool,
`mof.settings.yml` at 4e285940."""

DOCUMENTED_BY: Mapping[str, K] = {
    "evaluation": K.EVALUATION_RESULTS,
    "training_data": K.DATA_CARD,
    "training_procedure": K.TECHNICAL_REPORT,
}
"""Sections of a card, and the component that each documents."""

_BEST_FIRST: tuple[ComponentStatus, ...] = ("verified", "documented", "unlicensed", "not-open", "unverified", "missing")
_WEIGHTS = (K.WEIGHTS, K.INTERMEDIATE_WEIGHTS, K.ADAPTER)
_CODE = (K.TRAINING_CODE, K.INFERENCE_CODE, K.EVALUATION_CODE, K.PREPROCESSING_CODE)
_NOT_A_DOCUMENT = (media.EMPTY, media.UNKNOWN, *media.PROGRAMS, *media.ARCHIVES, *media.COMPRESSED)
_PLURAL = {"code": "code", "data": "data", "document": "documents"}


@dataclass(frozen=True, slots=True)
class Component:
    """One artefact that may be a component.

    licence_id: the id or SPDX expression that covers it, None where none is known. verified: it is what it claims to
    be. documents_only: it describes the component and is not it. why: what speaks for or against, for people.
    """

    kind: K
    path: str
    licence_id: str | None = None
    verified: bool = False
    why: str = ""
    documents_only: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a component stands, with the terms of its licence.

    seen_at: a file whose bytes are the component, whatever its licence; told_at: one that is it or describes it; empty
    where there is none.
    """

    view: ComponentView
    terms: Terms = UNKNOWN
    seen_at: str = ""
    told_at: str = ""

    @property
    def verified(self) -> bool:
        return self.view.status == "verified"

    @property
    def described(self) -> bool:
        """Is it there, or at least documented?"""
        return self.view.status in ("verified", "documented")


def components_of(
    artefacts: Iterable[Artefact],
    licence_of: Mapping[str, str],
    unreadable: Mapping[str, str] | None = None,
) -> Iterator[Component]:
    """The components among artefacts. licence_of: licence id by path. unreadable: why, by path, where reading failed.

    An adapter is the final parameters of a model that is published as one.
    """
    for artefact in artefacts:
        kind = K.WEIGHTS if artefact.kind is K.ADAPTER else artefact.kind
        if kind not in CONTENT:
            continue
        failed = (unreadable or {}).get(artefact.path, "")
        against = f"it could not be read: {failed}" if failed else _speaks_against(artefact)
        configuration = kind is K.ARCHITECTURE and artefact.media_type not in media.CODE
        yield Component(
            kind=kind,
            path=artefact.path,
            licence_id=licence_of.get(artefact.path),
            verified=not against,
            why=against or (_CONFIGURATION if configuration else f"it is {artefact.media_type}"),
            documents_only=configuration,
        )


_CONFIGURATION = "a configuration names it, its code is not here"


def _speaks_against(artefact: Artefact) -> str:
    """Why an artefact is not what its kind says; empty where the bytes bear it out."""
    if artefact.size_bytes == 0:
        return "it is empty"
    kind, media_type = artefact.kind, artefact.media_type
    if kind in _WEIGHTS and media_type not in media.WEIGHT_TYPES:
        return f"no format of weights was recognised in it ({media_type})"
    if kind in _CODE and media_type not in media.CODE:
        return f"it is not source code ({media_type})"
    if kind not in _WEIGHTS and media_type in _NOT_A_DOCUMENT:
        return f"nothing readable was recognised in it ({media_type})"
    return ""


def standings(
    components: Iterable[Component],
    card_sections: Collection[str],
    classes: Mapping[str, Mapping[str, Any]],
) -> dict[K, Standing]:
    """How each of the 17 components stands; other kinds are left aside. Does not depend on the order of components."""
    by_kind: dict[K, list[Component]] = {kind: [] for kind in CONTENT}
    terms: dict[str | None, Terms] = {}
    for component in sorted(components, key=lambda each: (each.path, each.licence_id or "", each.why)):
        if component.kind in by_kind:
            by_kind[component.kind].append(component)
            if component.licence_id not in terms:
                terms[component.licence_id] = terms_of(component.licence_id, classes)
    found = {kind: _best(kind, group, terms) for kind, group in by_kind.items()}
    card = found[K.MODEL_CARD]
    if card.verified:
        for section, kind in DOCUMENTED_BY.items():
            if section in card_sections and not found[kind].described:
                found[kind] = _in_card(kind, section, card, found[kind])
    return found


def _best(kind: K, group: list[Component], terms: Mapping[str | None, Terms]) -> Standing:
    if not group:
        return Standing(ComponentView(kind=kind, status="missing", because="none was seen"))
    best = min(group, key=lambda each: _distance(each, terms[each.licence_id]))
    told = [each for each in group if each.verified]
    return Standing(
        view=_view(best, terms[best.licence_id], len(group)),
        terms=terms[best.licence_id],
        seen_at=next((each.path for each in told if not each.documents_only), ""),
        told_at=next((each.path for each in told), ""),
    )


def _distance(component: Component, terms: Terms) -> tuple[int, bool, bool, bool]:
    """How far from standing best: by all that a class or the definition asks, so that no further artefact can take an
    answer away."""
    place = _BEST_FIRST.index(_status(component, terms))
    return place, not terms.osi_approved, terms.open is False, _fits(component.kind, terms) is not True


def _status(component: Component, terms: Terms) -> ComponentStatus:
    if not component.verified:
        return "unverified"
    if not component.licence_id:
        return "unlicensed"
    if terms.open is not True:
        return "not-open"
    return "documented" if component.documents_only else "verified"


def _fits(kind: K, terms: Terms) -> bool | None:
    """Was the licence made for such content? None where it is not open, or open by the pack's word alone."""
    return bool(terms.made_for.intersection(CONTENT[kind])) if terms.open and terms.made_for else None


def _view(component: Component, terms: Terms, artefacts: int) -> ComponentView:
    status, fits = _status(component, terms), _fits(component.kind, terms)
    because = component.why or ("it is what it claims to be" if component.verified else "nothing shows what it is")
    if status == "unlicensed":
        because = "no licence is known to cover it"
    elif status == "not-open":
        known = "is not open" if terms.open is False else "is not known to be open"
        because = f"its licence `{visible(component.licence_id or '', 60)}` {known}"
    elif status == "verified" and fits is False:
        types = " or ".join(_PLURAL[each] for each in CONTENT[component.kind])
        because += f"; its licence is open, though not one made for {types}"
    return ComponentView(
        kind=component.kind,
        status=status,
        path=component.path,
        licence=component.licence_id,
        fits=fits,
        artefacts=artefacts,
        because=because,
    )


def _in_card(kind: K, section: str, card: Standing, before: Standing) -> Standing:
    words = section.replace("_", " ")
    view = card.view.model_copy(
        update={
            "kind": kind,
            "status": "documented",
            "artefacts": before.view.artefacts,
            "because": f"only a section of the card describes it ({words})",
        }
    )
    return replace(before, view=view, terms=card.terms)
