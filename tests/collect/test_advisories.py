"""Advisories at hand: ranges are followed as OSV writes them, and without data nobody is told that all is well."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bascule.collect.advisories import Snapshot, add_snapshot, match
from bascule.collect.advisories.osv import Advisory, Affected, cvss3_base, read_osv
from bascule.kernel.errors import InputError
from bascule.records import Severity

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def record(identity: str, name: str, *events: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """An OSV record about one package of the Python index, with one range."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
    }
    return {"id": identity, "modified": "2026-11-01T00:00:00Z", "affected": [affected]} | more


# Facts of advisories that were published: ids, packages, ranges.
TORCH = record(
    "GHSA-53q9-r3pm-6pq6",
    "torch",
    {"introduced": "0"},
    {"fixed": "2.6.0"},
    aliases=["CVE-2025-32434"],
    summary="PyTorch: torch.load with weights_only=True leads to remote code execution",
    database_specific={"severity": "CRITICAL"},
)
PILLOW = record(
    "GHSA-j7hp-h8jx-5ppr",
    "pillow",
    {"introduced": "0"},
    {"fixed": "10.0.1"},
    aliases=["CVE-2023-4863"],
    severity=[{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H"}],
)
JINJA = record("GHSA-h75v-3vvj-5mfj", "jinja2", {"introduced": "0"}, {"fixed": "3.1.4"}, aliases=["CVE-2024-34064"])
JINJA_AGAIN = record(
    "PYSEC-2024-001", "Jinja2", {"introduced": "0"}, {"last_affected": "3.1.3"}, aliases=["CVE-2024-34064"]
)
WITHDRAWN = record("GHSA-aaaa-bbbb-cccc", "numpy", {"introduced": "0"}, withdrawn="2026-01-01T00:00:00Z")
MALICIOUS = {
    "id": "MAL-2025-1234",
    "modified": "2026-11-02T00:00:00.123456Z",
    "affected": [{"package": {"ecosystem": "PyPI", "name": "deepseeek"}, "versions": ["0.0.8"]}],
}
RECORDS = [TORCH, PILLOW, JINJA, JINJA_AGAIN, WITHDRAWN, MALICIOUS]


def exported(folder: Path, *records: Mapping[str, Any]) -> Path:
    """An export of these records, as OSV hands it out."""
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for item in records:
            archive.writestr(f"{item['id']}.json", json.dumps(item))
    return path


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    add_snapshot(tmp_path, exported(tmp_path, *RECORDS), NOW)
    opened = Snapshot.open(tmp_path)
    assert opened is not None
    return opened


def test_a_vulnerable_version_is_named_with_every_id_of_its_fault(snapshot: Snapshot) -> None:
    found = match(("PyPI/torch==2.5.1", "PyPI/jinja2==3.1.3", "PyPI/torch==2.6.0"), snapshot)
    assert [(hit.pin, hit.identifiers) for hit in found.hits] == [
        ("PyPI/torch==2.5.1", ("CVE-2025-32434", "GHSA-53q9-r3pm-6pq6")),
        ("PyPI/jinja2==3.1.3", ("CVE-2024-34064", "GHSA-h75v-3vvj-5mfj", "PYSEC-2024-001")),
    ]
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("pin", "severity"),
    [
        ("PyPI/torch==2.5.1", Severity.CRITICAL),
        ("PyPI/pillow==10.0.0", Severity.HIGH),
        ("PyPI/jinja2==3.1.0", Severity.MEDIUM),
        ("PyPI/deepseeek==0.0.8", Severity.CRITICAL),
    ],
)
def test_how_bad_it_is_the_advisory_says(snapshot: Snapshot, pin: str, severity: Severity) -> None:
    assert [hit.severity for hit in match((pin,), snapshot).hits] == [severity]


@pytest.mark.parametrize(
    "pin", ["PyPI/torch (unpinned)", "conda/torch==2.5.1", "npm/left-pad==1.0.0", "PyPI/torch==banana", "what"]
)
def test_what_the_data_cannot_tell_is_unknown(snapshot: Snapshot, pin: str) -> None:
    found = match((pin,), snapshot)
    assert found.hits == ()
    assert [name for name, _ in found.unknown] == [pin]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=30) | st.just("PyPI/torch==2.6.0"), max_size=5))
def test_without_data_every_package_is_unknown(pins: list[str]) -> None:
    found = match(tuple(pins), None)
    assert {pin for pin, _ in found.unknown} == set(pins)


@pytest.mark.parametrize(
    ("events", "version", "affected"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], "1.9", Affected.YES),
        ([{"introduced": "0"}, {"fixed": "2.0"}], "2.0", Affected.NO),
        ([{"introduced": "0"}, {"fixed": "2.0"}], "2.0rc1", Affected.YES),
        ([{"introduced": "0"}, {"last_affected": "2.0"}], "2.0", Affected.YES),
        ([{"introduced": "0"}, {"last_affected": "2.0"}], "2.0+cu118", Affected.YES),
        ([{"introduced": "0"}, {"last_affected": "2.0"}], "2.0.1", Affected.NO),
        ([{"introduced": "1.0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.1"}], "1.7", Affected.NO),
        ([{"introduced": "1.0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.1"}], "2.0.3", Affected.YES),
        ([{"fixed": "1.5"}, {"introduced": "0"}], "1.0", Affected.YES),
        ([{"introduced": "0"}, {"limit": "3"}], "3.1", Affected.NO),
        ([{"introduced": "0"}], "99", Affected.YES),
        ([{"introduced": "0"}, {"fixed": "not a version"}], "1.0", Affected.UNKNOWN),
        ([{"fixed": "1.0"}], "0.9", Affected.UNKNOWN),
        ([], "1.0", Affected.UNKNOWN),
    ],
)
def test_a_range_is_followed_as_it_is_written(events: list[dict[str, str]], version: str, affected: Affected) -> None:
    (advisory,) = read_osv(record("X-1", "a", *events))
    assert advisory.affects(version) is affected


def test_a_record_of_commits_alone_is_unknown() -> None:
    package = {"ecosystem": "PyPI", "name": "a"}
    affected = {"package": package, "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}
    (advisory,) = read_osv({"id": "X-1", "modified": "2026-01-01T00:00:00Z", "affected": [affected]})
    assert advisory.affects("1.0") is Affected.UNKNOWN


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:N/A:H", 4.7),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N", None),
        ("CVSS:3.1/AV:?", None),
    ],
)
def test_a_score_is_the_one_that_the_standard_computes(vector: str, score: float | None) -> None:
    assert cvss3_base(vector) == score


def test_the_same_records_give_the_same_digest_however_they_come(tmp_path: Path) -> None:
    one, two, three = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    for home in (one, two, three):
        home.mkdir()
    add_snapshot(one, exported(tmp_path, *RECORDS), NOW)
    lines = tmp_path / "records.jsonl"
    lines.write_text("".join(json.dumps(item) + "\n" for item in reversed(RECORDS)))
    add_snapshot(two, lines, NOW)
    folder = tmp_path / "records"
    folder.mkdir()
    for item in RECORDS:
        (folder / f"{item['id']}.json").write_text(json.dumps(item, indent=2))
    add_snapshot(three, folder, NOW)
    opened = [Snapshot.open(home) for home in (one, two, three)]
    assert len({item.digest for item in opened if item is not None}) == 1
    assert opened[0] is not None
    assert opened[0].ecosystems["PyPI"].count == 5
    assert opened[0].ecosystems["PyPI"].newest == datetime(2026, 11, 2, tzinfo=UTC)


def test_an_export_speaks_for_its_ecosystems_alone(tmp_path: Path) -> None:
    add_snapshot(tmp_path, exported(tmp_path, *RECORDS), NOW)
    npm = TORCH | {"affected": [{"package": {"ecosystem": "npm", "name": "x"}, "versions": ["1.0.0"]}]}
    add_snapshot(tmp_path, exported(tmp_path, npm), NOW)
    add_snapshot(tmp_path, exported(tmp_path, PILLOW), NOW)
    opened = Snapshot.open(tmp_path)
    assert opened is not None
    assert {name: item.count for name, item in opened.ecosystems.items()} == {"PyPI": 1, "npm": 1}
    assert opened.about("PyPI", "torch") == ()


@pytest.mark.parametrize("bad", [{"id": "X"}, {"id": "", "modified": "2026-01-01T00:00:00Z"}, []])
def test_one_bad_record_and_nothing_is_changed(tmp_path: Path, bad: Any) -> None:
    add_snapshot(tmp_path, exported(tmp_path, *RECORDS), NOW)
    before = Snapshot.open(tmp_path)
    lines = tmp_path / "records.jsonl"
    lines.write_text(json.dumps(TORCH) + "\n" + json.dumps(bad) + "\n")
    with pytest.raises(InputError, match="line 2"):
        add_snapshot(tmp_path, lines, NOW)
    after = Snapshot.open(tmp_path)
    assert before is not None
    assert after is not None
    assert before.digest == after.digest
    assert sorted(path.name for path in (tmp_path / "advisories").iterdir()) == ["osv.sqlite"]


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path, *RECORDS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError) as told:
        add_snapshot(tmp_path, path, NOW)
    assert told.value.code == "advisories.unreadable"
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    path.write_bytes(empty.getvalue())
    with pytest.raises(InputError) as told:
        add_snapshot(tmp_path, path, NOW)
    assert told.value.code == "advisories.empty"


def test_an_advisory_survives_being_kept() -> None:
    for item in RECORDS:
        for advisory in read_osv(item):
            assert Advisory.from_json(advisory.to_json()) == advisory
