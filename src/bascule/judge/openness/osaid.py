"""The Open Source AI Definition 1.0: three elements, four freedoms, each met, not met or unknown.

Rules:
- Data information is met by the training data itself; a data card, report or paper is data information too, and whether
  it lets a skilled person build a substantially equivalent system is for a person to read: unknown.
- Code is what prepared the data, trained and runs the model, and its architecture, all under licences that the OSI has
  approved.
- Parameters need terms that the OSI has approved; the definition asks for no particular legal means, so an open licence
  that was made for data is unknown, not a refusal.
- Using and sharing rest on the terms of parameters and code; studying and modifying need every element.
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
_STRICTEST: tuple[Met, ...] = ("not-met", "unknown", "met")


def osaid(found: Mapping[K, Standing]) -> OsaidView:
    """The definition's answer. found: how each of the 17 components stands.

    Laws: a component that stands better never makes an answer worse; unknown terms never meet anything.
    """
    data, code, parameters = _data_information(found), _code(found), _parameters(found)
    terms = (_terms(K.WEIGHTS, found), *(_terms(kind, found) for kind in _CODE))
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
    dataset = found[K.DATASET]
    if dataset.verified:
        return _answer(name, "met", K.DATASET, f"the data is there, under `{dataset.view.licence}`")
    for kind in _DATA_DOCUMENTS:
        if found[kind].described:
            where = visible(found[kind].view.path)
            because = (
                f"`{where}` speaks of the data; whether an equivalent system could be built from it, a person says"
            )
            return _answer(name, "unknown", kind, because)
    for kind in (K.DATASET, *_DATA_DOCUMENTS):
        if found[kind].view.status in ("unlicensed", "not-open") and found[kind].terms.open is None:
            return _answer(name, "unknown", kind, f"`{visible(found[kind].view.path)}`: {found[kind].view.because}")
    return _answer(name, "not-met", K.DATASET, "neither the data nor an openly licensed description of it was seen")


def _code(found: Mapping[K, Standing]) -> OsaidAnswer:
    parts = [_approved("code", kind, found[kind]) for kind in _CODE]
    decisive = _strictest(parts)
    if decisive.answer == "met":
        return _answer("code", "met", K.TRAINING_CODE, "all of it is there, under licences that the OSI has approved")
    return decisive


def _approved(name: str, kind: K, standing: Standing) -> OsaidAnswer:
    view = standing.view
    words = kind.replace("_", " ")
    if view.status == "missing":
        return _answer(name, "not-met", kind, f"no {words} was seen")
    if view.status in ("documented", "unlicensed"):
        return _answer(name, "unknown", kind, f"{words}: {view.because}")
    if view.status == "unverified":
        return _answer(name, "not-met", kind, f"{words}: {view.because}")
    if standing.terms.osi_approved:
        return _answer(name, "met", kind, f"{words} is under `{view.licence}`")
    answer: Met = "unknown" if standing.terms.open is None else "not-met"
    return _answer(name, answer, kind, f"{words}: the OSI has not approved `{visible(view.licence or '', 60)}`")


def _parameters(found: Mapping[K, Standing]) -> OsaidAnswer:
    answer = _approved("parameters", K.WEIGHTS, found[K.WEIGHTS])
    terms = found[K.WEIGHTS].terms
    if answer.answer == "not-met" and terms.open and found[K.WEIGHTS].verified:
        because = f"{answer.because}; open terms that were made for data, which the definition leaves to time"
        return answer.model_copy(update={"answer": "unknown", "because": because})
    return answer


def _terms(kind: K, found: Mapping[K, Standing]) -> OsaidAnswer:
    """Do the terms of a component leave every purpose open, as far as they are known?"""
    view, terms = found[kind].view, found[kind].terms
    words = kind.replace("_", " ")
    if view.status in ("missing", "unverified"):
        return _answer("", "not-met", kind, f"there is no {words} to use" if view.status == "missing" else view.because)
    if terms.open is None:
        return _answer("", "unknown", kind, f"{words}: {view.because}")
    if not terms.open:
        return _answer("", "not-met", kind, f"{words}: `{visible(view.licence or '', 60)}` withholds something")
    return _answer("", "met", kind, f"{words} is under `{visible(view.licence or '', 60)}`")


def _freedom(name: str, what: str, needs: Sequence[OsaidAnswer]) -> OsaidAnswer:
    decisive = _strictest(needs)
    return decisive.model_copy(update={"name": name, "because": f"{what}: {decisive.because}"})


def _strictest(answers: Iterable[OsaidAnswer]) -> OsaidAnswer:
    return min(answers, key=lambda each: _STRICTEST.index(each.answer))


def _answer(name: str, answer: Met, kind: K, because: str) -> OsaidAnswer:
    return OsaidAnswer(name=name, answer=answer, decided_by=kind, because=because)
