"""Resolve the peers' locks again: `python benchmarks/peers/lock.py [NAME…]`. Their versions are named here."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]

WANTED: dict[str, tuple[str, ...]] = {
    "aisbom": ("aisbom-cli==1.7.0",),
    "c4nary": ("c4nary==0.3.1",),
    "detect_secrets": ("detect-secrets==1.5.0",),
    "fickling": ("fickling==0.1.12",),
    "glyphhound": ("glyphhound==0.1.0",),
    "hayward": ("hayward==1.4.1",),
    # Asked about licence texts alone, by `benchmarks/licence_detection.py`.
    "licences/licenseclassifier": ("licenseclassifier==2026.10.0",),
    "mlsupplyscan": ("mlsupplyscan==0.1.0",),
    # With the packages without which it only says of these formats that it lacks them.
    "modelaudit": ("modelaudit[flax,h5,onnx,sevenzip,tflite]==0.2.54",),
    # Without TensorFlow, which is two gigabytes and changes its answer about no file without it being there; with the
    # older numpy, since its reader of arrays fails on the newer one.
    "modelscan": ("modelscan[h5py]==0.8.8", "numpy<2"),
    "modelwarden": ("modelwarden==0.5.0",),
    # Its readers of arrays and of 7z archives need packages that it does not ask for.
    "picklescan": ("picklescan==1.0.5", "numpy", "py7zr"),
    # A fresh install of it fails at import with the newer pluggy.
    "licences/scancode": ("scancode-toolkit==32.5.0", "pluggy<1.6"),
}
PYTHON = {"fickling": "3.12", "modelwarden": "3.12"}


def main() -> int:
    """Write every lock; those named as arguments alone, if any are."""
    cool_down = subprocess.run(
        [sys.executable, ROOT / "tools" / "cool_down.py"], capture_output=True, text=True, check=True
    ).stdout.strip()
    for name in sys.argv[1:] or sorted(WANTED):
        with tempfile.TemporaryDirectory() as scratch:
            wanted = Path(scratch) / "wanted.in"
            wanted.write_text("\n".join(WANTED[name]) + "\n")
            subprocess.run(
                [
                    Path(sys.executable).with_name("uv"),
                    *("pip", "compile", "-q", "--universal", "--generate-hashes", "--no-emit-index-url"),
                    *("--no-annotate", "--no-header", "--python-version", PYTHON.get(name, "3.11")),
                    *("--exclude-newer", cool_down, wanted, "-o", FOLDER / "locks" / f"{name}.txt"),
                ],
                check=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
