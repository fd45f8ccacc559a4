"""Dependencies as tables: TOML, JSON, YAML and INI, of the tools that write them.

Rules: what a lock says was resolved is pinned; a table without the keys of any tool known here asks for nothing; an
entry of another type than its tool writes is told.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from bascule.builtin.scanners.dependencies.pip_lines import install_arguments
from bascule.builtin.scanners.dependencies.wanted import Index, Item, Unread, Wanted, requirement, requirements
from bascule.kernel.text import visible
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.card import load_yaml

_EXACT = re.compile(r"=?=?\s*v?(\d+(?:\.\d+)*(?:[a-zA-Z0-9.+!-]*)?)")

_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){100}""")


def read_toml(text: str) -> Mapping[str, Any]:
    """Raises Malformed, also for a key of more than 100 parts: what `tomllib` takes for one grows with their square."""
    if _LONG_KEY.search(text):
        raise Malformed("a key of more than 100 parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not TOML: {visible(str(error), 200)}") from error


def pyproject(text: str) -> Iterator[Item]:
    """PEP 621, PEP 518, PEP 735, Poetry and uv."""
    document = read_toml(text)
    project, build = _table(document, "project"), _table(document, "build-system")
    yield from requirements(build.get("requires"), "build-system.requires", declared=True)
    yield from requirements(project.get("dependencies"), "project.dependencies", declared=True)
    for name, extra in _table(project, "optional-dependencies").items():
        yield from requirements(extra, f"project.optional-dependencies.{name}", declared=True)
    for name, group in _table(document, "dependency-groups").items():
        named = [item for item in group if not isinstance(item, dict)] if isinstance(group, list) else group
        yield from requirements(named, f"dependency-groups.{name}", declared=True)
    tool = _table(document, "tool")
    yield from _poetry(_table(tool, "poetry"))
    yield from _uv(_table(tool, "uv"))


def lock(text: str) -> Iterator[Item]:
    """`uv.lock`, `poetry.lock`, `pylock.toml`: one table for each package."""
    document = read_toml(text)
    packages = document.get("package", document.get("packages", []))
    if not isinstance(packages, list):
        yield Unread("a lock whose packages are no list", "package")
        return
    for number, package in enumerate(packages):
        where = f"package[{number}]"
        if not isinstance(package, dict) or not isinstance(package.get("name"), str):
            yield Unread("a locked package without a name", where)
            continue
        source = _table(package, "source") or _table(package, "vcs") or _table(package, "archive")
        if any(key in source for key in ("virtual", "editable", "directory")):
            continue  # the project itself
        version = package.get("version")
        yield Wanted(package["name"], where, version if isinstance(version, str) else "", _locked_address(source))


def pipfile_lock(text: str) -> Iterator[Item]:
    """Pipenv's lock."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not JSON: {visible(str(error), 200)}") from error
    if not isinstance(document, dict):
        raise Malformed("a lock that is no object")
    for source in _rows(_table(document, "_meta").get("sources")):
        yield Index("index", str(source.get("url", "")), "_meta.sources")
    for section in ("default", "develop"):
        for name, entry in _table(document, section).items():
            version = entry.get("version") if isinstance(entry, dict) else entry
            exact = _EXACT.fullmatch(version) if isinstance(version, str) else None
            yield Wanted(name, f"{section}.{name}", exact[1] if exact else "", _address(entry))


def pipfile(text: str) -> Iterator[Item]:
    """Pipenv's wishes."""
    document = read_toml(text)
    for source in _rows(document.get("source")):
        yield Index("index", str(source.get("url", "")), "source")
        if source.get("verify_ssl") is False:
            yield Index("trusted-host", str(source.get("url", "")), "source.verify_ssl")
    for section in ("packages", "dev-packages"):
        yield from _wishes(_table(document, section), section, declared=False)


def conda(text: str) -> Iterator[Item]:
    """`environment.yml`, MLflow's `conda.yaml` and `python_env.yaml`."""
    document = load_yaml(text, "the environment")
    for key in ("dependencies", "build_dependencies"):
        rows = document.get(key) or []
        if not isinstance(rows, list):
            yield Unread(f"`{key}` is no list", key)
            continue
        for number, row in enumerate(rows):
            where = f"{key}[{number}]"
            if isinstance(row, dict):
                for line in row.get("pip") or []:
                    yield from (
                        install_arguments(str(line), f"{where}.pip")
                        if str(line).startswith("-")
                        else (requirement(str(line), f"{where}.pip"),)
                    )
            elif not isinstance(row, str):
                yield Unread("a dependency that is no text", where)
            elif "python" in document or row.startswith("-"):  # MLflow's python_env.yaml speaks pip
                if not row.startswith("-r"):
                    yield requirement(row, where)
            else:
                yield _conda_row(row, where)


def setup_cfg(text: str) -> Iterator[Item]:
    """`[options] install_requires`, `setup_requires`, and the extras."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Malformed(f"not a configuration file: {visible(str(error), 200)}") from error
    places = [("options", "install_requires"), ("options", "setup_requires")]
    if parser.has_section("options.extras_require"):
        places += [("options.extras_require", name) for name in parser["options.extras_require"]]
    for section, key in places:
        value = parser.get(section, key, fallback="")
        if value.strip().startswith("file:"):
            continue
        for line in re.split(r"[\n]", value):
            if line.strip() and not line.strip().startswith("#"):
                yield requirement(line.split(" #", 1)[0], f"{section}.{key}", declared=True)


def _poetry(poetry: Mapping[str, Any]) -> Iterator[Item]:
    for name in ("dependencies", "dev-dependencies"):
        yield from _wishes(_table(poetry, name), f"tool.poetry.{name}", declared=True)
    for group, value in _table(poetry, "group").items():
        yield from _wishes(_table(value, "dependencies"), f"tool.poetry.group.{group}", declared=True)
    for source in _rows(poetry.get("source")):
        how = "index" if source.get("priority") in ("primary", "default", "explicit") else "extra-index"
        yield Index(how, str(source.get("url", "")), "tool.poetry.source")


def _uv(uv: Mapping[str, Any]) -> Iterator[Item]:
    for index in _rows(uv.get("index")):
        # One that is asked only for packages that name it confuses nobody.
        how = "index" if index.get("default") or index.get("explicit") else "extra-index"
        yield Index(how, str(index.get("url", "")), "tool.uv.index")
    for url in uv.get("extra-index-url") or []:
        yield Index("extra-index", str(url), "tool.uv.extra-index-url")
    for name, source in _table(uv, "sources").items():
        address = _address(source)
        if address:
            yield Wanted(name, f"tool.uv.sources.{name}", "", address, declared=True)


def _wishes(table: Mapping[str, Any], where: str, *, declared: bool) -> Iterator[Item]:
    for name, wish in table.items():
        if name == "python":
            continue
        text = wish.get("version", "") if isinstance(wish, dict) else wish
        exact = _EXACT.fullmatch(text) if isinstance(text, str) else None
        pinned = (
            exact[1] if exact and (isinstance(text, str) and (text.startswith("=") or where.startswith("tool"))) else ""
        )
        address = _address(wish)
        if isinstance(wish, dict) and "path" in wish:
            continue
        yield Wanted(name, f"{where}.{name}", pinned, address, declared=declared)


def _conda_row(row: str, where: str) -> Item:
    spec = row.split("::", 1)[-1].split("#", 1)[0].strip()
    match = re.match(r"([A-Za-z0-9_.-]+)\s*(.*)", spec)
    if match is None:
        return Unread(f"`{visible(row, 120)}` is no dependency", where)
    exact = re.fullmatch(r"==?\s*([0-9][\w.!+-]*)(?:=\S*)?", match[2])
    return Wanted(match[1], where, exact[1] if exact else "", ecosystem="conda")


def _address(entry: object) -> str:
    """Where an entry is taken from, when not by name from an index."""
    if not isinstance(entry, Mapping):
        return ""
    if isinstance(entry.get("git"), str):
        commit = entry.get("rev") or entry.get("ref") or entry.get("commit-id") or ""
        git = entry["git"].split("?", 1)[0]
        return f"git+{git}" + (f"@{commit}" if commit else "")
    for key in ("url", "file"):
        if isinstance(entry.get(key), str):
            return str(entry[key])
    return ""


def _locked_address(source: Mapping[str, Any]) -> str:
    if isinstance(source.get("git"), str):  # uv writes the commit behind a `#`
        address, _, commit = source["git"].partition("#")
        return f"git+{address.split('?', 1)[0]}@{commit}"
    if source.get("type") == "git":
        return f"git+{source.get('url', '')}@{source.get('resolved_reference', '')}"
    if source.get("type") == "legacy":  # Poetry's word for an index of one's own
        return ""
    if isinstance(source.get("commit-id"), str):
        return f"git+{source.get('url', '')}@{source['commit-id']}"
    url = source.get("url", "")
    return url if isinstance(url, str) else ""


def _table(holder: object, key: str) -> Mapping[str, Any]:
    value = holder.get(key) if isinstance(holder, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
