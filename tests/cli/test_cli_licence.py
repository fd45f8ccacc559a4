"""`bascule licence solve|suggest|show` on a terminal: the verdict first, why, what is owed, what would settle it."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import ROOT, Said, here

pytestmark = pytest.mark.xdist_group("cli")
CASES = ROOT / "examples" / "licence"
BOT = (CASES / "support-bot.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def solve(text: str, folder: Path, home: Path) -> Said:
    case = folder / "case.yaml"
    case.write_text(text, "utf-8")
    return here("licence", "solve", case, home=home)


def with_users(*lines: str) -> str:
    return "\n".join([BOT.rstrip().replace("context: {", "context: {mau: 200000, "), *lines, ""])


@pytest.mark.parametrize(
    ("name", "code", "verdict"),
    [
        ("support-bot", 2, "cannot tell: "),
        ("vision-in-the-eu", 1, "not allowed: Llama-3.2 "),
        ("gemma-as-apache", 1, "not allowed: Gemma §3.1"),
        ("distilled", 0, "allowed: "),
        ("image-service", 0, "allowed: "),
    ],
)
def test_the_verdict_comes_first_and_is_the_exit_code(name: str, code: int, verdict: str, home: Path) -> None:
    said = here("licence", "solve", CASES / f"{name}.yaml", home=home)
    assert said.code == code, said.err
    assert said.out.startswith(verdict)
    assert said.out.rstrip().endswith("engineering evidence, not legal advice")


def test_what_decides_stands_above_what_allows_and_carries_its_link(home: Path) -> None:
    lines = here("licence", "solve", CASES / "vision-in-the-eu.yaml", home=home).out.splitlines()
    denied = next(at for at, line in enumerate(lines) if line.startswith("  ✕"))
    allowed = next(at for at, line in enumerate(lines) if line.startswith("  ✓"))
    assert denied < allowed
    assert lines[denied + 1].strip().startswith("https://")


def test_an_unknown_answer_names_the_fact_and_the_choice_that_settle_it(home: Path) -> None:
    out = here("licence", "solve", CASES / "support-bot.yaml", home=home).out
    assert "to settle it, declare: `mau`\nand choose how contested clauses are read" in out


def test_a_contested_clause_alone_says_that_the_policy_chooses(tmp_path: Path, home: Path) -> None:
    said = solve(with_users(), tmp_path, home)
    assert said.code == 2
    assert "to settle it, choose how contested clauses are read: `policy: strict`" in said.out
    assert "declare:" not in said.out


@pytest.mark.parametrize(("reading", "code"), [("strict", 1), ("lenient", 0)])
def test_the_chosen_reading_settles_it_and_is_named(reading: str, code: int, tmp_path: Path, home: Path) -> None:
    said = solve(with_users(f"policy: {reading}"), tmp_path, home)
    assert said.code == code, said.out
    assert f"contested clauses are read by the {reading} reading" in said.out
    assert "to settle it" not in said.out


def test_a_duty_that_a_declared_name_keeps_is_marked(home: Path) -> None:
    out = here("licence", "solve", CASES / "support-bot.yaml", home=home).out
    assert "  • naming (kept): begin the model's name with `Llama`, and bind recipients to it" in out


def test_hostile_words_of_a_case_stay_on_their_line(tmp_path: Path, home: Path) -> None:
    said = solve('artefacts: {"a\\e[2Jb": {licence: MIT}}\nuse: {act: host}\n', tmp_path, home)
    assert "\x1b" not in said.out + said.err


def test_suggestions_name_their_duties_and_count_the_rest(home: Path) -> None:
    said = here("licence", "suggest", home=home)
    assert said.code == 0
    assert "✓ MIT: MIT License\n      notice: " in said.out
    assert "would not do; `--every` says why" in said.out
    assert "✕" not in said.out


def test_every_says_why_the_others_do_not_fit(home: Path) -> None:
    said = here("licence", "suggest", "--every", home=home)
    assert "✕ Gemma: it is Google's own" in said.out


def test_nothing_that_fits_on_top_of_the_parents_is_exit_1_with_the_clause(home: Path) -> None:
    said = here("licence", "suggest", "--open-only", "--on-top-of", CASES / "gemma-as-apache.yaml", home=home)
    assert said.code == 1
    assert said.out.startswith("0 licences fit\n✕ ")
    assert "Gemma §3.1" in said.out


def test_a_word_nearly_right_is_corrected(home: Path) -> None:
    said = here("licence", "suggest", "--bind", "sharealike", home=home)
    assert said.code == 2
    assert "hint: did you mean `share-alike`?" in said.err


def test_show_tells_clauses_duties_reach_and_who_reviewed(home: Path) -> None:
    said = here("licence", "show", "llama3.1", home=home)
    assert said.code == 0
    for part in (
        "Llama-3.1: ",
        "reviewed by: nobody yet",
        "clauses:",
        "duties:",
        "still under it?",
        "other terms: same",
    ):
        assert part in said.out


def test_show_lists_what_is_known_and_refuses_what_is_not(home: Path) -> None:
    listed = here("licence", "show", home=home)
    assert "licences; `bascule licence show ID`" in listed.out
    unknown = here("licence", "show", "nonsense", home=home)
    assert unknown.code == 2
    assert "hint: `bascule licence show` lists those that are" in unknown.err
