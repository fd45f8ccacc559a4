"""What a file's own header says of its licence, and nothing that only looks like it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import pytest

from bascule.builtin.scanners.licence_headers import plugin
from bascule.plugins.testing import scan_memory
from bascule.records import Reading

# The notice of the Apache licence's appendix, which it asks to be put into headers.
NOTICE = """
Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
""".strip()


def seen(files: Mapping[str, bytes], name: str = "licence.header") -> list[object]:
    return [item.value for item in scan_memory(plugin, files).seen if isinstance(item, Reading) and item.name == name]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "# SPDX-License-Identifier: MIT OR Apache-2.0\n"),
        (
            "a.py",
            "#!/usr/bin/python\n# Copyright 2024 Me\n#\n# SPDX-License-Identifier: MIT OR Apache-2.0\nx = 1\n",
        ),
        ("a.c", "/* SPDX-License-Identifier: MIT OR Apache-2.0 */\nint x;\n"),
        ("a.c", "// SPDX-License-Identifier: mit or apache-2.0\nint x;\n"),
        ("a.js", "/**\n * @file x\n * SPDX-License-Identifier: MIT OR Apache-2.0\n */\n"),
        ("a.ipynb", '{"cells": [{"source": [\n    "# SPDX-License-Identifier: MIT OR Apache-2.0\\n",\n "x"]}]}'),
        ("a.sh", "#!/bin/sh\n# SPDX-License-Identifier:MIT OR Apache-2.0\r\necho\n"),
    ],
)
def test_a_tag_is_read_in_the_comments_of_many_languages(path: str, text: str) -> None:
    assert seen({path: text.encode()}) == [("MIT OR Apache-2.0",)]


@pytest.mark.parametrize(
    "text",
    [
        'TAG = "SPDX-License-Identifier: MIT"\n',
        "print('SPDX-License-Identifier: MIT')\n",
        "x = 1  # see SPDX-License-Identifier: MIT\n",
        "# REUSE-IgnoreStart\n# SPDX-License-Identifier: MIT\n# REUSE-IgnoreEnd\n",
        "x = 1\n" * 10_000 + "# SPDX-License-Identifier: MIT\n",
        "# License: MIT\n",
    ],
    ids=["string", "print", "trailing", "ignored", "far", "prose"],
)
def test_what_only_mentions_a_tag_is_none(text: str) -> None:
    assert seen({"a.py": text.encode()}) == []


@pytest.mark.parametrize("mark", ["# ", " * ", "// ", "; "])
def test_a_notice_counts_word_for_word_behind_any_comment_mark(mark: str) -> None:
    lines = [f"{mark}{line}".rstrip() for line in ["Copyright 2024 Somebody", "", *NOTICE.splitlines()]]
    assert seen({"a.py": ("\n".join(lines) + "\n\nimport os\n").encode()}) == [("Apache-2.0",)]


@pytest.mark.parametrize(
    ("old", "new"), [("may not use", "may use"), ("Version 2.0", "Version 2.1"), ("in compliance", "in defiance")]
)
def test_a_notice_that_was_changed_says_nothing(old: str, new: str) -> None:
    text = "".join(f"# {line}\n" for line in NOTICE.replace(old, new).splitlines())
    assert seen({"a.py": text.encode()}) == []


def test_holders_are_repeated_once_each() -> None:
    text = (
        "# SPDX-FileCopyrightText: 2024 Ada <ada@example.org>\n# SPDX-FileCopyrightText: 2023 Bob\n"
        "# SPDX-FileCopyrightText: 2023 Bob\n# SPDX-License-Identifier: MIT\n"
    )
    assert seen({"a.py": text.encode()}, "licence.holder") == [("2024 Ada <ada@example.org>", "2023 Bob")]


def tensors(metadata: object) -> bytes:
    head = json.dumps({"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(head)) + head + b"\0" * 4


def test_tensor_metadata_declares() -> None:
    files = {"model.safetensors": tensors({"modelspec.license": "CreativeML Open RAIL-M", "format": "pt"})}
    assert seen(files, "licence.declared") == ["CreativeML-OpenRAIL-M"]
    assert seen({"model.safetensors": tensors({"license": "llama3.1"})}, "licence.declared") == ["Llama-3.1"]


@pytest.mark.parametrize("data", [b"\xff" * 7 + b"\0{}", struct.pack("<Q", 1 << 40) + b"{", tensors({})[:-2]])
def test_damaged_tensors_are_another_scanners_answer(data: bytes) -> None:
    assert scan_memory(plugin, {"model.safetensors": data}).answers == {}


@pytest.mark.usefixtures("must_end")
def test_a_header_made_of_marks_ends() -> None:
    for line in ("#" * 40_000, "/" * 40_000, " " * 40_000, '"' * 40_000, "*" * 40_000, "# " * 20_000):
        assert seen({"a.py": f"{line}\n{line}SPDX-License-Identifier:\n".encode()}) == []
