"""`pypi:name[==version]`: a wheel, fetched by the user's own pip and never installed.

Rules: only wheels, because building a source distribution runs its code; no dependencies; pip runs in a process of its
own with the user's configuration (index, certificates, proxies, constraints) and nothing else of the environment. pip
checks the digest that the index names; intake then unpacks the wheel with our own reader.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from bascule.kernel.errors import InputError, UpstreamError
from bascule.kernel.text import visible
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.meta import Meta

PREFIX = "pypi:"
DEADLINE_SECONDS = 3600.0
_POLL_SECONDS = 0.2
_LOG_BYTES = 1 << 20
_NAME = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)

# What pip needs to find its configuration, its cache and the way out; PYTHON* would change what runs.
_KEPT = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "NETRC", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_KEPT |= {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
_KEPT_PREFIXES = ("PIP_", "XDG_")

_OFFLINE = re.compile(
    r"connection broken|could not fetch url|name resolution|network is unreachable|connection refused|timed? ?out"
    r"|max retries exceeded|proxyerror|sslerror",
    re.IGNORECASE,
)


class PypiSource:
    """Takes `pypi:…`."""

    meta = Meta(id="pypi", title="A wheel from the package index: `pypi:name` or `pypi:name==1.2`")

    def accepts(self, ref: str) -> bool:
        return ref.startswith(PREFIX)

    def fetch(self, ref: str, workspace: Workspace) -> Fetched:
        """The wheel as a file in the workspace.

        Raises InputError `source.bad-reference`; UpstreamError `source.offline`, `source.not-found`, `source.no-pip`,
        `source.timeout` or `source.failed`.
        """
        requirement = requirement_of(ref)
        place = Path(tempfile.mkdtemp(prefix="pypi-", dir=workspace.folder))
        wheels = place / "wheels"
        _download(requirement, wheels, place / "tmp", workspace)
        found = sorted(wheels.glob("*.whl"))
        if len(found) != 1:
            raise UpstreamError(
                "source.failed",
                f"pip brought {len(found)} wheels for `{requirement}`, expected one",
                "fetch the wheel yourself and review the file",
            )
        return Fetched(ref=ref, root=found[0], notes=(f"wheel {found[0].name}",))


def requirement_of(ref: str) -> str:
    """`name` or `name==version`, checked, so that nothing in it can be an option or an address.

    Raises InputError `source.bad-reference`.
    """
    name, pinned, version = ref.removeprefix(PREFIX).partition("==")
    faults = []
    if not _NAME.fullmatch(name):
        faults.append(f"`{visible(name, 80)}` is not the name of a package")
    if pinned:
        try:
            Version(version)
        except InvalidVersion:
            faults.append(f"`{visible(version, 80)}` is not a version")
    if faults:
        raise InputError.from_faults(
            "source.bad-reference",
            f"`{visible(ref, 100)}` cannot be fetched",
            faults,
            "write `pypi:name` or `pypi:name==1.2`; extras and ranges are not for review",
        )
    return name + pinned + version


def clean_environment(environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """What of the environment pip is given. Temporary files go to `scratch`, and with it."""
    kept = {
        key: value
        for key, value in environment.items()
        if key.upper() in _KEPT or key.startswith((*_KEPT_PREFIXES, "LC_"))
    }
    return {**kept, "TMPDIR": str(scratch)}


def _download(requirement: str, wheels: Path, scratch: Path, workspace: Workspace) -> None:
    wheels.mkdir()
    scratch.mkdir()
    # -I: neither the working folder nor PYTHONPATH can put another pip, or another anything, before the real one.
    command = [sys.executable, "-I", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--retries=2", f"--dest={wheels}"]
    command += ["--", requirement]
    with tempfile.TemporaryFile(dir=scratch) as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(os.environ, scratch),
            cwd=scratch,
        )
        try:
            _wait(process, requirement, (wheels, scratch), workspace)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
        told = log.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise why_it_failed(requirement, told)


def _wait(process: subprocess.Popen[bytes], requirement: str, folders: tuple[Path, ...], workspace: Workspace) -> None:
    started = time.monotonic()
    while process.poll() is None:
        if time.monotonic() - started > DEADLINE_SECONDS:
            raise UpstreamError(
                "source.timeout",
                f"`{requirement}` was not there after {DEADLINE_SECONDS / 60:.0f} minutes",
                "try again, or fetch the wheel yourself and review the file",
            )
        workspace.progress(sum(map(_folder_bytes, folders)), None, f"fetching {requirement}")
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(path) / name).stat().st_size
            except OSError:  # pip moved it meanwhile
                continue
    return total


def why_it_failed(requirement: str, told: str) -> UpstreamError:
    """pip's words, turned into what to do."""
    if "No module named pip" in told:
        return UpstreamError("source.no-pip", "this Python has no pip to fetch with", "run `python -m ensurepip`")
    if _OFFLINE.search(told):
        return UpstreamError(
            "source.offline",
            f"the package index cannot be reached for `{requirement}`",
            "check the network, or pip's index, proxy and certificate settings (`pip config list`)",
        )
    if "No matching distribution found" in told or "Could not find a version" in told:
        versions = re.search(r"from versions: ([^)]+)\)", told)
        known = versions[1].split(", ") if versions and versions[1] != "none" else []
        detail = f"it has {', '.join(known[-5:])}" if known else "there is no such package, or no wheel for this Python"
        return UpstreamError(
            "source.not-found",
            f"the package index has no wheel of `{requirement}`: {detail}",
            "check the name and version; a source distribution is never built, because that runs its code",
        )
    last = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in last if line.startswith("ERROR")] or last
    return UpstreamError(
        "source.failed",
        f"pip could not fetch `{requirement}`: {visible(errors[-1] if errors else 'it said nothing')}",
        f"run `pip download --no-deps --only-binary=:all: {requirement}` to see all of it",
    )


plugin = PypiSource()
