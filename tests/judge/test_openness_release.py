"""A whole release, as its files lie in a folder: the class from what the readers take the bytes for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bascule.judge.openness import openness_of
from bascule.kernel.digests import digest_of, sha256_of
from bascule.plugins.readers.media import classify, media_type_of
from bascule.records import Artefact, Openness, Subject
from builders import card, config, safetensors

CODE = b"import torch\n\n\ndef main() -> None:\n    print(torch)\n"
PARAMETERS = safetensors()
OPEN_SCIENCE: Mapping[str, tuple[bytes, str]] = {
    "model.safetensors": (PARAMETERS, "CDLA-Permissive-2.0"),
    "config.json": (config(), "Apache-2.0"),
    "modeling_small.py": (CODE, "Apache-2.0"),
    "README.md": (card(), "CC-BY-4.0"),
    "DATA_CARD.md": (b"# Data\nTickets of 2024, cleaned.\n", "CC-BY-4.0"),
    "eval_results.json": (b'{"f1": 0.8}', "CC-BY-4.0"),
    "paper.pdf": (b"%PDF-1.7\n% a paper\n", "CC-BY-4.0"),
    "train.py": (CODE, "Apache-2.0"),
    "run.py": (CODE, "Apache-2.0"),
    "evaluate.py": (CODE, "Apache-2.0"),
    "eval/questions.jsonl": (b'{"q": "why?"}\n', "CC-BY-4.0"),
    "data/train.jsonl": (b'{"text": "a ticket"}\n', "CC-BY-4.0"),
    "preprocess.py": (CODE, "Apache-2.0"),
    "checkpoints/step-1.safetensors": (PARAMETERS, "CDLA-Permissive-2.0"),
}


def released(files: Mapping[str, tuple[bytes, str]]) -> Openness:
    parts = []
    for path, (content, _) in files.items():
        media_type = media_type_of(content, len(content), path)
        kind = classify(path, media_type)
        size, sha256 = len(content), sha256_of(content)
        parts.append(Artefact(path=path, kind=kind, media_type=media_type, size_bytes=size, sha256=sha256))
    subject = Subject(ref="./release", digest=digest_of(b""), artefacts=tuple(parts))
    licences = {path: licence for path, (_, licence) in files.items()}
    return openness_of(subject, licences, ("training_data", "evaluation"), {})


def test_a_release_with_everything_in_it_is_open_science_and_open_source() -> None:
    openness = released(OPEN_SCIENCE | {"model.safetensors": (PARAMETERS, "Apache-2.0")})
    assert (openness.mof_class, openness.gaps) == ("I", ())
    assert openness.osaid is not None
    assert openness.osaid.answer == "met"


@pytest.mark.parametrize(
    ("path", "instead", "expected"),
    [
        ("data/train.jsonl", None, "II"),
        ("preprocess.py", b"not code: %PDF-", "I"),  # text with a Python name is Python as far as anybody can see
        ("preprocess.py", b"", "II"),
        ("checkpoints/step-1.safetensors", b"\x00\x01 torn", "II"),
        ("evaluate.py", None, "III"),
        ("train.py", b"", "III"),
        ("paper.pdf", b"\x7fELF not a paper", "none"),
        ("modeling_small.py", None, "none"),
        ("model.safetensors", b"<html>a page that says no", "none"),
        ("README.md", b"", "none"),
    ],
)
def test_a_file_that_is_not_there_or_not_what_it_claims_costs_its_class(
    path: str, instead: bytes | None, expected: str
) -> None:
    files = {name: part for name, part in OPEN_SCIENCE.items() if name != path}
    if instead is not None:
        files[path] = (instead, OPEN_SCIENCE[path][1])
    assert released(files).mof_class == expected


@pytest.mark.parametrize("licence", ["CC-BY-NC-4.0", "Llama-3.1", "Apache-2.0 AND CC-BY-NC-4.0", "other"])
def test_weights_under_a_licence_that_is_not_known_to_be_open_are_in_no_class(licence: str) -> None:
    openness = released({**OPEN_SCIENCE, "model.safetensors": (PARAMETERS, licence)})
    assert openness.mof_class == "none"
    [gap] = openness.gaps
    assert licence in gap
