"""Every framework that ships: it loads, names only facts that something leaves, and cites where it was asked."""

from __future__ import annotations

import re

import jsonschema
import pytest

from bascule.journeys.parts import vocabulary_of
from bascule.journeys.schemas import json_schema
from bascule.judge.comply.desk import BESIDE, DECISION_FACTS
from bascule.judge.comply.framework import Control, Framework
from bascule.judge.policy.cel import compile_expression
from bascule.judge.policy.lint import known_facts
from bascule.judge.policy.yaml_text import load_yaml
from bascule.plugins.registry import discover
from bascule.wiring import described_steps, load_framework, load_policy, pack_files

NAMES = sorted(loaded.id for loaded in discover("frameworks"))


@pytest.fixture(scope="module")
def frameworks() -> dict[str, Framework]:
    return {name: load_framework(name) for name in NAMES}


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    """What scanners leave, and what the default policy waits for from plug-ins that are yet to come."""
    words = vocabulary_of((*discover("scanners"), *described_steps()), discover("peers"))
    return known_facts(load_policy("default", None).pack, words) | {f"decision.{name}" for name in DECISION_FACTS}


def reads(control: Control) -> set[str]:
    texts = [text for text in (control.when, control.met, *control.answer) if text]
    return {name for text in texts for name in compile_expression(text, BESIDE).reads}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_called_as_its_folder(name: str, frameworks: dict[str, Framework]) -> None:
    assert frameworks[name].id == name
    assert frameworks[name].controls


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_only_facts_that_something_leaves(
    name: str, frameworks: dict[str, Framework], known: frozenset[str]
) -> None:
    loose = [f"{each.id}: {fact}" for each in frameworks[name].controls for fact in reads(each) - known]
    assert loose == []


@pytest.mark.parametrize("name", NAMES)
def test_every_control_says_where_it_stands_and_who_has_reviewed_it(
    name: str, frameworks: dict[str, Framework]
) -> None:
    for control in frameworks[name].controls:
        assert re.search(r"\d|\barticle\b|\bannex\b|\bform\b|\bheader\b|\binformation\b", control.source, re.I), (
            control.id
        )
        assert control.reviewed_by
        assert len(control.title) <= 200, control.id


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_was_read_and_what_may_be_shown(name: str, frameworks: dict[str, Framework]) -> None:
    framework = frameworks[name]
    assert len(framework.rights) > 10
    assert len(framework.read) > 10
    assert re.match("https?://", framework.link)
    used = {control.section for control in framework.controls}
    assert [section.id for section in framework.sections if section.id not in used] == []


@pytest.mark.parametrize("name", NAMES)
def test_editors_take_each_of_its_files(name: str) -> None:
    validator = jsonschema.Draft202012Validator(json_schema("framework"))
    folder = next(loaded.plugin for loaded in discover("frameworks") if loaded.id == name)
    for path, data in pack_files(folder).items():
        if path.endswith(".yaml"):
            assert [error.message for error in validator.iter_errors(load_yaml(data, path))] == []


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_are_ours(name: str, frameworks: dict[str, Framework]) -> None:
    from bascule.cli.app import _GROUPS, _TO_COME

    known = {*_GROUPS[""], *_GROUPS, *_TO_COME}
    for control in frameworks[name].controls:
        assert not control.command or control.command.split()[:1] == ["bascule"], control.command
        assert not control.command or control.command.split()[1] in known, control.command
