"""Which tensor shows which number of a configuration, by family of architecture. Data, and nothing else.

A family is here only when every published model of it keeps these names: a table that is right for most would accuse
the rest. Source: the modelling code of transformers 4 and 5, and llama.cpp's table of tensor names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True, slots=True)
class Size:
    """One axis of tensors of these names has the length that `key` says; `at_least`: or more, as padding."""

    names: Pattern[str]
    axis: int
    key: str
    at_least: bool = False
    packed: bool = False
    """quantisation packs this tensor into another shape"""


@dataclass(frozen=True, slots=True)
class Family:
    """`embedding` names the matrix of input tokens; `layers` are (pattern whose group is the layer's number, key)."""

    embedding: Pattern[str]
    sizes: tuple[Size, ...]
    layers: tuple[tuple[Pattern[str], str], ...]
    head: str = ""


def _names(pattern: str) -> Pattern[str]:
    """Names with at most one word before them, as a model saved below a task's head has."""
    return re.compile(r"(?:[a-z0-9_]+\.)?" + pattern)


def _embedding(name: str, vocabulary: str, width: str) -> tuple[Pattern[str], tuple[Size, ...]]:
    pattern = _names(name)
    return pattern, (Size(pattern, 0, vocabulary, at_least=True), Size(pattern, 1, width))


def _decoder() -> Family:
    embedding, sizes = _embedding(r"embed_tokens\.weight", "vocab_size", "hidden_size")
    inner = _names(r"layers\.\d+\.mlp\.(?:gate|up)_proj\.weight")
    return Family(
        embedding,
        (*sizes, Size(inner, 0, "intermediate_size", packed=True)),
        ((_names(r"layers\.(\d+)\..+"), "num_hidden_layers"),),
        "lm_head.weight",
    )


def _encoder() -> Family:
    embedding, sizes = _embedding(r"embeddings\.word_embeddings\.weight", "vocab_size", "hidden_size")
    positions = _names(r"embeddings\.position_embeddings\.weight")
    inner = _names(r"encoder\.layer\.\d+\.intermediate\.dense\.weight")
    return Family(
        embedding,
        (*sizes, Size(positions, 0, "max_position_embeddings"), Size(inner, 0, "intermediate_size", packed=True)),
        ((_names(r"encoder\.layer\.(\d+)\..+"), "num_hidden_layers"),),
    )


def _distilbert() -> Family:
    embedding, sizes = _embedding(r"embeddings\.word_embeddings\.weight", "vocab_size", "dim")
    inner = _names(r"transformer\.layer\.\d+\.ffn\.lin1\.weight")
    return Family(
        embedding,
        (*sizes, Size(inner, 0, "hidden_dim", packed=True)),
        ((_names(r"transformer\.layer\.(\d+)\..+"), "n_layers"),),
    )


def _gpt2() -> Family:
    embedding, sizes = _embedding(r"wte\.weight", "vocab_size", "n_embd")
    return Family(
        embedding,
        (*sizes, Size(_names(r"wpe\.weight"), 0, "n_positions")),
        ((_names(r"h\.(\d+)\..+"), "n_layer"),),
    )


def _gpt_neox() -> Family:
    embedding, sizes = _embedding(r"embed_in\.weight", "vocab_size", "hidden_size")
    inner = _names(r"layers\.\d+\.mlp\.dense_h_to_4h\.weight")
    return Family(
        embedding,
        (*sizes, Size(inner, 0, "intermediate_size", packed=True)),
        ((_names(r"layers\.(\d+)\..+"), "num_hidden_layers"),),
    )


def _t5() -> Family:
    embedding, sizes = _embedding(r"shared\.weight", "vocab_size", "d_model")
    inner = _names(r"(?:en|de)coder\.block\.\d+\.layer\.\d\.DenseReluDense\.wi(?:_\d)?\.weight")
    return Family(
        embedding,
        (*sizes, Size(inner, 0, "d_ff", packed=True)),
        (
            (re.compile(r"encoder\.block\.(\d+)\..+"), "num_layers"),
            (re.compile(r"decoder\.block\.(\d+)\..+"), "num_decoder_layers"),
        ),
    )


def _whisper() -> Family:
    embedding, sizes = _embedding(r"decoder\.embed_tokens\.weight", "vocab_size", "d_model")
    return Family(
        embedding,
        sizes,
        (
            (_names(r"encoder\.layers\.(\d+)\..+"), "encoder_layers"),
            (_names(r"decoder\.layers\.(\d+)\..+"), "decoder_layers"),
        ),
    )


_DECODERS = """
gemma gemma2 gemma3_text granite llama mistral mixtral olmo olmo2 phi3 qwen2 qwen3 smollm3 stablelm
"""
_ENCODERS = "bert camembert roberta xlm-roberta"
_GGUF = """
bert command-r falcon gemma gemma2 gemma3 gpt2 gptneox granite llama nomic-bert olmo olmo2 phi3 qwen2 qwen3 smollm3
stablelm starcoder2
"""

FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(_DECODERS.split(), _decoder()),
    **dict.fromkeys(_ENCODERS.split(), _encoder()),
    "distilbert": _distilbert(),
    "gpt2": _gpt2(),
    "gpt_neox": _gpt_neox(),
    **dict.fromkeys(["t5", "mt5"], _t5()),
    "whisper": _whisper(),
}
"""by `model_type`"""

GGUF_ARCHITECTURES = frozenset(_GGUF.split())
"""whose block, width and vocabulary keys say what the standard tensor names show"""
