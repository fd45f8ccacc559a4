"""What is packed in a file is shown to the scanners that read such files, however deep it lies."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest

import packers
import pickled
from bascule.builtin.scanners.pickle_opcodes import plugin as pickles
from bascule.builtin.scanners.remote_code import plugin as remote_code
from bascule.builtin.scanners.secrets import plugin as secrets
from bascule.plugins.inside import may_read
from bascule.plugins.readers import media, members
from bascule.plugins.readers.members import Member
from bascule.plugins.readers.pickles.stream import span_of
from bascule.plugins.testing import memory_files, scan_memory
from bascule.records import ArtefactKind, Finding, Outcome, Severity

CODE = b"import os\nos." + b"system('id')\n"
CALL = "code-dangerous-call"


def tarred(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def deflated(files: Mapping[str, bytes]) -> bytes:
    return pickled.zipped(dict(files), zipfile.ZIP_DEFLATED)


PACKED: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "stored in a zip": lambda files: pickled.zipped(dict(files)),
    "deflated in a zip": deflated,
    "in a tar": tarred,
    "in a tar, packed": lambda files: gzip.compress(tarred(files), mtime=0),
    "in a 7z": packers.sevenzip,
    "in a zip in a tar in a 7z": lambda files: packers.sevenzip({"b.tar": tarred({"a.zip": deflated(files)})}),
}


def within(data: bytes, name: str = "more") -> list[Member]:
    (file,) = memory_files({name: data})
    return list(members.members(span_of(data), file.media_type, name))


def told(data: bytes, name: str = "more") -> list[Finding]:
    return [item for item in scan_memory(remote_code, {name: data}).seen if isinstance(item, Finding)]


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_code_is_found_where_it_is_packed(pack: Callable[[Mapping[str, bytes]], bytes]) -> None:
    data = pack({"readme.txt": b"words\n", "setup.py": CODE})
    found = [finding for finding in told(data) if finding.rule == CALL]
    assert [finding.location.rpartition("!")[0].rpartition("!")[2] for finding in found] == ["setup.py"]
    assert all(finding.outcome is Outcome.TRUE for finding in found)


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED.keys())
def test_members_come_out_as_they_went_in(pack: Callable[[Mapping[str, bytes]], bytes]) -> None:
    files = {"a.txt": b"one\n", "folder/b.bin": bytes(range(256)) * 40}
    found = within(pack(files))
    assert [member.path.rpartition("!")[2] for member in found] == list(files)
    assert [member.span and member.span.head(1 << 20) for member in found] == list(files.values())


def test_one_packed_text_is_known_by_its_name_without_the_packing() -> None:
    assert [member.path for member in within(bz2.compress(CODE), "setup.py.bz2")] == ["setup.py"]
    assert [finding.location for finding in told(bz2.compress(CODE), "setup.py.bz2")] == ["setup.py!line 2"]


def test_members_of_one_archive_are_neighbours() -> None:
    config = b'{"auto_map": {"AutoModel": "modeling_x.Model"}}'
    found = told(deflated({"config.json": config, "modeling_x.py": CODE}), "repository.zip")
    assert {finding.location for finding in found if finding.rule == "remote-code"} == {"config.json!auto_map"}


def test_what_cannot_be_opened_is_not_available_to_those_who_would_read_it() -> None:
    data = packers.sevenzip({"setup.py": CODE}, (packers.AES,))
    assert scan_memory(remote_code, {"a.7z": data}).answers[CALL] is Outcome.NOT_AVAILABLE
    nested = CODE
    for _ in range(8):
        nested = pickled.zipped({"in.zip" if nested is not CODE else "setup.py": nested})
    assert within(nested)[-1].why.startswith("it lies more than")


def test_a_scanner_that_reads_nothing_in_it_gives_no_answer() -> None:
    data = pickled.zipped({"picture.gif": b"GIF89a" + bytes(40)})
    assert scan_memory(remote_code, {"a.zip": data}).answers[CALL] is Outcome.NOT_APPLICABLE
    assert not may_read(pickles.meta, "a.png", ArtefactKind.UNCLASSIFIED, "image/png")


def test_whoever_opens_archives_is_not_shown_members_twice() -> None:
    report = scan_memory(pickles, {"a.zip": pickled.zipped({"m.pkl": pickled.proto(pickled.RUN)})})
    found = [item for item in report.seen if isinstance(item, Finding) and item.severity is Severity.CRITICAL]
    assert len(found) == 1


def test_the_tensors_of_a_checkpoint_are_left_to_its_own_readers() -> None:
    data = pickled.zipped({"m/data.pkl": pickled.proto(b"]"), "m/data/0": bytes(64), "m/extra.py": CODE})
    assert [member.path for member in within(data, "m.pt")] == ["m/extra.py"]


def test_a_large_stored_member_is_read_where_it_lies() -> None:
    data = tarred({"big.bin": b"\xfe" * (20 << 20)})
    (member,) = within(data)
    assert member.span is not None
    assert member.span.size_bytes == 20 << 20
    packed = within(gzip.compress(data, 1, mtime=0))
    assert packed[0].span is None
    assert packed[0].why.startswith("it unfolds to more than")


def test_a_secret_in_a_member_is_told_with_its_place() -> None:
    key = "-----BEGIN RSA " + "PRIVATE KEY-----\n"
    body = "MIIEowIBAAKCAQEA" + "b3BlbnNzaC1rZXktdjE" * 8 + "\n"
    text = (key + body + key.replace("BEGIN", "END")).encode()
    report = scan_memory(secrets, {"a.zip": deflated({"deploy.pem": text})})
    places = [item.location for item in report.seen if isinstance(item, Finding) and item.outcome is Outcome.TRUE]
    assert all(place.startswith("deploy.pem!") for place in places)
    assert places


@pytest.mark.parametrize("end", [0, 20, 200, 400])
def test_a_broken_archive_ends_with_what_is_wrong(end: int) -> None:
    for kind, whole in (
        (media.ZIP, deflated({"a": CODE})),
        (media.TAR, tarred({"a": CODE})),
        (media.GZIP, b"\x1f\x8b"),
    ):
        found = list(members.members(span_of(whole[:end]), kind, "more"))
        assert end >= len(whole) or not found or found[-1].why
