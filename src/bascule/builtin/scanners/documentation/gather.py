"""Everything that documents a subject, read in the order in which it is believed.

Rules: configurations before cards for what a loader reads; a file that is a policy before all else on that; the card
before all others for what people say; then dataset cards, records of runs, headers, reports; a fallback only where
nothing better spoke. What is no document, is too long or breaks its format is passed over, for other scanners tell of
it; only the file that speaks for the subject is missed, in the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import chain
from typing import Any, TypeVar

from bascule.builtin.scanners.documentation import cards, configs, data, packages, runs
from bascule.builtin.scanners.documentation.claim import Claim
from bascule.builtin.scanners.documentation.document import document
from bascule.plugins.kinds import Listed, ScanFile
from bascule.plugins.meta import Reads
from bascule.plugins.readers import Malformed, gguf, media, prose, safetensors
from bascule.plugins.readers.card import Card, main_card, named_card, parse_card, strings
from bascule.plugins.readers.documents import read_json_object
from bascule.plugins.readers.text import read_text
from bascule.records import ArtefactKind, ReadingSource

MAX_TEXT = 1 << 20
MAX_CONFIG = 1 << 20
MAX_SAFETENSORS_HEADER = 2 << 20
MAX_CARDS = 3
MAX_TRIED = 20
"""files of one name, until one says something"""

_CONFIGS = ("config.json", "model_index.json", "params.json")
_TRAINER = ("trainer_state.json", "train_results.json", "all_results.json", "training_args.json")
_RESULTS = ("eval_results*.json", "evaluation_results*.json", "results.json", "results_*.json", "all_results.json")
_USE_POLICY = ("*use?policy*", "*usage?policy*", "acceptable?use*", "*prohibited?use*")
_SECURITY = ("security.md", "security.txt", "security.rst")
_SUMMARY = ("*training?content?summary*", "*training?data?summary*", "*public?summary*")
_REPORTS = ("*technical?report*.md", "*tech?report*.md", "paper*.md")
_FETCHED = "*.cache/huggingface/download/*.metadata"
_PACKAGES = ("requirements.txt", "pyproject.toml", "*.dist-info/metadata")

READS = Reads(
    kinds=(ArtefactKind.MODEL_CARD, ArtefactKind.DATA_CARD),
    media_types=(media.GGUF, media.SAFETENSORS),
    names=(
        *_CONFIGS,
        *_TRAINER,
        *_RESULTS,
        *_USE_POLICY,
        *_SECURITY,
        *_SUMMARY,
        *_REPORTS,
        *_PACKAGES,
        _FETCHED,
        *("tokenizer_config.json", "preprocessor_config.json", "config_sentence_transformers.json", "modules.json"),
        *("sentence_bert_config.json", "emissions.csv", "meta.json", "citation.cff", "croissant.json"),
    ),
)

_READ_BY_LOADERS = ("input_modalities", "max_input", "output_modalities")

Made = TypeVar("Made")


def speaker(listing: Sequence[Listed]) -> str | None:
    """The one file at which everything is read: the card that speaks for the subject, else the first that is read."""
    return main_card(listing) or next(
        (item.path for item in listing if READS.match(item.path, item.kind, item.media_type)), None
    )


def gather(file: ScanFile) -> Iterator[Claim]:
    """All claims, the best of each name first. Raises `Malformed` in the end where the card cannot be read."""
    desk = Desk(file)
    card = desk.card()
    fallback: list[Claim] = []
    for claim in chain(_configurations(desk), _gguf(desk)):
        (yield claim) if claim.name in _READ_BY_LOADERS else fallback.append(claim)
    yield from _policies(desk)
    if card is not None:
        yield from _of_card(*card)
    yield from _data_cards(desk)
    yield from _runs(desk)
    yield from _citation(desk)
    yield from _headers(desk)
    yield from _reports(desk)
    yield from _packages(desk)
    yield from _channels(desk)
    yield from _package_readme(desk)
    yield from fallback
    yield from desk.loaders()
    if card is not None:
        yield from _library(*card)
    if desk.fault is not None:
        raise desk.fault


class Desk:
    """The subject's documents, each asked for by name, the nearest to the root first."""

    def __init__(self, file: ScanFile) -> None:
        self._file = file
        self.fault: Malformed | None = None
        """why the file that speaks for the subject cannot be read"""
        self.main = main_card(file.listing)
        self._listing = sorted(file.listing, key=lambda item: (item.path.count("/"), item.path))
        self._read = [item for item in self._listing if READS.match(item.path, item.kind, item.media_type)]

    def named(self, *names: str, kind: ArtefactKind | None = None, media_type: str = "") -> list[Listed]:
        """What bears such a name, kind or media type; names are shell patterns, lower case."""
        return [
            item
            for item in self._read
            if item.kind == kind
            or (media_type and item.media_type == media_type)
            or any(fnmatchcase(item.path.lower(), name) or fnmatchcase(_last(item.path), name) for name in names)
        ]

    def loaders(self) -> Iterator[Claim]:
        """What the formats of the weights need."""
        for item in self._listing:
            yield from configs.loader(item.media_type, item.path)

    def read(self, item: Listed, make: Callable[[ScanFile], Made]) -> Made | None:
        """What a reader makes of it, None where it cannot."""
        try:
            file = self._file if item.path == self._file.path else self._file.neighbour(item.path)
            return make(file) if file is not None else None
        except Malformed as error:
            if item.path == self._file.path:
                self.fault = error
            return None

    def text(self, item: Listed) -> str:
        """A text, empty where it is none or cannot be read."""
        if item.media_type not in _TEXTS:
            return ""
        return self.read(item, lambda file: read_text(file.read, file.size_bytes, MAX_TEXT).value) or ""

    def json(self, item: Listed) -> Mapping[str, Any]:
        """A JSON object, empty where it is none or cannot be read."""
        return self.read(item, lambda file: read_json_object(file.read, file.size_bytes, MAX_CONFIG)) or {}

    def first_json(self, *names: str) -> tuple[Mapping[str, Any], str]:
        """The object in the nearest file of such a name, and its path."""
        for item in self.named(*names)[:MAX_TRIED]:
            if found := self.json(item):
                return found, item.path
        return {}, ""

    def parsed(self, item: Listed) -> Card | None:
        """A card, None where it cannot be read."""
        return self.read(item, lambda file: parse_card(read_text(file.read, file.size_bytes, MAX_TEXT).value))

    def card(self) -> tuple[str, Card] | None:
        """The card that speaks for the subject."""
        item = next((item for item in self._read if item.path == self.main), None)
        card = self.parsed(item) if item is not None else None
        return (item.path, card) if item is not None and card is not None else None


_PROSE = (media.MARKDOWN, media.TEXT)
_TEXTS = (*_PROSE, media.CSV, media.TOML, media.YAML)


def _last(path: str) -> str:
    return path.lower().rsplit("/", 1)[-1]


def _configurations(desk: Desk) -> Iterator[Claim]:
    encoder, path = desk.first_json("sentence_bert_config.json")
    yield from configs.limit(encoder, path)
    config, path = _main_config(desk)
    if encoder or desk.named("config_sentence_transformers.json"):
        yield from _encoder_output(desk)
    yield from configs.modalities(config, path)
    speech, place = desk.first_json("preprocessor_config.json")
    yield from configs.speech_limit(speech, place)
    yield from configs.limit(config, path)
    tokenizer, place = desk.first_json("tokenizer_config.json")
    yield from configs.limit(tokenizer, place)
    yield from configs.design(config, path)
    saved, place = desk.first_json("config_sentence_transformers.json")
    yield from configs.versions(saved, place)
    yield from configs.versions(config, path)


def _main_config(desk: Desk) -> tuple[Mapping[str, Any], str]:
    """The configuration of the model as a whole, and not of a layer beside it such as a pooling."""
    for item in desk.named(*_CONFIGS)[:MAX_TRIED]:
        config = desk.json(item)
        if config.keys() & {"architectures", "model_type", "alignment_heads", "_class_name"}:
            return config, item.path
    return {}, ""


def _encoder_output(desk: Desk) -> Iterator[Claim]:
    for item in desk.named("modules.json", "config_sentence_transformers.json"):
        yield Claim("output_modalities", ("embedding",), item.path, "a sentence encoder", ReadingSource.MEASURED)
        return


def _of_card(path: str, card: Card) -> Iterator[Claim]:
    is_data = bool(data.CARD_KEYS & card.meta.keys())
    is_card = card.is_card or named_card(path)
    if is_data:
        yield from data.of_front_matter(card.meta, path)
    yield from cards.claims(document(path, card, is_card, "data" if is_data else ""))
    if not is_card:
        return
    for name, keys in (("provider", ("author", "authors", "organization")), ("model_name", ("model_name",))):
        for key in keys:
            if value := prose.phrase(", ".join(strings(card.meta.get(key)))):
                yield Claim(name, value, path, f"front matter `{key}`")
    yield from runs.of_model_index(card.meta.get("model-index"), path)
    yield from runs.of_co2(card.meta.get("co2_eq_emissions"), path)
    for task in strings(card.meta.get("pipeline_tag")):
        yield from configs.of_task(task, path)


def _data_cards(desk: Desk) -> Iterator[Claim]:
    """Cards of data, and READMEs beside the main card that bear the front matter of one."""
    for item in desk.named(kind=ArtefactKind.DATA_CARD)[:MAX_CARDS]:
        if item.path.lower().endswith(".json"):
            yield from data.of_croissant(desk.json(item), item.path)
        elif (card := desk.parsed(item)) is not None:
            yield from _of_data_card(item.path, card)
    for item in desk.named(kind=ArtefactKind.MODEL_CARD)[:MAX_TRIED]:
        card = desk.parsed(item) if item.path != desk.main else None
        if card is not None and data.CARD_KEYS & card.meta.keys():
            yield from _of_data_card(item.path, card)


def _of_data_card(path: str, card: Card) -> Iterator[Claim]:
    yield from data.of_front_matter(card.meta, path)
    spoken = cards.claims(document(path, card, is_card=True, about="data"))
    yield from (claim for claim in spoken if claim.name.startswith("data_"))


def _runs(desk: Desk) -> Iterator[Claim]:
    for item in desk.named(*_TRAINER)[: 2 * MAX_CARDS]:
        yield from runs.of_trainer(desk.json(item), item.path)
    for item in desk.named(*_RESULTS)[:MAX_CARDS]:
        yield from runs.of_results(desk.json(item), item.path)
    for item in desk.named("emissions.csv")[:1]:
        yield from runs.of_emissions(desk.text(item), item.path)


def _policies(desk: Desk) -> Iterator[Claim]:
    for name, patterns in (
        ("acceptable_use", _USE_POLICY),
        ("disclosure_policy", _SECURITY),
        ("training_summary", _SUMMARY),
    ):
        for item in [item for item in desk.named(*patterns) if item.media_type in _PROSE][:MAX_CARDS]:
            if words := prose.extract(desk.text(item), address=True):
                yield Claim(name, words, item.path)
                break


def _citation(desk: Desk) -> Iterator[Claim]:
    for item in desk.named("citation.cff")[:1]:
        if match := re.search(r"^date-released:\s*[\"']?(\d{4}-\d\d-\d\d)", desk.text(item), re.MULTILINE):
            yield Claim("release_date", match[1], item.path, "`date-released`")


def _gguf(desk: Desk) -> Iterator[Claim]:
    for item in desk.named(media_type=media.GGUF)[:1]:
        header = desk.read(item, gguf.header_of)
        if header is not None:
            yield from configs.of_gguf(header, item.path)


def _headers(desk: Desk) -> Iterator[Claim]:
    for item in desk.named(media_type=media.SAFETENSORS)[:1]:
        metadata = desk.read(item, _safetensors_metadata)
        yield from configs.of_modelspec(metadata or {}, item.path)
    for item in desk.named("meta.json")[:1]:
        yield from _spacy(desk.json(item), item.path)


def _safetensors_metadata(file: ScanFile) -> Mapping[str, str]:
    return safetensors.read_header(file.read, file.size_bytes, max_header_bytes=MAX_SAFETENSORS_HEADER).metadata


def _spacy(meta: Mapping[str, Any], path: str) -> Iterator[Claim]:
    """The description that spaCy keeps beside a pipeline."""
    if "spacy_version" not in meta:
        return
    name, language = strings(meta.get("name")), strings(meta.get("lang"))
    if name and language:
        yield Claim("model_name", f"{language[0]}_{name[0]}", path, "`lang`, `name`")
    for reading, key in (("provider", "author"), ("contact", "email"), ("software", "spacy_version")):
        if value := prose.phrase(", ".join(strings(meta.get(key)))):
            yield Claim(reading, f"spaCy {value}" if reading == "software" else value, path, f"`{key}`")
    sources = meta.get("sources")
    named = [row.get("name") for row in sources[:50] if isinstance(row, dict)] if isinstance(sources, list) else []
    if words := prose.phrase(", ".join(strings(named))):
        yield Claim("data_scope", f"sources: {words}", path, "`sources`")
    performance = meta.get("performance")
    yield from runs.of_results(performance if isinstance(performance, dict) else {}, path)


def _reports(desk: Desk) -> Iterator[Claim]:
    for item in desk.named(*_REPORTS)[:1]:
        if (card := desk.parsed(item)) is not None:
            yield from cards.claims(document(item.path, card, is_card=True))


def _package_readme(desk: Desk) -> Iterator[Claim]:
    """The README that a Python package carries below its metadata: how to use it, and more where it is a card."""
    for item in desk.named("*.dist-info/metadata")[:1]:
        try:
            card = parse_card(packages.readme_of(desk.text(item)))
        except Malformed:
            return
        yield from cards.claims(document(item.path, card, card.is_card))


def _channels(desk: Desk) -> Iterator[Claim]:
    """A package says under which name it is handed on; what was fetched from a hub, which revision it is."""
    for item in desk.named("*.dist-info/metadata")[:1]:
        if named := packages.name_of(desk.text(item)):
            yield Claim("channels", f"Python package {named}", item.path, "`Name`, `Version`", ReadingSource.MEASURED)
    for item in desk.named(_FETCHED)[:1]:
        if match := re.match(r"[0-9a-f]{40}\b", desk.text(item)):
            yield Claim("channels", f"the Hugging Face Hub, revision {match[0]}", item.path)


def _packages(desk: Desk) -> Iterator[Claim]:
    readers = {
        "requirements.txt": packages.of_requirements,
        "pyproject.toml": packages.of_pyproject,
        "metadata": packages.of_metadata,
    }
    for item in desk.named(*_PACKAGES)[:MAX_TRIED]:
        named = dict.fromkeys(readers[_last(item.path)](desk.text(item)))
        if asked := tuple(named)[: packages.MAX_PACKAGES]:
            yield Claim("dependencies", asked, item.path, "", ReadingSource.MEASURED)
            return


def _library(path: str, card: Card) -> Iterator[Claim]:
    for library in strings(card.meta.get("library_name"))[:1]:
        for name in ("technical_means", "software"):
            yield Claim(name, f"the library {library}", path, "front matter `library_name`")
