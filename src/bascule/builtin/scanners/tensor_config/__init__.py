"""Does the configuration describe the tensors that are there?

A loader builds the model that the configuration describes and pours the tensors into it. Where the two disagree, it
stops, cuts, or fills up with random numbers, and the model that runs is not the one that was reviewed.

Rules: only families whose names are known (`families`) are judged, others are not applicable and say so; more rows than
the vocabulary are padding, fewer are a contradiction; what quantisation packs is not compared; what writers of these
files often get wrong without harm is information, not a contradiction.
"""

from __future__ import annotations

import json
import re
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from bascule.builtin.scanners.tensor_config.families import FAMILIES, GGUF_ARCHITECTURES, Family, Size
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, gguf, safetensors
from bascule.plugins.readers.documents import MAX_DOCUMENT, read_json_object
from bascule.plugins.readers.media import GGUF, SAFETENSORS
from bascule.records import Confidence, Finding, Outcome, Severity

CONTRADICTS = "config-contradicts-tensors"

META = Meta(
    id="tensor_config",
    title="Configuration against tensors",
    rules=(
        Rule(
            id=CONTRADICTS,
            question="Does the configuration say something about sizes or layers that the tensors contradict?",
            severity=Severity.MEDIUM,
            remedy="compare both with the publisher's release; correct the configuration, or fetch its own tensors",
            why="a loader that finds the two at odds leaves layers out, starts them from random numbers or reads past "
            "an embedding; a swapped part of a repository shows here first",
            references=("CWE-345", "CWE-129", "MITRE ATLAS AML.T0018"),
        ),
    ),
    reads=Reads(names=("config.json",), media_types=(GGUF,)),
    limits=(
        f"judged: {', '.join(sorted(FAMILIES))}; of GGUF {', '.join(sorted(GGUF_ARCHITECTURES))}",
        "of other formats than safetensors and GGUF, and of tensors packed by quantisation, nothing is compared",
        f"tokenizers over {MAX_DOCUMENT >> 20} MiB are compared by their configuration alone",
    ),
)

_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}
_SHARD = re.compile(r"model-\d{5}-of-(\d{5})\.safetensors")
_Shapes = Mapping[str, tuple[int, ...]]


class TensorConfig:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Malformed and Truncated when the configuration, or a tensor file beside it, cannot be read."""
        yield from _of_gguf(file) if file.media_type == GGUF else _of_config(file)


def _of_config(file: ScanFile) -> Iterator[Finding]:
    weights, complete = _weights(file)
    if not weights:
        yield _not_applicable("no safetensors of a model stand beside this configuration")
        return
    config = read_json_object(file.read, file.size_bytes)
    kind = config.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        yield _not_applicable(f"which tensors a model of type `{visible(str(kind), 60)}` has is not known here")
        return
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: Counter[str] = Counter()
    for neighbour in weights:
        header = safetensors.survey(neighbour.read, neighbour.size_bytes)
        for tensor in header.tensors:
            shapes[tensor.name] = tensor.shape
            dtypes[tensor.dtype] += tensor.elements
    if not any(pattern.fullmatch(name) for pattern in _patterns(family) for name in shapes):
        yield _contradiction(
            f"it is said to be of type `{kind}`, and no tensor has a name that such a model uses",
            "`model_type`",
            Severity.LOW,
        )
        return
    packed = "quantization_config" in config
    for size in family.sizes:
        if not (size.packed and packed):
            yield from _size(size, config, shapes)
    if complete:
        yield from _layers(family, config, shapes)
        yield from _head(family, config, shapes)
    if not packed:
        yield from _dtype(config, dtypes)
    rows = max((shape[0] for name, shape in shapes.items() if shape and family.embedding.fullmatch(name)), default=0)
    if rows:
        yield from _tokenizer(file, rows)


def _weights(file: ScanFile) -> tuple[list[ScanFile], bool]:
    """The files that a loader of this folder would take, and whether all of them are here."""
    folder = PurePosixPath(file.path).parent
    names = {
        PurePosixPath(item.path).name: item.path
        for item in file.listing
        if PurePosixPath(item.path).parent == folder and item.media_type == SAFETENSORS
    }
    single = "model.safetensors"
    shards = {name: match for name in sorted(names) if (match := _SHARD.fullmatch(name))}
    taken = [single] if single in names else list(shards)
    complete = single in names or all(int(match[1]) == len(shards) for match in shards.values())
    opened = [file.neighbour(names[name]) for name in taken]
    return [neighbour for neighbour in opened if neighbour is not None], complete


def _patterns(family: Family) -> Iterator[re.Pattern[str]]:
    yield family.embedding
    yield from (pattern for pattern, _key in family.layers)


def _size(size: Size, config: Mapping[str, Any], shapes: _Shapes) -> Iterator[Finding]:
    said = config.get(size.key)
    if type(said) is not int:
        return
    for name in sorted(shapes):
        shape = shapes[name]
        if size.axis >= len(shape) or not size.names.fullmatch(name):
            continue
        length = shape[size.axis]
        if length < said or (length > said and not size.at_least):
            yield _contradiction(
                f"`{size.key}` is {said}, and tensor `{visible(name, 120)}` of shape {list(shape)} has {length}",
                f"`{size.key}`",
                loader="transformers refuses the tensor, or starts it from random numbers when told to ignore sizes",
            )
            return


def _layers(family: Family, config: Mapping[str, Any], shapes: _Shapes) -> Iterator[Finding]:
    for pattern, key in family.layers:
        said = config.get(key)
        numbers = {int(match[1][:9]) for name in shapes if (match := pattern.fullmatch(name))}
        if type(said) is not int or not numbers:
            continue
        missing = sorted(set(range(min(said, 10_000))) - numbers)
        extra = sorted(number for number in numbers if number >= said)
        if missing:
            yield _contradiction(
                f"`{key}` is {said}, and layer {missing[0]} has no tensor"
                + (f", nor have {len(missing) - 1} more" if len(missing) > 1 else ""),
                f"`{key}`",
                loader="transformers starts the missing layers from random numbers, with a warning",
            )
        if extra:
            yield _contradiction(
                f"`{key}` is {said}, and there are tensors of layer {extra[0]}"
                + (f" and {len(extra) - 1} more" if len(extra) > 1 else ""),
                f"`{key}`",
                loader="transformers leaves the extra layers out, with a warning",
            )


def _head(family: Family, config: Mapping[str, Any], shapes: _Shapes) -> Iterator[Finding]:
    architectures = config.get("architectures")
    writes = isinstance(architectures, list) and any(str(name).endswith("ForCausalLM") for name in architectures)
    if family.head and writes and config.get("tie_word_embeddings") is False and family.head not in shapes:
        yield _contradiction(
            f"`tie_word_embeddings` is false, and there is no tensor `{family.head}`",
            "`tie_word_embeddings`",
            loader="transformers starts the output layer from random numbers, with a warning",
        )


def _dtype(config: Mapping[str, Any], dtypes: Counter[str]) -> Iterator[Finding]:
    said = config.get("dtype", config.get("torch_dtype"))
    expected = _DTYPES.get(str(said).removeprefix("torch."))
    floats = Counter({name: count for name, count in dtypes.items() if name in _DTYPES.values()})
    if expected is None or not floats:
        return
    usual = min(floats, key=lambda name: (-floats[name], name))
    if usual != expected:
        yield _contradiction(
            f"the type is said to be {expected}, and most elements are {usual}", "`dtype`", Severity.INFO
        )


def _tokenizer(file: ScanFile, rows: int) -> Iterator[Finding]:
    folder = PurePosixPath(file.path).parent
    for name, key in (("tokenizer_config.json", "added_tokens_decoder"), ("tokenizer.json", "added_tokens")):
        neighbour = file.neighbour(str(folder / name))
        if neighbour is None or neighbour.size_bytes > MAX_DOCUMENT:
            continue
        try:
            added = read_json_object(neighbour.read, neighbour.size_bytes).get(key)
        except Malformed:
            # The tokenizer's own scanner says so.
            continue
        highest = max(_ids(added), default=-1)
        if highest >= rows:
            yield _contradiction(
                f"`{name}` has a token of number {highest}, and the embedding has {rows} rows",
                f"`{name}`",
                Severity.LOW,
                loader="a model fails, or on some devices reads past the matrix, when the token occurs",
            )
            return


def _ids(added: object) -> Iterator[int]:
    if isinstance(added, dict):
        yield from (int(key) for key in added if key.isascii() and key.isdigit() and len(key) < 10)
    elif isinstance(added, list):
        yield from (item["id"] for item in added if isinstance(item, dict) and type(item.get("id")) is int)


def _of_gguf(file: ScanFile) -> Iterator[Finding]:
    header = gguf.header_of(file)
    architecture = header.text("general.architecture")
    if not header.tensors:
        yield _not_applicable("there are no tensors in it")
        return
    if architecture not in GGUF_ARCHITECTURES:
        yield _not_applicable(f"which tensors a model of type `{visible(architecture, 60)}` has is not known here")
        return
    # Fastest dimension first, as GGUF writes shapes.
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    embedding = shapes.get("token_embd.weight", ())
    if len(embedding) == 2:
        width, rows = embedding
        yield from _number(header, f"{architecture}.embedding_length", width, "`token_embd.weight` is {} wide")
        tokens = header.keys.get("tokenizer.ggml.tokens")
        if isinstance(tokens, gguf.Array) and tokens.count > rows:
            yield _contradiction(
                f"there are {tokens.count} tokens, and `token_embd.weight` has {rows} rows",
                "tokenizer.ggml.tokens",
                loader="llama.cpp refuses the file",
            )
    gate, up = shapes.get("blk.0.ffn_gate.weight", ()), shapes.get("blk.0.ffn_up.weight", ())
    if len(gate) == len(up) == 2:
        # Where there is no gate, some converters put both halves into one tensor.
        yield from _number(header, f"{architecture}.feed_forward_length", up[1], "`blk.0.ffn_up.weight` has {} rows")
    whole = header.keys.get("split.count", 0) in (0, 1) and not any("nextn" in key for key in header.keys)
    blocks = {int(match[1][:9]) for name in shapes if (match := re.match(r"blk\.(\d+)\.", name))}
    if whole and blocks:
        yield from _number(header, f"{architecture}.block_count", max(blocks) + 1, "there are tensors of {} blocks")


def _number(header: gguf.Header, key: str, found: int, told: str) -> Iterator[Finding]:
    said = header.keys.get(key)
    if type(said) is int and said != found:
        yield _contradiction(
            f"`{visible(key, 100)}` is {said}, and {told.format(found)}", key, loader="llama.cpp refuses the file"
        )


def _contradiction(message: str, location: str, severity: Severity = Severity.MEDIUM, *, loader: str = "") -> Finding:
    return Finding(
        rule=CONTRADICTS,
        outcome=Outcome.TRUE,
        severity=severity,
        message=message[:2000],
        location=location[:1000],
        confidence=Confidence.HIGH if severity is Severity.MEDIUM else Confidence.MEDIUM,
        remedy=META.rule(CONTRADICTS).remedy,
        details={"loader": loader} if loader else {},
    )


def _not_applicable(message: str) -> Finding:
    return Finding(rule=CONTRADICTS, outcome=Outcome.NOT_APPLICABLE, severity=Severity.INFO, message=message)


def _examples() -> tuple[Example, ...]:
    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": 10,
        "hidden_size": 4,
        "intermediate_size": 6,
        "num_hidden_layers": 2,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    shapes = {
        "model.embed_tokens.weight": (12, 4),
        "model.layers.0.mlp.up_proj.weight": (6, 4),
        "model.layers.1.mlp.up_proj.weight": (6, 4),
    }

    def case(name: str, answer: Outcome, changes: Mapping[str, object], **files: Mapping[str, object]) -> Example:
        beside = {f"{stem}.json": json.dumps(value).encode() for stem, value in files.items()}
        built = {"config.json": json.dumps({**config, **changes}).encode(), "model.safetensors": _built(shapes)}
        return Example(name, lambda: {**built, **beside}, {CONTRADICTS: answer})

    return (
        case("a config that fits, with a padded vocabulary", Outcome.FALSE, {}),
        case("a larger vocabulary than the embedding", Outcome.TRUE, {"vocab_size": 13}),
        case("another width", Outcome.TRUE, {"hidden_size": 8}),
        case("another inner width", Outcome.TRUE, {"intermediate_size": 16}),
        case("a layer without tensors", Outcome.TRUE, {"num_hidden_layers": 3}),
        case("tensors of a layer too many", Outcome.TRUE, {"num_hidden_layers": 1}),
        case("an output layer that is nowhere", Outcome.TRUE, {"tie_word_embeddings": False}),
        case("a packed inner width", Outcome.FALSE, {"intermediate_size": 16, "quantization_config": {"bits": 4}}),
        case(
            "a token beyond the embedding",
            Outcome.TRUE,
            {},
            tokenizer_config={"added_tokens_decoder": {"12": {"content": "<x>"}}},
        ),
        case("tensors of another family", Outcome.TRUE, {"model_type": "gpt2"}),
        case("an architecture nobody knows", Outcome.NOT_APPLICABLE, {"model_type": "own"}),
        Example(
            "a config alone",
            lambda: {"config.json": json.dumps(config).encode()},
            {CONTRADICTS: Outcome.NOT_APPLICABLE},
        ),
        Example("a GGUF that fits", lambda: {"m.gguf": _gguf(4, 1)}, {CONTRADICTS: Outcome.FALSE}),
        Example("a GGUF of another width", lambda: {"m.gguf": _gguf(8, 1)}, {CONTRADICTS: Outcome.TRUE}),
        Example("a GGUF that lost a block", lambda: {"m.gguf": _gguf(4, 2)}, {CONTRADICTS: Outcome.TRUE}),
    )


def _built(shapes: _Shapes) -> bytes:
    rows, at = {}, 0
    for name, (height, width) in shapes.items():
        size = 4 * height * width
        rows[name] = {"dtype": "F32", "shape": [height, width], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(rows).encode()
    return len(text).to_bytes(8, "little") + text + bytes(at)


def _gguf(width: int, blocks: int) -> bytes:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    numbers = {"llama.embedding_length": width, "llama.block_count": blocks}
    keys = [text("general.architecture") + struct.pack("<I", 8) + text("llama")]
    keys += [text(key) + struct.pack("<II", 4, value) for key, value in numbers.items()]
    tensors: Sequence[tuple[str, int]] = (("token_embd.weight", 0), ("blk.0.attn_q.weight", 64))
    rows = [text(name) + struct.pack("<IQQIQ", 2, 4, 4, 0, offset) for name, offset in tensors]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(rows), len(keys)) + b"".join(keys) + b"".join(rows)
    return head + bytes(-len(head) % 32) + bytes(128)


plugin = TensorConfig()
