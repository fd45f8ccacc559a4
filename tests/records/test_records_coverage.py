"""What is known of each byte of a file."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bascule.records import Coverage, State
from bascule.records.coverage import MOST_RANGES, whole

WORSE = [State.CLEAN, State.NOT_UNDERSTOOD, State.FINDING]


def row(start: int, end: int, state: State, what: str = "") -> Coverage:
    return Coverage(start=start, end=end, state=state, what=what)


def rows(stated: tuple[Coverage, ...]) -> list[tuple[int, int, str]]:
    return [(each.start, each.end, each.state.value) for each in stated]


def test_what_nobody_states_is_not_covered() -> None:
    assert rows(whole([row(2, 4, State.CLEAN)], 6)) == [
        (0, 2, "not-covered"),
        (2, 4, "clean"),
        (4, 6, "not-covered"),
    ]
    assert rows(whole([], 6)) == [(0, 6, "not-covered")]
    assert whole([], 0) == ()


def test_a_finding_beats_what_another_calls_clean() -> None:
    stated = [row(0, 10, State.CLEAN), row(3, 5, State.FINDING), row(4, 8, State.NOT_UNDERSTOOD)]
    assert rows(whole(stated, 10)) == [
        (0, 3, "clean"),
        (3, 5, "finding"),
        (5, 8, "not-understood"),
        (8, 10, "clean"),
    ]


statements = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from(WORSE)).map(
        lambda told: row(min(told[:2]), max(told[:2]), told[2])
    ),
    max_size=12,
)


@given(statements, st.integers(0, 50))
def test_the_ranges_are_a_partition_with_the_worst_that_was_stated(stated: list[Coverage], size: int) -> None:
    parts = whole(stated, size)
    assert [byte for part in parts for byte in range(part.start, part.end)] == list(range(size))
    for part in parts:
        for byte in range(part.start, part.end):
            here = [each.state for each in stated if each.start <= byte < each.end]
            assert part.state is (max(here, key=WORSE.index) if here else State.NOT_COVERED)


def test_countless_ranges_become_few_and_none_better() -> None:
    size = 4 * MOST_RANGES
    stated = [row(0, size, State.CLEAN)] + [row(at, at + 1, State.FINDING) for at in range(0, size, 2)]
    parts = whole(stated, size)
    assert len(parts) <= MOST_RANGES
    assert (parts[0].start, parts[-1].end) == (0, size)
    assert all(part.state is not State.CLEAN for part in parts)
    found = sum(part.end - part.start for part in parts if part.state is State.FINDING)
    assert found >= size // 2
