"""What named people may add, through the command line: approvals, each under their own key, and waivers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bascule.journeys.review import record
from bascule.kernel.digests import as_digest
from bascule.records import Finding, Outcome, Severity
from bascule.settings import Settings
from bascule.wiring import open_parts
from builders import embedding_model, write
from commands import Said, here

pytestmark = pytest.mark.xdist_group("journey-people")
Place = Callable[[str, Mapping[str, bytes]], Path]
NAMES = {"collector": "C. Ollector", "lead": "A. Lead", "guard": "S. Guard"}
LATER = (datetime.now(UTC) + timedelta(days=120)).strftime("%Y-%m-%d")


@dataclass(frozen=True)
class Team:
    """Three homes on one ledger, each with its own key, each trusting the others'."""

    collector: Path
    lead: Path
    guard: Path


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.setenv("BASCULE_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.db'}")
    homes = {name: tmp_path / name for name in NAMES}
    for name, home in homes.items():
        assert here("keys", "export", tmp_path / f"{name}.pem", home=home).code == 0
    for name, home in homes.items():
        for other in homes.keys() - {name}:
            assert here("keys", "trust", tmp_path / f"{other}.pem", "--name", NAMES[other], home=home).code == 0
    return Team(**homes)


@pytest.fixture
def decision(team: Team, tmp_path: Path) -> str:
    """A granted decision at T6, asked for by a person, that needs two signatures."""
    context = tmp_path / "context.yaml"
    context.write_text("requester: R. Quester\n")
    model = write(tmp_path / "model", embedding_model())
    said = here("review", model, "--tier", "T6", "--context", context, "--json", home=team.collector)
    assert said.code == 0, said.json["reasons"]
    (need,) = [row for row in said.json["approvals_needed"] if row["tier"] == "T6"]
    assert need["quorum"] == 2
    return str(said.json["decision"])


def approve(decision: str, person: str, role: str, home: Path) -> Said:
    return here("approve", decision, "--person", person, "--role", role, "--json", home=home)


def refused(said: Said) -> list[str]:
    return [row["why"] for row in said.json["tiers"][-1]["refused"]]


def test_two_persons_in_two_roles_put_an_open_release_into_effect(team: Team, decision: str) -> None:
    first = approve(decision, "A. Lead", "release-owner", team.lead)
    assert (first.code, first.json["in_effect"]) == (1, False)
    second = approve(decision, "S. Guard", "security", team.guard)
    assert (second.code, second.json["in_effect"]) == (0, True)
    assert here("ledger", "verify", home=team.lead).code == 0


def test_a_second_name_under_the_same_key_does_not_count(team: Team, decision: str) -> None:
    approve(decision, "A. Lead", "release-owner", team.lead)
    said = approve(decision, "A. Lias", "security", team.lead)
    assert said.code == 1
    assert "another person signed with the same key" in refused(said)


def test_the_requester_and_the_evidences_producer_do_not_count(team: Team, decision: str) -> None:
    requester = approve(decision, "R. Quester", "release-owner", team.lead)
    assert refused(requester) == ["who asks for a release does not approve it"]
    producer = approve(decision, "C. Ollector", "security", team.collector)
    assert "who produced the evidence does not approve what rests on it" in refused(producer)
    assert producer.code == 1


def test_evidence_that_changes_the_answer_voids_what_was_signed(team: Team, decision: str, tmp_path: Path) -> None:
    assert approve(decision, "A. Lead", "release-owner", team.lead).code == 1
    find_a_call(decision, team.collector, f"sqlite:///{tmp_path / 'shared.db'}")
    said = approve(decision, "S. Guard", "security", team.guard)
    assert (said.code, said.json["in_effect"]) == (1, False)
    assert set(refused(said)) == {"judged again with what is known now, the answer differs"}


def find_a_call(decision: str, home: Path, database_url: str) -> None:
    """The scanner of pickles looks again at what was decided about, and this time finds a call in the weights."""
    with open_parts(Settings(home=home, database_url=database_url)) as parts:
        signed = parts.store.decision(as_digest(decision))
        assert signed is not None
        subject = parts.store.subject(signed.record.subject)
        assert subject is not None
        (seen,) = (item for item in parts.store.evidence_for(subject.digest) if item.slot.tool == "pickle_opcodes")
        assert seen.observations is not None
        call = Finding(
            rule="pickle-calls-code",
            outcome=Outcome.TRUE,
            severity=Severity.CRITICAL,
            message="a load calls `posix.system`",
            artefact=next(item.path for item in subject.artefacts if item.kind == "weights"),
            remedy="delete the pickle",
        )
        again = seen.observations.model_copy(update={"findings": (call,)})
        record(subject, {"pickle_opcodes": again}, parts.scanners, parts)


def test_a_name_that_is_not_the_key_holders_does_not_count(team: Team, decision: str) -> None:
    approve(decision, "A. Lias", "release-owner", team.lead)
    said = approve(decision, "S. Guard", "security", team.guard)
    assert (said.code, said.json["in_effect"]) == (1, False)
    (why,) = refused(said)
    assert "trusted as `A. Lead`'s" in why


@pytest.mark.parametrize("lost", ["context", "policy", "evidence"])
def test_what_was_signed_is_void_once_the_decision_cannot_be_judged_again(
    team: Team, decision: str, lost: str, tmp_path: Path
) -> None:
    assert approve(decision, "A. Lead", "release-owner", team.lead).code == 1
    row, *_ = here("ledger", "show", "--kind", lost, "--json", home=team.lead).json["entries"]
    with closing(sqlite3.connect(tmp_path / "shared.db")) as database, database:
        database.execute("UPDATE ledger_entries SET body = NULL WHERE seq = ?", (row["seq"],))
    said = approve(decision, "S. Guard", "security", team.guard)
    assert (said.code, said.json["in_effect"]) == (1, False)
    assert all("cannot be judged" in why for why in refused(said)), refused(said)


def test_an_unknown_decision_or_role_is_refused(team: Team, decision: str) -> None:
    approve("sha256:" + "0" * 64, "A. Lead", "security", team.lead).refuses("people.unknown-decision")
    approve("not a digest", "A. Lead", "security", team.lead).refuses("kernel.not-a-digest")
    said = approve(decision, "A. Lead", "securty", team.lead)
    said.refuses("people.unknown-role")
    assert "did you mean `security`?" in said.err


def test_a_home_that_trusts_nobody_reads_nothing_of_others(team: Team, decision: str, tmp_path: Path) -> None:
    approve(decision, "E. Ve", "security", tmp_path / "stranger").refuses("attest.untrusted-key")


@pytest.fixture
def reviewed(home: Path, place: Place) -> Path:
    """A model whose only fault at T6 is one that may be waived: a card that does not say what it is bad at."""
    card = embedding_model()["README.md"].replace(b"## Limitations and bias", b"## Notes")
    model = place("variant", embedding_model(**{"README.md": card}))
    here("review", model, "--tier", "T6", "--json", home=home)
    return model


def grant(home: Path, rule: str, model: Path, *more: str, tier: str = "T6", owner: str = "R. Owner") -> Said:
    words = ["--tier", tier, "--reason", "read by counsel", "--safeguard", "text attached", "--owner", owner, *more]
    return here("waiver", "grant", rule, model, *words, "--json", home=home)


def blocking(said: Said) -> set[str]:
    return {row["rule"] for row in said.json["reasons"] if row["effect"] != "oblige" and "T6" in row["tiers"]}


def test_a_waiver_lets_one_rule_pass_until_it_expires(home: Path, reviewed: Path) -> None:
    before = here("review", reviewed, "--tier", "T6", "--json", home=home)
    assert before.code != 0
    (rule,) = blocking(before)
    waiver = grant(home, rule, reviewed)
    assert waiver.code == 0, waiver.err
    after = here("review", reviewed, "--tier", "T6", "--json", home=home)
    assert after.code == 0, after.json["reasons"]
    assert [row["owner"] for row in after.json["waivers"]] == ["R. Owner"]
    assert after.json["review_by"] == waiver.json["expires_at"]
    lapsed = here("decide", reviewed, "--tier", "T6", "--as-of", LATER, "--json", home=home)
    assert lapsed.code != 0
    assert blocking(lapsed) == {rule}
    assert [row["state"] for row in here("waiver", "list", "--json", home=home).json["waivers"]] == ["holds"]


def test_a_waiver_names_person_reason_and_safeguard_and_lasts_ninety_days_at_most(home: Path, reviewed: Path) -> None:
    said = grant(home, "licence-text-known", reviewed, "--days", "91", tier="T99", owner=" ")
    message = said.refuses("people.bad-waiver")
    assert {"`--owner` is blank", "T99", "91"} <= {
        word for word in ("`--owner` is blank", "T99", "91") if word in message
    }


def test_what_may_not_be_waived_is_refused_whoever_asks(home: Path, reviewed: Path) -> None:
    for rule in ("no-code-on-load", "pickle-well-formed"):
        grant(home, rule, reviewed).refuses("people.not-waivable")
    said = grant(home, "licence-text-knwon", reviewed)
    said.refuses("people.unknown-rule")
    assert "did you mean `licence-text-known`?" in said.err
    grant(home, "licence-text-known", reviewed / "never").refuses("people.unknown-subject")


def test_keys_are_private_and_never_printed(home: Path, reviewed: Path) -> None:
    (private,) = (home / "keys").glob("ed25519.pem")
    assert private.stat().st_mode & 0o077 == 0
    secret = private.read_text().splitlines()[1]
    said = here("keys", "show", "--json", home=home)
    assert secret not in said.out + said.err
    assert json.loads(said.out)["trusted"][0]["key_id"] == said.json["own"]


def test_a_renewal_counts_once_two_people_beside_its_owner_have_signed_it(team: Team, tmp_path: Path) -> None:
    files = embedding_model()
    files["README.md"] = files["README.md"].replace(b"## Limitations and bias", b"## Notes")
    model = write(tmp_path / "model", files)
    said = here("review", model, "--tier", "T6", "--json", home=team.collector)
    blocking = [row["rule"] for row in said.json["reasons"] if row["effect"] == "deny" and "T6" in row["tiers"]]
    assert blocking == ["intended-use-stated"]
    words = ("--tier", "T6", "--reason", "soon", "--safeguard", "a notice", "--owner", "O. Wner")
    first = here("waiver", "grant", blocking[0], model, *words, "--json", home=team.lead)
    assert first.code == 0
    assert here("decide", model, "--tier", "T6", home=team.lead).code == 0
    again = here("waiver", "grant", blocking[0], model, *words, "--json", home=team.lead)
    assert again.json["renewal_of"] == first.json["digest"]
    beyond = ("decide", model, "--tier", "T6", "--json")
    assert again.json["digest"] not in waivers_of(here(*beyond, home=team.lead))
    assert states_of(team.lead) == ["holds", "unsigned"]
    assert approve(again.json["digest"], "A. Lead", "release-owner", team.lead).code == 1
    # Whose key it is, everybody else knows.
    approve(again.json["digest"], "N. Obody", "security", team.guard)
    assert states_of(team.lead) == ["holds", "unsigned"]
    assert again.json["digest"] not in waivers_of(here(*beyond, home=team.lead))
    last = approve(again.json["digest"], "S. Guard", "security", team.guard)
    assert (last.code, last.json["in_effect"]) == (0, True)
    assert states_of(team.lead) == ["holds", "holds"]
    decided = here(*beyond, home=team.lead)
    assert decided.code == 0
    assert again.json["digest"] in waivers_of(decided)
    assert here("ledger", "replay", home=team.lead).code == 0
    assert here("waiver", "grant", blocking[0], model, *words, home=team.lead).code == 2


def states_of(home: Path) -> list[str]:
    return sorted(row["state"] for row in here("waiver", "list", "--json", home=home).json["waivers"])


def waivers_of(said: Said) -> list[str]:
    from bascule.records import Waiver

    return [Waiver.from_value(row).content_digest() for row in said.json["waivers"]]
