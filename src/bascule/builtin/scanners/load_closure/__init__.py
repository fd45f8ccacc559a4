"""The closure of a load: everything that loading this model would fetch or import beside its own files, and at which
revision.

A signature over a repository says nothing of what its files name elsewhere. `configs` reads it from configurations,
`code` from the Python beside them, `entries` says what is pinned. Nothing is fetched; a reading lists every entry, and
a finding each one that may be another tomorrow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from bascule.builtin.scanners.load_closure.code import in_code
from bascule.builtin.scanners.load_closure.configs import in_config
from bascule.builtin.scanners.load_closure.entries import Entry, Kind
from bascule.kernel.text import visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed, gguf, media
from bascule.records import Finding, Outcome, Reading, ReadingSource, Severity

CODE_LIMIT_BYTES = 2 << 20
MAX_ENTRIES = 200

UNPINNED = Rule(
    id="closure-unpinned",
    question="Would loading this model fetch code or weights that no revision pins?",
    severity=Severity.MEDIUM,
    remedy="pin the named repository to a commit, or bring what it gives into this repository",
    why="What is named without a commit is fetched as it is on the day of the load: whoever owns, takes over or "
    "re-registers that name decides what runs, whatever was reviewed and signed here.",
    references=("CWE-829", "CWE-494", "MITRE ATLAS AML.T0010", "OWASP LLM03:2025"),
)


class LoadClosure:
    meta = Meta(
        id="load_closure",
        title="What a load would fetch",
        rules=(UNPINNED,),
        reads=Reads(
            media_types=(media.GGUF, media.PYTHON),
            names=("*config.json", "config_*.json", "model_index.json", "modules.json", "mergekit*.y*ml", "*.py"),
        ),
        readings=(Quantity("closure.entries", "what loading fetches or imports: kind, name@revision, what of it"),),
        limits=(
            "a revision that a caller of the loader gives is not known here",
            "repositories that code computes are not followed",
            f"at most {MAX_ENTRIES} entries of one file",
        ),
    )

    @property
    def examples(self) -> Sequence[Example]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        try:
            entries = list(dict.fromkeys(_entries(file)))
        except RecursionError as error:
            raise Malformed("nests deeper than can be followed") from error
        if entries:
            told = tuple(dict.fromkeys(visible(entry.told(), 600) for entry in entries[:MAX_ENTRIES]))
            yield Reading(name="closure.entries", value=told, artefact=file.path, source=ReadingSource.MEASURED)
        named: set[tuple[Kind, str]] = set()
        for entry in entries[:MAX_ENTRIES]:
            severity = entry.unpinned_severity
            if severity is not None and (entry.kind, entry.name) not in named:
                named.add((entry.kind, entry.name))
                yield _finding(file.path, entry, severity)
        if len(entries) > MAX_ENTRIES:
            yield Finding(
                rule=UNPINNED.id,
                outcome=Outcome.NOT_AVAILABLE,
                severity=UNPINNED.severity,
                message=f"{len(entries)} entries, of which the first {MAX_ENTRIES} are told",
                artefact=file.path,
            )


def _entries(file: ScanFile) -> Iterator[Entry]:
    if file.media_type == media.GGUF:
        yield from _sources(file)
    elif file.path.lower().endswith((".json", ".yml", ".yaml")):
        yield from in_config(file)
    elif file.media_type == media.PYTHON or file.path.lower().endswith(".py"):
        if file.size_bytes > CODE_LIMIT_BYTES:
            raise Malformed(f"{file.size_bytes} bytes of Python, more than the {CODE_LIMIT_BYTES} that are read")
        if not file.path.lower().endswith((".pyi", ".pyx", ".pxd")):
            yield from in_code(file.read(0, file.size_bytes))


def _sources(file: ScanFile) -> Iterator[Entry]:
    header = gguf.header_of(file)
    for key in header.keys:
        is_source = key.startswith("general.") and key.endswith((".repo_url", ".huggingface.repository", "source.url"))
        if is_source and (name := header.text(key)):
            yield Entry(Kind.SOURCE, name[:300], visible(key))


_WHAT = {
    Kind.CODE: "Python of",
    Kind.KERNEL: "a compiled kernel of",
    Kind.BASE_MODEL: "the base model",
    Kind.WEIGHTS: "weights or a tokenizer of",
    Kind.MERGE_INPUT: "the merged model",
    Kind.LOCAL_PATH: "what lies on the loading machine at",
}


def _finding(path: str, entry: Entry, severity: Severity) -> Finding:
    if entry.kind is Kind.LOCAL_PATH:
        how = "which is another thing on every machine"
    else:
        how = f"at `{visible(entry.revision, 80)}`, which can move" if entry.revision else "at no fixed revision"
    return Finding(
        rule=UNPINNED.id,
        outcome=Outcome.TRUE,
        severity=severity,
        message=f"loading takes {_WHAT[entry.kind]} `{visible(entry.name, 300)}`, {how}",
        artefact=path,
        location=visible(entry.place, 300),
        remedy=UNPINNED.remedy,
        details={
            "kind": str(entry.kind),
            "name": visible(entry.name, 300),
            "revision": visible(entry.revision, 100),
            "what": visible(entry.what, 200),
        },
    )


def _json(path: str, value: object) -> Mapping[str, bytes]:
    return {path: json.dumps(value).encode()}


_COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _examples() -> tuple[Example, ...]:
    pinned, open_ = {UNPINNED.id: Outcome.FALSE}, {UNPINNED.id: Outcome.TRUE}
    return (
        Example("an architecture of the library", lambda: _json("config.json", {"model_type": "bert"}), pinned),
        Example(
            "code of another repository",
            lambda: _json("config.json", {"auto_map": {"AutoModel": "org/code--modeling.Model"}}),
            open_,
            {"closure.entries": ("code org/code@unpinned: modeling.Model",)},
        ),
        Example(
            "code of this repository",
            lambda: {**_json("config.json", {"auto_map": {"AutoModel": "modeling.Model"}}), "modeling.py": b"x = 1\n"},
            pinned,
            {"closure.entries": ("local-code modeling.py: modeling.Model",)},
        ),
        Example(
            "an adapter of a model at a commit",
            lambda: _json("adapter_config.json", {"base_model_name_or_path": "org/base", "revision": _COMMIT}),
            pinned,
        ),
        Example(
            "an adapter of whatever a branch holds",
            lambda: _json("adapter_config.json", {"base_model_name_or_path": "org/base", "revision": "main"}),
            open_,
            {"closure.entries": ("base-model org/base@main",)},
        ),
        Example(
            "a kernel from the hub",
            lambda: _json("config.json", {"attn_implementation": "org/flash:attend"}),
            open_,
            {"closure.entries": ("kernel org/flash@unpinned: attend",)},
        ),
        Example(
            "code that fetches code",
            lambda: {"modeling.py": b"m = AutoModel.from_pretrained('org/vision', trust_remote_code=True)\n"},
            open_,
            {"closure.entries": ("code org/vision@unpinned",)},
        ),
        Example("code that does not parse", lambda: {"modeling.py": b"def :\n"}, {UNPINNED.id: Outcome.ERROR}),
    )


plugin = LoadClosure()
