"""Keras models, in HDF5 files and `.keras` archives: what would loading one do?

Keras builds a model from a configuration in JSON that names classes and functions, and may carry functions as
marshalled Python. The configuration is read here, never built; weights are not read. An HDF5 file is also asked whether
it leads out of itself, since libraries follow external links and storage to any file that the process may read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from bascule.builtin.scanners.keras_config.examples import EXAMPLES
from bascule.builtin.scanners.keras_config.judge import CUSTOM, RUNS, Concern, concerns_of
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.plugins.readers import Malformed, Truncated, hdf5, media
from bascule.plugins.readers import zip as zips
from bascule.plugins.readers.documents import read_json_object
from bascule.plugins.readers.protobuf import Field, Wire
from bascule.records import Finding, Outcome, Severity

EXTERNAL, MALFORMED = "hdf5-external", "hdf5-malformed"
MAX_CONFIG = 32 << 20
MAX_PACKED_WEIGHTS = 64 << 20
MAX_TOLD = 50
_ALL = (RUNS, CUSTOM, EXTERNAL, MALFORMED)
_CONFIGS = ("model_config", "training_config")
_PLAIN_CONFIGS = (
    "config.json",
    "task.json",
    "preprocessor.json",
    "model.json",
    "*model_config.json",
    "*architecture.json",
)
_SAVED_MODEL = ("saved_model.pb", "keras_metadata.pb")
_ZIPS = (media.KERAS_ZIP, media.ZIP, media.TORCH_ZIP, media.NPZ)

_REBUILD = "rebuild the model from source that you have read and load only its weights, saved as safetensors"
META = Meta(
    id="keras_config",
    title="Keras models",
    rules=(
        Rule(
            id=RUNS,
            question="Would loading this Keras model run code that it carries or names, or reach files and addresses?",
            severity=Severity.CRITICAL,
            remedy=f"do not load it, not even with `safe_mode`; {_REBUILD}",
            why="A Lambda layer is marshalled Python, and a configuration may name any function of an importable "
            "module; versions of Keras before 3.11.3 run both on load, and the HDF5 path ignores `safe_mode`.",
            references=(
                "CVE-2024-3660",
                "CVE-2025-1550",
                "CVE-2025-8747",
                "CVE-2025-9905",
                "CVE-2025-9906",
                "CVE-2025-49655",
                "CVE-2025-12058",
                "CVE-2025-12060",
                "CWE-502",
            ),
        ),
        Rule(
            id=CUSTOM,
            question="Does the model need a layer or function whose code is not in Keras?",
            severity=Severity.MEDIUM,
            remedy="read the code of the named object, pin it, and ask for a waiver that names who read it",
            why="A custom object is code that must be imported for the model to load. It is not in the file, so nobody "
            "can say from the file what it does.",
            references=("CWE-829",),
        ),
        Rule(
            id=EXTERNAL,
            question="Does this HDF5 file lead to data outside itself?",
            severity=Severity.HIGH,
            remedy="write the file again with its data inside, from a copy that you trust",
            why="Libraries follow external links and external storage to any path that the process may read, so that "
            "a file from elsewhere can pull in private ones, or weights that nobody reviewed.",
            references=("CVE-2026-1669", "CWE-73"),
        ),
        Rule(
            id=MALFORMED,
            question="Does this HDF5 file break its format?",
            severity=Severity.HIGH,
            remedy="do not load this file; fetch it again from its publisher and compare digests, or write it anew",
            why="The HDF5 library is written in C and trusts sizes and addresses in many places; files that contradict "
            "themselves have been used to read and overwrite memory of the loading process.",
            references=("CVE-2024-32608", "CWE-125", "CWE-787"),
        ),
    ),
    reads=Reads(media_types=(media.HDF5, media.KERAS_ZIP), names=("*.keras", *_SAVED_MODEL, *_PLAIN_CONFIGS)),
    limits=(
        "weights and other raw data are not read, nor are attributes other than `model_config` and `training_config`",
        "what a custom object does is not in the file; that it is named is told",
        "a function named by a bare word, such as an activation, is not told from Keras's own",
        "of JSON files, those are read that bear a name by which Keras or KerasHub writes a configuration",
        "dense storage of links or attributes, shared messages and files in several parts are answered `not-available`",
    ),
)


class KerasConfig:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> Sequence[Example]:
        return EXAMPLES

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        if file.media_type == media.HDF5:
            yield from _hdf5(file.path, file.read, file.size_bytes, "")
        elif file.media_type in _ZIPS:
            yield from _archive(file)
        elif file.path.lower().endswith(".pb"):
            yield from _saved_model(file)
        elif file.path.lower().endswith(".json"):
            yield from _plain_config(file)


plugin = KerasConfig()


def _hdf5(path: str, read: hdf5.Read, size_bytes: int, inside: str) -> Iterator[Finding]:
    """inside: the member's name and `!` where the file lies in an archive."""
    try:
        contents = hdf5.read_contents(read, size_bytes, frozenset(_CONFIGS))
    except Truncated:
        raise
    except Malformed as error:
        yield from _fault(path, error, inside)
        return
    for place in contents.outside:
        target = f" to `{place.target}`" if place.target else ""
        yield _finding(path, EXTERNAL, Outcome.TRUE, f"{place.how}{target}", f"{inside}{place.path}")
    if contents.missed:
        said = f"not understood here: {'; '.join(contents.missed[:5])}"
        for rule in _ALL:
            yield _finding(path, rule, Outcome.NOT_AVAILABLE, visible(said, 1500), inside)
    for attribute in contents.attributes:
        yield from _document(path, attribute.value, f"{inside}{attribute.path}@{attribute.name}")
    if contents.faults:
        lies = [fault for fault in contents.faults if not isinstance(fault, Truncated)]
        yield from _fault(path, (lies or contents.faults)[0], inside)


def _fault(path: str, fault: Malformed, inside: str) -> Iterator[Finding]:
    """What contradicts itself is `true`; what ends early may be a broken download, and is an error."""
    said = f"breaks the HDF5 format: {visible(str(fault), 400)}"
    lies = not isinstance(fault, Truncated)
    yield _finding(path, MALFORMED, Outcome.TRUE if lies else Outcome.ERROR, said, inside)
    for rule in (RUNS, CUSTOM, EXTERNAL):
        yield _finding(path, rule, Outcome.ERROR, said, inside)


def _archive(file: ScanFile) -> Iterator[Finding]:
    """Every member that some loader would take for the configuration or for weights."""
    directory = zips.read_directory(file.read, file.size_bytes)
    configured = False
    for entry in directory.entries:
        last = entry.name.replace("\\", "/").rsplit("/", 1)[-1].lower()
        if last == "config.json":
            configured = True
            data = b"".join(zips.open_member(file.read, entry, max_bytes=MAX_CONFIG, check_crc=False))
            yield from _document(file.path, data, f"{entry.name}!")
        elif last.endswith((".h5", ".hdf5")):
            yield from _weights(file, entry)
    if not configured:
        said = "the archive holds no `config.json`, so nothing is known of the model"
        for rule in (RUNS, CUSTOM):
            yield _finding(file.path, rule, Outcome.NOT_AVAILABLE, said, "")


def _plain_config(file: ScanFile) -> Iterator[Finding]:
    """A configuration as a file, as `Model.to_json` and presets of KerasHub write it. Most `config.json` are not."""
    try:
        document = read_json_object(file.read, file.size_bytes)
    except Malformed:
        # Keras takes nothing else; whose configuration this is will say so.
        return
    if isinstance(document.get("class_name"), str) and "config" in document:
        yield from _concerns(file.path, document, "")


def _saved_model(file: ScanFile) -> Iterator[Finding]:
    """The configurations that Keras leaves in a SavedModel, from which it builds the layers again, Lambdas included.

    `keras_metadata.pb`: nodes (1) with metadata (5); `saved_model.pb`: of each graph (2) the object graph (7), its
    nodes (1) and their user object (4) with metadata (3). Source: `saved_metadata.proto`, `saved_object_graph.proto`.
    """
    wire = Wire(file.read, file.size_bytes)
    steps = (1, 5) if file.path.lower().endswith("keras_metadata.pb") else (2, 7, 1, 4, 3)
    told: set[tuple[str, str]] = set()
    for part in _below(wire, wire.whole(), steps):
        text = wire.text(part, MAX_CONFIG)
        if not text.lstrip().startswith("{"):
            continue
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for finding in _concerns(file.path, document, f"offset {part.start:#x}"):
            key = (finding.rule, str(finding.details["name"]))
            if key not in told and len(told) < MAX_TOLD:
                told.add(key)
                # The layers of a SavedModel run from its graph where their class is not at hand.
                yield finding if finding.rule == RUNS else finding.model_copy(update={"severity": Severity.INFO})


def _below(wire: Wire, fields: Iterator[Field], steps: tuple[int, ...]) -> Iterator[Field]:
    for part in fields:
        if part.number == steps[0]:
            if len(steps) == 1:
                yield part
            else:
                yield from _below(wire, wire.inside(part), steps[1:])


def _weights(file: ScanFile, entry: zips.ZipEntry) -> Iterator[Finding]:
    place = f"{entry.name}!"
    if entry.method == zips.STORED and entry.data_offset is not None and not entry.flags & zips.ENCRYPTED:
        # Keras stores its weights unpacked: they are read where they lie.
        start, size = entry.data_offset, entry.size_bytes

        def within(offset: int, count: int) -> bytes:
            if offset + count > size:
                raise Truncated(f"{count} bytes at {offset} of `{visible(entry.name, 100)}`, which has {size}")
            return file.read(start + offset, count)

        yield from _hdf5(file.path, within, size, place)
    elif entry.size_bytes > MAX_PACKED_WEIGHTS:
        said = f"packed weights of {entry.size_bytes} bytes, more than the {MAX_PACKED_WEIGHTS} that are unpacked"
        for rule in _ALL:
            yield _finding(file.path, rule, Outcome.NOT_AVAILABLE, said, place)
    else:
        data = b"".join(zips.open_member(file.read, entry, max_bytes=MAX_PACKED_WEIGHTS, check_crc=False))

        def unpacked(offset: int, count: int) -> bytes:
            if offset + count > len(data):
                raise Truncated(f"{count} bytes at {offset} of `{visible(entry.name, 100)}`, which has {len(data)}")
            return data[offset : offset + count]

        yield from _hdf5(file.path, unpacked, len(data), place)


def _document(path: str, data: bytes, place: str) -> Iterator[Finding]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"{visible(place, 200)} is not JSON: {visible(str(error), 200)}") from error
    yield from _concerns(path, document, place)


def _concerns(path: str, document: object, place: str) -> Iterator[Finding]:
    told: dict[str, set[str]] = {RUNS: set(), CUSTOM: set()}
    for concern in concerns_of(document):
        # One finding a name, and so many a rule: a model repeats its layers by the hundred.
        names = told[concern.rule]
        if concern.name in names or len(names) >= MAX_TOLD:
            continue
        names.add(concern.name)
        yield Finding(
            rule=concern.rule,
            outcome=Outcome.TRUE,
            severity=concern.severity,
            message=concern.message,
            artefact=path,
            location=visible(f"{place} {concern.place}".strip(), 900),
            remedy=META.rule(concern.rule).remedy,
            references=_references(concern, place),
            details={"name": concern.name},
        )


def _references(concern: Concern, place: str) -> tuple[str, ...]:
    # The loader of HDF5 files never asked `safe_mode`.
    in_hdf5 = concern.name == "lambda" and place.endswith(_CONFIGS)
    return (*concern.references, "CVE-2025-9905") if in_hdf5 else concern.references


def _finding(path: str, rule: str, outcome: Outcome, message: str, location: str) -> Finding:
    told = META.rule(rule)
    return Finding(
        rule=rule,
        outcome=outcome,
        severity=told.severity,
        message=message,
        artefact=path,
        location=visible(location, 900),
        remedy=told.remedy,
    )
