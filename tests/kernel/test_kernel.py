"""The kernel's laws."""

from __future__ import annotations

import json
import math
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.kernel.canonical import canonical_json, parse_json
from bascule.kernel.clock import FixedClock, format_instant, parse_instant
from bascule.kernel.digests import as_digest, as_sha256, digest_of, digest_of_json
from bascule.kernel.errors import BasculeError, InputError, StoreError
from bascule.kernel.files import write_whole
from bascule.kernel.numbers import number
from bascule.kernel.text import counted, suggestion, visible

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-(2.0**52), 2.0**52) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_is_a_fixed_point(value: object) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(st.text(), st.integers(-5, 5)))
def test_key_order_does_not_change_a_digest(value: dict[str, int]) -> None:
    assert digest_of_json(value) == digest_of_json(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, object(), {1: "a"}, {"a": math.nan}])
def test_what_has_no_canonical_json_is_refused(value: object) -> None:
    with pytest.raises(InputError) as error:
        canonical_json(value)
    assert error.value.code == "kernel.not-canonical"
    assert error.value.hint


def test_canonical_json_writes_the_numbers_of_the_standard() -> None:
    # RFC 8785, section 3.2.2
    assert (
        canonical_json([333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001])
        == b"[333333333.3333333,1e+30,4.5,0.002,1e-27]"
    )


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[NaN]", "{} x", "", "[" * 100_000])
def test_json_with_twice_the_key_or_not_json_is_refused(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_json(text, "this file")
    assert "this file" in error.value.message


def test_a_digest_survives_the_round_trip_and_a_bad_one_is_refused() -> None:
    digest = digest_of(b"abc")
    assert digest == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert as_digest(as_sha256(digest)) == digest
    for bad in ("", "sha256:", "sha256:zz", "BA" * 32, "md5:" + "a" * 64):
        with pytest.raises(InputError):
            as_sha256(bad)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)), st.integers(-12, 12))
def test_an_instant_survives_the_round_trip(moment: datetime, hours: int) -> None:
    instant = moment.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    assert parse_instant(format_instant(instant)) == instant


def test_a_date_means_its_last_second_in_utc() -> None:
    assert parse_instant("2026-11-25") == datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "2026-11-25T08:00:00", ""])
def test_what_is_not_a_date_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(InputError) as error:
        parse_instant(text)
    assert "2026-11-25" in error.value.hint or "Z" in error.value.hint


def test_a_fixed_clock_stands_still() -> None:
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.now() == clock.now()


@given(st.text())
def test_shown_text_is_one_line_without_controls(text: str) -> None:
    shown = visible(text)
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert "\u202e" not in shown
    assert shown.isprintable()


def test_a_hidden_character_is_named_not_dropped() -> None:
    assert visible("a\x1b[31mb\u202ec") == "a\\x1b[31mb\\u202ec"
    assert visible("a" * 300).endswith("…")


def test_one_is_not_several() -> None:
    assert [counted(n, "entry", "entries") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]
    assert counted(1, "file") == "1 file"
    assert counted(12_345, "file") == "12,345 files"


def test_a_near_word_is_suggested() -> None:
    assert suggestion("pikle", ["pickle", "gguf"]) == "did you mean `pickle`?"
    assert suggestion("zzz", ["pickle"]) == ""


def test_numbers_are_short_and_honest() -> None:
    assert [number(value) for value in (None, 0, 0.5, 1234567, 0.00001234, 2.0)] == [
        "–",
        "0",
        "0.5",
        "1,234,567",
        "1.2e-05",
        "2",
    ]


def test_an_error_carries_code_and_hint_across_processes() -> None:
    import copy

    error = copy.copy(InputError("a.b", "something is wrong", "do this"))
    assert (error.code, str(error), error.hint) == ("a.b", "something is wrong", "do this")
    assert isinstance(error, BasculeError)


def test_all_faults_of_one_input_are_told_at_once() -> None:
    error = InputError.from_faults("a.b", "`x.yaml` is not valid", ["`a`: wrong", "`b`: missing"])
    assert str(error).splitlines() == ["`x.yaml` is not valid", "  `a`: wrong", "  `b`: missing"]


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    write_whole(path, b"one", mode=0o600)
    write_whole(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["key"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report"
    write_whole(path, b"old")
    child = f"""
import resource, signal
from pathlib import Path
from bascule.kernel.errors import StoreError
from bascule.kernel.files import write_whole
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_whole(Path({str(path)!r}), b"x" * 100000)
except StoreError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "kernel.cannot-write"
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["report"]


def test_a_write_to_an_impossible_place_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError) as error:
        write_whole(tmp_path / "file" / "below", b"x")
    assert error.value.hint


def test_the_kernel_imports_quickly_and_alone() -> None:
    child = (
        "import sys, time; start = time.process_time(); import bascule.cli; "
        "print(time.process_time() - start); "
        "heavy = ('sqlalchemy', 'scipy', 'numpy', 'cryptography', 'torch', 'jinja2'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True, env={**os.environ})
    heavy = done.stdout.splitlines()[1]
    assert heavy == "[]"
