"""Every command: its help, its JSON, its place in the tree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bascule.cli.app import _GROUPS
from commands import ROOT, here, run

pytestmark = pytest.mark.xdist_group("cli")
COMMANDS = [(group, name) for group, commands in _GROUPS.items() for name in commands]
PACK = ROOT / "examples" / "policy-pack"


@pytest.mark.parametrize(("group", "name"), COMMANDS, ids=[" ".join(words).strip() for words in COMMANDS])
def test_every_command_explains_itself(group: str, name: str) -> None:
    said = here(*[word for word in (group, name) if word], "--help")
    assert said.code == 0
    assert f"Usage: bascule {f'{group} {name}'.strip()}" in said.out
    assert "--json" in said.out
    assert "--home" in said.out


def test_help_is_quick_and_names_every_command() -> None:
    said = run("--help")
    assert said.code == 0
    for group, commands in _GROUPS.items():
        for name in [group] if group else commands:
            assert f" {name} " in said.out


def test_importing_and_help_load_neither_database_nor_crypto() -> None:
    import subprocess
    import sys

    heavy = "{'sqlalchemy', 'scipy', 'cryptography', 'alembic', 'jinja2', 'torch', 'ray'}"
    code = f"import sys; from bascule.cli import main; main(['--help']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


QUIET = [
    (["rules"], "bascule.rules/v1"),
    (["rules", "pickle-calls-code"], "bascule.rule/v1"),
    (["plugins"], "bascule.plugins/v1"),
    (["doctor"], "bascule.doctor/v1"),
    (["policy", "show"], "bascule.policy/v1"),
    (["policy", "test", str(PACK)], "bascule.policy-test/v1"),
    (["policy", "lint", str(PACK)], "bascule.policy-lint/v1"),
    (["policy", "cover", str(PACK)], "bascule.policy-cover/v1"),
    (["policy", "diff", "default", "research"], "bascule.policy-diff/v1"),
    (["ledger", "verify"], "bascule.ledger-verify/v1"),
    (["ledger", "replay"], "bascule.ledger-replay/v1"),
    (["ledger", "show"], "bascule.ledger/v1"),
    (["waiver", "list"], "bascule.waivers/v1"),
    (["keys", "show"], "bascule.keys/v1"),
]


@pytest.mark.parametrize(("arguments", "schema"), QUIET, ids=[" ".join(words[:2]) for words, _ in QUIET])
def test_json_is_one_document_of_its_schema_and_text_says_something(
    arguments: list[str], schema: str, tmp_path: Path
) -> None:
    said = here(*arguments, "--json", home=tmp_path / "home")
    assert said.json["schema"] == schema
    assert said.code in (0, 1)
    text = here(*arguments, home=tmp_path / "home")
    assert text.code == said.code
    assert text.out.strip()
    assert not text.out.lstrip().startswith("{")


def test_the_example_pack_holds_its_cases_and_lints_clean() -> None:
    assert here("policy", "test", PACK).code == 0
    assert here("policy", "lint", PACK).code == 0


def test_a_wrong_option_says_what_is_near_and_is_json_where_json_is_asked_for() -> None:
    said = here("review", "model", "--teir", "T6", "--json")
    assert "Did you mean --tier?" in said.err
    assert (said.code, said.json["schema"], said.json["code"]) == (2, "bascule.error/v1", "cli.usage")
    assert "--teir" in said.json["message"]


def test_what_a_report_may_ask_for_is_a_command_or_says_that_it_is_still_to_come() -> None:
    packs = (ROOT / "src" / "bascule" / "builtin" / "policies").rglob("*.yaml")
    named = {name for path in packs for name in re.findall(r"bascule ([a-z]+)", path.read_text())}
    known = {*_GROUPS[""], *_GROUPS}
    assert {"eval", "redteam", "review"} <= named
    for name in sorted(named - known):
        assert f"`bascule {name}`" in here(name, "TARGET", "--json").refuses("cli.not-yet")


def test_an_unknown_rule_or_document_says_what_is_near() -> None:
    said = here("rules", "pickle-call-code", "--json")
    said.refuses("rules.unknown")
    assert "did you mean `pickle-calls-code`?" in said.err
    here("schema", "show", "reveiw", "--json").refuses("schema.unknown")


def test_a_signed_pack_is_believed_until_a_byte_changes(tmp_path: Path) -> None:
    import shutil

    pack = shutil.copytree(PACK, tmp_path / "pack")
    home = tmp_path / "home"
    signed = here("policy", "sign", pack, "--json", home=home)
    assert signed.code == 0, signed.err
    model = tmp_path / "model"
    model.mkdir()
    (model / "notes.txt").write_text("a model of nothing\n")
    believed = here("review", model, "--policy", pack, "--json", home=home)
    assert believed.json["policy_pack"]["signature"] == signed.json["key_id"]
    (pack / "pack.yaml").write_text((pack / "pack.yaml").read_text() + "# one more line\n")
    said = here("decide", model, "--policy", pack, "--json", home=home)
    assert said.code == 2
    assert said.json["schema"] == "bascule.error/v1"


def test_schemas_are_written_whole(tmp_path: Path) -> None:
    said = here("schema", "write", tmp_path / "schemas", "--json")
    assert said.code == 0
    assert {Path(path).name for path in said.json["files"]} == {path.name for path in (tmp_path / "schemas").iterdir()}
