"""What became of a pickled file's tensors when they were written as safetensors."""

from __future__ import annotations

from pydantic import Field

from bascule.records.base import Record


class ConvertedTensor(Record):
    """One tensor, the same in source and target: `sha256` is of its bytes in both."""

    name: str
    dtype: str = Field(description="as safetensors names it")
    shape: tuple[int, ...]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class LeftOut(Record):
    """Something in the source that is no tensor."""

    name: str
    what: str


class Conversion(Record):
    """A proved conversion: every tensor of the source is in the target, bit by bit."""

    source: str
    source_sha256: str
    media_type: str
    target: str
    target_sha256: str
    tensors: tuple[ConvertedTensor, ...]
    shared: tuple[tuple[str, ...], ...] = Field(
        default=(), description="names whose tensors share a storage in the source; each is written for itself"
    )
    left_out: tuple[LeftOut, ...] = Field(default=(), description="the first of what was no tensor")
    left_out_count: int = 0
