"""A self-check of transparency: which indicators of an index does anything in the release speak to?

Rules: an artefact that is itself the disclosure (the weights, the code, the data, the system prompt) is evidence, when
it is what it claims to be, under whatever licence; a section of the card or a document that speaks of the matter is
self-reported, since whether it says enough is for a reader to judge; everything else is unknown. Counts are given by
subdomain, and no score: the index is scored by its authors, on the whole company, not on a repository.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bascule.judge.openness.components import Standing
from bascule.judge.openness.indicators import INDEX, INDICATORS, SOURCE
from bascule.records import ArtefactKind as K
from bascule.records import Relation, Subject
from bascule.records.openness import IndicatorView, SubdomainView, TransparencyView

ALSO: Mapping[str, tuple[str, str]] = {
    "dependencies": ("Model dependencies", "a base model is named"),
    "licence_text": ("Terms of use", "the text of a licence"),
    "system_prompt": ("System prompt", "a system prompt"),
    "use_policy": ("Permitted, restricted, and prohibited uses", "a use policy"),
}
"""What a release may say besides its components and its card: the indicator, and the words for it."""
_ARE_THE_DISCLOSURE = ("licence_text", "system_prompt")
_NAMED_AS: Mapping[str, re.Pattern[str]] = {
    "licence_text": re.compile(r"(^|/)[^/]*(licen[cs]e|copying)[^/]*$", re.IGNORECASE),
    "use_policy": re.compile(r"(^|/)[^/]*(use[_-]?policy|acceptable[_-]use)[^/]*$", re.IGNORECASE),
}
"""What intake takes for legal text may be a notice or a use policy; its name says which."""


@dataclass(frozen=True, slots=True)
class SpokenTo:
    """proved: all of these together are the disclosure. told: any of these speaks of it. sections: of the card."""

    proved: tuple[K, ...] = ()
    told: tuple[K, ...] = ()
    sections: tuple[str, ...] = ()


SPOKEN_TO: Mapping[str, SpokenTo] = {
    "Data acquisition methods": SpokenTo(told=(K.DATA_CARD,), sections=("training_data",)),
    "Public datasets": SpokenTo(told=(K.DATA_CARD,), sections=("training_data",)),
    "Data processing methods": SpokenTo(proved=(K.PREPROCESSING_CODE,), told=(K.DATA_CARD,)),
    "Data processing techniques": SpokenTo(proved=(K.PREPROCESSING_CODE,)),
    "Data size": SpokenTo(proved=(K.DATASET,), told=(K.DATA_CARD,)),
    "Data domain composition": SpokenTo(told=(K.DATA_CARD,)),
    "Data language composition": SpokenTo(told=(K.DATA_CARD,)),
    "External data access": SpokenTo(proved=(K.DATASET,)),
    "Data replicability": SpokenTo(proved=(K.DATASET,), told=(K.DATA_CARD,)),
    "Energy usage for final training run": SpokenTo(sections=("environmental_impact",)),
    "Carbon emissions for final training run": SpokenTo(sections=("environmental_impact",)),
    "Model stages": SpokenTo(told=(K.TECHNICAL_REPORT, K.RESEARCH_PAPER), sections=("training_procedure",)),
    "Model objectives": SpokenTo(told=(K.TECHNICAL_REPORT, K.RESEARCH_PAPER), sections=("training_procedure",)),
    "Code access": SpokenTo(proved=(K.TRAINING_CODE, K.INFERENCE_CODE)),
    "Basic model properties": SpokenTo(told=(K.ARCHITECTURE, K.TECHNICAL_REPORT, K.RESEARCH_PAPER)),
    "Deeper model properties": SpokenTo(
        proved=(K.ARCHITECTURE,), told=(K.ARCHITECTURE, K.TECHNICAL_REPORT, K.RESEARCH_PAPER)
    ),
    "Open weights": SpokenTo(proved=(K.WEIGHTS,)),
    "Capabilities evaluation": SpokenTo(proved=(K.EVALUATION_RESULTS,), sections=("evaluation",)),
    "External reproducibility of capabilities evaluation": SpokenTo(proved=(K.EVALUATION_CODE, K.EVALUATION_DATA)),
    "Risks taxonomy": SpokenTo(sections=("limitations",)),
    "Mitigations taxonomy": SpokenTo(sections=("safety",)),
    "Terms of use": SpokenTo(sections=("licence",)),
    "Responsible disclosure policy": SpokenTo(sections=("disclosure",)),
    "Feedback mechanisms": SpokenTo(sections=("contact",)),
    "Documentation for responsible use": SpokenTo(sections=("out_of_scope", "intended_use")),
    "Permitted, restricted, and prohibited uses": SpokenTo(sections=("out_of_scope",)),
}


def said_besides(subject: Subject) -> Iterator[str]:
    """The names of `ALSO` that hold for a subject, each at most once."""
    parts = [part for part in subject.artefacts if part.size_bytes]
    if any(part.kind is K.SYSTEM_PROMPT for part in parts):
        yield "system_prompt"
    legal = [part.path for part in parts if part.kind is K.LICENCE]
    yield from (name for name, pattern in _NAMED_AS.items() if any(map(pattern.search, legal)))
    edges = [*subject.edges, *(edge for part in subject.artefacts for edge in part.edges)]
    if any(edge.relation is not Relation.TRAINED_ON for edge in edges):
        yield "dependencies"


def self_check(
    found: Mapping[K, Standing], card_sections: Collection[str], also: Collection[str] = ()
) -> TransparencyView:
    """What the release speaks to. found: how each component stands; also: names of `ALSO`.

    Law: adding a component, a section or a name never takes an answer away.
    """
    answers: list[IndicatorView] = []
    counts: list[SubdomainView] = []
    unknown: list[str] = []
    for domain, subdomains in INDICATORS.items():
        for subdomain, indicators in subdomains.items():
            given = [answer for name in indicators if (answer := _answer(name, subdomain, found, card_sections, also))]
            answered = {answer.indicator for answer in given}
            answers += given
            unknown += [name for name in indicators if name not in answered]
            evidence = sum(answer.answer == "evidence" for answer in given)
            counts.append(
                SubdomainView(
                    domain=domain,
                    subdomain=subdomain,
                    asked=len(indicators),
                    evidence=evidence,
                    self_reported=len(given) - evidence,
                )
            )
    return TransparencyView(
        index=INDEX, source=SOURCE, answers=tuple(answers), subdomains=tuple(counts), unknown=tuple(unknown)
    )


def _answer(
    name: str, subdomain: str, found: Mapping[K, Standing], card_sections: Collection[str], also: Collection[str]
) -> IndicatorView | None:
    spoken = SPOKEN_TO.get(name, SpokenTo())
    proofs = [found[kind].seen_at for kind in spoken.proved]
    proofs = proofs if all(proofs) else []
    words = [found[kind].told_at for kind in spoken.told if found[kind].told_at]
    words += [f"card: {section.replace('_', ' ')}" for section in spoken.sections if section in card_sections]
    for key in sorted(set(also) & set(ALSO)):
        indicator, said = ALSO[key]
        if indicator == name:
            (proofs if key in _ARE_THE_DISCLOSURE else words).append(said)
    if not proofs and not words:
        return None
    return IndicatorView(
        indicator=name,
        subdomain=subdomain,
        answer="evidence" if proofs else "self-reported",
        where=tuple(dict.fromkeys((*proofs, *words))),
    )
