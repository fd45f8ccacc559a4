"""What kind of model this is, from its configuration and from its card."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners.model_profile import plugin, profile_of_class, profile_of_pipeline, tables
from bascule.plugins.testing import scan_memory
from bascule.records import Reading, ReadingSource


def readings(files: Mapping[str, bytes]) -> list[Reading]:
    return [item for item in scan_memory(plugin, files).seen if isinstance(item, Reading)]


def values(files: Mapping[str, bytes]) -> dict[str, object]:
    return {item.name: item.value for item in readings(files)}


def config(**more: object) -> dict[str, bytes]:
    return {"config.json": json.dumps(more).encode()}


@pytest.mark.parametrize(
    ("architecture", "more", "task", "modality", "generative"),
    [
        ("LlamaForCausalLM", {"model_type": "llama"}, "text-generation", "text", True),
        ("GPT2LMHeadModel", {"model_type": "gpt2"}, "text-generation", "text", True),
        ("GPTBigCodeForCausalLM", {"model_type": "gpt_bigcode"}, "text-generation", "code", True),
        ("T5ForConditionalGeneration", {"model_type": "t5"}, "text2text-generation", "text", True),
        ("WhisperForConditionalGeneration", {"model_type": "whisper"}, "automatic-speech-recognition", "audio", True),
        ("LlavaForConditionalGeneration", {"model_type": "llava"}, "image-text-to-text", "multimodal", True),
        ("OwnForCausalLM", {"vision_config": {}}, "image-text-to-text", "multimodal", True),
        ("OwnForConditionalGeneration", {"audio_config": {}}, "audio-text-to-text", "multimodal", True),
        ("MusicgenForConditionalGeneration", {"model_type": "musicgen"}, "text-to-audio", "audio", True),
        ("Wav2Vec2ForCTC", {"model_type": "wav2vec2"}, "automatic-speech-recognition", "audio", False),
        ("BertModel", {"model_type": "bert"}, "feature-extraction", "text", False),
        ("BertForPreTraining", {"model_type": "bert"}, None, "text", False),
        ("BertForSequenceClassification", {"model_type": "bert"}, "text-classification", "text", False),
        ("ViTForImageClassification", {"model_type": "vit"}, "image-classification", "image", False),
        ("CLIPModel", {"model_type": "clip"}, "zero-shot-image-classification", "multimodal", False),
        ("VitsModel", {"model_type": "vits"}, "text-to-audio", "audio", True),
    ],
)
def test_a_class_name_tells_task_modality_and_whether_it_generates(
    architecture: str, more: dict[str, object], task: str | None, modality: str, generative: bool
) -> None:
    found = profile_of_class(architecture, more)
    assert (found.task, found.modality, found.generative) == (task, modality, generative)


@pytest.mark.parametrize("architecture", ["LlamaModel", "SomethingElse", "", "Model"])
def test_what_a_name_does_not_say_stays_unknown(architecture: str) -> None:
    found = profile_of_class(architecture, {"model_type": "llama"})
    assert (found.task, found.modality, found.generative) == (None, None, None)


def test_an_unknown_writer_is_known_to_write_and_no_more() -> None:
    found = profile_of_class("NewForConditionalGeneration", {"model_type": "new_thing"})
    assert (found.task, found.modality, found.generative) == (None, None, True)


@pytest.mark.parametrize(
    ("pipeline", "task"),
    [
        ("StableDiffusionXLPipeline", "text-to-image"),
        ("StableDiffusionInpaintPipeline", "image-to-image"),
        ("FluxPipeline", "text-to-image"),
        ("CogVideoXPipeline", "text-to-video"),
        ("CogVideoXImageToVideoPipeline", "image-to-video"),
        ("StableVideoDiffusionPipeline", "image-to-video"),
        ("DDPMPipeline", "unconditional-image-generation"),
        ("AudioLDM2Pipeline", "text-to-audio"),
        ("BrandNewPipeline", None),
    ],
)
def test_a_diffusion_pipeline_generates_whatever_it_is_called(pipeline: str, task: str | None) -> None:
    found = profile_of_pipeline(pipeline)
    assert (found.task, found.generative) == (task, True)


def test_a_card_that_contradicts_the_configuration_is_seen() -> None:
    files = config(architectures=["BertModel"], model_type="bert") | {
        "README.md": b"---\npipeline_tag: text-generation\n---\n# M\n"
    }
    tasks = {(item.value, item.source) for item in readings(files) if item.name == "model.task"}
    assert tasks == {("feature-extraction", ReadingSource.MEASURED), ("text-generation", ReadingSource.DECLARED)}


def test_code_in_the_repository_is_asked_for_or_not() -> None:
    assert values(config(model_type="x", auto_map={"AutoModel": "m.X"}))["model.remote_code"] is True
    assert values(config(model_type="x"))["model.remote_code"] is False
    assert "model.remote_code" not in values(config(anything="else"))
    assert values({"tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["t.T", null]}}'}) == {
        "model.remote_code": True
    }


def test_sentence_transformers_embed_and_adapters_say_their_task() -> None:
    modules = [{"idx": 0, "type": "sentence_transformers.models.Transformer"}]
    assert values({"modules.json": json.dumps(modules).encode()})["model.task"] == "feature-extraction"
    adapter = {"adapter_config.json": json.dumps({"peft_type": "LORA", "task_type": "CAUSAL_LM"}).encode()}
    assert values(adapter)["model.type"] == "lora"
    assert values(adapter)["model.generative"] is True


def test_whisper_is_known_in_the_form_that_names_no_architecture() -> None:
    found = values(config(alignment_heads=[[1, 2]], lang_ids=[1], suppress_ids=[]))
    assert (found["model.type"], found["model.task"]) == ("whisper", "automatic-speech-recognition")


def test_a_part_of_a_pipeline_does_not_speak_for_the_whole() -> None:
    files = {
        "model_index.json": b'{"_class_name": "FluxPipeline"}',
        "text_encoder/config.json": b'{"architectures": ["CLIPTextModel"], "model_type": "clip"}',
    }
    assert values(files)["model.architecture"] == "FluxPipeline"
    assert {item.artefact for item in readings(files)} == {"model_index.json"}


@pytest.mark.parametrize("data", [b"[]", b"null", b'{"architectures": 7}', b'{"architectures": [[1], {}, null]}', b"3"])
def test_odd_configurations_leave_no_reading(data: bytes) -> None:
    assert [
        item for item in readings({"config.json": data}) if item.name == "model.architecture" and item.value == ""
    ] == []
    assert readings({"modules.json": data, "model_index.json": data, "adapter_config.json": data}) == []


def test_every_task_in_the_tables_is_a_hub_tag() -> None:
    named = {task for _, task, _, _ in tables.HEADS} | {task for _, task in tables.PIPELINES}
    assert named | set(tables.ADAPTER_TASKS.values()) <= set(tables.TASKS)
