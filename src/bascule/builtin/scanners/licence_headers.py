"""What files say of their own licence in their headers: source files, and the metadata of tensor files.

Rules: a header speaks of its file alone; a tag of SPDX is repeated as it stands, a notice or a short licence counts
where it stands word for word (`bascule.plugins.readers.licences.notices`), and what is only near says nothing. Whether
headers fit what the repository says is judged where all of it is known, by `bascule licence detect`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads
from bascule.plugins.readers import Malformed, Truncated, licences, media, safetensors
from bascule.plugins.readers.licences.notices import MAX_HEADER, read_header
from bascule.records import Reading, ReadingSource

MAX_TENSOR_HEADER = 8 << 20
TENSOR_KEYS = ("license", "licence", "modelspec.license", "ss_license")


class LicenceHeaders:
    """Leaves `licence.header` and `licence.holder` of source files, `licence.declared` of tensor files."""

    meta = Meta(
        id="licence_headers",
        title="Licence headers",
        reads=Reads(media_types=(*media.CODE, media.SAFETENSORS)),
        readings=(
            Quantity("licence.header", "ids that a source file's header names or holds word for word"),
            Quantity("licence.holder", "who holds the copyright, by a source file's SPDX tags"),
            Quantity("licence.declared", "the licence that a tensor file's own metadata names"),
        ),
        ttl_days=365,
        limits=(
            "the first 32,768 characters of a source file are its header",
            "a header in words of its own is not read, however near it is to a known notice",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == media.SAFETENSORS:
            yield from _of_tensors(file)
            return
        # Four bytes for a character at most; a character cut in two at the end changes nothing of what stands before.
        text = file.read(0, min(file.size_bytes, 4 * MAX_HEADER)).decode("utf-8", "replace")
        header = read_header(text)
        ids = tuple(dict.fromkeys((*header.tags, *(() if header.tags else header.notices))))
        if ids:
            place = "SPDX-License-Identifier" if header.tags else "its notice, word for word"
            yield Reading(name="licence.header", value=ids, artefact=file.path, location=place)
        if header.holders:
            yield Reading(name="licence.holder", value=header.holders, artefact=file.path, location="SPDX tags")


def _of_tensors(file: ScanFile) -> Iterator[Reading]:
    try:
        metadata = safetensors.survey(file.read, file.size_bytes, max_header_bytes=MAX_TENSOR_HEADER).metadata
    except (Malformed, Truncated):
        return  # that it is damaged is another scanner's answer
    for key in TENSOR_KEYS:
        if value := metadata.get(key, "").strip():
            yield Reading(
                name="licence.declared",
                value=licences.licence_id(value),
                artefact=file.path,
                location=f"metadata `{key}`",
                source=ReadingSource.DECLARED,
            )


def _examples() -> tuple[Example, ...]:
    return (
        Example(
            "a tag in a comment",
            lambda: {"train.py": b"# SPDX-FileCopyrightText: 2024 Somebody\n# SPDX-License-Identifier: MIT\nx = 1\n"},
            {},
            {"licence.header": ("MIT",), "licence.holder": ("2024 Somebody",)},
        ),
        Example(
            "code about tags",
            lambda: {"check.py": b'TAG = r"SPDX-License-Identifier: MIT"\n'},
            {},
            {},
        ),
    )


plugin = LicenceHeaders()
