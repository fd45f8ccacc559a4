"""What well-known works stand under: every row can speak, names terms that are known, and says where to check."""

from __future__ import annotations

from collections import Counter

import pytest

from bascule.judge.licensing.terms import WORKS, KnownWork, Terms, read_works
from packs import pack_files, shipped_pack


def works() -> tuple[KnownWork, ...]:
    return tuple(row for _, row in read_works(pack_files("default")[WORKS].decode()))


def terms() -> Terms:
    return shipped_pack("default").terms


def licence_of(name: str) -> str | None:
    work = terms().work(name)
    return None if work is None else work.licence


def test_no_row_stands_behind_one_that_takes_its_names() -> None:
    hidden = [row.name for row in works() if terms().work(row.name.replace("*", "x")) != row]
    assert hidden == []


def test_every_licence_is_a_row_of_the_pack_or_unknown() -> None:
    known = {*shipped_pack("default").licence_classes, "unknown"}
    assert {row.licence for row in works()} <= known


def test_nearly_every_licence_that_a_work_stands_under_has_clauses() -> None:
    without = {row.licence for row in works() if row.licence != "unknown" and terms().of(row.licence) is None}
    assert without <= {"AFL-3.0"}


def test_a_model_that_made_data_is_itself_a_known_work() -> None:
    makers = {row.generated_by for row in works() if row.generated_by}
    assert {licence_of(maker) for maker in makers} == {"OpenAI-Output-Terms"}


def test_a_hub_tag_is_written_only_where_it_differs() -> None:
    assert [row.name for row in works() if row.declared.casefold() == row.licence.casefold()] == []


def test_the_table_covers_models_and_data() -> None:
    kinds = Counter(row.kind for row in works())
    assert kinds["model"] > 100
    assert kinds["dataset"] > 60


@pytest.mark.parametrize(
    ("name", "licence"),
    [
        ("meta-llama/Llama-2-7b-hf", "Llama-2"),
        ("META-LLAMA/llama-3.2-11b-vision-instruct", "Llama-3.2"),
        ("meta-llama/Meta-Llama-3-8B", "Llama-3"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "Llama-3.1"),
        ("Qwen/Qwen2.5-3B-Instruct", "Qwen-Research"),
        ("Qwen/Qwen2.5-Coder-3B", "Qwen-Research"),
        ("Qwen/Qwen2.5-32B", "Apache-2.0"),
        ("Qwen/Qwen2.5-72B-Instruct", "Qwen"),
        ("Qwen/Qwen-7B-Chat", "Tongyi-Qianwen"),
        ("mistralai/Mistral-Small-Instruct-2409", "Mistral-Research"),
        ("mistralai/Mistral-Small-24B-Base-2501", "Apache-2.0"),
        ("tiiuae/falcon-180B-chat", "Falcon-180B"),
        ("tiiuae/falcon-40b", "Apache-2.0"),
        ("bigcode/starcoderdata", "unknown"),
        ("bigcode/starcoder2-3b", "BigCode-OpenRAIL-M"),
        ("black-forest-labs/FLUX.1-schnell", "Apache-2.0"),
        ("black-forest-labs/FLUX.1-Kontext-dev", "FLUX.1-dev"),
        ("openai/gpt-oss-20b", "Apache-2.0"),
        ("openai/gpt-4", "OpenAI-Output-Terms"),
        ("openai/gsm8k", "MIT"),
    ],
)
def test_an_exception_comes_before_its_family(name: str, licence: str) -> None:
    assert licence_of(name) == licence


@pytest.mark.parametrize("name", ["stabilityai/stable-diffusion-xl-base-0.9", "google/medgemma-4b-it", "someone/llama"])
def test_a_work_that_no_row_is_sure_of_is_not_guessed(name: str) -> None:
    assert licence_of(name) is None


@pytest.mark.parametrize(
    ("name", "declared", "licence"),
    [
        ("stingning/ultrachat", "mit", "CC-BY-NC-4.0"),
        ("Open-Orca/OpenOrca", "mit", "unknown"),
        ("stanfordnlp/snli", "cc-by-4.0", "CC-BY-SA-4.0"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "mit", "Llama-3.1"),
    ],
)
def test_the_tag_on_the_hub_does_not_hide_what_annotators_found(name: str, declared: str, licence: str) -> None:
    work = terms().work(name)
    assert work is not None
    assert (work.declared, work.licence) == (declared, licence)
