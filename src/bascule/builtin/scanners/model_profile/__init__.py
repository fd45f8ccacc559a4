"""What kind of model this is: architecture, task, modality, whether it generates, whether it asks for remote code.

Rules: what follows from a configuration is measured, what a card says is declared, and both are kept, so that a card
that contradicts the configuration is seen; what neither says is not read, and stays unknown. A model generates when it
writes text, images, sound or video, also on condition of other input: Whisper does, an encoder does not.

What the names mean is data, in `tables`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from bascule.builtin.scanners.model_profile import tables
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads
from bascule.plugins.readers import gguf, media
from bascule.plugins.readers.card import read_card, strings
from bascule.plugins.readers.documents import read_json, read_json_object
from bascule.records import ArtefactKind, Reading, ReadingSource


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a model; None where nothing says."""

    task: str | None = None
    modality: str | None = None
    generative: bool | None = None


def profile_of_task(task: str) -> Profile:
    """What a hub pipeline tag says."""
    modality, generative = tables.TASKS.get(task, (None, None))
    return Profile(task, modality, generative)


def profile_of_class(architecture: str, config: Mapping[str, Any]) -> Profile:
    """What a class name of the transformers library and its configuration say."""
    model_type = str(config.get("model_type", "")).casefold()
    sees = "vision_config" in config or model_type in tables.IMAGE_TEXT_WRITERS or "visual" in config
    hears = "audio_config" in config
    if architecture.endswith("ForConditionalGeneration"):
        return _conditional(model_type, config, sees, hears)
    for ending, task, modality, generative in tables.HEADS:
        if architecture.endswith(ending):
            if task == "text-generation" and (sees or hears):
                return profile_of_task("image-text-to-text" if sees else "audio-text-to-text")
            if task == "text-generation" and model_type in tables.CODE_WRITERS:
                return Profile(task, "code", True)
            return Profile(task, modality, generative)
    if model_type in tables.ENCODERS:
        modality = tables.ENCODERS[model_type]
        bare = architecture.endswith("Model")
        task_of = {"image": "image-feature-extraction", "multimodal": "zero-shot-image-classification"}
        return Profile(task_of.get(modality, "feature-extraction") if bare else None, modality, False)
    if model_type in tables.SOUND_WRITERS:
        return profile_of_task("text-to-audio")
    return Profile()


def _conditional(model_type: str, config: Mapping[str, Any], sees: bool, hears: bool) -> Profile:
    if model_type in tables.SPEECH_WRITERS or ("num_mel_bins" in config and not sees):
        return Profile("automatic-speech-recognition", "audio", True)
    if model_type in tables.SOUND_WRITERS:
        return profile_of_task("text-to-audio")
    if sees:
        return profile_of_task("image-text-to-text")
    if hears:
        return profile_of_task("audio-text-to-text")
    if model_type in tables.TEXT_WRITERS:
        return profile_of_task("text2text-generation")
    return Profile(generative=True)


def profile_of_pipeline(name: str) -> Profile:
    """What a diffusers pipeline class says; an unknown pipeline still generates."""
    task = next((task for part, task in tables.PIPELINES if part in name), None)
    return profile_of_task(task) if task else Profile(generative=True if name.endswith("Pipeline") else None)


class ModelProfile:
    """Leaves one set of readings for each file that says something about the model."""

    meta = Meta(
        id="model_profile",
        title="Model profile",
        reads=Reads(
            kinds=(ArtefactKind.MODEL_CARD,),
            media_types=(media.GGUF,),
            names=(
                "config.json",
                "modules.json",
                "model_index.json",
                "adapter_config.json",
                "tokenizer_config.json",
                "*processor_config.json",
            ),
        ),
        readings=(
            Quantity("model.architecture", "class or family that computes the model, e.g. BertModel"),
            Quantity("model.type", "the family's short name, e.g. bert"),
            Quantity("model.task", "hub pipeline tag of what it does"),
            Quantity("model.modality", "text, code, image, audio, video, multimodal or tabular"),
            Quantity("model.generative", "does it write text, images, sound or video?"),
            Quantity("model.remote_code", "does its configuration ask the loader to run code from the repository?"),
        ),
        ttl_days=365,
        limits=("class names are taken at their word; weights are not run",),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        name = PurePosixPath(file.path).name.lower()
        if file.media_type == media.GGUF:
            yield from _of_gguf(file)
        elif file.kind == ArtefactKind.MODEL_CARD:
            yield from _of_card(file)
        elif name == "modules.json":
            yield from _of_modules(file)
        elif name == "model_index.json":
            yield from _of_pipeline(file)
        elif name == "adapter_config.json":
            yield from _of_adapter(file)
        elif name.endswith(".json") and not _is_component(file):
            yield from _of_config(file, main=name == "config.json")


def _of_config(file: ScanFile, main: bool) -> Iterator[Reading]:
    config = read_json_object(file.read, file.size_bytes)
    if config.get("auto_map"):
        yield _measured(file, "model.remote_code", True, "`auto_map`")
    elif main and ("architectures" in config or "model_type" in config):
        yield _measured(file, "model.remote_code", False, "no `auto_map`")
    if not main:
        return
    if model_type := _word(config.get("model_type")):
        yield _measured(file, "model.type", model_type, "`model_type`")
    architectures = strings(config.get("architectures"))
    for architecture in architectures:
        yield _measured(file, "model.architecture", architecture, "`architectures`")
        yield from _profile(file, profile_of_class(architecture, config), "`architectures`", ReadingSource.MEASURED)
    if not architectures and "pretrained_cfg" in config and (timm := _word(config.get("architecture"))):
        yield _measured(file, "model.architecture", timm, "`architecture`")
        yield from _profile(
            file, profile_of_task("image-classification"), "`pretrained_cfg` (timm)", ReadingSource.MEASURED
        )
    if not architectures and config.keys() >= tables.WHISPER_KEYS:
        yield _measured(file, "model.type", "whisper", "`alignment_heads`")
        yield from _profile(file, _conditional("whisper", {}, False, False), "`lang_ids`", ReadingSource.MEASURED)


def _of_modules(file: ScanFile) -> Iterator[Reading]:
    modules = read_json(file.read, file.size_bytes)
    kinds = [str(row.get("type", "")) for row in modules if isinstance(row, dict)] if isinstance(modules, list) else []
    if any(kind.startswith("sentence_transformers.") for kind in kinds):
        sees = any("CLIP" in kind for kind in kinds)
        found = Profile("feature-extraction", "multimodal" if sees else "text", False)
        yield from _profile(file, found, "sentence-transformers modules", ReadingSource.MEASURED)


def _of_pipeline(file: ScanFile) -> Iterator[Reading]:
    if pipeline := _word(read_json_object(file.read, file.size_bytes).get("_class_name")):
        yield _measured(file, "model.architecture", pipeline, "`_class_name`")
        yield from _profile(file, profile_of_pipeline(pipeline), "`_class_name`", ReadingSource.MEASURED)


def _of_adapter(file: ScanFile) -> Iterator[Reading]:
    config = read_json_object(file.read, file.size_bytes)
    if kind := _word(config.get("peft_type")):
        yield _measured(file, "model.type", kind.lower(), "`peft_type`")
    if task := tables.ADAPTER_TASKS.get(str(config.get("task_type"))):
        yield from _profile(file, profile_of_task(task), "`task_type`", ReadingSource.MEASURED)


def _of_gguf(file: ScanFile) -> Iterator[Reading]:
    # `model.architecture` and `model.type` of GGUF files are `gguf_header`'s.
    architecture = gguf.header_of(file).text("general.architecture")
    if architecture in tables.GGUF_WRITERS:
        found = profile_of_task("text-generation")
    elif architecture in tables.GGUF_ENCODERS:
        found = Profile("feature-extraction", "text", False)
    else:
        return
    yield from _profile(file, found, "`general.architecture`", ReadingSource.MEASURED)


def _of_card(file: ScanFile) -> Iterator[Reading]:
    meta = read_card(file.read, file.size_bytes).meta
    for task in strings(meta.get("pipeline_tag")):
        yield from _profile(file, profile_of_task(task), "front matter `pipeline_tag`", ReadingSource.DECLARED)


def _profile(file: ScanFile, found: Profile, location: str, source: ReadingSource) -> Iterator[Reading]:
    for name, value in (
        ("model.task", found.task),
        ("model.modality", found.modality),
        ("model.generative", found.generative),
    ):
        if value is not None:
            yield Reading(name=name, value=value, artefact=file.path, location=location, source=source)


def _measured(file: ScanFile, name: str, value: bool | str, location: str) -> Reading:
    return Reading(name=name, value=value, artefact=file.path, location=location, source=ReadingSource.MEASURED)


def _word(value: object) -> str:
    return visible(value, 100) if isinstance(value, str) else ""


def _is_component(file: ScanFile) -> bool:
    """Is this a part of a diffusers pipeline, which `model_index.json` above it describes as a whole?"""
    indexes = {item.path for item in file.listing if item.path.endswith("model_index.json")}
    above = list(PurePosixPath(file.path).parents)[1:]
    return any(str(folder / "model_index.json") in indexes for folder in above)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _examples() -> tuple[Example, ...]:
    def config(architecture: str, **more: object) -> dict[str, bytes]:
        return {"config.json": _json({"architectures": [architecture], **more})}

    def reads(task: str, modality: str, generative: bool) -> dict[str, object]:
        return {"model.task": task, "model.modality": modality, "model.generative": generative}

    return (
        Example(
            "a sentence encoder",
            lambda: config("BertModel", model_type="bert"),
            {},
            {"model.architecture": "BertModel", "model.type": "bert", "model.remote_code": False}
            | reads("feature-extraction", "text", False),
        ),
        Example(
            "a chat model with code of its own",
            lambda: config("OwnForCausalLM", model_type="own", auto_map={"AutoModelForCausalLM": "m.OwnForCausalLM"}),
            {},
            {"model.remote_code": True} | reads("text-generation", "text", True),
        ),
        Example(
            "Whisper writes what it hears",
            lambda: config("WhisperForConditionalGeneration", model_type="whisper"),
            {},
            reads("automatic-speech-recognition", "audio", True),
        ),
        Example(
            "a diffusion pipeline and its parts",
            lambda: {
                "model_index.json": _json({"_class_name": "StableDiffusionXLPipeline"}),
                "text_encoder/config.json": _json(
                    {"architectures": ["CLIPTextModel"], "model_type": "clip_text_model"}
                ),
            },
            {},
            {"model.architecture": "StableDiffusionXLPipeline"} | reads("text-to-image", "image", True),
        ),
        Example(
            "a card alone",
            lambda: {"README.md": b"---\npipeline_tag: voice-activity-detection\n---\n# VAD\n"},
            {},
            reads("voice-activity-detection", "audio", False),
        ),
    )


plugin = ModelProfile()
