"""What a file asks an installer for, whatever the file is written in.

Rules: a name is compared as its index normalises it; a version counts as pinned only where one version alone can
satisfy what is written; a place is where a person finds it again: `line 12`, `project.dependencies`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MAX_LINE = 4096
_COMMIT = re.compile(r"@[0-9a-f]{40}(?:[0-9a-f]{24})?(?:#|$)")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package. version: the only one that would do, or empty. address: where from, when not by name.

    declared: a library's own range for others to resolve, where a pin would be wrong.
    """

    name: str
    where: str
    version: str = ""
    address: str = ""
    ecosystem: str = "PyPI"
    declared: bool = False

    @property
    def pin(self) -> str:
        """`PyPI/name==version`, or `PyPI/name (unpinned)`."""
        name = canonicalize_name(self.name)
        return f"{self.ecosystem}/{name}=={self.version}" if self.version else f"{self.ecosystem}/{name} (unpinned)"


@dataclass(frozen=True, slots=True)
class Index:
    """A place that packages are looked for in. how: `index`, `extra-index`, `find-links` or `trusted-host`."""

    how: str
    address: str
    where: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that an installer would read and we do not understand."""

    what: str
    where: str


Item = Wanted | Index | Unread


def requirement(text: str, where: str, *, declared: bool = False) -> Item:
    """One PEP 508 requirement, or one of pip's addresses in its place."""
    text = text.strip()
    if len(text) > MAX_LINE:
        return Unread(f"a requirement of {len(text)} characters", where)
    if is_address(text):
        egg = _EGG.search(text)
        return Wanted(egg[1] if egg else name_of_file(text), where, address=text, declared=declared)
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        # No index has such a name; a person who reads the list takes it for the one that it looks like.
        name = re.match(r"[\w.-]+", text)
        if name and not name[0].isascii():
            return Wanted(name[0], where, declared=declared)
        return Unread(f"`{text[:120]}` is no requirement", where)
    exact = {
        spec.version for spec in parsed.specifier if spec.operator in ("==", "===") and not spec.version.endswith(".*")
    }
    version = exact.pop() if len(exact) == 1 else ""
    return Wanted(parsed.name, where, version, parsed.url or "", declared=declared)


def requirements(values: object, where: str, *, declared: bool = False) -> Iterator[Item]:
    """Those of a list of strings; anything else in it is told."""
    if values is None:
        return
    if not isinstance(values, list):
        yield Unread("a list of requirements is something else", where)
        return
    for number, value in enumerate(values):
        place = f"{where}[{number}]"
        yield (
            requirement(value, place, declared=declared)
            if isinstance(value, str)
            else Unread("a requirement that is no text", place)
        )


def is_address(text: str) -> bool:
    """Does it say where from, and not what?"""
    if re.match(r"(?:git|hg|svn|bzr)\+|https?://|ftp://|file:|[./~]|[A-Za-z]:\\", text):
        return True
    return text.endswith((".whl", ".tar.gz", ".zip")) and not re.search(r"[\s@]", text)


def is_local(address: str) -> bool:
    """A path beside the file, which intake has looked at."""
    return not re.match(r"(?:git|hg|svn|bzr)\+|[a-z]+://(?!$)", address) or address.startswith("file:")


def names_commit(address: str) -> bool:
    """Is a version-control address fixed to one commit?"""
    return bool(_COMMIT.search(address))


def name_of_file(address: str) -> str:
    """A package's name from the last part of an address, as far as it tells."""
    last = address.split("#", 1)[0].split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1].split("@", 1)[0]
    stem = re.sub(r"\.(?:git|whl|tar\.gz|zip)$", "", last)
    return re.split(r"-\d", stem, maxsplit=1)[0] or "?"
