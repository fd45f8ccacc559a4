"""One labelled case of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Label = Literal["malicious", "grey", "benign", "secret"]
Files = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Case:
    """files: built when asked for. why: what makes the label true. loader: who takes the path, where that matters."""

    name: str
    klass: str
    label: Label
    files: Callable[[], Files]
    why: str
    loader: str = ""


def one(name: str, klass: str, label: Label, path: str, build: Callable[[], bytes], why: str, loader: str = "") -> Case:
    """A case of one file."""
    return Case(name, klass, label, lambda: {path: build()}, why, loader)
