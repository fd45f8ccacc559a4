"""Does the index of a sharded model tell the truth about the shards beside it?

A loader opens the index first and believes it: which files there are, and which tensor is in which. So an index is a
place to leave a tensor out, to take one from another file than everybody looked at, or to point outside the folder.

Rules: a shard's own header is the truth about a safetensors shard; of a pickled shard only its presence and size are
compared, because what it holds is a pickle's to say; a shard that is named and not here is told, not assumed.
Source: `load_sharded_checkpoint` and `cached_file` of transformers 4 and 5, `save_torch_state_dict` of huggingface_hub.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

from bascule.kernel.text import counted, visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, safetensors
from bascule.plugins.readers.documents import read_json
from bascule.plugins.readers.media import SAFETENSORS
from bascule.records import Finding, Outcome, Severity

MISMATCH = "shard-index-mismatch"

META = Meta(
    id="shard_index",
    title="Indexes of sharded weights",
    rules=(
        Rule(
            id=MISMATCH,
            question="Does the index disagree with the shards beside it, or point outside its folder?",
            severity=Severity.MEDIUM,
            remedy="fetch index and shards again from one revision of the publisher's repository, or save it anew",
            why="a loader takes tensors from where the index says; what is reviewed in one file can be loaded from "
            "another, left out so that it starts from random numbers, or read from outside the folder",
            references=("CWE-22", "CWE-345", "CWE-436"),
        ),
    ),
    reads=Reads(names=("*.safetensors.index.json", "*.bin.index.json")),
    limits=(
        "of pickled shards only presence and size are compared",
        "tensor values are not compared",
    ),
)

MAX_INDEX_BYTES = 64 << 20
MAX_FINDINGS = 20
_SHARD = re.compile(r"(.*?)-\d{5}-of-(\d{5})\.(?:safetensors|bin)")


class ShardIndex:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Malformed when the index is no JSON object with a map from tensors to shards."""
        index = _Index.read(file)
        yield from islice(_faults(file, index), MAX_FINDINGS)


@dataclass(slots=True)
class _Index:
    folder: PurePosixPath
    weight_map: Mapping[str, str]
    total_size: object
    shards: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, file: ScanFile) -> _Index:
        document = read_json(file.read, file.size_bytes, MAX_INDEX_BYTES)
        weight_map = document.get("weight_map") if isinstance(document, dict) else None
        if not isinstance(weight_map, dict) or not all(isinstance(item, str) for item in weight_map.values()):
            raise Malformed("the index has no `weight_map` from tensor names to file names")
        metadata = document.get("metadata")
        total = metadata.get("total_size") if isinstance(metadata, dict) else None
        index = cls(PurePosixPath(file.path).parent, weight_map, total)
        for name, shard in weight_map.items():
            index.shards.setdefault(shard, []).append(name)
        return index

    def path_of(self, shard: str) -> str:
        return str(self.folder / shard)


def _faults(file: ScanFile, index: _Index) -> Iterator[Finding]:
    outside = [shard for shard in index.shards if _leaves_folder(shard)]
    for shard in outside:
        yield _finding(
            f"the index takes tensors from `{visible(shard, 120)}`, outside its own folder",
            f"weight_map → `{visible(shard, 120)}`",
            Severity.HIGH,
            loader="transformers joins the name to the folder and opens what that gives",
        )
    listing = {item.path: item for item in file.listing}
    inside = sorted(set(index.shards) - set(outside))
    missing = [shard for shard in inside if index.path_of(shard) not in listing]
    for shard in missing:
        yield _finding(
            f"shard `{visible(shard, 120)}` is named for {counted(len(index.shards[shard]), 'tensor')} and is not here",
            f"weight_map → `{visible(shard, 120)}`",
        )
    present = [shard for shard in inside if shard not in missing]
    if file.path.endswith(".safetensors.index.json"):
        yield from _against_headers(file, index, present, complete=not missing and not outside)
    yield from _strangers(file, index)


def _against_headers(file: ScanFile, index: _Index, present: list[str], complete: bool) -> Iterator[Finding]:
    held: dict[str, str] = {}
    data_bytes = 0
    for shard in present:
        neighbour = file.neighbour(index.path_of(shard))
        if neighbour is None:
            continue
        if neighbour.media_type != SAFETENSORS:
            yield _finding(
                f"shard `{visible(shard, 120)}` is no safetensors file but `{neighbour.media_type}`",
                f"`{visible(shard, 120)}`",
            )
            complete = False
            continue
        try:
            header = safetensors.survey(neighbour.read, neighbour.size_bytes)
        except Malformed as error:
            cut = "ends early" if isinstance(error, Truncated) else "cannot be read"
            yield _finding(
                f"shard `{visible(shard, 120)}` {cut}, so the index cannot be checked against it: {error}",
                f"`{visible(shard, 120)}`",
                outcome=Outcome.ERROR,
            )
            complete = False
            continue
        data_bytes += header.data_bytes
        yield from _against_header(index, shard, [tensor.name for tensor in header.tensors], held)
    if complete:
        yield from _against_total(index, data_bytes)


def _against_header(index: _Index, shard: str, names: list[str], held: dict[str, str]) -> Iterator[Finding]:
    here = f"shard `{visible(shard, 120)}`"
    inside = set(names)
    lost = [name for name in index.shards[shard] if name not in inside]
    if lost:
        yield _finding(
            f"the index looks for {_named(lost)} in {here}, which does not have {'it' if len(lost) == 1 else 'them'}",
            here,
            loader="transformers starts a tensor that it does not find from random numbers, with a warning",
        )
    unlisted = [name for name in names if name not in index.weight_map]
    if unlisted:
        yield _finding(
            f"{here} holds {_named(unlisted)}, in no index",
            here,
            loader="transformers reads whole shards, so it loads them all the same; others take only what is listed",
        )
    twice = [name for name in names if name in held]
    if twice:
        yield _finding(
            f"{_named(twice)} in {here} also in shard `{visible(held[twice[0]], 120)}`",
            here,
            loader="transformers keeps the one that it reads last; loaders that follow the index, the one it names",
        )
    held.update(dict.fromkeys(names, shard))


def _against_total(index: _Index, data_bytes: int) -> Iterator[Finding]:
    total = index.total_size
    if isinstance(total, int | float) and not isinstance(total, bool) and total != data_bytes:
        # Writers have counted shared tensors twice, and elements of another type: odd, not hostile.
        yield _finding(
            f"the index says {total} bytes in all, the shards hold {data_bytes}", "metadata → total_size", Severity.LOW
        )


def _strangers(file: ScanFile, index: _Index) -> Iterator[Finding]:
    """Weights in the folder that a loader of this index does not look at, or that it prefers to the index."""
    stem, _, kind = file.path.removesuffix(".index.json").rpartition(".")
    single = f"{stem}.{kind}"
    families = {_family(shard) for shard in index.shards} - {None}
    for item in file.listing:
        path = PurePosixPath(item.path)
        if path.parent != index.folder or path.name in index.shards:
            continue
        if item.path == single:
            yield _finding(
                f"`{visible(path.name, 120)}` stands beside the index and the shards: two models under one name",
                f"`{visible(path.name, 120)}`",
                Severity.LOW,
                loader="transformers takes the single file and never opens the index",
            )
        elif _family(path.name) in families:
            yield _finding(
                f"`{visible(path.name, 120)}` is named like a shard of this model, and the index does not name it",
                f"`{visible(path.name, 120)}`",
            )


def _family(name: str) -> tuple[str, str] | None:
    """What the names of one model's shards share: what stands before the number, and how many there are."""
    match = _SHARD.fullmatch(name)
    return (match[1], match[2]) if match else None


def _leaves_folder(shard: str) -> bool:
    parts = PurePosixPath(shard.replace("\\", "/")).parts
    return not parts or ".." in parts or shard.startswith(("/", "\\", "~")) or bool(re.match(r"[A-Za-z]:", shard))


def _named(names: list[str]) -> str:
    return f"`{visible(names[0], 120)}`" if len(names) == 1 else f"`{visible(names[0], 120)}` and {len(names) - 1} more"


def _finding(
    message: str,
    location: str,
    severity: Severity = Severity.MEDIUM,
    *,
    outcome: Outcome = Outcome.TRUE,
    loader: str = "",
) -> Finding:
    return Finding(
        rule=MISMATCH,
        outcome=outcome,
        severity=severity,
        message=message[:2000],
        location=location[:1000],
        remedy=META.rule(MISMATCH).remedy,
        details={"loader": loader} if loader else {},
    )


def _examples() -> tuple[Example, ...]:
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    sound = {"a": first, "b": second}

    def index(weight_map: Mapping[str, str], total: int = 16) -> bytes:
        return json.dumps({"metadata": {"total_size": total}, "weight_map": weight_map}).encode()

    def shard(*names: str) -> bytes:
        places = {
            name: {"dtype": "F32", "shape": [2], "data_offsets": [8 * at, 8 * at + 8]} for at, name in enumerate(names)
        }
        text = json.dumps(places).encode()
        return len(text).to_bytes(8, "little") + text + bytes(8 * len(names))

    def case(name: str, answer: Outcome, table: bytes, **shards: bytes) -> Example:
        files = {"model.safetensors.index.json": table}
        files |= {f"{stem.replace('_', '-')}.safetensors": data for stem, data in shards.items()}
        return Example(name, lambda: files, {MISMATCH: answer})

    one, two = "model_00001_of_00002", "model_00002_of_00002"
    return (
        case("an index that tells the truth", Outcome.FALSE, index(sound), **{one: shard("a"), two: shard("b")}),
        case("a shard that is not here", Outcome.TRUE, index(sound), **{one: shard("a")}),
        case("a tensor in another shard", Outcome.TRUE, index(sound), **{one: shard("a", "b"), two: shard("c")}),
        case("a tensor in two shards", Outcome.TRUE, index(sound), **{one: shard("a"), two: shard("b", "a")}),
        case("a tensor in no index", Outcome.TRUE, index(sound), **{one: shard("a", "z"), two: shard("b")}),
        case("another total", Outcome.TRUE, index(sound, 17), **{one: shard("a"), two: shard("b")}),
        case(
            "a shard outside", Outcome.TRUE, index({**sound, "c": "../../etc/x"}), **{one: shard("a"), two: shard("b")}
        ),
        case(
            "a single file that loaders prefer",
            Outcome.TRUE,
            index(sound),
            **{one: shard("a"), two: shard("b"), "model": shard("a", "b")},
        ),
        case("a cut shard", Outcome.ERROR, index(sound), **{one: shard("a")[:-1], two: shard("b")}),
        case("an index without a map", Outcome.ERROR, b"{}"),
    )


plugin = ShardIndex()
