"""When a file is the component that it is taken for, and which licence covers it."""

from __future__ import annotations

import pytest

from bascule.judge.openness import Component, assess_openness, components_of, openness_of
from bascule.kernel.digests import digest_of
from bascule.plugins.readers import media
from bascule.records import Artefact, Edge, Relation, Subject
from bascule.records import ArtefactKind as K
from bascule.records.openness import ComponentView


def artefact(path: str, kind: K, media_type: str, size_bytes: int = 10) -> Artefact:
    return Artefact(path=path, kind=kind, media_type=media_type, size_bytes=size_bytes, sha256="0" * 64)


def one(part: Artefact, unreadable: dict[str, str] | None = None) -> Component:
    [component] = components_of([part], {part.path: "MIT"}, unreadable)
    return component


def view_of(kind: K, *components: Component) -> ComponentView:
    [view] = [each for each in assess_openness(components, (), {}).components if each.kind is kind]
    return view


@pytest.mark.parametrize(
    ("kind", "media_type", "verified"),
    [
        (K.WEIGHTS, media.SAFETENSORS, True),
        (K.WEIGHTS, media.UNKNOWN, False),
        (K.WEIGHTS, media.ZIP, False),
        (K.INTERMEDIATE_WEIGHTS, media.TORCH_ZIP, True),
        (K.INTERMEDIATE_WEIGHTS, media.TEXT, False),
        (K.ADAPTER, media.SAFETENSORS, True),
        (K.ADAPTER, media.JSON, False),
        (K.TRAINING_CODE, media.PYTHON, True),
        (K.TRAINING_CODE, media.NOTEBOOK, True),
        (K.TRAINING_CODE, media.UNKNOWN, False),
        (K.LIBRARIES, media.TEXT, True),
        (K.LIBRARIES, media.ELF, False),
        (K.RESEARCH_PAPER, media.PDF, True),
        (K.RESEARCH_PAPER, media.ZIP, False),
        (K.MODEL_CARD, media.MARKDOWN, True),
        (K.DATASET, media.PARQUET, True),
        (K.DATASET, media.UNKNOWN, False),
    ],
)
def test_what_the_bytes_bear_out_is_verified(kind: K, media_type: str, verified: bool) -> None:
    component = one(artefact("part", kind, media_type))
    assert component.verified is verified
    assert media_type in component.why


def test_an_empty_file_and_one_that_could_not_be_read_are_not_verified() -> None:
    assert one(artefact("paper.pdf", K.RESEARCH_PAPER, media.EMPTY, 0)).why == "it is empty"
    broken = artefact("model.safetensors", K.WEIGHTS, media.SAFETENSORS)
    component = one(broken, {"model.safetensors": "its header lies"})
    assert (component.verified, component.why) == (False, "it could not be read: its header lies")


def test_a_configuration_documents_an_architecture_and_code_is_one() -> None:
    configuration = one(artefact("config.json", K.ARCHITECTURE, media.JSON))
    code = one(artefact("modeling_x.py", K.ARCHITECTURE, media.PYTHON))
    assert view_of(K.ARCHITECTURE, configuration).status == "documented"
    assert view_of(K.ARCHITECTURE, configuration, code).status == "verified"


def test_what_is_no_component_of_the_framework_is_left_aside() -> None:
    others = [artefact("tokenizer.json", K.TOKENIZER, media.JSON), artefact("LICENSE", K.LICENCE, media.TEXT)]
    assert list(components_of(others, {})) == []
    assert assess_openness([Component(K.TOKENIZER, "tokenizer.json", "MIT", True)], (), {}).mof_class == "none"


def test_an_adapter_is_the_parameters_of_what_is_published_as_one() -> None:
    part = artefact("adapter_model.safetensors", K.ADAPTER, media.SAFETENSORS)
    assert view_of(K.WEIGHTS, one(part)).path == "adapter_model.safetensors"


def test_of_several_the_one_that_stands_best_speaks_and_all_are_counted() -> None:
    licences = {"a": "CC-BY-NC-4.0", "b": "Apache-2.0", "c": None}
    parts = [Component(K.WEIGHTS, f"{name}.safetensors", licence, True) for name, licence in licences.items()]
    view = view_of(K.WEIGHTS, *parts)
    assert (view.path, view.artefacts) == ("b.safetensors", 3)


def test_a_licence_that_is_open_but_made_for_something_else_counts_and_says_so() -> None:
    view = view_of(K.WEIGHTS, Component(K.WEIGHTS, "w", "MIT", True))
    assert (view.status, view.fits) == ("verified", False)
    assert "not one made for data" in view.because
    assert view_of(K.WEIGHTS, Component(K.WEIGHTS, "w", "OpenMDW-1.0", True)).fits is True
    assert view_of(K.WEIGHTS, Component(K.WEIGHTS, "w", "CC-BY-NC-4.0", True)).fits is None


def test_a_licence_that_is_open_by_the_packs_word_alone_is_not_said_to_misfit() -> None:
    [view] = [
        each
        for each in assess_openness(
            [Component(K.WEIGHTS, "w", "House-1", True)], (), {"House-1": {"open": True}}
        ).components
        if each.kind is K.WEIGHTS
    ]
    assert (view.status, view.fits, view.because) == ("verified", None, "it is what it claims to be")


def test_a_subject_is_assessed_from_its_files_and_the_licence_of_each() -> None:
    parts = (
        artefact("model.safetensors", K.WEIGHTS, media.SAFETENSORS),
        artefact("README.md", K.MODEL_CARD, media.MARKDOWN),
        artefact("LICENSE", K.LICENCE, media.TEXT),
        artefact("USE_POLICY.md", K.LICENCE, media.MARKDOWN),
        artefact("system_prompt.txt", K.SYSTEM_PROMPT, media.TEXT),
    )
    base = Edge(relation=Relation.FINETUNE_OF, parent="org/base", declared_in="README.md")
    subject = Subject(ref="./model", digest=digest_of(b""), artefacts=parts, edges=(base,))
    openness = openness_of(subject, {"model.safetensors": "MIT"}, ("evaluation",), {}, {"README.md": "not text"})
    told = {view.kind: view.status for view in openness.components if view.status != "missing"}
    assert told == {K.WEIGHTS: "verified", K.MODEL_CARD: "unverified"}
    assert openness.transparency is not None
    assert {answer.indicator for answer in openness.transparency.answers} == {
        "Model dependencies",
        "Open weights",
        "Capabilities evaluation",
        "System prompt",
        "Terms of use",
        "Permitted, restricted, and prohibited uses",
    }
