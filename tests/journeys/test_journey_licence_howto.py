"""The page on fine-tunes runs: each command in it, with the exit code that stands beside it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from commands import here

pytestmark = pytest.mark.xdist_group("journey-licences")
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "may-we-ship-a-fine-tune.md"
COMMANDS = re.findall(r"^bascule (.+?)  # exit ([\d ]+)$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `licence detect .` is pointed at: the case files and this project's licence."""
    path = tmp_path_factory.mktemp("repository")
    (path / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
    return path


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize(("command", "codes"), COMMANDS)
def test_a_command_of_the_page_runs(
    command: str, codes: str, folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder if command == "licence detect ." else ROOT)
    said = here(*shlex.split(command), home=home)
    assert str(said.code) in codes.split(), said.out + said.err
    assert "Traceback" not in said.err


def test_the_case_on_the_page_is_the_one_that_is_run() -> None:
    shown = re.search(r"```yaml\n(artefacts:.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert shown is not None
    case = (ROOT / "examples" / "licence" / "support-bot.yaml").read_text("utf-8")
    assert shown[1] == case.split("\n", 1)[1]
