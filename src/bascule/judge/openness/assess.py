"""Everything that is said of a release's openness, from its components, its card and the policy's licence classes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bascule.judge.openness.components import Component, components_of, standings
from bascule.judge.openness.mof import evaluate, mof_class
from bascule.judge.openness.osaid import osaid
from bascule.judge.openness.transparency import said_besides, self_check
from bascule.records import Openness, Subject


def openness_of(
    subject: Subject,
    licence_of: Mapping[str, str],
    card_sections: Collection[str],
    classes: Mapping[str, Mapping[str, Any]],
    unreadable: Mapping[str, str] | None = None,
) -> Openness:
    """The openness of a subject. licence_of: the id or expression that covers a path, where one is known; unreadable:
    why, by path, where reading a file failed; the rest as for `assess_openness`."""
    components = components_of(subject.artefacts, licence_of, unreadable)
    return assess_openness(components, card_sections, classes, tuple(said_besides(subject)))


def assess_openness(
    components: Iterable[Component],
    card_sections: Collection[str],
    classes: Mapping[str, Mapping[str, Any]],
    also: Collection[str] = (),
) -> Openness:
    """The class, its gaps, the definition and the self-check.

    card_sections: sections of the main card that say something. classes: the policy pack's licence rows by id. also:
    names of what else the release speaks of, by `transparency.ALSO`.
    Laws: adding a component or an open licence never lowers a class; removing a component never raises one; the order
    of the components does not matter; a licence that is unknown never counts as open.
    """
    found = standings(components, card_sections, classes)
    evaluation = evaluate(found)
    return Openness(
        mof_class=evaluation.mof_class,
        gaps=evaluation.gaps,
        mof_class_if_documented=mof_class(found, lambda standing: standing.described),
        components=tuple(standing.view for standing in found.values()),
        steps=evaluation.steps,
        progress=evaluation.progress,
        osaid=osaid(found),
        transparency=self_check(found, card_sections, also),
    )
