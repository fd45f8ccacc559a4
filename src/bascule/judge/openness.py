"""How complete a release would be: the Model Openness Framework's class, and what is wanting for the next one.

Rules: a component counts when an artefact of its kind is there, or when the card documents it; the licence must be
known to be open; a class needs everything of the class below it. Completeness is not safety: it never bears on a
tier by itself. Source: Model Openness Framework, classes III (open model), II (open tooling), I (open science).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from bascule.records import ArtefactKind as K
from bascule.records import Openness

_CLASS_III: tuple[tuple[K, ...], ...] = (
    (K.ARCHITECTURE,),
    (K.WEIGHTS, K.ADAPTER),
    (K.EVALUATION_RESULTS,),
    (K.MODEL_CARD,),
    (K.DATA_CARD,),
    (K.TECHNICAL_REPORT, K.RESEARCH_PAPER),
)
_CLASS_II: tuple[tuple[K, ...], ...] = (
    (K.TRAINING_CODE,),
    (K.INFERENCE_CODE,),
    (K.EVALUATION_CODE,),
    (K.EVALUATION_DATA,),
)
_CLASS_I: tuple[tuple[K, ...], ...] = (
    (K.DATASET,),
    (K.PREPROCESSING_CODE,),
    (K.INTERMEDIATE_WEIGHTS,),
    (K.RESEARCH_PAPER,),
)
_LEVELS: tuple[tuple[Literal["I", "II", "III"], tuple[tuple[K, ...], ...]], ...] = (
    ("III", _CLASS_III),
    ("II", _CLASS_II),
    ("I", _CLASS_I),
)
DOCUMENTED_BY = {
    "evaluation": K.EVALUATION_RESULTS,
    "training_data": K.DATA_CARD,
    "training_procedure": K.TECHNICAL_REPORT,
}
"""Sections of a card, and the component that each documents."""


def openness(kinds: Collection[K], card_sections: Collection[str] | None, licence_open: bool | None) -> Openness:
    """The class reached, and the gaps to the next one.

    Law: adding a kind, a section or an open licence never lowers the class.
    """
    there = set(kinds)
    if K.MODEL_CARD in there:
        there |= {kind for section, kind in DOCUMENTED_BY.items() if section in (card_sections or ())}
    licence_gap = (
        [] if licence_open else ["the licence is not open" if licence_open is False else "no open licence is known"]
    )
    reached: Literal["I", "II", "III", "none"] = "none"
    for level, needed in _LEVELS:
        gaps = [" or ".join(str(kind) for kind in ways) for ways in needed if not there & set(ways)]
        if gaps or licence_gap:
            return Openness(
                mof_class=reached, gaps=tuple(f"class {level} needs {gap}" for gap in gaps) + tuple(licence_gap)
            )
        reached = level
    return Openness(mof_class=reached)
