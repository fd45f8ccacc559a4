"""Builds a model repository that must not be opened: a pickle whose load would run a command, a licence that forbids
commercial use, and no card. Nothing here is ever loaded; the pickle is written opcode by opcode.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

COMMAND = b"echo this model ran a command"


def dangerous_pickle() -> bytes:
    """A protocol 2 pickle that would call `posix.system` with a harmless `echo` when loaded."""
    argument = b"X" + len(COMMAND).to_bytes(4, "little") + COMMAND
    return b"\x80\x02" + b"cposix\nsystem\n" + argument + b"\x85" + b"R" + b"."


def build(folder: Path) -> None:
    """Write the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytorch_model.bin").write_bytes(dangerous_pickle())
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "vocab_size": 256}
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "package.json").write_text(json.dumps({"name": "unfit-model", "license": "CC-BY-NC-4.0"}) + "\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
