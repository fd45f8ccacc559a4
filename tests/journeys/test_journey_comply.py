"""`bascule comply` as a person meets it: from the ledger, for a first look, on another day, and into files."""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from builders import embedding_model, generative_model, unfit_model, write
from commands import ROOT, Said, here
from complying import MANIFEST, control, files
from documented import CONTEXT, documented_model

pytestmark = pytest.mark.xdist_group("journey-comply")
Comply = Callable[..., Said]

CONTROLS = (
    control("safe-to-load", met="!finding.pickle_calls_code", evidence=["scan"]),
    control("provider", answer=["context.provider"], command="bascule comply small REF --context context.yaml"),
    control("approved", met="decision.approvals >= 2", supply="the release owner", section="second"),
    control("abroad", when="context.region == 'US'", met="decision.may_host", section="second"),
    control("later", met="decision.verdict == 'granted'", applies_from="2027-08-02", section="second"),
)


@pytest.fixture(scope="module")
def framework(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("framework"), files(*CONTROLS))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("model"), embedding_model())


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return (
        write(tmp_path_factory.mktemp("context"), {"context.yaml": b"region: EU\nprovider: Example Ltd\n"})
        / "context.yaml"
    )


@pytest.fixture(scope="module")
def comply(framework: Path, home: Path) -> Comply:
    return lambda ref, *more: here("comply", framework, ref, *more, "--json", home=home)


def statuses(said: Said) -> dict[str, str]:
    return {row["id"]: row["status"] for row in said.json["controls"]}


def test_a_first_look_reviews_and_a_second_reads_no_byte(
    comply: Comply, model: Path, context: Path, home: Path, tmp_path: Path
) -> None:
    first = comply(model, "--context", context, "--as-of", "2026-11-25")
    assert first.code == 1
    assert statuses(first) == {
        "safe-to-load": "met",
        "provider": "met",
        "approved": "not-met",
        "abroad": "not-applicable",
    }
    digest = first.json["subject"]
    elsewhere = model.rename(tmp_path / "moved")
    try:
        again = comply(digest, "--context", context, "--as-of", "2026-11-25")
    finally:
        elsewhere.rename(model)
    assert again.json["controls"] == first.json["controls"]
    assert again.json["decision"] == first.json["decision"]


def test_each_answer_names_what_it_rests_on_and_the_ledger_holds_it(
    comply: Comply, model: Path, context: Path, home: Path, tmp_path: Path
) -> None:
    document = comply(model, "--context", context).json
    rows = {row["id"]: row for row in document["controls"]}
    assert rows["safe-to-load"]["basis"] == ["measured"]
    assert rows["provider"]["basis"] == ["stated"]
    assert rows["provider"]["answers"][0]["value"] == "Example Ltd"
    assert rows["approved"]["basis"] == ["judged"]
    assert rows["approved"]["evidence"] == [document["decision"]]
    cited = rows["safe-to-load"]["evidence"]
    assert cited
    assert set(cited) <= {view["digest"] for view in document["evidence"]}
    assert here("ledger", "envelope", cited[0], tmp_path / "envelope.json", home=home).code == 0


def test_what_is_wanting_names_who_supplies_it_and_the_command(comply: Comply, model: Path) -> None:
    row = next(row for row in comply(model).json["controls"] if row["id"] == "provider")
    assert (row["status"], row["supply"]) == ("unknown", "the provider")
    assert row["command"] == f"bascule comply small {model} --context context.yaml"


def test_another_day_has_other_controls(comply: Comply, model: Path, context: Path) -> None:
    today = comply(model, "--context", context, "--as-of", "2026-11-25").json
    assert [row["id"] for row in today["upcoming"]] == ["later"]
    assert "later" not in {row["id"] for row in today["controls"]}
    then = comply(model, "--context", context, "--as-of", "2027-08-02").json
    assert then["upcoming"] == []
    assert "later" in {row["id"] for row in then["controls"]}


def test_evidence_that_has_expired_by_that_day_meets_nothing(comply: Comply, model: Path, context: Path) -> None:
    after = (datetime.now(UTC) + timedelta(days=4_000)).strftime("%Y-%m-%d")
    said = comply(model, "--context", context, "--as-of", after)
    assert statuses(said)["safe-to-load"] == "unknown"
    assert "expired" in next(row["because"] for row in said.json["controls"] if row["id"] == "safe-to-load")


def test_the_exit_code_is_the_verdict(framework: Path, model: Path, home: Path, tmp_path: Path) -> None:
    def code(*controls: dict[str, object]) -> int:
        folder = write(tmp_path / str(len(list(tmp_path.iterdir()))), files(*controls))
        return here("comply", folder, model, home=home).code

    met = control("a", met="!finding.pickle_calls_code")
    wanting = control("b", answer=["context.provider"])
    assert code(met) == 0
    assert code(met, wanting) == 2
    assert code(met, wanting, control("c", met="finding.pickle_calls_code")) == 1


def test_an_unfit_model_does_not_meet_what_asks_for_safety(comply: Comply, tmp_path: Path) -> None:
    said = comply(write(tmp_path / "unfit", unfit_model()))
    assert said.code == 1
    assert statuses(said)["safe-to-load"] == "not-met"


def test_signatures_over_the_same_answer_count(
    framework: Path, context: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASCULE_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.db'}")
    model = write(tmp_path / "model", embedding_model())
    homes = {name: tmp_path / name for name in ("collector", "lead", "guard")}
    for name, home in homes.items():
        assert here("keys", "export", tmp_path / f"{name}.pem", home=home).code == 0
    for name, home in homes.items():
        for other in homes.keys() - {name}:
            assert here("keys", "trust", tmp_path / f"{other}.pem", "--name", other, home=home).code == 0
    decision = here("review", model, "--json", home=homes["collector"]).json["decision"]

    def approved(*more: str | Path) -> str:
        return statuses(here("comply", framework, model, *more, "--json", home=homes["collector"]))["approved"]

    assert approved() == "not-met"
    for person, role in (("lead", "release-owner"), ("guard", "security")):
        said = here("approve", decision, "--person", person, "--role", role, "--json", home=homes[person])
        assert said.code in (0, 1), said.err
    assert approved() == "met"
    before = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d")
    assert approved("--as-of", before) == "not-met", "nobody had signed by then"
    assert approved("--tier", "T3") == "not-met", "what was signed is another tier"
    assert approved("--context", context) == "not-met", "what was signed is another context"


def test_every_export_says_the_same_and_twice_the_same(
    framework: Path, model: Path, context: Path, home: Path, tmp_path: Path
) -> None:
    written = []
    for out in (tmp_path / "a", tmp_path / "b"):
        arguments = ("--context", context, "--as-of", "2026-11-25", "--out", out)
        said = here("comply", framework, model, *arguments, "--json", home=home)
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]
    assert set(written[0]) == {f"small.{kind}" for kind in ("md", "csv", "json", "oscal.json", "catalog.json")}
    assert json.loads(written[0]["small.json"]) == said.json
    rows = list(csv.DictReader(io.StringIO(written[0]["small.csv"].decode())))
    assert {row["id"]: row["status"] for row in rows if row["id"] != "later"} == statuses(said)
    results = json.loads(written[0]["small.oscal.json"])["assessment-results"]["results"][0]
    states = {row["title"].split(":")[0]: row["target"]["status"]["state"] for row in results["findings"]}
    assert states == {"safe-to-load": "satisfied", "provider": "satisfied", "approved": "not-satisfied"}


def test_each_file_goes_where_it_was_asked_for(framework: Path, model: Path, home: Path, tmp_path: Path) -> None:
    here(
        *("comply", framework, model, "--oscal", tmp_path / "deep" / "o.json", "--csv", tmp_path / "c.csv"),
        *("--markdown", tmp_path / "m.md"),
        home=home,
    )
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "c.csv", "m.md"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"o.json", "small.catalog.json"}


def test_hostile_words_of_a_card_stay_words(framework: Path, home: Path, tmp_path: Path) -> None:
    name = '=HYPERLINK("https://evil.invalid") <img src=x onerror=alert(1)> \\u001b[31m'
    model = write(tmp_path / "model", generative_model())
    context = write(tmp_path / "c", {"context.yaml": f'provider: "{name.replace(chr(34), chr(39))}"\n'.encode()})
    said = here("comply", framework, model, "--context", context / "context.yaml", "--out", tmp_path / "out", home=home)
    assert "\x1b" not in said.out
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "small.csv").read_text())))
    assert next(row["answer"] for row in rows if row["id"] == "provider").startswith("'=HYPERLINK")
    page = (tmp_path / "out" / "small.md").read_text()
    assert "\\<img" in page
    assert "<img" not in page.replace("\\<img", "")


def test_wrong_use_is_a_clear_error(framework: Path, model: Path, home: Path, tmp_path: Path) -> None:
    assert "nist" not in here("comply", "no-such", model, "--json", home=home).refuses("comply.unknown-framework")
    here("comply", framework, "--json", home=home).refuses("comply.no-subject")
    here("comply", framework, f"sha256:{'0' * 64}", "--json", home=home).refuses("decide.unknown-subject")
    here("comply", framework, model, "--tier", "T99", "--json", home=home).refuses("review.unknown-tier")
    broken = write(tmp_path / "broken", files(control("a", met="findng.x")))
    told = here("comply", broken, model, "--json", home=home).refuses("comply.invalid-framework")
    assert "framework.yaml:" in told


def test_a_documented_model_fills_most_of_the_eu_form_and_the_rest_names_who_must(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", documented_model())
    context = write(tmp_path / "context", {"context.yaml": CONTEXT}) / "context.yaml"
    rows = here("comply", "eu-gpai-form", model, "--context", context, "--json", home=home).json["controls"]
    items = [row for row in rows if re.fullmatch(r"form-\d\.\d", row["id"])]
    assert len(items) == 36
    filled = [row for row in items if row["status"] == "met"]
    assert len(filled) >= 25
    assert all(row["basis"] and (row["evidence"] or row["basis"] == ["stated"]) for row in filled)
    assert all(row["status"] == "unknown" and row["supply"] for row in items if row not in filled)
    by_card = here("comply", "eu-gpai-form", model, "--json", home=home).json["controls"]
    assert sum(row["status"] == "met" for row in by_card if row["id"] in {item["id"] for item in items}) >= 25


def test_what_is_for_one_audience_tells_nothing_meant_for_another(home: Path, tmp_path: Path) -> None:
    model = write(tmp_path / "model", documented_model())
    arguments = ("eu-gpai-form", model, "--audience", "downstream", "--out", tmp_path / "out", "--json")
    said = here("comply", *arguments, home=home)
    assert said.json["audience"] == "downstream"
    assert all("downstream" in row["audience"] or not row["audience"] for row in said.json["controls"])
    for path in (tmp_path / "out").iterdir():
        text = path.read_text().replace("\\", "")
        assert "form-2.1" in text, path.name
        assert "0.11 MWh" not in text, path.name
    whole = here("comply", "eu-gpai-form", model, "--json", home=home)
    assert "0.11 MWh" in whole.out


def test_the_document_stands_until_the_first_envelope_that_it_cites_expires(comply: Comply, model: Path) -> None:
    document = comply(model).json
    assert document["review_by"] <= min(view["expires_at"] for view in document["evidence"])


def test_without_its_card_the_same_model_fills_little(home: Path, tmp_path: Path) -> None:
    files = {name: data for name, data in documented_model().items() if name != "README.md"}
    rows = here("comply", "eu-gpai-form", write(tmp_path / "m", files), "--json", home=home).json["controls"]
    assert sum(row["status"] == "met" for row in rows) < 15
    assert {row["status"] for row in rows} <= {"met", "unknown", "not-applicable"}


def test_the_framework_of_the_how_to_works_as_it_stands_there(model: Path, home: Path, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "show-compliance.md").read_text()
    text = page.split("with `framework.yaml`:\n\n")[1].split("\nthen `bascule")[0]
    folder = write(tmp_path / "house-rules", {"framework.yaml": textwrap.dedent(text).encode()})
    said = here("comply", folder, model, "--json", home=home)
    assert statuses(said) == {"H1": "met", "H2": "unknown", "H3": "not-met"}


def test_a_framework_of_ones_own_package_is_listed_with_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = write(tmp_path / "house_rules", {"__init__.py": b"", **files(*CONTROLS)})
    (tmp_path / "house-1.dist-info").mkdir()
    (tmp_path / "house-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: house\nVersion: 1\n")
    entry = f"[bascule.frameworks]\n{MANIFEST['id']} = {package.name}\n"
    (tmp_path / "house-1.dist-info" / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = {row["id"]: row for row in here("comply", "list", "--json").json["frameworks"]}
    assert rows["small"]["distribution"] == "house"
    assert len(rows) > 1
