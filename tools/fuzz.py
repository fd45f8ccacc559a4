"""Coverage-guided fuzzing of one scanner, and so of every reader under it: `python tools/fuzz.py SCANNER [SECONDS]`.

Law: whatever the bytes, a scanner yields findings or raises Malformed or Truncated, within the time and memory that
libFuzzer is told here. Seeds are the scanner's own built examples, so a new scanner is fuzzed without an edit. An input
that breaks the law is kept in the folder that the last line names; what it showed becomes a built example.

`python tools/fuzz.py --list` names the targets. Needs atheris (`make fuzz` installs it); the product does not.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bascule.plugins", "bascule.builtin"]):
    from bascule.plugins.readers import Malformed
    from bascule.plugins.readers.media import media_type_of
    from bascule.plugins.registry import find, working
    from bascule.plugins.testing import memory_files

SECONDS_PER_INPUT = 20
MEMORY_MB = 2048
MAX_BYTES = 1 << 16


def main(arguments: list[str]) -> int:
    """Fuzz until the time is over; 0 unless an input broke the law (atheris then leaves with its own status)."""
    if arguments[:1] == ["--list"]:
        print("\n".join(["media", *(loaded.id for loaded in working("scanners"))]))
        return 0
    name = arguments[0]
    seconds = int(arguments[1]) if len(arguments) > 1 else 600
    seeds, target = media_target() if name == "media" else scanner_target(name)
    folder = Path(tempfile.gettempdir()) / "bascule-fuzz" / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        if len(seed) <= MAX_BYTES:
            (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    print(f"{name}: {len(seeds)} seeds; inputs that break the law go to {folder}", flush=True)
    flags = [
        f"-max_total_time={seconds}",
        f"-timeout={SECONDS_PER_INPUT}",
        f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], target)
    atheris.Fuzz()
    return 0


def media_target() -> tuple[list[bytes], Callable[[bytes], None]]:
    """Telling what a file is."""

    def target(data: bytes) -> None:
        media_type_of(data, len(data), "x")

    return [b"\x80\x04N.", b"GGUF", b"PK\x03\x04", b"{}"], target


def scanner_target(name: str) -> tuple[list[bytes], Callable[[bytes], None]]:
    """One scanner: the first byte of an input chooses the name that the rest lies under."""
    loaded = find("scanners", name)
    if loaded is None or loaded.plugin is None:
        raise SystemExit(f"there is no scanner `{name}`; see --list")
    scanner = loaded.plugin
    seeds: list[bytes] = []
    paths: list[str] = []
    for example in scanner.examples:
        for path, data in example.files().items():
            if path not in paths and len(paths) < 256:
                paths.append(path)
            seeds.append(bytes([paths.index(path) if path in paths else 0]) + data)
    others = dict(scanner.examples[0].files()) if scanner.examples else {}

    def target(data: bytes) -> None:
        if not data:
            return
        path = paths[data[0] % len(paths)]
        for file in memory_files({**others, path: data[1:]}):
            if file.path == path and scanner.meta.reads.match(file.path, file.kind, file.media_type):
                try:
                    for _ in scanner.scan(file):
                        pass
                except Malformed:
                    pass

    return seeds, target


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
