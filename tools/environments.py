"""The same bytes give the same JSON, whatever is installed beside us: `make environments`.

Scans what every built-in scanner was made for in three environments below `.cache/environments`: the lock of the core
alone, the same with torch, and the same with scikit-learn. Compares `bascule scan --json` byte for byte. It needs some
gigabytes and minutes the first time, so it is no part of `make test`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".cache" / "environments"
BESIDE = {"bare": (), "torch": ("torch==2.13.0",), "sklearn": ("scikit-learn",)}

WRITE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import pickled, scanning
root = Path(sys.argv[1])
scanning.write_examples(root)
for number, (_, build) in enumerate(sorted(pickled.HOSTILE.items())):
    (root / f"hostile-{number}.pkl").write_bytes(build())
    (root / f"hostile-{number}.pt").write_bytes(pickled.torch_zip(build()))
"""


def prepare(name: str) -> Path:
    """The interpreter of an environment, made or brought up to the lock."""
    folder = PLACE / name
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "-qq"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "core.lock")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    if BESIDE[name]:
        subprocess.run([*pip, *BESIDE[name]], check=True)
    return python


def scanned(python: Path, subject: Path, home: Path) -> bytes:
    """The document, whatever the verdict."""
    command = [str(python), "-m", "bascule", "scan", str(subject), "--json", "--home", str(home)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in (0, 1, 2) or not done.stdout.startswith(b"{"):
        raise SystemExit(done.stderr.decode())
    return done.stdout


def main() -> int:
    documents: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(prefix="bascule-environments-") as base:
        subject = Path(base, "subject")
        subject.mkdir()
        # Once, by this environment: what is compared is what is made of the same bytes.
        subprocess.run([sys.executable, "-c", WRITE, str(subject), str(ROOT / "tests")], check=True)
        files = sum(path.is_file() for path in subject.rglob("*"))
        for name in BESIDE:
            documents[name] = scanned(prepare(name), subject, Path(base, f"home-{name}"))
            digest = hashlib.sha256(documents[name]).hexdigest()
            print(f"{name:8} {files} files, {len(documents[name])} bytes of JSON, sha256 {digest}", flush=True)
    if len(set(documents.values())) != 1:
        print("error: the answers differ between environments", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
