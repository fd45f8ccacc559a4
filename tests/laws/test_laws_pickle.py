"""Laws of the pickle reader: it always ends, and it never calls a dangerous stream clean.

The reference for the second law is Python's own unpickler, given streams that only push, mark and memoise, with a class
finder that refuses everything: what it accepts, ours accepts.
"""

from __future__ import annotations

import contextlib
import io
import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

import pickled
from bascule.builtin.scanners.pickle_opcodes import plugin
from bascule.plugins.readers import Malformed
from bascule.plugins.readers.pickles.machine import Budget, Machine
from bascule.plugins.readers.pickles.stream import Stream, span_of
from bascule.plugins.readers.pickles.verdict import Verdict
from bascule.plugins.testing import scan_memory
from bascule.records import Finding, Outcome
from pickled import HOSTILE, RUN, proto, text

SMALL = Budget(program_bytes=1 << 20, held_values=100_000, marks=1000)
SEEDS = [
    pickled.state_dict(),
    pickled.torch_zip(pickled.state_dict()),
    pickled.torch_legacy(pickled.state_dict()),
    pickled.npy("'|O'", "(1,)", proto(b"]")),
    proto(b"](" + pickled.joblib_array(bytes(64)) + b"e", 3),
    *(make() for name, make in HOSTILE.items() if "million" not in name and "window" not in name),
]

# Opcodes that only push, mark and memoise, with well-formed and ill-formed arguments.
QUIET = st.one_of(
    st.sampled_from(
        [b"N", b"(", b"0", b"1", b"2", b")", b"]", b"}", b"\x8f", b"\x88", b"\x89", b"t", b"l", b"d", b"\x85", b"\x86"]
    ),
    st.sampled_from(
        [
            b"\x87",
            b"a",
            b"e",
            b"s",
            b"u",
            b"\x90",
            b"\x91",
            b"\x94",
            b"h\x00",
            b"q\x01",
            b"g0\n",
            b"p 1\n",
            b"K\x01",
            b"M\x01\x02",
        ]
    ),
    st.sampled_from(
        [
            b"I0x10\n",
            b"I 0b11\n",
            b"I01\n",
            b"I010\n",
            b"I1_0\n",
            b"L0x1L\n",
            b"L5\x00L\n",
            b"F1e3\n",
            b"F 1_0.5 \n",
            b"I7\x00x\n",
        ]
    ),
    st.sampled_from(
        [
            b"S'a\\x41'\n",
            b'S"b"\n',
            b"Vx\\u0041\n",
            b"U\x01a",
            b"C\x01a",
            b"\x8c\x01a",
            b"X\x01\0\0\0a",
            b"\x8a\x01\xff",
            b"\x8a\x00",
        ]
    ),
    st.sampled_from(
        [
            b"G" + bytes(8),
            b"J\xff\xff\xff\xff",
            b"\x95" + bytes(8),
            b"\x80\x04",
            b"\x96\x01" + bytes(7) + b"x",
            b"\x8b\x01\0\0\0\x05",
        ]
    ),
)


class Refusing(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"{module}.{name}")


class RefusingInPython(pickle._Unpickler):  # type: ignore[name-defined,misc]
    def find_class(self, module: str, name: str) -> object:
        raise pickle.UnpicklingError(f"{module}.{name}")


def accepted(data: bytes) -> bool:
    """Either of Python's own unpicklers reads this to its end."""
    for unpickler in (Refusing, RefusingInPython):
        try:
            unpickler(io.BytesIO(data)).load()
        except Exception:
            continue
        return True
    return False


@settings(max_examples=500, deadline=None)
@given(st.lists(QUIET, max_size=30))
def test_what_an_unpickler_accepts_the_reader_accepts(opcodes: list[bytes]) -> None:
    data = b"".join(opcodes) + b"."
    if accepted(data):
        Machine(Stream(span_of(data)), Verdict(), SMALL).run(0)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_end_in_an_answer_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        Machine(Stream(span_of(data)), Verdict(), SMALL).run(0)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_mutated_files_never_raise_to_the_frame(seed: bytes, data: st.DataObject) -> None:
    damaged = bytearray(seed)
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for variant in (bytes(damaged), bytes(damaged[:cut])):
        for name in ("model.pkl", "model.bin"):
            for seen in scan_memory(plugin, {name: variant}).seen:
                assert isinstance(seen, Finding)
                seen.to_json()


NOISE = st.one_of(
    st.sampled_from(
        [
            b"N0",
            b"(1",
            b"(0",
            b"K\x070",
            b"N20\x30",
            b"I0x10\n0",
            b"L 0b1L\n0",
            b"\x95" + bytes(8),
            b"\x80\x02",
            b"]0",
            b"(t0",
            b"N\x850",
        ]
    ),
    st.text(alphabet="abc/.\n", max_size=20).map(lambda value: text(value) + b"0"),
)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(name for name in HOSTILE if name not in {"half a million no-ops", "INST", "OBJ"})),
    st.lists(NOISE, max_size=12),
    st.lists(NOISE, max_size=4),
)
def test_no_noise_hides_a_call(name: str, before: list[bytes], after: list[bytes]) -> None:
    del after
    report = scan_memory(plugin, {"model.pkl": b"".join(before) + HOSTILE[name]()})
    outcomes = {report.answers["pickle-calls-code"], report.answers["pickle-unknown-global"]}
    assert Outcome.TRUE in outcomes


@settings(max_examples=200, deadline=None)
@given(st.lists(QUIET, max_size=20), st.binary(max_size=60))
def test_a_call_that_a_loader_reaches_is_told_whatever_follows(opcodes: list[bytes], rest: bytes) -> None:
    """If the stream up to the call is good, what comes after it cannot make the answer clean."""
    prefix = b"".join(opcodes)
    if accepted(prefix + b"N."):
        report = scan_memory(plugin, {"model.pkl": prefix + RUN + rest})
        assert report.answers["pickle-calls-code"] is Outcome.TRUE
