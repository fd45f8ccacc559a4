"""Are the files those that a list, a signature or a build says they are?

Rules:
- Every list is compared, file by file, by every digest that it gives; a mismatch is told whoever made the list, and
  nothing that another list says takes it back.
- A list that nobody signed, or a stranger, may alarm; only one that a trusted key signed counts as cover.
- What no list names is told once there is a list meant to be whole: planted files lie where signers do not look.
- A signature that cannot be checked here is `not-available`, not sound.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bascule.attest.keys import TrustedKey
from bascule.attest.model_signing import ModelSignature, is_bundle, read_model_signature
from bascule.attest.provenance import Attested, Named, read_attestations
from bascule.attest.witness import Standing
from bascule.collect.after.frame import Conclusion, Given
from bascule.kernel.digests import Digest, digest_of_json
from bascule.kernel.errors import EvidenceError
from bascule.kernel.text import counted, visible
from bascule.plugins.meta import Meta, Quantity, Rule
from bascule.records import Finding, Outcome, Reading, ReadingSource, Severity

MISMATCH, UNLISTED = "integrity-mismatch", "integrity-unlisted"
INVALID, UNTRUSTED = "signature-invalid", "signature-untrusted"
PROVENANCE = "provenance-mismatch"

MAX_ENVELOPE = 64 << 20
MAX_TOLD = 200
_SIGNATURES = re.compile(r".*(?:\.sig|\.sigstore|\.sigstore\.json|\.intoto\.jsonl?|\.dsse\.json)", re.IGNORECASE)
_ENTRY = re.compile(r"(md5|sha1|sha224|sha256|sha384|sha512|blake2b|blake3|git) ([0-9a-f]{32,128}) (.+)", re.DOTALL)

META = Meta(
    id="integrity",
    title="Checksums, signatures and provenance",
    rules=(
        Rule(
            id=MISMATCH,
            question="Does a file differ from what a list of checksums or a signature says it is?",
            severity=Severity.HIGH,
            remedy="fetch the file again from its publisher; if it still differs, do not load it and ask the publisher",
            why="either the file or the list was changed after it was published, and what was reviewed elsewhere under "
            "that digest is not what is here",
            references=("CWE-353", "CWE-345", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=UNLISTED,
            question="Does a file lie here that no list of the publisher's names?",
            severity=Severity.LOW,
            remedy="ask the publisher to sign or list every file, or leave the file out",
            why="signing tools pass over folders such as `.git` and `.github`, so a file planted there verifies",
            references=("CWE-353", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=INVALID,
            question="Is a signature here invalid, or its list at fault?",
            severity=Severity.HIGH,
            remedy="fetch files and signature again; to check a signature, trust its key: `bascule keys trust`",
            why="a signature that does not hold means that what was signed is not what is here",
            references=("CWE-347", "MITRE ATLAS AML.T0010"),
        ),
        Rule(
            id=UNTRUSTED,
            question="Is a signature here by a key that this home does not trust?",
            severity=Severity.INFO,
            remedy="get the publisher's key from the publisher, and trust it: `bascule keys trust FILE --name NAME`",
            why="anybody can sign anything with a key of their own; only a known holder makes it worth something",
            references=("CWE-322",),
        ),
        Rule(
            id=PROVENANCE,
            question="Does a provenance statement speak of other bytes than those here, or of another builder?",
            severity=Severity.HIGH,
            remedy="fetch the artefact and its provenance again from one release of the publisher's",
            why="provenance says who built which bytes from what; about other bytes it says nothing",
            references=("CWE-345", "CWE-494", "MITRE ATLAS AML.T0010"),
        ),
    ),
    readings=(
        Quantity("integrity.signers", "holders of the trusted keys that signed a list of these files"),
        Quantity("integrity.covered_files", "how many files a trusted key's list names with the right digest"),
        Quantity("provenance.builder", "the builder's id, by a trusted key's word"),
        Quantity("provenance.dependencies", "what went into the build, as the provenance names it"),
    ),
    ttl_days=180,
    limits=("transparency logs and keyless identities are not checked",),
)


@dataclass(frozen=True, slots=True)
class GivenProvenance:
    """A provenance file that a person hands in, and the builder that they expect, if any."""

    name: str
    data: bytes
    builder: str = ""


@dataclass(slots=True)
class _Cover:
    """What lists name. whole: folders that some list means to name every file of."""

    named: set[str] = field(default_factory=set)
    trusted: set[str] = field(default_factory=set)
    whole: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)


class Integrity:
    """The step. trusted: the keys whose word counts; handed: provenance that lies elsewhere."""

    meta = META
    needs = ("manifests",)

    def __init__(self, trusted: Sequence[TrustedKey], handed: GivenProvenance | None = None) -> None:
        self._trusted = tuple(trusted)
        self._handed = handed

    @property
    def config(self) -> Digest:
        # Our own key is made by the first run that signs, and signed nothing before: it makes no evidence stale.
        keys = sorted([item.key_id, item.holder.name] for item in self._trusted if not item.own)
        handed = [self._handed.data.hex(), self._handed.builder] if self._handed is not None else None
        return digest_of_json([keys, handed])

    def conclude(self, given: Given) -> Conclusion:
        said, cover = Conclusion(), _Cover()
        for path in sorted(given.files):
            if _SIGNATURES.fullmatch(path):
                cover.lists.add(path)
                self._signature(path, given, said, cover)
        if self._handed is not None:
            self._provenance(self._handed.name, "", self._handed.data, given, said, cover)
        for reading in given.named("manifest.entries"):
            cover.lists.add(reading.artefact)
            _manifest(reading, given, said, cover)
        cover.whole |= {_folder(item.artefact) for item in given.named("manifest.complete") if item.value is True}
        _unlisted(given, said, cover)
        if cover.trusted:
            said.readings.append(_reading("integrity.covered_files", float(len(cover.trusted))))
        return said

    def _signature(self, path: str, given: Given, said: Conclusion, cover: _Cover) -> None:
        said.answered += [(INVALID, path), (UNTRUSTED, path)]
        data = given.bytes_of(path, MAX_ENVELOPE)
        if data is None:
            said.findings.append(_unknown(INVALID, path, "it is too large, or not here whole"))
            return
        try:
            if is_bundle(data) and b"messageSignature" not in data:
                try:
                    _model(path, read_model_signature(data, self._trusted), given, said, cover)
                    return
                except EvidenceError as error:
                    if error.code != "attest.not-a-bundle":
                        raise
            self._provenance(path, _folder(path), data, given, said, cover)
        except EvidenceError as error:
            said.findings.append(_unknown(INVALID, path, error.message))

    def _provenance(self, name: str, folder: str, data: bytes, given: Given, said: Conclusion, cover: _Cover) -> None:
        artefact = name if name in given.files else ""
        try:
            attested = read_attestations(data, self._trusted)
        except EvidenceError as error:
            if artefact:
                raise
            said.findings.append(_unknown(PROVENANCE, "", f"`{visible(name, 80)}`: {error.message}"))
            return
        for item in attested:
            said.findings += _standing(artefact, item.witnessed.standing, item.witnessed.why, item.witnessed.key_id)
            if artefact:
                said.answered.append((PROVENANCE, artefact))
            self._statement(name, artefact, folder, item, given, said, cover)

    def _statement(
        self, name: str, artefact: str, folder: str, item: Attested, given: Given, said: Conclusion, cover: _Cover
    ) -> None:
        trusted = item.witnessed.standing is Standing.TRUSTED
        shown = f"`{visible(name, 120)}`"
        matched = 0
        for subject in item.subjects:
            for path, same in _places(subject, folder, given):
                said.answered.append((PROVENANCE, path))
                matched += same
                if not same:
                    told = f"{shown} speaks of `{visible(subject.name, 120)}` as {_digests(subject)}, and it is another"
                    said.findings.append(_true(PROVENANCE, told, path, {"expected": dict(subject.digests)}))
                else:
                    cover.named.add(path)
                    cover.trusted |= {path} if trusted else set()
        if item.is_provenance and not matched and not any(finding.rule == PROVENANCE for finding in said.findings):
            subjects = ", ".join(visible(subject.name, 60) for subject in item.subjects[:4])
            told = f"{shown} speaks of {subjects or 'nothing'}; no file here has any of its digests"
            said.findings.append(_true(PROVENANCE, told, artefact, {}, Severity.MEDIUM))
        if not item.is_provenance:
            return
        expected = self._handed.builder if self._handed is not None and self._handed.name == name else ""
        if expected and item.builder != expected:
            told = f"{shown} names the builder `{visible(item.builder, 200)}`, not `{visible(expected, 200)}`"
            said.findings.append(_true(PROVENANCE, told, artefact, {"expected": expected, "seen": item.builder}))
        if trusted:
            said.readings.append(
                _reading("integrity.signers", (item.witnessed.holder or item.witnessed.key_id,), artefact)
            )
            said.readings.append(_reading("provenance.builder", visible(item.builder, 500), artefact))
        if item.dependencies:
            names = tuple(visible(str(dependency), 500) for dependency in item.dependencies[:500])
            said.readings.append(_reading("provenance.dependencies", names, artefact, measured=False))


def _model(path: str, signature: ModelSignature, given: Given, said: Conclusion, cover: _Cover) -> None:
    """A signed list of a model's files, compared name by name."""
    said.findings += _standing(path, signature.standing, signature.why, signature.witnessed.key_id)
    folder = _folder(path)
    cover.whole.add(folder)
    trusted = signature.standing is Standing.TRUSTED
    right: dict[str, bool] = {}
    sizes: dict[str, int] = {}
    for item in signature.resources:
        place = f"{folder}{item.path}"
        same = _compare(path, place, item.algorithm, item.digest, given, said, item.start, item.end, signed=trusted)
        right[place] = right.get(place, True) and same
        sizes[place] = max(sizes.get(place, 0), item.end or 0)
    if signature.method == "shards":
        for place, end in sizes.items():
            looked = given.files.get(place)
            if looked is not None and looked.size_bytes != end:
                told = f"`{visible(path, 120)}` signs {end} of its {looked.size_bytes} bytes"
                said.findings.append(_true(MISMATCH, told, place, {"list": path}))
                right[place] = False
    cover.named |= set(right)
    if trusted:
        cover.trusted |= {place for place, same in right.items() if same}
        said.readings.append(
            _reading("integrity.signers", (signature.witnessed.holder or signature.witnessed.key_id,), path)
        )
    if signature.ignored:
        said.limits.append(
            f"`{visible(path, 80)}` leaves out {', '.join(visible(i, 60) for i in signature.ignored[:10])}"
        )


def _manifest(reading: Reading, given: Given, said: Conclusion, cover: _Cover) -> None:
    lines = reading.value if isinstance(reading.value, tuple) else (str(reading.value),)
    for line in lines:
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            continue  # not of our scanner's making
        algorithm, digest, path = entry.groups()
        _compare(reading.artefact, path, algorithm, digest, given, said)
        cover.named.add(path)


def _compare(
    source: str,
    path: str,
    algorithm: str,
    digest: str,
    given: Given,
    said: Conclusion,
    start: int = 0,
    end: int | None = None,
    *,
    signed: bool = False,
) -> bool:
    """Is it as the list says? Whatever it is not is told."""
    shown = f"`{visible(source, 120)}`"
    if path not in given.files:
        severity = Severity.HIGH if signed else Severity.LOW
        told = f"{shown} names `{visible(path, 200)}`, which is not here"
        said.findings.append(_true(MISMATCH, told, source, {"expected": digest, "seen": None}, severity))
        return False
    said.answered.append((MISMATCH, path))
    got = given.digest_of(path, algorithm, start, end)
    if got is None and end is not None and end > given.files[path].size_bytes:
        got = f"only {given.files[path].size_bytes} bytes"
    if got is None:
        said.findings.append(_unknown(MISMATCH, path, f"its {algorithm} cannot be had to compare with {shown}"))
        return False
    if got != digest:
        told = f"{shown} says {algorithm} {digest[:16]}…, it is {got[:16]}…"
        where = f"offset {start:#x}" if end is not None else ""
        details = {"list": source, "algorithm": algorithm, "expected": digest, "seen": got}
        said.findings.append(_true(MISMATCH, told, path, details, where=where))
        return False
    return True


def _places(subject: Named, folder: str, given: Given) -> Iterator[tuple[str, bool]]:
    """The files that a subject means: by name beside the statement, and by digest wherever."""
    by_name = f"{folder}{subject.name}"
    sha256 = dict(subject.digests).get("sha256")
    found = {path for path, looked in given.files.items() if sha256 is not None and looked.sha256 == sha256}
    for path in sorted(found):
        yield path, True
    if by_name in given.files and by_name not in found:
        known = [(given.digest_of(by_name, name), value) for name, value in subject.digests]
        comparable = [(got, value) for got, value in known if got is not None]
        if comparable:
            yield by_name, all(got == value for got, value in comparable)


def _standing(path: str, standing: Standing, why: str, key_id: str) -> Iterator[Finding]:
    if standing is Standing.INVALID:
        yield _true(INVALID, visible(why, 1000), path, {"key": key_id})
    elif standing is Standing.UNTRUSTED:
        told = f"signed by the key {visible(key_id, 16)}…, which came along with it and which nobody here trusts"
        yield _true(UNTRUSTED, told, path, {"key": key_id}, Severity.INFO)
    elif standing is Standing.UNCHECKED:
        yield _true(UNTRUSTED, "the key that signed it is not here", path, {}, Severity.INFO)
        yield _unknown(INVALID, path, why)


def _unlisted(given: Given, said: Conclusion, cover: _Cover) -> None:
    if not cover.whole:
        return
    told = []
    for path in sorted(given.files):
        if path in cover.lists or not any(path.startswith(folder) for folder in cover.whole):
            continue
        if path.startswith(".cache/huggingface/") or _is_wheel_metadata(path):
            continue
        said.answered.append((UNLISTED, path))
        if path not in cover.named:
            told.append(path)
    for path in told[:MAX_TOLD]:
        said.findings.append(_true(UNLISTED, "no list of checksums and no signature names it", path, {}, Severity.LOW))
    if len(told) > MAX_TOLD:
        said.limits.append(f"{counted(len(told) - MAX_TOLD, 'more file')} that no list names")
        said.answered = [item for item in said.answered if item[0] != UNLISTED or item[1] not in told[MAX_TOLD:]]


def _is_wheel_metadata(path: str) -> bool:
    return bool(re.search(r"\.dist-info/RECORD(?:\.jws|\.p7s)?$", path))


def _folder(path: str) -> str:
    """The folder that a list speaks of, with a closing `/`, or empty: a RECORD speaks of what lies beside its own."""
    parent = PurePosixPath(path).parent
    if parent.name.endswith(".dist-info"):
        parent = parent.parent
    return "" if str(parent) == "." else f"{parent}/"


def _digests(subject: Named) -> str:
    return ", ".join(f"{name} {value[:16]}…" for name, value in subject.digests[:3])


def _reading(name: str, value: float | str | Iterable[str], artefact: str = "", *, measured: bool = True) -> Reading:
    source = ReadingSource.MEASURED if measured else ReadingSource.DECLARED
    return Reading(
        name=name, value=value if isinstance(value, float | str) else tuple(value), artefact=artefact, source=source
    )


def _true(
    rule: str,
    message: str,
    path: str,
    details: Mapping[str, object],
    severity: Severity = Severity.HIGH,
    *,
    where: str = "",
) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.TRUE,
        severity=severity,
        message=message[:2000],
        artefact=path,
        location=where,
        remedy=META.rule(rule).remedy,
        details=dict(details),
    )


def _unknown(rule: str, path: str, why: str) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.NOT_AVAILABLE,
        severity=META.rule(rule).severity,
        message=visible(why, 1500),
        artefact=path,
        remedy=META.rule(rule).remedy,
    )
