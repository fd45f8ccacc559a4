"""Conversion of pickled tensors to safetensors: nothing is executed, and equality is proved."""

from __future__ import annotations

from bascule.collect.convert.convert import convert

__all__ = ["convert"]
