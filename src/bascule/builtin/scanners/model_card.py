"""The model card: which sections it has, which data it names, and what a reader would look for in vain.

Rules: one card speaks for the subject, the one nearest the weights; a heading without content is a missing section; a
README without any sign of a card is not one, and is not asked what a card should say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers.card import Card, main_card, named_card, read_card, strings
from bascule.records import ArtefactKind, Finding, Outcome, Reading, ReadingSource, Severity

INCOMPLETE = Rule(
    "card-incomplete",
    "Does the model card leave out what a user has to know?",
    Severity.LOW,
    "write the sections named; a sentence that says why something is not known is content, a heading alone is not",
    "Who reads no limits, data or results cannot tell a fit use from an unfit one, and lawful use may depend on them.",
    (
        "https://huggingface.co/docs/hub/model-cards",
        "Mitchell et al. 2019, Model Cards for Model Reporting",
        "White et al. 2024, The Model Openness Framework",
    ),
)

NEEDED = ("intended_use", "limitations", "training_data", "evaluation", "licence")
_IN_WORDS = {
    "intended_use": "intended use",
    "limitations": "limitations",
    "training_data": "training data",
    "evaluation": "evaluation",
    "licence": "licence",
}


class ModelCard:
    """Reads the subject's main card."""

    meta = Meta(
        id="model_card",
        title="Model card",
        rules=(INCOMPLETE,),
        reads=Reads(kinds=(ArtefactKind.MODEL_CARD,)),
        readings=(
            Quantity("card.sections", "sections with content, of those that `card-incomplete` and policies ask for"),
            Quantity("card.datasets", "training data sources as the card names them"),
            Quantity("card.languages", "languages as the card names them"),
        ),
        ttl_days=365,
        limits=("that a section is there is seen, not whether it is true",),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        main = main_card(file.listing)
        if main is not None and main != file.path:
            yield _not_asked(file, f"the card that speaks for the subject is `{main}`")
            return
        card = read_card(file.read, file.size_bytes)
        yield from _readings(file, card)
        if not (card.is_card or named_card(file.path)):
            yield _not_asked(file, "this file bears no sign of a model card")
            return
        if missing := tuple(name for name in NEEDED if name not in card.present):
            yield _incomplete(file, card, missing)


def _readings(file: ScanFile, card: Card) -> Iterator[Reading]:
    languages = ("no",) if card.meta.get("language") is False else strings(card.meta.get("language"))
    yield Reading(
        name="card.sections", value=card.present, artefact=file.path, source=ReadingSource.MEASURED
    )  # that the words are there is measured; what they say is not
    for name, value in (("card.datasets", strings(card.meta.get("datasets"))), ("card.languages", languages)):
        if value:
            yield Reading(name=name, value=value, artefact=file.path, location="front matter")


def _not_asked(file: ScanFile, why: str) -> Finding:
    return Finding(
        rule=INCOMPLETE.id,
        outcome=Outcome.NOT_APPLICABLE,
        severity=Severity.INFO,
        message=why,
        artefact=file.path,
    )


def _incomplete(file: ScanFile, card: Card, missing: tuple[str, ...]) -> Finding:
    empty = tuple(name for name in missing if name in card.empty)
    hollow = f"; there is a heading but no content for {_listed(empty)}" if empty else ""
    return Finding(
        rule=INCOMPLETE.id,
        outcome=Outcome.TRUE,
        severity=INCOMPLETE.severity,
        message=f"the card says nothing on {_listed(missing)}{hollow}",
        artefact=file.path,
        remedy=INCOMPLETE.remedy,
        details={"missing": list(missing), "empty": list(empty), "present": list(card.present)},
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(_IN_WORDS[name] for name in names)


_FULL = b"""---
license: apache-2.0
language: [en, de]
datasets: [example/tickets]
model-index:
- name: small
  results: [{task: {type: text-classification}, metrics: [{type: f1, value: 0.8}]}]
---
# Small
## Uses
### Direct use
Sorting support tickets by topic, with a person reading the result.
## Bias, Risks, and Limitations
Weak on tickets shorter than five words; never measured on other languages.
"""
_HOLLOW = b"""---
license: mit
---
# Model card for small
## Intended uses
<!-- say who should use this -->
[More Information Needed]
## Limitations
TODO
## Training data
Ten thousand tickets, written for this purpose by three people.
## Evaluation
"""


def _examples() -> tuple[Example, ...]:
    return (
        Example(
            "a card that says what is needed",
            lambda: {"README.md": _FULL},
            {INCOMPLETE.id: Outcome.FALSE},
            {
                "card.sections": ("intended_use", "limitations", "training_data", "evaluation", "licence"),
                "card.languages": ("en", "de"),
                "card.datasets": ("example/tickets",),
            },
        ),
        Example(
            "headings over placeholders",
            lambda: {"README.md": _HOLLOW},
            {INCOMPLETE.id: Outcome.TRUE},
            {"card.sections": ("training_data", "licence")},
        ),
        Example(
            "a README that is no card",
            lambda: {"README.md": b"# mylib\n\nInstall it and run it.\n"},
            {INCOMPLETE.id: Outcome.NOT_APPLICABLE},
            {"card.sections": ()},
        ),
        Example(
            "front matter that expands without end",
            lambda: {"README.md": b"---\na: &a [x, x]\nb: [" + b"*a, " * 99 + b"*a]\n---\n# Uses\n"},
            {INCOMPLETE.id: Outcome.ERROR},
        ),
    )


plugin = ModelCard()
