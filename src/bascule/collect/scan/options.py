"""What a scan may use."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """Limits of the workers. Reaching one is that scanner's `error` for that file, and the scan goes on."""

    workers: int = field(default_factory=lambda: min(2, os.cpu_count() or 1))
    """worker processes at most; one is started only when there is a file for it"""
    seconds_per_file: float = 300.0
    """wall time that one scanner may spend on one file, and that reading may stand still"""
    memory_mb: int = 1024
    """address space of one worker, beyond what the interpreter maps"""
    findings_per_file: int = 1000
    """findings, measures and readings of one scanner in one file"""
    output_bytes_per_file: int = 4 << 20
    """bytes that these may take on the wire"""
    scratch_bytes: int = 256 << 20
    """what a worker may leave in its scratch folder at a time"""
    hashes: tuple[str, ...] = ("sha256",)
    """of `sha256` and `blake3`; evidence needs `sha256`, a scan alone may do without"""
    scratch: Path | None = None
    """where scratch folders are made; the system's place when None"""
    plugin_paths: tuple[Path, ...] = ()
    """folders searched for installed plug-ins beside the environment's own: workers ignore PYTHONPATH"""
