"""An archive becomes numbered files and an honest inventory, or is refused whole with every fault."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from bascule.collect.intake import IntakeLimits, Inventory, open_entry, take_in
from bascule.kernel.errors import InputError
from bascule.plugins.kinds import Fetched, Workspace
from bascule.plugins.readers import media

FILES = {"README.md": b"# Card\n", "model/weights.bin": bytes(range(256)) * 40, "empty": b""}


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target.encode()


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            file.writestr(name, data)
    return out.getvalue()


LIMITS = IntakeLimits()


def tarred(*members: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for item in members:
            if isinstance(item, tarfile.TarInfo):
                file.addfile(item)
                continue
            info = tarfile.TarInfo(item[0])
            info.size = len(item[1])
            file.addfile(info, io.BytesIO(item[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def taken(space: Workspace, data: bytes, name: str = "model.zip", **limits: float) -> Inventory:
    path = space.folder.parent / name
    path.write_bytes(data)
    return take_in(Fetched(name, root=path), space, IntakeLimits(**limits))  # type: ignore[arg-type]


def refusal(space: Workspace, data: bytes, name: str = "model.zip", **limits: float) -> InputError:
    with pytest.raises(InputError) as caught:
        taken(space, data, name, **limits)
    assert [path for path in space.folder.rglob("*") if path.is_file()] == [], "something was left behind"
    return caught.value


def contents(inventory: Inventory) -> dict[str, bytes]:
    found = {}
    for entry in inventory.entries:
        with os.fdopen(open_entry(inventory, entry), "rb") as file:
            found[entry.path] = file.read()
    return found


PACKED = {
    "model.zip": zipped(*FILES.items()),
    "model-1.0-py3-none-any.whl": zipped(*FILES.items()),
    "model.tar": tarred(*FILES.items()),
    "model.tar.gz": gzip.compress(tarred(*FILES.items()), mtime=0),
    "model.tar.xz": lzma.compress(tarred(*FILES.items())),
    "named-wrongly.bin": zipped(*FILES.items()),
}


@pytest.mark.parametrize("name", PACKED)
def test_an_archive_is_taken_in_as_the_files_that_it_holds(space: Workspace, name: str) -> None:
    inventory = taken(space, PACKED[name], name)
    assert contents(inventory) == FILES
    assert [entry.path for entry in inventory.entries] == sorted(FILES)
    assert inventory.notes == ()


def test_members_lie_as_numbered_private_files_whatever_they_are_called(space: Workspace) -> None:
    inventory = taken(space, PACKED["model.zip"])
    for path in inventory.root.iterdir():
        assert path.name.isdigit()
        assert path.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.pt", zipped(("model/data.pkl", b"\x80\x02N."), ("model/data/0", b"x"))),
        ("arrays.npz", zipped(("a.npy", b"\x93NUMPY"))),
        ("weights.bin.gz", gzip.compress(bytes(4000), mtime=0)),
    ],
    ids=["torch", "numpy", "gzip"],
)
def test_a_packed_model_file_stays_a_file(space: Workspace, name: str, data: bytes) -> None:
    assert contents(taken(space, data, name)) == {name: data}


def test_a_wheel_whose_first_member_is_an_array_is_still_unpacked(space: Workspace) -> None:
    data = zipped(("pkg/a.npy", b"\x93NUMPY"), ("pkg/b.py", b"x = 1\n"))
    assert set(contents(taken(space, data, "pkg-1.0-py3-none-any.whl"))) == {"pkg/a.npy", "pkg/b.py"}


def test_an_archive_inside_an_archive_stays_a_file(space: Workspace) -> None:
    inner = zipped(("a.txt", b"a"))
    assert contents(taken(space, zipped(("inner.zip", inner)))) == {"inner.zip": inner}


def test_a_folder_of_archives_is_not_unpacked(space: Workspace, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a.zip").write_bytes(PACKED["model.zip"])
    inventory = take_in(Fetched("ref", root=tmp_path / "model"), space, IntakeLimits())
    assert [(entry.path, entry.media_type) for entry in inventory.entries] == [("a.zip", media.ZIP)]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../evil", "parent-in-name"),
        ("/etc/passwd", "absolute-name"),
        ("a\\..\\b", "backslash-in-name"),
        ("x" * 5000, "name-too-long"),
    ],
)
def test_a_member_that_leads_elsewhere_is_refused(space: Workspace, name: str, code: str) -> None:
    for data, archive in ((zipped((name, b"x")), "m.zip"), (tarred((name, b"x")), "m.tar")):
        error = refusal(space, data, archive)
        assert error.code == "intake.hostile-archive"
        assert code in error.message
    assert not (space.folder.parent.parent / "evil").exists()


def test_every_fault_of_a_hostile_archive_is_named(space: Workspace) -> None:
    members = (("../a", b"1"), ("/b", b"2"), ("c/../../d", b"3"))
    for data, name in ((zipped(*members), "m.zip"), (tarred(*members), "m.tar")):
        message = refusal(space, data, name).message
        assert all(f"`{member}`" in message for member, _ in members)


def test_two_members_on_one_path_are_refused(space: Workspace) -> None:
    for members in (
        (("a", b"1"), ("a/b", b"2")),
        (("a/b", b"1"), ("a", b"2")),
        (("a/b", b"1"), ("a//b", b"2")),
        (("a", b"1"), ("./a", b"2")),
    ):
        assert "path-conflict" in refusal(space, zipped(*members)).message
        assert "path-conflict" in refusal(space, tarred(*members), "m.tar").message
    assert "duplicate-name" in refusal(space, tarred(("a", b"1"), ("a", b"2")), "m.tar").message


def test_a_zip_whose_headers_disagree_is_refused(space: Workspace) -> None:
    data = zipped(("good.txt", b"x")).replace(b"good.txt", b"evil.txt", 1)
    assert "name-mismatch" in refusal(space, data).message


def test_writing_through_a_link_is_refused(space: Workspace) -> None:
    data = tarred(special("d", tarfile.SYMTYPE, "/tmp"), ("d/evil", b"x"))
    assert "path-conflict" in refusal(space, data, "m.tar").message
    assert "path-conflict" in refusal(space, zipped(link("d", "/tmp"), ("d/evil", b"x"))).message


def test_links_in_an_archive_are_recorded_and_never_made(space: Workspace) -> None:
    members = {"in": "a.txt", "up": "../a.txt", "out": "/etc/passwd", "none": "b.txt", "sub/rel": "../a.txt"}
    wanted = {
        "in": ("symlink", False),
        "up": ("outside", True),
        "out": ("outside", True),
        "none": ("symlink", True),
        "sub/rel": ("symlink", False),
    }
    for data, name in (
        (zipped(("a.txt", b"a"), *(link(*item) for item in members.items())), "m.zip"),
        (tarred(("a.txt", b"a"), *(special(n, tarfile.SYMTYPE, t) for n, t in members.items())), "m.tar"),
    ):
        inventory = taken(space, data, name)
        assert {note.path: (note.what, note.blocks) for note in inventory.notes} == wanted
        assert set(contents(inventory)) == {"a.txt"}


def test_a_zipped_link_that_python_unpacks_as_a_pickle_blocks(tmp_path: Path, space: Workspace) -> None:
    payload = "cposix\nsystem\n(S'true'\ntR."
    archive = tmp_path / "a.zip"
    # The member of that name makes the link lead to something that is taken in.
    archive.write_bytes(zipped((payload, b"x"), link("model.pkl", payload)))
    notes = {(note.path, note.what): note.blocks for note in take_in(Fetched("a", root=archive), space, LIMITS).notes}
    assert notes["model.pkl", "link-or-file"]


def test_a_hard_link_counts_from_the_archives_root(space: Workspace) -> None:
    data = tarred(
        ("sub/a", b"a"),
        special("sub/twin", tarfile.LNKTYPE, "sub/a"),
        special("sub/out", tarfile.LNKTYPE, "../../etc/passwd"),
        special("sub/abs", tarfile.LNKTYPE, "/etc/passwd"),
    )
    notes = {note.path: (note.what, note.blocks) for note in taken(space, data, "m.tar").notes}
    assert notes == {"sub/twin": ("symlink", False), "sub/out": ("outside", True), "sub/abs": ("outside", True)}


def test_devices_in_an_archive_are_recorded_and_never_made(space: Workspace) -> None:
    data = tarred(special("null", tarfile.CHRTYPE), special("pipe", tarfile.FIFOTYPE), ("a", b"a"))
    inventory = taken(space, data, "m.tar")
    assert {note.path: (note.what, note.blocks) for note in inventory.notes} == {
        "null": ("device", True),
        "pipe": ("fifo", True),
    }


def test_bytes_beside_the_members_block(space: Workspace) -> None:
    for data, name in ((PACKED["model.zip"] + b"more", "m.zip"), (PACKED["model.tar"] + b"more", "m.tar")):
        (note,) = taken(space, data, name).notes
        assert (note.path, note.what, note.blocks) == (name, "trailing-bytes", True)


def test_a_bomb_is_refused_before_it_fills_the_disk(space: Workspace) -> None:
    zeros = bytes(80 << 20)
    assert "bomb" in refusal(space, zipped(("zeros", zeros))).message
    assert "bomb" in refusal(space, gzip.compress(tarred(("zeros", zeros)), 1), "m.tar.gz").message
    hidden_behind_the_end = gzip.compress(tarred(("a", b"a")) + zeros, 1)
    assert "bomb" in refusal(space, hidden_behind_the_end, "m.tar.gz").message


def test_an_archive_larger_than_allowed_is_refused(space: Workspace) -> None:
    data = bytes(range(256)) * 1000
    for packed, name in ((zipped(("a", data)), "m.zip"), (tarred(("a", data)), "m.tar")):
        assert "too-large" in refusal(space, packed, name, max_unpacked_bytes=100_000).message


def test_too_many_members_is_an_error(space: Workspace) -> None:
    data = zipped(*((str(number), b"") for number in range(20)))
    assert "more than 10 members" in refusal(space, data, max_files=10).message


@pytest.mark.parametrize("name", ["model.zip", "model.tar", "model.tar.gz", "model.tar.xz"])
def test_an_archive_cut_short_is_broken_not_clean(space: Workspace, name: str) -> None:
    error = refusal(space, PACKED[name][: len(PACKED[name]) // 2], name)
    assert error.code == "intake.broken-archive"
    assert "cut short" in error.message


def test_a_member_with_a_wrong_crc_is_broken(space: Workspace) -> None:
    data = bytearray(zipped(("a", b"x" * 50)))
    for signature, offset in ((b"PK\x03\x04", 14), (b"PK\x01\x02", 16)):
        at = data.index(signature) + offset
        data[at : at + 4] = b"\0\0\0\0"
    error = refusal(space, bytes(data))
    assert error.code == "intake.broken-archive"
    assert "CRC" in error.message


def test_a_full_disk_is_an_error_and_leaves_nothing(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from bascule.kernel.errors import StoreError

    real = os.open

    def full(path: object, flags: int, *rest: object, **more: object) -> int:
        if flags & os.O_CREAT and bytes(path).endswith(b"0000002"):  # type: ignore[call-overload]
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StoreError) as caught:
        taken(space, PACKED["model.zip"])
    assert caught.value.code == "intake.cannot-write"
    assert [path for path in space.folder.rglob("*") if path.is_file()] == []
