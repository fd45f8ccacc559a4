"""What must be installed before a model runs: which packages, from where, and are they the ones that were meant?

Rules: one reading lists everything that is asked for, pinned or not, so that advisories are matched outside the sandbox
against a snapshot of their own date; nothing is looked up here; what a file asks for in words that only running it
would settle is told as unread, not left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from urllib.parse import urlsplit

from bascule.builtin.scanners.dependencies import code, pip_lines, tables
from bascule.builtin.scanners.dependencies.cases import dependency_examples
from bascule.builtin.scanners.dependencies.names import suspicion
from bascule.builtin.scanners.dependencies.wanted import Index, Item, Unread, Wanted, is_local, names_commit
from bascule.kernel.text import counted, visible
from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Quantity, Reads, Rule
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.text import Text, read_text
from bascule.records import Finding, Outcome, Reading, ReadingSource, Severity

SQUATTED, UNPINNED = "dependency-squatted", "dependency-unpinned"
SOURCE, UNREADABLE = "dependency-source", "dependency-unreadable"
PINS = "dependencies.pins"

MAX_BYTES = 8 << 20
MAX_PINS = 20_000
MAX_FINDINGS = 100
_NAMES = (
    *("requirements*.txt", "*requirements.txt", "requirements/*.txt", "constraints*.txt", "requirements*.in"),
    *("pyproject.toml", "uv.lock", "poetry.lock", "pylock.toml", "pylock.*.toml", "pipfile", "pipfile.lock"),
    *("environment.yml", "environment.yaml", "environment-*.yml", "conda.yaml", "conda.yml", "python_env.yaml"),
    *("setup.cfg", "setup.py", "*.ipynb", "dockerfile", "dockerfile.*", "*.dockerfile", "containerfile"),
)

META = Meta(
    id="dependencies",
    title="Declared dependencies",
    rules=(
        Rule(
            id=SQUATTED,
            question="Is a package asked for whose name stands in for a well-known one, or that was published to harm?",
            severity=Severity.HIGH,
            remedy="check the name against the project's own page, and remove or correct it before anybody installs it",
            why="an installer takes whoever holds the name, and what it takes runs as the user who installs it",
            references=("CWE-1357", "CWE-506", "MITRE ATLAS AML.T0010.001"),
        ),
        Rule(
            id=SOURCE,
            question="Is a package taken from elsewhere than one index by name: an address, a second index, a host "
            "that need not prove who it is?",
            severity=Severity.MEDIUM,
            remedy="take it by name and version from one index, or fix the address to a commit or hash",
            why="with two indexes whoever publishes the higher version wins; what lies at an address can be changed "
            "after it was reviewed",
            references=("CWE-494", "CWE-829", "CWE-427", "MITRE ATLAS AML.T0010.001"),
        ),
        Rule(
            id=UNPINNED,
            question="Is a package asked for without the one version that was tested?",
            severity=Severity.LOW,
            remedy="pin versions with `==`, or keep a lock file with hashes beside the ranges",
            why="what is installed tomorrow is not what was reviewed today, and no advisory can be matched against it",
            references=("CWE-1357", "MITRE ATLAS AML.T0010.001"),
        ),
        Rule(
            id=UNREADABLE,
            question="Does the file ask for something that cannot be told without running it?",
            severity=Severity.LOW,
            remedy="write the dependency literally, with its name and version",
            why="what cannot be read here is still installed there, so the list of dependencies is not complete",
            references=("CWE-1357",),
        ),
    ),
    reads=Reads(names=_NAMES),
    readings=(
        Quantity(PINS, "everything asked for: `ECOSYSTEM/name==version`, or `ECOSYSTEM/name (unpinned)`"),
        Quantity("dependencies.unread", "how many things were asked for in words that only running would settle"),
    ),
    limits=(
        "what the named packages themselves ask for is not followed",
        "names are compared with a list of well-known ones; no index is asked whether a package exists",
    ),
)


class Dependencies:
    """The scanner."""

    meta = META

    @property
    def examples(self) -> tuple[Example, ...]:
        return dependency_examples(SQUATTED, UNPINNED, SOURCE, UNREADABLE)

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        """Raises Malformed when the file breaks the format that its name promises, or asks for too much."""
        items = list(islice(_items(file.path, read_text(file.read, file.size_bytes, MAX_BYTES)), MAX_PINS + 1))
        if len(items) > MAX_PINS:
            raise Malformed(f"asks for more than {MAX_PINS} packages")
        wanted = [item for item in items if isinstance(item, Wanted)]
        yield from islice(_squatted(wanted), MAX_FINDINGS)
        yield from islice(_elsewhere(items), MAX_FINDINGS)
        yield from _unpinned([item for item in wanted if not item.version and not item.address])
        unread = [item for item in items if isinstance(item, Unread)]
        yield from _unreadable(unread)
        if wanted:
            yield Reading(
                name=PINS,
                value=tuple(dict.fromkeys(visible(item.pin, 300) for item in wanted)),
                source=ReadingSource.DECLARED,
            )
        if unread:
            yield Reading(name="dependencies.unread", value=float(len(unread)), source=ReadingSource.MEASURED)


def _items(path: str, text: Text) -> Iterator[Item]:
    name = path.lower().rsplit("/", 1)[-1]
    source = text.value
    if name == "pyproject.toml":
        yield from tables.pyproject(source)
    elif name == "pipfile.lock":
        yield from tables.pipfile_lock(source)
    elif name == "pipfile":
        yield from tables.pipfile(source)
    elif name.endswith(".lock") or (name.startswith("pylock.") and name.endswith(".toml")):
        yield from tables.lock(source)
    elif name.endswith((".yml", ".yaml")):
        yield from tables.conda(source)
    elif name == "setup.cfg":
        yield from tables.setup_cfg(source)
    elif name == "setup.py":
        yield from code.setup_py(source)
    elif name.endswith(".ipynb"):
        yield from code.notebook(source)
    elif "dockerfile" in name or name == "containerfile":
        yield from code.dockerfile(text)
    else:
        yield from pip_lines.requirement_lines(text)


def _squatted(wanted: list[Wanted]) -> Iterator[Finding]:
    for item in dict.fromkeys(wanted):
        doubt = suspicion(item.name, item.version)
        if doubt is not None:
            severity = Severity.CRITICAL if doubt.harmful else Severity.MEDIUM
            details = {"seen": visible(item.name), "meant": doubt.meant}
            yield _finding(SQUATTED, doubt.message, item.where, severity, details)


def _elsewhere(items: list[Item]) -> Iterator[Finding]:
    for item in dict.fromkeys(items):
        if isinstance(item, Index):
            told = _of_index(item)
        elif isinstance(item, Wanted) and item.address and not is_local(item.address):
            told = _of_address(item)
        else:
            continue
        if told is not None:
            message, severity = told
            yield _finding(SOURCE, message, item.where, severity, {"seen": _shown(item.address)})


# Makers of hardware builds that no index takes for their size; one more place all the same.
_MAKERS = ("pytorch.org", "nvidia.com", "googleapis.com")
_DEFAULT_INDEX = re.compile(r"(?:[a-z]+\.)?py(?:pi|thonhosted)\.org")


def _of_index(index: Index) -> tuple[str, Severity] | None:
    shown = f"`{_shown(index.address)}`"
    host = _host(index.address)
    if index.how == "trusted-host":
        return f"{shown} need not prove that it is who it says: `--trusted-host` switches the check off", Severity.HIGH
    if index.address.startswith("http://"):
        return f"packages are looked for at {shown}, unencrypted: anybody on the way can replace them", Severity.HIGH
    if re.search(r"[${}]", index.address):
        return f"packages are looked for at {shown}, which is only known when it is installed", Severity.MEDIUM
    if _DEFAULT_INDEX.fullmatch(host) or (not host and index.how == "find-links"):
        return None
    makers = any(host == maker or host.endswith(f".{maker}") for maker in _MAKERS)
    if index.how == "index":
        return None if makers else (f"packages are looked for at {shown} instead of the public index", Severity.LOW)
    severity = Severity.LOW if makers else Severity.MEDIUM
    return (
        f"packages are looked for at {shown} as well ({index.how}): the higher version wins, whoever publishes it",
        severity,
    )


def _of_address(item: Wanted) -> tuple[str, Severity] | None:
    address, shown = item.address, f"`{_shown(item.address)}`"
    if re.match(r"(?:git|hg|svn|bzr)\+", address):
        if re.match(r"\w+\+(?:http|git)://", address):
            return f"`{visible(item.name)}` is built from {shown}, fetched unencrypted", Severity.HIGH
        if names_commit(address):
            return f"`{visible(item.name)}` is built from {shown}, outside the index", Severity.INFO
        return (
            f"`{visible(item.name)}` is built from {shown}, whatever it is by then: no commit is named",
            Severity.MEDIUM,
        )
    if address.startswith(("http://", "ftp://")):
        return f"`{visible(item.name)}` is fetched unencrypted from {shown}", Severity.HIGH
    host = _host(address)
    if _DEFAULT_INDEX.fullmatch(host) or re.search(r"#(?:.*&)?sha(?:256|384|512)=[0-9a-f]{64,}", address):
        return None
    severity = Severity.LOW if any(host.endswith(f".{maker}") for maker in _MAKERS) else Severity.MEDIUM
    return f"`{visible(item.name)}` is fetched from {shown}, and no hash says what must lie there", severity


def _unpinned(wanted: list[Wanted]) -> Iterator[Finding]:
    names = list(dict.fromkeys(item.name for item in wanted))
    if names:
        declared = all(item.declared for item in wanted)
        shown = ", ".join(f"`{visible(name, 60)}`" for name in names[:8]) + (", …" if len(names) > 8 else "")
        yield _finding(
            UNPINNED,
            f"{counted(len(names), 'package')} without a version that alone would do: {shown}",
            wanted[0].where,
            Severity.INFO if declared else Severity.LOW,
            {"seen": [visible(name) for name in names[:100]]},
        )


def _unreadable(unread: list[Unread]) -> Iterator[Finding]:
    for item in unread[:MAX_FINDINGS]:
        yield _finding(UNREADABLE, visible(item.what, 400), item.where, Severity.LOW, {})


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def _shown(address: str) -> str:
    """An address without the password that it may carry."""
    return visible(re.sub(r"//[^/@\s]+@", "//…@", address), 300)


def _finding(rule: str, message: str, where: str, severity: Severity, details: Mapping[str, object]) -> Finding:
    return Finding(
        rule=rule,
        outcome=Outcome.TRUE,
        severity=severity,
        message=message[:2000],
        location=visible(where, 300),
        remedy=META.rule(rule).remedy,
        details=dict(details),
    )


plugin = Dependencies()
