"""A repository of the hub is scanned where it lies, by ranges. The client is the hub's own."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from commands import Said, run
from hub import Peer, hub_peer

BIG = 24 << 20


def safetensors(size: int, **metadata: str) -> bytes:
    tensor = {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": {"format": "pt", **metadata}, "w": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + os.urandom(1 << 20) * (size >> 20)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {
        "config.json": b'{"model_type": "bert", "architectures": ["BertModel"]}',
        "model.safetensors": safetensors(BIG, note="<script src=//x></script>"),
        "weights.pkl": b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00hiq\x00\x85R.",
    }


def scan(peer: Peer, home: Path, *flags: str) -> Said:
    env = {"HF_ENDPOINT": peer.url, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_XET": "1"}
    return run("scan", "hf:org/name@main", "--json", *flags, home=home, env=env)


def test_findings_come_from_a_small_part_of_the_bytes(files: dict[str, bytes], tmp_path: Path) -> None:
    with hub_peer("org/name", files) as peer:
        said = scan(peer, tmp_path)
    rows = {row["path"]: row for row in said.json["files"]}
    assert said.code == 1, said.err
    assert "pickle-calls-code" in {finding["rule"] for finding in rows["weights.pkl"]["findings"]}
    assert "safetensors-suspicious-metadata" in {finding["rule"] for finding in rows["model.safetensors"]["findings"]}
    assert peer.served_bytes < BIG // 2


def test_what_was_not_read_is_said_and_its_digest_is_the_stores_word(files: dict[str, bytes], tmp_path: Path) -> None:
    with hub_peer("org/name", files) as peer:
        document = scan(peer, tmp_path).json
    row = next(row for row in document["files"] if row["path"] == "model.safetensors")
    assert row["sha256"] is None
    assert row["declared_sha256"] == hashlib.sha256(files["model.safetensors"]).hexdigest()
    assert any("model.safetensors: not-read" in note for note in document["notes"])
    assert row["coverage"][-1]["end"] == len(files["model.safetensors"])
    assert "not-covered" in {part["state"] for part in row["coverage"]}


def test_whole_fetches_everything_and_hashes_it(files: dict[str, bytes], tmp_path: Path) -> None:
    with hub_peer("org/name", files) as peer:
        document = scan(peer, tmp_path, "--whole").json
    assert {row["path"]: row["sha256"] for row in document["files"]} == {
        path: hashlib.sha256(data).hexdigest() for path, data in files.items()
    }


def test_a_store_without_ranges_is_an_error_that_names_the_way_out(files: dict[str, bytes], tmp_path: Path) -> None:
    with hub_peer("org/name", files, ranges=False) as peer:
        said = scan(peer, tmp_path)
    said.refuses("source.no-ranges")
    assert "--whole" in said.err
