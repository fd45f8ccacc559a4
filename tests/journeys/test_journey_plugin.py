"""A newcomer's scanner: scaffolded, installed, checked, run; and one that breaks fails alone."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from builders import write
from commands import SECONDS, Said, environment, here, run

pytestmark = pytest.mark.xdist_group("journey-plugin")
NAME = "onnx_custom_ops"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `bascule new scanner` writes."""
    out = tmp_path_factory.mktemp("scaffold")
    said = here("new", "scanner", NAME, "--out", out, "--json")
    assert said.code == 0, said.err
    return Path(said.json["folder"])


def environment_of(folder: Path) -> Path:
    """A virtual environment that sees all that this one has; returns its site-packages.

    Scanners run in isolated interpreters, which look at no PYTHONPATH: what is found is what is installed.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "outer.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in ours))
    return packages


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment in which the package is installed with pip, without any index."""
    packages = environment_of(tmp_path_factory.mktemp("site"))
    words = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q"]
    command = [sys.executable, "-m", "pip", "install", *words, "--target", str(packages), str(package)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return packages


def python_of(site: Path) -> str:
    return str(site.parents[2] / "bin" / "python")


def with_site(site: Path, *arguments: str | Path, home: Path | None = None) -> Said:
    return run(*arguments, home=home, python=python_of(site))


def test_the_scaffold_is_a_package_with_examples_and_a_test(package: Path) -> None:
    names = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    module = f"bascule_{NAME}"
    assert {"pyproject.toml", "README.md", f"{module}/{NAME}.py", f"tests/test_{NAME}.py"} <= names


def test_the_installed_scanner_is_found_and_fit(site: Path) -> None:
    said = with_site(site, "plugins", "--check", "--json")
    assert said.code == 0, said.out[-2000:] + said.err[-2000:]
    (row,) = [row for row in said.json["plugins"] if row["id"] == NAME]
    assert (row["distribution"], row["faults"]) == ("bascule-onnx-custom-ops", [])
    rules = with_site(site, "rules", "onnx-custom-ops", "--json")
    assert rules.json["question"].endswith("?")


def test_the_installed_scanner_finds_its_mark_in_the_sandbox(site: Path, home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", {"notes.txt": f"a line\n{NAME}: yes\n".encode(), "other.txt": b"nothing\n"})
    said = with_site(site, "scan", model, "--only", NAME, "--json", home=home)
    assert said.code == 1
    rows = {row["path"]: row for row in said.json["files"]}
    assert rows["notes.txt"]["outcome"] == "unsafe"
    assert rows["notes.txt"]["findings"][0]["location"] == "offset 0x7"
    assert rows["other.txt"]["outcome"] == "clean"


def test_the_scaffold_runs_its_own_test(package: Path, site: Path) -> None:
    command = [python_of(site), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package / "tests")]
    done = subprocess.run(
        command, cwd=package, env=environment(), capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_names_that_are_taken_or_no_module_names_are_refused(package: Path) -> None:
    here("new", "scanner", "Bad-Name", "--json").refuses("new.bad-name")
    here("new", "scanner", "pickle_opcodes", "--json").refuses("new.taken")
    here("new", "scanner", NAME, "--out", package.parent, "--json").refuses("new.exists")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Three installed plug-ins: one that cannot be imported, one that leaves Python, one that is no scanner."""
    entries = "broken_import = broken_import\nbroken_exit = broken_exit\nbroken_shape = broken_shape\n"
    info = "bascule_broken-0.1.dist-info"
    return write(
        environment_of(tmp_path / "broken"),
        {
            "broken_import.py": b"raise RuntimeError('not today')\n",
            "broken_exit.py": b"import sys\nsys.exit(3)\n",
            "broken_shape.py": b"plugin = object()\n",
            f"{info}/METADATA": b"Metadata-Version: 2.1\nName: bascule-broken\nVersion: 0.1\n",
            f"{info}/entry_points.txt": f"[bascule.scanners]\n{entries}".encode(),
            f"{info}/RECORD": b"",
        },
    )


def test_a_broken_plug_in_fails_alone_and_is_told(broken: Path, home: Path, tmp_path: Path) -> None:
    listed = with_site(broken, "plugins", "--json")
    assert listed.code == 1
    faults = {row["id"]: row["faults"] for row in listed.json["plugins"] if row["faults"]}
    assert set(faults) == {"broken_import", "broken_exit", "broken_shape"}
    assert "not today" in faults["broken_import"][0]
    model = write(tmp_path / "model", {"notes.txt": b"a line\n"})
    said = with_site(broken, "review", model, "--tier", "T1", "--json", home=home)
    document = said.json
    assert document["schema"] == "bascule.review/v1", document
    tools = {line["tool"] for line in document["evidence"]}
    assert {"secrets", "unreadable_binary", "broken_import"} <= tools
    told = [row for row in document["findings"] if row["outcome"] == "error"]
    assert any("broken_import" in row["message"] for row in told)


def test_without_the_plug_in_nothing_of_it_is_left(home: Path) -> None:
    assert NAME not in {row["id"] for row in here("plugins", "--json").json["plugins"]}
