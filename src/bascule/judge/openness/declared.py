"""The class by kinds and card alone, for where the licence of each artefact is not known yet.

Rules: a component counts when an artefact of its kind is there or the card documents it; one licence speaks for all.
`assess_openness` asks more, and is what a review shows where licences are known file by file.
"""

from __future__ import annotations

from collections.abc import Collection

from bascule.judge.openness.components import DOCUMENTED_BY
from bascule.judge.openness.mof import LEVELS
from bascule.records import ArtefactKind as K
from bascule.records import Openness
from bascule.records.openness import MofClass


def openness(kinds: Collection[K], card_sections: Collection[str] | None, licence_open: bool | None) -> Openness:
    """The class reached, and the gaps to the next one.

    Law: adding a kind, a section or an open licence never lowers the class.
    """
    there: set[K] = {K.WEIGHTS if kind is K.ADAPTER else kind for kind in kinds}
    if K.MODEL_CARD in there:
        there |= {kind for section, kind in DOCUMENTED_BY.items() if section in (card_sections or ())}
    licence_gap = (
        [] if licence_open else ["the licence is not open" if licence_open is False else "no open licence is known"]
    )
    reached: MofClass = "none"
    for level, needed in LEVELS:
        gaps = [" or ".join(ways) for ways in needed if not there & set(ways)]
        if gaps or licence_gap:
            return Openness(
                mof_class=reached, gaps=tuple(f"class {level} needs {gap}" for gap in gaps) + tuple(licence_gap)
            )
        reached = level
    return Openness(mof_class=reached)
