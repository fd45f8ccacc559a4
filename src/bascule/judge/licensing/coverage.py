"""Which licence covers which part: the nearest place that speaks of it.

Rules: what a file of code, weights or data says of itself counts for it alone, beside what lies nearest above it; a
text or a card counts for its folder and all below, up to one that speaks for itself; a package's own metadata counts
for the whole; a name such as `LICENSE-CODE` or `MODEL_LICENSE` counts for code or for the model alone, and before one
that names no part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bascule.judge.licensing.consensus import Declaration, consensus, why_unsettled
from bascule.kernel.digests import Digest
from bascule.records import Artefact
from bascule.records import ArtefactKind as K

MODEL_KINDS = frozenset(
    [
        *(K.WEIGHTS, K.INTERMEDIATE_WEIGHTS, K.ADAPTER, K.ARCHITECTURE, K.TOKENIZER, K.CHAT_TEMPLATE),
        *(K.SYSTEM_PROMPT, K.ENDPOINT),
    ]
)
DATA_KINDS = frozenset([K.DATASET, K.EVALUATION_DATA, K.SAMPLE_OUTPUTS, K.DATA_CARD])
CODE_KINDS = frozenset([K.TRAINING_CODE, K.INFERENCE_CODE, K.EVALUATION_CODE, K.PREPROCESSING_CODE, K.LIBRARIES])
_PARTS: tuple[tuple[re.Pattern[str], frozenset[K]], ...] = (
    (re.compile(r"(?i)(^|[-_.])(code|source|src)([-_.]|$)"), CODE_KINDS),
    (re.compile(r"(?i)(^|[-_.])(models?|weights?)([-_.]|$)"), MODEL_KINDS),
    (re.compile(r"(?i)(^|[-_.])(data|datasets?)([-_.]|$)"), DATA_KINDS),
)
_PACKAGED = re.compile(
    r"(?i)(^|/)[^/]*\.(dist|egg)-info(/|$)|(^|/)(pkg-info|package\.json|pyproject\.toml|setup\.cfg)$"
)
_OF_ITSELF = re.compile(
    r"(?i)\.(py|pyx|pyi|ipynb|c|h|cc|cpp|hpp|cu|cuh|js|mjs|ts|tsx|rs|go|java|kt|scala|swift|rb|php|r|jl|lua|sh|sql|css)$"
    r"|\.(gguf|safetensors|onnx|pt|pth|bin|ckpt|h5|keras|tflite|npz|parquet|arrow)$"
)
"""Files whose words on a licence are on themselves: a source file's header, what a file of weights carries."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What stands over a part. id: all at once (`A AND B`) where places contradict each other; None where no licence is
    known, and then `why` says so."""

    id: str | None
    why: str
    evidence: tuple[Digest, ...]


class Coverage:
    """Answers for artefacts of one subject. Law: the order of the declarations does not matter."""

    def __init__(self, said: Sequence[Declaration]) -> None:
        self._own: dict[str, list[Declaration]] = {}
        self._over: dict[PurePosixPath, list[Declaration]] = {}
        for one in sorted(said, key=lambda each: (each.artefact, each.id, each.location, each.evidence)):
            self._own.setdefault(one.artefact, []).append(one)
            if one.is_text or not _OF_ITSELF.search(one.artefact):
                self._over.setdefault(_folder_of(one.artefact), []).append(one)
        self._nearest: dict[tuple[PurePosixPath, K], tuple[Declaration, ...]] = {}

    def of(self, artefact: Artefact) -> tuple[Declaration, ...]:
        """The declarations that cover an artefact; empty where nothing does."""
        own = self._own.get(artefact.path, ())
        return tuple(dict.fromkeys((*own, *self._over_folder(PurePosixPath(artefact.path).parent, artefact.kind))))

    def of_kind(self, kind: K, artefacts: Iterable[Artefact]) -> tuple[Declaration, ...]:
        """Those that cover any artefact of a kind."""
        found = (one for each in artefacts if each.kind is kind for one in self.of(each))
        return tuple(dict.fromkeys(found))

    def _over_folder(self, folder: PurePosixPath, kind: K) -> tuple[Declaration, ...]:
        key = (folder, kind)
        found = self._nearest.get(key)
        if found is None:
            found = self._nearest[key] = self._look_up(folder, kind)
        return found

    def _look_up(self, folder: PurePosixPath, kind: K) -> tuple[Declaration, ...]:
        for place in (folder, *folder.parents):
            here = self._over.get(place, ())
            named = [one for one in here if kind in (_part_of(one.artefact) or ())]
            if named:
                return tuple(named)
            general = [one for one in here if _part_of(one.artefact) is None]
            if general:
                return tuple(general)
        return ()


def covered(said: Sequence[Declaration]) -> Covered:
    """The one licence that these declarations agree on, or why there is none."""
    evidence = tuple(dict.fromkeys(one.evidence for one in said))
    if not said:
        return Covered(None, "no licence that covers it was found", evidence)
    candidates = consensus(sorted({one.id for one in said if one.settles}))
    if len(candidates) > 1 and all(one.settles for one in said):
        # Nobody knows which of them holds: what all of them allow is allowed.
        return Covered(" AND ".join(f"({each})" if " OR " in each else each for each in candidates), "", evidence)
    why = why_unsettled(said, candidates)
    return Covered(None if why else candidates[0], why, evidence)


def licences_by_path(artefacts: Iterable[Artefact], said: Sequence[Declaration]) -> Mapping[str, str]:
    """Path to the licence that covers it, where that is settled."""
    coverage = Coverage(said)
    settled: dict[tuple[Declaration, ...], Covered] = {}
    found: dict[str, str] = {}
    for artefact in artefacts:
        over = coverage.of(artefact)
        answer = settled.get(over)
        if answer is None:
            answer = settled[over] = covered(over)
        if answer.id is not None:
            found[artefact.path] = answer.id
    return found


def _folder_of(path: str) -> PurePosixPath:
    """The folder that a declaration at this path speaks for."""
    if packaged := _PACKAGED.search(path):
        return PurePosixPath(path[: packaged.start()] or ".")
    folder = PurePosixPath(path).parent
    return folder.parent if folder.name.casefold() in ("licenses", "licences", "license", "licence") else folder


def _part_of(path: str) -> frozenset[K] | None:
    """The kinds that a licence file's own name restricts it to."""
    name = PurePosixPath(path).name
    if not re.search(r"(?i)licen[cs]e|copying", name):
        return None
    named = [kinds for pattern, kinds in _PARTS if pattern.search(name)]
    return frozenset().union(*named) if named else None
