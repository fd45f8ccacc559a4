"""What follows from configurations and headers: input and output, limits, layers, versions.

Rules: what a loader reads is measured; names and addresses that somebody typed into a header stay declared; a limit is
the one that applies, so a sentence encoder's own before its backbone's; a value that is no plausible limit is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bascule.builtin.scanners.documentation.cards import is_generic
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.kernel.text import visible
from bascule.plugins.readers import gguf, media, prose
from bascule.plugins.readers.card import strings
from bascule.records import ReadingSource

MEASURED = ReadingSource.MEASURED
MAX_TOKENS = 1 << 30
"""a tokenizer without a limit says 10^30"""

Config = Mapping[str, Any]

_LIMITS = (
    *("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length", "seq_length"),
    *("max_seq_length", "model_max_length"),
)
_HEADS: tuple[tuple[str, str], ...] = (
    (r"(ForCausalLM|LMHeadModel|ForConditionalGeneration|ForSeq2SeqLM)$", "text"),
    (r"For\w*(MaskedLM|Classification|QuestionAnswering|Detection|Segmentation|DepthEstimation|CTC)$", "scores"),
    (r"Model$", "embedding"),
)
_SPEAKERS = frozenset(["vits", "bark", "fastspeech2_conformer", "fastspeech2_conformer_with_hifigan", "dia", "csm"])
"""families that speak what they read"""
_PIPELINES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(
        ("text-generation", "text2text-generation", "summarization", "translation"), (("text",), ("text",))
    ),
    **dict.fromkeys(("sentence-similarity", "text-ranking"), (("text",), ("embedding",))),
    **dict.fromkeys(
        ("text-classification", "token-classification", "fill-mask", "question-answering", "zero-shot-classification"),
        (("text",), ("scores",)),
    ),
    **dict.fromkeys(
        ("image-classification", "object-detection", "image-segmentation", "keypoint-detection"),
        (("image",), ("scores",)),
    ),
    **dict.fromkeys(("audio-classification", "voice-activity-detection"), (("audio",), ("scores",))),
    **dict.fromkeys(("tabular-classification", "tabular-regression"), (("tabular",), ("scores",))),
    **dict.fromkeys(("text-to-speech", "text-to-audio"), (("text",), ("audio",))),
    **dict.fromkeys(("image-text-to-text", "visual-question-answering"), (("text", "image"), ("text",))),
    "text-to-image": (("text",), ("image",)),
    "text-to-video": (("text",), ("video",)),
    "image-to-image": (("image",), ("image",)),
    "image-to-text": (("image",), ("text",)),
    "image-feature-extraction": (("image",), ("embedding",)),
    "automatic-speech-recognition": (("audio",), ("text",)),
    "audio-text-to-text": (("text", "audio"), ("text",)),
    "video-classification": (("video",), ("scores",)),
}


def of_task(task: str, path: str) -> Iterator[Claim]:
    """What a hub pipeline tag says of input and output."""
    if task in _PIPELINES:
        for name, kinds in zip(("input_modalities", "output_modalities"), _PIPELINES[task], strict=True):
            yield Claim(name, kinds, path, f"front matter `pipeline_tag: {task}`")


def modalities(config: Config, path: str) -> Iterator[Claim]:
    """Input and output by the parts that a configuration names."""
    if config.keys() >= {"alignment_heads", "lang_ids"}:  # Whisper, as CTranslate2 keeps it
        yield Claim("input_modalities", ("audio",), path, "`alignment_heads`, `lang_ids`", MEASURED)
        yield Claim("output_modalities", ("text",), path, "`alignment_heads`, `lang_ids`", MEASURED)
        return
    architecture = next(iter(strings(config.get("architectures"))), "")
    if "TextToSpeech" in architecture or str(config.get("model_type")) in _SPEAKERS:
        yield Claim("input_modalities", ("text",), path, "`architectures`, `model_type`", MEASURED)
        yield Claim("output_modalities", ("audio",), path, "`architectures`, `model_type`", MEASURED)
        return
    sees = "vision_config" in config or {"image_size", "patch_size"} <= config.keys() or "num_channels" in config
    hears = "audio_config" in config or "num_mel_bins" in config or "conv_stride" in config
    reads = "vocab_size" in config or "text_config" in config
    if hears and not sees:  # a speech model's vocabulary is what it writes
        reads = "audio_config" in config and reads
    elif sees and "vision_config" not in config:  # a vocabulary may be one of patches, places for words are not
        reads = reads and "max_position_embeddings" in config
    kinds = tuple(kind for kind, there in (("text", reads), ("image", sees), ("audio", hears)) if there)
    if kinds:
        yield Claim("input_modalities", kinds, path, "parts of the configuration", MEASURED)
    out = next((kind for pattern, kind in _HEADS if re.search(pattern, architecture)), "")
    if out == "scores" and architecture.endswith("ForCTC"):
        out = "text"
    if out and kinds:
        yield Claim("output_modalities", (out,), path, f"`architectures`: {architecture}", MEASURED)


def limit(config: Config, path: str) -> Iterator[Claim]:
    """The longest input that a configuration names."""
    inner = config.get("text_config")
    for where, place in ((config, ""), (inner if isinstance(inner, dict) else {}, "text_config.")):
        for key in _LIMITS:
            if tokens := _count(where.get(key), MAX_TOKENS):
                yield Claim("max_input", f"{tokens} tokens", path, f"`{place}{key}`", MEASURED)
                return
    if pixels := _count(config.get("image_size"), 1 << 16):
        yield Claim("max_input", f"{pixels} × {pixels} pixels", path, "`image_size`", MEASURED)


def speech_limit(config: Config, path: str) -> Iterator[Claim]:
    """The stretch of sound that a speech model hears at once, by its preprocessor."""
    if seconds := _count(config.get("chunk_length"), 1 << 16):
        yield Claim("max_input", f"{seconds} s of audio", path, "`chunk_length`", MEASURED)


def design(config: Config, path: str) -> Iterator[Claim]:
    """The architecture in numbers."""
    inner = config.get("text_config")
    where = config if "hidden_size" in config or not isinstance(inner, dict) else {**inner, **config}
    architecture = next(iter(strings(config.get("architectures"))), "")
    model_type = config.get("model_type")
    kind = architecture or (model_type if isinstance(model_type, str) else "")
    numbers = _numbers(
        (_first(where, "num_hidden_layers", "n_layer", "num_layers", "encoder_layers"), "{} layers"),
        (_first(where, "hidden_size", "n_embd", "d_model"), "width {}"),
        (_first(where, "num_attention_heads", "n_head", "encoder_attention_heads"), "{} attention heads"),
        (_first(where, "num_local_experts", "num_experts"), "{} experts"),
        (_first(where, "vocab_size"), "vocabulary of {}"),
    )
    if kind and numbers:
        yield Claim("design", f"{visible(kind, 100)}: {numbers}", path, "configuration", MEASURED)


def versions(config: Config, path: str) -> Iterator[Claim]:
    """The libraries that saved the model."""
    table = config.get("__version__")
    if isinstance(table, dict):
        named = [
            f"{name} {version}"
            for name, version in table.items()
            if isinstance(version, str) and re.match(r"\d", version)
        ]
        if named:
            words = visible(", ".join(named), prose.MAX_EXTRACT)
            yield Claim("software", f"saved with {words}", path, "`__version__`", MEASURED)
    for key, library in (("transformers_version", "transformers"), ("_diffusers_version", "diffusers")):
        version = config.get(key)
        if isinstance(version, str) and re.match(r"\d", version):
            yield Claim("software", f"saved with {library} {visible(version, 40)}", path, f"`{key}`", MEASURED)
            return


def of_gguf(header: gguf.Header, path: str) -> Iterator[Claim]:
    """Limits, design and the names that a GGUF header holds."""
    architecture = header.text("general.architecture")
    keys = header.keys

    def number(key: str) -> int:
        return _count(keys.get(f"{architecture}.{key}"), MAX_TOKENS)

    if tokens := number("context_length"):
        yield Claim("max_input", f"{tokens} tokens", path, f"`{architecture}.context_length`", MEASURED)
    if header.text("tokenizer.ggml.model"):
        encodes = "bert" in architecture or f"{architecture}.pooling_type" in keys
        yield Claim("input_modalities", ("text",), path, "`tokenizer.ggml.model`", MEASURED)
        yield Claim(
            "output_modalities", ("embedding" if encodes else "text",), path, "`general.architecture`", MEASURED
        )
    numbers = _numbers(
        (number("block_count"), "{} layers"),
        (number("embedding_length"), "width {}"),
        (number("attention.head_count"), "{} attention heads"),
        (number("expert_count"), "{} experts"),
    )
    if architecture and numbers:
        shown = visible(architecture, 60)
        yield Claim("design", f"{shown}: {numbers}", path, "`general.architecture`, …", MEASURED)
    for name, names in (
        ("model_name", ("general.name", "general.basename")),
        ("provider", ("general.organization", "general.author")),
        ("channels", ("general.repo_url", "general.url")),
    ):
        for key in names:
            value = prose.phrase(header.text(key))
            if value and not is_generic(value):
                yield Claim(name, value, path, f"`{key}`")
                break


def of_modelspec(metadata: Mapping[str, str], path: str) -> Iterator[Claim]:
    """The `modelspec.*` and `ss_*` keys that image trainers write into safetensors files."""
    for name, key in (
        ("model_name", "modelspec.title"),
        ("provider", "modelspec.author"),
        ("release_date", "modelspec.date"),
        ("design", "modelspec.architecture"),
        ("technical_means", "modelspec.usage_hint"),
        ("max_input", "modelspec.resolution"),
    ):
        if value := prose.phrase(metadata.get(key, "")):
            yield Claim(name, value, path, f"`{key}`")
    if re.fullmatch(r"\d{1,9}", images := metadata.get("ss_num_train_images", "")):
        yield Claim("data_points", f"{images} images", path, "`ss_num_train_images`")


_LOADERS: Mapping[str, str] = {
    media.GGUF: "a loader of GGUF files, such as llama.cpp",
    media.CTRANSLATE2: "CTranslate2",
    media.ONNX: "a runtime for ONNX",
    media.TFLITE: "a TensorFlow Lite interpreter",
    media.COREML: "Core ML",
    media.PADDLE: "PaddlePaddle",
    media.KERAS_ZIP: "Keras",
    media.TORCH_ZIP: "PyTorch",
}


def loader(media_type: str, path: str) -> Iterator[Claim]:
    """The software that a format of weights needs."""
    if media_type in _LOADERS:
        yield Claim("software", _LOADERS[media_type], path, "format of the file", MEASURED)


def _first(config: Config, *keys: str) -> int:
    return next((number for key in keys if (number := _count(config.get(key), MAX_TOKENS))), 0)


def _numbers(*parts: tuple[int, str]) -> str:
    return ", ".join(words.format(number) for number, words in parts if number)


def _count(value: object, most: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < most else 0
