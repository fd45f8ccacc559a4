"""Media types by content, and the kind of component that a file is.

The extension is a hint for text only (Markdown, JSON, YAML, Python look alike); binary formats are recognised by their
bytes alone, so a pickle named `weights.safetensors` is a pickle.
"""

from __future__ import annotations

import json
import re

from bascule.records import ArtefactKind

PICKLE = "application/x-pickle"
TORCH_ZIP = "application/vnd.pytorch+zip"
KERAS_ZIP = "application/vnd.keras+zip"
NPZ = "application/x-npz"
NPY = "application/x-npy"
ZIP = "application/zip"
TAR = "application/x-tar"
SEVEN_ZIP = "application/x-7z-compressed"
GZIP = "application/gzip"
ZLIB = "application/zlib"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
ZSTD = "application/zstd"
LZ4 = "application/x-lz4"
SAFETENSORS = "application/vnd.safetensors"
GGUF = "application/vnd.gguf"
HDF5 = "application/x-hdf5"
ONNX = "application/vnd.onnx"
TFLITE = "application/vnd.tflite"
PARQUET = "application/vnd.apache.parquet"
ELF = "application/x-elf"
PDF = "application/pdf"
JSON = "application/json"
YAML = "application/yaml"
MARKDOWN = "text/markdown"
PYTHON = "text/x-python"
NOTEBOOK = "application/x-ipynb+json"
HTML = "text/html"
CSV = "text/csv"
TEXT = "text/plain"
EMPTY = "inode/x-empty"
# Never told by content: only an endpoint that was pointed at has it.
ENDPOINT = "application/vnd.bascule.endpoint+json"
UNKNOWN = "application/octet-stream"

COMPRESSED = (GZIP, ZLIB, BZIP2, XZ, ZSTD, LZ4)
ARCHIVES = (ZIP, TAR, SEVEN_ZIP)

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"GGUF", GGUF),
    (0, b"FUGG", GGUF),
    (0, b"\x93NUMPY", NPY),
    (0, b"\x89HDF\r\n\x1a\n", HDF5),
    (4, b"TFL3", TFLITE),
    (0, b"PAR1", PARQUET),
    (0, b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (0, b"\x1f\x8b", GZIP),
    (0, b"BZh", BZIP2),
    (0, b"\xfd7zXZ\x00", XZ),
    (0, b"\x28\xb5\x2f\xfd", ZSTD),
    (0, b"\x04\x22\x4d\x18", LZ4),
    (257, b"ustar", TAR),
    (0, b"\x7fELF", ELF),
    (0, b"%PDF-", PDF),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WAVE", "audio/wav"),
    (8, b"WEBP", "image/webp"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
)

_TEXT_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"\.(md|markdown)$", MARKDOWN),
    (r"\.ipynb$", NOTEBOOK),
    (r"\.(json|jsonl)$", JSON),
    (r"\.(ya?ml)$", YAML),
    (r"\.pyi?$", PYTHON),
    (r"\.html?$", HTML),
    (r"\.(csv|tsv)$", CSV),
    (r"\.toml$", "application/toml"),
    (r"\.svg$", "image/svg+xml"),
    (r"\.(jinja2?|j2)$", "text/x-jinja"),
)


def media_type_of(head: bytes, size_bytes: int, path: str = "") -> str:
    """The media type of a file from its first bytes (up to 64 KiB are used) and its size."""
    if size_bytes == 0:
        return EMPTY
    if head[:4] == b"PK\x03\x04" or head[:4] == b"PK\x05\x06":
        return _zip_flavour(head)
    for offset, magic, media_type in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media_type
    if _is_safetensors(head, size_bytes):
        return SAFETENSORS
    if looks_like_pickle(head):
        return PICKLE
    if len(head) >= 2 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0 and not _is_text(head):
        return ZLIB
    if _is_text(head):
        return _text_flavour(head, path)
    if _is_onnx(head):
        return ONNX
    return UNKNOWN


def _zip_flavour(head: bytes) -> str:
    name_length = int.from_bytes(head[26:28], "little")
    name = head[30 : 30 + name_length]
    if (
        re.search(rb"(^|/)(data\.pkl|byteorder|\.format_version|\.storage_alignment)$", name)
        or b"/data.pkl" in head[:4096]
    ):
        return TORCH_ZIP
    if name.endswith(b".npy"):
        return NPZ
    if name in (b"metadata.json", b"config.json", b"model.weights.h5") and b"keras" in head:
        return KERAS_ZIP
    return ZIP


def _is_safetensors(head: bytes, size_bytes: int) -> bool:
    if len(head) < 9:
        return False
    header_bytes = int.from_bytes(head[:8], "little")
    # The bound of the reference loader; a bigger header is still told by its opening brace.
    return head[8:9] == b"{" and 2 <= header_bytes <= max(size_bytes, 100_000_000) and head[5:8] == b"\0\0\0"


_PICKLE_OPENINGS = b"(cI]}lNdFGSUVLJKMTXBC\x80\x8c\x95\x88\x89"


def looks_like_pickle(head: bytes) -> bool:
    """Could an unpickler start here? Protocol 2 and later by their mark, 0 and 1 by their first opcodes."""
    if len(head) >= 2 and head[0] == 0x80:
        return head[1] <= 5
    if head[:1] == b"c" or head[:1] == b"i":
        return re.match(rb"[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.<>]*\n", head) is not None
    if head[:1] == b"(":
        return re.match(rb"\((?:[ldtiS(cIKMJVXULFN\]}]|\x8c)", head) is not None and not _is_prose(head)
    return re.match(
        rb"(?:[\]}]q.|[ILFSV][^\n]{1,200}\n[.p(tla0cS]|N\.|\x8c.|[\x88\x89]\.|\x95........\x80)", head, re.DOTALL
    ) is not None and not _is_prose(head)


def _is_prose(head: bytes) -> bool:
    sample = head[:200]
    return sample.count(b" ") * 8 > len(sample) and b"\n(" not in sample


def _is_text(head: bytes) -> bool:
    if b"\0" in head[:4096] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut by the end of the sample is still text; Latin-1 text has few control bytes.
        if error.start < len(head) - 4:
            controls = sum(1 for byte in head[:4096] if byte < 9 or 13 < byte < 32)
            return controls == 0 and sum(1 for byte in head[:4096] if byte > 126) * 4 < len(head[:4096])
    return True


def _text_flavour(head: bytes, path: str) -> str:
    name = path.lower()
    for pattern, media_type in _TEXT_BY_NAME:
        if re.search(pattern, name):
            return media_type
    start = head.lstrip()[:1]
    if start in (b"{", b"["):
        try:
            json.loads(head)
        except ValueError:
            return TEXT
        return JSON
    if head.startswith((b"#!/usr/bin/env python", b"#!/usr/bin/python")):
        return PYTHON
    return TEXT


def _is_onnx(head: bytes) -> bool:
    # A ModelProto opens with ir_version (field 1, varint) and soon names its producer, graph or opset.
    return (
        len(head) > 8
        and head[0] == 0x08
        and 1 <= head[1] <= 20
        and head[2] in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42)
    )


_WEIGHT_TYPES = {PICKLE, TORCH_ZIP, KERAS_ZIP, NPZ, NPY, SAFETENSORS, GGUF, HDF5, ONNX, TFLITE}

_KIND_BY_NAME: tuple[tuple[str, ArtefactKind], ...] = (
    (
        r"(^|/)(licen[cs]e|copying|notice|use[_-]?policy|acceptable[_-]use)[^/]*$|\.dist-info/(licenses?/)",
        ArtefactKind.LICENCE,
    ),
    (
        r"(^|/)(model[_-]?card|readme)[^/]*\.(md|markdown|txt|rst)$|(^|/)(model[_-]?card|readme)$",
        ArtefactKind.MODEL_CARD,
    ),
    (
        r"(^|/)(data[_-]?card|datasheet|data_statement)[^/]*\.(md|markdown|txt|json|ya?ml)$|(^|/)croissant\.json$",
        ArtefactKind.DATA_CARD,
    ),
    (r"(^|/)(technical[_-]?report|tech[_-]?report)[^/]*\.(pdf|md|tex)$", ArtefactKind.TECHNICAL_REPORT),
    (r"(^|/)(paper|research[_-]?paper)[^/]*\.(pdf|md|tex)$", ArtefactKind.RESEARCH_PAPER),
    (
        r"(^|/)(eval(uation)?[_-]?results?|results|benchmarks?)[^/]*\.(json|csv|ya?ml|md|parquet)$|(^|/)\.eval_results/",
        ArtefactKind.EVALUATION_RESULTS,
    ),
    (r"(^|/)(eval(uation)?|test)([_-]?data)?/[^/]*\.(jsonl?|csv|tsv|parquet|txt)$", ArtefactKind.EVALUATION_DATA),
    (r"(^|/)(samples?|sample[_-]outputs?)/|(^|/)sample[_-]outputs?\.", ArtefactKind.SAMPLE_OUTPUTS),
    (r"(^|/)adapter_(model|config)\.", ArtefactKind.ADAPTER),
    (
        r"(^|/)(tokenizer|vocab|merges|special_tokens_map|added_tokens|spiece|sentencepiece|vocabulary)[^/]*$",
        ArtefactKind.TOKENIZER,
    ),
    (r"(^|/)chat_template[^/]*$|\.jinja2?$", ArtefactKind.CHAT_TEMPLATE),
    (r"(^|/)system[_-]?prompt[^/]*$", ArtefactKind.SYSTEM_PROMPT),
    (
        r"(^|/)(train|finetune|fine_tune|pretrain)[^/]*\.(py|sh|ipynb)$|(^|/)train(ing)?/[^/]*\.(py|sh|ipynb)$",
        ArtefactKind.TRAINING_CODE,
    ),
    (r"(^|/)(preprocess|prepare_data|tokenize_data|dedup|clean)[^/]*\.(py|sh|ipynb)$", ArtefactKind.PREPROCESSING_CODE),
    (
        r"(^|/)(eval|evaluate|evaluation|benchmark)[^/]*\.(py|sh|ipynb)$|(^|/)eval(uation)?/[^/]*\.(py|sh|ipynb)$",
        ArtefactKind.EVALUATION_CODE,
    ),
    (
        r"(^|/)(checkpoints?|checkpoint-\d+|intermediate)/.*\.(bin|pt|pth|safetensors|ckpt)$",
        ArtefactKind.INTERMEDIATE_WEIGHTS,
    ),
    (
        r"(^|/)(requirements[^/]*\.txt|pyproject\.toml|setup\.(py|cfg)|poetry\.lock|uv\.lock|environment\.ya?ml|pipfile(\.lock)?)$",
        ArtefactKind.LIBRARIES,
    ),
    (
        r"(^|/)(config|generation_config|configuration|preprocessor_config|modules|config_sentence_transformers|sentence_bert_config|params)\.json$",
        ArtefactKind.ARCHITECTURE,
    ),
    (r"(^|/)modeling_[^/]*\.py$|(^|/)configuration_[^/]*\.py$", ArtefactKind.ARCHITECTURE),
    (
        r"(^|/)(train|training_data|dataset|data)/[^/]*\.(jsonl?|csv|tsv|parquet|arrow|txt)$|(^|/)(train|dataset)[^/]*\.(jsonl|csv|tsv|parquet|arrow)$",
        ArtefactKind.DATASET,
    ),
)


def classify(path: str, media_type: str) -> ArtefactKind:
    """The kind of component, from content first and then from the names that publishers use."""
    name = path.lower()
    for pattern, kind in _KIND_BY_NAME:
        if re.search(pattern, name):
            # A pickle named README or tokenizer.bin keeps its name's kind only where that is a binary kind.
            if media_type in _WEIGHT_TYPES and kind not in (
                ArtefactKind.ADAPTER,
                ArtefactKind.INTERMEDIATE_WEIGHTS,
                ArtefactKind.TOKENIZER,
            ):
                return ArtefactKind.WEIGHTS
            return kind
    if media_type in _WEIGHT_TYPES:
        return ArtefactKind.WEIGHTS
    if media_type in (UNKNOWN, *COMPRESSED) and re.search(
        r"\.(bin|pt|pth|ckpt|model|onnx|pb|h5|keras|ftz|joblib|pkl|weights|npz|mlmodel|tflite|safetensors|gguf)$", name
    ):
        return ArtefactKind.WEIGHTS
    if media_type in (PYTHON, NOTEBOOK):
        return ArtefactKind.INFERENCE_CODE
    if media_type == PARQUET:
        return ArtefactKind.DATASET
    if media_type == ELF:
        return ArtefactKind.LIBRARIES
    if media_type in (JSON, YAML, "application/toml") or ".dist-info/" in name:
        return ArtefactKind.METADATA
    return ArtefactKind.UNCLASSIFIED
