"""`hf:org/name[@revision]`: a repository of the Hugging Face hub, pinned to the commit that the revision names today.

`fetch` brings all of it; `look` leaves it there, and reads by HTTP ranges what somebody asks for.

Needs the extra `bascule[hub]`. Credentials are the hub client's own affair; nothing of them is read or kept here.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bascule.kernel.errors import InputError, UpstreamError
from bascule.kernel.text import visible
from bascule.plugins.kinds import Fetched, RemoteFile, Workspace
from bascule.plugins.meta import Meta

PREFIX = "hf:"
_REFERENCE = re.compile(r"(?P<repository>\w[\w.-]*(?:/\w[\w.-]*)?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_POLL_SECONDS = 0.5
_PARTIAL = 206

# By name, because the client's exceptions moved between modules, and its HTTP library changed, over its versions.
_GATED = {"GatedRepoError", "DisabledRepoError"}
_NOT_FOUND = {"RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError", "HFValidationError"}
_OFFLINE = {"OfflineModeIsEnabled", "LocalEntryNotFoundError", "ConnectionError", "ConnectError", "ProxyError"}
_OFFLINE |= {"ConnectTimeout", "ReadTimeout", "Timeout", "TimeoutException", "NetworkError", "SSLError"}


class HubSource:
    """Takes `hf:…`."""

    meta = Meta(id="hub", title="A repository of the Hugging Face hub: `hf:org/name` or `hf:org/name@revision`")

    def accepts(self, ref: str) -> bool:
        return ref.startswith(PREFIX)

    def fetch(self, ref: str, workspace: Workspace) -> Fetched:
        """The snapshot as plain files in the workspace.

        Raises InputError `source.bad-reference` or `source.missing-extra`; UpstreamError `source.offline`,
        `source.gated`, `source.not-found` or `source.failed`.
        """
        repository, revision = _named(ref)
        hub = _client()
        folder = Path(tempfile.mkdtemp(prefix="hub-", dir=workspace.folder))
        what = f"fetching {repository}"
        workspace.progress(0, None, what)
        try:
            info = hub.HfApi().model_info(repository, revision=revision, files_metadata=True)
            commit = str(info.sha)
            sizes = [getattr(sibling, "size", None) for sibling in info.siblings or ()]
            known = [size for size in sizes if isinstance(size, int)]
            total = sum(known) if len(known) == len(sizes) > 0 else None
            with _growing(folder, total, what, workspace):
                hub.snapshot_download(repository, revision=commit, local_dir=str(folder))
        except Exception as error:  # see _GATED
            raise _why(error, repository, revision) from error
        # The client's own book-keeping, not part of the repository.
        shutil.rmtree(folder / ".cache" / "huggingface", ignore_errors=True)
        if (folder / ".cache").is_dir() and not any((folder / ".cache").iterdir()):
            (folder / ".cache").rmdir()
        return Fetched(ref=ref, root=folder, notes=(f"commit {visible(commit)}",))

    def look(self, ref: str, workspace: Workspace) -> Fetched:
        """The files of the repository where they lie. Raises as `fetch` does."""
        repository, revision = _named(ref)
        hub = _client()
        workspace.progress(0, None, f"looking at {repository}")
        try:
            info = hub.HfApi().model_info(repository, revision=revision, files_metadata=True)
        except Exception as error:  # see _GATED
            raise _why(error, repository, revision) from error
        files = tuple(
            RemoteFile(str(sibling.rfilename), int(sibling.size or 0), _declared(sibling))
            for sibling in info.siblings or ()
        )
        commit = str(info.sha)
        return Fetched(ref=ref, remote=HubFiles(repository, commit, files), notes=(f"commit {visible(commit)}",))


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Files of one commit, read by HTTP ranges."""

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]

    def read(self, path: str, offset: int, size: int) -> bytes:
        """Raises UpstreamError `source.no-ranges`, or as `fetch` does."""
        if size == 0:
            return b""
        hub = _client()
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        url = hub.hf_hub_url(self.repository, path, revision=self.commit)
        # `identity`: a range of compressed bytes would be a range of something else.
        headers = {**build_hf_headers(), "Range": f"bytes={offset}-{offset + size - 1}", "Accept-Encoding": "identity"}
        try:
            with get_session().stream("GET", url, headers=headers, follow_redirects=True) as response:
                hf_raise_for_status(response)
                if response.status_code != _PARTIAL or not response.headers.get("content-range", "").startswith(
                    f"bytes {offset}-{offset + size - 1}/"
                ):
                    raise UpstreamError(
                        "source.no-ranges",
                        f"the store of `{visible(path)}` does not give parts of files",
                        "scan the whole repository with `--whole`",
                    )
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > size:
                        break
        except UpstreamError:
            raise
        except Exception as error:  # see _GATED
            raise _why(error, self.repository, self.commit) from error
        if len(data) != size:
            raise UpstreamError(
                "source.failed", f"`{visible(path)}` came with {len(data)} bytes instead of {size}", "try again later"
            )
        return bytes(data)


def _named(ref: str) -> tuple[str, str | None]:
    match = _REFERENCE.fullmatch(ref.removeprefix(PREFIX))
    if match is None:
        raise InputError(
            "source.bad-reference", f"`{visible(ref, 100)}` names no repository", "write `hf:org/name@revision`"
        )
    return match["repository"], match["revision"]


def _declared(sibling: Any) -> str | None:
    """The sha256 of a large file, as the hub keeps it; small ones have a git id alone."""
    lfs = getattr(sibling, "lfs", None)
    digest = lfs.get("sha256") if isinstance(lfs, dict) else getattr(lfs, "sha256", None)
    return digest if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest) else None


def _client() -> Any:
    try:
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as error:
        raise InputError(
            "source.missing-extra",
            "references that begin with `hf:` need the hub client, which is not installed",
            "install `bascule[hub]`, or download the repository and give its folder",
        ) from error
    disable_progress_bars()
    return huggingface_hub


@contextmanager
def _growing(folder: Path, total_bytes: int | None, what: str, workspace: Workspace) -> Iterator[None]:
    """Say how much has arrived while the client is at work."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            workspace.progress(_folder_bytes(folder), total_bytes, what)

    watcher = threading.Thread(target=watch, name="hub-progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _folder_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size if path.is_file() else 0
        except OSError:  # moved meanwhile
            continue
    return total


def _why(error: Exception, repository: str, revision: str | None) -> UpstreamError:
    names = {kind.__name__ for kind in type(error).__mro__}
    at = f"`{repository}`" + (f" at `{revision}`" if revision else "")
    # A gated repository is also "not found" to the client: ask first.
    if names & _GATED:
        return UpstreamError(
            "source.gated",
            f"{at} is gated: its owner decides who may fetch it",
            "accept its terms on its page, log in with the hub's own client, and try again",
        )
    if names & _OFFLINE:
        return UpstreamError(
            "source.offline",
            f"the hub cannot be reached for {at}",
            "check the network, or download the repository elsewhere and give its folder",
        )
    if names & _NOT_FOUND:
        return UpstreamError(
            "source.not-found",
            f"the hub shows no repository {at}",
            "check its name and revision; a private one needs a login with the hub's own client",
        )
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UpstreamError("source.failed", f"{at} could not be fetched: {visible(said)}", "try again later")


plugin = HubSource()
