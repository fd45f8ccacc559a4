"""Find a Chromium for the browser tests, or install Debian's; say plainly when neither works.

Prints the browser's path. A machine without one and without root fails here, with what to do, instead of letting the
browser tests pass unseen.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The browser that BASCULE_CHROMIUM names, or the first on PATH."""
    named = os.environ.get("BASCULE_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def main() -> int:
    path = find()
    if path is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("installing chromium from the system's packages", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        ):
            done = subprocess.run(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
            )
            if done.returncode:
                print(done.stderr[-500:], file=sys.stderr)
        path = find()
    if path is None:
        print("error: no Chromium was found for the browser tests", file=sys.stderr)
        print("hint: install chromium, or set BASCULE_CHROMIUM to its path", file=sys.stderr)
        return 2
    print(f"browser: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
