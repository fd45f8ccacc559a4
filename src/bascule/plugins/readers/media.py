"""Media types by content, and the kind of component that a file is.

Rules:
- The extension is a hint for text only (Markdown, JSON, YAML, Python look alike); binary formats are recognised by
  their bytes alone, so a pickle named `weights.safetensors` is a pickle.
- What an unpickler would run is a pickle, whatever magic it carries besides: a GIF that is also a pickle is a pickle.
- A header that lies is still a header: safetensors with an absurd length is safetensors, for its reader to refuse.
- What is not recognised is `UNKNOWN`, never a guess.
"""

from __future__ import annotations

import re

from bascule.plugins.readers.pickle_shape import Shape, pickle_shape
from bascule.plugins.readers.tar import is_header as is_tar_header
from bascule.records import ArtefactKind

PICKLE = "application/x-pickle"
TORCH_ZIP = "application/vnd.pytorch+zip"
KERAS_ZIP = "application/vnd.keras+zip"
NPZ = "application/x-npz"
NPY = "application/x-npy"
ZIP = "application/zip"
TAR = "application/x-tar"
SEVEN_ZIP = "application/x-7z-compressed"
RAR = "application/vnd.rar"
GZIP = "application/gzip"
ZLIB = "application/zlib"
BZIP2 = "application/x-bzip2"
XZ = "application/x-xz"
LZMA = "application/x-lzma"
ZSTD = "application/zstd"
LZ4 = "application/x-lz4"
SAFETENSORS = "application/vnd.safetensors"
GGUF = "application/vnd.gguf"
HDF5 = "application/x-hdf5"
ONNX = "application/vnd.onnx"
TFLITE = "application/vnd.tflite"
SAVED_MODEL = "application/vnd.tensorflow.savedmodel"
TF_GRAPH = "application/vnd.tensorflow.graph"
TF_CHECKPOINT = "application/vnd.tensorflow.checkpoint"
COREML = "application/vnd.apple.coreml"
EXECUTORCH = "application/vnd.pytorch.executorch"
PADDLE = "application/vnd.paddle.program"
PADDLE_TENSORS = "application/vnd.paddle.tensors"
R_DATA = "application/x-r-data"
XGBOOST = "application/vnd.xgboost"
CATBOOST = "application/vnd.catboost"
TENSORRT = "application/vnd.nvidia.tensorrt"
RKNN = "application/vnd.rockchip.rknn"
GGML = "application/vnd.ggml"
CTRANSLATE2 = "application/vnd.ctranslate2"
FASTTEXT = "application/vnd.fasttext"
MSGPACK = "application/vnd.msgpack"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.file"
SQLITE = "application/vnd.sqlite3"
ELF = "application/x-elf"
WINDOWS_PROGRAM = "application/vnd.microsoft.portable-executable"
MACH_O = "application/x-mach-binary"
WASM = "application/wasm"
JAVA_CLASS = "application/java-vm"
PYTHON_BYTECODE = "application/x-python-bytecode"
PDF = "application/pdf"
JSON = "application/json"
YAML = "application/yaml"
TOML = "application/toml"
MARKDOWN = "text/markdown"
PYTHON = "text/x-python"
SHELL = "text/x-shellscript"
NOTEBOOK = "application/x-ipynb+json"
HTML = "text/html"
CSV = "text/csv"
TEXT = "text/plain"
EMPTY = "inode/x-empty"
UNKNOWN = "application/octet-stream"
# Never told by content: only an endpoint that was pointed at has it.
ENDPOINT = "application/vnd.bascule.endpoint+json"

COMPRESSED = (GZIP, ZLIB, BZIP2, XZ, LZMA, ZSTD, LZ4)
ARCHIVES = (ZIP, TAR, SEVEN_ZIP, RAR)
PROGRAMS = (ELF, WINDOWS_PROGRAM, MACH_O, WASM, JAVA_CLASS, PYTHON_BYTECODE)
"""Machine or byte code."""
UNREAD = (
    *(CTRANSLATE2, FASTTEXT, XGBOOST, CATBOOST, TENSORRT, RKNN, GGML, PADDLE_TENSORS, TF_CHECKPOINT),
    *(ARROW, SQLITE, RAR, UNKNOWN),
)
"""Binary formats told by name that no reader here looks into: whoever answers for cleanliness must say so."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x93NUMPY", NPY),
    (b"PAR1", PARQUET),
    (b"PARE", PARQUET),
    (b"ARROW1\0\0", ARROW),
    (b"SQLite format 3\0", SQLITE),
    (b"7z\xbc\xaf\x27\x1c", SEVEN_ZIP),
    (b"Rar!\x1a\x07", RAR),
    (b"\x1f\x8b", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"\x04\x22\x4d\x18", LZ4),
    (b"\xba\x16\x4f\x2f", FASTTEXT),
    (b"CBM1", CATBOOST),
    (b"binf", XGBOOST),
    (b"{L\0\0\0\0\0\0", XGBOOST),
    (b"ftrt", TENSORRT),
    (b"ptrt", TENSORRT),
    (b"RKNN", RKNN),
    (b"lmgg", GGML),
    (b"fmgg", GGML),
    (b"tjgg", GGML),
    (b"algg", GGML),
    (b"X\n\0\0\0\x02", R_DATA),
    (b"X\n\0\0\0\x03", R_DATA),
    (b"B\n\x02\0\0\0", R_DATA),
    (b"B\n\x03\0\0\0", R_DATA),
    (b"RDX2\nX\n", R_DATA),
    (b"RDX3\nX\n", R_DATA),
    (b"RDB2\nB\n", R_DATA),
    (b"RDB3\nB\n", R_DATA),
    (b"RDA2\nA\n", R_DATA),
    (b"RDA3\nA\n", R_DATA),
    (b"A\n2\n", R_DATA),
    (b"A\n3\n", R_DATA),
    (b"\x7fELF", ELF),
    (b"MZ", WINDOWS_PROGRAM),
    (b"\xfe\xed\xfa\xce", MACH_O),
    (b"\xfe\xed\xfa\xcf", MACH_O),
    (b"\xce\xfa\xed\xfe", MACH_O),
    (b"\xcf\xfa\xed\xfe", MACH_O),
    (b"\0asm", WASM),
    (b"%PDF-", PDF),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
)
_RIFF = {b"WAVE": "audio/wav", b"WEBP": "image/webp"}
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
# The signature may stand behind a user block of any of these sizes.
_HDF5_PLACES = (0, *(512 << power for power in range(8)))

_TEXT_BY_NAME: tuple[tuple[str, str], ...] = (
    (r"\.(md|markdown)$", MARKDOWN),
    (r"\.ipynb$", NOTEBOOK),
    (r"\.(json|jsonl)$", JSON),
    (r"\.(ya?ml)$", YAML),
    (r"\.pyi?$", PYTHON),
    (r"\.(sh|bash|zsh|bat|ps1)$", SHELL),
    (r"\.(c|cc|cpp|cxx|cu|cuh|h|hpp)$", "text/x-c"),
    (r"\.(js|mjs|cjs|ts|jsx|tsx)$", "text/javascript"),
    (r"\.rs$", "text/x-rust"),
    (r"\.(go|java|kt|scala|swift|jl|lua|r|rb|pl|php)$", "text/x-source"),
    (r"\.html?$", HTML),
    (r"\.(csv|tsv)$", CSV),
    (r"\.toml$", TOML),
    (r"\.svg$", "image/svg+xml"),
    (r"\.(jinja2?|j2)$", "text/x-jinja"),
)
CODE = (PYTHON, NOTEBOOK, SHELL, "text/x-c", "text/javascript", "text/x-rust", "text/x-source")
"""Text that a person wrote for a machine to run."""


def media_type_of(head: bytes, size_bytes: int, path: str = "") -> str:
    """The media type of a file from its first bytes (up to 64 KiB are used) and its size.

    Law: for a binary format it does not depend on `path`.
    """
    if size_bytes == 0:
        return EMPTY
    head = head[: 1 << 16]
    shape = pickle_shape(head, size_bytes)
    if shape is Shape.CALLS:
        return PICKLE
    # These two readers prove what they read to the last byte; a pickle that only could be one is left to them.
    if _is_safetensors(head, size_bytes):
        return SAFETENSORS
    if head[:4] in (b"GGUF", b"FUGG") and not re.match(rb"[ -~\r\n]{8}", head):
        return GGUF
    if shape is Shape.PLAUSIBLE or _has_protocol(head):
        return PICKLE
    told = _binary(head) or (_text_flavour(head, path) if _is_text(head) else UNKNOWN)
    # Raw numbers look faintly like a pickle and stay unknown; a picture or a text that does is up to something.
    return PICKLE if shape is Shape.FAINT and told != UNKNOWN else told


def _binary(head: bytes) -> str | None:
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"):
        return _zip_flavour(head)
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    for magic, media_type in _MAGIC:
        # A few letters begin a word as well as a program.
        if head.startswith(magic) and not (len(magic) <= 4 and magic.isalnum() and _is_text(head)):
            return media_type
    if any(head.startswith(_HDF5_MAGIC, place) for place in _HDF5_PLACES):
        return HDF5
    if head[4:8] == b"TFL3":
        return TFLITE
    if re.match(rb"ET\d\d", head[4:8]) and b"\0" in head[:4]:
        return EXECUTORCH
    if head[:4] == b"\xca\xfe\xba\xbe":
        # A universal Mach-O counts its parts where a class file has its version, and never has 40 of them.
        return MACH_O if int.from_bytes(head[4:8], "big") < 40 else JAVA_CLASS
    if head[2:4] == b"\r\n" and 3000 <= int.from_bytes(head[:2], "little") < 4000 and b"\0" in head[4:16]:
        return PYTHON_BYTECODE
    if head[:3] == b"\x5d\0\0" and len(head) >= 13 and (head[5:13] == b"\xff" * 8 or head[10:13] == b"\0\0\0"):
        # The usual properties, a dictionary of whole kilobytes, and a length that is unknown or believable.
        return LZMA
    if is_tar_header(head):
        return TAR
    if _is_text(head):
        # A small graph without a zero byte reads as text, save that no text begins with a backspace.
        return _serialised(head) if head[:1] == b"\x08" else _graph(head)
    if len(head) >= 2 and head[0] == 0x78 and (head[0] << 8 | head[1]) % 31 == 0:
        return ZLIB
    return _serialised(head)


def _serialised(head: bytes) -> str | None:
    """Formats without a magic, told by how their first field must look."""
    if re.match(rb"\x08[\x01-\x0c]\x12[\x80-\xff]{0,4}[\0-\x7f](\x0a[\x80-\xff]?[\0-\x7f]\x0a|\xa2\x06)", head):
        # A Core ML Model opens with its version and a description, whose first field is a feature or its metadata.
        return COREML
    if re.match(rb"\x08[\x03-\x14][\x12\x1a\x22\x28\x32\x3a\x42]", head):
        # A ModelProto opens with ir_version (3 or more in the wild) and soon names its producer, graph or opset.
        return ONNX
    if head.startswith(b"\x08\x01\x12"):
        return SAVED_MODEL
    if (graph := _graph(head)) is not None:
        return graph
    if re.match(rb"\0{16}[\x02-\x7f]\0\0\0\x08[\0-\x20]\x10", head):
        # Two versions and a level of detail, all zero; then the length of a description: its type and dimensions.
        return PADDLE_TENSORS
    if re.match(rb"\0\0[\x06-\x20]\x08.{1,3}(\x10.)?\x1a\x02\x08\x01", head, re.DOTALL):
        # A table whose first key is empty and whose value is a bundle's header.
        return TF_CHECKPOINT
    if re.match(rb"[\x01-\x14]\0\0\0.\0[A-Za-z0-9]+Spec\0", head, re.DOTALL):
        return CTRANSLATE2
    if re.match(rb"([\x81-\x8f]|\xde\0.)([\xa1-\xbf]|\xd9.)[A-Za-z_0-9][\w.-]*[^\w.-]", head, re.DOTALL):
        # A map with a short string for its first key, as thinc and flax write it.
        return MSGPACK
    return None


_LENGTH = rb"[\x80-\xff]{0,4}[\0-\x7f]"


def _graph(head: bytes) -> str | None:
    """Graphs that open with a message: TensorFlow's first node or its list of operators, Paddle's first block."""
    if head[:1] != b"\x0a":
        return None
    if re.match(rb"\x0a" + _LENGTH + rb"\x08\0\x10\xff{9}\x01", head):
        return PADDLE
    if re.match(
        rb"\x0a" + _LENGTH + rb"(\x0a.[^\0]{0,16})?\x12" + _LENGTH + rb"\x0a" + _LENGTH + rb"\x0a.[A-Z]\w",
        head,
        re.DOTALL,
    ):
        return TF_GRAPH
    node = re.match(rb"\x0a" + _LENGTH + rb"\x0a([\x01-\x7f])", head, re.DOTALL)
    if node:
        end = node.end() + node[1][0]
        if head[end : end + 1] == b"\x12" and re.fullmatch(rb"[A-Za-z0-9.][\w./\\>-]*", head[node.end() : end]):
            kind = head[end + 2 : end + 2 + head[end + 1]] if end + 1 < len(head) else b""
            if re.fullmatch(rb"[A-Za-z_][\w.>]*", kind):
                return TF_GRAPH
    return None


def _zip_flavour(head: bytes) -> str:
    at = 4 if head.startswith(b"PK\x07\x08PK") else 0
    name_length = int.from_bytes(head[at + 26 : at + 28], "little")
    name = head[at + 30 : at + 30 + name_length]
    if re.search(_TORCH_FIRST_MEMBER, name) or b"/data.pkl" in head[:4096]:
        return TORCH_ZIP
    if name.endswith(b".npy"):
        return NPZ
    if name in (b"metadata.json", b"config.json", b"model.weights.h5") and b"keras" in head:
        return KERAS_ZIP
    return ZIP


_TORCH_FIRST_MEMBER = (
    rb"(^|/)(data|constants|bytecode)\.pkl$|/(byteorder|version|\.format_version|\.storage_alignment)$"
    rb"|/\.data/serialization_id$|/code/__torch__|^[^/]+/data/\d+$"
)


def _is_safetensors(head: bytes, size_bytes: int) -> bool:
    if len(head) < 9:
        return False
    header_bytes = int.from_bytes(head[:8], "little")
    # The bound of the reference loader; a bigger header is still told by its opening brace.
    return head[8:9] == b"{" and 2 <= header_bytes <= max(size_bytes, 100_000_000) and head[5:8] == b"\0\0\0"


def looks_like_pickle(head: bytes, *, cut: bool = False) -> bool:
    """Could an unpickler start here and get to an end, or past what is shown?

    cut: more bytes follow than are shown, so a stream that is not wrong by then may go on.
    """
    shape = pickle_shape(head, 1 << 40) if cut else pickle_shape(head)
    return _has_protocol(head) or shape >= (Shape.FAINT if cut else Shape.PLAUSIBLE)


def _has_protocol(head: bytes) -> bool:
    # Whatever follows: a pickle that breaks later is a broken pickle, and may have run until then.
    return len(head) >= 2 and head[0] == 0x80 and head[1] <= 5


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_bare_utf16(head):
        return _decodes(head[: len(head) // 2 * 2], "utf-16-be" if head[:1] in (b"\0", b"\xfe") else "utf-16-le")
    if b"\0" in head[:4096]:
        return False
    if _decodes(head, "utf-8"):
        return True
    # Latin-1 and its like: few control bytes, mostly letters.
    sample = head[:4096]
    controls = sum(1 for byte in sample if byte < 9 or 13 < byte < 32)
    return controls == 0 and sum(1 for byte in sample if byte > 126) * 4 < len(sample)


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        head.decode(encoding)
    except UnicodeDecodeError as error:
        # A character cut by the end of the sample is still text.
        return error.start >= len(head) - 4 and error.start > 0
    return True


def _is_bare_utf16(head: bytes) -> bool:
    """UTF-16 without a mark: every second byte of Western text is zero, and the others are printable."""
    sample = head[: min(len(head), 512) // 2 * 2]
    if len(sample) < 8:
        return False
    for zeros, letters in ((sample[1::2], sample[::2]), (sample[::2], sample[1::2])):
        if not zeros.strip(b"\0") and all(byte in (9, 10, 13) or 32 <= byte < 127 for byte in letters):
            return True
    return False


def _text_flavour(head: bytes, path: str) -> str:
    name = path.lower()
    for pattern, media_type in _TEXT_BY_NAME:
        if re.search(pattern, name):
            return media_type
    start = head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb'\{\s*(?:"|\}\s*$)|\[\s*(?:["\[{\d-]|\]\s*$)', start):
        return JSON
    if re.match(rb"#!\s*\S*(?:/env\s+)?\S*python", start):
        return PYTHON
    return SHELL if start.startswith(b"#!") else TEXT


_WEIGHT_TYPES = {PICKLE, TORCH_ZIP, KERAS_ZIP, NPZ, NPY, SAFETENSORS, GGUF, HDF5, ONNX, TFLITE, SAVED_MODEL}
_WEIGHT_TYPES |= {CTRANSLATE2, FASTTEXT, TF_GRAPH, TF_CHECKPOINT, COREML, EXECUTORCH, PADDLE, PADDLE_TENSORS}
_WEIGHT_TYPES |= {XGBOOST, CATBOOST, TENSORRT, RKNN, GGML}
WEIGHT_TYPES = frozenset(_WEIGHT_TYPES)
"""Formats of trained parameters."""
# Code is never a licence, a card or data, whatever it is called: `license_check.py` is code.
_KINDS_OF_CODE = {
    ArtefactKind.TRAINING_CODE,
    ArtefactKind.PREPROCESSING_CODE,
    ArtefactKind.EVALUATION_CODE,
    ArtefactKind.ARCHITECTURE,
    ArtefactKind.LIBRARIES,
    ArtefactKind.CHAT_TEMPLATE,
}

_KIND_BY_NAME: tuple[tuple[str, ArtefactKind], ...] = (
    (
        r"(^|/)([^/]*[_-])?(licen[cs]es?|copying|copyright|notices?|unlicense|use[_-]?policy|acceptable[_-]use)([._-][^/]*)?$"
        r"|\.dist-info/licenses?/",
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
    if media_type in PROGRAMS:
        return ArtefactKind.LIBRARIES
    for pattern, kind in _KIND_BY_NAME:
        if not re.search(pattern, name):
            continue
        if media_type in CODE and kind not in _KINDS_OF_CODE:
            continue
        # A pickle named README or tokenizer.bin keeps its name's kind only where that is a binary kind.
        if media_type in _WEIGHT_TYPES and kind not in _KINDS_OF_BINARIES:
            return ArtefactKind.WEIGHTS
        return kind
    if media_type in _WEIGHT_TYPES:
        return ArtefactKind.WEIGHTS
    if media_type in (UNKNOWN, ZIP, TAR, MSGPACK, *COMPRESSED) and re.search(_WEIGHT_NAMES, name):
        return ArtefactKind.WEIGHTS
    if media_type in CODE:
        return ArtefactKind.INFERENCE_CODE
    if media_type in (PARQUET, ARROW):
        return ArtefactKind.DATASET
    if media_type in (JSON, YAML, TOML) or ".dist-info/" in name:
        return ArtefactKind.METADATA
    return ArtefactKind.UNCLASSIFIED


_KINDS_OF_BINARIES = {ArtefactKind.ADAPTER, ArtefactKind.INTERMEDIATE_WEIGHTS, ArtefactKind.TOKENIZER}
_WEIGHT_NAMES = (
    r"\.(bin|pt|pth|ckpt|model|onnx|pb|h5|keras|ftz|joblib|pkl|weights|npz|mlmodel|tflite|safetensors|gguf|nemo|mar|skops"
    r"|msgpack|pdmodel|pdiparams|pte|engine|plan|rds|ubj|cbm|data-\d+-of-\d+)$|\.onnx[._]data$|(^|/)model$"
)
