"""The scanner's own built cases."""

from __future__ import annotations

import json

from bascule.plugins.meta import Example
from bascule.records import Outcome

YES, NO, ERROR = Outcome.TRUE, Outcome.FALSE, Outcome.ERROR


def dependency_examples(squatted: str, unpinned: str, source: str, unreadable: str) -> tuple[Example, ...]:
    """One for each answer of each rule, and one for each kind of file."""
    quiet = {squatted: NO, unpinned: NO, source: NO, unreadable: NO}

    def case(name: str, path: str, text: str, pins: tuple[str, ...] | None = None, **answers: Outcome) -> Example:
        ids = {"squatted": squatted, "unpinned": unpinned, "source": source, "unreadable": unreadable}
        expects = quiet | {ids[key]: value for key, value in answers.items()}
        readings = {} if pins is None else {"dependencies.pins": pins}
        return Example(name, lambda: {path: text.encode()}, expects, readings)

    lines = "requirements.txt"
    torch = ("PyPI/torch==2.7.0",)
    address = "https://files.example.org/torch-2.7.0.whl"
    cell = {"cell_type": "code", "source": ["%pip install -q torch==2.7.0\n", "!pip install tokenizer-x"]}
    broken = {squatted: ERROR, unpinned: ERROR, source: ERROR, unreadable: ERROR}
    return (
        case("pinned", lines, "torch==2.7.0  # weights\n", torch),
        case("pinned with hashes", lines, f"torch==2.7.0 \\\n    --hash=sha256:{'0' * 64}\n", torch),
        case("a marker", lines, "torch==2.7.0 ; python_version >= '3.11'\n", torch),
        case("a range", lines, "torch>=2\n", ("PyPI/torch (unpinned)",), unpinned=YES),
        case("a slip", lines, "transfomers==4.1.0\n", squatted=YES),
        case("other separators", lines, "scikitlearn==1.5.0\n", squatted=YES),
        case("digits for letters", lines, "t0rch==2.7.0\n", squatted=YES),
        case("a letter of another script", lines, "t\u043erch==2.7.0\n", squatted=YES, unpinned=YES),
        case("known to harm", lines, "torchtriton==3.0.0\n", squatted=YES),
        case("one bad release", lines, "ultralytics==8.3.41\n", squatted=YES),
        case("another release", lines, "ultralytics==8.3.50\n"),
        case("a name of its own", lines, "torchmetrics==1.4.0\nsacremoses==0.1.1\ndataset==1.6.2\n"),
        case("a second index", lines, "--extra-index-url https://pkgs.example.org/simple\ntorch==2.7.0\n", source=YES),
        case("a host on its word", lines, "--trusted-host=pkgs.example.org\n", source=YES),
        case("an address", lines, f"torch @ {address}\n", source=YES),
        case("an address with its hash", lines, f"torch @ {address}#sha256={'0' * 64}\n"),
        case("a moving branch", lines, "git+https://example.org/a/b.git@main#egg=b\n", source=YES),
        case("words that are no requirement", lines, "torch = = 2\n", unreadable=YES),
        case("the project itself", lines, "-e .\n-r base.txt\n"),
        case("pyproject", "pyproject.toml", '[project]\ndependencies = ["torch==2.7.0"]\n', torch),
        case("poetry", "pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\ntorch = "2.7.0"\n', torch),
        case("a uv lock", "uv.lock", '[[package]]\nname = "torch"\nversion = "2.7.0"\n', torch),
        case("a pipenv lock", "Pipfile.lock", json.dumps({"default": {"torch": {"version": "==2.7.0"}}}), torch),
        case(
            "conda",
            "conda.yaml",
            "dependencies:\n- python=3.11.4\n- pip:\n  - torch==2.7.0\n",
            ("conda/python==3.11.4", "PyPI/torch==2.7.0"),
        ),
        case("setup.cfg", "setup.cfg", "[options]\ninstall_requires =\n    torch==2.7.0\n", torch),
        case(
            "setup.py",
            "setup.py",
            "from setuptools import setup\nR = ['torch==2.7.0']\nsetup(install_requires=R)\n",
            torch,
        ),
        case(
            "a computed list", "setup.py", "import s\ns.setup(install_requires=open('r').readlines())\n", unreadable=YES
        ),
        case(
            "a notebook",
            "demo.ipynb",
            json.dumps({"cells": [cell]}),
            ("PyPI/torch==2.7.0", "PyPI/tokenizer-x (unpinned)"),
            unpinned=YES,
        ),
        case("a container", "Dockerfile", "FROM scratch\nRUN pip install \\\n  torch==2.7.0 && true\n", torch),
        Example("broken TOML", lambda: {"pyproject.toml": b"[project"}, broken),
    )
