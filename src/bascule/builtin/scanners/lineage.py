"""Where a model came from, as its own files say: parents, how it derives from them, and the data it names.

Rules: a parent is named as the file names it; a path on somebody's disk is no parent; a relation is read only where a
file states or implies one. Nothing is looked up, and a parent that no file names stays unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads
from bascule.plugins.readers import gguf, media
from bascule.plugins.readers.card import load_yaml, read_card, strings
from bascule.plugins.readers.documents import MAX_DOCUMENT, read_json_object
from bascule.plugins.readers.text import read_text
from bascule.records import ArtefactKind, Reading, ReadingSource, Relation

# The hub's words for `base_model_relation`.
_RELATIONS: Mapping[str, Relation] = {
    "adapter": Relation.ADAPTER_OF,
    "distill": Relation.DISTILLED_FROM,
    "distilled": Relation.DISTILLED_FROM,
    "finetune": Relation.FINETUNE_OF,
    "merge": Relation.MERGE_OF,
    "quantized": Relation.QUANTISED_FROM,
}

MAX_PARENTS = 64

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# Published before ids had owners; any other bare name may be a folder.
_BARE_ID = re.compile(
    r"(distil|tiny)?(albert|bert|camembert|ctrl|gpt2|openai-gpt|roberta|t5|transfo-xl|xlm|xlnet|xlm-roberta)"
    r"(-(tiny|mini|small|medium|base|large|xl|xxl|3b|11b|v[12]|cased|uncased|multilingual|chinese|german|english"
    r"|finetuned|mlm|clm|en|fr|de|ende|enfr|enro|100|wt103|squad|whole|word|masking|[0-9]+)){0,8}"
)
_DISK = re.compile(
    r"(?i)(^|/)(checkpoints?|checkpoint-\d+|outputs?|results?|tmp|temp|home|users|data|models?|weights|workspace|content"
    r"|mnt|root|save[ds]?|runs?|logs?|pretrained_models|\.cache)(/|$)"
)


class Lineage:
    """Leaves the parents, the relation and the data that each file names."""

    meta = Meta(
        id="lineage",
        title="Lineage",
        reads=Reads(
            kinds=(ArtefactKind.MODEL_CARD,),
            media_types=(media.GGUF,),
            names=("config.json", "adapter_config.json", "mergekit_config.y*ml", "mergekit_moe_config.y*ml"),
        ),
        readings=(
            Quantity("lineage.base_models", "parents as one file names them"),
            Quantity("lineage.relation", "how the model derives from them: finetune_of, adapter_of, merge_of, …"),
            Quantity("lineage.datasets", "data that one file names as trained on"),
        ),
        ttl_days=365,
        limits=("what files say of their parents is repeated, not verified",),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        name = PurePosixPath(file.path).name.lower()
        if file.media_type == media.GGUF:
            yield from _of_gguf(file)
        elif name == "config.json":
            yield from _of_config(file)
        elif name == "adapter_config.json":
            yield from _of_adapter(file)
        elif name.startswith("mergekit"):
            yield from _of_merge(file)
        elif file.kind == ArtefactKind.MODEL_CARD:
            yield from _of_card(file)


def _of_card(file: ScanFile) -> Iterator[Reading]:
    meta = read_card(file.read, file.size_bytes).meta
    parents = tuple(parent for parent in strings(meta.get("base_model")) if not is_local(parent))[:MAX_PARENTS]
    stated = _RELATIONS.get(" ".join(strings(meta.get("base_model_relation"))).casefold())
    yield from _names(file, "lineage.base_models", parents, "front matter `base_model`")
    if stated:
        yield _relation(file, stated, "front matter `base_model_relation`")
    elif parents:
        yield _relation(file, _implied(file, parents), "front matter `base_model`")
    yield from _names(file, "lineage.datasets", strings(meta.get("datasets")), "front matter `datasets`")


def _implied(file: ScanFile, parents: Sequence[str]) -> Relation:
    """As the hub infers it: an adapter by its files, a quantisation by its format, a merge by several parents."""
    names = {PurePosixPath(item.path).name.lower() for item in file.listing}
    if "adapter_config.json" in names:
        return Relation.ADAPTER_OF
    if any(item.media_type == media.GGUF for item in file.listing):
        return Relation.QUANTISED_FROM
    return Relation.MERGE_OF if len(parents) > 1 else Relation.FINETUNE_OF


def _of_config(file: ScanFile) -> Iterator[Reading]:
    config = read_json_object(file.read, file.size_bytes)
    parents = tuple(parent for parent in strings(config.get("_name_or_path")) if is_model_id(parent))
    yield from _names(file, "lineage.base_models", parents, "`_name_or_path`")
    quantisation = config.get("quantization_config")
    if isinstance(quantisation, dict) and quantisation:
        method = visible(str(quantisation.get("quant_method", "quantised")), 40)
        yield _relation(file, Relation.QUANTISED_FROM, f"`quantization_config` ({method})", ReadingSource.MEASURED)


def _of_adapter(file: ScanFile) -> Iterator[Reading]:
    config = read_json_object(file.read, file.size_bytes)
    parents = tuple(parent for parent in strings(config.get("base_model_name_or_path")) if not is_local(parent))
    yield from _names(file, "lineage.base_models", parents, "`base_model_name_or_path`")
    yield _relation(file, Relation.ADAPTER_OF, "an adapter's configuration", ReadingSource.MEASURED)


def _of_gguf(file: ScanFile) -> Iterator[Reading]:
    header = gguf.header_of(file)
    parents = tuple(dict.fromkeys(_gguf_parents(header)))
    yield from _names(file, "lineage.base_models", parents, "`general.base_model.*`, `general.source.*`")
    listed = header.keys.get("general.datasets")
    named = strings(list(listed.items)) if isinstance(listed, gguf.Array) else ()
    numbered = (header.text(f"general.dataset.{index}.name") for index in range(_count(header, "dataset")))
    datasets = tuple(dict.fromkeys((*named, *(visible(name, 200) for name in numbered if name))))
    yield from _names(file, "lineage.datasets", datasets, "`general.dataset*`")


def _gguf_parents(header: gguf.Header) -> Iterator[str]:
    for index in range(_count(header, "base_model")):
        key = f"general.base_model.{index}"
        address = header.text(f"{key}.repo_url") or header.text(f"{key}.url")
        if named := _from_address(address) or header.text(f"{key}.name"):
            yield visible(named, 200)
    for key in ("general.source.huggingface.repository", "general.source.repo_url", "general.source.url"):
        if named := _from_address(header.text(key)):
            yield visible(named, 200)


def _count(header: gguf.Header, what: str) -> int:
    count = header.keys.get(f"general.{what}.count", 0)
    return min(count, MAX_PARENTS) if isinstance(count, int) and count > 0 else 0


def _from_address(address: str) -> str:
    """`https://huggingface.co/org/name` is `org/name`; another address is itself."""
    bare = re.sub(r"^(https?://)?(www\.)?(huggingface\.co|hf\.co)/", "", address.strip())
    return "/".join(bare.split("/")[:2]) if bare != address.strip() else address.strip()


def _of_merge(file: ScanFile) -> Iterator[Reading]:
    config = load_yaml(read_text(file.read, file.size_bytes, MAX_DOCUMENT).value, "merge configuration")
    parents = tuple(dict.fromkeys(parent for parent in _merged(config) if not is_local(parent)))[:MAX_PARENTS]
    yield from _names(file, "lineage.base_models", parents, "merge configuration")
    yield _relation(file, Relation.MERGE_OF, "merge configuration")


def _merged(config: Mapping[str, Any], depth: int = 4) -> Iterator[str]:
    """Every `model`, `base_model` and `source_model` of a merge, however deep its slices nest."""
    for key, value in config.items():
        if key in ("model", "base_model", "source_model") and isinstance(value, str):
            yield visible(value.split("+")[0], 200)  # `base+adapter` names the base first
        elif key == "model" and isinstance(value, dict) and depth:
            yield from _merged({"model": value.get("path") or value.get("model")}, depth - 1)
        elif isinstance(value, list) and depth:
            for item in value:
                if isinstance(item, dict):
                    yield from _merged(item, depth - 1)


def is_local(name: str) -> bool:
    """Is this a path on a disk rather than the name of a model?"""
    return name.startswith(("/", "./", "../", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", name) is not None


def is_model_id(name: str) -> bool:
    """Is this a model's name on a hub: `owner/name`, or one of the old names without an owner?"""
    if is_local(name):
        return False
    if _HUB_ID.fullmatch(name):
        return _DISK.search(name) is None
    return _BARE_ID.fullmatch(name) is not None


def _names(file: ScanFile, reading: str, names: tuple[str, ...], location: str) -> Iterator[Reading]:
    if names:
        yield Reading(name=reading, value=names, artefact=file.path, location=location)


def _relation(
    file: ScanFile, relation: Relation, location: str, source: ReadingSource = ReadingSource.DECLARED
) -> Reading:
    return Reading(name="lineage.relation", value=relation.value, artefact=file.path, location=location, source=source)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _examples() -> tuple[Example, ...]:
    return (
        Example(
            "a fine-tune that names its parent and data",
            lambda: {"README.md": b"---\nbase_model: org/parent\ndatasets: [org/tickets]\n---\n# Child\n"},
            {},
            {
                "lineage.base_models": ("org/parent",),
                "lineage.relation": "finetune_of",
                "lineage.datasets": ("org/tickets",),
            },
        ),
        Example(
            "an adapter",
            lambda: {"adapter_config.json": _json({"peft_type": "LORA", "base_model_name_or_path": "org/parent"})},
            {},
            {"lineage.base_models": ("org/parent",), "lineage.relation": "adapter_of"},
        ),
        Example(
            "a path on somebody's disk is no parent",
            lambda: {"config.json": _json({"_name_or_path": "/home/me/out/checkpoint-500", "model_type": "bert"})},
            {},
            {"lineage.base_models": None},
        ),
        Example(
            "a merge of two",
            lambda: {
                "mergekit_config.yml": b"merge_method: slerp\nbase_model: org/one\n"
                b"slices:\n- sources:\n  - {model: org/one, layer_range: [0, 8]}\n  - {model: org/two}\n"
            },
            {},
            {"lineage.base_models": ("org/one", "org/two"), "lineage.relation": "merge_of"},
        ),
        Example(
            "a quantised copy",
            lambda: {
                "config.json": _json({"_name_or_path": "org/parent", "quantization_config": {"quant_method": "awq"}})
            },
            {},
            {"lineage.base_models": ("org/parent",), "lineage.relation": "quantised_from"},
        ),
    )


plugin = Lineage()
