"""A declared build, run again, and what came of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bascule.records.artefact import DigestField, Sha256Field
from bascule.records.base import Record


class BuildDeclaration(Record):
    """`build.yaml`: what to run, and what it must make.

    The command's first word is looked up on PATH; it runs in a copy of the subject without the outputs and without a
    network.
    """

    command: tuple[str, ...] = Field(min_length=1)
    outputs: tuple[str, ...] = Field(min_length=1, description="paths in the subject that the command makes")
    environment: dict[str, str] = Field(default_factory=dict)
    seconds: float = Field(default=3600.0, gt=0, le=7 * 86400)
    memory_mb: int = Field(default=16384, ge=64)


class OutputComparison(Record):
    """One output: as published, and as built here. tensors: in words, where both are safetensors."""

    path: str
    same: bool
    published_sha256: Sha256Field | None = None
    built_sha256: Sha256Field | None = None
    published_bytes: int | None = None
    built_bytes: int | None = None
    first_difference: int | None = Field(default=None, description="offset of the first byte that differs")
    explained: tuple[str, ...] = ()


class Reproduction(Record):
    """What ran, and whether its outputs are those published. `error`: the build did not end well."""

    schema_: Literal["bascule.reproduction/v1"] = Field(default="bascule.reproduction/v1", alias="schema")
    outcome: Literal["reproduced", "differs", "error"]
    declaration: BuildDeclaration
    declaration_digest: DigestField
    inputs: dict[str, Sha256Field]
    exit_code: int | None = Field(description="None: its time was up")
    said: str = Field(description="the end of what it printed")
    alone: bool = Field(description="whether the network was taken away from it")
    outputs: tuple[OutputComparison, ...]
    platform: str
    tool_version: str

    model_config = {"populate_by_name": True, "serialize_by_alias": True}
