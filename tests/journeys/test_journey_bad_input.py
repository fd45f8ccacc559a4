"""Bad input: a clear error with a hint and exit code 2, or an outcome `error` in the report; nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from builders import embedding_model, safetensors, write
from commands import CONTEXTS, SECONDS, environment, here, run

pytestmark = pytest.mark.xdist_group("journey-bad-input")
Place = Callable[[str, Mapping[str, bytes]], Path]
ROOT_USER = os.geteuid() == 0


@pytest.fixture(scope="module")
def model(place: Place) -> Path:
    return place("model", embedding_model())


def outcomes(folder: Path, home: Path) -> dict[str, str]:
    return {row["path"]: row["outcome"] for row in here("scan", folder, "--json", home=home).json["files"]}


def test_a_path_that_is_not_there_is_named(home: Path, tmp_path: Path) -> None:
    said = run("review", tmp_path / "nowhere", "--json", home=home)
    assert "nowhere" in said.refuses("source.no-such-path")


def test_an_empty_folder_is_an_error_not_a_pass(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = here("review", tmp_path / "empty", "--json", home=home)
    assert said.code == 2
    assert said.json.get("verdict") != "granted"


@pytest.mark.skipif(ROOT_USER, reason="root may read everything")
def test_an_unreadable_file_is_an_error_in_the_report(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", embedding_model())
    (model / "model.safetensors").chmod(0)
    assert outcomes(model, home)["model.safetensors"] == "error"


def test_truncated_weights_are_an_error_and_grant_nothing(home: Path, place: Place) -> None:
    cut = safetensors()[:-20]
    model = place("cut", embedding_model(**{"model.safetensors": cut}))
    assert outcomes(model, home)["model.safetensors"] in ("error", "unsafe")
    said = here("review", model, "--tier", "T6", "--json", home=home)
    assert said.code != 0
    assert said.json["granted"]["weights"] == "T0"


@pytest.mark.usefixtures("must_end")
def test_a_yaml_alias_bomb_in_a_card_is_bounded_and_never_clean(home: Path, place: Place) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    bomb = "\n".join(["---", "license: apache-2.0", *lines, "---", "# A model", ""]).encode()
    said = here("review", place("bomb", embedding_model(**{"README.md": bomb})), "--tier", "T6", "--json", home=home)
    assert said.json["verdict"] != "granted"


def test_names_with_control_characters_and_foreign_bytes_stay_names(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    names = [b"bell\x07.txt", b"esc\x1b[31mred.txt", b"new\nline.txt", b"latin-\xe9.txt", "bidi-\u202etxt.exe".encode()]
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"text\n")
    said = run("scan", folder, "--json", home=home)
    assert len(said.json["files"]) == len(names)
    assert "latin-\\xe9.txt" in {row["path"] for row in said.json["files"]}
    shown = run("review", folder, home=home)
    assert shown.code in (1, 2)
    assert "\x1b" not in shown.out + shown.err
    assert "\u202e" not in shown.out + shown.err


CONTEXT_FAULTS = {
    "unknown key": ("sectr: health\n", "did you mean `sector`?"),
    "not a number": ("monthly_active_users: .nan\n", "monthly_active_users"),
    "below zero": ("revenue_usd: -1\n", "revenue_usd"),
    "no such users": ("users: everyone\n", "users"),
    "a list": ("- health\n", "context.yaml"),
    "not yaml": ("sector: [health\n", "context.yaml"),
    "a key twice": ("sector: health\nsector: finance\n", "sector"),
}


@pytest.mark.parametrize("name", CONTEXT_FAULTS)
def test_a_context_with_a_fault_is_refused_with_its_place(name: str, home: Path, model: Path, tmp_path: Path) -> None:
    text, told = CONTEXT_FAULTS[name]
    context = tmp_path / "context.yaml"
    context.write_text(text)
    said = here("review", model, "--context", context, "--json", home=home)
    assert said.code == 2
    assert said.json["schema"] == "bascule.error/v1"
    assert said.json["hint"]
    assert told in said.err


def test_all_faults_of_one_context_are_told_at_once(home: Path, model: Path, tmp_path: Path) -> None:
    context = tmp_path / "context.yaml"
    context.write_text("sectr: health\nrevenue_usd: -1\nusers: everyone\n")
    said = here("review", model, "--context", context, "--json", home=home)
    message = said.refuses("records.invalid")
    assert all(word in message for word in ("sectr", "revenue_usd", "users"))


def test_all_faults_of_a_broken_pack_are_told_at_once(home: Path, model: Path, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    rules = "rules:\n  - {id: one, dimension: nowhere, tiers: '>=T1', requires: 'true'}\n  - {id: two, when: '((('}\n"
    write(pack, {"pack.yaml": b"id: broken\nversion: 1\nunknown_key: 1\n", "rules/a.yaml": rules.encode()})
    said = here("review", model, "--policy", pack, "--json", home=home)
    message = said.refuses("policy.invalid")
    assert all(word in message for word in ("unknown_key", "`dimension`", "rules/a.yaml:3", "ladder")), message


WRONG_FLAGS = {
    "policy": (["--policy", "defualt"], "policy.unknown-pack", "default"),
    "tier": (["--tier", "T9"], "review.unknown-tier", "T8"),
    "tier of the other ladder": (["--ladder", "adopt", "--tier", "T6"], "review.unknown-tier", "A4"),
    "ladder": (["--ladder", "step"], "review.unknown-ladder", "release"),
    "date": (["--as-of", "yesterday"], "kernel.not-a-date", "2026"),
    "date without a zone": (["--as-of", "2026-01-01T00:00:00"], "kernel.not-a-date", "Z"),
    "context": (["--context", "/nowhere/context.yaml"], "context.unreadable", "nowhere"),
}


@pytest.mark.parametrize("name", WRONG_FLAGS)
def test_a_wrong_flag_is_named_and_nothing_is_written(name: str, home: Path, model: Path, tmp_path: Path) -> None:
    flags, code, told = WRONG_FLAGS[name]
    out = tmp_path / "out"
    said = here("review", model, *flags, "--out", out, "--json", home=home)
    said.refuses(code)
    assert told in said.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("BASCULE_SCAN__WORKERS", "many"), ("BASCULE_SCAN__WORKERS", "0"), ("BASCULE_CONFIG", "/nowhere/bascule.toml")],
)
def test_junk_in_the_environment_is_refused(variable: str, value: str, home: Path, model: Path) -> None:
    said = run("review", model, "--json", home=home, env={variable: value})
    assert said.code == 2
    assert said.json["hint"]
    assert "Traceback" not in said.err


def test_an_unknown_setting_is_refused_with_what_is_near(home: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "bascule.toml").write_text("[scan]\nworker = 3\n")
    said = run("review", model, "--json", home=home, cwd=tmp_path)
    said.refuses("settings.invalid")
    assert "did you mean `workers`?" in said.err


def test_a_home_that_cannot_be_written_is_an_error(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_text("in the way\n")
    for home in (file / "home", Path("/proc/nowhere")):
        said = run("review", model, "--json", home=home)
        assert said.code == 2
        assert said.json["hint"], said.json
        assert "Traceback" not in said.err


def test_a_report_that_cannot_be_written_is_an_error(home: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder\n")
    said = here("review", model, "--out", tmp_path / "out", home=home)
    assert said.code == 2
    assert "Traceback" not in said.err


@pytest.fixture
def slow_model(tmp_path: Path) -> Path:
    """Enough to scan that a signal finds the review at work."""
    files = embedding_model()
    files.update({f"data/part-{n}.txt": (f"line {n}\n" * 40_000).encode() for n in range(60)})
    return write(tmp_path / "slow", files)


def started(model: Path, home: Path, out: Path) -> subprocess.Popen[str]:
    """A review that has begun to scan."""
    command = [sys.executable, "-m", "bascule", "review", str(model), "--home", str(home), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "scanning" in line:
            return process
    raise AssertionError("the review ended before it scanned")


def test_control_c_exits_130_and_leaves_no_scratch(slow_model: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    process = started(slow_model, home, out)
    os.killpg(process.pid, signal.SIGINT)
    _stdout, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in err, err[-2000:]
    assert list((home / "scratch").iterdir()) == []
    assert not out.exists()
    assert here("ledger", "verify", home=home).code == 0


def test_kill_nine_leaves_a_ledger_that_verifies_and_no_half_report(slow_model: Path, tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    process = started(slow_model, home, out)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=SECONDS)
    assert process.stderr is not None
    process.stderr.close()
    assert not out.exists()
    assert here("ledger", "verify", home=home).code == 0
    again = here("review", slow_model, "--tier", "T4", "--json", home=home)
    assert again.json["schema"] == "bascule.review/v1"
    # What the killed run unpacked is cleared away by the next one.
    assert list((home / "scratch").iterdir()) == []


def test_the_shipped_contexts_are_read(home: Path, model: Path) -> None:
    for context in sorted(CONTEXTS.glob("*.yaml")):
        said = here("decide", model, "--context", context, "--json", home=home)
        assert said.json["schema"] in ("bascule.review/v1", "bascule.error/v1")
        assert said.json.get("code") in (None, "decide.unknown-subject")


def test_a_card_of_nonsense_bytes_is_no_card(home: Path, place: Place) -> None:
    model = place("nonsense", embedding_model(**{"README.md": b"---\nlicense: \xff\xfe\n" + bytes(range(256))}))
    said = here("review", model, "--tier", "T6", "--json", home=home)
    assert said.json["verdict"] != "granted"
