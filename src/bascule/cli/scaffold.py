"""The text of a new scanner package: short, working, and a place to start from."""

from __future__ import annotations

_MODULE = '''"""Looks for {words}. Say here, in a sentence or two, what is found and why it matters."""

from __future__ import annotations

from collections.abc import Iterator

from bascule.plugins.kinds import ScanFile, Seen
from bascule.plugins.meta import Example, Meta, Reads, Rule
from bascule.records import Finding, Outcome, Severity

MARK = b"{name}: yes"


class Scanner:
    """Answers one question about one file at a time; runs in a sandbox, without network."""

    meta = Meta(
        id="{name}",
        title="{title}",
        rules=(
            Rule(
                id="{rule}",
                question="Does this file carry the mark `{name}: yes`?",
                severity=Severity.MEDIUM,
                remedy="remove the mark",
                why="Replace this with the reason a reviewer should care: what happens to whom if it is there.",
            ),
        ),
        reads=Reads(media_types=("text/*",)),
    )

    @property
    def examples(self) -> tuple[Example, ...]:
        return (
            Example("marked", lambda: {{"notes.txt": b"a line\\n" + MARK + b"\\n"}}, {{"{rule}": Outcome.TRUE}}),
            Example("unmarked", lambda: {{"notes.txt": b"a line\\n"}}, {{"{rule}": Outcome.FALSE}}),
        )

    def scan(self, file: ScanFile) -> Iterator[Seen]:
        for offset, window in file.windows(overlap=len(MARK)):
            place = window.find(MARK)
            if place >= 0:
                yield Finding(
                    rule="{rule}",
                    outcome=Outcome.TRUE,
                    severity=Severity.MEDIUM,
                    message="the file carries the mark",
                    artefact=file.path,
                    location=f"offset {{offset + place:#x}}",
                    remedy="remove the mark",
                )
                return


plugin = Scanner()
'''

_PYPROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "bascule-{dashed}"
version = "0.1.0"
description = "A scanner for Bascule: {words}"
requires-python = ">=3.11"
dependencies = ["bascule"]

[project.entry-points."bascule.scanners"]
{name} = "bascule_{name}.{name}"

[tool.hatch.build.targets.wheel]
packages = ["bascule_{name}"]
"""

_TEST = """from bascule.plugins.testing import check_scanner
from bascule_{name}.{name} import plugin


def test_shape_and_examples() -> None:
    assert check_scanner(plugin) == []
"""

_README = """# bascule-{dashed}

A scanner for Bascule that looks for {words}.

    python -m pip install -e .
    bascule plugins --check      # lists it, lints its shape, runs its examples
    bascule scan FOLDER --only {name}
"""


def package_files(name: str) -> dict[str, str]:
    """Relative path → text of a package that holds one scanner."""
    words = name.replace("_", " ")
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "rule": name.replace("_", "-"),
        "words": words,
        "title": words.capitalize(),
    }
    package = f"bascule_{name}"
    return {
        "pyproject.toml": _PYPROJECT.format(**values),
        "README.md": _README.format(**values),
        f"{package}/__init__.py": f'"""A scanner for Bascule: {words}."""\n',
        f"{package}/{name}.py": _MODULE.format(**values),
        f"tests/test_{name}.py": _TEST.format(**values),
    }
