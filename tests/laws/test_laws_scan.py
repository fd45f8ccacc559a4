"""Laws 3 and 4, and those of the readers beneath them.

3. Scanning never executes a byte of the artefact, never writes outside its work folder, and ends within its limits.
4. A truncated, corrupt or unreadable file is `error`, never clean.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.collect.scan import ScanOptions, examine, wire
from bascule.collect.scan import file as scan_file
from bascule.collect.scan.file import OpenFile
from bascule.plugins.inside import may_read
from bascule.plugins.readers import Malformed, Truncated
from bascule.plugins.readers.safetensors import read_header
from bascule.plugins.registry import working
from bascule.records import Outcome
from builders import safetensors, write
from scanning import built_in, inventory_of

VALID = safetensors({"a": (3, 2), "b": (5,), "c": ()}, {"format": "pt"})

names = st.sampled_from(
    [
        "model.safetensors",
        "pytorch_model.bin",
        "m.gguf",
        "w.pkl",
        "config.json",
        "README.md",
        "LICENSE",
        "x.py",
        "t.jinja",
    ]
)
openings = st.sampled_from(
    [b"", b"GGUF\x03\0\0\0", b"\x80\x04", b"PK\x03\x04", VALID[:40], b"{", b"\x93NUMPY", b"\x7fELF"]
)
contents = st.builds(lambda opening, rest: opening + rest, openings, st.binary(max_size=300))


def picture(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder with its content, mode and time."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(names, contents, min_size=1, max_size=6))
def test_law_3_scanning_changes_nothing_and_ends(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as base:
        folder = write(Path(base, "model"), files)
        scratch = Path(base, "scratch")
        scratch.mkdir()
        before = picture(folder)
        began = time.monotonic()
        scanners = working("scanners")
        examined = examine(inventory_of(folder), scanners, ScanOptions(seconds_per_file=10, scratch=scratch))
        assert time.monotonic() - began < 10 * len(files) * len(scanners)
        assert picture(folder) == before
        assert list(scratch.iterdir()) == []
        assert [item.name for item in Path(base).iterdir() if item.name not in ("model", "scratch")] == []
        assert {a.path: a.sha256 for a in examined.artefacts} == {
            name: hashlib.sha256(data).hexdigest() for name, data in files.items()
        }
        for loaded in scanners:
            meta, seen = loaded.plugin.meta, examined.observations[loaded.id]
            matching = {a.path for a in examined.artefacts if meta.reads.match(a.path, a.kind, a.media_type)}
            # An archive is answered for as well where a scanner read a member of it.
            opened = {a.artefact for a in seen.answers} - matching
            assert all(may_read(meta, a.path, a.kind, a.media_type) for a in examined.artefacts if a.path in opened)
            answered = {(r.id, path) for r in meta.rules for path in matching | opened}
            assert {(a.rule, a.artefact) for a in seen.answers} == answered


def test_law_4_a_file_cut_anywhere_is_never_clean(tmp_path: Path) -> None:
    files = {f"cut-{size:04}.safetensors": VALID[:size] for size in range(len(VALID))}
    examined = examine(inventory_of(write(tmp_path, files)), built_in("safetensors_header"))
    answers = examined.observations["safetensors_header"].answers
    assert len(answers) == 2 * len(files)
    assert all(
        answer.outcome is Outcome.ERROR for answer in answers if answer.rule == "safetensors-suspicious-metadata"
    )
    assert all(
        answer.outcome in (Outcome.ERROR, Outcome.TRUE) for answer in answers if answer.rule == "safetensors-malformed"
    )


@given(st.integers(0, len(VALID) - 1))
def test_a_cut_safetensors_file_is_truncated_or_malformed(size: int) -> None:
    data = VALID[:size]
    with pytest.raises(Malformed):
        read_header(lambda offset, count: data[offset : offset + count], len(data))


@given(st.integers(0, len(VALID) - 1), st.integers(1, 255), st.binary(max_size=8))
def test_a_changed_safetensors_file_is_malformed_or_still_accounts_for_every_byte(
    at: int, by: int, tail: bytes
) -> None:
    changed = bytearray(VALID)
    changed[at] ^= by
    data = bytes(changed) + tail
    try:
        header = read_header(lambda offset, count: data[offset : offset + count], len(data))
    except Malformed:
        return
    assert 8 + header.header_bytes + header.data_bytes == len(data)
    assert sum(tensor.end - tensor.begin for tensor in header.tensors) == header.data_bytes


@given(st.binary(max_size=200))
def test_any_bytes_are_read_within_bounds(data: bytes) -> None:
    asked = 0

    def read(offset: int, count: int) -> bytes:
        nonlocal asked
        if offset + count > len(data):
            raise Truncated("asked for too much")
        asked += count
        return data[offset : offset + count]

    with contextlib.suppress(Malformed):
        read_header(read, len(data))
    assert asked <= len(data)


steps = st.one_of(
    st.tuples(st.just("windows"), st.integers(1, 40), st.integers(0, 60), st.integers(0, 12)),
    st.tuples(st.just("read"), st.integers(0, 120), st.integers(0, 120), st.just(0)),
    st.tuples(st.just("ahead"), st.just(0), st.just(0), st.just(0)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=120), st.lists(steps, max_size=4), st.booleans())
def test_the_digest_is_the_files_whoever_read_it_first(
    monkeypatch: pytest.MonkeyPatch, data: bytes, todo: list[tuple[str, int, int, int]], small: bool
) -> None:
    monkeypatch.setattr(scan_file, "SMALL_BYTES", 1 << 20 if small else -1)
    with tempfile.TemporaryFile() as stored:
        stored.write(data)
        stored.flush()
        file = OpenFile(stored.fileno(), "x", "unclassified", "", len(data))
        file.open()
        for what, first, second, stop_after in todo:
            if what == "windows":
                position = 0
                for count, (offset, window) in enumerate(file.windows(first, second)):
                    assert data[offset : offset + len(window)] == window
                    assert offset <= position
                    position = offset + len(window)
                    if count == stop_after:
                        break
                else:
                    assert position == len(data)
            elif what == "ahead":
                with file.hashing_ahead():
                    pass
            elif first + second <= len(data):
                assert file.read(first, second) == data[first : first + second]
            else:
                with pytest.raises(Truncated):
                    file.read(first, second)
        assert file.digests()["sha256"] == hashlib.sha256(data).hexdigest()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(min_size=1, max_size=4), values, max_size=3), max_size=5), st.data())
def test_messages_arrive_whole_however_they_are_cut(bodies: list[dict[str, object]], data: st.DataObject) -> None:
    messages = [{**body, "say": "x"} for body in bodies]
    stream = b"".join(wire.encode(message) for message in messages)
    inbox, heard = wire.Inbox(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        heard += list(inbox.feed(stream[:size]))
        stream = stream[size:]
    assert heard == json.loads(json.dumps(messages))


@given(st.binary(max_size=64))
def test_any_bytes_are_messages_or_garbled(data: bytes) -> None:
    try:
        for message in wire.Inbox().feed(data):
            assert isinstance(message["say"], str)
    except wire.Garbled:
        pass
