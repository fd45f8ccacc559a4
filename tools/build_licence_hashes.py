"""Builds the table of licence hashes that `bascule.plugins.readers.licences` ships; the texts stay where they are.

Sources, as the package registries serve them: the npm package `spdx-license-list` (CC0-1.0; the SPDX texts) and the
PyPI package `scancode-toolkit` (licence data CC-BY-4.0; the model licences, and second readings of SPDX texts).
`--wheel` takes packages that carry the licence of their model as a file (`PACKAGED`). `--texts FOLDER` takes files
named `<id>.txt`, or `<id>@<which>.txt` for a second reading, from a person who has read them. What is written is facts:
ids, hashes, lengths and titles. See NOTICE.

    npm pack spdx-license-list && pip download --no-deps scancode-toolkit deepfloyd_if hy3dgen
    python tools/build_licence_hashes.py --spdx spdx-license-list-*.tgz --scancode scancode_toolkit-*.whl \\
        --wheel deepfloyd_if-*.whl hy3dgen-*.whl

Rules: two ids never share a hash (a form that two have in common is left out of both, and named); ids that differ only
in `-only`, `-or-later` or `+` share one text and are named by the shortest of them, since the text does not say which;
a second reading of an SPDX text counts only where at least 0.9 of its five-word runs agree with the first.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import yaml

from bascule.plugins.readers.licences.normal import NormalText, digest_words, normalise, shingles
from bascule.plugins.readers.licences.table import MAX_TITLE, OPENING, SKETCH_SIZE, opening, title_forms

# Licences of whose notices in source headers scancode's rules hold many wordings.
NOTICED = {
    "agpl-3.0": "AGPL-3.0-only", "agpl-3.0-plus": "AGPL-3.0-or-later", "apache-2.0": "Apache-2.0",
    "bsl-1.0": "BSL-1.0", "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0", "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0", "cc0-1.0": "CC0-1.0", "epl-2.0": "EPL-2.0", "eupl-1.2": "EUPL-1.2",
    "gpl-2.0": "GPL-2.0-only", "gpl-2.0-plus": "GPL-2.0-or-later", "gpl-3.0": "GPL-3.0-only",
    "gpl-3.0-plus": "GPL-3.0-or-later", "lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1-plus": "LGPL-2.1-or-later",
    "lgpl-3.0": "LGPL-3.0-only", "lgpl-3.0-plus": "LGPL-3.0-or-later", "llama-2-license-2023": "Llama-2",
    "mpl-2.0": "MPL-2.0",
}  # fmt: skip
# Fewer words are a mention, not a notice; more are a text.
NOTICE_WORDS = range(20, 400)

OUT = Path(__file__).parents[1] / "src/bascule/plugins/readers/licences/texts.json"

MODEL_LICENCES = {
    "apple-ml-ferret-2023": "Apple-ML-Ferret",
    "bigcode-open-rail-m-v1": "BigCode-OpenRAIL-M",
    "bigscience-open-rail-m": "BigScience-OpenRAIL-M",
    "bigscience-open-rail-m2": "CreativeML-OpenRAIL++-M",
    "bigscience-rail-1.0": "BigScience-BLOOM-RAIL-1.0",
    "bilibili-model-ula-2025-09-09": "Bilibili-Model",
    "deepseek-la-1.0": "DeepSeek",
    "exaone-ai-model-1.1-nc": "EXAONE-1.1-NC",
    "fair-ai-public-1.0": "Fair-AI-Public-1.0",
    "fair-ai-public-1.0-sd": "Fair-AI-Public-1.0-SD",
    "falcon-2-11b-1.0": "Falcon-2-11B",
    "flux-1-nc": "FLUX.1-dev",
    "gemma-pup-2024-02-21": "Gemma-Prohibited-Use-Policy",
    "gemma-tou-2024-04-01": "Gemma",
    "gemma-tou-2025-03-24": "Gemma",
    "gretelai-sal-1.0": "Gretel-SAL-1.0",
    "hyperclova-x-seed-2025": "HyperCLOVA-X-SEED",
    "llama-2-license-2023": "Llama-2",
    "llama-3.1-license-2024": "Llama-3.1",
    "llama-3.2-license-2024": "Llama-3.2",
    "llama-3.3-license-2024": "Llama-3.3",
    "llama-4-cla-2025": "Llama-4",
    "llama-4-license-2025": "Llama-4",
    "llama-license-2023": "LLaMA-1",
    "ltxv-owl-2025-04-17": "LTXV-OpenWeights",
    "ltxv-owl-2025-05-05": "LTXV-OpenWeights",
    "mdl-2021": "Montreal-Data-License",
    "moonshot-ai-modified-mit-2025": "Kimi-K2",
    "nvidia-model-training-2025": "NVIDIA-Model-Training-Data",
    "nvidia-open-model-2025-04-28": "NVIDIA-Open-Model",
    "open-aleph-1.0": "Open-Aleph-1.0",
    "open-weights-permissive-1.0.0": "Open-Weights-Permissive-1.0",
    "openatom-model-1.0": "OpenAtom-Model-1.0",
    "qwen-2024": "Qwen",
    "responsible-ai-source-1.0": "RAIL-S-1.0",
    "responsible-ai-source-1.1": "RAIL-S-1.1",
    "salesforce-ai-aup-2025": "Salesforce-AI-AUP",
    "soml-1.0": "SOM-1.0",
    "stability-ai-community-2024": "Stability-Community",
    "stability-ai-nc-2023-12-06": "Stability-NC-Research",
    "stable-diffusion-2022-08-22": "CreativeML-OpenRAIL-M",
    "tencent-hunyuan-3d-2.0-cla": "Tencent-Hunyuan-3D-2.0",
    "tongyi-qianwen-2023": "Tongyi-Qianwen",
}

# (distribution, file in its dist-info) to id: packages that carry the licence of the model that they load.
PACKAGED = {
    ("deepfloyd_if", "LICENSE-MODEL"): "DeepFloyd-IF",
    ("hy3dgen", "licenses/LICENSE"): "Tencent-Hunyuan-3D-2.0",
}

# Names that people put above a text, beside those that the sources know.
MORE_TITLES = {
    "0BSD": ("BSD Zero Clause License", "Zero-Clause BSD"),
    "Apache-2.0": ("Apache License", "Apache Software License 2.0", "The Apache License 2.0"),
    "BSD-2-Clause": ("BSD License", "BSD 2-Clause License", "Simplified BSD License", "FreeBSD License"),
    "BSD-3-Clause": (
        "BSD License",
        "New BSD License",
        "Modified BSD License",
        "Revised BSD License",
        "BSD 3-Clause License",
        "3-Clause BSD License",
    ),
    "ISC": ("ISC License (ISC)", "ISC"),
    "MIT": ("MIT License", "The MIT License (MIT)", "MIT License (MIT)", "Expat License", "MIT/X11 License"),
}

# What ends the terms; what follows tells how to apply them, and may be cut or kept to the notice alone.
_END = normalise("end of terms and conditions").words
_APPLY = normalise("how to apply").words
_NOTICE = normalise("licensed under the apache license version 2.0 the license").words
_TITLE_WORDS = frozenset(normalise("license licence agreement rail policy terms lgpl gpl agpl").words)


class Row(TypedDict):
    """One licence in the table."""

    id: str
    forms: list[tuple[str, int, int]]
    titles: list[str]
    sentences: str
    texts: list[str]
    sketch: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spdx", type=Path, required=True, metavar="TGZ")
    parser.add_argument("--scancode", type=Path, required=True, metavar="WHL")
    parser.add_argument("--wheel", type=Path, nargs="*", default=[], metavar="WHL")
    parser.add_argument("--texts", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()

    texts: dict[str, list[str]] = defaultdict(list)
    titles: dict[str, set[str]] = defaultdict(set)
    spdx = read_spdx(options.spdx)
    names = name_families({licence_id: normalise(text).sha256 for licence_id, (_, text) in spdx.items()})
    for licence_id, (name, text) in sorted(spdx.items()):
        texts[names[licence_id]].append(text)
        titles[names[licence_id]] |= {name, licence_id}
    owners = {normalise(text).sha256: licence_id for licence_id in texts for text in texts[licence_id]}
    for key, row, text in read_scancode(options.scancode):
        known = MODEL_LICENCES.get(key) or names.get(row.get("spdx_license_key", ""))
        if known is None or not normalise(text).words:
            continue
        others = owners.get(normalise(text).sha256, known)
        if others == known and (key in MODEL_LICENCES or agrees(text, texts[known])):
            texts[known].append(text)
        titles[known] |= {row["name"], row["short_name"]}
    for path in sorted(options.texts.glob("*.txt")) if options.texts else ():
        texts[path.stem.partition("@")[0]].append(path.read_text("utf-8"))
    for licence_id, text in read_wheels(options.wheel):
        texts[licence_id].append(text)
    for licence_id, more in MORE_TITLES.items():
        titles[licence_id] |= set(more)

    rows = [row_of(licence_id, texts[licence_id], titles[licence_id]) for licence_id in sorted(texts)]
    for sha256, ids in sorted(shared_forms(rows).items()):
        print(f"{' and '.join(sorted(ids))} share the form {sha256}: left out of both", file=sys.stderr)
    body = ",\n".join(json.dumps(row, sort_keys=True, separators=(",", ":")) for row in rows)
    options.out.write_text(f'{{"schema":"bascule.licence-texts/1","licences":[\n{body}\n]}}\n', "utf-8")
    notices = read_notices(options.scancode, {form[0] for row in rows for form in row["forms"]})
    lines = ",\n".join(json.dumps({"id": name, "forms": forms}, separators=(",", ":")) for name, forms in notices)
    path = options.out.with_name("notices.json")
    path.write_text(f'{{"schema":"bascule.licence-notices/1","notices":[\n{lines}\n]}}\n', "utf-8")
    print(f"{sum(len(forms) for _, forms in notices)} notices, {path.stat().st_size} bytes")
    print(f"{len(rows)} licences, {sum(len(row['forms']) for row in rows)} forms, {options.out.stat().st_size} bytes")
    return 0


def read_spdx(path: Path) -> dict[str, tuple[str, str]]:
    """id -> (name, text)"""
    with tarfile.open(path) as archive:
        member = archive.extractfile("package/spdx-full.json")
        assert member is not None
        full = json.load(member)
    return {licence_id: (row["name"], row["licenseText"]) for licence_id, row in full.items()}


def read_scancode(path: Path) -> Iterator[tuple[str, dict[str, str], str]]:
    """(key, metadata, text)"""
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if match := re.fullmatch(r"licensedcode/data/licenses/(.+)\.LICENSE", name):
                _, head, *text = re.split(
                    r"^---\s*$", archive.read(name).decode("utf-8"), maxsplit=2, flags=re.MULTILINE
                )
                yield match[1], yaml.load(head, yaml.CSafeLoader), "".join(text)


def read_notices(path: Path, texts: set[str]) -> list[tuple[str, list[tuple[str, int, int]]]]:
    """(id, forms) of notices that scancode's rules give to one licence alone for sure, and that are no text."""
    owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".RULE"):
                continue
            _, head, *body = re.split(r"^---\s*$", archive.read(name).decode("utf-8"), maxsplit=2, flags=re.MULTILINE)
            if "is_license_notice: yes" not in head:
                continue
            row = yaml.load(head, yaml.CSafeLoader)
            words = normalise(re.sub(r"\{\{|\}\}", "", "".join(body))).words  # marks of what a match must hold
            if len(words) in NOTICE_WORDS and row.get("relevance", 100) == 100 and not row.get("is_false_positive"):
                owners[words].add(row["license_expression"])
    noticed = {
        words: NOTICED[next(iter(expressions))]
        for words, expressions in owners.items()
        if len(expressions) == 1 and expressions <= NOTICED.keys() and digest_words(words) not in texts
    }
    forms: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for words, licence_id in noticed.items():
        forms[licence_id].append((digest_words(words), len(words), opening(words[:OPENING])))
    return sorted((licence_id, sorted(found)) for licence_id, found in forms.items())


def read_wheels(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """(id, text) of the files that `PACKAGED` names."""
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                distribution, _, file = name.partition(".dist-info/")
                if found := PACKAGED.get((distribution.partition("-")[0], file)):
                    yield found, archive.read(name).decode("utf-8")


def name_families(hashes: dict[str, str]) -> dict[str, str]:
    """id -> the shortest id that has the same text"""
    families: dict[str, list[str]] = defaultdict(list)
    for licence_id, sha256 in hashes.items():
        base = re.sub(r"(\+|-only|-or-later)$", "", licence_id)
        families[hashes.get(base, sha256)].append(licence_id)
    return {licence_id: min(family, key=lambda i: (len(i), i)) for family in families.values() for licence_id in family}


def agrees(text: str, others: list[str]) -> bool:
    runs = shingles(normalise(text).words)
    pairs = ((runs, shingles(normalise(other).words)) for other in others)
    return any(len(ours & theirs) >= 0.9 * len(ours | theirs) for ours, theirs in pairs)


def row_of(licence_id: str, texts: list[str], names: set[str]) -> Row:
    normals = [normalise(text) for text in texts]
    own = {" ".join(normalise(name).words).removeprefix("the ") for name in names} - {""}
    titles = set(title_forms(own))
    forms: dict[str, tuple[int, int]] = {}
    for text, normal in zip(texts, normals, strict=True):
        for words in ways(normal, title_of(text), titles):
            forms[digest_words(words)] = (len(words), opening(words[:OPENING]))
    first = normals[0]
    sentences = dict.fromkeys(sentence.digest for normal in normals for sentence in normal.sentences)
    return {
        "id": licence_id,
        "forms": sorted((sha256, length, start) for sha256, (length, start) in forms.items()),
        "titles": sorted(own),
        "sentences": base64.b64encode(b"".join(sentences)).decode(),
        "texts": sorted({numbers for normal in normals for numbers in numbers_of(normal, list(sentences))}),
        "sketch": base64.b64encode(
            b"".join(run.to_bytes(4, "big") for run in sorted(shingles(first.words))[:SKETCH_SIZE])
        ).decode(),
    }


def numbers_of(normal: NormalText, sentences: list[bytes]) -> Iterator[str]:
    """A text as two bytes for each of its sentences, where it stands in the list of all: whole, and its terms alone."""
    places = {digest: place for place, digest in enumerate(sentences)}
    starts = [0]
    for sentence in normal.sentences:
        starts.append(starts[-1] + len(sentence.words))
    for start, end in terms_of(normal.words):
        inside = [s for s, at in zip(normal.sentences, starts, strict=False) if start <= at < end]
        yield base64.b64encode(b"".join(places[s.digest].to_bytes(2, "big") for s in inside)).decode()


def terms_of(words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the text begins and ends, in words: with what is said about it, and without."""
    yield 0, len(words)
    if (cut := end_of_terms(words)) is not None:
        yield 0, cut + len(_END)
    if terms := creative_commons_terms(words):
        start = find(words, terms)
        assert start is not None
        yield start, start + len(terms)


def title_of(text: str) -> tuple[str, ...]:
    """The first paragraph, where it is short and calls itself a licence."""
    paragraph = re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0]
    words = normalise(paragraph).words
    ends = paragraph.rstrip().endswith((".", ";", ","))
    return words if len(words) <= MAX_TITLE and _TITLE_WORDS & set(words) and not ends else ()


def ways(normal: NormalText, title: tuple[str, ...], titles: set[str]) -> Iterator[tuple[str, ...]]:
    """Every way in which the whole text is published: with or without its title, preamble and appendix."""
    bodies = [normal.words]
    if title and normal.words[: len(title)] == title:
        bodies.append(normal.words[len(title) :])
    bodies += [
        normal.words[length:]
        for length in range(1, MAX_TITLE + 1)
        if " ".join(normal.words[:length]) in titles and len(normal.words) > 3 * length
    ]
    bodies += [body for body in map(creative_commons_terms, bodies) if body]
    for body in bodies:
        yield body
        if (cut := end_of_terms(body)) is not None:
            yield body[:cut]
            yield body[: cut + len(_END)]
            if (notice := find(body[cut:], _NOTICE)) is not None:
                yield body[: cut + len(_END)] + body[cut + notice :]


def end_of_terms(words: tuple[str, ...]) -> int | None:
    """Where the terms end, if what follows only tells how to apply them. A RAIL's use restrictions follow that line
    too, in an attachment that binds: without it, it is another licence."""
    cut = find(words, _END)
    if cut is None:
        return None
    tail = words[cut + len(_END) :]
    return cut if not tail or find(tail[:24], _APPLY) is not None else None


def creative_commons_terms(words: tuple[str, ...]) -> tuple[str, ...]:
    """The terms of a CC 4.0 licence without the notes before and after, which are no part of it by their own words."""
    end = find(words, normalise("creative commons is not a party to its public licenses").words)
    start = find(words, normalise("by exercising the licensed rights").words)
    if start is None:
        return ()
    title = next((s for s in range(start, -1, -1) if words[s : s + 2] == ("creative", "commons")), None)
    return words[title:end] if title is not None else ()


def find(words: tuple[str, ...], wanted: tuple[str, ...]) -> int | None:
    spots = (i for i in range(len(words) - len(wanted) + 1) if words[i : i + len(wanted)] == wanted)
    return next(spots, None)


def shared_forms(rows: list[Row]) -> dict[str, set[str]]:
    """Takes the forms that two licences have in common out of both, and names them."""
    owners: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for sha256, _, _ in row["forms"]:
            owners[sha256].add(row["id"])
    shared = {sha256: ids for sha256, ids in owners.items() if len(ids) > 1}
    for row in rows:
        row["forms"] = [form for form in row["forms"] if form[0] not in shared]
    return shared


if __name__ == "__main__":
    raise SystemExit(main())
