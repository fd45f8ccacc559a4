"""Intake follows nothing, opens nothing but regular files, and says what it left out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.collect.intake import IntakeLimits, Inventory, open_entry, take_in
from bascule.kernel.canonical import canonical_json
from bascule.kernel.errors import InputError
from bascule.plugins.kinds import EndpointRef, Fetched, Workspace
from bascule.plugins.readers import media
from bascule.records import ArtefactKind


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    (tmp_path / "work").mkdir()
    return Workspace(tmp_path / "work")


def inventory_of(root: Path, space: Workspace, **limits: int) -> Inventory:
    return take_in(Fetched("ref", root=root), space, IntakeLimits(**limits))


def noted(inventory: Inventory) -> dict[str, tuple[str, bool]]:
    return {note.path: (note.what, note.blocks) for note in inventory.notes}


def content(inventory: Inventory, path: str) -> bytes:
    entry = next(entry for entry in inventory.entries if entry.path == path)
    with os.fdopen(open_entry(inventory, entry), "rb") as file:
        return file.read()


def test_a_folder_is_listed_by_the_bytes_of_its_names(tree: Path, space: Workspace) -> None:
    for name in ("b/x.txt", "a.txt", "B.txt", "a/z", "é.txt"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(name.encode())
    inventory = inventory_of(tree, space)
    assert [entry.path for entry in inventory.entries] == ["B.txt", "a.txt", "a/z", "b/x.txt", "é.txt"]
    assert all(content(inventory, entry.path) == entry.path.encode() for entry in inventory.entries)
    assert inventory.notes == ()
    assert list(space.folder.iterdir()) == []


def test_each_file_has_its_type_by_content_and_its_kind(tree: Path, space: Workspace) -> None:
    (tree / "weights.safetensors").write_bytes(b"\x80\x04N.")
    (tree / "README.md").write_bytes(b"# Card\n")
    kinds = {entry.path: (entry.media_type, entry.kind) for entry in inventory_of(tree, space).entries}
    assert kinds == {
        "weights.safetensors": (media.PICKLE, ArtefactKind.WEIGHTS),
        "README.md": (media.MARKDOWN, ArtefactKind.MODEL_CARD),
    }


@pytest.mark.parametrize("place", [".git/1_Pooling", "sub/.git", ".git/objects/aa", ".git/refs/heads"])
def test_what_git_did_not_put_into_its_folder_is_taken_in(tree: Path, space: Workspace, place: str) -> None:
    # `modules.json` of sentence-transformers may lead to any folder.
    for name in (f"{place}/pytorch_model.bin", ".git/HEAD", ".git/hooks/commit-msg.sample", ".git/objects/pack/p.idx"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"N.")
    inventory = inventory_of(tree, space)
    assert [entry.path for entry in inventory.entries] == [f"{place}/pytorch_model.bin"]
    assert noted(inventory)[".git"] == ("skipped", False)


def test_git_objects_do_not_count_as_files(tree: Path, space: Workspace) -> None:
    for name in (".git/HEAD", ".git/config", f".git/objects/ab/{'c' * 38}", "a.txt"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"a")
    assert [entry.path for entry in inventory_of(tree, space, max_files=1).entries] == ["a.txt"]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_file_that_only_says_it_is_empty_is_refused(space: Workspace) -> None:
    with pytest.raises(InputError) as caught:
        inventory_of(Path("/proc/self/environ"), space)
    assert caught.value.code == "intake.unreadable"


def test_a_lone_file_is_an_inventory_of_one(tree: Path, space: Workspace) -> None:
    (tree / "model.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(16))
    (tree / "beside.txt").write_bytes(b"not asked for")
    inventory = inventory_of(tree / "model.gguf", space)
    assert [entry.path for entry in inventory.entries] == ["model.gguf"]
    assert content(inventory, "model.gguf").startswith(b"GGUF")


def test_links_are_recorded_and_never_followed(tree: Path, tmp_path: Path, space: Workspace) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tree / "real.bin").write_bytes(b"real")
    (tree / "sub").mkdir()
    (tree / ".git").mkdir()
    (tree / ".git" / "hidden").write_bytes(b"hidden")
    (tree / "inside").symlink_to("real.bin")
    (tree / "folder").symlink_to("sub")
    (tree / "out").symlink_to(tmp_path / "secret")
    (tree / "up").symlink_to("../secret")
    (tree / "broken").symlink_to("nowhere")
    (tree / "ring").symlink_to("ring")
    (tree / "untaken").symlink_to(".git/hidden")
    inventory = inventory_of(tree, space)
    assert [entry.path for entry in inventory.entries] == ["real.bin"]
    assert noted(inventory) == {
        ".git": ("skipped", False),
        "inside": ("symlink", False),
        "folder": ("symlink", False),
        "out": ("outside", True),
        "up": ("outside", True),
        "broken": ("symlink", True),
        "ring": ("symlink", True),
        "untaken": ("symlink", True),
    }


def test_what_is_not_a_file_is_never_opened(tree: Path, space: Workspace) -> None:
    os.mkfifo(tree / "pipe")  # opening it for reading would wait for ever
    listener = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(tree)  # the address of a socket is short
    try:
        listener.bind("sock")
    finally:
        os.chdir(here)
        listener.close()
    assert noted(inventory_of(tree, space)) == {"pipe": ("fifo", True), "sock": ("socket", True)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device files")
def test_a_device_is_recorded(tree: Path, space: Workspace) -> None:
    try:
        os.mknod(tree / "zero", 0o020600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container may not make device files")
    assert noted(inventory_of(tree, space)) == {"zero": ("device", True)}


def test_a_name_that_is_not_utf8_is_escaped_and_opens(tree: Path, space: Workspace) -> None:
    os.close(os.open(os.fsencode(tree) + b"/\xff\xfe.bin", os.O_CREAT | os.O_WRONLY))
    (tree / "\\xff").write_bytes(b"the letters, not the byte")
    inventory = inventory_of(tree, space)
    assert [entry.path for entry in inventory.entries] == ["\\x5cxff", "\\xff\\xfe.bin"]
    assert noted(inventory) == {"\\xff\\xfe.bin": ("not-utf8", False)}
    assert content(inventory, "\\xff\\xfe.bin") == b""


def test_empty_sparse_and_hard_linked_files_are_files(tree: Path, space: Workspace) -> None:
    (tree / "empty").touch()
    with (tree / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    (tree / "twin").hardlink_to(tree / "empty")
    entries = {entry.path: entry for entry in inventory_of(tree, space).entries}
    assert entries["empty"].media_type == entries["twin"].media_type == media.EMPTY
    assert entries["sparse"].size_bytes == 1 << 30
    assert entries["sparse"].sparse
    assert not entries["empty"].sparse


def test_the_same_files_elsewhere_are_the_same_inventory(tree: Path, tmp_path: Path, space: Workspace) -> None:
    for place in (tree, tmp_path / "copy"):
        place.mkdir(exist_ok=True)
        (place / "a.txt").write_bytes(b"a")
        (place / "link").symlink_to("a.txt")
    first, second = inventory_of(tree, space), inventory_of(tmp_path / "copy", space)
    assert first.notes == second.notes
    assert [(e.path, e.media_type, e.size_bytes) for e in first.entries] == [
        (e.path, e.media_type, e.size_bytes) for e in second.entries
    ]


def test_too_many_files_is_an_error(tree: Path, space: Workspace) -> None:
    for number in range(11):
        (tree / str(number)).touch()
    with pytest.raises(InputError) as caught:
        inventory_of(tree, space, max_files=10)
    assert caught.value.code == "intake.too-many-files"


def test_folders_nested_without_end_are_read_to_a_depth(tree: Path, space: Workspace) -> None:
    here = os.open(tree, os.O_RDONLY)
    for _ in range(200):  # deeper than a path may be long, in one go
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    assert [note.what for note in inventory_of(tree, space).notes] == ["too-deep"]


@pytest.mark.parametrize("name", ["nothing", "a\0b"])
def test_a_root_that_is_not_there_is_an_error(tree: Path, space: Workspace, name: str) -> None:
    with pytest.raises(InputError) as caught:
        inventory_of(tree / name, space)
    assert caught.value.code == "intake.unreadable"


def test_a_root_that_is_a_pipe_is_an_error(tree: Path, space: Workspace) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(InputError) as caught:
        inventory_of(tree / "pipe", space)
    assert caught.value.code == "intake.not-a-file"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to give up rights that only root has")
def test_what_may_not_be_read_blocks(tmp_path: Path) -> None:
    tree = tmp_path / "model"
    (tree / "closed").mkdir(parents=True)
    (tree / "closed" / "inner").write_bytes(b"x")
    (tree / "shut.bin").write_bytes(b"x")
    (tree / "closed").chmod(0)
    (tree / "shut.bin").chmod(0)
    for folder in (tree, *tree.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from bascule.collect.intake.walk import Walk; from bascule.collect.intake import IntakeLimits\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "walk = Walk(Path(sys.argv[1]), IntakeLimits(), lambda _: None); walk.run()\n"
        "print([(note.path, note.what, note.blocks) for note in walk.notes], len(walk.entries))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tree)], capture_output=True, text=True, check=False)
    (tree / "closed").chmod(0o700)
    assert done.stdout.strip() == "[('closed', 'unreadable', True), ('shut.bin', 'unreadable', True)] 0", done.stderr


def changed(tree: Path, name: str) -> None:
    path = tree / name
    {
        "written": lambda: path.write_bytes(b"other bytes"),
        "replaced": lambda: (path.rename(tree / "old"), path.write_bytes(b"weights")),
        "linked": lambda: (path.rename(tree / "old"), path.symlink_to("old")),
        "piped": lambda: (path.unlink(), os.mkfifo(path)),
        "gone": path.unlink,
    }[name]()


@pytest.mark.parametrize("name", ["written", "replaced", "linked", "piped", "gone"])
def test_a_file_that_changed_since_is_an_error(tree: Path, space: Workspace, name: str) -> None:
    (tree / name).write_bytes(b"weights")
    os.utime(tree / name, ns=(1, 1))
    inventory = inventory_of(tree, space)
    changed(tree, name)
    with pytest.raises(InputError) as caught:
        open_entry(inventory, inventory.entries[0])
    assert caught.value.code == "intake.changed"


def test_a_folder_swapped_for_a_link_since_is_an_error(tree: Path, space: Workspace) -> None:
    (tree / "sub").mkdir()
    (tree / "sub" / "a").write_bytes(b"a")
    inventory = inventory_of(tree, space)
    (tree / "sub").rename(tree / "moved")
    (tree / "sub").symlink_to("moved")
    with pytest.raises(InputError) as caught:
        open_entry(inventory, inventory.entries[0])
    assert caught.value.code == "intake.changed"


def test_a_root_swapped_since_is_an_error(tree: Path, tmp_path: Path, space: Workspace) -> None:
    (tree / "a").write_bytes(b"a")
    inventory = inventory_of(tree, space)
    tree.rename(tmp_path / "moved")
    tree.mkdir()
    (tree / "a").write_bytes(b"a")
    with pytest.raises(InputError) as caught:
        open_entry(inventory, inventory.entries[0])
    assert caught.value.code == "intake.changed"


def test_opening_and_walking_leave_no_descriptor_behind(tree: Path, space: Workspace) -> None:
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "c").write_bytes(b"x")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0  # noqa: PTH208
    for _ in range(5):
        inventory = inventory_of(tree, space)
        os.close(open_entry(inventory, inventory.entries[0]))
        inventory_of(tree / "a" / "b" / "c", space)
    assert (len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0) == before  # noqa: PTH208


def test_an_endpoint_has_bytes_of_its_own(space: Workspace) -> None:
    endpoint = EndpointRef("https://api.example.org/v1", "a-model", "unknown")
    inventory = take_in(Fetched("ref", endpoint=endpoint), space, IntakeLimits())
    (entry,) = inventory.entries
    assert (entry.path, entry.kind, entry.media_type) == ("endpoint", ArtefactKind.ENDPOINT, media.ENDPOINT)
    assert content(inventory, "endpoint") == canonical_json(
        {"provider": "unknown", "url": "https://api.example.org/v1", "model": "a-model"}
    )
    assert inventory.endpoint == endpoint


def test_a_file_cannot_pass_itself_off_as_an_endpoint(tree: Path, space: Workspace) -> None:
    (tree / "endpoint").write_bytes(b'{"model":"m","provider":"OpenAI","url":"https://api.openai.com"}')
    (entry,) = inventory_of(tree, space).entries
    assert entry.kind is not ArtefactKind.ENDPOINT
    assert entry.media_type == media.JSON


NAMES = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"/", b"_").replace(b"\0", b"_"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(NAMES.filter(lambda raw: raw not in (b".", b"..")), max_size=8, unique=True))
def test_whatever_the_names_every_file_is_listed_once_and_opens(
    tmp_path_factory: pytest.TempPathFactory, names: list[bytes]
) -> None:
    root = tmp_path_factory.mktemp("names")
    (root / "tree").mkdir()
    (root / "work").mkdir()
    for name in names:
        descriptor = os.open(os.fsencode(root / "tree") + b"/" + name, os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, name)
        os.close(descriptor)
    inventory = inventory_of(root / "tree", Workspace(root / "work"))
    assert [entry.raw for entry in inventory.entries] == sorted(names)
    assert len({entry.path for entry in inventory.entries}) == len(names)
    for entry in inventory.entries:
        with os.fdopen(open_entry(inventory, entry), "rb") as file:
            assert file.read() == entry.raw
