"""Model repositories, built on the spot: nothing here is stored, downloaded or ever loaded.

Each function returns relative path → bytes; `write` puts them in a folder.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

APACHE_FILE = Path(__file__).resolve().parents[1] / "LICENSE"


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder, which is returned."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def safetensors(
    tensors: Mapping[str, tuple[int, ...]] | None = None, metadata: Mapping[str, str] | None = None
) -> bytes:
    """A valid safetensors file of float32 zeros. tensors: name → shape."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, shape in (tensors or {"embeddings.word_embeddings.weight": (16, 8)}).items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(offset)


def card(
    *,
    licence: str = "apache-2.0",
    pipeline_tag: str = "feature-extraction",
    datasets: tuple[str, ...] = ("sst2", "trivia_qa"),
    sections: tuple[str, ...] = ("intended", "limits", "data", "evaluation", "contact"),
    extra: str = "",
) -> bytes:
    """A model card with front matter and the sections asked for."""
    front = ["---", f"license: {licence}", f"pipeline_tag: {pipeline_tag}", "language: en", "datasets:"]
    front += [f"- {name}" for name in datasets] or ["- none"]
    if extra:
        front.append(extra)
    front.append("---")
    text = {
        "intended": "## Intended use\n\nSentence similarity and search over English text in applications.\n",
        "limits": "## Limitations and bias\n\nTexts beyond 256 tokens are cut; other languages are not covered.\n",
        "data": f"## Training data\n\nTrained on {', '.join(datasets)}; 1.2 million sentence pairs in all.\n",
        "evaluation": "## Evaluation results\n\nSTS-B Spearman 0.82 (n = 1,379).\n",
        "contact": "## Contact\n\nReport problems to models@example.org.\n",
        "safety": "## Safety\n\nA responsible-use policy applies; harmful requests were tested.\n",
        "procedure": "## Training procedure\n\nFine-tuned for 100k steps with batch size 1,024.\n",
    }
    body = ["# A small model", "", "What it is, in a sentence that says enough.", ""]
    return "\n".join([*front, "", *body, *(text[name] for name in sections)]).encode()


def config(architecture: str = "BertModel", model_type: str = "bert", **more: object) -> bytes:
    """A config.json."""
    return json.dumps({"architectures": [architecture], "model_type": model_type, **more}, indent=1).encode()


def embedding_model(**changes: bytes | None) -> dict[str, bytes]:
    """A small, non-generative, permissively licensed model with a complete card; `changes` replaces or drops files."""
    files: dict[str, bytes] = {
        "README.md": card(),
        "LICENSE": APACHE_FILE.read_bytes(),
        "config.json": config(),
        "model.safetensors": safetensors(),
        "tokenizer.json": json.dumps({"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "the": 1}}}).encode(),
    }
    return _changed(files, changes)


def generative_model(**changes: bytes | None) -> dict[str, bytes]:
    """A small open-weight language model, Mistral-shaped, Apache-2.0, with card and chat template."""
    template = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    files: dict[str, bytes] = {
        "README.md": card(
            pipeline_tag="text-generation", sections=("intended", "limits", "data", "evaluation", "contact", "safety")
        ),
        "LICENSE": APACHE_FILE.read_bytes(),
        "config.json": config("MistralForCausalLM", "mistral", vocab_size=64, hidden_size=8),
        "model.safetensors": safetensors({"model.embed_tokens.weight": (64, 8), "lm_head.weight": (64, 8)}),
        "tokenizer_config.json": json.dumps({"chat_template": template}).encode(),
    }
    return _changed(files, changes)


def speech_model(**changes: bytes | None) -> dict[str, bytes]:
    """Whisper-shaped: speech in, text out, encoder and decoder, permissively licensed."""
    files: dict[str, bytes] = {
        "README.md": card(
            pipeline_tag="automatic-speech-recognition",
            datasets=("librispeech_asr",),
            sections=("intended", "limits", "data", "evaluation", "contact", "safety"),
        ),
        "LICENSE": APACHE_FILE.read_bytes(),
        "config.json": config("WhisperForConditionalGeneration", "whisper", d_model=8, vocab_size=64),
        "preprocessor_config.json": json.dumps({"feature_extractor_type": "WhisperFeatureExtractor"}).encode(),
        "model.safetensors": safetensors({"model.decoder.embed_tokens.weight": (64, 8), "proj_out.weight": (64, 8)}),
    }
    return _changed(files, changes)


def falcon_model(**changes: bytes | None) -> dict[str, bytes]:
    """Falcon-180B-shaped: open weights under the vendor's own terms, which limit hosting."""
    files: dict[str, bytes] = {
        "README.md": card(
            licence="other",
            pipeline_tag="text-generation",
            datasets=("tiiuae/falcon-refinedweb",),
            sections=("intended", "limits", "data", "evaluation", "contact", "safety"),
            extra="license_name: falcon-180b-license",
        ),
        "config.json": config("FalconForCausalLM", "falcon", vocab_size=64, hidden_size=8),
        "model.safetensors": safetensors({"transformer.word_embeddings.weight": (64, 8), "lm_head.weight": (64, 8)}),
    }
    return _changed(files, changes)


def research_only_model(**changes: bytes | None) -> dict[str, bytes]:
    """Mistral-shaped under a research licence: a text that no table of ours knows word for word."""
    text = "Mistral AI Research License\n\nYou shall only use the Mistral Models for research purposes.\n"
    files = generative_model()
    files["README.md"] = card(
        licence="other",
        pipeline_tag="text-generation",
        sections=("intended", "limits", "data", "evaluation", "contact", "safety"),
        extra="license_name: mrl",
    )
    files["LICENSE"] = text.encode()
    return _changed(files, changes)


def adapter(base: str = "mistralai/Mistral-7B-v0.1", **changes: bytes | None) -> dict[str, bytes]:
    """A LoRA adapter that names its base in card and configuration."""
    settings = {"base_model_name_or_path": base, "peft_type": "LORA", "r": 8, "task_type": "CAUSAL_LM"}
    files: dict[str, bytes] = {
        "README.md": card(pipeline_tag="text-generation", extra=f"base_model: {base}"),
        "LICENSE": APACHE_FILE.read_bytes(),
        "adapter_config.json": json.dumps(settings).encode(),
        "adapter_model.safetensors": safetensors({"base_model.model.q_proj.lora_A.weight": (8, 8)}),
    }
    return _changed(files, changes)


def pickle_that_would_call(module: str = "posix", name: str = "system", argument: str = "echo ran") -> bytes:
    """A protocol 2 pickle, written opcode by opcode, that would call `module.name(argument)` when loaded."""
    text = argument.encode()
    return (
        b"\x80\x02c"
        + module.encode()
        + b"\n"
        + name.encode()
        + b"\n"
        + b"X"
        + len(text).to_bytes(4, "little")
        + text
        + b"\x85R."
    )


def unfit_model() -> dict[str, bytes]:
    """A pickle whose load would run a command, a non-commercial licence, no card."""
    return {
        "pytorch_model.bin": pickle_that_would_call(),
        "config.json": config("LlamaForCausalLM", "llama"),
        "package.json": json.dumps({"name": "unfit", "license": "CC-BY-NC-4.0"}).encode(),
    }


def _changed(files: dict[str, bytes], changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """Replace or drop files: `embedding_model(**{"README.md": None})`."""
    for path, data in changes.items():
        if data is None:
            files.pop(path, None)
        else:
            files[path] = data
    return files
