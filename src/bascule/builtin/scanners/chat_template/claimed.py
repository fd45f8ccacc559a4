"""The models that a repository says it comes from, by their ids on the hub: whose public template could be expected.

Read from where publishers say it: the card's front matter, an adapter's configuration, GGUF keys. Nothing is looked up.
A file that cannot be read claims nothing here; whoever scans it says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bascule.plugins.kinds import ScanFile
from bascule.plugins.readers import Malformed, gguf, media
from bascule.plugins.readers.card import read_card, strings
from bascule.plugins.readers.documents import read_json_object

MAX_CLAIMS = 16
_MODEL = re.compile(r"(?:https?://[\w.-]+/)?([\w.-]{1,96}/[\w.-]{1,96})/?", re.ASCII)


def claimed_bases(file: ScanFile) -> tuple[str, ...]:
    """`owner/name` of each base that the file or its neighbours name, in that order."""
    found: dict[str, None] = {}
    for words in _claims(file):
        for word in words:
            if (match := _MODEL.fullmatch(word)) and len(found) < MAX_CLAIMS:
                found[match[1]] = None
    return tuple(found)


def _claims(file: ScanFile) -> Iterator[tuple[str, ...]]:
    folder = file.path.rpartition("/")[0]
    prefix = f"{folder}/" if folder else ""
    try:
        if file.media_type == media.GGUF:
            header = gguf.header_of(file)
            addresses = (header.text(f"general.base_model.{index}.repo_url") for index in range(MAX_CLAIMS))
            yield tuple(address for address in addresses if address)
        if (card := file.neighbour(prefix + "README.md")) is not None:
            yield strings(read_card(card.read, card.size_bytes).meta.get("base_model"))
        if (adapter := file.neighbour(prefix + "adapter_config.json")) is not None:
            yield strings(read_json_object(adapter.read, adapter.size_bytes).get("base_model_name_or_path"))
    except Malformed:
        return
