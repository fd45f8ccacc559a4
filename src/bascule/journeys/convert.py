"""`bascule scan --convert`: a pickle's tensors as safetensors, without loading it."""

from __future__ import annotations

from pathlib import Path

from bascule.collect.convert import convert as run
from bascule.journeys.parts import Parts
from bascule.kernel.errors import InputError
from bascule.records.conversion import Conversion


def convert(refs: tuple[str, ...], target: Path, parts: Parts) -> Conversion:
    """Convert one local file. Raises InputError `convert.one-file`, and what `collect.convert` raises."""
    if len(refs) != 1:
        raise InputError(
            "convert.one-file", f"`--convert` takes one file, and was given {len(refs)}", "convert them one by one"
        )
    return run(Path(refs[0]), target, parts.scan)
