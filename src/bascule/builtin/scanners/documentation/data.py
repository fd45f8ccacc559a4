"""What a dataset card says of the data, in front matter and in the vocabulary of Croissant.

Sources: the hub's dataset card metadata; the Croissant RAI vocabulary 1.0 of MLCommons.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bascule.builtin.scanners.documentation.claim import Claim
from bascule.plugins.readers import prose
from bascule.plugins.readers.card import strings

CARD_KEYS = frozenset(
    ["size_categories", "annotations_creators", "dataset_info", "source_datasets", "language_creators"]
)
"""front matter that only a dataset card has"""

_CROISSANT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("data_scope", ("description",)),
    ("data_obtained", ("rai:dataCollection", "rai:dataCollectionType", "rai:dataCollectionRawData")),
    ("data_curation", ("rai:dataPreprocessingProtocol", "rai:dataManipulationProtocol", "rai:dataAnnotationProtocol")),
    ("data_unsuitable", ("rai:personalSensitiveInformation",)),
    ("data_bias", ("rai:dataBiases",)),
)


def of_front_matter(meta: Mapping[str, Any], path: str) -> Iterator[Claim]:
    """The keys of a hub dataset card."""
    points = list(_examples(meta.get("dataset_info")))
    if points:
        yield Claim("data_points", f"{sum(points):,} examples", path, "front matter `dataset_info`")
    elif sizes := [size for size in strings(meta.get("size_categories")) if re.search(r"\d", size)]:
        yield Claim("data_points", f"{', '.join(sizes)} examples", path, "front matter `size_categories`")
    tags = [tag.removeprefix("modality:") for tag in strings(meta.get("tags")) if tag.startswith("modality:")]
    if kinds := tuple(dict.fromkeys([*tags, *strings(meta.get("modalities"))])):
        yield Claim("data_modality", kinds, path, "front matter, modality")
    creators = {*strings(meta.get("annotations_creators")), *strings(meta.get("language_creators"))}
    made = {"synthetic": {"machine-generated"}, "other": {"crowdsourced", "expert-generated"}}
    if sources := tuple(kind for kind, named in made.items() if creators & named):
        yield Claim("data_provenance", sources, path, "front matter `annotations_creators`, `language_creators`")
    languages, tasks = strings(meta.get("language")), strings(meta.get("task_categories"))
    scope = [
        f"{what}: {', '.join(items[:20])}" for what, items in (("languages", languages), ("tasks", tasks)) if items
    ]
    if scope:
        yield Claim("data_scope", prose.joined(scope), path, "front matter")


def of_croissant(document: Mapping[str, Any], path: str) -> Iterator[Claim]:
    """The keys of a Croissant description."""
    for name, keys in _CROISSANT:
        for key in keys:
            text = " ".join(strings(document.get(key))) if not isinstance(document.get(key), str) else document[key]
            if words := prose.extract(text[: prose.MAX_READ]):
                yield Claim(name, words, path, f"`{key}`")
                break


def _examples(info: object) -> Iterator[int]:
    for config in (info if isinstance(info, list) else [info])[:100]:
        splits = config.get("splits") if isinstance(config, dict) else None
        for split in splits[:100] if isinstance(splits, list) else ():
            count = split.get("num_examples") if isinstance(split, dict) else None
            if isinstance(count, int) and not isinstance(count, bool) and count > 0:
                yield count
