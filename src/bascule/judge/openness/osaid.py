"""The Open Source AI Definition 1.0: three elements, four freedoms, each met, not met or unknown.

Rules:
- Data information is met by the training data with a description of it (data card, report or paper), taken at its word
  that this is all of the data. Either without the other may be enough to build a substantially equivalent system, and
  only a person can say so: unknown.
- Code is what prepared the data, trained and runs the model, and its architecture, all under licences that the OSI has
  approved.
- Parameters need terms that the OSI has approved; the definition asks for no particular legal means, so an open licence
  that was made for data is unknown, not a refusal.
- Using and sharing rest on the terms of what makes up a model: architecture, parameters, code that runs it. Studying
  and modifying need every element.
- What was not seen is not met: the question is about what was reviewed.
Source: Open Source Initiative, The Open Source AI Definition 1.0 (2024-10-28), read in the translation of the Open
Source Group Japan (opensource-jp/Open-Source-AI, `osaid-1-0.md` at 06c4d161) beside release candidate 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bascule.judge.openness.components import Standing
from bascule.kernel.text import visible
from bascule.records import ArtefactKind as K
from bascule.records.openness import Met, OsaidAnswer, OsaidView

_DATA_DOCUMENTS = (K.DATA_CARD, K.TECHNICAL_REPORT, K.RESEARCH_PAPER)
_CODE = (K.PREPROCESSING_CODE, K.TRAINING_CODE, K.INFERENCE_CODE, K.ARCHITECTURE)
_MODEL = (K.WEIGHTS, K.INFERENCE_CODE, K.ARCHITECTURE)
_STRICTEST: tuple[Met, ...] = ("not-met", "unknown", "met")


def osaid(found: Mapping[K, Standing]) -> OsaidView:
    """The definition's answer. found: how each of the 17 components stands.

    Laws: a component that stands better never makes an answer worse; unknown terms never meet anything.
    """
    data, code, parameters = _data_information(found), _code(found), _parameters(found)
    terms = [_terms(kind, found[kind]) for kind in _MODEL]
    freedoms = (
        _freedom("use", "any purpose, without asking", terms),
        _freedom("study", "how it works", (data, code, parameters)),
        _freedom("modify", "any purpose, output included", (data, code, parameters)),
        _freedom("share", "with or without changes", terms),
    )
    elements = (data, code, parameters)
    answer = _strictest((*elements, *freedoms)).answer
    return OsaidView(answer=answer, elements=elements, freedoms=freedoms)


def _data_information(found: Mapping[K, Standing]) -> OsaidAnswer:
    name = "data information"
    told = [kind for kind in _DATA_DOCUMENTS if found[kind].described]
    shown = [K.DATASET] if found[K.DATASET].verified else []
    if shown and any(found[kind].verified for kind in told):
        return _answer(name, "met", K.DATASET, f"the data is there, under {_licence(found[K.DATASET])}, and described")
    for kind in (*shown, *told):
        where, rest = _where(found[kind]), "description" if kind in shown else "data"
        because = f"{where} without the {rest}: a person says whether an equivalent system could be built from it"
        return _answer(name, "unknown", kind, because)
    for kind in (K.DATASET, *_DATA_DOCUMENTS):
        if found[kind].view.status in ("unlicensed", "not-open") and found[kind].terms.open is None:
            return _answer(name, "unknown", kind, f"{_where(found[kind])}: {found[kind].view.because}")
    return _answer(name, "not-met", K.DATASET, "neither the data nor an openly licensed description of it was seen")


def _code(found: Mapping[K, Standing]) -> OsaidAnswer:
    decisive = _strictest(_approved("code", kind, found[kind]) for kind in _CODE)
    if decisive.answer != "met":
        return decisive
    return _answer("code", "met", None, "all of it is there, under licences that the OSI has approved")


def _parameters(found: Mapping[K, Standing]) -> OsaidAnswer:
    standing = found[K.WEIGHTS]
    answer = _approved("parameters", K.WEIGHTS, standing)
    if standing.verified and answer.answer == "not-met":
        because = f"{answer.because}; it is open all the same, and by which means the definition leaves to time"
        return answer.model_copy(update={"answer": "unknown", "because": because})
    return answer


def _approved(name: str, kind: K, standing: Standing) -> OsaidAnswer:
    """Is a component there, under a licence that the OSI has approved?"""
    if unseen := _unseen(name, kind, standing):
        return unseen
    if standing.terms.osi_approved:
        return _answer(name, "met", kind, f"{_words(kind)} is under {_licence(standing)}")
    answer: Met = "unknown" if standing.terms.open is None else "not-met"
    return _answer(name, answer, kind, f"{_words(kind)}: the OSI has not approved {_licence(standing)}")


def _terms(kind: K, standing: Standing) -> OsaidAnswer:
    """Is a component there, under terms that leave every purpose open?"""
    if unseen := _unseen("", kind, standing):
        return unseen
    if standing.verified:
        return _answer("", "met", kind, f"{_words(kind)} is under {_licence(standing)}")
    answer: Met = "unknown" if standing.terms.open is None else "not-met"
    return _answer("", answer, kind, f"{_words(kind)}: {standing.view.because}")


def _unseen(name: str, kind: K, standing: Standing) -> OsaidAnswer | None:
    """The answer where there is nothing whose licence one could ask for."""
    match standing.view.status:
        case "missing":
            return _answer(name, "not-met", kind, f"no {_words(kind)} was seen")
        case "unverified":
            return _answer(name, "not-met", kind, f"{_words(kind)}: {standing.view.because}")
        case "documented" | "unlicensed":
            return _answer(name, "unknown", kind, f"{_words(kind)}: {standing.view.because}")
    return None


def _words(kind: K) -> str:
    return kind.replace("_", " ")


def _where(standing: Standing) -> str:
    return f"`{visible(standing.view.path)}`"


def _licence(standing: Standing) -> str:
    return f"`{visible(standing.view.licence or '', 60)}`"


def _freedom(name: str, what: str, needs: Sequence[OsaidAnswer]) -> OsaidAnswer:
    decisive = _strictest(needs)
    return decisive.model_copy(update={"name": name, "because": f"{what}: {decisive.because}"})


def _strictest(answers: Iterable[OsaidAnswer]) -> OsaidAnswer:
    return min(answers, key=lambda each: _STRICTEST.index(each.answer))


def _answer(name: str, answer: Met, kind: K | None, because: str) -> OsaidAnswer:
    return OsaidAnswer(name=name, answer=answer, decided_by=kind, because=because)
