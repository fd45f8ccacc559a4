"""A local peer of the Hugging Face hub: the model API, and files by range, as the official client asks for them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_BYTES = 1 << 20
"""from here the hub keeps a file in its large-file storage, and states its sha256"""


@dataclass
class Peer:
    """What is served, whether by ranges, and what was asked for."""

    url: str
    files: Mapping[str, bytes]
    ranges: bool = True
    served_bytes: int = 0
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextmanager
def hub_peer(repository: str, files: Mapping[str, bytes], *, ranges: bool = True) -> Iterator[Peer]:
    """Serve one repository on loopback for as long as the `with` lasts."""
    peer = Peer("", files, ranges)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if path in (f"/api/models/{repository}", f"/api/models/{repository}/revision/main"):
                self.answer(200, json.dumps(_info(repository, files)).encode(), {"content-type": "application/json"})
            elif path == f"/api/models/{repository}/tree/{COMMIT}":
                self.answer(200, json.dumps(_tree(files)).encode(), {"content-type": "application/json"})
            elif path.startswith(prefix := f"/{repository}/resolve/{COMMIT}/") and path[len(prefix) :] in files:
                self.file(path[len(prefix) :])
            else:
                self.answer(404, b"", {"x-error-code": "RepoNotFound"})

        def do_HEAD(self) -> None:
            name = unquote(urlsplit(self.path).path).removeprefix(f"/{repository}/resolve/{COMMIT}/")
            if name in files:
                told = {"x-repo-commit": COMMIT, "etag": f'"{hashlib.sha256(files[name]).hexdigest()}"'}
                self.answer(200, files[name], told)
            else:
                self.answer(404, b"", {"x-error-code": "EntryNotFound"})

        def file(self, name: str) -> None:
            data, wanted = files[name], self.headers.get("range")
            peer.asked.append((name, wanted))
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", wanted or "")
            if match and peer.ranges:
                start, end = int(match[1]), min(int(match[2]), len(data) - 1)
                peer.served_bytes += end - start + 1
                self.answer(206, data[start : end + 1], {"content-range": f"bytes {start}-{end}/{len(data)}"})
            else:
                peer.served_bytes += len(data)
                self.answer(200, data, {})

        def answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _info(repository: str, files: Mapping[str, bytes]) -> dict[str, object]:
    siblings: list[dict[str, object]] = []
    for name, data in sorted(files.items()):
        row: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
        if len(data) >= LARGE_BYTES:
            row["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        siblings.append(row)
    return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings, "private": False}


def _tree(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    return [
        {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
        for name, data in sorted(files.items())
    ]
