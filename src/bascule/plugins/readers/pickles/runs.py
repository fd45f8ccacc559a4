"""One pickle after another in one stream, and the point where other bytes begin.

A file may hold several pickles in a row: PyTorch's old format holds five before its raw storages, and whoever dumps
twice loads twice. Rules: the first is a pickle if it was promised to be one; PyTorch's magic number promises four more;
each further one is promised by its PROTO mark.
"""

from __future__ import annotations

from dataclasses import dataclass

from bascule.plugins.readers import Malformed, media
from bascule.plugins.readers.pickles.machine import Budget, Machine
from bascule.plugins.readers.pickles.stream import Stream
from bascule.plugins.readers.pickles.verdict import Verdict

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PICKLES = 5
# A stream that promised nothing and breaks sooner than this was no pickle.
_PROGRESS_BYTES = 24
_PEEK_BYTES = 256


@dataclass(frozen=True, slots=True)
class Run:
    """How interpreting went: the fault worth telling, whether inline arrays were met, where other bytes begin."""

    fault: Malformed | None
    met_arrays: bool
    end: int = 0


def interpret(stream: Stream, verdict: Verdict, budget: Budget, *, promised: bool, with_arrays: bool) -> Run:
    """Interpret one pickle after another."""
    at, count, met_arrays, expected = 0, 0, False, 1
    contradiction: Malformed | None = None
    while True:
        machine = Machine(stream, verdict, budget, with_arrays=with_arrays)
        started = stream.base + at
        try:
            at = machine.run(at)
        except Malformed as fault:
            contradiction = contradiction or machine.contradiction
            told = promised or (count < expected and machine.reached - started >= _PROGRESS_BYTES)
            fault = contradiction or fault
            if told or verdict.heavy or count < expected:
                return Run(fault if told or verdict.heavy else None, met_arrays or machine.met_arrays)
            return Run(contradiction, met_arrays, end=started)
        contradiction = contradiction or machine.contradiction
        met_arrays = met_arrays or machine.met_arrays
        count += 1
        if count == 1 and machine.result == _TORCH_MAGIC and type(machine.result) is int:
            expected = _TORCH_PICKLES
            promised = True
        if expected == count == _TORCH_PICKLES:
            return Run(contradiction, met_arrays)
        try:
            at = _refilled(stream, at)
        except Malformed as fault:
            return Run(contradiction or (fault if promised else None), met_arrays)
        rest = stream.window[at : at + _PEEK_BYTES]
        if count >= expected:
            # The sample ends before the bytes do: what is not wrong within it is tried.
            cut = len(stream.window) - at > _PEEK_BYTES or not stream.ended
            if not media.looks_like_pickle(rest, cut=cut):
                return Run(contradiction, met_arrays, end=stream.base + at)
            promised = rest[:1] == b"\x80" and rest[2:3] != b""


def _refilled(stream: Stream, at: int) -> int:
    """The position with enough bytes behind it to see what they are in the window, where there are so many."""
    while len(stream.window) - at < _PEEK_BYTES and not stream.ended:
        at = stream.more(at)
    return at
