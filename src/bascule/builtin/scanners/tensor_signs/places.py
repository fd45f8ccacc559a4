"""Where to look in a file of weights that is too big to read: a plan that depends on the layout alone.

Rules: every tensor's beginning, because that is where whoever hides something begins; the gaps, the largest first;
windows spread evenly over the rest. All together `BUDGET_BYTES`, and twice that at most where there are very many
tensors. A file below the budget is read whole. Nothing is random: the same bytes are looked at each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bascule.plugins.readers.tensors import Layout, Tensor

BUDGET_BYTES = 2 << 20
LEAST_HEAD_BYTES = 1 << 10
MOST_HEAD_BYTES = 64 << 10
WINDOW_BYTES = 16 << 10
GAP_BYTES = 64 << 10
GAPS_BYTES = 256 << 10
"""of one gap, and of all gaps together: in sound files they are padding"""
MOST_HEADS = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """One stretch to read. `tensor` is None in a gap; `is_head`: it begins where its tensor begins."""

    start: int
    end: int
    tensor: Tensor | None
    is_head: bool


def plan(layout: Layout) -> Iterator[Place]:
    """The places to read, gaps first, then heads in file order, then windows in file order; none overlaps another."""
    yield from _gaps(layout)
    tensors = [tensor for tensor in layout.tensors if tensor.size_bytes]
    if not tensors:
        return
    whole = sum(tensor.size_bytes for tensor in tensors) <= BUDGET_BYTES
    fair = BUDGET_BYTES // 2 // len(tensors)
    head_bytes = BUDGET_BYTES if whole else max(LEAST_HEAD_BYTES, min(MOST_HEAD_BYTES, fair))
    step = -(-len(tensors) // MOST_HEADS)
    for tensor in tensors[::step]:
        yield Place(tensor.start, min(tensor.end, tensor.start + head_bytes), tensor, True)
    if not whole:
        yield from _spread(tensors, head_bytes)


def _gaps(layout: Layout) -> Iterator[Place]:
    left = GAPS_BYTES
    # The largest first: there is the most room, and padding is small.
    for start, end in sorted(layout.gaps, key=lambda gap: gap[0] - gap[1]):
        if left <= 0:
            return
        yield Place(start, min(end, start + GAP_BYTES), None, True)
        left -= min(end - start, GAP_BYTES)
        if end - start > 2 * GAP_BYTES:
            yield Place(end - GAP_BYTES, end, None, False)
            left -= GAP_BYTES


def _spread(tensors: list[Tensor], head_bytes: int) -> Iterator[Place]:
    """Windows at even distances over what the heads leave, on page boundaries where the tensor allows."""
    left = sum(max(0, tensor.size_bytes - head_bytes) for tensor in tensors)
    stride = max(WINDOW_BYTES, left // (BUDGET_BYTES // 2 // WINDOW_BYTES))
    due = stride // 2
    for tensor in tensors:
        body = tensor.size_bytes - head_bytes
        while due < body:
            start = tensor.start + head_bytes + due
            aligned = -(-start // 4096) * 4096
            start = aligned if aligned < tensor.end else start
            yield Place(start, min(tensor.end, start + WINDOW_BYTES), tensor, False)
            due += stride + 4096 if aligned == start else stride
        due -= max(0, body)
