"""A peer's answer is read as it is meant, whatever it prints."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bascule.plugins.kinds import Peer
from bascule.plugins.peers import alarm_rule, json_within
from bascule.plugins.registry import discover
from peering import EXITS, PRINTS

PEERS: dict[str, Peer] = {loaded.id: loaded.plugin for loaded in discover("peers")}
SAID = [(peer, verdict) for peer, prints in PRINTS.items() for verdict in prints]


def test_every_peer_loads_and_has_its_samples() -> None:
    assert [loaded.error for loaded in discover("peers")] == [""] * len(PRINTS)
    assert set(PEERS) == set(PRINTS)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_asks_one_question_and_is_given_the_path_as_one_argument(name: str) -> None:
    peer = PEERS[name]
    assert peer.meta.rules == (alarm_rule(name),)
    command = peer.command("/opt/program", "a path; with\nall sorts")
    assert command[0] == "/opt/program"
    assert "a path; with\nall sorts" in command


@pytest.mark.parametrize(("name", "verdict"), SAID)
def test_a_verdict_is_the_peers_own(name: str, verdict: str) -> None:
    says = PEERS[name].parse(EXITS[name][verdict], PRINTS[name][verdict], "")
    assert says.verdict == verdict
    assert bool(says.alarms) is (verdict == "finding")


@pytest.mark.parametrize(("name", "verdict"), [(name, verdict) for name, verdict in SAID if verdict == "finding"])
def test_a_kept_result_says_the_same_without_its_exit_code(name: str, verdict: str) -> None:
    with_code = PEERS[name].parse(EXITS[name][verdict], PRINTS[name][verdict], "")
    assert PEERS[name].parse(None, PRINTS[name][verdict], "") == with_code
    assert with_code.understood


@pytest.mark.parametrize("name", PEERS)
def test_what_it_does_not_print_is_no_answer(name: str) -> None:
    for code in (0, 1, 2, -9, None):
        says = PEERS[name].parse(code, "Segmentation fault\n", "")
        assert (says.verdict, says.understood) == ("error", False)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("issues", "summary", "errors", "findings", "severity", "scanned", "total_scanned", "coverage_gaps")
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_PRINTED = (
    st.text(max_size=60) | _JSON.map(json.dumps) | st.sampled_from([t for p in PRINTS.values() for t in p.values()])
)


@pytest.mark.parametrize("name", PEERS)
@given(code=st.none() | st.integers(-15, 255), out=_PRINTED, err=_PRINTED, cut=st.integers(0, 400))
def test_any_text_gives_an_answer(name: str, code: int | None, out: str, err: str, cut: int) -> None:
    for text in (out, out[:cut], out[cut:]):
        says = PEERS[name].parse(code, text, err)
        assert says.verdict in ("finding", "clean", "not-scanned", "error")
        assert says.verdict == "finding" or not says.alarms


@pytest.mark.usefixtures("must_end")
@pytest.mark.parametrize("text", ["{" * 200_000, '\n{"a":' * 200_000, '{"a":' * 100_000, "x" * 1_000_000])
def test_no_text_takes_for_ever(text: str) -> None:
    assert json_within(text) == {}
