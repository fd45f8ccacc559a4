"""What lists of checksums say the files beside them are. Whether they are is asked after the scan.

Read are `sha256sum`'s lines in both forms, sidecars of one file, a wheel's RECORD, a hub's listing of a repository and
the notes that its client leaves beside what it downloads.

Rules: a name is taken as relative to the list's own folder, and one that leaves the subject is told; a line that is no
entry is told, since the file that it meant is then compared with nothing; MD5 and SHA-1 are compared and called weak.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from bascule.kernel.text import counted, visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import read_text
from bascule.records import Finding, Outcome, Reading, Severity

UNREADABLE, WEAK = "manifest-unreadable", "manifest-weak"
ENTRIES = "manifest.entries"
COMPLETE = "manifest.complete"
MAX_BYTES = 16 << 20
MAX_ENTRIES = 20_000

META = Meta(
    id="manifests",
    title="Lists of checksums",
    rules=(
        Rule(
            id=UNREADABLE,
            question="Does a list of checksums hold lines that name no file and digest, or files outside?",
            severity=Severity.LOW,
            remedy="write the list again with `sha256sum`, over the files as they are",
            why="a file whose line cannot be read is compared with nothing, and nobody who runs the check is told",
            references=("CWE-354", "CWE-22"),
        ),
        Rule(
            id=WEAK,
            question="Does a list of checksums rest on MD5 or SHA-1 alone?",
            severity=Severity.LOW,
            remedy="publish SHA-256 digests beside or instead of them",
            why="two files of one MD5 or SHA-1 can be made on purpose, so the list shows accidents and no attack",
            references=("CWE-328",),
        ),
    ),
    reads=Reads(
        names=(
            *("sha256sums*", "sha512sums*", "sha1sums*", "md5sums*", "checksums*", "*.sha256", "*.sha256sum"),
            *("*.sha512", "*.sha1", "*.md5", "*.dist-info/record", "*tree.json"),
            "*.cache/huggingface/download/*.metadata",
        )
    ),
    readings=(
        Quantity(ENTRIES, "what the list says: `ALGORITHM HEX PATH`, the path as the subject has it"),
        Quantity(COMPLETE, "whether the list is meant to name every file of its folder"),
    ),
    limits=("a list is only as good as the place it came from: unsigned, it shows accidents",),
)

_BY_LENGTH = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}
_GNU = re.compile(r"\\?([0-9A-Fa-f]{32,128})(?:[ \t]+\*?|[ \t]*$)(.*)")
_BSD = re.compile(r"([A-Za-z0-9-]{3,12})[ \t]*\((.+)\)[ \t]*=[ \t]*([0-9A-Fa-f]{32,128})")
_SUFFIX = re.compile(r"\.(?:sha256(?:sum)?|sha512|sha1|md5)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entry:
    algorithm: str
    digest: str
    path: str


@dataclass(frozen=True, slots=True)
class _Odd:
    what: str
    where: str


class Manifests:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return _examples()

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Malformed when a listing is no JSON, or when a list names more files than are read."""
        text = read_text(file.read, file.size_bytes, MAX_BYTES).value
        name = file.path.lower().rsplit("/", 1)[-1]
        rows = list(_rows(file.path, name, text))
        entries = [row for row in rows if isinstance(row, _Entry)]
        if len(entries) > MAX_ENTRIES:
            raise Malformed(f"names more than {MAX_ENTRIES} files")
        odd = [row for row in rows if isinstance(row, _Odd)]
        for row in odd[:20]:
            yield _finding(UNREADABLE, visible(row.what, 300), row.where)
        strong = {entry.path for entry in entries if entry.algorithm not in ("md5", "sha1")}
        weak = [entry.path for entry in entries if entry.algorithm in ("md5", "sha1") and entry.path not in strong]
        if weak:
            yield _finding(
                WEAK, f"{counted(len(weak), 'file')} by MD5 or SHA-1 alone: `{visible(weak[0], 120)}`, …", ""
            )
        if entries:
            lines = tuple(f"{entry.algorithm} {entry.digest} {entry.path}" for entry in dict.fromkeys(entries))
            yield Reading(name=ENTRIES, value=lines)
            complete = len(entries) > 1 and not _SUFFIX.search(name)
            yield Reading(name=COMPLETE, value=complete)


def _rows(path: str, name: str, text: str) -> Iterator[_Entry | _Odd]:
    folder = PurePosixPath(path).parent
    if name == "record":
        yield from _record(folder.parent, text)
    elif name.endswith(".json"):
        yield from _listing(folder, text)
    elif name.endswith(".metadata"):
        yield from _client_note(path, text)
    else:
        yield from _lines(folder, name, PurePosixPath(path).name, text)


def _lines(folder: PurePosixPath, name: str, own: str, text: str) -> Iterator[_Entry | _Odd]:
    sidecar = _SUFFIX.sub("", own) if _SUFFIX.search(name) else ""
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith(("#", "-----", "Hash:")):
            continue
        bsd = _BSD.fullmatch(line)
        gnu = None if bsd else _GNU.fullmatch(line)
        digest, named = (bsd[3], bsd[2]) if bsd else (gnu[1], gnu[2].strip() or sidecar) if gnu else ("", "")
        algorithm = _BY_LENGTH.get(len(digest), "")
        if bsd and "blake" in bsd[1].lower():
            algorithm = "blake2b" if len(digest) == 128 else ""
        yield _entry(folder, algorithm, digest, named, f"line {number}")


def _record(folder: PurePosixPath, text: str) -> Iterator[_Entry | _Odd]:
    """PEP 376 and 427: path, `sha256=` and unpadded base64, size. RECORD itself and signatures have no digest."""
    try:
        rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise Malformed(f"not a RECORD: {error}") from error
    for number, row in enumerate(rows, start=1):
        if len(row) < 2 or not row[1]:
            continue
        algorithm, _, packed = row[1].partition("=")
        try:
            digest = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).hex()
        except (ValueError, binascii.Error):
            digest = ""
        yield _entry(folder, algorithm, digest, row[0], f"line {number}")


def _listing(folder: PurePosixPath, text: str) -> Iterator[_Entry | _Odd]:
    """The hub's tree: large files by sha256, small ones by their git blob."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {visible(str(error), 100)}") from error
    rows = document.get("siblings", document.get("tree")) if isinstance(document, dict) else document
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, dict) or row.get("type") == "directory":
            continue
        name, lfs = row.get("path", row.get("rfilename")), row.get("lfs")
        stored = (lfs.get("oid") or lfs.get("sha256")) if isinstance(lfs, dict) else None
        blob = row.get("oid", row.get("blobId"))
        if not isinstance(name, str) or not (stored or blob):
            continue
        yield _entry(folder, "sha256" if stored else "git", str(stored or blob), name, f"[{number}]")


def _client_note(path: str, text: str) -> Iterator[_Entry | _Odd]:
    """Beside each download: commit, etag, time. The etag is a sha256 for large files and a git blob for others."""
    root, _, rest = path.partition(".cache/huggingface/download/")
    lines = text.splitlines()
    etag = lines[1].strip() if len(lines) > 1 else ""
    algorithm = {64: "sha256", 40: "git"}.get(len(etag), "")
    yield _entry(PurePosixPath(root or "."), algorithm, etag, rest.removesuffix(".metadata"), "line 2")


def _entry(folder: PurePosixPath, algorithm: str, digest: str, name: str, where: str) -> _Entry | _Odd:
    digest = digest.lower()
    length = {"git": 40, "blake2b": 128, "sha224": 56} | {name: size for size, name in _BY_LENGTH.items()}
    if not re.fullmatch(r"[0-9a-f]+", digest) or len(digest) != length.get(algorithm):
        return _Odd("a line that names no file and digest" if not name else f"no digest of `{name[:120]}`", where)
    inside = _resolved(folder, name)
    if inside is None:
        return _Odd(f"`{name[:120]}` lies outside" if name else "a digest of no named file", where)
    return _Entry(algorithm, digest, inside)


def _resolved(folder: PurePosixPath, name: str) -> str | None:
    """The subject's own path of a name; None where it leaves the subject."""
    parts = [part for part in folder.parts if part != "."]
    if not name or name.startswith("/") or "\0" in name or "\n" in name:
        return None
    for part in name.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                return None
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts) or None


def _finding(rule: str, message: str, where: str) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.TRUE,
        severity=Severity.LOW,
        message=message,
        location=where,
        remedy=META.rule(rule).remedy,
    )


def _examples() -> tuple[Example, ...]:
    digest, weak = "ab" * 32, "cd" * 16
    yes, no = Outcome.TRUE, Outcome.FALSE

    def case(
        name: str, path: str, text: str, entries: tuple[str, ...] = (), *, odd: Outcome = no, old: Outcome = no
    ) -> Example:
        readings = {ENTRIES: entries} if entries else {}
        return Example(name, lambda: {path: text.encode()}, {UNREADABLE: odd, WEAK: old}, readings)

    packed = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    tree = [
        {"type": "file", "path": "w", "oid": "e" * 40, "lfs": {"oid": digest}},
        {"type": "file", "path": "c", "oid": "e" * 40},
    ]
    return (
        case(
            "both forms",
            "d/SHA256SUMS",
            f"{digest}  a b\nSHA256 (c) = {digest}\n",
            (f"sha256 {digest} d/a b", f"sha256 {digest} d/c"),
        ),
        case("a sidecar without a name", "w.bin.sha256", digest, (f"sha256 {digest} w.bin",)),
        case("MD5 alone", "md5sums.txt", f"{weak} *a\n", (f"md5 {weak} a",), old=yes),
        case("a line of words", "SHA256SUMS", f"{digest}  a\nfetch them yourself\n", odd=yes),
        case("a file outside", "SHA256SUMS", f"{digest}  ../a\n", odd=yes),
        case(
            "a wheel",
            "x-1.dist-info/RECORD",
            f"x/y.py,sha256={packed},3\nx-1.dist-info/RECORD,,\n",
            (f"sha256 {digest} x/y.py",),
        ),
        case("a hub's listing", "tree.json", json.dumps(tree), (f"sha256 {digest} w", f"git {'e' * 40} c")),
        case(
            "the client's note",
            ".cache/huggingface/download/a/w.bin.metadata",
            f"{'0' * 40}\n{digest}\n1.5\n",
            (f"sha256 {digest} a/w.bin",),
        ),
        Example(
            "a listing that is no JSON", lambda: {"tree.json": b"["}, {UNREADABLE: Outcome.ERROR, WEAK: Outcome.ERROR}
        ),
    )


plugin = Manifests()
