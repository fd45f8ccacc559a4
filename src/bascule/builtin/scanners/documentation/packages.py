"""Packages that must be installed, by the file nearest the root that asks for some. Names and versions as written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from bascule.kernel.text import visible

MAX_PACKAGES = 200

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\[[A-Za-z0-9._, -]{1,99}\])?)\s*"
    r"(\(?[=<>!~][^;#()]{1,100}\)?)?\s*(;.{0,300})?(?:\s#.*)?$"
)


def of_requirements(text: str) -> Iterator[str]:
    """The lines of a requirements file that name a package."""
    for line in text[:200_000].splitlines():
        yield from _requirement(line.split(" #")[0])


def of_pyproject(text: str) -> Iterator[str]:
    """`project.dependencies`."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    project = table.get("project")
    asked = project.get("dependencies") if isinstance(project, dict) else None
    for line in asked if isinstance(asked, list) else ():
        if isinstance(line, str):
            yield from _requirement(line)


def of_metadata(text: str) -> Iterator[str]:
    """`Requires-Dist` of an installed package, those of extras left out."""
    for line in _head(text).splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "requires-dist" and "extra ==" not in value:
            yield from _requirement(value)


def readme_of(text: str) -> str:
    """What stands below the metadata."""
    return text.replace("\r\n", "\n").partition("\n\n")[2]


def name_of(text: str) -> str:
    """Name and version of an installed package, empty where it says neither."""
    head = _head(text)
    named = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in head.splitlines())}
    return visible(f"{named['name']} {named['version']}", 200) if {"name", "version"} <= named.keys() else ""


def _head(text: str) -> str:
    return text.replace("\r\n", "\n").partition("\n\n")[0]


def _requirement(line: str) -> Iterator[str]:
    if match := _REQUIREMENT.fullmatch(line[:600]):
        version = "".join((match[2] or "").strip("() ").split())
        yield visible(f"{match[1]}{version}", 200)
