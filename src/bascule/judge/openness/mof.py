"""The Model Openness Framework's class, and what is wanting for the next one.

Rules: a class asks for everything of the classes below it; a component counts when it is verified; a research paper
may stand for the technical report, and class I asks for the paper itself. Sample outputs, libraries and metadata are
optional in every class. Source: lfai/model_openness_tool, `ModelEvaluator.php` at a5f00fad (MIT), which implements
White et al. 2024, The Model Openness Framework, arXiv 2403.13784 (not read here).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from bascule.judge.openness.components import CONTENT, Standing
from bascule.judge.openness.open_kinds import ContentType
from bascule.kernel.text import visible
from bascule.records import ArtefactKind as K
from bascule.records.openness import ClassProgress, MofClass, OpennessStep

_Level = tuple[Literal["III", "II", "I"], tuple[tuple[K, ...], ...]]

LEVELS: tuple[_Level, ...] = (
    (
        "III",
        (
            (K.ARCHITECTURE,),
            (K.WEIGHTS,),
            (K.EVALUATION_RESULTS,),
            (K.MODEL_CARD,),
            (K.DATA_CARD,),
            (K.TECHNICAL_REPORT, K.RESEARCH_PAPER),
        ),
    ),
    ("II", ((K.TRAINING_CODE,), (K.INFERENCE_CODE,), (K.EVALUATION_CODE,), (K.EVALUATION_DATA,))),
    ("I", ((K.DATASET,), (K.PREPROCESSING_CODE,), (K.INTERMEDIATE_WEIGHTS,), (K.RESEARCH_PAPER,))),
)
"""What each class adds, from the lowest up; any one of a tuple will do."""

LICENCES_THAT_WOULD_DO: Mapping[ContentType, tuple[str, ...]] = {
    "code": ("Apache-2.0", "MIT", "BSD-3-Clause", "OpenMDW-1.0"),
    "data": ("CDLA-Permissive-2.0", "CC-BY-4.0", "CC0-1.0", "OpenMDW-1.0"),
    "document": ("CC-BY-4.0", "CC0-1.0", "CC-BY-SA-4.0", "OpenMDW-1.0"),
}
"""Preferred first. Source: LF AI & Data, Simplifying AI Model Licensing with OpenMDW, 2025-07-22: licences approved by
the OSI for code, open data licences for data and parameters, Creative Commons for documents, OpenMDW-1.0 for all."""

_WHAT_TO_ADD: Mapping[K, str] = {
    K.ARCHITECTURE: "the code of the architecture",
    K.WEIGHTS: "the final parameters",
    K.EVALUATION_RESULTS: "the results of the evaluations as a file of their own",
    K.MODEL_CARD: "a model card",
    K.DATA_CARD: "a data card (sources, characteristics and preparation of the data)",
    K.TECHNICAL_REPORT: "a technical report or a research paper",
    K.TRAINING_CODE: "the code that trained it",
    K.INFERENCE_CODE: "code that runs it",
    K.EVALUATION_CODE: "the code of the evaluations",
    K.EVALUATION_DATA: "the data that it was evaluated on",
    K.DATASET: "the training, validation and test data",
    K.PREPROCESSING_CODE: "the code that prepared the data",
    K.INTERMEDIATE_WEIGHTS: "checkpoints of the training",
    K.RESEARCH_PAPER: "a research paper",
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The class reached, how far each class is, and what the next one asks for."""

    mof_class: MofClass
    progress: tuple[ClassProgress, ...]
    gaps: tuple[str, ...]
    steps: tuple[OpennessStep, ...]


def evaluate(found: Mapping[K, Standing]) -> Evaluation:
    """The class of a release. found: how each of the 17 components stands.

    Laws: a component that stands better never lowers the class; removing one never raises it.
    """
    reached, following = _climb(found, lambda standing: standing.verified)
    level, asked = following or ("I", ())
    steps = [_step(ways, found) for ways in asked if not any(found[kind].verified for kind in ways)]
    return Evaluation(
        mof_class=reached,
        progress=tuple(_progress(found)),
        gaps=tuple(f"class {level} needs {' or '.join(step.needs)}: {step.because}; {step.add}" for step in steps),
        steps=tuple(steps),
    )


def mof_class(found: Mapping[K, Standing], counts: Callable[[Standing], bool]) -> MofClass:
    """The highest class all of whose components count, and those of the classes below it."""
    return _climb(found, counts)[0]


def _climb(found: Mapping[K, Standing], counts: Callable[[Standing], bool]) -> tuple[MofClass, _Level | None]:
    """The class reached, and the level that was not."""
    reached: MofClass = "none"
    for level in LEVELS:
        name, asked = level
        if not all(any(counts(found[kind]) for kind in ways) for ways in asked):
            return reached, level
        reached = name
    return reached, None


def _progress(found: Mapping[K, Standing]) -> Iterator[ClassProgress]:
    """Counted as the tool counts: kinds, and one less to ask for where the paper stands for the report."""
    asked: list[tuple[K, ...]] = []
    for level, more in LEVELS:
        asked += more
        verified = {next((kind for kind in ways if found[kind].verified), None) for ways in asked} - {None}
        doubled = (K.RESEARCH_PAPER,) in asked and not found[K.TECHNICAL_REPORT].verified
        doubled = doubled and found[K.RESEARCH_PAPER].verified
        yield ClassProgress(mof_class=level, have=len(verified), need=len(asked) - doubled)


def _step(ways: tuple[K, ...], found: Mapping[K, Standing]) -> OpennessStep:
    """What would close one gap: the best of the ways that were seen, or else the first."""
    nearest = min(ways, key=lambda kind: _NEAREST.index(found[kind].view.status))
    view = found[nearest].view
    would_do = tuple(dict.fromkeys(each for type_ in CONTENT[nearest] for each in LICENCES_THAT_WOULD_DO[type_]))
    licence = f"under an open licence such as {would_do[0]}"
    what = _WHAT_TO_ADD[nearest]
    match view.status:
        case "missing" | "documented":
            add = f"add {what} {licence}"
        case "unverified":
            add = f"replace `{visible(view.path)}` by {what} {licence}"
        case _:
            add = f"put `{visible(view.path)}` {licence}"
    return OpennessStep(needs=ways, because=view.because, add=add, licences=would_do)


_NEAREST = ("verified", "unlicensed", "not-open", "documented", "unverified", "missing")
"""What is seen and only wants a licence is nearest to counting."""
