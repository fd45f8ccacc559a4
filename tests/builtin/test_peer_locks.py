"""What benchmarks compare with is pinned, hashed, and named once."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from commands import ROOT

LOCKS = ROOT / "benchmarks" / "peers" / "locks"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """`benchmarks/peers`, as benchmarks import it."""
    sys.path.append(str(ROOT / "benchmarks"))
    try:
        import peers

        return peers
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.txt")), ids=lambda lock: lock.stem)
def test_a_lock_pins_every_package_by_hash_and_names_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert re.match(r"[a-z0-9._\[\],-]+==\S+", requirement), requirement[:80]
        assert "--hash=sha256:" in requirement, requirement[:80]


def test_every_peer_has_its_lock_and_every_lock_its_peer(bench: ModuleType) -> None:
    known = bench.peers()
    assert {peer.environment for peer in known} == {lock.stem for lock in LOCKS.glob("*.txt")}
    assert len({peer.id for peer in known}) == len(known)
    for peer in known:
        distribution = re.sub(r"[-_.]+", "-", peer.adapter.distribution)
        assert re.search(rf"^{distribution}(\[\w+\])?==", (LOCKS / f"{peer.environment}.txt").read_text(), re.MULTILINE)


def test_a_case_is_named_by_its_bytes_and_names(bench: ModuleType, tmp_path: Path) -> None:
    content_digest = sys.modules["peers.roster"].content_digest
    for name in ("a", "b"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "x.pkl").write_bytes(b"N.")
    assert content_digest(tmp_path / "a") == content_digest(tmp_path / "b")
    (tmp_path / "b" / "sub" / "x.pkl").write_bytes(b"K\x01.")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")
    (tmp_path / "a" / "sub" / "x.pkl").rename(tmp_path / "a" / "y.pkl")
    assert content_digest(tmp_path / "a") != content_digest(tmp_path / "b")
