"""Which licence covers which part: what a file says of itself is of that file alone."""

from __future__ import annotations

import pytest

from bascule.judge.licensing.consensus import Declaration
from bascule.judge.licensing.coverage import licences_by_path
from bascule.kernel.digests import digest_of_json
from bascule.records import Artefact
from bascule.records import ArtefactKind as K

SOMEBODY = digest_of_json("somebody")


def part(path: str, kind: K) -> Artefact:
    return Artefact(path=path, kind=kind, media_type="application/x", size_bytes=1, sha256="0" * 64)


def text(path: str, licence: str) -> Declaration:
    return Declaration(path, licence, True, SOMEBODY)


def words(path: str, licence: str) -> Declaration:
    return Declaration(path, licence, False, SOMEBODY)


WEIGHTS = part("m/model.safetensors", K.WEIGHTS)


@pytest.mark.parametrize("name", ["m/modeling.py", "m/kernels.cu", "m/other.gguf", "m/sample.parquet"])
def test_what_a_file_says_of_itself_does_not_cover_what_lies_beside_it(name: str) -> None:
    found = licences_by_path([WEIGHTS], [words(name, "Apache-2.0"), text("LICENSE", "CC-BY-NC-4.0")])
    assert found == {"m/model.safetensors": "CC-BY-NC-4.0"}
    assert licences_by_path([WEIGHTS], [words(name, "Apache-2.0")]) == {}


def test_what_a_file_says_of_itself_counts_for_it_beside_what_lies_above() -> None:
    code = part("m/modeling.py", K.INFERENCE_CODE)
    found = licences_by_path([code], [words("m/modeling.py", "Apache-2.0"), text("LICENSE", "CC-BY-NC-4.0")])
    assert found == {"m/modeling.py": "Apache-2.0 AND CC-BY-NC-4.0"}


def test_a_card_covers_what_lies_beside_it() -> None:
    assert licences_by_path([WEIGHTS], [words("m/README.md", "MIT"), text("LICENSE", "GPL-3.0")]) == {
        "m/model.safetensors": "MIT"
    }


def test_a_vendored_folder_and_a_packages_metadata_cover_their_own_alone() -> None:
    parts = [part("model.safetensors", K.WEIGHTS), part("vendor/x.py", K.LIBRARIES), part("node/i.js", K.LIBRARIES)]
    said = [text("LICENSE", "Llama-2"), text("vendor/LICENSE", "MIT"), words("node/package.json", "ISC")]
    assert licences_by_path(parts, said) == {"model.safetensors": "Llama-2", "vendor/x.py": "MIT", "node/i.js": "ISC"}


def test_a_licence_that_names_two_parts_covers_both() -> None:
    parts = [part("model.safetensors", K.WEIGHTS), part("x.py", K.INFERENCE_CODE), part("d.jsonl", K.DATASET)]
    said = [text("LICENSE-code-and-model", "Llama-2"), text("LICENSE", "MIT")]
    assert licences_by_path(parts, said) == {"model.safetensors": "Llama-2", "x.py": "Llama-2", "d.jsonl": "MIT"}


def test_all_texts_of_a_reuse_folder_hold_at_once() -> None:
    said = [text("LICENSES/MIT.txt", "MIT"), text("LICENSES/CC-BY-NC-4.0.txt", "CC-BY-NC-4.0")]
    assert licences_by_path([WEIGHTS], said) == {"m/model.safetensors": "CC-BY-NC-4.0 AND MIT"}
